use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::duplicates::{Duplicates, Line};
use super::environment::merged_environment;
use super::error::MergeError;
use super::set::{ShardFolder, ShardSet};
use super::trials::Trials;
use crate::csv_file::{ReadError, RowCopier, RowFile, RowWriter};
use crate::disk::{self, CopyError, Staging};
use crate::files::{EXPERIMENT, JOURNAL};
use ttlsweep_record::row::Row;
use ttlsweep_record::rows::{
    Cell, ClockRecord, DecisionRecord, EventRecord, HarnessRecord, ObjectRecord, SampleRecord, ServerRecord,
    TransferRecord, TrialRecord,
};
use ttlsweep_record::words::TrialState;

/// What was merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Attempts at trials.
    pub trials: u64,
    /// Transfers.
    pub transfers: u64,
}

/// Makes one ordinary run folder, `out`, of the shards: rows stand in the order of the shards' numbers, trials in the
/// plan's order. Rows are copied one by one and never held in memory; the folder is there whole or not at all.
///
/// # Errors
/// `out` is there already or cannot be written, or a file of a shard cannot be read, lacks rows, or has rows that do not
/// belong there or are there twice.
pub fn write(set: &ShardSet, cells: &[Cell], trials: &Trials, out: &Path) -> Result<Written, MergeError> {
    if fs::symlink_metadata(out).is_ok() {
        return Err(MergeError::Occupied(out.to_owned()));
    }
    if let Some(folder) = set.folders().iter().find(|folder| disk::is_there(&folder.path.join(JOURNAL))) {
        return Err(MergeError::Unfinished { folder: folder.path.clone() });
    }
    if out.file_name().is_none() {
        return Err(MergeError::Occupied(out.to_owned()));
    }
    let parent = disk::parent_of(out);
    fs::create_dir_all(parent).map_err(|source| unwritable(parent, source))?;
    let unfinished = Staging::beside(out).map_err(|source| unwritable(parent, source))?;
    let written = fill(unfinished.path(), set, cells, trials)?;
    unfinished.publish(out).map_err(|source| unwritable(out, source))?;
    Ok(written)
}

fn fill(into: &Path, set: &ShardSet, cells: &[Cell], trials: &Trials) -> Result<Written, MergeError> {
    let from = set.folders()[0].path.join(EXPERIMENT);
    // Another runner may freeze its plan elsewhere.
    if disk::is_there(&from) {
        let to = into.join(EXPERIMENT);
        disk::copy(&from, &to).map_err(|error| match error {
            CopyError::Read(source) => ReadError::Open { path: from, source }.into(),
            CopyError::Write(source) => unwritable(&to, source),
        })?;
    }
    write_all(into, cells)?;
    write_all(into, trials.rows())?;
    let transfers = copy_transfers(into, set, trials)?;
    copy_all::<EventRecord>(into, set)?;
    copy_all::<SampleRecord>(into, set)?;
    copy_all::<HarnessRecord>(into, set)?;
    copy_all::<ObjectRecord>(into, set)?;
    copy_all::<ClockRecord>(into, set)?;
    copy_all::<DecisionRecord>(into, set)?;
    if set.folders().iter().any(|folder| disk::is_there(&folder.path.join(ServerRecord::FILE))) {
        copy_all::<ServerRecord>(into, set)?;
    }
    // Last: by this file a folder is known for a run's.
    merged_environment(set).write(into).map_err(|source| unwritable(into, source))?;
    Ok(Written { trials: trials.rows().len() as u64, transfers })
}

fn write_all<R: Row>(into: &Path, rows: &[R]) -> Result<(), MergeError> {
    let written = RowWriter::create(into).and_then(|mut writer| {
        rows.iter().try_for_each(|row| writer.write(row))?;
        writer.sync()
    });
    written.map_err(|source| unwritable(&into.join(R::FILE), source))
}

/// Copies a file of which another runner, or an earlier version, may write none.
fn copy_all<R: Row>(into: &Path, set: &ShardSet) -> Result<(), MergeError> {
    let unwritable = |source| unwritable(&into.join(R::FILE), source);
    let mut copier = RowCopier::<R>::create(into).map_err(unwritable)?;
    for folder in set.folders() {
        let path = folder.path.join(R::FILE);
        if !disk::is_there(&path) {
            continue;
        }
        let mut file = RowFile::open::<R>(&path)?;
        let places = RowCopier::<R>::places(&file)?;
        while file.next_row()? {
            copier.copy(&file, &places).map_err(unwritable)?;
        }
    }
    copier.finish().map_err(unwritable)
}

