//! The servers' clocks against this machine's, each as it stood while a trial ran: found from what answers were dated, trial
//! by trial, so that a clock that is set in the middle of a run moves what came after it and nothing before.
//!
//! An answer's date is cut to whole seconds: it allows offsets within a second and the time from the request's head to the
//! answer. Offsets that all answers allow are the bracket. Answers that contradict each other mean one of two things: a
//! clock was set, and they agree on either side of an instant; or the server's dates are stale, made once a second or kept,
//! and they contradict each other again and again.

use std::collections::{BTreeSet, HashMap};

use ttlsweep_record::{ClockEntry, ClockRecord, Timestamp, TrialRecord};
use ttlsweep_rundir::environment::ClockOffset;

use crate::load::transfer::Transfer;
use crate::verdict::evidence::Trial;
use crate::verdict::evidence::clock_steps::{ClockStep, OwnSteps, Whose};

/// What is known of the clocks of all that was asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Clocks {
    by_asked: Vec<ServerClock>,
}

/// One server's clock, as one machine found it over a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ServerClock {
    /// The brackets of its stretches: times between which no clock was set.
    stretches: Vec<ClockOffset>,
    /// The stretch that each trial ran in, `None` where a clock was set meanwhile; empty if there is one stretch.
    stretch_of: HashMap<u32, Option<usize>>,
    /// When a clock was set, and by how much.
    steps: Vec<ClockStep>,
    /// By how much its dates are stale, in microseconds; 0 where they need not be.
    stale_us: i64,
    /// The small step that explains its answers as well as stale dates do.
    perhaps: Option<ClockStep>,
}

/// How the server's clock stood during a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::verdict) enum Stood {
    /// Ahead by this much, give or take; or nobody knows, and it is taken for this machine's.
    At(Option<ClockOffset>),
    /// A clock was set meanwhile, or may have been.
    Set,
}

/// What one source says of an offset at a place in the run's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The trial, or the one that came next.
    pub trial: u32,
    /// When it was read by this machine's clock, in microseconds since the epoch.
    pub at: i64,
    /// What it allows.
    pub offset: ClockOffset,
}

/// What is known of one asked endpoint's clock beside the transfers' own answers.
#[derive(Debug, Clone, Default)]
pub struct Beside {
    /// The bracket that the run ended with.
    pub recorded: Option<ClockOffset>,
    /// What clock probes found.
    pub probes: Vec<Reading>,
    /// When this machine's clock was set while it asked.
    pub steps: Vec<ClockStep>,
    /// By how much this machine's clock had been set when each trial ran, `None` where it was set meanwhile; 0 for those
    /// that are not named.
    pub set_by_us: HashMap<u32, Option<i64>>,
    /// Whether this machine's clock was watched, so that every step of it is known.
    pub is_watched: bool,
}

impl Beside {
    /// What the rows of `clock.csv` say of `endpoint` and of the machine that asked it: `rows` are the machine's own, `trials`
    /// the ones it ran, each with its number, both in the order in which they were written.
    pub fn watched(
        recorded: Option<ClockOffset>,
        endpoint: &str,
        rows: &[&ClockRecord],
        trials: &[(u32, &TrialRecord)],
    ) -> Self {
        let OwnSteps { steps, set_by_us } = OwnSteps::of(rows, trials);
        let mut set_by = 0;
        let mut probes = Vec::new();
        for row in rows {
            match row.entry {
                ClockEntry::Step => set_by += row.step_us.unwrap_or(0),
                ClockEntry::Bracket if row.endpoint.as_deref() == Some(endpoint) => {
                    let Some((low_us, high_us)) = row.low_us.zip(row.high_us) else { continue };
                    let next = trials.iter().find(|(_, trial)| trial.started_at >= row.at).or_else(|| trials.last());
                    let offset = ClockOffset { low_us, high_us, responses: row.answers.unwrap_or(1) };
                    probes.push(Reading {
                        trial: next.map_or(0, |(number, _)| *number),
                        at: row.at.unix_micros(),
                        offset: offset.moved(set_by),
                    });
                }
                _ => {}
            }
        }
        Self { recorded, probes, steps, set_by_us, is_watched: true }
    }
}

