//! What supports a cut at expiry beside its test: described with its numbers, decisive of nothing.

use std::collections::BTreeMap;

use crate::prose::{p_value, share};
use crate::stats::{Hazard, PermutationTrial, firth, permutation_greater, theil_sen};
use crate::verdict::cause::flight::Flight;
use crate::verdict::target::Target;

/// One sentence for each support that the data allow.
pub(in crate::verdict) fn sentences(target: &Target, delta: f64) -> Vec<String> {
    [slope(target), hazards(target, delta), step(target), log_rho(target), replay(target)]
        .into_iter()
        .flatten()
        .collect()
}

fn in_grid(target: &Target) -> impl Iterator<Item = &Flight> {
    target.flights.iter().filter(|flight| flight.in_grid() && flight.counts() && flight.head_in_time)
}

/// Instant of failure against instant of expiry: slope 1 for a cut, 0 for what follows the start.
fn slope(target: &Target) -> Option<String> {
    let points: Vec<_> =
        in_grid(target).filter(|f| f.ended_in_flight).filter_map(|f| Some((f.expiry?, f.end))).collect();
    let slope = theil_sen(&points)?;
    Some(format!(
        "failure follows expiry with slope {:.2} ({:.2} to {:.2}; a cut has 1, a timer 0)",
        slope.slope, slope.low, slope.high
    ))
}

fn hazards(target: &Target, delta: f64) -> Option<String> {
    let [before, within, after] = pieces(target, delta).map(|piece| {
        let interval = piece.interval()?;
        Some(format!("{:.2} ({:.2} to {:.2})", piece.rate()?, interval.low, interval.high))
    });
    let after = after.map(|after| format!(", {after} after")).unwrap_or_default();
    Some(format!("ends a second at risk: {} before the window, {} within{after}", before?, within?))
}

/// Ends in flight and time at risk before, within and after the window, over transfers whose link expires.
fn pieces(target: &Target, delta: f64) -> [Hazard; 3] {
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

/// Failures on either side of ρ = 1.
fn step(target: &Target) -> Option<String> {
    let (mut below, mut above) = ((0, 0), (0, 0));
    for flight in in_grid(target) {
        let side = if flight.rho()? < 1.0 { &mut below } else { &mut above };
        side.0 += u64::from(flight.ended_in_flight);
        side.1 += 1;
    }
    (below.1 > 0 && above.1 > 0).then(|| {
        let (below, above) = (share(below.0, below.1), share(above.0, above.1));
        format!(
            "{below} ended in flight where the link's life was shorter than the transfer (ρ < 1), {above} elsewhere"
        )
    })
}

/// The trials' medians: what the trial is planned to be, and the share of its transfers that ended in flight.
fn by_trial(target: &Target) -> Vec<(&Flight, f64)> {
    let mut trials: BTreeMap<u32, (&Flight, u64, u64)> = BTreeMap::new();
    for flight in in_grid(target).filter(|flight| flight.rho().is_some()) {
        let entry = trials.entry(flight.trial).or_insert((flight, 0, 0));
        entry.1 += u64::from(flight.ended_in_flight);
        entry.2 += 1;
    }
    trials.into_values().map(|(first, ended, all)| (first, ended as f64 / all as f64)).collect()
}

/// Firth's logistic regression of failed trials on ln ρ, with users, size and cap where they vary.
fn log_rho(target: &Target) -> Option<String> {
    let trials = by_trial(target);
    let trials: Vec<_> = trials.iter().step_by(trials.len().div_ceil(MOST_TRIALS).max(1)).collect();
    let settings = |flight: &Flight| {
        let key = &target.keys[flight.key as usize];
        let cap = key.bandwidth().map_or(UNCAPPED_BPS, |rate| rate.bits_per_second() as f64);
        [f64::from(key.users()).ln(), (key.size_bytes().max(1) as f64).ln(), cap.ln()]
    };
    let first = settings(trials.first()?.0);
    let varies: Vec<usize> =
        (0..3).filter(|at| trials.iter().any(|(flight, _)| settings(flight)[*at] != first[*at])).collect();
    let row = |flight: &Flight| -> Option<Vec<f64>> {
        let settings = settings(flight);
        let rho = flight.rho().filter(|rho| *rho > 0.0)?.ln();
        Some([1.0, rho].into_iter().chain(varies.iter().map(|at| settings[*at])).collect())
    };
    let (rows, hit): (Vec<_>, Vec<_>) =
        trials.iter().filter_map(|(flight, ended)| Some((row(flight)?, *ended > 0.5))).unzip();
    let fit = firth(&rows, &hit)?;
    Some(format!("log odds of failure fall by {:.1} with each unit of ln ρ ({})", -fit.beta[1], p_value(fit.p[1])))
}

/// The randomisation, replayed: do the trials planned to outlive their links fail more than chance would have placed them?
fn replay(target: &Target) -> Option<String> {
    let trials: Vec<_> = by_trial(target)
        .into_iter()
        .filter_map(|(flight, value)| {
            Some(PermutationTrial { block: u64::from(flight.block), treated: flight.rho()? < 1.0, value })
        })
        .collect();
    let rounds = (MOST_MOVES / trials.len().max(1)).clamp(99, 9_999) as u32;
    let p = permutation_greater(&trials, rounds, SEED)?;
    Some(format!("replaying the random order within blocks gives {}", p_value(p)))
}

/// A fit over more trials takes noticeable time and says the same.
const MOST_TRIALS: usize = 2000;
/// Rounds × trials.
const MOST_MOVES: usize = 20_000_000;
/// Any would do; the same report must come out again.
const SEED: u64 = 1;
/// Stands for no cap where other cells have one: faster than any uplink.
const UNCAPPED_BPS: f64 = 1e11;
