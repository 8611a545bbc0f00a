//! Ends within a window around expiry, counted for the grid, and for controls of the same age on which the grid's windows
//! are laid as placebos.

use std::collections::{BTreeMap, HashMap};

use ttlsweep_record::decision::MOST_IN_WINDOWS;
use ttlsweep_record::{Control, Mechanism};

use crate::stats::{WindowExcess, window_excess};
use crate::verdict::cause::Cause;
use crate::verdict::cause::flight::Flight;
use crate::verdict::finding::ByTrial;
use crate::verdict::target::Target;

/// One trial's ends in flight.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct TrialEnds {
    /// The trial's block.
    pub block: u32,
    /// How many there are.
    pub ends: u64,
    /// Of these, the ones within the window.
    pub within: u64,
    /// The window's share of the time at risk, on average over them.
    pub chance: f64,
}

/// From when to when an end counts as following expiry: seconds before it and after it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::verdict) struct Window {
    pub(in crate::verdict) before: f64,
    pub(in crate::verdict) after: f64,
}

impl Window {
    /// What δ allows for.
    pub(in crate::verdict) const fn at_expiry(delta: f64) -> Self {
        Self { before: delta, after: delta }
    }

    /// The same for a cut that may be late: some servers look at their connections once a second.
    pub(in crate::verdict) const fn late(delta: f64) -> Self {
        Self { before: delta, after: delta + LATEST }
    }

    /// Of a window that holds too much of the time of transfers as short as these: what is left of it if it holds as much as it
    /// may. Fixed, like its share, before outcomes are looked at. `None` if hardly more than δ is left.
    pub(in crate::verdict) fn shortened(self, target: &Target) -> Option<Self> {
        let delta = target.delta();
        let planned: Vec<&Flight> = grid(target).filter(|flight| is_planned(flight, delta)).collect();
        let mean = |of: fn(&Flight) -> f64| planned.iter().map(|flight| of(flight)).sum::<f64>() / planned.len() as f64;
        let holds = ROUNDED * MOST_IN_WINDOWS * mean(Flight::at_risk) - mean(|flight| flight.late);
        let after = (holds - self.before).min(self.after);
        (after >= 2.0 * delta).then_some(Self { after, ..self })
    }

    /// From expiry on, however late.
    pub(in crate::verdict) const fn from_expiry(delta: f64) -> Self {
        Self { before: delta, after: f64::INFINITY }
    }

    /// The window's share of the time during which the flight could have ended.
    fn share(self, flight: &Flight) -> f64 {
        let (Some(expiry), at_risk) = (flight.expiry, flight.at_risk()) else { return 0.0 };
        if at_risk <= 0.0 {
            return 0.0;
        }
        let (from, to) = ((expiry - self.before).max(0.0), (expiry + self.after + flight.late).min(at_risk));
        (to - from).max(0.0) / at_risk
    }

    /// The share of the time of transfers that are to meet their expiry; fixed before outcomes are looked at.
    pub(in crate::verdict) fn planned_share(self, target: &Target) -> f64 {
        let delta = target.delta();
        let planned = || grid(target).filter(|flight| is_planned(flight, delta));
        let all: f64 = planned().map(Flight::at_risk).sum();
        let within: f64 = planned().map(|flight| self.share(flight) * flight.at_risk()).sum();
        if all > 0.0 { within / all } else { 0.0 }
    }

    /// Whether a flight that ended in flight did so within the window, which reaches as much further as its end may have been
    /// noted late.
    fn holds(self, flight: &Flight, expiry: f64, late: f64) -> bool {
        flight.ended_in_flight && flight.end >= expiry - self.before && flight.end <= expiry + self.after + late
    }

    /// The same of the grid, where δ has been held against ends already.
    pub(in crate::verdict) fn is_hit(self, flight: &Flight) -> bool {
        flight.cause == Cause::Of(Mechanism::CutAtExpiry)
            || (flight.ended_after_expiry(self.before)
                && flight.expiry.is_some_and(|expiry| self.holds(flight, expiry, flight.late)))
    }