impl Clocks {
    /// Reads the clock of each of what was asked from the answers and from what is known `beside` them.
    pub fn read(transfers: &[Transfer], trials: &[Trial], beside: Vec<Beside>) -> Self {
        let of = |seen: &Transfer| reading(seen, trials[seen.trial as usize].late_us);
        // Of ten million answers that agree nothing need be kept but what they leave together.
        let mut all: Vec<Option<Reading>> = vec![None; beside.len()];
        for seen in transfers {
            let all = &mut all[seen.asked as usize];
            *all = of(seen).map(|one| all.map_or(one, |all| together(&all, &one))).or(*all);
        }
        let agree = |(all, beside): (&Option<Reading>, &Beside)| {
            let end = beside.recorded.map(|offset| Reading { trial: 0, at: 0, offset });
            let sources = all.iter().chain(&beside.probes).copied().chain(end);
            let met = sources.reduce(|one, other| together(&one, &other));
            beside.set_by_us.is_empty() && met.is_none_or(|met| gap(met.offset) <= DRIFT_US)
        };
        let agree: Vec<bool> = all.iter().zip(&beside).map(agree).collect();
        let mut readings: Vec<Vec<Reading>> = vec![Vec::new(); beside.len()];
        let mut named: Vec<BTreeSet<u32>> = vec![BTreeSet::new(); beside.len()];
        for seen in transfers.iter().filter(|seen| !agree[seen.asked as usize]) {
            named[seen.asked as usize].insert(seen.trial);
            readings[seen.asked as usize].extend(of(seen));
        }
        let clock = |(asked, beside): (usize, Beside)| {
            let mut own = std::mem::take(&mut readings[asked]);
            own.extend(all[asked].filter(|_| agree[asked]));
            ServerClock::of(own, std::mem::take(&mut named[asked]).into_iter().collect(), beside)
        };
        Self { by_asked: beside.into_iter().enumerate().map(clock).collect() }
    }

    /// How the clock of `asked` stood during `trial`.
    pub(in crate::verdict) fn stood(&self, asked: u32, trial: u32) -> Stood {
        self.by_asked.get(asked as usize).map_or(Stood::At(None), |clock| clock.stood(trial))
    }

    /// How far the clock of `asked` was ahead while `trial` ran; `None` if nobody knows, or if a clock was set meanwhile.
    pub(crate) fn bracket(&self, asked: u32, trial: u32) -> Option<ClockOffset> {
        if let Stood::At(bracket) = self.stood(asked, trial) { bracket } else { None }
    }

    /// Whether a clock was set while `trial` ran, or may have been.
    pub(crate) fn was_set(&self, asked: u32, trial: u32) -> bool {
        self.stood(asked, trial) == Stood::Set
    }

    /// The clock of `asked`.
    pub(in crate::verdict) fn of(&self, asked: u32) -> Option<&ServerClock> {
        self.by_asked.get(asked as usize)
    }
}

/// What two readings leave.
fn together(one: &Reading, other: &Reading) -> Reading {
    Reading { offset: one.offset.met_with(other.offset), ..*one }
}

/// By how much the ends of a bracket passed each other.
const fn gap(bracket: ClockOffset) -> i64 {
    bracket.low_us - bracket.high_us
}

/// What an answer says. Instants may have been noted late, the one after which it was asked, too.
fn reading(seen: &Transfer, late_us: Option<i64>) -> Option<Reading> {
    let at = Timestamp::from_unix_micros;
    let answered = seen.response_start_us.get().map_or(seen.ended_at, |response| seen.started_at + response);
    let offset = ClockOffset::of_answer(at(seen.server_time.get()?), at(seen.sent_after.get()?), at(answered));
    let high_us = offset.high_us + late_us.unwrap_or(SECOND);
    Some(Reading { trial: seen.trial, at: seen.started_at, offset: ClockOffset { high_us, ..offset } })
}

