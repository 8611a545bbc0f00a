//! A trial that is ready to run, and what its users take from it.

use std::sync::Arc;
use std::time::Duration;

use ttlsweep_record::{BandwidthPer, Cell, Method, Timestamp};

use crate::plan::{Trial, own_users};
use crate::run::Run;
use crate::transfer::target::Target;
use crate::wire::body::Source;

/// One trial, ready to run.
#[derive(Debug)]
pub struct TrialRun {
    /// What it shares with the others.
    pub run: Arc<Run>,
    /// Its place in the plan.
    pub trial: Trial,
    /// When it begins on all machines, its jitter not counted; `None` if it begins when its turn comes.
    pub common_start: Option<Timestamp>,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// Its settings.
    pub cell: Arc<Cell>,
    /// The endpoint that it asks.
    pub target: Arc<Target>,
    /// Where its bodies come from.
    pub source: Source,
}

impl TrialRun {
    /// How often the kernel is asked about each transfer: every 100 ms, or as far apart as the run's budget allows.
    pub(super) fn sample_every(&self) -> Duration {
        let users = u64::from(own_users(&self.cell, self.run.part())) * u64::from(self.run.experiment.parallel_trials);
        SAMPLE_EVERY.max(Duration::from_micros(users * 1_000_000 / SAMPLES_A_SECOND))
    }

    /// Bytes a second that one user of a capped download reads.
    pub(super) fn reads_per_s(&self) -> Option<u64> {
        let rate = self.cell.bandwidth_bps.filter(|_| self.cell.method == Method::Get)?;
        let sharers = if self.cell.bandwidth_per == BandwidthPer::Trial { self.cell.users } else { 1 };
        Some(rate.bits_per_second() / 8 / u64::from(sharers))
    }
}

const SAMPLE_EVERY: Duration = Duration::from_millis(100);
const SAMPLES_A_SECOND: u64 = 2_000;