    /// Of the trials in which links expired in flight, head in time and body unfinished: what ended within the window, and
    /// what met expiry and did not.
    pub(in crate::verdict) fn outlived(self, target: &Target) -> ByTrial {
        self.outlived_among(grid(target), target.delta())
    }

    /// The same of some of the target's flights.
    pub(in crate::verdict) fn outlived_among<'a>(
        self,
        flights: impl Iterator<Item = &'a Flight>,
        delta: f64,
    ) -> ByTrial {
        let met = flights.filter(|flight| self.met(flight, delta));
        ByTrial::count(met.map(|flight| (flight.trial, self.is_hit(flight))))
    }

    /// Whether its link expired while it was in flight: it ended within the window, or met expiry and did not.
    pub(in crate::verdict) fn met(self, flight: &Flight, delta: f64) -> bool {
        let Some(expiry) = flight.expiry.filter(|_| flight.head_in_time) else { return false };
        self.is_hit(flight) || flight.went_on(expiry, delta)
    }

    /// Whether more trials have most of their ends in flight within the window than its share of their time explains.
    pub(in crate::verdict) fn excess(self, target: &Target) -> Option<WindowExcess> {
        let event = |trial: TrialEnds| (2 * trial.within > trial.ends, trial.chance);
        window_excess(&self.ends_by_trial(target).into_iter().map(event).collect::<Vec<_>>())
    }

    /// The grid's ends in flight, whenever, by their trials in the order in which these ran.
    pub(in crate::verdict) fn ends_by_trial(self, target: &Target) -> Vec<TrialEnds> {
        let mut trials: BTreeMap<u32, TrialEnds> = BTreeMap::new();
        for flight in grid(target).filter(|flight| flight.ended_in_flight) {
            let TrialEnds { block, ends, within, chance } = trials.entry(flight.trial).or_default();
            (*block, *ends) = (flight.block, *ends + 1);
            *within += u64::from(self.is_hit(flight));
            *chance += self.share(flight);
        }
        let mean = |trial: TrialEnds| TrialEnds { chance: trial.chance / trial.ends as f64, ..trial };
        trials.into_values().map(mean).collect()
    }
}

/// Whether connections end on whole seconds of the server's clock that no expiry explains: those of controls, and of the grid before
/// expiry. Links expire on whole seconds, so that such ends follow an expiry by chance alone.
pub(in crate::verdict) fn is_ticking(target: &Target) -> bool {
    let delta = target.delta();
    let before_expiry = |flight: &Flight| flight.expiry.is_none_or(|expiry| flight.end < expiry - delta);
    let ended =
        target.flights.iter().filter(|flight| is_timed(flight) && flight.ended_in_flight && before_expiry(flight));
    let on_a_second = |flight: &Flight| (flight.end - flight.nearest_second(flight.end)).abs() <= delta;
    let ended = ByTrial::count(ended.map(|flight| (flight.trial, on_a_second(flight))));
    ended.excess_over((2.0 * delta).min(1.0)).is_some_and(|excess| excess.p <= TICKING)
}

/// Whether what ended within the window ended at one age rather than at one distance from its expiry, and controls did at that
/// age, too. A timer as long as a TTL does that: links are cut to whole seconds, so all of its ends follow an expiry by less than
/// one, and controls of that age may seem spared by chance.
pub(in crate::verdict) fn is_timer(target: &Target, placebos: &Placebos<'_>, window: Window) -> bool {
    let ended: Vec<&Flight> = grid(target).filter(|flight| window.is_hit(flight)).collect();
    let ages = middle(ended.iter().map(|flight| flight.end));
    let delays = middle(ended.iter().filter_map(|flight| Some(flight.end - flight.expiry?)));
    let Some(((age, ages_apart), (_, delays_apart))) = ages.zip(delays) else { return false };
    let controls = || placebos.met.iter().filter(|placebo| placebo.is_hit(window));
    let of_that_age = controls().filter(|placebo| (placebo.flight.end - age).abs() <= target.delta()).count();
    AGES_AGREE * ages_apart <= delays_apart && 2 * of_that_age > controls().count()
}

