//! `ttlsweep trace`: one transfer, its timeline printed.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ttlsweep_console::{data, say};
use ttlsweep_record::{Cell, EventRecord, Outcome, TransferRecord};
use ttlsweep_rundir::csv_file::read_rows;
use ttlsweep_rundir::disk;
use ttlsweep_rundir::environment::Environment;

use super::behind::get_behind;
use super::signals::stop_on_signals;
use super::{open_targets, try_congestion};
use crate::cli::TraceArgs;
use crate::clock::{Clock, SystemClock};
use crate::cmd::exit::{ExitCode, Failure};
use crate::experiment::{self, Experiment};
use crate::plan::estimate::Estimate;
use crate::plan::{Plan, Trial};
use crate::run::cleanup::Cleaner;
use crate::run::files::RowSink;
use crate::run::sweep::download;
use crate::run::sweep::sources::Sources;
use crate::run::trial::TrialRun;
use crate::run::{Run, environment};
use crate::trace::har;
use crate::trace::waterfall;

/// Runs the command: a folder is looked into, an experiment is asked for one transfer.
///
/// # Errors
/// The experiment or the folder is wrong, the target cannot be used, or the archive cannot be written.
pub async fn trace(args: &TraceArgs) -> Result<ExitCode, Failure> {
    if args.subject.is_dir() { recorded(args) } else { live(args).await }
}

/// Looks at a transfer of a run.
fn recorded(args: &TraceArgs) -> Result<ExitCode, Failure> {
    Environment::read(&args.subject).map_err(Failure::usage)?;
    let transfers: Vec<TransferRecord> = read_rows(&args.subject).map_err(Failure::usage)?;
    let events: Vec<EventRecord> = read_rows(&args.subject).map_err(Failure::usage)?;
    let cells: Vec<Cell> = read_rows(&args.subject).map_err(Failure::usage)?;
    let found = match &args.transfer {
        Some(name) => transfers.iter().find(|row| row.transfer_id.ends_with(name.as_str())),
        None => transfers.iter().find(|row| row.outcome != Outcome::Completed).or_else(|| transfers.first()),
    };
    let Some(row) = found else {
        let name = args.transfer.as_deref().unwrap_or("any");
        return Err(Failure::usage(format!(
            "{} has no transfer `{name}`; see the column transfer_id",
            args.subject.display()
        )));
    };
    let tape: Vec<_> = events.into_iter().filter(|event| event.transfer_id == row.transfer_id).collect();
    write_archive(args.har.as_deref(), &transfers, &cells)?;
    data!("{}", waterfall::draw(row, &tape, WIDTH).trim_end());
    Ok(ExitCode::Done)
}

/// Makes one transfer of one cell: one user, without jitter, and recorded nowhere.
async fn live(args: &TraceArgs) -> Result<ExitCode, Failure> {
    let loaded = experiment::load(&args.subject, &args.overrides.load_options())?;
    let plan = Plan::new(&loaded.experiment);
    let cell = match &args.cell {
        None => plan.cells.first(),
        Some(name) => plan.cells.iter().find(|cell| cell.cell_id == *name),
    };
    let Some(cell) = cell else {
        let names: Vec<_> = plan.cells.iter().map(|cell| cell.cell_id.as_str()).collect();
        let name = args.cell.as_deref().unwrap_or_default();
        let message = format!("there is no cell `{name}`; the cells are {}", names.join(", "));
        return Err(Failure::usage(message));
    };
    get_behind(std::slice::from_ref(cell), plan.seed)?;
    let cell = Cell { users: 1, transfers_per_user: Some(1), duration_us: None, ..cell.clone() };
    let trial =
        Trial { trial_id: "trace".to_owned(), cell: 0, block: 1, position: 1, jitter: Duration::ZERO, ttl_s: None };
    let this = Plan { repetitions: 1, cells: vec![cell.clone()], trials: vec![trial.clone()], ..plan.clone() };
    say!("{}: {}", loaded.experiment.name, Estimate::new(&this, &loaded.experiment));
    try_congestion(std::slice::from_ref(&cell))?;
    let (stop, leave) = stop_on_signals(ExitCode::Interrupted)?;
    let targets = open_targets(std::slice::from_ref(&cell), &stop, ExitCode::Interrupted).await?;
    let (sink, kept) = RowSink::in_memory();
    let experiment = Experiment { parallel_trials: 1, ..loaded.experiment };
    let environment = environment::of_new_run(&experiment, &this, SystemClock.wall(), &targets);
    let run = Arc::new(Run { stop, leave, ..Run::new(experiment, this, environment, targets, sink) });
    let mut sources = Sources::new(run.plan.seed);
    let mut cleaner = Cleaner::of(&run, drop);
    let mut downloads = Vec::new();
    let put = download::put_objects(&run, &mut sources, &mut downloads).await;
    downloads.into_iter().for_each(|pending| cleaner.note(pending));
    if let Err(error) = put {
        cleaner.finish().await;
        return Err(error.into());
    }
    let source = sources.of(&cell).map_err(Failure::usage)?;
    let cell = Arc::new(cell);
    let target = run.targets.of(&cell);
    let trial = TrialRun {
        run: Arc::clone(&run),
        trial,
        common_start: None,
        attempt: 1,
        cell: Arc::clone(&cell),
        target,
        source,
    };
    cleaner.note(trial.run().await.pending);
    cleaner.finish().await;
    for left in cleaner.left() {
        tracing::warn!("{} is still in the bucket: {}", left.made, left.why);
    }
    let Some(rows) = kept.ended().into_iter().next() else { return Ok(ExitCode::Interrupted) };
    let drawn = waterfall::draw(&rows.transfer, &rows.events, WIDTH);
    let interrupted = rows.transfer.outcome == Outcome::Cancelled;
    write_archive(args.har.as_deref(), &[rows.transfer], &[Cell::clone(&cell)])?;
    data!("{}", drawn.trim_end());
    Ok(if interrupted { ExitCode::Interrupted } else { ExitCode::Done })
}

fn write_archive(path: Option<&Path>, rows: &[TransferRecord], cells: &[Cell]) -> Result<(), Failure> {
    let Some(path) = path else { return Ok(()) };
    let text = serde_json::to_string_pretty(&har::archive(rows, cells)).unwrap_or_default();
    disk::write_whole(path, text.as_bytes()).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    say!("{}: {} transfers; open it in the network view of a browser's developer tools", path.display(), rows.len());
    Ok(())
}

/// Columns; wide enough for a bar, narrow enough for a terminal or a mail.
const WIDTH: usize = 110;
