//! `cut-at-expiry`: of the ends in flight, do more fall within δ of expiry than time alone puts there, and are transfers
//! without an expiry spared at the same elapsed time?

use std::collections::HashMap;

use ttlsweep_record::Mechanism;

use super::cause::Cause;
use super::finding::{ByTrial, Tested};
use super::flight::Flight;
use super::prose::{count, p_value, percent, secs, share};
use super::support;
use super::target::Target;
use crate::stats::{Hazard, fisher_greater, trials_for_tail, window_excess};

pub(super) fn test(target: &Target, alpha: f64) -> Tested {
    let delta = target.delta();
    let grid = || target.flights.iter().filter(|flight| flight.in_grid() && flight.counts());
    let outlived = ByTrial::count(grid().filter(|flight| met_expiry(flight, delta)).map(|f| (f.trial, is_cut(f))));
    let ends = ByTrial::count(grid().filter(|f| f.ended_in_flight).map(|flight| (flight.trial, is_cut(flight))));
    let excess = window_excess(&events(grid().filter(|flight| flight.ended_in_flight), &ends, delta));
    // Fixed before outcomes are looked at: how much of the time of transfers that meet expiry is near it.
    let planned: Vec<&Flight> = grid().filter(|f| f.expiry.is_some_and(|e| e > delta && e < f.at_risk())).collect();
    let time_at_risk: f64 = planned.iter().map(|flight| flight.at_risk()).sum();
    let in_windows: f64 = planned.iter().map(|flight| flight.window_share(delta) * flight.at_risk()).sum();
    let window_share = if time_at_risk > 0.0 { in_windows / time_at_risk } else { 0.0 };

    let controls = Controls::of(target, delta);
    // A trial is hit where most of its ends in flight lie in the window: exact for ends that share one fate, and on the
    // safe side for independent ones.
    let hits = outlived_trials(target, delta)
        .into_iter()
        .filter(|trial| ends.get(*trial).is_some_and(|(all, cut)| 2 * cut > all))
        .count() as u64;
    // Like is held against like: whatever cuts half of a trial's transfers near expiry, and knows nothing of it, cuts half of
    // a control's at one age or another.
    let spared = fisher_greater(outlived.half_hit(), outlived.trials(), controls.half_ended, controls.trials);

    let needed = trials_for_tail(window_share.max(0.001), alpha / MECHANISMS).max(LEAST_TRIALS);
    let obstacle = if outlived.trials() == 0 {
        Some(format!("it takes trials in which links expire in flight, at least {NOTHING_SEEN}"))
    } else if window_share > MOST_IN_WINDOWS {
        let seconds = 2.0 * delta / MOST_IN_WINDOWS;
        Some(format!(
            "the time within {} of expiry is {} of the time at risk, too much to tell a cut from chance: it takes transfers \
             of {} or more, or a better known clock",
            secs(delta),
            percent(window_share),
            secs(seconds)
        ))
    } else if controls.trials == 0 {
        Some(format!("no control without an expiry ran to compare with: it takes {LEAST_TRIALS} or more"))
    } else if spared > NOT_SPARED && controls.ended == 0 {
        let enough = |n: &u64| fisher_greater(*n, *n, 0, controls.trials.max(*n)) <= NOT_SPARED;
        let enough = (needed..).find(enough).unwrap_or(needed);
        Some(format!("too few to be set apart: it takes {enough} trials cut at expiry beside as many controls"))
    } else {
        None
    };
    // Where the controls end as often, what they suffer explains the excess, and the claim is no surer than the difference.
    let shared = spared > NOT_SPARED && controls.ended > 0;
    let p = excess.map(|excess| if shared { excess.p.max(spared) } else { excess.p });
    let more = if shared {
        "controls without an expiry end in flight as often, so that a timer or the network explains this as well: it takes \
         TTLs and sizes that part the two"
            .to_owned()
    } else {
        format!("it takes {needed} trials cut at expiry, and no other, to be sure of it")
    };
    Tested {
        mechanism: Mechanism::CutAtExpiry,
        failures: outlived.transfers_hit(),
        transfers: outlived.transfers(),
        hits,
        trials: outlived.trials(),
        p,
        obstacle,
        suspicion: later_ends(target, delta),
        most_share: super::finding::MOST_SHARE,
        evidence: sentence(target, &outlived, &controls, excess.map(|excess| (excess.p, excess.share)), delta),
        support: if outlived.transfers_hit() > 0 { support::sentences(target, delta) } else { Vec::new() },
        more,
    }
}

