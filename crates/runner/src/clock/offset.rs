//! The server's clock against this machine's, bracketed by every response of a run.
//!
//! A `Date` header is cut to whole seconds, so one of them says little: the server's clock stood within one second when
//! it was written, some time between the request's last byte and the response's first. Each response allows an interval
//! of offsets; their intersection over a run is narrow.
//!
//! Where two intervals do not meet, one of these has happened, and none of them may pass in silence:
//! - clocks drift: a bracket that is old gives way by as much as clocks drift;
//! - the server's dates are stale: some servers make one once a second, or keep it. A stale date is never ahead of the server's
//!   clock, so that the lower bounds still hold, and the upper ones are moved up by the date's age;
//! - the server's clock was set: the bracket begins again, and the step is reported.
//!
//! Steps of this machine's own clock are none of these: [`WallSteps`] knows them exactly, and they are taken out first.

use std::sync::{Arc, Mutex, MutexGuard};

use tokio::time::Instant;
use ttlsweep_record::Timestamp;
use ttlsweep_rundir::environment::ClockOffset;

use crate::clock::Anchor;
use crate::clock::wall_steps::WallSteps;
use crate::lock::lock;

/// The bracket for one endpoint.
#[derive(Debug, Default)]
pub struct OffsetBracket {
    steps: Arc<WallSteps>,
    state: Mutex<State>,
}

/// All offsets here are against the steady clock, which no step of this machine's clock moves.
#[derive(Debug, Default)]
struct State {
    current: Option<Bounds>,
    /// What held before the server's clock was set, or before its dates were known to be stale.
    before: Option<ClockOffset>,
    stale_us: i64,
    server_steps: Vec<ServerStep>,
}

#[derive(Debug, Clone, Copy)]
struct Bounds {
    offset: ClockOffset,
    /// When they held; later, they are wider by what clocks drift.
    at: Instant,
    /// The last answer, by this machine's clock.
    last: Timestamp,
}

/// A step of the server's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerStep {
    /// The last answer before it, by this machine's clock.
    pub after: Timestamp,
    /// The answer that showed it.
    pub found: Timestamp,
    /// The least by which it was set forward, in microseconds; negative = back.
    pub by_us: i64,
}

impl OffsetBracket {
    /// A bracket that takes the steps of this machine's clock into account.
    pub fn new(steps: Arc<WallSteps>) -> Self {
        Self { steps, state: Mutex::default() }
    }

    /// The steps of this machine's clock, for another bracket.
    pub(crate) fn shared_steps(&self) -> &Arc<WallSteps> {
        &self.steps
    }

    /// The steps of this machine's clock.
    pub(crate) fn steps(&self) -> &WallSteps {
        &self.steps
    }

    /// Narrows the bracket by a response that says `server` (whole seconds), between `before` and `after` by the clock of
    /// `anchor`.
    pub(crate) fn narrow(&self, server: Timestamp, before: Timestamp, after: Timestamp, anchor: &Anchor) {
        let shift = self.steps.shift_us(anchor);
        let mut state = self.state();
        let at = anchor.instant_at(after);
        let offset = ClockOffset::of_answer(server, before, after).moved(shift);
        let answer = Bounds { offset, at, last: after };
        let Some(old) = state.current else {
            state.current = Some(answer);
            return;
        };
        let stale_us = state.stale_us;
        let met = old.met_with(&answer, stale_us).or_else(|gap| {
            // Servers in the field make one date per second; a server that keeps a date for longer needs as much more.
            let stale_us = stale_us + (gap.unsigned_abs() as i64 / SECOND + 1) * SECOND;
            if stale_us > STALEST_US {
                return Err(gap);
            }
            state.stale_us = stale_us;
            state.before = Some(hull(state.before, old.bracket(0)));
            // Whether it is that, or a small step of the server's clock, cannot be told: what was known before counts no more.
            Ok(ClockOffset { responses: old.offset.responses + 1, ..answer.offset })
        });
        state.current = Some(match met {
            Ok(offset) => Bounds { offset, at: old.at.max(at), last: after },
            Err(by_us) => {
                state.before = Some(hull(state.before, old.bracket(stale_us)));
                state.server_steps.push(ServerStep { after: old.last, found: after, by_us });
                answer
            }
        });
    }

