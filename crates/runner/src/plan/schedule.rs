//! When each trial of a plan begins on all machines, where its users are spread over several.
//!
//! Nobody tells a machine that the others are ready, so that all of them go by the clock: the first trial begins at an instant
//! that all are given or find alike, and each further one so much later as the plan says, whether or not the one before it was
//! done in time. A machine that is late begins at once, and its rows say when.

use std::collections::HashMap;
use std::time::Duration;

use ttlsweep_record::units::{micros, signed_micros};
use ttlsweep_record::{Cell, Timestamp};
use ttlsweep_rundir::environment::Environment;

use super::{Plan, Trial};
use crate::plan::estimate::busy_duration;

/// What a schedule follows from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CommonStart {
    /// When the first trial begins.
    pub at: Timestamp,
    /// The time from one trial's start to the next; `None` if it follows from the plan.
    pub every: Option<Duration>,
}

impl CommonStart {
    /// That of a run under way; `None` if its trials begin when their turn comes.
    pub(crate) fn recorded(environment: &Environment) -> Option<Self> {
        let every = environment.start_every_us.map(Duration::from_micros);
        environment.start_at.map(|at| Self { at, every })
    }

    /// When each trial of the plan begins.
    pub(crate) fn schedule(&self, plan: &Plan) -> Schedule {
        Schedule::new(plan, self.at, self.every)
    }

    /// The time from one trial's start to the next in microseconds.
    pub(crate) fn every_us(self) -> Option<u64> {
        self.every.map(micros)
    }
}

/// The instants.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    /// Each trial's turn, counted from 1.
    turns: HashMap<String, usize>,
    starts: Vec<Timestamp>,
    end: Timestamp,
}

impl Schedule {
    /// Begins with the plan's first trial at `first`; the time from one trial to the next is `every`, or follows from what the
    /// trial is expected to take.
    pub(crate) fn new(plan: &Plan, first: Timestamp, every: Option<Duration>) -> Self {
        let mut end = first;
        let mut starts = Vec::with_capacity(plan.trials.len());
        for trial in &plan.trials {
            starts.push(end);
            let time = every.unwrap_or_else(|| time_for(plan.cell(trial)));
            end = end.plus_micros(signed_micros(time));
        }
        let turns = (1..).zip(&plan.trials).map(|(turn, trial)| (trial.trial_id.clone(), turn)).collect();
        Self { turns, starts, end }
    }

    /// When a trial of the plan begins, its jitter not counted, which is the same on all machines.
    pub(crate) fn of(&self, trial: &Trial) -> Option<Timestamp> {
        self.starts.get(self.turn_of(&trial.trial_id)? - 1).copied()
    }

    /// Which turn a trial has, from 1.
    pub(crate) fn turn_of(&self, trial_id: &str) -> Option<usize> {
        self.turns.get(trial_id).copied()
    }

    /// How many turns there are.
    pub(crate) fn turns(&self) -> usize {
        self.starts.len()
    }

    /// When the last trial begins; where there is none, the end.
    pub(crate) fn last(&self) -> Timestamp {
        self.starts.last().copied().unwrap_or(self.end)
    }

    /// When the next turn after `now` begins, its jitter not counted.
    pub(crate) fn next_start(&self, now: Timestamp) -> Option<Timestamp> {
        self.starts.iter().copied().find(|start| *start > now)
    }

    /// When the time of the last trial is over.
    pub(crate) fn end(&self) -> Timestamp {
        self.end
    }

    /// Puts those trials behind the others whose turn is over: a machine that was stopped for a while is on time again with
    /// the next one, and makes up for what it missed when all others are done.
    pub(crate) fn order(&self, trials: &mut [&Trial], now: Timestamp) {
        trials.sort_by_key(|trial| self.of(trial).is_some_and(|starts| starts < now));
    }
}

/// The instant at which parts begin that were given none: the next whole five minutes that are a minute away at least. Machines
/// that are started together find the same, unless they happen to be started on both sides of such an instant.
pub(crate) fn next_common_start(now: Timestamp) -> Timestamp {
    let earliest = now.unix_micros() + LEAST_NOTICE_US;
    Timestamp::from_unix_micros(earliest + (COMMON_US - earliest.rem_euclid(COMMON_US)) % COMMON_US)
}

/// What is allowed for a trial: its jitter, twice what it is expected to take, and a while to delete what it put; in whole
/// seconds, so that anyone who reads the starts sees the pattern.
fn time_for(cell: &Cell) -> Duration {
    let time = Duration::from_micros(cell.jitter_us) + busy_duration(cell).saturating_mul(2) + BETWEEN;
    Duration::from_secs(time.as_secs() + u64::from(time.subsec_nanos() > 0))
}

const BETWEEN: Duration = Duration::from_secs(10);
const COMMON_US: i64 = 300_000_000;
const LEAST_NOTICE_US: i64 = 60_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::example_cell;

    const SECOND: i64 = 1_000_000;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_micros(seconds * SECOND)
    }

    fn plan() -> Plan {
        let trial = |number: u32| Trial {
            trial_id: format!("b01-c{number:03}"),
            cell: 0,
            block: 1,
            position: number,
            jitter: Duration::from_millis(300),
            ttl_s: None,
        };
        let cells = vec![example_cell()];
        Plan { hash: String::new(), seed: 1, repetitions: 1, cells, trials: (1..=3).map(trial).collect() }
    }

    #[test]
    fn trials_begin_one_after_the_other_and_alike_wherever_it_is_asked() {
        let plan = plan();
        let starts = |every| {
            let schedule = Schedule::new(&plan, at(100), every);
            let starts: Vec<_> = plan.trials.iter().map(|trial| schedule.of(trial).unwrap()).collect();
            assert_eq!((schedule.last(), schedule.turns()), (starts[2], 3));
            assert_eq!(schedule.turn_of("b01-c002"), Some(2));
            let next = [at(99), at(100), starts[1], starts[2]].map(|now| schedule.next_start(now));
            assert_eq!(next, [Some(starts[0]), Some(starts[1]), Some(starts[2]), None]);
            assert!(schedule.end() > starts[2]);
            starts
        };
        assert_eq!(starts(Some(Duration::from_secs(7))), [at(100), at(107), at(114)]);
        let derived = starts(None);
        let apart = derived[1].micros_since(derived[0]);
        assert_eq!((derived[2].micros_since(derived[1]), apart % SECOND), (apart, 0));
        let cell = &plan.cells[0];
        let needed = cell.jitter_us + 2 * busy_duration(cell).as_micros() as u64;
        assert!(apart as u64 > needed, "{apart} leaves time for {needed} µs of a trial");
    }

    #[test]
    fn who_was_away_is_on_time_with_the_next_trial_and_makes_up_for_the_others_afterwards() {
        let plan = plan();
        let schedule = Schedule::new(&plan, at(100), Some(Duration::from_secs(10)));
        let order = |now| {
            let mut trials: Vec<_> = plan.trials.iter().collect();
            schedule.order(&mut trials, now);
            trials.into_iter().map(|trial| trial.position).collect::<Vec<_>>()
        };
        assert_eq!(order(at(99)), [1, 2, 3]);
        assert_eq!(order(at(115)), [3, 1, 2]);
        assert_eq!(order(at(999)), [1, 2, 3]);
    }

    #[test]
    fn a_start_that_nobody_gave_is_whole_five_minutes_and_leaves_time_to_get_ready() {
        for (now, start) in [(0, 300), (239, 300), (240, 300), (241, 600), (300, 600), (301, 600)] {
            assert_eq!(next_common_start(at(now)), at(start), "at {now}");
        }
    }
}