impl ServerClock {
    fn of(own: Vec<Reading>, trials: Vec<u32>, beside: Beside) -> Self {
        let Beside { recorded, probes, steps, set_by_us, is_watched } = beside;
        let set = |trial: u32| set_by_us.get(&trial).copied().unwrap_or(Some(0));
        // As if this machine's clock had never been set: where that is known, it contradicts nothing.
        let unset = |reading: Reading| {
            let by = set(reading.trial)?;
            Some(Reading { offset: reading.offset.moved(by), ..reading })
        };
        let last = trials.last().copied().unwrap_or(0);
        let mut readings: Vec<Reading> = own.into_iter().filter_map(unset).chain(probes).collect();
        readings.sort_by_key(|reading| reading.trial);
        let at = readings.last().map_or(0, |reading| reading.at);
        let end = recorded.map(|offset| {
            let offset = offset.moved(set(last).unwrap_or(0));
            Reading { trial: last, at, offset }
        });
        let found = Found::of(&readings, end);
        let mut clock = Self { stale_us: found.stale_us, steps, ..Self::default() };
        // A stretch for each bracket and each amount by which this machine's clock was set.
        let mut places: HashMap<(usize, i64), usize> = HashMap::new();
        let several = found.brackets.len() > 1 || !set_by_us.is_empty();
        for trial in trials.iter().copied().filter(|_| several) {
            let bracket = found.bracket_of(trial);
            let stretch = bracket.zip(set(trial)).map(|(bracket, by)| {
                *places.entry((bracket, by)).or_insert_with(|| {
                    clock.stretches.push(found.brackets[bracket].moved(-by));
                    clock.stretches.len() - 1
                })
            });
            clock.stretch_of.insert(trial, stretch);
        }
        if !several {
            clock.stretches.clone_from(&found.brackets);
        }
        let whose = if is_watched { Whose::Server } else { Whose::Either };
        clock.steps.extend(found.steps(whose));
        clock.perhaps = found.sides.and_then(|sides| sides.steps(whose).pop());
        clock
    }

    fn stood(&self, trial: u32) -> Stood {
        match self.stretch_of.get(&trial) {
            Some(Some(stretch)) => Stood::At(self.stretches.get(*stretch).copied()),
            Some(None) => Stood::Set,
            None => Stood::At(self.stretches.first().copied()),
        }
    }

    /// The widest bracket of its stretches.
    pub(in crate::verdict) fn widest(&self) -> Option<ClockOffset> {
        self.stretches.iter().copied().max_by_key(|bracket| bracket.high_us - bracket.low_us)
    }

    pub(in crate::verdict) fn steps(&self) -> &[ClockStep] {
        &self.steps
    }

    pub(in crate::verdict) const fn stale_us(&self) -> i64 {
        self.stale_us
    }

    pub(in crate::verdict) const fn perhaps(&self) -> Option<ClockStep> {
        self.perhaps
    }
}

/// Brackets that explain all readings, and between which trials one gives way to another.
#[derive(Debug, Default)]
struct Found {
    brackets: Vec<ClockOffset>,
    /// In the run's order: which bracket certainly held from which trial to which.
    runs: Vec<Certain>,
    stale_us: i64,
    /// The two sides of a small step, where that explains as much as stale dates do.
    sides: Option<Box<Self>>,
}

/// A bracket that certainly held, between the first answer that allows no other and the last one.
#[derive(Debug, Clone, Copy)]
struct Certain {
    bracket: usize,
    first: Reading,
    last: Reading,
}

impl Found {
    fn of(readings: &[Reading], end: Option<Reading>) -> Self {
        let with_end: Vec<Reading> = readings.iter().copied().chain(end).collect();
        if with_end.is_empty() {
            return Self::default();
        }
        let one = |bracket: ClockOffset, stale_us| Self { brackets: vec![bracket], stale_us, ..Self::default() };
        let all = meet(&with_end);
        // Clocks drift by some milliseconds; nothing is gained by telling that from a step.
        if gap(all) <= DRIFT_US {
            return one(ordered(all), 0);
        }
        let fresh: Vec<Reading> = without_kept(&with_end);
        if let Some(found) = Self::steps_of(&fresh, 0) {
            return found;
        }
        let without = meet(&fresh);
        if gap(without) <= DRIFT_US {
            return one(ordered(without), 0);
        }
        // The bracket that the run ended with was narrowed by the same stale dates: it is worth nothing.
        let aged = |reading: &Reading| {
            let high_us = reading.offset.high_us + STALE_US;
            Reading { offset: ClockOffset { high_us, ..reading.offset }, ..*reading }
        };
        let aged: Vec<Reading> = readings.iter().map(aged).collect();
        if aged.is_empty() {
            return one(ordered(all), gap(all));
        }
        let all = meet(&aged);
        if gap(all) <= 0 {
            // A single change may as well be a small step: then what held on either side of it must be in the bracket.
            let sides = Self::parted(&fresh).filter(|found| found.runs.len() == 2).map(Box::new);
            let bracket = sides.iter().flat_map(|sides| &sides.brackets).fold(all, |all, side| all.hull(*side));
            return Self { sides, ..one(bracket, STALE_US) };
        }
        Self::steps_of(&without_kept(&aged), STALE_US).unwrap_or_else(|| one(ordered(all), gap(all)))
    }

