//! `trials.csv` against the plan, and the plan against it.

use std::collections::{BTreeMap, HashMap};

use super::{Problems, Unreadable};
use crate::environment::Environment;
use crate::merge::tell_parts;
use crate::stops::Stops;
use ttlsweep_record::row::Row;
use ttlsweep_record::rows::{Cell, TransferRecord, TrialRecord};
use ttlsweep_record::share::Share;
use ttlsweep_record::words::TrialState;

/// The attempts that `trials.csv` tells of, and what the transfers say about each.
pub(super) struct Trials {
    rows: Vec<Attempt>,
    by_name: HashMap<(String, u32), Vec<usize>>,
}

/// One attempt, or one part of it.
pub(super) struct Attempt {
    pub(super) trial: TrialRecord,
    line: u64,
    /// What is planned for it; empty if its users go by a duration.
    planned: Option<u64>,
    /// Its rows in `transfers.csv`.
    found: u64,
}

impl Trials {
    pub(super) fn read(
        found: &mut Problems,
        environment: &Environment,
        cells: &[Cell],
        stops: &Stops,
    ) -> Result<Self, Unreadable> {
        let (mut lines, mut rows) = (Vec::new(), Vec::new());
        found.each::<TrialRecord>(TrialRecord::FILE, |_, line, row| {
            lines.push(line());
            rows.push(row);
        })?;
        tell_parts(environment, &mut rows);
        let mut trials = Self { rows: Vec::new(), by_name: HashMap::new() };
        let mut whole: BTreeMap<(u32, &str, Option<Share>), u64> = BTreeMap::new();
        for (line, trial) in lines.into_iter().zip(rows) {
            let cell = cells.iter().find(|cell| cell.cell_id == trial.cell_id);
            for problem in problems(environment, cell, &trial) {
                found.add(TrialRecord::FILE, Some(line), problem);
            }
            let same = trials.by_name.entry((trial.trial_id.clone(), trial.attempt)).or_default();
            if same.iter().any(|at| trials.rows[*at].trial.part == trial.part) {
                let problem = format!("attempt {} at the trial {} is there twice", trial.attempt, trial.trial_id);
                found.add(TrialRecord::FILE, Some(line), problem);
            }
            same.push(trials.rows.len());
            if let Some(cell) = cell.filter(|_| trial.state == TrialState::Whole) {
                let times = whole.entry((trial.block, &cell.cell_id, trial.part)).or_default();
                *times += 1;
                if *times > 1 {
                    let problem = format!("the cell {} of block {} is whole twice", cell.cell_id, trial.block);
                    found.add(TrialRecord::FILE, Some(line), problem);
                }
            }
            let planned = cell.and_then(|cell| planned(cell, trial.part));
            trials.rows.push(Attempt { trial, line, planned, found: 0 });
        }
        let planned = blocks(environment).filter(|block| stops.needs(*block)).flat_map(|block| {
            let each = move |cell| parts(environment).into_iter().map(move |part| (block, cell, part));
            cells.iter().map(|cell| cell.cell_id.as_str()).flat_map(each)
        });
        let (of, missing) = planned.fold((0, Vec::new()), |(of, mut missing), trial| {
            if !whole.contains_key(&trial) {
                missing.push(trial);
            }
            (of + 1, missing)
        });
        if !missing.is_empty() {
            found.add(TrialRecord::FILE, None, in_one_line(&missing, of));
        }
        Ok(trials)
    }

    /// The attempt that a transfer of this user belongs to.
    pub(super) fn of(&mut self, trial_id: &str, attempt: u32, user: u32) -> Option<&mut Attempt> {
        // The look-up borrows the name, which a tuple of owned parts cannot.
        let at = self.by_name.get(&(trial_id.to_owned(), attempt))?;
        let has = |at: &&usize| self.rows[**at].trial.part.is_none_or(|part| part.has(user));
        let at = at.iter().find(has).copied()?;
        self.rows.get_mut(at)
    }

    /// Whether the attempt is recorded whole: then all of its transfers have rows.
    pub(super) fn is_whole(&self, trial_id: &str, attempt: u32) -> bool {
        let rows = self.by_name.get(&(trial_id.to_owned(), attempt)).into_iter().flatten();
        rows.into_iter().any(|at| self.rows[*at].trial.state == TrialState::Whole)
    }

    /// How many trials of a block are whole.
    pub(super) fn whole_of(&self, block: u32) -> usize {
        let whole = |attempt: &&Attempt| attempt.trial.block == block && attempt.trial.state == TrialState::Whole;
        self.rows.iter().filter(whole).count()
    }

    /// Whether `trials.csv` has the attempt.
    pub(super) fn has(&self, trial_id: &str, attempt: u32) -> bool {
        self.by_name.contains_key(&(trial_id.to_owned(), attempt))
    }

