//! The commands, and what they say.

mod behind;
pub mod clean;
pub mod doctor;
mod dry_run;
mod ended;
pub mod exit;
pub mod explain;
pub mod logs;
pub mod merge;
pub mod pages;
pub mod resume;
pub mod run;
pub mod sibling;
mod signals;
pub mod trace;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use ttlsweep_console::say;
use ttlsweep_record::Cell;
use ttlsweep_record::units::count;
use ttlsweep_rundir::environment::Environment;
use ttlsweep_rundir::files::JOURNAL;
use ttlsweep_rundir::stops::Stops;

use self::ended::Ended;
use crate::cli::OverrideArgs;
use crate::cli::siblings::REPORT;
use crate::cmd::exit::{ExitCode, Failure, stopped};
use crate::cmd::sibling::beside;
use crate::experiment::{self, LoadOptions, Loaded};
use crate::host::machine;
use crate::run::files::Files;
use crate::run::folder::RunFolder;
use crate::run::looks::Asked;
use crate::run::sweep::{self, Earlier, SweepError};
use crate::run::{Run, environment};
use crate::stop::StopSwitch;
use crate::target::Targets;
use crate::wire::kernel;

/// Runs what is missing; what it reports comes after all else that is to be done.
async fn carry_out(run: Run, folder: &RunFolder, files: Files, earlier: Earlier) -> Result<Ended, Failure> {
    let path = folder.path();
    let asked = run.experiment.least_blocks.map(|least| Asked {
        least,
        folder: path.to_owned(),
        program: beside(REPORT).map_err(|failure| failure.text),
    });
    let run = Arc::new(Run { asked, ..run });
    let ended = sweep::run(&run, files, earlier).await;
    let environment = environment::with_clocks(&run);
    let ended = ended.map_err(|error| match &error {
        SweepError::Files(_) => Failure::internal(format!(
            "{error}\nrows before that are kept; when it can be written again: {}",
            how_to_resume(&environment, path)
        )),
        _ => error.into(),
    })?;
    environment.write(path).map_err(Failure::internal)?;

    let early = if ended.is_decided { early_end(path, &environment) } else { None };
    if ended.missing > 0 && early.is_none() {
        let words = format!(
            "stopped: {} recorded; {}; {} {} missing\nto go on: {}",
            count(ended.tally.transfers(), "transfer"),
            ended.tally.words(),
            count(ended.missing, "trial"),
            if ended.missing == 1 { "is" } else { "are" },
            how_to_resume(&environment, path)
        );
        let code = stopped(environment.portion());
        return Ok(Ended { code, folder: path.to_owned(), left: ended.left, words });
    }
    remove_journal(path);
    let early = early.map_or_else(String::new, |words| format!("; {words}"));
    let words = format!("done: {} transfers; {}{early}", ended.tally.transfers(), ended.tally.words());
    Ok(Ended { code: ExitCode::Done, folder: folder.finish()?, left: ended.left, words })
}

/// Where a run ended before its plan did because each target was decided, in words, as its files say.
fn early_end(folder: &Path, environment: &Environment) -> Option<String> {
    Stops::read(folder, environment).ok()?.words(environment.repetitions)
}

/// The command line that goes on with a run, behind the same slow line.
fn how_to_resume(environment: &Environment, folder: &Path) -> String {
    let behind = environment.path.as_ref().map_or_else(String::new, |line| format!("path {line} -- ttlsweep "));
    format!("ttlsweep {behind}resume {}", folder.display())
}

/// Tries each congestion control that the cells name, before anything is sent.
///
/// # Errors
/// This machine's kernel does not have one of them, or keeps it to root.
fn try_congestion(cells: &[Cell]) -> Result<(), Failure> {
    let named: BTreeSet<_> = cells.iter().filter_map(|cell| cell.congestion.as_deref()).collect();
    named.into_iter().try_for_each(|name| kernel::try_congestion(name).map_err(Failure::usage))
}

/// Opens the targets of `cells`, unless the command is asked to stop meanwhile. The files that the AWS chain reads may be pipes, or
/// lie where nothing answers, and then reading blocks its thread: it has one of its own.
///
/// # Errors
/// The first target that cannot be used; or it was stopped, which ends the command with `stopped`.
async fn open_targets(cells: &[Cell], stop: &StopSwitch, stopped: ExitCode) -> Result<Targets, Failure> {
    let (cells, runtime, mut stop) = (cells.to_vec(), Handle::current(), stop.listen(None));
    let opening = spawn_blocking(move || runtime.block_on(Targets::open(&cells)));
    tokio::select! {
        biased;
        opened = opening => Ok(opened.map_err(Failure::internal)??),
        _ = stop.reason() => Err(Failure::new(stopped, "stopped before the target was asked for a transfer")),
    }
}

/// Of a run that is whole nothing is left for the journal to tell.
fn remove_journal(folder: &Path) {
    match std::fs::remove_file(folder.join(JOURNAL)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            tracing::warn!("{JOURNAL} cannot be removed: {error}");
        }
        _ => {}
    }
}

/// Loads an experiment. `parts` is how many machines share its users.
fn load(path: &Path, overrides: &OverrideArgs, parts: u32) -> Result<Loaded, Failure> {
    let descriptors = machine::most_descriptors().map(|most| most.saturating_mul(u64::from(parts)));
    Ok(experiment::load(path, &LoadOptions { descriptors, ..overrides.load_options() })?)
}

/// Says what an experiment's options changed and what a run of it would regret.
fn tell(loaded: &Loaded) {
    for notice in &loaded.notices {
        say!("note: {notice}");
    }
    for warning in loaded.warnings() {
        say!("{warning}\n");
    }
}

/// Says which proxies stand between, so that nobody takes their doing for the store's.
fn tell_proxies(targets: &Targets) {
    for (endpoint, proxy) in targets.proxies() {
        say!("{endpoint}: through the proxy {}, as {} says", proxy.url, proxy.variable);
    }
}
