//! What a process that was killed, or a machine that lost power, left of a run: completed, so that every transfer that is
//! known to have started has its row, and every attempt at a trial its own.
//!
//! Each step can be killed itself and done again: rows are only added that are not there yet, and `trials.csv` is replaced
//! as a whole.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::path::Path;

use ttlsweep_record::names::attempt_of;
use ttlsweep_record::row::Row;
use ttlsweep_record::units::micros;
use ttlsweep_record::{EventRecord, TransferRecord, TrialRecord, TrialState};
use ttlsweep_rundir::csv_file::{ReadError, RowFile, RowWriter, read_rows_before_torn_end};
use ttlsweep_rundir::disk;
use ttlsweep_rundir::environment::Environment;
use ttlsweep_rundir::files::JOURNAL;
use ttlsweep_rundir::mend::Mending;

use crate::plan::{Plan, Trial};
use crate::run::sweep::Earlier;

/// What was done before.
#[derive(Debug)]
pub(crate) struct RepairedRun {
    /// What its rows tell; what was left in the bucket is not among it.
    pub earlier: Earlier,
    /// What had to be mended, a line each.
    pub reported: Vec<String>,
}

/// Why a run's files cannot be completed.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// One of them cannot be read, or is not this run's.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// One of them cannot be written.
    #[error("cannot complete the run's files: {0}")]
    Write(#[from] io::Error),
}

impl RepairError {
    /// Whether there is no room for what is to be written.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Write(error) if disk::is_full(error.kind()))
    }
}

/// Repairs torn ends, writes `cancelled` rows for transfers that were in flight, and `interrupted` ones for their trials.
///
/// All files are read before anything is written, so that nothing is where one of them cannot be read.
///
/// # Errors
/// A file cannot be read or written.
pub(crate) fn repair(folder: &Path, environment: &Environment, plan: &Plan) -> Result<RepairedRun, RepairError> {
    let mending = Mending::of_run(folder)?;
    let mut transfers: Vec<TransferRecord> = read_rows_before_torn_end(&folder.join(TransferRecord::FILE))?;
    let trials: Vec<TrialRecord> = read_rows_before_torn_end(&folder.join(TrialRecord::FILE))?;
    let of_trials = trials.iter().map(|row| (TrialRecord::FILE, &row.run_id));
    let mut rows = of_trials.chain(transfers.iter().map(|row| (TransferRecord::FILE, &row.run_id)));
    if let Some((file, found)) = rows.find(|(_, found)| **found != environment.run_id) {
        let expected = &environment.run_id;
        let problem =
            format!("has a row of run {found}, but environment.json tells of run {expected}; one of them was edited");
        return Err(ReadError::NoTable { path: folder.join(file), problem }.into());
    }
    let killed = killed(folder, &transfers)?;
    let known: HashSet<&[u8]> = transfers.iter().chain(&killed).map(|row| row.transfer_id.as_bytes()).collect();
    let lost = without_row(folder, &known)?;

    let mut reported = mending.carry_out()?;
    if !killed.is_empty() {
        let mut writer = RowWriter::append_to(folder)?;
        killed.iter().try_for_each(|row| writer.write(row))?;
        writer.sync()?;
        reported.push(format!(
            "{} transfers were in flight when the run was killed; they are recorded as cancelled",
            killed.len()
        ));
    }
    transfers.extend(killed);

    let trials = complete_trials(folder, trials, &transfers, environment, plan, &mut reported)?;
    let mut attempts: HashMap<String, u32> = HashMap::new();
    let mut met = |trial_id: &str, attempt: u32| {
        let last = attempts.entry(trial_id.to_owned()).or_default();
        *last = (*last).max(attempt);
    };
    trials.iter().for_each(|row| met(&row.trial_id, row.attempt));
    // Their names are taken: a server's log may have them.
    lost.iter()
        .filter_map(|name| attempt_of(name, &environment.run_id))
        .for_each(|(trial_id, attempt)| met(trial_id, attempt));
    if !lost.is_empty() {
        reported.push(format!("{} transfers left events but no row, which went down with the machine", lost.len()));
    }
    let whole = trials.into_iter().filter(|row| row.state == TrialState::Whole).map(|row| row.trial_id).collect();
    let last_connection_id = transfers.iter().filter_map(|row| row.connection_id).max().unwrap_or(0);
    let earlier = Earlier { attempts, whole, last_connection_id, pending: Vec::new() };
    Ok(RepairedRun { earlier, reported })
}