    /// Holds each attempt's number of rows against what was reported and planned. Returns whole trials, their transfers, and those
    /// of interrupted attempts.
    pub(super) fn settle(&self, found: &mut Problems) -> (u64, u64, u64) {
        let (mut whole, mut counted, mut superseded) = (0, 0, 0);
        for Attempt { trial, line, planned, found: rows } in &self.rows {
            let name = format!("attempt {} at the trial {}", trial.attempt, trial.trial_id);
            if *rows != trial.transfers {
                let problem =
                    format!("{name} has {} transfers, and {rows} in {}", trial.transfers, TransferRecord::FILE);
                found.add(TrialRecord::FILE, Some(*line), problem);
            }
            if trial.state == TrialState::Whole {
                if planned.is_some_and(|planned| planned != *rows) {
                    let planned = planned.unwrap_or_default();
                    let problem = format!("{name} is whole with {rows} transfers where {planned} were planned");
                    found.add(TrialRecord::FILE, Some(*line), problem);
                }
                whole += 1;
                counted += rows;
            } else {
                superseded += rows;
            }
        }
        (whole, counted, superseded)
    }
}

impl Attempt {
    pub(super) fn count(&mut self) {
        self.found += 1;
    }
}

/// `140 of 144 planned trials are not whole: the cell 3f2a of block 1, …`: a run that was stopped lacks as many as it has cells.
fn in_one_line(missing: &[(u32, &str, Option<Share>)], of: usize) -> String {
    let name = |(block, cell, part): &(u32, &str, Option<Share>)| {
        let part = part.map(|part| format!(", part {part}")).unwrap_or_default();
        format!("the cell {cell} of block {block}{part}")
    };
    let names: Vec<String> = missing.iter().take(MOST_NAMED).map(name).collect();
    let more = missing.len() - names.len();
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    let are = if missing.len() == 1 { "is" } else { "are" };
    format!("{} of {of} planned trials {are} not whole: {}{more}", missing.len(), names.join(", "))
}

const MOST_NAMED: usize = 3;

/// The blocks that this folder is to have.
fn blocks(environment: &Environment) -> impl Iterator<Item = u32> {
    let shard = environment.shard;
    (1..=environment.repetitions).filter(move |block| shard.is_none_or(|shard| shard.has(*block)))
}

/// The parts of every trial that this folder is to have; `None` stands for the trial as a whole.
fn parts(environment: &Environment) -> Vec<Option<Share>> {
    if environment.part.is_some() {
        return vec![environment.part];
    }
    let of_hosts = environment.hosts.iter().flat_map(|host| host.shards.iter().filter_map(|shard| shard.part));
    let Some(of) = of_hosts.map(Share::of).max() else { return vec![None] };
    (1..=of).map(|number| Share::new(number, of).ok()).collect()
}

/// How many transfers a whole trial has.
fn planned(cell: &Cell, part: Option<Share>) -> Option<u64> {
    let users = part.unwrap_or(Share::WHOLE).items(cell.users).count() as u64;
    Some(users * u64::from(cell.transfers_per_user?))
}

fn problems(environment: &Environment, cell: Option<&Cell>, trial: &TrialRecord) -> Vec<String> {
    let mut problems = Vec::new();
    if trial.run_id != environment.run_id {
        problems.push(format!("the row is of run {}, and the folder of run {}", trial.run_id, environment.run_id));
    }
    match cell {
        None => problems.push(format!("{} has no cell {}", Cell::FILE, trial.cell_id)),
        Some(cell) if cell.control != trial.control => {
            problems.push(format!("the control differs from that of the cell {}", trial.cell_id));
        }
        Some(_) => {}
    }
    if trial.block == 0 || trial.block > environment.repetitions {
        problems
            .push(format!("the plan has blocks 1 to {}, and none of number {}", environment.repetitions, trial.block));
    } else if environment.shard.is_some_and(|shard| !shard.has(trial.block)) {
        problems.push(format!("block {} belongs to another shard", trial.block));
    }
    if trial.ended_at < trial.started_at {
        problems.push("it ended before it started".to_owned());
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_many_trials_are_missing_they_take_one_line() {
        let part = Share::new(2, 4).unwrap();
        let missing = [(1, "c1", None), (1, "c2", Some(part)), (2, "c1", None), (2, "c2", None), (3, "c1", None)];
        let line = in_one_line(&missing, 6);
        let said = "5 of 6 planned trials are not whole: the cell c1 of block 1, the cell c2 of block 1, part 2/4, the cell c1 of block 2, and 2 more";
        assert_eq!(line, said);
        assert_eq!(in_one_line(&missing[..1], 1), "1 of 1 planned trials is not whole: the cell c1 of block 1");
    }
}