fn is_cut(flight: &Flight) -> bool {
    flight.cause == Cause::Of(Mechanism::CutAtExpiry)
}

/// Whether its link expired in flight, its head in time and its body unfinished: it was cut there, or went on beyond δ.
fn met_expiry(flight: &Flight, delta: f64) -> bool {
    let Some(expiry) = flight.expiry.filter(|_| flight.head_in_time) else { return false };
    is_cut(flight) || (flight.end > expiry + delta && flight.body_end.is_none_or(|end| end > expiry + delta))
}

fn outlived_trials(target: &Target, delta: f64) -> Vec<u32> {
    let met = target.flights.iter().filter(|f| f.in_grid() && f.counts() && met_expiry(f, delta));
    let mut trials: Vec<u32> = met.map(|flight| flight.trial).collect();
    trials.sort_unstable();
    trials.dedup();
    trials
}

/// One entry a trial with an end in flight: whether most of them lie in the window, and the window's share of their time.
fn events<'a>(ended: impl Iterator<Item = &'a Flight>, ends: &ByTrial, delta: f64) -> Vec<(bool, f64)> {
    let mut shares: HashMap<u32, f64> = HashMap::new();
    for flight in ended {
        *shares.entry(flight.trial).or_default() += flight.window_share(delta);
    }
    let mut trials: Vec<_> = shares.into_iter().collect();
    trials.sort_by_key(|(trial, _)| *trial);
    let event = |(trial, sum): (u32, f64)| {
        let (all, cut) = ends.get(trial).unwrap_or((1, 0));
        (2 * cut > all, sum / all as f64)
    };
    trials.into_iter().map(event).collect()
}

/// The controls without an expiry, and the placebo: the grid's windows laid on them.
struct Controls {
    trials: u64,
    transfers: u64,
    /// Trials in which at least one transfer ended in flight, whenever.
    ended: u64,
    /// Trials in which at least half of the transfers did.
    half_ended: u64,
    /// Transfers that ended in flight within a placebo window.
    in_placebo: u64,
}

impl Controls {
    fn of(target: &Target, delta: f64) -> Self {
        let windows = windows(target);
        let in_placebo = |flight: &Flight| {
            windows.get(&flight.key).is_some_and(|places| {
                let at = places.partition_point(|place| *place < flight.end - delta);
                places.get(at).is_some_and(|place| *place <= flight.end + delta)
            })
        };
        let controls = || target.flights.iter().filter(|flight| flight.is_unexpiring_control() && flight.counts());
        let by_trial = ByTrial::count(controls().map(|flight| (flight.trial, flight.ended_in_flight)));
        Self {
            trials: by_trial.trials(),
            transfers: by_trial.transfers(),
            ended: by_trial.hit(),
            half_ended: by_trial.half_hit(),
            in_placebo: controls().filter(|flight| flight.ended_in_flight && in_placebo(flight)).count() as u64,
        }
    }
}

/// Ends in flight that follow expiry by more than δ, where they are more frequent than in the controls at the same elapsed
/// time: something that follows expiry late, which the windows cannot see.
fn later_ends(target: &Target, delta: f64) -> Option<String> {
    let ended = |flight: &&Flight| flight.cause == Cause::EndedAfterExpiry && flight.ended_in_flight;
    let later: Vec<&Flight> = target.flights.iter().filter(|f| f.in_grid()).filter(ended).collect();
    let trials = ByTrial::count(later.iter().map(|flight| (flight.trial, true))).trials();
    // Few trials make no small p; but where nothing ever ended but after expiry, an acquittal would be rash.
    let elsewhere = |flight: &Flight| flight.ended_in_flight && !(flight.in_grid() && ended(&flight));
    let nowhere_else = !target.flights.iter().any(elsewhere);
    if trials < LEAST_TRIALS || (after_expiry(target, delta) > super::ALPHA && !nowhere_else) {
        return None;
    }
    let mut delays: Vec<f64> = later.iter().filter_map(|flight| Some(flight.end - flight.expiry?)).collect();
    delays.sort_by(f64::total_cmp);
    Some(format!(
        "but {} ended {} to {} after expiry, more often than the controls of that age, as a cut that comes late would have \
         it: it takes TTLs further apart to tell",
        count(later.len() as u64, "transfer"),
        secs(delays[0]),
        secs(delays[delays.len() - 1]),
    ))
}

