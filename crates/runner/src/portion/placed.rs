//! A portion of a run as a task of an engine meets it: not begun, begun by a task that was killed, or whole.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ttlsweep_record::{Portion, Timestamp};
use ttlsweep_rundir::environment::Environment;

use super::derived_run_id;
use crate::clock::{Clock, SystemClock};
use crate::experiment::Experiment;
use crate::plan::{CommonStart, Plan, next_common_start};
use crate::run::folder::portion::{OnDisk, PortionPlace};
use crate::run::folder::{FolderError, RunFolder};

/// What is asked for on the command line beside the portion itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct AskedRun {
    /// The run's name.
    pub run_id: Option<String>,
    /// When the first trial begins on all machines.
    pub start_at: Option<Timestamp>,
    /// The time from one trial's start to the next.
    pub start_every: Option<Duration>,
}

/// A portion with its place on the disk.
#[derive(Debug)]
pub(crate) struct PlacedPortion {
    /// Which one.
    pub portion: Portion,
    /// The run's name, which all its portions share.
    pub run_id: String,
    /// When the trials begin, where all machines run them together.
    pub start: Option<CommonStart>,
    plan_hash: String,
    place: PortionPlace,
}

/// What is there of a portion, all of it of this plan.
#[derive(Debug)]
pub(crate) enum Progress {
    /// Nothing: it has yet to begin.
    Nothing,
    /// What an earlier process left unfinished.
    Unfinished(RunFolder),
    /// All of it.
    Whole(PathBuf),
}

/// Why a portion cannot be run here.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// Trials would run side by side, each at a time of its own.
    #[error(
        "the parts of a trial begin together, and {0} trials side by side would not: write `parallel_trials = 1` below \
         [experiment], or `--set experiment.parallel_trials=1`"
    )]
    SideBySide(u32),
    /// Each part would end where it finds each target decided, and leave trials of which others are a part.
    #[error(
        "all parts of a trial must run, and with `stop` each machine would end at a block of its own: write \
         `repetitions = {0}` in place of `stop` and `blocks`, or `--set experiment.repetitions={0}`; or run shards, each of which \
         has whole blocks"
    )]
    EndsEarly(u32),
    /// What is there is of another plan.
    #[error(
        "{place} is of plan {there}, and this experiment gives plan {here}: give the new plan another `--run-id`, or bring \
         the old experiment back"
    )]
    OtherPlan {
        /// Where.
        place: String,
        /// Its plan's hash.
        there: String,
        /// This plan's.
        here: String,
    },
    /// The folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The `environment.json` that is there cannot be read.
    #[error(transparent)]
    Environment(io::Error),
}

impl PlacedPortion {
    /// The place below `out` of a portion of the `whole` plan. The run's name follows from the plan if none is asked for, and
    /// its start from the clock.
    ///
    /// # Errors
    /// Trials would run side by side, each at a time of its own.
    pub(crate) fn new(
        out: &Path,
        experiment: &Experiment,
        whole: &Plan,
        portion: Portion,
        asked: AskedRun,
    ) -> Result<Self, PlaceError> {
        if portion.part().is_some() && experiment.parallel_trials > 1 {
            return Err(PlaceError::SideBySide(experiment.parallel_trials));
        }
        if portion.part().is_some() && experiment.least_blocks.is_some() {
            return Err(PlaceError::EndsEarly(experiment.repetitions));
        }
        let run_id = asked.run_id.unwrap_or_else(|| derived_run_id(&whole.hash));
        let place = PortionPlace::new(out, &experiment.name, &run_id, portion);
        let start = portion.part().map(|_| CommonStart {
            at: asked.start_at.unwrap_or_else(|| next_common_start(SystemClock.wall())),
            every: asked.start_every,
        });
        Ok(Self { portion, run_id, start, plan_hash: whole.hash.clone(), place })
    }

    /// Looks what is there, and takes what is unfinished.
    ///
    /// # Errors
    /// Another process is at it, or what is there is of another plan.
    pub(crate) fn look(&self) -> Result<Progress, PlaceError> {
        match self.place.look()? {
            OnDisk::Nothing => {
                // One that gets its own name meanwhile cannot be read, and is checked when all are merged.
                if let Some(another) = self.place.another().filter(|folder| Environment::read(folder).is_ok()) {
                    self.check_plan(&another)?;
                }
                Ok(Progress::Nothing)
            }
            OnDisk::Finished(path) => {
                self.check_plan(&path)?;
                Ok(Progress::Whole(path))
            }
            OnDisk::Unfinished(folder) => {
                self.check_plan(folder.path())?;
                Ok(Progress::Unfinished(folder))
            }
        }
    }

    /// What `environment.json` says of the portion; `whole` is that of a run of the whole plan.
    pub(crate) fn environment(&self, whole: Environment) -> Environment {
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
    pub(crate) fn create(
        &self,
        frozen: &str,
        fill: impl FnOnce(&Path) -> io::Result<()>,
    ) -> Result<RunFolder, PlaceError> {
        Ok(self.place.create(frozen, fill)?)
    }

    /// Where it lies when it is whole.
    pub(crate) fn finished(&self) -> PathBuf {
        self.place.finished()
    }

    fn check_plan(&self, folder: &Path) -> Result<(), PlaceError> {
        let environment = Environment::read(folder).map_err(PlaceError::Environment)?;
        self.check_hash(folder.display(), &environment)
    }

    /// Holds that what is `there` is of this plan.
    ///
    /// # Errors
    /// It is of another.
    pub(crate) fn check_hash(&self, place: impl fmt::Display, there: &Environment) -> Result<(), PlaceError> {
        if there.plan_hash == self.plan_hash {
            return Ok(());
        }
        Err(PlaceError::OtherPlan {
            place: place.to_string(),
            there: there.plan_hash.clone(),
            here: self.plan_hash.clone(),
        })
    }
}

/// The portion of a run in words.
impl fmt::Display for PlacedPortion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of run {}", self.portion, self.run_id)
    }
}