/// The median, and the median distance from it.
fn middle(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let of = |values: &mut Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    };
    let mut values: Vec<f64> = values.collect();
    let median = of(&mut values)?;
    let apart = of(&mut values.iter().map(|value| (value - median).abs()).collect())?;
    Some((median, apart))
}

/// The controls in which nothing expires, each with the expiries of one of the grid's trials for placebos: trial for trial,
/// since transfers of one trial share their second of expiry.
pub(in crate::verdict) struct Placebos<'a> {
    met: Vec<Placebo<'a>>,
    delta: f64,
}

/// A control with an expiry that it did not have.
#[derive(Debug, Clone, Copy)]
struct Placebo<'a> {
    flight: &'a Flight,
    expiry: f64,
    /// By how many seconds the end may have been noted late, its own or that of the trial whose expiry this is.
    late: f64,
}

impl Placebo<'_> {
    /// Whether it ended so close to its placebo, or to the whole second of the server's clock that is nearest to it: links expire on
    /// whole seconds, so that whatever ends connections once a second would otherwise be held against the grid alone.
    fn is_hit(&self, window: Window) -> bool {
        let holds = |expiry| window.holds(self.flight, expiry, self.late);
        holds(self.expiry) || holds(self.flight.nearest_second(self.expiry))
    }
}

impl<'a> Placebos<'a> {
    pub(in crate::verdict) fn of(target: &'a Target) -> Self {
        let delta = target.delta();
        let mut windows: HashMap<u32, BTreeMap<u32, Vec<(f64, f64)>>> = HashMap::new();
        for flight in grid(target).filter(|flight| is_planned(flight, delta)) {
            windows
                .entry(flight.key)
                .or_default()
                .entry(flight.trial)
                .or_default()
                .extend(flight.expiry.map(|expiry| (expiry, flight.late)));
        }
        let windows: HashMap<u32, Vec<Vec<(f64, f64)>>> =
            windows.into_iter().map(|(key, trials)| (key, trials.into_values().collect())).collect();
        let mut controls: BTreeMap<u32, Vec<&Flight>> = BTreeMap::new();
        for flight in target.flights.iter().filter(|flight| flight.is_unexpiring_control() && is_timed(flight)) {
            controls.entry(flight.trial).or_default().push(flight);
        }
        let mut turns: HashMap<u32, usize> = HashMap::new();
        let mut met = Vec::new();
        for flights in controls.into_values() {
            let Some(trials) = windows.get(&flights[0].key) else { continue };
            let turn = turns.entry(flights[0].key).or_default();
            let expiries = &trials[*turn % trials.len()];
            *turn += 1;
            // As wide as the wider of the two is: a busy control must not be spared for the grid's sake, nor the reverse.
            met.extend(flights.into_iter().zip(expiries.iter().cycle()).map(|(flight, (expiry, late))| Placebo {
                flight,
                expiry: *expiry,
                late: late.max(flight.late),
            }));
        }
        Self { met, delta }
    }

