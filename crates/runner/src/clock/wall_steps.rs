//! Steps of this machine's wall clock, found by holding it against the monotonic one.
//!
//! A clock that is set while a run goes on moves every instant behind it against the server's, and against a link's expiry.
//! NTP slews both clocks alike, so that whatever moves one against the other is a step: somebody set the clock, a virtual
//! machine was resumed, or the machine slept, during which the monotonic clock stands.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard};

use ttlsweep_record::Timestamp;

use crate::clock::Anchor;
use crate::lock::lock;

/// What is known of the steps so far. Instants that are freed of all steps since the first look are called steady here.
#[derive(Debug, Default)]
pub struct WallSteps(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    first: Option<Anchor>,
    last: Option<Anchor>,
    total_us: i64,
    found: Vec<Step>,
    running: BTreeSet<String>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// The last look before it, by the clock before it.
    pub after: Timestamp,
    /// The look that found it, by the clock behind it.
    pub found: Timestamp,
    /// By how much the clock was set forward, in microseconds; negative = back.
    pub by_us: i64,
    /// The trials that were under way when it was found, divided by spaces.
    pub trials: String,
}

impl WallSteps {
    /// Looks at the clocks, whose simultaneous readings `now` has.
    pub(crate) fn look(&self, now: Anchor) {
        let mut state = self.state();
        let first = *state.first.get_or_insert(now);
        let last = state.last.replace(now).unwrap_or(first);
        let by_us = shift(&first, &now) - state.total_us;
        if by_us.abs() >= LEAST_US {
            state.total_us += by_us;
            let trials = state.running.iter().cloned().collect::<Vec<_>>().join(" ");
            state.found.push(Step { after: last.wall, found: now.wall, by_us, trials });
        }
    }

    /// By how much the clock had been set forward at `anchor` since the first look, in microseconds.
    pub(crate) fn shift_us(&self, anchor: &Anchor) -> i64 {
        let mut state = self.state();
        let shift = shift(state.first.get_or_insert(*anchor), anchor);
        // Two readings are never quite simultaneous.
        if (shift - state.total_us).abs() < LEAST_US { state.total_us } else { shift }
    }

    /// The steps that were found since this was last asked.
    pub(crate) fn take(&self) -> Vec<Step> {
        std::mem::take(&mut self.state().found)
    }

    /// A trial is under way from now on.
    pub(crate) fn trial_begins(&self, trial_id: &str, now: Anchor) {
        self.look(now);
        self.state().running.insert(trial_id.to_owned());
    }

    /// A trial is over.
    pub(crate) fn trial_ends(&self, trial_id: &str, now: Anchor) {
        self.look(now);
        self.state().running.remove(trial_id);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0)
    }
}

fn shift(first: &Anchor, now: &Anchor) -> i64 {
    now.wall.micros_since(first.wall_at(now.instant))
}

/// What two readings that are not quite simultaneous may differ by on a busy machine; no clock is set by so little.
const LEAST_US: i64 = 1_000;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;

    fn anchor(start: Instant, after_ms: u64, wall_us: i64) -> Anchor {
        Anchor { instant: start + Duration::from_millis(after_ms), wall: Timestamp::from_unix_micros(wall_us) }
    }

    #[test]
    fn a_step_is_found_once_with_its_size_and_its_trial_and_noise_is_none() {
        let (steps, start) = (WallSteps::default(), Instant::now());
        steps.look(anchor(start, 0, 5_000_000));
        steps.trial_begins("c1-b1", anchor(start, 500, 5_500_300));
        steps.look(anchor(start, 1000, 5_999_800));
        assert_eq!(steps.take(), []);
        steps.trial_ends("c1-b1", anchor(start, 2000, 5_000_000));
        steps.look(anchor(start, 3000, 6_000_100));
        let found = steps.take();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].by_us, found[0].trials.as_str()), (-2_000_000, "c1-b1"));
        assert_eq!(found[0].after, Timestamp::from_unix_micros(5_999_800));
        assert_eq!(found[0].found, Timestamp::from_unix_micros(5_000_000));
        assert_eq!(steps.shift_us(&anchor(start, 3500, 6_500_000)), -2_000_000);
        assert_eq!(steps.shift_us(&anchor(start, 900, 5_900_000)), 0, "an anchor from before the step");
    }
}
