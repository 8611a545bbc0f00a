//! A run from its first trial to its last: its folder, the trials, the files it writes, what it deletes.

pub(crate) mod cleanup;
pub(crate) mod clock_watch;
pub(crate) mod environment;
pub(crate) mod files;
pub(crate) mod folder;
pub(crate) mod looks;
pub(crate) mod progress;
pub(crate) mod repair;
pub(crate) mod sweep;
pub(crate) mod trial;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use ttlsweep_record::{Cell, Portion, Share};
use ttlsweep_rundir::environment::Environment;

use crate::clock::{Clock, SystemClock};
use crate::experiment::Experiment;
use crate::plan::Plan;
use crate::run::files::RowSink;
use crate::run::looks::Asked;
use crate::run::progress::Mode;
use crate::s3::object_key::RunPrefix;
use crate::stop::StopSwitch;
use crate::target::Targets;

/// A run under way: what it asks and whom, what stops it, and where its rows go. All its trials share it.
#[derive(Debug)]
pub struct Run {
    /// The question.
    pub experiment: Experiment,
    /// The plan, or the portion of it that this process runs.
    pub plan: Plan,
    /// Names the run and this machine, and says which portion of the whole plan this is.
    pub environment: Environment,
    /// The endpoints that the plan's cells name.
    pub targets: Targets,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// Ends the run in order.
    pub stop: StopSwitch,
    /// Leaves what is still in the bucket to `ttlsweep clean`.
    pub leave: StopSwitch,
    /// How it shows its progress.
    pub progress: Mode,
    /// How it finds out whether it may end before its plan does; `None` if it runs all of it.
    pub asked: Option<Asked>,
    /// Takes the rows.
    pub sink: RowSink,
    /// Numbers the connections.
    pub connection_ids: Arc<AtomicU64>,
}

impl Run {
    /// A run by the system's clock, with switches of its own, whose first connection has the number 1.
    pub fn new(experiment: Experiment, plan: Plan, environment: Environment, targets: Targets, sink: RowSink) -> Self {
        Self {
            experiment,
            plan,
            environment,
            targets,
            clock: Arc::new(SystemClock),
            stop: StopSwitch::new(),
            leave: StopSwitch::new(),
            progress: Mode::Auto,
            asked: None,
            sink,
            connection_ids: Arc::default(),
        }
    }

    /// Its name.
    pub(crate) fn id(&self) -> &str {
        &self.environment.run_id
    }

    /// What the keys of a cell's objects begin with.
    pub(crate) fn prefix(&self, cell: &Cell) -> RunPrefix {
        RunPrefix::new(&cell.prefix, &self.experiment.name, self.id()).of_portion(self.environment.portion())
    }

    /// The part of every trial's users that this process runs; `None` if it runs all of them.
    fn part(&self) -> Option<Share> {
        self.environment.portion().and_then(Portion::part)
    }
}
