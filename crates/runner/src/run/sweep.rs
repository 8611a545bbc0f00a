//! A sweep: the plan's trials in their order, as many side by side as the experiment says, until all are done or the run
//! is stopped.

pub mod download;
mod marker;
pub mod sources;

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use ttlsweep_record::{Cell, Method, Portion, TargetKind, TrialState};

use crate::clock::Clock;
use crate::plan::estimate::trial_duration;
use crate::plan::{Plan, Schedule, Trial};
use crate::run::cleanup::{Cleaner, Left, Leftovers, Made};
use crate::run::clock_watch::ClockWatch;
use crate::run::files::Files;
use crate::run::progress::{Counts, Mode, Progress};
use crate::run::trial::{RunContext, TrialEnd, TrialRun};
use crate::s3::object_key::RunPrefix;
use crate::stop::StopSwitch;
use crate::target::Targets;

use sources::{SourceError, Sources};

/// A plan on its way.
#[derive(Debug)]
pub struct Sweep<'a> {
    /// What to run.
    pub plan: &'a Plan,
    /// The experiment's name.
    pub experiment: &'a str,
    /// Trials side by side.
    pub parallel_trials: u32,
    /// Names the run.
    pub run_id: &'a str,
    /// This machine's name.
    pub host: &'a str,
    /// What the plan's trials are of a plan that several processes run together.
    pub portion: Option<Portion>,
    /// When each trial begins, where its users are spread over several machines.
    pub schedule: Option<Schedule>,
    /// How many attempts each trial has had; nothing for a new run.
    pub attempts: HashMap<String, u32>,
    /// The trials that need not be run again.
    pub whole: HashSet<String>,
    /// The number of the run's last connection so far.
    pub last_connection_id: u64,
    /// How progress is shown.
    pub progress: Mode,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// Ends the run in order.
    pub stop: StopSwitch,
    /// Whether objects stay in the bucket.
    pub keep_objects: bool,
    /// Leaves what is still in the bucket to `ttlsweep clean`.
    pub leave: StopSwitch,
    /// What earlier attempts made and did not delete.
    pub leftovers: Vec<Leftovers>,
}

/// What a sweep came to.
#[derive(Debug, Clone)]
pub struct SweepEnd {
    /// Transfers in this process.
    pub transfers: u64,
    /// Failures among them.
    pub failures: u64,
    /// Trials that still have to be run.
    pub missing: u64,
    /// What could not be deleted.
    pub left: Vec<Left>,
}

/// Why a sweep could not go on.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// A body's file cannot be used.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The objects that downloads read could not be put there.
    #[error("cannot put the object for downloads: {0}")]
    Download(String),
    /// A row could not be written.
    #[error("cannot write the run's files: {0}; the run ends here so that no transfer goes unrecorded")]
    Files(io::Error),
}