/// Copies the transfers and returns how many there are.
fn copy_transfers(into: &Path, set: &ShardSet, trials: &Trials) -> Result<u64, MergeError> {
    let unwritable = |source| unwritable(&into.join(TransferRecord::FILE), source);
    let mut copier = RowCopier::<TransferRecord>::create(into).map_err(unwritable)?;
    let mut duplicates = Duplicates::default();
    let mut transfers = 0;
    for (at, folder) in set.folders().iter().enumerate() {
        let path = folder.path.join(TransferRecord::FILE);
        let mut file = RowFile::open::<TransferRecord>(&path)?;
        let places = RowCopier::<TransferRecord>::places(&file)?;
        let mut tally = Tally::of(&file, folder)?;
        while file.next_row()? {
            // Whatever an editor did to a cell is named here, with its line, and not by anyone who reads the merged run.
            file.row::<TransferRecord>()?;
            tally.count(&file)?;
            duplicates.note(file.field(tally.transfer_id));
            copier.copy(&file, &places).map_err(unwritable)?;
            transfers += 1;
        }
        tally.check(trials.of_folder(at))?;
    }
    let files: Vec<PathBuf> = set.folders().iter().map(|folder| folder.path.join(TransferRecord::FILE)).collect();
    if let Some(duplicate) = duplicates.find(&files)? {
        return Err(MergeError::TransferTwice(duplicate));
    }
    copier.finish().map_err(unwritable)?;
    Ok(transfers)
}

/// Counts a folder's transfers by trial and attempt, and looks whether they belong there.
struct Tally<'a> {
    folder: &'a ShardFolder,
    run_id: usize,
    trial_id: usize,
    attempt: usize,
    transfer_id: usize,
    block: usize,
    user: usize,
    counts: HashMap<(Vec<u8>, Vec<u8>), u64>,
    /// Rows of one trial mostly follow each other.
    last: ((Vec<u8>, Vec<u8>), u64),
}

impl<'a> Tally<'a> {
    fn of(file: &RowFile, folder: &'a ShardFolder) -> Result<Self, MergeError> {
        let place = |column| file.place::<TransferRecord>(column);
        Ok(Self {
            folder,
            run_id: place("run_id")?,
            trial_id: place("trial_id")?,
            attempt: place("attempt")?,
            transfer_id: place("transfer_id")?,
            block: place("block")?,
            user: place("user")?,
            counts: HashMap::new(),
            last: Default::default(),
        })
    }

    fn count(&mut self, file: &RowFile) -> Result<(), MergeError> {
        let number = |place| std::str::from_utf8(file.field(place)).ok().and_then(|text| text.parse::<u32>().ok());
        let (block, user) = (number(self.block).unwrap_or(0), number(self.user).unwrap_or(0));
        let run_id = &self.folder.environment.run_id;
        let problem = if file.field(self.run_id) != run_id.as_bytes() {
            let found = String::from_utf8_lossy(file.field(self.run_id));
            Some(format!("this row is of run {found}, but the folder holds run {run_id}; take the row out again"))
        } else if self.folder.portion.shard().is_some_and(|shard| !shard.has(block)) {
            Some(format!("block {block} does not belong to {}; take the row out again", self.folder.portion))
        } else if self.folder.portion.part().is_some_and(|part| !part.has(user)) {
            Some(format!("user {user} does not belong to {}; take the row out again", self.folder.portion))
        } else {
            None
        };
        if let Some(problem) = problem {
            let at = Line { path: file.path().to_owned(), line: file.line() };
            return Err(MergeError::Foreign { at, problem });
        }
        let (trial_id, attempt) = (file.field(self.trial_id), file.field(self.attempt));
        if self.last.0.0 != trial_id || self.last.0.1 != attempt {
            self.settle();
            self.last.0 = (trial_id.to_owned(), attempt.to_owned());
        }
        self.last.1 += 1;
        Ok(())
    }

    fn settle(&mut self) {
        let (key, count) = std::mem::take(&mut self.last);
        *self.counts.entry(key).or_default() += count;
    }

    /// A whole trial has as many transfers as it had when it was recorded.
    fn check<'t>(mut self, trials: impl Iterator<Item = &'t TrialRecord>) -> Result<(), MergeError> {
        self.settle();
        for trial in trials.filter(|trial| trial.state == TrialState::Whole) {
            let key = (trial.trial_id.as_bytes().to_owned(), trial.attempt.to_string().into_bytes());
            let found = self.counts.get(&key).copied().unwrap_or(0);
            if found != trial.transfers {
                return Err(MergeError::RowsLost {
                    folder: self.folder.path.clone(),
                    trial_id: trial.trial_id.clone(),
                    expected: trial.transfers,
                    found,
                });
            }
        }
        Ok(())
    }
}

fn unwritable(path: &Path, source: io::Error) -> MergeError {
    MergeError::Write { path: path.to_owned(), source }
}
