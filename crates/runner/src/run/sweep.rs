//! A sweep: the plan's trials in their order, as many side by side as the experiment says, until all are done or the run
//! is stopped.

pub(crate) mod download;
mod error;
mod marker;
pub(crate) mod sources;
mod turns;

use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use tokio::time::MissedTickBehavior;
use ttlsweep_record::{Cell, Method, TargetKind, Timestamp, TrialState};

use crate::plan::estimate::{ClockProbes, trial_duration};
use crate::plan::{CommonStart, Trial};
use crate::run::Run;
use crate::run::cleanup::{Cleaner, CreatedObject, NotDeleted, PendingCleanup};
use crate::run::clock_watch::ClockWatch;
use crate::run::files::Files;
use crate::run::looks::Looks;
use crate::run::progress::{Counts, Progress, TICK, Tally};
use crate::run::trial::{TrialEnd, TrialRun};

pub(crate) use error::SweepError;
use sources::Sources;
use turns::Turns;

/// What was done of a run before this process takes it up; nothing for a new run.
#[derive(Debug, Default)]
pub struct Earlier {
    /// How many attempts each trial has had.
    pub attempts: HashMap<String, u32>,
    /// The trials that need not be run again.
    pub whole: HashSet<String>,
    /// The number of the run's last connection.
    pub last_connection_id: u64,
    /// What was made in the bucket and not deleted.
    pub pending: Vec<PendingCleanup>,
}

/// What a sweep came to.
#[derive(Debug, Clone)]
pub struct SweepEnd {
    /// Transfers in this process, and failures among them.
    pub tally: Tally,
    /// Trials of the plan that are not whole.
    pub missing: u64,
    /// Whether nobody needs them, since each target was decided.
    pub is_decided: bool,
    /// What could not be deleted.
    pub left: Vec<NotDeleted>,
}

/// Runs what is missing of the run's plan; `files` is finished in every case.
///
/// # Errors
/// A source cannot be read, downloads cannot be prepared, or rows cannot be written.
pub async fn run(run: &Arc<Run>, files: Files, earlier: Earlier) -> Result<SweepEnd, SweepError> {
    let result = run_trials(run, earlier).await;
    let finished = tokio::task::spawn_blocking(|| files.finish()).await.map_err(io::Error::other);
    finished.flatten().map_err(SweepError::Files)?;
    result
}

async fn run_trials(run: &Arc<Run>, mut earlier: Earlier) -> Result<SweepEnd, SweepError> {
    run.connection_ids.store(earlier.last_connection_id, Relaxed);
    let sink = run.sink.clone();
    let mut cleaner = Cleaner::of(run, move |row| sink.object(row));
    // Before anything is deleted or put, so that no deletion of this run ever empties a folder of the store's.
    let markers = marker::put(run).await;
    let mut turns = Turns::begin(run).await;
    std::mem::take(&mut earlier.pending).into_iter().for_each(|pending| cleaner.note(pending));
    markers.into_iter().chain(turns.as_ref().map(Turns::pending)).for_each(|made| cleaner.note_last(made));
    // Another part may be in the middle of a trial.
    if turns.is_none() {
        cleaner.delete().await;
    }
    let mut downloads = Vec::new();
    let result = run_missing(run, &earlier, &mut downloads, &mut cleaner, turns.as_mut()).await;
    // Those of a testbed go with it.
    if run.plan.cells.iter().any(|cell| cell.target == TargetKind::S3) {
        // A part that ends early is missing from the trial that is under way, which does not count without it.
        if let Some(turns) = turns.as_mut().filter(|_| result.is_ok() && !run.stop.is_thrown()) {
            turns.all_over().await;
        }
        downloads.into_iter().for_each(|pending| cleaner.note(pending));
        unnamed_uploads(run, &cleaner).await.into_iter().for_each(|pending| cleaner.note(pending));
        cleaner.finish().await;
    }
    result.map(|end| SweepEnd { left: cleaner.left().to_vec(), ..end })
}

/// Multipart uploads that were begun although their answer could not be read, so that nobody has their names: those that the
/// store lists below the run's prefix.
async fn unnamed_uploads(run: &Run, cleaner: &Cleaner) -> Vec<PendingCleanup> {
    let reported: HashSet<&CreatedObject> = cleaner.left().iter().map(|left| &left.made).collect();
    let mut found: Vec<PendingCleanup> = Vec::new();
    let keeps = run.experiment.keep_objects;
    let parts = run.plan.cells.iter().filter(|cell| cell.method == Method::UploadPart && !keeps);
    for cell in parts.filter(|_| !run.leave.is_thrown()) {
        let target = run.targets.of(cell);
        // A store that leaves deletions without an answer is waited for once more, and not for a list of what to delete.
        if found.iter().any(|known| Arc::ptr_eq(&known.target, &target)) || cleaner.has_hung(&target) {
            continue;
        }
        // A key need not be allowed to list; `clean` says so where that matters.
        let Some(store) = target.store() else { continue };
        let listed = store.uploads_below(&run.prefix(cell)).await.unwrap_or_default();
        let made = listed.into_iter().map(|(key, upload_id)| CreatedObject { key, upload_id: Some(upload_id.into()) });
        let made = made.filter(|made| !reported.contains(made)).collect();
        found.push(PendingCleanup { target, cell_id: cell.cell_id.clone(), made });
    }
    found
}