    /// The controls, each with its placebo.
    pub(in crate::verdict) fn laid(&self) -> impl Iterator<Item = (&'a Flight, f64)> + '_ {
        self.met.iter().map(|placebo| (placebo.flight, placebo.expiry))
    }

    /// What ended within the placebo window, and what met the placebo and went on.
    pub(in crate::verdict) fn outlived(&self, window: Window) -> ByTrial {
        self.count(window, |_| true)
    }

    /// The same of the long-TTL control alone: what has a link, too.
    pub(in crate::verdict) fn with_a_link(&self, window: Window) -> ByTrial {
        self.count(window, has_a_link)
    }

    fn count(&self, window: Window, keep: fn(&Flight) -> bool) -> ByTrial {
        let met = self.met.iter().filter(|placebo| {
            keep(placebo.flight) && (placebo.is_hit(window) || placebo.flight.went_on(placebo.expiry, self.delta))
        });
        ByTrial::count(met.map(|placebo| (placebo.flight.trial, placebo.is_hit(window))))
    }

    /// What met the placebo and went on, and of this what ended in flight later.
    pub(in crate::verdict) fn later(&self) -> ByTrial {
        self.count_later(|_| true)
    }

    /// The same of the long-TTL control alone.
    pub(in crate::verdict) fn later_with_a_link(&self) -> ByTrial {
        self.count_later(has_a_link)
    }

    fn count_later(&self, keep: fn(&Flight) -> bool) -> ByTrial {
        let went = self
            .met
            .iter()
            .filter(|placebo| keep(placebo.flight) && placebo.flight.went_on(placebo.expiry, self.delta));
        ByTrial::count(went.map(|placebo| (placebo.flight.trial, placebo.flight.ended_in_flight)))
    }
}

/// Whether controls that have a link, too, give the lie to it: some timers are for links alone.
pub(in crate::verdict) fn links_suffer(outlived: &ByTrial, links: &ByTrial) -> bool {
    links.hit() > 0 && outlived.exceeds(links) > LINKS_SUFFER
}

fn has_a_link(flight: &Flight) -> bool {
    flight.control == Some(Control::LongTtl)
}

/// What met expiry in the grid and went on for more than δ, and of this what ended in flight later.
pub(in crate::verdict) fn later(target: &Target) -> ByTrial {
    let delta = target.delta();
    let went = grid(target)
        .filter(|flight| flight.head_in_time && flight.expiry.is_some_and(|expiry| flight.went_on(expiry, delta)));
    ByTrial::count(went.map(|flight| (flight.trial, flight.ended_in_flight)))
}

/// The grid's flights that are in the denominator, whose end is not this machine's own, and can be timed: one that was noted
/// late by nobody knows how much would pass for one that went on after expiry.
pub(in crate::verdict) fn grid(target: &Target) -> impl Iterator<Item = &Flight> {
    target.flights.iter().filter(|flight| flight.in_grid() && is_timed(flight))
}

/// The grid's uploads with `Expect: 100-continue`, of which the same holds.
pub(in crate::verdict) fn expect_arm(target: &Target) -> impl Iterator<Item = &Flight> {
    target.flights.iter().filter(|flight| flight.is_of_expect_arm() && is_timed(flight))
}

fn is_timed(flight: &Flight) -> bool {
    flight.counts() && flight.is_judged && flight.cause != Cause::Of(Mechanism::Client)
}

/// Whether it is to meet its expiry, by what is known beforehand.
fn is_planned(flight: &Flight, delta: f64) -> bool {
    // Where no control tells the duration, its end does, δ included.
    let until = if flight.needed.is_some() { flight.at_risk() } else { flight.end + delta };
    flight.expiry.is_some_and(|expiry| expiry > delta && expiry < until)
}

/// Stray ends may hit this share of trials: 1 of 5 is chance, 2 are not.
pub(in crate::verdict) const MOST_STRAY: f64 = 0.75;
/// If controls with a living link ended at that age, too, p that the grid is no worse must be at most this.
const LINKS_SUFFER: f64 = 0.1;
/// A timer's ends agree on an age so many times better than on a distance from expiry.
const AGES_AGREE: f64 = 4.0;
/// By how many seconds a cut may follow expiry and still be told: the widest window that leaves a transfer of some seconds
/// enough time outside of it, and the period of the sweeps by which servers find connections to close.
const LATEST: f64 = 1.0;
/// How unlikely it must be that so many ends fall on whole seconds by chance.
const TICKING: f64 = 0.001;
/// So that what is made to hold the most that it may holds no more by a rounding.
const ROUNDED: f64 = 0.999;
