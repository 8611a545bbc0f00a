//! One trial: the jitter, then every user of the cell at once, then the row.

mod trial_run;
mod user;

pub use trial_run::TrialRun;
pub(crate) use user::{RUN_KILLED, download_key};

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;
use ttlsweep_record::units::{micros, signed_micros};
use ttlsweep_record::{BandwidthPer, HarnessRecord, Share, TrialRecord, TrialState};

use crate::host::lag::LagProbe;
use crate::host::machine;
use crate::host::usage::UsageProbe;
use crate::plan::{Trial, own_bandwidth, own_users};
use crate::run::cleanup::{CreatedObject, PendingCleanup};
use crate::stop::{Stop, StopReason};
use crate::wire::Side;
use crate::wire::cap_use::CapUse;
use crate::wire::limiter::Limiter;

use user::{Multipart, Tally, User};

/// What a trial came to.
#[derive(Debug)]
pub struct TrialEnd {
    /// The row that was written; `None` if the run was stopped before the trial began.
    pub row: Option<TrialRecord>,
    /// How many of its transfers failed.
    pub failures: u64,
    /// What it made in the bucket.
    pub pending: PendingCleanup,
}

impl TrialRun {
    /// Runs the trial and writes its rows.
    pub async fn run(self) -> TrialEnd {
        let this = Arc::new(self);
        let (run, cell) = (&this.run, &this.cell);
        let mut stop = run.stop.listen(None);
        if this.wait_for_start(&mut stop).await.is_some() {
            return TrialEnd { row: None, failures: 0, pending: this.pending(Vec::new()) };
        }
        let steps = this.target.offset.steps();
        steps.trial_begins(&this.trial.trial_id, run.clock.anchor());
        let (probe, usage) = (LagProbe::start(), UsageProbe::start());
        let cap_use = Arc::new(CapUse::default());
        let anchor = run.clock.anchor();
        let shared_cap = this.shared_cap(&cap_use);
        let deadline = cell.duration_us.map(|us| anchor.instant + Duration::from_micros(us));
        let mut users = JoinSet::new();
        for number in run.part().unwrap_or(Share::WHOLE).items(cell.users) {
            let starts = anchor.instant + Duration::from_micros(cell.ramp_us) * (number - 1);
            let user = User {
                trial: Arc::clone(&this),
                number,
                starts,
                starts_at: anchor.wall_at(starts),
                cap: shared_cap.clone().or_else(|| this.own_cap(&cap_use)),
                stop: run.stop.listen(deadline),
                upload: Multipart::None,
                connection: None,
                server: None,
            };
            users.spawn(user.run());
        }
        let mut tally = Tally::default();
        while let Some(done) = users.join_next().await {
            match done {
                Ok(one) => tally.add(one),
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            }
        }
        steps.trial_ends(&this.trial.trial_id, run.clock.anchor());
        let row = this.row(&anchor, &tally, &probe);
        let harness = this.harness_row(&usage, cell.bandwidth_bps.is_some().then_some(&cap_use));
        run.sink.trial(row.clone(), harness);
        TrialEnd { row: Some(row), failures: tally.failures, pending: this.pending(tally.made) }
    }

    /// Waits for the trial's turn and its jitter; a reason to stop ends it.
    async fn wait_for_start(&self, stop: &mut Stop) -> Option<StopReason> {
        let Some(common_start) = self.common_start else {
            return stop.sleep_until(Instant::now() + self.trial.jitter).await;
        };
        let jitter = signed_micros(self.trial.jitter);
        let start = common_start.plus_micros(jitter);
        // The clock is read again shortly before: it may have been set right meanwhile.
        let shortly_before = self.run.clock.anchor().instant_at(start.plus_micros(-SHORTLY_US));
        match stop.sleep_until(shortly_before).await {
            Some(reason) => Some(reason),
            None => stop.sleep_until(self.run.clock.anchor().instant_at(start)).await,
        }
    }

    fn pending(&self, made: Vec<CreatedObject>) -> PendingCleanup {
        PendingCleanup { target: Arc::clone(&self.target), cell_id: self.cell.cell_id.clone(), made }
    }

    fn capped_side(&self) -> Side {
        if self.cell.method.is_upload() { Side::Write } else { Side::Read }
    }

    fn shared_cap(&self, used: &Arc<CapUse>) -> Option<(Arc<Limiter>, Side)> {
        let shared = self.cell.bandwidth_per == BandwidthPer::Trial;
        let part = self.run.part();
        let rate = own_bandwidth(&self.cell, part).filter(|_| shared)?;
        let limiter = Limiter::new(rate, own_users(&self.cell, part)).counted_in(Arc::clone(used));
        Some((Arc::new(limiter), self.capped_side()))
    }

    fn own_cap(&self, used: &Arc<CapUse>) -> Option<(Arc<Limiter>, Side)> {
        let limiter = Limiter::new(self.cell.bandwidth_bps?, 1).counted_in(Arc::clone(used));
        Some((Arc::new(limiter), self.capped_side()))
    }

    fn row(&self, anchor: &crate::clock::Anchor, tally: &Tally, probe: &LagProbe) -> TrialRecord {
        let Trial { trial_id, block, position, jitter, .. } = &self.trial;
        let moved = tally.first_byte.zip(tally.last_byte);
        let achieved_bps = moved.and_then(|(first, last)| {
            let nanos = last.checked_duration_since(first)?.as_nanos();
            u64::try_from((u128::from(tally.socket_bytes) * 8_000_000_000).checked_div(nanos)?).ok()
        });
        TrialRecord {
            run_id: self.run.id().to_owned(),
            trial_id: trial_id.clone(),
            attempt: self.attempt,
            cell_id: self.cell.cell_id.clone(),
            block: *block,
            position: *position,
            control: self.cell.control,
            jitter_us: micros(*jitter),
            started_at: anchor.wall,
            ended_at: anchor.wall_at(tally.ended.unwrap_or(anchor.instant)),
            state: match tally.stopped {
                Some(StopReason::Interrupted) => TrialState::Interrupted,
                Some(StopReason::DurationOver) | None => TrialState::Whole,
            },
            transfers: tally.transfers,
            achieved_bps,
            scheduler_lag_us: Some(probe.longest_us()),
            starved: probe.starved(),
            host: self.run.environment.host.clone(),
            part: self.run.part(),
        }
    }

    fn harness_row(&self, usage: &UsageProbe, cap: Option<&Arc<CapUse>>) -> HarnessRecord {
        let usage = usage.so_far();
        HarnessRecord {
            run_id: self.run.id().to_owned(),
            trial_id: self.trial.trial_id.clone(),
            attempt: self.attempt,
            wall_us: micros(usage.wall),
            cpu_us: micros(usage.cpu),
            cpu_permille: usage.cpu_permille,
            cpu_wait_us: usage.cpu_wait.map(micros),
            machine_busy_permille: usage.machine_busy_permille,
            machine_steal_permille: usage.machine_steal_permille,
            cap_cpu_us: cap.map(|used| used.spent_us()),
            cap_late_us: cap.map(|used| used.latest_us()),
            descriptors: usage.descriptors,
            descriptors_limit: machine::descriptor_limit(),
        }
    }
}

const SHORTLY_US: i64 = 1_000_000;
