//! `ttlsweep resume`: finishes exactly the trials that are missing, by the plan and not by what files exist.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use ttlsweep_record::csv_file::{ReadError, RowWriter, read_rows, read_rows_from, repair_end};
use ttlsweep_record::environment::Environment;
use ttlsweep_record::row::Row;
use ttlsweep_record::{
    Cell, EventRecord, HarnessRecord, ObjectRecord, SampleRecord, TargetKind, TransferRecord, TrialRecord, TrialState,
};

use super::{Job, prepare, stop_on_signals};
use crate::cleanup::Leftovers;
use crate::cleanup::record::Recorded;
use crate::cli::ResumeArgs;
use crate::estimate::Estimate;
use crate::exit::{ExitCode, Failure};
use crate::experiment::{self, LoadOptions};
use crate::files::{Files, JOURNAL};
use crate::plan::{Plan, Trial};
use crate::run_folder::RunFolder;
use crate::stop::StopSwitch;
use crate::target::Targets;

/// Runs the command.
///
/// # Errors
/// The folder is no run's, is in use, or holds another plan; or as for `run`.
pub async fn resume(args: &ResumeArgs) -> Result<ExitCode, Failure> {
    let folder = RunFolder::open(&args.folder)?;
    let path = folder.path();
    let loaded = experiment::load(&folder.experiment(), &LoadOptions::default())?;
    let experiment = &loaded.experiment;
    let plan = Plan::new(experiment);
    let usage = |error: &dyn std::fmt::Display| Failure::new(ExitCode::Usage, error);
    let environment = Environment::read(path).map_err(|error| usage(&error))?;
    if environment.plan_hash != plan.hash {
        return Err(usage(&format!(
            "the plan has changed: the run's files are of plan {}, {} now gives plan {}; bring the old experiment.toml \
             back, or begin a new run",
            environment.plan_hash,
            folder.experiment().display(),
            plan.hash
        )));
    }
    repair(path).map_err(|error| usage(&error))?;
    let settled = settle(path, &plan).map_err(|error| usage(&error))?;
    if settled.killed > 0 {
        eprintln!(
            "{} transfers were in flight when the run was killed; they are recorded as cancelled",
            settled.killed
        );
    }
    let missing = plan.trials.len() - settled.whole.len();
    if missing == 0 {
        println!("{}", path.display());
        eprintln!("nothing is missing: all {} trials are whole", plan.trials.len());
        return Ok(ExitCode::Done);
    }
    eprintln!("{}: {missing} of {} trials are missing", experiment.name, plan.trials.len());
    let to_do = Plan { trials: settled.missing(&plan), ..plan.clone() };
    eprintln!("{}", Estimate::new(&to_do, experiment));
    prepare(&plan, experiment.parallel_trials);
    let stop = StopSwitch::new();
    let leave = StopSwitch::new();
    stop_on_signals(&stop, &leave).map_err(|error| Failure::new(ExitCode::Internal, error))?;
    let targets = Targets::open(&plan.cells).await?;
    let mut environment = environment;
    if experiment.target == TargetKind::Embedded {
        // The testbeds of the first part are gone, and with them their clocks.
        environment.endpoints.append(&mut targets.addresses().await);
    }
    let leftovers = leftovers(path, &plan, &environment, &targets).map_err(|error| usage(&error))?;
    let files = Files::reopen(path, stop.clone()).map_err(|error| Failure::new(ExitCode::Internal, error))?;
    let job = Job {
        experiment,
        plan: &plan,
        folder: path,
        environment,
        targets,
        files,
        attempts: settled.attempts,
        whole: settled.whole,
        last_connection_id: settled.last_connection_id,
        progress: args.progress,
        stop,
        leave,
        leftovers,
    };
    job.carry_out().await
}

/// What a killed process left in the bucket; a testbed's is gone.
fn leftovers(
    folder: &Path,
    plan: &Plan,
    environment: &Environment,
    targets: &Targets,
) -> Result<Vec<Leftovers>, ReadError> {
    let recorded = Recorded::read(folder, &plan.cells, environment)?;
    let cells = plan.cells.iter().filter(|cell| cell.target == TargetKind::S3);
    let at = |cell: &Cell| {
        let made = recorded.by_cell.get(&cell.cell_id)?.iter().cloned().collect();
        Some(Leftovers { target: targets.of(cell), cell_id: cell.cell_id.clone(), made })
    };
    Ok(cells.filter_map(at).collect())
}

