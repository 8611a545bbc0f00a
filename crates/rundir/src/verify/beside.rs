//! The files that refer to transfers, trials and cells: each must be there, hold rows, and refer to what is known.

use std::collections::HashSet;

use super::{Problems, Unreadable, transfers::Names, trials::Trials};
use crate::csv_file::{ReadError, read_rows_before_torn_end};
use crate::disk;
use crate::environment::Environment;
use crate::files::JOURNAL;
use ttlsweep_record::names::attempt_of;
use ttlsweep_record::row::Row;
use ttlsweep_record::rows::{
    Cell, ClockRecord, DecisionRecord, EventRecord, HarnessRecord, ObjectRecord, SCHEMA_VERSION, SampleRecord,
    ServerRecord, TransferRecord,
};

pub(super) fn read(
    found: &mut Problems,
    environment: &Environment,
    cells: &[Cell],
    trials: &Trials,
    names: &Names,
) -> Result<(), Unreadable> {
    let mut reported = HashSet::new();
    let mut unknown = |found: &mut Problems, file: &str, line: &dyn Fn() -> u64, name: &str| {
        // What went down with the machine leaves events without a row; then its attempt was not recorded as whole, or not at all.
        let lost =
            || attempt_of(name, &environment.run_id).is_some_and(|(trial, attempt)| !trials.is_whole(trial, attempt));
        // One transfer has many events, and is reported once.
        if !names.has(name.as_bytes()) && !lost() && reported.insert(format!("{file} {name}")) {
            let line = found.has_room().then(line);
            found.add(file, line, format!("the transfer {name} has no row in {}", TransferRecord::FILE));
        }
    };
    found.each::<EventRecord>(EventRecord::FILE, |found, line, row| {
        unknown(found, EventRecord::FILE, line, &row.transfer_id);
    })?;
    found.each::<SampleRecord>(SampleRecord::FILE, |found, line, row| {
        unknown(found, SampleRecord::FILE, line, &row.transfer_id);
    })?;
    if disk::is_there(&found.folder.join(ServerRecord::FILE)) {
        let mut lines = HashSet::new();
        found.each::<ServerRecord>(ServerRecord::FILE, |found, line, row| {
            unknown(found, ServerRecord::FILE, line, &row.transfer_id);
            let name = row.transfer_id.clone();
            if !lines.insert(row) {
                let line = found.has_room().then(line);
                found.add(ServerRecord::FILE, line, format!("the row of the transfer {name} is there twice"));
            }
        })?;
    }
    let is_written = |found: &Problems, file: &str| {
        // Runs of earlier versions have none.
        environment.schema_version == SCHEMA_VERSION || disk::is_there(&found.folder.join(file))
    };
    if is_written(found, HarnessRecord::FILE) {
        found.each::<HarnessRecord>(HarnessRecord::FILE, |found, line, row| {
            if !trials.has(&row.trial_id, row.attempt) {
                let problem = format!("trials.csv has no attempt {} at the trial {}", row.attempt, row.trial_id);
                let line = line();
                found.add(HarnessRecord::FILE, Some(line), problem);
            }
        })?;
    }
    if is_written(found, ObjectRecord::FILE) {
        found.each::<ObjectRecord>(ObjectRecord::FILE, |found, line, row| {
            if !cells.iter().any(|cell| cell.cell_id == row.cell_id) {
                let line = line();
                found.add(ObjectRecord::FILE, Some(line), format!("{} has no cell {}", Cell::FILE, row.cell_id));
            }
        })?;
    }
    if is_written(found, ClockRecord::FILE) {
        found.each::<ClockRecord>(ClockRecord::FILE, |_, _, _| ())?;
    }
    // A run that was begun by a version which made no decisions has none, whatever its schema.
    if disk::is_there(&found.folder.join(DecisionRecord::FILE)) {
        found.each::<DecisionRecord>(DecisionRecord::FILE, |found, line, row| {
            let problem = if row.run_id != environment.run_id {
                Some(format!("the row is of run {}, and the folder of run {}", row.run_id, environment.run_id))
            } else if row.block == 0 || row.block > environment.repetitions {
                Some(format!("the plan has blocks 1 to {}, and none of number {}", environment.repetitions, row.block))
            } else if row.decided && trials.whole_of(row.block) < cells.len() {
                Some(format!("it decides by block {}, which is not whole", row.block))
            } else {
                None
            };
            if let Some(problem) = problem {
                let line = line();
                found.add(DecisionRecord::FILE, Some(line), problem);
            }
        })?;
    }
    Ok(())
}

/// A run that is whole has no journal; one that has it is not whole, and what it tells of must have a row.
pub(super) fn journal(found: &mut Problems, names: &Names) -> Result<(), Unreadable> {
    let path = found.folder.join(JOURNAL);
    if !disk::is_there(&path) {
        return Ok(());
    }
    found.add(JOURNAL, None, "it is still there, so that the run is not whole; resume it".to_owned());
    match read_rows_before_torn_end::<TransferRecord>(&path) {
        Ok(rows) => {
            for row in rows.iter().filter(|row| !names.has(row.transfer_id.as_bytes())) {
                found.add(JOURNAL, None, format!("the transfer {} had started and has no row", row.transfer_id));
            }
        }
        Err(error @ ReadError::Open { .. }) => return Err(error.into()),
        Err(error) => found.tell(JOURNAL, &error),
    }
    Ok(())
}
