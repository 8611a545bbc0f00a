//! A portion of a run as a task of an engine meets it: not begun, begun by a task that was killed, or whole.

use std::io;
use std::path::Path;

use ttlsweep_record::environment::Environment;
use ttlsweep_record::{Portion, Timestamp};

use super::resume;
use crate::cli::RunArgs;
use crate::exit::{ExitCode, Failure};
use crate::experiment::Experiment;
use crate::plan::Plan;
use crate::portion::derived_run_id;
use crate::progress::Mode;
use crate::run_folder::portion::{Found, PortionPlace};
use crate::run_folder::{FolderError, RunFolder};

/// A portion with its place on the disk.
pub(super) struct PlacedPortion {
    pub(super) portion: Portion,
    /// The run's name, which all its portions share.
    pub(super) run_id: String,
    plan_hash: String,
    place: PortionPlace,
}

impl PlacedPortion {
    /// The place that the arguments and the whole plan tell.
    pub(super) fn new(args: &RunArgs, experiment: &Experiment, whole: &Plan, portion: Portion) -> Self {
        let run_id = args.portion.run_id.clone().unwrap_or_else(|| derived_run_id(&whole.hash));
        let place = PortionPlace::new(&args.out, &experiment.name, &run_id, portion);
        Self { portion, run_id, plan_hash: whole.hash.clone(), place }
    }

    /// Leaves alone what is whole, and finishes what was begun; nothing where the portion has yet to begin.
    ///
    /// # Errors
    /// Another process is at it, what is there is of another plan, or as for `resume`.
    pub(super) async fn go_on(&self, progress: Mode) -> Result<Option<ExitCode>, Failure> {
        match self.place.look().map_err(failure)? {
            Found::Nothing => Ok(None),
            Found::Finished(path) => {
                self.check_plan(&path)?;
                println!("{}", path.display());
                eprintln!("{} of run {} is whole; it is left alone", self.portion, self.run_id);
                Ok(Some(ExitCode::Done))
            }
            Found::Unfinished(folder) => {
                self.check_plan(folder.path())?;
                eprintln!("{} of run {} was begun before; it is gone on with", self.portion, self.run_id);
                resume::finish(&folder, progress).await.map(Some)
            }
        }
    }

    /// Makes the folder, as [`RunFolder::create`] does.
    ///
    /// # Errors
    /// The file system refuses, or another process has just begun the same portion.
    pub(super) fn create(
        &self,
        now: Timestamp,
        frozen: &str,
        fill: impl FnOnce(&Path) -> io::Result<()>,
    ) -> Result<RunFolder, Failure> {
        self.place.create(now, frozen, fill).map_err(failure)
    }

    fn check_plan(&self, folder: &Path) -> Result<(), Failure> {
        let environment = Environment::read(folder).map_err(|error| Failure::new(ExitCode::Usage, error))?;
        if environment.plan_hash == self.plan_hash {
            return Ok(());
        }
        let message = format!(
            "{} is of plan {}, and this experiment gives plan {}: give the new plan another `--run-id`, or bring the old \
             experiment back",
            folder.display(),
            environment.plan_hash,
            self.plan_hash
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
