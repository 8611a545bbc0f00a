//! A portion of a run as a task of an engine meets it: not begun, begun by a task that was killed, or whole.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use ttlsweep_console::say;
use ttlsweep_record::units::format_micros;
use ttlsweep_record::{Portion, TargetKind, Timestamp};
use ttlsweep_rundir::environment::Environment;

use super::ended::Ended;
use super::resume;
use crate::cli::RunArgs;
use crate::clock::{Clock, SystemClock};
use crate::cmd::exit::{ExitCode, Failure};
use crate::experiment::Experiment;
use crate::plan::{CommonStart, Plan, next_common_start};
use crate::portion::derived_run_id;
use crate::run::folder::portion::{Found, PortionPlace};
use crate::run::folder::{FolderError, RunFolder};
use crate::run::progress::Mode;

/// A portion with its place on the disk.
pub(super) struct PlacedPortion {
    pub(super) portion: Portion,
    /// The run's name, which all its portions share.
    pub(super) run_id: String,
    /// When the trials begin, where all machines run them together.
    pub(super) start: Option<CommonStart>,
    plan_hash: String,
    place: PortionPlace,
}

/// Says when the trials begin, and to whom it was left.
pub(super) fn tell_start(start: &CommonStart, plan: &Plan, now: Timestamp) {
    let last = start.schedule(plan).last();
    let late = now.micros_since(start.at);
    if late > 0 {
        let late = format_micros(late.unsigned_abs());
        say!("warning: the first trial began on all machines at {}, {late} ago: this part comes late", start.at);
    } else {
        say!("the first trial begins on all machines at {}, the last one at {last}", start.at);
    }
}

impl PlacedPortion {
    /// The place that the arguments and the whole plan tell.
    ///
    /// # Errors
    /// Trials would run side by side, each at a time of its own.
    pub(super) fn new(
        args: &RunArgs,
        experiment: &Experiment,
        whole: &Plan,
        portion: Portion,
    ) -> Result<Self, Failure> {
        if portion.part().is_some() && experiment.parallel_trials > 1 {
            let message = format!(
                "the parts of a trial begin together, and {} trials side by side would not: write `parallel_trials = 1` below \
                 [experiment], or `--set experiment.parallel_trials=1`",
                experiment.parallel_trials
            );
            return Err(Failure::new(ExitCode::Usage, message));
        }
        if portion.part().is_some() && experiment.target == TargetKind::Embedded {
            say!("note: each part asks a testbed of its own; `--endpoint` names a server that all of them ask");
        }
        let run_id = args.portion.run_id.clone().unwrap_or_else(|| derived_run_id(&whole.hash));
        let place = PortionPlace::new(&args.out, &experiment.name, &run_id, portion);
        let start = portion.part().map(|_| CommonStart {
            at: args.portion.start_at.unwrap_or_else(|| next_common_start(SystemClock.wall())),
            every: args.portion.start_every,
        });
        Ok(Self { portion, run_id, start, plan_hash: whole.hash.clone(), place })
    }

    /// Leaves alone what is whole, and finishes what was begun; `None` if the portion has yet to begin.
    ///
    /// # Errors
    /// Another process is at it, what is there is of another plan, or as for `resume`.
    pub(super) async fn go_on(&self, progress: Mode) -> Result<Option<Ended>, Failure> {
        match self.place.look().map_err(failure)? {
            Found::Nothing => {
                // One that gets its own name meanwhile cannot be read, and is checked when all are merged.
                if let Some(another) = self.place.another().filter(|folder| Environment::read(folder).is_ok()) {
                    self.check_plan(&another)?;
                }
                Ok(None)
            }
            Found::Finished(path) => {
                self.check_plan(&path)?;
                let words = format!("{} of run {} is whole; it is left alone", self.portion, self.run_id);
                Ok(Some(Ended { code: ExitCode::Done, folder: path, left: Vec::new(), words }))
            }
            Found::Unfinished(folder) => {
                self.check_plan(folder.path())?;
                say!("{} of run {} was interrupted earlier; resuming it", self.portion, self.run_id);
                resume::finish(&folder, progress).await.map(Some)
            }
        }
    }

    /// What `environment.json` says of the portion; `whole` is that of a run of the whole plan.
    pub(super) fn environment(&self, whole: Environment) -> Environment {
        Environment {
            run_id: self.run_id.clone(),
            shard: self.portion.shard(),
            part: self.portion.part(),
            start_at: self.start.map(|start| start.at),
            start_every_us: self.start.and_then(CommonStart::every_us),
            ..whole
        }
    }

    /// Makes the folder, as [`RunFolder::create`] does.
    ///
    /// # Errors
    /// The file system refuses, or another process has just begun the same portion.
    pub(super) fn create(
        &self,
        frozen: &str,
        fill: impl FnOnce(&Path) -> io::Result<()>,
    ) -> Result<RunFolder, Failure> {
        self.place.create(frozen, fill).map_err(failure)
    }

    /// Where it lies when it is whole.
    pub(super) fn finished(&self) -> PathBuf {
        self.place.finished()
    }

    fn check_plan(&self, folder: &Path) -> Result<(), Failure> {
        let environment = Environment::read(folder).map_err(|error| Failure::new(ExitCode::Usage, error))?;
        self.check_hash(folder.display(), &environment)
    }

    /// Holds that what is `there` is of this plan.
    ///
    /// # Errors
    /// It is of another.
    pub(super) fn check_hash(&self, place: impl fmt::Display, there: &Environment) -> Result<(), Failure> {
        if there.plan_hash == self.plan_hash {
            return Ok(());
        }
        let message = format!(
            "{place} is of plan {}, and this experiment gives plan {}: give the new plan another `--run-id`, or bring the old \
             experiment back",
            there.plan_hash, self.plan_hash
        );
        Err(Failure::new(ExitCode::Usage, message))
    }
}

/// A task that an engine started while the one before it is still ending need only be started again.
fn failure(error: FolderError) -> Failure {
    match error {
        FolderError::InUse(_) => Failure::new(ExitCode::TryAgain, error),
        other => other.into(),
    }
}