    /// The fewest brackets in which the readings come one after the other; `None` if they contradict each other as stale
    /// dates do. What these can explain is never called a step.
    fn steps_of(readings: &[Reading], stale_us: i64) -> Option<Self> {
        let (brackets, _) = brackets(readings);
        let is_near = |(at, bracket): (usize, &ClockOffset)| {
            brackets.iter().skip(at + 1).any(|other| gap(bracket.met_with(*other)) <= STALE_US)
        };
        let near = brackets.iter().enumerate().any(is_near);
        Self::parted(readings).filter(|_| !near).map(|found| Self { stale_us, ..found })
    }

    /// The fewest brackets in which the readings come one after the other; `None` if one is enough, or if they change more often
    /// than clocks are set.
    fn parted(readings: &[Reading]) -> Option<Self> {
        let (brackets, of) = brackets(readings);
        if brackets.len() < 2 {
            return None;
        }
        // What allows no other bracket was certainly read while its own one held.
        let certain = |at: &usize| {
            let misses = |(other, bracket): (usize, &ClockOffset)| other != of[*at] && !meets(&readings[*at], bracket);
            brackets.iter().enumerate().any(misses)
        };
        let mut runs: Vec<Certain> = Vec::new();
        for at in (0..readings.len()).filter(certain) {
            match runs.last_mut() {
                Some(run) if run.bracket == of[at] => run.last = readings[at],
                _ => runs.push(Certain { bracket: of[at], first: readings[at], last: readings[at] }),
            }
        }
        if runs.len() > MOST_RUNS {
            return None;
        }
        // Narrowed by what was certainly read on their own side alone: others fit by chance.
        let mut pure: Vec<Option<ClockOffset>> = vec![None; brackets.len()];
        for (place, run) in runs.iter().enumerate() {
            let from = if place == 0 { 0 } else { run.first.trial };
            let to = if place + 1 == runs.len() { u32::MAX } else { run.last.trial };
            let within = readings
                .iter()
                .filter(|reading| (from..=to).contains(&reading.trial) && meets(reading, &brackets[run.bracket]));
            let narrowed = within.fold(pure[run.bracket], |bracket, reading| Some(narrow(bracket, reading)));
            pure[run.bracket] = narrowed;
        }
        let brackets = pure.into_iter().zip(brackets).map(|(pure, rough)| pure.map_or(rough, ordered)).collect();
        Some(Self { brackets, runs, ..Self::default() })
    }

    /// The bracket that certainly held during `trial`.
    fn bracket_of(&self, trial: u32) -> Option<usize> {
        if self.brackets.len() == 1 {
            return Some(0);
        }
        let (first, last) = (self.runs.first()?, self.runs.last()?);
        let holds = |run: &&Certain| (run.first.trial..=run.last.trial).contains(&trial);
        let mut holding = self.runs.iter().filter(holds);
        match (holding.next(), holding.next()) {
            (Some(run), None) => Some(run.bracket),
            (None, _) if trial < first.first.trial => Some(first.bracket),
            (None, _) if trial > last.last.trial => Some(last.bracket),
            // Between two of them, or within both.
            _ => None,
        }
    }

    fn steps(&self, whose: Whose) -> Vec<ClockStep> {
        let step = |pair: &[Certain]| {
            let (before, after) = (&self.brackets[pair[0].bracket], &self.brackets[pair[1].bracket]);
            ClockStep {
                whose,
                from_us: pair[0].last.at,
                to_us: pair[1].first.at,
                by_us: after.middle_us() - before.middle_us(),
            }
        };
        self.runs.windows(2).map(step).collect()
    }
}

/// Goes through the readings and begins another bracket where one does not meet the last; one that was there before is taken
/// again.
fn brackets(readings: &[Reading]) -> (Vec<ClockOffset>, Vec<usize>) {
    let (mut brackets, mut of): (Vec<ClockOffset>, Vec<usize>) = (Vec::new(), Vec::new());
    for reading in readings {
        let last = of.last().copied();
        let fits = |at: &usize| meets(reading, &brackets[*at]);
        let found = last.filter(fits).or_else(|| (0..brackets.len()).find(fits));
        let at = found.unwrap_or(brackets.len());
        match found {
            Some(at) => brackets[at] = narrow(Some(brackets[at]), reading),
            None => brackets.push(narrow(None, reading)),
        }
        of.push(at);
    }
    (brackets, of)
}

