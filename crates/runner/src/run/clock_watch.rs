//! Keeps `clock.csv` while a run goes on: probes of the servers' clocks between its trials, and every step of a clock.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;
use ttlsweep_record::units::format_micros;
use ttlsweep_record::{Cell, ClockEntry, ClockRecord, TargetKind, Timestamp};
use ttlsweep_rundir::environment::ClockOffset;

use crate::run::Run;
use crate::run::progress::Progress;
use crate::s3::object_key::ObjectKey;
use crate::transfer::clock_probe::{Effort, MOST_REQUESTS, Round, patient, round};
use crate::transfer::one_off::OneOff;
use crate::transfer::target::Target;

/// The clocks of one run.
#[derive(Debug)]
pub(crate) struct ClockWatch {
    run: Arc<Run>,
    /// The stores among its targets. A testbed's clock is this machine's.
    stores: Vec<Asked>,
    rounds: u32,
    last_round: Instant,
    looking: JoinHandle<()>,
}

/// A store whose clock is asked for.
#[derive(Debug)]
struct Asked {
    target: Arc<Target>,
    /// A cell that names it.
    cell: Cell,
    key: ObjectKey,
    /// What the last probe found.
    known: Option<ClockOffset>,
}

impl ClockWatch {
    /// Begins to look at this machine's clock.
    pub(crate) fn begin(run: Arc<Run>) -> Self {
        let mut stores: Vec<Asked> = Vec::new();
        for cell in run.plan.cells.iter().filter(|cell| cell.target == TargetKind::S3) {
            let target = run.targets.of(cell);
            if !stores.iter().any(|known| Arc::ptr_eq(&known.target, &target)) {
                let key = run.prefix(cell).key("clock");
                stores.push(Asked { target, cell: patient(cell), key, known: None });
            }
        }
        let watched = Arc::clone(&run);
        let looking = tokio::spawn(async move {
            loop {
                tell_steps(&watched);
                tokio::time::sleep(LOOK_EVERY).await;
            }
        });
        Self { run, stores, rounds: 0, last_round: Instant::now(), looking }
    }

    /// Probes every store's clock, if the experiment lets it. No trial may be under way.
    pub(crate) async fn probe(&mut self, progress: &Progress) {
        let (mut stop, within) = (self.run.stop.listen(None), self.run.experiment.clock_probe);
        if self.stores.is_empty() || within.is_zero() || stop.now().is_some() {
            return;
        }
        self.rounds += 1;
        for number in 0..self.stores.len() {
            let Asked { target, cell, key, known } = &self.stores[number];
            let endpoint = target.endpoint.to_string();
            let ids = Arc::new(AtomicU64::new(0));
            let one_off = OneOff { target, cell, clock: &*self.run.clock, ids };
            let asked = |number| progress.clock_asked(&endpoint, number, MOST_REQUESTS);
            let effort = Effort { within, known: *known, confirm: false, asked: &asked };
            let found = round(&one_off, key, effort, &mut stop).await;
            self.record(&endpoint, &found);
            if let Some(bracket) = found.bracket.filter(|_| self.rounds == 1) {
                warn_if_off(&endpoint, &bracket);
            }
            self.stores[number].known = found.bracket;
        }
        self.last_round = Instant::now();
    }

    /// Probes if the last time was an hour ago. No trial may be under way.
    pub(crate) async fn probe_if_due(&mut self, progress: &Progress) {
        if self.last_round.elapsed() >= AGAIN_AFTER {
            self.probe(progress).await;
        }
    }

    /// Ends the looking; what was found is reported.
    pub(crate) fn finish(self) {
        tell_steps(&self.run);
    }

    fn record(&self, endpoint: &str, found: &Round) {
        let row = |entry, at, sent_at, received_at| ClockRecord {
            endpoint: Some(endpoint.to_owned()),
            round: Some(self.rounds),
            ..blank(&self.run, entry, at, sent_at, received_at)
        };
        for answer in &found.answers {
            self.run.sink.clock(ClockRecord {
                server_time: Some(answer.server),
                status: answer.status,
                low_us: Some(answer.server.micros_since(answer.received)),
                high_us: Some(answer.server.micros_since(answer.sent) + SECOND_US),
                ..row(ClockEntry::Probe, answer.received, answer.sent, answer.received)
            });
        }
        let (Some(bracket), Some(first), Some(last)) = (found.bracket, found.answers.first(), found.answers.last())
        else {
            return;
        };
        self.run.sink.clock(ClockRecord {
            low_us: Some(bracket.low_us),
            high_us: Some(bracket.high_us),
            answers: Some(found.answers.len() as u64),
            stale_us: Some(found.stale_us),
            ..row(ClockEntry::Bracket, last.received, first.sent, last.received)
        });
    }
}