/// How likely trials go on to an end in flight after expiry as often as they do, if they are like the controls at the same
/// elapsed time. Each control gets the expiry of one of its grid's transfers for a placebo.
pub(super) fn after_expiry(target: &Target, delta: f64) -> f64 {
    let windows = windows(target);
    let mut turns: HashMap<u32, usize> = HashMap::new();
    let mut placebo = |flight: &Flight| {
        let places = windows.get(&flight.key)?;
        let turn = turns.entry(flight.key).or_default();
        *turn += 1;
        // A stride that is prime to any likely number of cells, so that all TTLs have their turn.
        places.get(*turn * 7919 % places.len().max(1)).copied()
    };
    let went_on = |flight: &Flight, expiry: Option<f64>| {
        expiry
            .filter(|expiry| flight.end > expiry + delta && flight.body_end.is_none_or(|end| end > expiry + delta))?;
        Some((flight.trial, flight.ended_in_flight))
    };
    let counted = || target.flights.iter().filter(|flight| flight.counts());
    let grid = counted().filter(|flight| flight.in_grid() && flight.head_in_time);
    let grid = ByTrial::count(grid.filter_map(|flight| went_on(flight, flight.expiry)));
    let controls = counted().filter(|flight| flight.is_unexpiring_control());
    let controls = ByTrial::count(controls.filter_map(|flight| went_on(flight, placebo(flight))));
    fisher_greater(grid.half_hit(), grid.trials(), controls.half_hit(), controls.trials())
}

/// When the grid's links expired, by the settings that its transfers share with their controls; sorted.
fn windows(target: &Target) -> HashMap<u32, Vec<f64>> {
    let mut windows: HashMap<u32, Vec<f64>> = HashMap::new();
    for flight in target.flights.iter().filter(|flight| flight.in_grid()) {
        windows.entry(flight.key).or_default().extend(flight.expiry);
    }
    windows.values_mut().for_each(|places| places.sort_by(f64::total_cmp));
    windows
}

/// Ends in flight and time at risk before, within and after the window, over transfers whose link expires.
pub(super) fn pieces(target: &Target, delta: f64) -> [Hazard; 3] {
    let mut pieces = [Hazard::default(); 3];
    let flights = target.flights.iter().filter(|flight| flight.in_grid() && flight.counts() && flight.head_in_time);
    for flight in flights {
        let Some(expiry) = flight.expiry else { continue };
        let end = flight.body_end.map_or(flight.end, |body_end| body_end.min(flight.end));
        let (from, to) = ((expiry - delta).max(0.0), expiry + delta);
        pieces[0].seconds += end.min(from);
        pieces[1].seconds += (end.min(to) - from).max(0.0);
        pieces[2].seconds += (end - to).max(0.0);
        if flight.ended_in_flight {
            let piece = if end < from { 0 } else { 1 + usize::from(end > to) };
            pieces[piece].events += 1;
        }
    }
    pieces
}

fn sentence(
    target: &Target,
    outlived: &ByTrial,
    controls: &Controls,
    excess: Option<(f64, f64)>,
    delta: f64,
) -> String {
    if outlived.transfers() == 0 {
        return "no link expired while its transfer was certainly in flight".to_owned();
    }
    let noun = if target.keys.iter().any(|key| !key.method.is_upload()) { "transfers" } else { "uploads" };
    let mut parts = vec![format!(
        "{} {noun} that outlived their link were cut within {} of expiry ({} of {})",
        share(outlived.transfers_hit(), outlived.transfers()),
        secs(delta),
        outlived.hit(),
        count(outlived.trials(), "trial"),
    )];
    parts.push(match controls.transfers {
        0 => "no controls ran".to_owned(),
        _ if controls.ended == 0 => format!("none of {} was cut at any time", count(controls.transfers, "control")),
        all => format!(
            "of {}, {} ended in flight and {} within the same windows",
            count(all, "control"),
            count(controls.ended, "trial"),
            count(controls.in_placebo, "transfer"),
        ),
    });
    if let Some((p, share)) = excess.filter(|_| outlived.transfers_hit() > 0) {
        parts.push(format!("the windows hold {} of the time at risk: {}", percent(share), p_value(p)));
    }
    parts.join("; ")
}

/// Where the windows hold more of the time at risk than this, ends near expiry are no surprise.
const MOST_IN_WINDOWS: f64 = 0.2;
/// Where the controls' ends make a difference as large as the one seen at least this likely, they were not spared.
const NOT_SPARED: f64 = 0.05;
const LEAST_TRIALS: u64 = 3;
/// Trials without a hit that bound the share of hits below [`super::finding::MOST_SHARE`].
const NOTHING_SEEN: u64 = 5;
/// As many as the vocabulary has: what Holm's first step divides by.
const MECHANISMS: f64 = Mechanism::ALL.len() as f64;