    /// What holds of the whole run so far, against the clock of `anchor`.
    pub fn bracket(&self, anchor: &Anchor) -> Option<ClockOffset> {
        let state = self.state();
        let current = state.current?.bracket(state.stale_us);
        Some(hull(state.before, current).moved(-self.steps.shift_us(anchor)))
    }

    /// What the answers since the last contradiction say, against the clock of `anchor`.
    pub(crate) fn newest(&self, anchor: &Anchor) -> Option<ClockOffset> {
        let state = self.state();
        Some(state.current?.bracket(state.stale_us).moved(-self.steps.shift_us(anchor)))
    }

    /// How many microseconds the server's clock is ahead of that of `anchor`: the middle of what holds now.
    pub fn middle_us(&self, anchor: &Anchor) -> Option<i64> {
        self.newest(anchor).map(ClockOffset::middle_us)
    }

    /// How old the server's dates may be, in microseconds; 0 = nothing says that they are stale.
    pub(crate) fn stale_us(&self) -> u64 {
        self.state().stale_us.unsigned_abs()
    }

    /// The steps of the server's clock that were found since this was last asked.
    pub(crate) fn take_server_steps(&self) -> Vec<ServerStep> {
        std::mem::take(&mut self.state().server_steps)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Bounds {
    fn bracket(&self, stale_us: i64) -> ClockOffset {
        ClockOffset { high_us: self.offset.high_us + stale_us, ..self.offset }
    }

    /// What this and an answer allow together; else by how much they miss each other, positive where the answer is above.
    fn met_with(&self, answer: &Self, stale_us: i64) -> Result<ClockOffset, i64> {
        // What was known some time ago is known now to within what clocks drift.
        let drift = drift(self.at, answer.at);
        let old = widened(self.offset, drift);
        let met = old.met_with(answer.offset);
        let gap = met.low_us - met.high_us - stale_us;
        if gap > NOISE_US {
            return Err(if answer.offset.low_us > old.high_us + stale_us { gap } else { -gap });
        }
        // Where they miss each other by no more than stamps are off, both are widened so that they touch.
        Ok(widened(met, gap.max(0)))
    }
}

fn widened(offset: ClockOffset, by_us: i64) -> ClockOffset {
    ClockOffset { low_us: offset.low_us - by_us, high_us: offset.high_us + by_us, ..offset }
}

fn drift(from: Instant, to: Instant) -> i64 {
    i64::try_from(to.saturating_duration_since(from).as_micros() / DRIFT_ONE_IN).unwrap_or(i64::MAX)
}

/// The answers of the one are among those of the other.
fn hull(one: Option<ClockOffset>, other: ClockOffset) -> ClockOffset {
    let both = |one: ClockOffset| ClockOffset { responses: one.responses.max(other.responses), ..one.hull(other) };
    one.map_or(other, both)
}

const SECOND: i64 = 1_000_000;

/// A date older than this is not met: what asks for more is a clock that was set.
const STALEST_US: i64 = 2 * SECOND;

/// What stamps of a process that waits for a processor may be off.
const NOISE_US: i64 = 1_000;

/// Clocks without discipline drift by some 20 and seldom by more than 50 millionths, two of them by twice as much.
const DRIFT_ONE_IN: u128 = 10_000;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A machine whose steady clock shows `at` microseconds, and whose wall clock has been set forward by `shift` since.
    struct Machine(Instant);

    impl Machine {
        fn anchor(&self, at: i64, shift: i64) -> Anchor {
            let instant = self.0 + Duration::from_micros(at.unsigned_abs());
            Anchor { instant, wall: Timestamp::from_unix_micros(at + shift) }
        }

        /// An answer at `at` with a round trip of 2 ms, whose date was written for the server's time `reported`.
        fn hear(&self, bracket: &OffsetBracket, at: i64, shift: i64, reported: i64) {
            let anchor = self.anchor(at - 1000, shift);
            bracket.steps().look(self.anchor(at - 1000, shift));
            let wall = |at: i64| Timestamp::from_unix_micros(at + shift);
            let server = Timestamp::from_unix_micros(reported.div_euclid(SECOND) * SECOND);
            bracket.narrow(server, wall(at - 1000), wall(at + 1000), &anchor);
        }
    }

    #[test]
    fn many_responses_narrow_what_one_leaves_wide() {
        let (machine, bracket, truth) = (Machine(Instant::now()), OffsetBracket::default(), 300_000);
        // Requests at scattered fractions of a second; the server's clock is 300 ms ahead and cut to whole seconds.
        for at in (0..200).map(|index| 1_000_000 + index * 137_331) {
            machine.hear(&bracket, at, 0, at + truth);
        }
        let found = bracket.bracket(&machine.anchor(30_000_000, 0)).unwrap();
        assert!(found.low_us <= truth && truth <= found.high_us, "{found:?}");
        assert!(found.high_us - found.low_us < 30_000, "{found:?}");
        assert_eq!((found.responses, bracket.stale_us()), (200, 0));
    }

    #[test]
    fn a_step_of_this_machines_clock_moves_the_bracket_and_loses_nothing_of_it() {
        let (machine, bracket) = (Machine(Instant::now()), OffsetBracket::default());
        let shift_at = |index: i64| if index < 100 { 0 } else { -2 * SECOND };
        for index in 0..200 {
            let at = 1_000_000 + index * 137_331;
            machine.hear(&bracket, at, shift_at(index), at + 20_000);
        }
        let before = bracket.bracket(&machine.anchor(5_000_000, 0)).unwrap();
        assert!(before.low_us <= 20_000 && 20_000 <= before.high_us && before.high_us - before.low_us < 30_000);
        let now = machine.anchor(30_000_000, -2 * SECOND);
        let after = bracket.bracket(&now).unwrap();
        assert_eq!((after.low_us - before.low_us, after.high_us - before.high_us), (2 * SECOND, 2 * SECOND));
        let middle = bracket.middle_us(&now).unwrap();
        assert!((middle - 2_020_000).abs() < 15_000, "{middle}");
        assert_eq!(bracket.take_server_steps(), []);
        assert_eq!(bracket.steps().take().len(), 1);
    }

    #[test]
    fn a_step_of_the_servers_clock_is_reported_and_the_run_as_a_whole_knows_both_sides() {
        let (machine, bracket) = (Machine(Instant::now()), OffsetBracket::default());
        for index in 0..200 {
            let at = 1_000_000 + index * 137_331;
            machine.hear(&bracket, at, 0, at + if index < 100 { 0 } else { 20 * SECOND });
        }
        let steps = bracket.take_server_steps();
        assert_eq!(steps.len(), 1, "{steps:?}");
        assert!((18 * SECOND..=20 * SECOND).contains(&steps[0].by_us), "{steps:?}");
        let now = machine.anchor(30_000_000, 0);
        let whole = bracket.bracket(&now).unwrap();
        assert!(whole.low_us <= 0 && whole.high_us >= 20 * SECOND, "{whole:?}");
        assert!((bracket.middle_us(&now).unwrap() - 20 * SECOND).abs() < 30_000);
    }

    /// As uvicorn does: its date is made once in 1.01 s, so that the second turns later each time.
    #[test]
    fn dates_that_are_made_once_a_second_widen_the_bracket_around_the_truth() {
        for truth in [0, -40_000, 700_000] {
            let (machine, bracket) = (Machine(Instant::now()), OffsetBracket::default());
            for at in (0..400).map(|index| 1_000_000 + index * 97_331) {
                let made = (at + truth) / 1_010_000 * 1_010_000;
                machine.hear(&bracket, at, 0, made);
            }
            let found = bracket.bracket(&machine.anchor(60_000_000, 0)).unwrap();
            assert!(found.low_us <= truth && truth <= found.high_us, "{truth}: {found:?}");
            assert!(bracket.stale_us() >= 1_000_000, "{found:?}");
            assert_eq!(bracket.take_server_steps(), []);
        }
    }

    #[test]
    fn an_hours_drift_is_neither_a_step_nor_a_stale_date() {
        let (machine, bracket) = (Machine(Instant::now()), OffsetBracket::default());
        for hour in 0..5 {
            for index in 0..100 {
                let at = hour * 3_600_000_000 + 1_000_000 + index * 137_331;
                // 20 millionths.
                machine.hear(&bracket, at, 0, at + at / 50_000);
            }
        }
        let now = machine.anchor(4 * 3_600_000_000 + 20_000_000, 0);
        let found = bracket.newest(&now).unwrap();
        let truth = 4 * 72_000;
        assert!(found.low_us <= truth + 1000 && truth <= found.high_us, "{found:?}");
        assert_eq!((bracket.stale_us(), bracket.take_server_steps()), (0, vec![]));
    }
}