impl Drop for ClockWatch {
    fn drop(&mut self) {
        self.looking.abort();
    }
}

/// Writes and says which steps were found since the last time.
fn tell_steps(run: &Run) {
    let steps = run.targets.steps();
    steps.look(run.clock.anchor());
    for step in steps.take() {
        tracing::warn!(
            "this machine's clock was set {} at {} (or the machine slept): the instants before and behind that are by two \
             clocks, as clock.csv says",
            direction(step.by_us),
            step.found
        );
        run.sink.clock(ClockRecord {
            step_us: Some(step.by_us),
            trials: Some(step.trials).filter(|trials| !trials.is_empty()),
            ..blank(run, ClockEntry::Step, step.found, step.after, step.found)
        });
    }
    for target in run.targets.all() {
        for step in target.offset.take_server_steps() {
            tracing::warn!(
                "{}: the server's clock was set {} or more by {}",
                target.endpoint,
                direction(step.by_us),
                step.found
            );
            run.sink.clock(ClockRecord {
                endpoint: Some(target.endpoint.to_string()),
                step_us: Some(step.by_us),
                ..blank(run, ClockEntry::ServerStep, step.found, step.after, step.found)
            });
        }
    }
}

fn direction(by_us: i64) -> String {
    let way = if by_us < 0 { "back" } else { "forward" };
    format!("{way} by {}", format_micros(by_us.unsigned_abs()))
}

/// A row of which nothing is known but when.
fn blank(run: &Run, entry: ClockEntry, at: Timestamp, sent_at: Timestamp, received_at: Timestamp) -> ClockRecord {
    ClockRecord {
        run_id: run.id().to_owned(),
        host: run.environment.host.clone(),
        entry,
        endpoint: None,
        round: None,
        at,
        sent_at,
        received_at,
        server_time: None,
        status: None,
        low_us: None,
        high_us: None,
        answers: None,
        stale_us: None,
        step_us: None,
        trials: None,
    }
}

/// Links expire by the server's clock: one that is off by seconds makes expiries of seconds meaningless to anyone who reads them.
fn warn_if_off(endpoint: &str, bracket: &ClockOffset) {
    if let Some(off) = surely_off(bracket) {
        tracing::warn!("{endpoint}: {off}; links expire by the server's clock: set this machine's, for example by NTP");
    }
}

/// How far this machine's clock is off, where it surely is by more than a second.
fn surely_off(bracket: &ClockOffset) -> Option<String> {
    let middle = i64::midpoint(bracket.low_us, bracket.high_us);
    let half = (bracket.high_us - bracket.low_us) / 2;
    if middle.abs() - half <= SECOND_US {
        return None;
    }
    let side = if middle > 0 { "behind" } else { "ahead of" };
    let (off, within) = (format_micros(middle.unsigned_abs()), format_micros(half.unsigned_abs()));
    Some(format!("this machine's clock is {off} {side} the server's, ± {within}"))
}

const SECOND_US: i64 = 1_000_000;
const LOOK_EVERY: Duration = Duration::from_millis(500);
const AGAIN_AFTER: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_told_to_be_off_only_where_that_is_sure() {
        let off = |low_us, high_us| surely_off(&ClockOffset { low_us, high_us, responses: 9 });
        assert_eq!(off(-3_000, 3_000), None);
        assert_eq!(off(900_000, 1_090_000), None);
        let ahead = off(-20_010_000, -19_990_000).unwrap();
        assert!(ahead.starts_with("this machine's clock is 20.") && ahead.contains("ahead of the server's"), "{ahead}");
        assert!(off(2_000_000, 2_010_000).unwrap().contains("behind the server's"));
    }
}
