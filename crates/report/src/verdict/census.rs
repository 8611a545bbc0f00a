use std::collections::HashMap;

use super::cause::Cause;
use super::cause::flight::Flight;
use super::finding::ByTrial;

/// A target's flights counted once: every mechanism asks for the same trials, and few flights are of its cause.
#[derive(Debug)]
pub(super) struct Census {
    /// The flights of each cause but [`Cause::None`], as places among the target's.
    of_cause: HashMap<Cause, Vec<u32>>,
    /// The trials of all flights in the denominator.
    pub(super) all: ByTrial,
    /// Of those with one of the grid's links.
    pub(super) short_links: ByTrial,
    /// Of the grid's own.
    pub(super) grid: ByTrial,
    /// Of the controls in which nothing expires.
    pub(super) controls: ByTrial,
    /// Whether uploads with `Expect: 100-continue` ran besides.
    pub(super) has_arm: bool,
}

impl Census {
    pub(super) fn of(flights: &[Flight]) -> Self {
        let mut of_cause: HashMap<Cause, Vec<u32>> = HashMap::new();
        let mut has_arm = false;
        for (place, flight) in (0..).zip(flights) {
            has_arm |= flight.is_of_expect_arm();
            if flight.cause != Cause::None {
                of_cause.entry(flight.cause).or_default().push(place);
            }
        }
        let trials = |keep: fn(&Flight) -> bool| {
            let counted = flights.iter().filter(|flight| flight.counts() && keep(flight));
            ByTrial::count(counted.map(|flight| (flight.trial, false)))
        };
        Self {
            all: trials(|_| true),
            short_links: if has_arm { trials(Flight::has_short_link) } else { trials(Flight::in_grid) },
            grid: trials(Flight::in_grid),
            controls: trials(Flight::is_unexpiring_control),
            has_arm,
            of_cause,
        }
    }

    /// The places of the flights of a cause.
    pub(super) fn places(&self, cause: Cause) -> &[u32] {
        self.of_cause.get(&cause).map_or(&[], Vec::as_slice)
    }
}
