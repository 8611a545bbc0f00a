//! The cumulative hazard around expiry.

use crate::prose::{count, percent};
use std::collections::HashSet;
use ttlsweep_record::units::grouped;

use super::{is_sampled, quantile};
use crate::chart::hazard::Panel;
use crate::stats::{Spell, cumulative_hazard};
use crate::verdict::{Sight, View};

pub(super) fn panel(view: &View<'_, '_>, title: &str) -> Option<Panel> {
    let delta = view.delta();
    let transfers = view.grid().chain(view.controls()).count();
    let share = (MOST_SPELLS / transfers as f64).min(1.0);
    let mut early = 0;
    let grid: Vec<Spell> = view
        .grid()
        .filter(|sight| is_sampled(sight.seen.trial, share))
        .filter(|sight| {
            early += u64::from(!sight.head_in_time);
            sight.head_in_time
        })
        .filter_map(|sight| spell(&sight))
        .collect();
    let controls: Vec<Spell> =
        view.controls().filter(|sight| is_sampled(sight.seen.trial, share)).filter_map(|sight| spell(&sight)).collect();
    // The axis reaches as far as transfers that were there at expiry do: most of the others never came near it.
    let met = || grid.iter().filter(|spell| spell.leaves > -delta);
    let mut before: Vec<f64> = met().map(|spell| -spell.enters).collect();
    let from = -quantile(&mut before, 0.95)?.max(4.0 * delta) * 1.05;
    let mut after: Vec<f64> = met().chain(&controls).map(|spell| spell.leaves).filter(|at| *at > 0.0).collect();
    let to = quantile(&mut after, 0.95).unwrap_or(0.0).max(-from / 4.0).max(4.0 * delta);
    let (grid, controls) = (within(&grid, from), within(&controls, from));
    let times = times(from, to, delta);
    let events = |spells: &[Spell]| spells.iter().filter(|spell| spell.event).count() as u64;
    let units = |spells: &[Spell]| spells.iter().map(|spell| spell.unit).collect::<HashSet<_>>().len() as u64;
    let side = |spells: &[Spell], noun: &str| {
        let (all, trials) = (count(spells.len() as u64, noun), count(units(spells), "trial"));
        format!("{all} in {trials}, {} ended in flight", grouped(events(spells)))
    };
    let beside = if controls.is_empty() { "no control to compare with".to_owned() } else { side(&controls, "control") };
    let mut notes = format!("{}; {beside}.", side(&grid, "transfer"));
    // Few units have residuals of nothing, and would seem certain.
    let few = |spells: &[Spell]| !spells.is_empty() && units(spells) < LEAST_UNITS;
    if few(&grid) || few(&controls) {
        notes += &format!(" No interval over fewer than {LEAST_UNITS} trials.");
    }
    let curve = |spells: &[Spell]| {
        let mut steps = cumulative_hazard(spells, &times);
        if few(spells) {
            steps.iter_mut().for_each(|step| (step.low, step.high) = (step.hazard, step.hazard));
        }
        steps
    };
    if early > 0 {
        notes += &format!(" Left out: {} whose head was not certainly in time.", grouped(early));
    }
    if share < 1.0 {
        notes += &format!(" Drawn from {} of the trials, chosen by number.", percent(share));
    }
    Some(Panel { title: title.to_owned(), notes, delta, from, to, grid: curve(&grid), controls: curve(&controls) })
}

/// At risk from the head on, in seconds from expiry.
fn spell(sight: &Sight<'_>) -> Option<Spell> {
    let expiry = sight.expiry.filter(|expiry| *expiry > 0.0)?;
    let leaves = if sight.ended_in_flight { sight.end } else { sight.leaves_risk } - expiry;
    (leaves > -expiry).then_some(Spell {
        unit: sight.seen.trial,
        enters: -expiry,
        leaves,
        event: sight.ended_in_flight,
    })
}

/// What of the spells lies behind `from`, where the curves begin.
fn within(spells: &[Spell], from: f64) -> Vec<Spell> {
    let kept = spells.iter().filter(|spell| spell.leaves > from);
    kept.map(|spell| Spell { enters: spell.enters.max(from), ..*spell }).collect()
}

/// Even steps over the axis, and finer ones around the window.
fn times(from: f64, to: f64, delta: f64) -> Vec<f64> {
    let even = |from: f64, to: f64, steps: u32| {
        (0..=steps).map(move |at| from + (to - from) * f64::from(at) / f64::from(steps))
    };
    let mut times: Vec<f64> = even(from, to, 160).chain(even(-2.0 * delta, 2.0 * delta, 60)).collect();
    times.retain(|time| (from..=to).contains(time));
    times.sort_by(f64::total_cmp);
    times
}

const LEAST_UNITS: u64 = 5;
/// More make no other curve, and their interval takes noticeable time.
const MOST_SPELLS: f64 = 100_000.0;