/// Cuts off rows that a killed process could write only in part, and says so. What they stood for is not lost: the journal
/// has the transfer, and its trial is run again.
pub(super) fn repair(folder: &Path) -> std::io::Result<()> {
    let rows = [
        TransferRecord::FILE,
        TrialRecord::FILE,
        EventRecord::FILE,
        SampleRecord::FILE,
        HarnessRecord::FILE,
        ObjectRecord::FILE,
    ];
    let files = rows.into_iter().chain([JOURNAL]);
    for path in files.map(|file| folder.join(file)).filter(|path| path.exists()) {
        let cut = repair_end(&path)?;
        if cut > 0 {
            eprintln!("{}: the last row was written in part only; its {cut} bytes were cut off", path.display());
        }
    }
    Ok(())
}

/// What an earlier process left.
struct Settled {
    whole: HashSet<String>,
    attempts: HashMap<String, u32>,
    killed: usize,
    last_connection_id: u64,
}

impl Settled {
    fn missing(&self, plan: &Plan) -> Vec<Trial> {
        plan.trials.iter().filter(|trial| !self.whole.contains(&trial.trial_id)).cloned().collect()
    }
}

/// Reads what was done, and completes the rows that a killed process could not write any more: `cancelled` ones for
/// transfers that were in flight, `interrupted` ones for their trials.
fn settle(folder: &Path, plan: &Plan) -> Result<Settled, SettleError> {
    let trials: Vec<TrialRecord> = read_rows(folder)?;
    let transfers: Vec<TransferRecord> = read_rows(folder)?;
    let journal = folder.join(JOURNAL);
    let started: Vec<TransferRecord> = if journal.exists() { read_rows_from(&journal)? } else { Vec::new() };

    let ended: HashSet<&str> = transfers.iter().map(|row| row.transfer_id.as_str()).collect();
    let killed: Vec<_> = started.into_iter().filter(|row| !ended.contains(row.transfer_id.as_str())).collect();
    let mut writer = RowWriter::append_to(folder)?;
    for row in &killed {
        writer.write(row)?;
    }
    writer.flush()?;

    let mut attempts: HashMap<String, u32> = HashMap::new();
    let known: HashSet<_> = trials.iter().map(|row| (row.trial_id.clone(), row.attempt)).collect();
    let mut unfinished: BTreeMap<(String, u32), Vec<&TransferRecord>> = BTreeMap::new();
    for row in transfers.iter().chain(&killed) {
        let attempt = (row.trial_id.clone(), row.attempt);
        if !known.contains(&attempt) {
            unfinished.entry(attempt).or_default().push(row);
        }
    }
    for (trial_id, attempt) in known.iter().chain(unfinished.keys()) {
        let last = attempts.entry(trial_id.clone()).or_default();
        *last = (*last).max(*attempt);
    }
    let planned: HashMap<&str, &Trial> = plan.trials.iter().map(|trial| (trial.trial_id.as_str(), trial)).collect();
    let mut writer = RowWriter::append_to(folder)?;
    for ((trial_id, attempt), rows) in &unfinished {
        if let Some(row) = interrupted(trial_id, *attempt, rows, planned.get(trial_id.as_str()).copied()) {
            writer.write(&row)?;
        }
    }
    writer.flush()?;
    let whole = trials.into_iter().filter(|row| row.state == TrialState::Whole).map(|row| row.trial_id).collect();
    let last_connection_id = transfers.iter().filter_map(|row| row.connection_id).max().unwrap_or(0);
    Ok(Settled { whole, attempts, killed: killed.len(), last_connection_id })
}

/// The row of a trial whose process was killed before it could write one.
fn interrupted(trial_id: &str, attempt: u32, rows: &[&TransferRecord], planned: Option<&Trial>) -> Option<TrialRecord> {
    let first = rows.first()?;
    Some(TrialRecord {
        run_id: first.run_id.clone(),
        trial_id: trial_id.to_owned(),
        attempt,
        cell_id: first.cell_id.clone(),
        block: first.block,
        position: first.position,
        control: first.control,
        jitter_us: planned.map_or(0, |trial| u64::try_from(trial.jitter.as_micros()).unwrap_or(u64::MAX)),
        started_at: rows.iter().map(|row| row.started_at).min()?,
        ended_at: rows.iter().map(|row| row.ended_at).max()?,
        state: TrialState::Interrupted,
        transfers: rows.len() as u64,
        achieved_bps: None,
        scheduler_lag_us: None,
        starved: false,
        host: crate::machine::host(),
    })
}

#[derive(Debug, thiserror::Error)]
enum SettleError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("cannot complete the run's files: {0}")]
    Write(#[from] std::io::Error),
}
