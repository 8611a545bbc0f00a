//! `transfers.csv` against the trials, and each row against itself.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use super::{Problems, Unreadable, row, trials::Trials};
use crate::environment::Environment;
use crate::merge::Duplicates;
use ttlsweep_record::row::Row;
use ttlsweep_record::rows::{Cell, TransferRecord};

/// The names of the transfers that have a row, at eight bytes a name.
#[derive(Default)]
pub(super) struct Names {
    hashes: HashSet<u64>,
    hasher: RandomState,
}

impl Names {
    fn note(&mut self, name: &[u8]) {
        self.hashes.insert(self.hasher.hash_one(name));
    }

    /// Whether a transfer of this name has a row. Two names of one hash, one pair in a billion folders, pass for one.
    pub(super) fn has(&self, name: &[u8]) -> bool {
        self.hashes.contains(&self.hasher.hash_one(name))
    }
}

pub(super) fn read(
    found: &mut Problems,
    environment: &Environment,
    cells: &[Cell],
    trials: &mut Trials,
) -> Result<Names, Unreadable> {
    let cells: HashMap<&str, &Cell> = cells.iter().map(|cell| (cell.cell_id.as_str(), cell)).collect();
    let (mut names, mut duplicates) = (Names::default(), Duplicates::default());
    found.each::<TransferRecord>(TransferRecord::FILE, |found, line, transfer| {
        names.note(transfer.transfer_id.as_bytes());
        duplicates.note(transfer.transfer_id.as_bytes());
        let mut problems = Vec::new();
        let cell = cells.get(transfer.cell_id.as_str()).copied();
        if transfer.run_id != environment.run_id {
            problems
                .push(format!("the row is of run {}, and the folder of run {}", transfer.run_id, environment.run_id));
        }
        match cell {
            None => problems.push(format!("{} has no cell {}", Cell::FILE, transfer.cell_id)),
            Some(cell) => problems.extend(against_cell(cell, environment, &transfer)),
        }
        match trials.of(&transfer.trial_id, transfer.attempt, transfer.user) {
            None => problems.push(format!(
                "trials.csv has no attempt {} at the trial {} for user {}",
                transfer.attempt, transfer.trial_id, transfer.user
            )),
            Some(attempt) => {
                attempt.count();
                let trial = &attempt.trial;
                if (&trial.cell_id, trial.block, trial.position)
                    != (&transfer.cell_id, transfer.block, transfer.position)
                {
                    problems.push("cell, block or position differ from those of its trial".to_owned());
                }
            }
        }
        problems.extend(row::contradictions(&transfer, cell).into_iter().map(str::to_owned));
        for problem in problems {
            let line = found.has_room().then(line);
            found.add(TransferRecord::FILE, line, format!("{problem} (transfer {})", transfer.transfer_id));
        }
    })?;
    let path = found.folder.join(TransferRecord::FILE);
    // A file that breaks off within was reported above.
    if let Ok(Some(duplicate)) = duplicates.find(std::slice::from_ref(&path)) {
        let problem =
            format!("the transfer {} is there twice, first on line {}", duplicate.transfer_id, duplicate.first.line);
        found.add(TransferRecord::FILE, Some(duplicate.second.line), problem);
    }
    Ok(names)
}

fn against_cell(cell: &Cell, environment: &Environment, transfer: &TransferRecord) -> Vec<String> {
    let mut problems = Vec::new();
    if (cell.control, cell.method, cell.users) != (transfer.control, transfer.method, transfer.users) {
        problems.push(format!("control, method or users differ from those of the cell {}", cell.cell_id));
    }
    if !cell.ttls().zip(transfer.ttl_s).map_or(cell.ttl_s == transfer.ttl_s, |(ttls, ttl_s)| ttls.hold(ttl_s)) {
        problems.push(format!("the TTL is none of those of the cell {}", cell.cell_id));
    }
    if transfer.user == 0 || transfer.user > cell.users {
        problems.push(format!("the cell has users 1 to {}, and none of number {}", cell.users, transfer.user));
    } else if environment.part.is_some_and(|part| !part.has(transfer.user)) {
        problems.push(format!("user {} belongs to another part", transfer.user));
    }
    if transfer.sequence == 0 || cell.transfers_per_user.is_some_and(|most| transfer.sequence > most) {
        problems.push(format!("a user of the cell has no transfer of number {}", transfer.sequence));
    }
    problems
}