async fn run_missing(
    run: &Arc<Run>,
    earlier: &Earlier,
    downloads: &mut Vec<PendingCleanup>,
    cleaner: &mut Cleaner,
    mut turns: Option<&mut Turns<'_>>,
) -> Result<SweepEnd, SweepError> {
    let plan = &run.plan;
    let schedule = CommonStart::recorded(&run.environment).map(|start| start.schedule(plan));
    let starts = |trial: &Trial| schedule.as_ref().and_then(|schedule| schedule.of(trial));
    let mut sources = Sources::new(plan.seed);
    let cells: Vec<_> = plan.cells.iter().map(|cell| Arc::new(cell.clone())).collect();
    let mut missing: Vec<_> = plan.trials.iter().filter(|trial| !earlier.whole.contains(&trial.trial_id)).collect();
    if let Some(schedule) = &schedule {
        schedule.order(&mut missing, run.clock.wall());
    }
    download::put_objects(run, &mut sources, downloads).await?;

    let mut trials = Vec::with_capacity(missing.len());
    for trial in &missing {
        let cell = &match trial.ttl_s {
            Some(ttl_s) => Arc::new(cells[trial.cell].with_ttl(ttl_s)),
            None => Arc::clone(&cells[trial.cell]),
        };
        let trial_run = TrialRun {
            run: Arc::clone(run),
            trial: Trial::clone(trial),
            common_start: starts(trial),
            attempt: earlier.attempts.get(&trial.trial_id).copied().unwrap_or(0) + 1,
            cell: Arc::clone(cell),
            target: run.targets.of(cell),
            source: sources.of(cell)?,
        };
        trials.push((trial_run, trial_duration(cell)));
    }
    let probing = run.experiment.clock_probe;
    let probes = ClockProbes::of(plan, probing);
    let (before, after) = probes.map_or_else(Default::default, |probes| (probes.first, probes.last));
    let time = before + trials.iter().map(|(_, time)| *time).sum::<Duration>() + after;
    let mut progress =
        Progress::start(run.progress, Counts { trials: missing.len() as u64, time }, plan, &run.experiment);
    let lanes = usize::try_from(run.experiment.parallel_trials).unwrap_or(usize::MAX);
    let mut clocks = ClockWatch::begin(Arc::clone(run));
    // Not if the first trial, which all machines begin together, would have to wait for it.
    let first = missing.first().and_then(|trial| starts(trial));
    let left = |start: Timestamp| Duration::from_micros(start.micros_since(run.clock.wall()).try_into().unwrap_or(0));
    if first.is_none_or(|start| left(start) > probing + SPARE) {
        clocks.probe(&progress).await;
    }
    progress.clock_done(before);
    let mut left = missing.len() as u64;
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut waiting, mut is_decided) = (VecDeque::from(trials), false);
    let mut looks = Looks::begin(run, &earlier.whole);
    let mut running = stream::iter(Vec::new()).map(run_apart).buffer_unordered(lanes);
    loop {
        let ended = tokio::select! {
            ended = running.next() => ended,
            _ = ticks.tick() => {
                progress.tick();
                continue;
            }
        };
        let Some((end, cell, time)) = ended else {
            // Nothing is under way.
            if let Some(looks) = looks.as_mut().filter(|looks| !waiting.is_empty() && looks.are_due()) {
                is_decided = looks.look(run, &mut progress, &mut ticks).await;
            }
            if is_decided || waiting.is_empty() {
                break;
            }
            let next = match &looks {
                Some(looks) => looks.next(&mut waiting),
                None => waiting.drain(..).collect(),
            };
            running = stream::iter(next).map(run_apart).buffer_unordered(lanes);
            continue;
        };
        if let (Some(looks), Some(row)) = (&mut looks, &end.row) {
            looks.over(row);
        }
        left -= u64::from(end.row.as_ref().is_some_and(|row| row.state == TrialState::Whole));
        progress.trial_done(&end, &cell, time);
        // With one lane, no other trial is running now, and the next one begins when this has returned. Trials side by side
        // leave no such gap; they ask testbeds alone, whose objects go with them.
        if lanes == 1 {
            cleaner.note(end.pending);
            match (&mut turns, end.row) {
                (None, _) => cleaner.delete().await,
                (Some(turns), Some(row)) => {
                    if let Some(until) = turns.over(&row.trial_id).await {
                        cleaner.delete_until(until).await;
                    }
                }
                (Some(_), None) => {}
            }
            if schedule.is_none() {
                clocks.probe_if_due(&progress).await;
            }
        }
    }
    clocks.probe(&progress).await;
    clocks.finish();
    Ok(SweepEnd { tally: progress.into_tally(), missing: left, is_decided, left: Vec::new() })
}

/// Between a probe of the clocks and a trial that begins on all machines together: the last answer may come late.
const SPARE: Duration = Duration::from_secs(4);

/// Runs a trial as a task of its own, so that trials side by side use all processors.
async fn run_apart((trial, time): (TrialRun, Duration)) -> (TrialEnd, Arc<Cell>, Duration) {
    let cell = Arc::clone(&trial.cell);
    match tokio::spawn(trial.run()).await {
        Ok(end) => (end, cell, time),
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
