use std::collections::{BTreeSet, HashMap};

use super::duplicates::Line;
use super::error::MergeError;
use super::missing::Missing;
use super::set::{ShardFolder, ShardSet};
use crate::csv_file::read_numbered_rows;
use crate::stops::Stops;
use ttlsweep_record::row::Row;
use ttlsweep_record::rows::{Cell, TrialRecord};
use ttlsweep_record::words::TrialState;

/// The attempts of all folders, in the plan's order: by block, by place within it, by attempt, by part.
#[derive(Debug)]
pub struct Trials {
    rows: Vec<TrialRecord>,
    /// The folder that each of `rows` came from, as its place among the set's.
    from: Vec<usize>,
}

impl Trials {
    /// Reads and joins `trials.csv` of every folder.
    ///
    /// # Errors
    /// A file cannot be read, a row does not belong into its folder, or an attempt is there twice.
    pub fn read(set: &ShardSet, cells: &[Cell]) -> Result<Self, MergeError> {
        let names: BTreeSet<&str> = cells.iter().map(|cell| cell.cell_id.as_str()).collect();
        let mut met = Met::default();
        let mut found: Vec<(usize, TrialRecord)> = Vec::new();
        for (at, folder) in set.folders().iter().enumerate() {
            let path = folder.path.join(TrialRecord::FILE);
            for (line, mut row) in read_numbered_rows::<TrialRecord>(&folder.path)? {
                let here = Line { path: path.clone(), line };
                if let Some(problem) = problem(set, folder, &names, &row) {
                    return Err(MergeError::Foreign { at: here, problem });
                }
                row.part = folder.portion.part();
                met.once(&row, here)?;
                found.push((at, row));
            }
        }
        found.sort_by_cached_key(|(_, row)| order(row));
        let (from, rows) = found.into_iter().unzip();
        Ok(Self { rows, from })
    }

    /// The rows.
    pub(crate) fn rows(&self) -> &[TrialRecord] {
        &self.rows
    }

    /// The rows, given away.
    pub fn into_rows(self) -> Vec<TrialRecord> {
        self.rows
    }

    /// The rows that came from the folder at this place of the set.
    pub(crate) fn of_folder(&self, at: usize) -> impl Iterator<Item = &TrialRecord> {
        self.rows.iter().zip(&self.from).filter(move |(_, from)| **from == at).map(|(row, _)| row)
    }

    /// What the plan has and no folder does, but for blocks that `stops` say nobody needs.
    pub fn missing(&self, set: &ShardSet, cells: &[Cell], stops: &Stops) -> Missing {
        Missing::of(set, cells, &self.rows, stops)
    }
}

fn order(row: &TrialRecord) -> impl Ord + use<> {
    (row.block, row.position, row.trial_id.clone(), row.attempt, row.part)
}

/// What is wrong with a row of `folder`; `None` if it belongs there.
fn problem(set: &ShardSet, folder: &ShardFolder, cells: &BTreeSet<&str>, row: &TrialRecord) -> Option<String> {
    let run_id = &folder.environment.run_id;
    let blocks = folder.environment.repetitions;
    if row.run_id != *run_id {
        return Some(format!(
            "this row is of run {}, but the folder holds a {} of run {run_id}; take the row out again",
            row.run_id,
            set.kind()
        ));
    }
    if !cells.contains(row.cell_id.as_str()) {
        return Some(format!("{} has no cell `{}`", Cell::FILE, row.cell_id));
    }
    if row.block == 0 || row.block > blocks {
        return Some(format!("the plan has blocks 1 to {blocks}, and none of number {}", row.block));
    }
    if folder.portion.shard().is_some_and(|shard| !shard.has(row.block)) {
        return Some(format!(
            "block {} does not belong to {}; take the row out again, with its transfers",
            row.block, folder.portion
        ));
    }
    None
}

/// Where each attempt, and each whole trial, was met.
#[derive(Default)]
struct Met {
    attempts: HashMap<String, Line>,
    whole: HashMap<String, Line>,
}

impl Met {
    fn once(&mut self, row: &TrialRecord, here: Line) -> Result<(), MergeError> {
        let part = row.part.map(|part| format!(", part {part},")).unwrap_or_default();
        let twice = |what: String, first: Line, second: Line| MergeError::TrialTwice {
            trial_id: format!("{}{part}", row.trial_id),
            what,
            first,
            second,
        };
        if row.state == TrialState::Whole
            && let Some(first) = self.whole.insert(format!("{}{part}", row.trial_id), here.clone())
        {
            return Err(twice("recorded whole".to_owned(), first, here));
        }
        let attempt = format!("{} {}{part}", row.trial_id, row.attempt);
        match self.attempts.insert(attempt, here.clone()) {
            None => Ok(()),
            Some(first) => Err(twice(format!("recorded with attempt {}", row.attempt), first, here)),
        }
    }
}