/// The journal's transfers that have no row.
fn killed(folder: &Path, transfers: &[TransferRecord]) -> Result<Vec<TransferRecord>, ReadError> {
    let mut known: HashSet<String> = transfers.iter().map(|row| row.transfer_id.clone()).collect();
    let journal = folder.join(JOURNAL);
    let started: Vec<TransferRecord> =
        if disk::is_there(&journal) { read_rows_before_torn_end(&journal)? } else { Vec::new() };
    Ok(started.into_iter().filter(|row| known.insert(row.transfer_id.clone())).collect())
}

/// Gives every attempt that has transfers its row in `trials.csv`, and makes `interrupted` of those whose transfers are not
/// all there: they were on the disk before the trial's row was, so that only a disk that lies loses them, or a hand.
fn complete_trials(
    folder: &Path,
    mut trials: Vec<TrialRecord>,
    transfers: &[TransferRecord],
    environment: &Environment,
    plan: &Plan,
    reported: &mut Vec<String>,
) -> Result<Vec<TrialRecord>, RepairError> {
    let mut of_attempts: BTreeMap<(String, u32), Vec<&TransferRecord>> = BTreeMap::new();
    for row in transfers {
        of_attempts.entry((row.trial_id.clone(), row.attempt)).or_default().push(row);
    }
    let mut changed = false;
    for trial in &mut trials {
        let rows = of_attempts.remove(&(trial.trial_id.clone(), trial.attempt)).unwrap_or_default();
        let found = rows.len() as u64;
        if found == trial.transfers && rows.iter().all(|row| !was_killed(row) || trial.state != TrialState::Whole) {
            continue;
        }
        changed = true;
        if trial.state == TrialState::Whole {
            reported.push(format!(
                "{}: of the {} transfers of trial {} some have no row any more; it is run again",
                folder.display(),
                trial.transfers,
                trial.trial_id
            ));
        }
        trial.state = TrialState::Interrupted;
        trial.transfers = found;
    }
    let planned: HashMap<&str, &Trial> = plan.trials.iter().map(|trial| (trial.trial_id.as_str(), trial)).collect();
    for ((trial_id, attempt), rows) in of_attempts {
        changed = true;
        let planned = planned.get(trial_id.as_str()).copied();
        trials.extend(interrupted(&trial_id, attempt, &rows, planned, environment));
    }
    if changed {
        RowWriter::replace(folder, &trials)?;
    }
    Ok(trials)
}

fn was_killed(row: &TransferRecord) -> bool {
    row.error.as_deref() == Some(crate::run::trial::RUN_KILLED)
}

/// The row of a trial whose process was killed before it could write one.
fn interrupted(
    trial_id: &str,
    attempt: u32,
    rows: &[&TransferRecord],
    planned: Option<&Trial>,
    environment: &Environment,
) -> Option<TrialRecord> {
    let first = rows.first()?;
    Some(TrialRecord {
        run_id: first.run_id.clone(),
        trial_id: trial_id.to_owned(),
        attempt,
        cell_id: first.cell_id.clone(),
        block: first.block,
        position: first.position,
        control: first.control,
        jitter_us: planned.map_or(0, |trial| micros(trial.jitter)),
        started_at: rows.iter().map(|row| row.started_at).min()?,
        ended_at: rows.iter().map(|row| row.ended_at).max()?,
        state: TrialState::Interrupted,
        transfers: rows.len() as u64,
        achieved_bps: None,
        scheduler_lag_us: None,
        starved: false,
        host: environment.host.clone(),
        part: environment.part,
    })
}

/// Names of transfers that stand in `events.csv` and nowhere else: files are not written to the disk in the order in which
/// they were written by the process.
fn without_row(folder: &Path, known: &HashSet<&[u8]>) -> Result<HashSet<String>, ReadError> {
    let mut lost = HashSet::new();
    let Some(mut file) = RowFile::open_before_torn_end::<EventRecord>(&folder.join(EventRecord::FILE))? else {
        return Ok(lost);
    };
    let place = file.place::<EventRecord>("transfer_id")?;
    while file.next_row()? {
        let name = file.field(place);
        if !known.contains(name) {
            lost.insert(String::from_utf8_lossy(name).into_owned());
        }
    }
    Ok(lost)
}
