//! `ttlsweep resume`: finishes exactly the trials that are missing, by the plan and not by what files exist.

use std::path::Path;

use ttlsweep_console::say;
use ttlsweep_record::{Cell, TargetKind};
use ttlsweep_rundir::csv_file::{ReadError, read_rows};
use ttlsweep_rundir::environment::Environment;
use ttlsweep_rundir::stops::Stops;

use super::behind::get_behind;
use super::ended::Ended;
use super::signals::stop_on_signals;
use super::{carry_out, how_to_resume, open_targets, remove_journal, tell_proxies, try_congestion};
use crate::cli::ResumeArgs;
use crate::cmd::exit::{ExitCode, Failure, stopped};
use crate::experiment::{self, Experiment, LoadOptions};
use crate::host::machine;
use crate::plan::estimate::Estimate;
use crate::plan::{Plan, Trial, differences};
use crate::run::cleanup::PendingCleanup;
use crate::run::cleanup::record::Recorded;
use crate::run::files::Files;
use crate::run::folder::RunFolder;
use crate::run::progress::Mode;
use crate::run::repair::repair;
use crate::run::sweep::Earlier;
use crate::run::{Run, environment};
use crate::target::Targets;

/// Runs the command.
///
/// # Errors
/// The folder is not a run's, is in use, or holds another plan; or as for `run`.
pub async fn resume(args: &ResumeArgs) -> Result<ExitCode, Failure> {
    let ended = finish(&RunFolder::open(&args.folder)?, args.progress).await?;
    ended.tell();
    Ok(ended.code)
}

/// Finishes what is missing in an open folder.
///
/// # Errors
/// As for [`resume`].
pub(super) async fn finish(folder: &RunFolder, progress: Mode) -> Result<Ended, Failure> {
    let path = folder.path();
    // Of a version that is not known the experiment may not be, either.
    let environment = Environment::read(path).map_err(Failure::usage)?;
    let loaded = experiment::load(&folder.experiment(), &LoadOptions::default())?;
    let experiment = &loaded.experiment;
    let whole = Plan::new(experiment);
    if environment.plan_hash != whole.hash {
        return Err(plan_changed(&environment, folder, &whole));
    }
    get_behind(&experiment.cells, experiment.seed)?;
    let portion = environment.portion();
    let plan = match portion {
        Some(portion) => whole.of_portion(portion).map_err(Failure::usage)?,
        None => whole,
    };
    // Before anything is written.
    let (stop, leave) = stop_on_signals(stopped(portion))?;
    let repaired = repair(path, &environment, &plan)?;
    for line in &repaired.reported {
        say!("{line}");
    }
    let is_missing = |trial: &&Trial| !repaired.earlier.whole.contains(&trial.trial_id);
    let missing: Vec<_> = plan.trials.iter().filter(is_missing).cloned().collect();
    // Trials of blocks that it decided by may have been lost since: then it goes on, and asks again.
    let stops = Stops::read(path, &environment).map_err(Failure::usage)?;
    if missing.iter().all(|trial| !stops.needs(trial.block)) {
        remove_journal(path);
        let words = match stops.words(environment.repetitions) {
            Some(stopped) => format!("nothing is missing: the run {stopped}"),
            None => format!("nothing is missing: all {} trials are whole", plan.trials.len()),
        };
        return Ok(Ended { code: ExitCode::Done, folder: folder.finish()?, left: Vec::new(), words });
    }
    if environment.path != environment::path(experiment) {
        return Err(other_line(&environment, path));
    }
    say!("{}: {} of {} trials are missing", experiment.name, missing.len(), plan.trials.len());
    let met = plan.for_portion(portion);
    let to_do = Plan { trials: missing, ..met.clone() };
    // How early it may end follows from what is there already.
    say!("{}", Estimate::new(&to_do, &Experiment { least_blocks: None, ..experiment.clone() }));
    try_congestion(&plan.cells)?;
    machine::raise_descriptor_limit();
    let targets = open_targets(&plan.cells, &stop, stopped(portion)).await?;
    let mut environment = environment::of_resumed_run(environment, &targets);
    tell_proxies(&targets);
    if experiment.target == TargetKind::Embedded {
        // The testbeds of the first part are gone, and with them their clocks.
        environment.endpoints.append(&mut targets.addresses().await);
    }
    let pending = pending(path, &plan, &environment, &targets).map_err(Failure::usage)?;
    let earlier = Earlier { pending, ..repaired.earlier };
    // Before the first trial, so that what a kill leaves is reported of the machine that it was on.
    environment.write(path).map_err(Failure::internal)?;
    let files = Files::open(path, stop.clone()).map_err(Failure::internal)?;
    let run = Run { stop, leave, progress, ..Run::new(loaded.experiment, plan, environment, targets, files.sink()) };
    carry_out(run, folder, files, earlier).await
}

/// The refusal of a plan that is not the run's, with what differs.
fn plan_changed(environment: &Environment, folder: &RunFolder, plan: &Plan) -> Failure {
    let cells: Vec<Cell> = read_rows(folder.path()).unwrap_or_default();
    let differences = match differences(&cells, environment, plan) {
        none if none.is_empty() => "no setting differs: it may be the work of another version of ttlsweep".to_owned(),
        some => some.join("\n  "),
    };
    let message = format!(
        "the plan has changed: the run's files are of plan {}, {} now gives plan {}:\n  {differences}\nbring the old \
         experiment.toml back, or begin a new run",
        environment.plan_hash,
        folder.experiment().display(),
        plan.hash
    );
    Failure::usage(message)
}

/// The refusal of another line than the rows so far were behind: half of a run must not be compared with the other.
fn other_line(environment: &Environment, folder: &Path) -> Failure {
    let was = environment.path.as_ref().map_or("no slow line", |_| "a slow line that is not there now");
    Failure::usage(format!("the run was behind {was}; to go on: {}", how_to_resume(environment, folder)))
}

/// What a killed process left in the bucket; a testbed's is gone.
fn pending(
    folder: &Path,
    plan: &Plan,
    environment: &Environment,
    targets: &Targets,
) -> Result<Vec<PendingCleanup>, ReadError> {
    let recorded = Recorded::read(folder, &plan.cells, environment)?;
    let cells = plan.cells.iter().filter(|cell| cell.target == TargetKind::S3);
    let at = |cell: &Cell| {
        let made = recorded.by_cell.get(&cell.cell_id)?.iter().cloned().collect();
        Some(PendingCleanup { target: targets.of(cell), cell_id: cell.cell_id.clone(), made })
    };
    Ok(cells.filter_map(at).collect())
}