/// Leaves out answers that something kept: one or two that are dated by more than a second too early, among others that
/// agree with each other before and after them.
fn without_kept(readings: &[Reading]) -> Vec<Reading> {
    let (brackets, of) = brackets(readings);
    let mut count = vec![0; brackets.len()];
    of.iter().for_each(|at| count[*at] += 1);
    let is_kept = |place: usize| {
        let at = of[place];
        let before = of[..place].iter().rev().find(|other| **other != at);
        let after = of[place..].iter().find(|other| **other != at);
        count[at] < LEAST_SUPPORT
            && before.is_some_and(|before| {
                after == Some(before) && brackets[*before].low_us - brackets[at].high_us > STALE_US
            })
    };
    (0..readings.len()).filter(|place| !is_kept(*place)).map(|place| readings[place]).collect()
}

fn meet(readings: &[Reading]) -> ClockOffset {
    let nothing = ClockOffset { low_us: 0, high_us: 0, responses: 0 };
    readings.iter().fold(None, |bracket, reading| Some(narrow(bracket, reading))).unwrap_or(nothing)
}

fn narrow(bracket: Option<ClockOffset>, reading: &Reading) -> ClockOffset {
    bracket.map_or(reading.offset, |bracket| bracket.met_with(reading.offset))
}

fn meets(reading: &Reading, bracket: &ClockOffset) -> bool {
    gap(reading.offset.met_with(*bracket)) <= 0
}

/// A bracket whose ends passed each other holds what lies between them.
fn ordered(bracket: ClockOffset) -> ClockOffset {
    let ClockOffset { low_us, high_us, responses } = bracket;
    ClockOffset { low_us: low_us.min(high_us), high_us: low_us.max(high_us), responses }
}