impl Sweep<'_> {
    /// Runs what is missing of the plan; `files` is finished in every case.
    ///
    /// # Errors
    /// A source cannot be read, downloads cannot be prepared, or rows cannot be written.
    pub async fn run(self, targets: &Targets, files: Files) -> Result<SweepEnd, SweepError> {
        let result = self.run_trials(targets, &files).await;
        let finished = tokio::task::spawn_blocking(|| files.finish()).await.map_err(io::Error::other);
        finished.flatten().map_err(SweepError::Files)?;
        result
    }

    async fn run_trials(&self, targets: &Targets, files: &Files) -> Result<SweepEnd, SweepError> {
        let sink = files.sink();
        let mut cleaner =
            Cleaner::new(self.keep_objects, Arc::clone(&self.clock), self.leave.clone(), move |row| sink.object(row));
        let context = Arc::new(self.context(files));
        // Before anything is deleted or put, so that no deletion of this run ever empties a folder of the store's.
        let markers = marker::put(&context, &self.plan.cells, targets).await;
        self.leftovers.iter().for_each(|leftovers| cleaner.note(leftovers.clone()));
        markers.into_iter().for_each(|marker| cleaner.note_last(marker));
        cleaner.delete().await;
        let mut downloads = Vec::new();
        let result = self.run_missing(&context, targets, &mut downloads, &mut cleaner).await;
        // Those of a testbed go with it.
        if self.plan.cells.iter().any(|cell| cell.target == TargetKind::S3) {
            downloads.into_iter().for_each(|leftovers| cleaner.note(leftovers));
            self.unnamed_uploads(targets, &cleaner).await.into_iter().for_each(|leftovers| cleaner.note(leftovers));
            cleaner.finish().await;
        }
        result.map(|end| SweepEnd { left: cleaner.left().to_vec(), ..end })
    }

    /// Multipart uploads that were begun although their answer could not be read, so that nobody has their names: those that
    /// the store lists below the run's prefix.
    async fn unnamed_uploads(&self, targets: &Targets, cleaner: &Cleaner) -> Vec<Leftovers> {
        let told: HashSet<&Made> = cleaner.left().iter().map(|left| &left.made).collect();
        let mut found: Vec<Leftovers> = Vec::new();
        let parts = self.plan.cells.iter().filter(|cell| cell.method == Method::UploadPart && !self.keep_objects);
        for cell in parts.filter(|_| !self.leave.is_thrown()) {
            let target = targets.of(cell);
            if found.iter().any(|known| Arc::ptr_eq(&known.target, &target)) {
                continue;
            }
            let prefix = RunPrefix::new(&cell.prefix, self.experiment, self.run_id).of_portion(self.portion);
            // A key need not be allowed to list; `clean` says so where that matters.
            let listed = target.store.uploads_below(&prefix).await.unwrap_or_default();
            let made = listed.into_iter().map(|(key, upload_id)| Made { key, upload_id: Some(upload_id.into()) });
            let made = made.filter(|made| !told.contains(made)).collect();
            found.push(Leftovers { target, cell_id: cell.cell_id.clone(), made });
        }
        found
    }

    /// What all trials share.
    fn context(&self, files: &Files) -> RunContext {
        RunContext {
            run_id: self.run_id.to_owned(),
            experiment: self.experiment.to_owned(),
            host: self.host.to_owned(),
            portion: self.portion,
            clock: Arc::clone(&self.clock),
            stop: self.stop.clone(),
            sink: files.sink(),
            connection_ids: Arc::new(AtomicU64::new(self.last_connection_id)),
            parallel_trials: self.parallel_trials,
        }
    }

    async fn run_missing(
        &self,
        context: &Arc<RunContext>,
        targets: &Targets,
        downloads: &mut Vec<Leftovers>,
        cleaner: &mut Cleaner,
    ) -> Result<SweepEnd, SweepError> {
        let mut sources = Sources::new(self.plan.seed);
        let cells: Vec<_> = self.plan.cells.iter().map(|cell| Arc::new(cell.clone())).collect();
        let mut missing: Vec<_> =
            self.plan.trials.iter().filter(|trial| !self.whole.contains(&trial.trial_id)).collect();
        if let Some(schedule) = &self.schedule {
            schedule.order(&mut missing, self.clock.wall());
        }
        download::put_objects(context, &self.plan.cells, targets, &mut sources, downloads).await?;

        let mut runs = Vec::with_capacity(missing.len());
        for trial in &missing {
            let cell = &cells[trial.cell];
            runs.push((self.trial_run(context, trial, cell, targets, &mut sources)?, trial_duration(cell)));
        }
        let all = Counts { trials: missing.len() as u64, time: runs.iter().map(|(_, time)| *time).sum() };
        let mut progress = Progress::start(self.progress, all);
        let lanes = usize::try_from(self.parallel_trials).unwrap_or(usize::MAX);
        let mut clocks = ClockWatch::begin(Arc::clone(context), &self.plan.cells, targets);
        if self.has_time_to_probe(missing.first().copied()) {
            clocks.probe().await;
        }
        let mut running = stream::iter(runs).map(|(run, time)| run_apart(run, time)).buffer_unordered(lanes);
        let mut left = missing.len() as u64;
        while let Some((end, time)) = running.next().await {
            left -= u64::from(end.row.as_ref().is_some_and(|row| row.state == TrialState::Whole));
            progress.trial_done(&end, time);
            // With one lane, no other trial is running now, and the next one begins when this has returned. Trials side by side
            // leave no such gap; they ask testbeds alone, whose objects go with them.
            if lanes == 1 {
                cleaner.note(end.leftovers);
                cleaner.delete().await;
                if self.schedule.is_none() {
                    clocks.probe_if_due().await;
                }
            }
        }
        clocks.probe().await;
        clocks.finish();
        progress.finish();
        let (transfers, failures) = progress.totals();
        Ok(SweepEnd { transfers, failures, missing: left, left: Vec::new() })
    }

    /// Whether the first trial waits for its turn long enough for a probe of the clocks, where all machines begin it together.
    fn has_time_to_probe(&self, first: Option<&Trial>) -> bool {
        let start = first.zip(self.schedule.as_ref()).and_then(|(trial, schedule)| schedule.of(trial));
        start.is_none_or(|start| start.micros_since(self.clock.wall()) > PROBE_US)
    }

    fn trial_run(
        &self,
        context: &Arc<RunContext>,
        trial: &Trial,
        cell: &Arc<Cell>,
        targets: &Targets,
        sources: &mut Sources,
    ) -> Result<TrialRun, SourceError> {
        Ok(TrialRun {
            run: Arc::clone(context),
            trial: trial.clone(),
            common_start: self.schedule.as_ref().and_then(|schedule| schedule.of(trial)),
            attempt: self.attempts.get(&trial.trial_id).copied().unwrap_or(0) + 1,
            cell: Arc::clone(cell),
            target: targets.of(cell),
            source: sources.of(cell)?,
        })
    }
}

/// What a probe of the clocks may take, and some room.
const PROBE_US: i64 = 15_000_000;

/// Runs a trial as a task of its own, so that trials side by side use all processors.
async fn run_apart(run: TrialRun, time: Duration) -> (TrialEnd, Duration) {
    match tokio::spawn(run.run()).await {
        Ok(end) => (end, time),
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