const SECOND: i64 = 1_000_000;
/// Contradictions up to this are the clocks' drift, or an instant noted late.
const DRIFT_US: i64 = 50_000;
/// How stale dates are at most that are made once a second, by a timer that is a little late each time. One that never were
/// late would contradict nothing: such a server has two clocks, of which its answers show one.
const STALE_US: i64 = 1_100_000;
/// So many answers that agree were not kept.
const LEAST_SUPPORT: usize = 3;
/// Clocks are set once or twice in a run. What changes more often was never set: dates are stale.
const MOST_RUNS: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer to what was sent at `at` by this machine's clock, dated by a clock that is `offset` ahead and was looked at
    /// `age` before.
    fn answer(trial: u32, at: i64, offset: i64, age: i64) -> Reading {
        let date = (at + offset - age).div_euclid(SECOND) * SECOND;
        let instant = Timestamp::from_unix_micros;
        Reading { trial, at, offset: ClockOffset::of_answer(instant(date), instant(at), instant(at + 5_000)) }
    }

    fn found(answers: impl Fn(u32, i64) -> Reading) -> Found {
        let readings: Vec<Reading> = (0..60).map(|trial| answers(trial, i64::from(trial) * 7_319_000)).collect();
        Found::of(&readings, None)
    }

    fn holds(bracket: ClockOffset, offset: i64) -> bool {
        bracket.low_us <= offset && offset <= bracket.high_us
    }

    #[test]
    fn a_step_parts_the_run_and_either_side_keeps_its_narrow_bracket() {
        for by in [-20_000_000, -2_000_000, -1_500_000, 1_500_000, 2_000_000, 20_000_000] {
            let found = found(|trial, at| answer(trial, at, 30_000 + if trial >= 30 { by } else { 0 }, 0));
            assert_eq!((found.brackets.len(), found.stale_us), (2, 0), "{by}: {found:?}");
            for (trial, offset) in [(3, 30_000), (55, 30_000 + by)] {
                let bracket = found.brackets[found.bracket_of(trial).unwrap()];
                assert!(holds(bracket, offset) && bracket.high_us - bracket.low_us < 150_000, "{by}: {found:?}");
            }
            let [step] = found.steps(Whose::Either)[..] else { panic!("{by}: {found:?}") };
            assert!((step.by_us - by).abs() < 100_000, "{by}: {step:?}");
        }
    }

    #[test]
    fn a_step_that_stale_dates_could_explain_leaves_a_bracket_that_holds_both_sides() {
        for by in [-700_000, -300_000, 300_000, 700_000] {
            let found = found(|trial, at| answer(trial, at, 30_000 + if trial >= 30 { by } else { 0 }, 0));
            assert_eq!(found.brackets.len(), 1, "{by}: {found:?}");
            assert!(holds(found.brackets[0], 30_000) && holds(found.brackets[0], 30_000 + by), "{by}: {found:?}");
        }
    }

    /// A run of long uploads, whose answers tell little, and of refusals at the head, in whose middle the server's clock is set;
    /// with or without a clock probe at either end.
    fn long_uploads(by: i64, phase: i64, probed: bool) -> Vec<Reading> {
        let instant = Timestamp::from_unix_micros;
        let reading = |trial: u32| {
            let at = phase + i64::from(trial) * 12_719_000 + i64::from(trial * trial) * 61_003;
            let answered =
                at + if trial.is_multiple_of(3) { 5_000 } else { 4_000_000 + i64::from(trial % 7) * 1_100_000 };
            let date = (answered - 2_000 + stepped(by, trial)).div_euclid(SECOND) * SECOND;
            Reading { trial, at, offset: ClockOffset::of_answer(instant(date), instant(at), instant(answered)) }
        };
        let probe = |trial: u32| {
            let (low_us, high_us) = (stepped(by, trial) - 4_000, stepped(by, trial) + 4_000);
            Reading { trial, at: phase, offset: ClockOffset { low_us, high_us, responses: 6 } }
        };
        let probes = |trial| probed.then(|| probe(trial));
        probes(0).into_iter().chain((0..60).map(reading)).chain(probes(59)).collect()
    }

    fn stepped(by: i64, trial: u32) -> i64 {
        30_000 + if trial >= 30 { by } else { 0 }
    }

    #[test]
    fn whatever_a_step_is_taken_for_no_trials_offset_is_outside_its_bracket() {
        let mut seen = [0; 2];
        for by in (1..=19).flat_map(|tenth| [tenth * 100_000, tenth * -100_000]) {
            for (phase, probed) in (0..20).flat_map(|part| [(part * 53_000, false), (part * 53_000, true)]) {
                let found = Found::of(&long_uploads(by, phase, probed), None);
                if found.stale_us == 0 && found.brackets.len() == 1 {
                    // Nothing contradicts anything.
                    continue;
                }
                seen[usize::from(probed)] += 1;
                for trial in 0..60 {
                    let Some(bracket) = found.bracket_of(trial).map(|at| found.brackets[at]) else { continue };
                    assert!(holds(bracket, stepped(by, trial)), "{by} {phase} {probed} {trial}: {found:?}");
                }
            }
        }
        assert!(seen[0] > 600 && seen[1] == 760, "{seen:?}");
    }

    #[test]
    fn a_clock_that_is_set_back_again_returns_to_its_bracket() {
        let found = found(|trial, at| answer(trial, at, if (20..40).contains(&trial) { 5_000_000 } else { 0 }, 0));
        assert_eq!(found.brackets.len(), 2);
        assert_eq!((found.bracket_of(5), found.bracket_of(30), found.bracket_of(55)), (Some(0), Some(1), Some(0)));
        assert_eq!(found.steps(Whose::Either).len(), 2);
    }

    #[test]
    fn stale_dates_widen_the_bracket_and_part_nothing() {
        // A timer of a second that takes three milliseconds more each time.
        for phase in (0..10).map(|tenth| tenth * 100_000) {
            let found = found(|trial, at| answer(trial, at, 40_000, (at + phase).rem_euclid(1_003_000)));
            assert_eq!((found.brackets.len(), found.stale_us), (1, STALE_US), "{phase}: {found:?}");
            assert!(holds(found.brackets[0], 40_000), "{phase}: {found:?}");
        }
    }

    #[test]
    fn an_answer_that_something_kept_for_a_minute_is_left_out() {
        let found = found(|trial, at| answer(trial, at, 40_000, if trial == 31 { 60_000_000 } else { 0 }));
        assert_eq!((found.brackets.len(), found.steps(Whose::Either).len()), (1, 0), "{found:?}");
        assert!(holds(found.brackets[0], 40_000), "{found:?}");
    }

    #[test]
    fn what_lies_between_the_last_answer_before_a_step_and_the_first_one_after_it_is_not_known() {
        let found = found(|trial, at| {
            let answer = answer(trial, at, if trial >= 30 { 2_000_000 } else { 0 }, 0);
            // In the middle only answers that took ten seconds: those of before the step still say that it was not yet.
            let low_us = if (25..35).contains(&trial) { -10_000_000 } else { answer.offset.low_us };
            Reading { offset: ClockOffset { low_us, ..answer.offset }, ..answer }
        });
        assert_eq!(found.bracket_of(24), Some(0));
        assert_eq!(found.bracket_of(28), Some(0));
        assert_eq!(found.bracket_of(32), None, "{found:?}");
        assert_eq!(found.bracket_of(36), Some(1));
    }
}
