//! Failures by ρ.

use crate::prose::count;
use std::collections::{BTreeMap, HashSet};

use super::left_out;
use crate::chart::rho::{Bin, Panel};
use crate::verdict::View;

pub(super) fn panel(view: &View<'_, '_>, title: &str) -> Option<Panel> {
    let mut bins: BTreeMap<i32, (Bin, HashSet<u32>)> = BTreeMap::new();
    let (mut late, mut unknown, mut no_link) = (0, 0, 0);
    for sight in view.grid().filter(|sight| sight.seen.counts()) {
        if sight.expiry.is_none() {
            no_link += 1;
            continue;
        }
        if !sight.head_in_time {
            late += 1;
            continue;
        }
        let Some(rho) = sight.rho.filter(|rho| *rho > 0.0) else {
            unknown += 1;
            continue;
        };
        let place = place(rho);
        let (bin, trials) = bins.entry(place).or_insert_with(|| (empty(place), HashSet::new()));
        bin.transfers += 1;
        bin.failures += u64::from(sight.seen.outcome.is_failure());
        bin.in_flight += u64::from(sight.ended_in_flight);
        trials.insert(sight.seen.trial);
    }
    let (first, last) = (*bins.first_key_value()?.0, *bins.last_key_value()?.0);
    let trials = bins.values().flat_map(|(_, trials)| trials).collect::<HashSet<_>>().len() as u64;
    let bins: Vec<Bin> = (first..=last)
        .map(|place| {
            bins.remove(&place).map_or_else(|| empty(place), |(bin, trials)| Bin { trials: trials.len() as u64, ..bin })
        })
        .collect();
    let transfers = bins.iter().map(|bin| bin.transfers).sum();
    let outermost =
        [(first == -REACH, "the first bin holds all below it"), (last == REACH - 1, "the last bin holds all above it")];
    let outermost: Vec<&str> = outermost.into_iter().filter(|(there, _)| *there).map(|(_, words)| words).collect();
    let notes = format!(
        "{} in {}{}.{}",
        count(transfers, "transfer"),
        count(trials, "trial"),
        if outermost.is_empty() { String::new() } else { format!("; {}", outermost.join(", ")) },
        left_out(&[
            (late, "whose head was not certainly in time"),
            (unknown, "without a control that tells the duration needed"),
            (no_link, "without a link"),
        ]),
    );
    Some(Panel { title: title.to_owned(), notes, bins })
}

/// Bins are half a power of two wide, and an edge of them is 1.
fn place(rho: f64) -> i32 {
    ((rho.log2() * 2.0).floor()).clamp(f64::from(-REACH), f64::from(REACH - 1)) as i32
}

fn empty(place: i32) -> Bin {
    Bin { low: f64::from(place) / 2.0, high: f64::from(place + 1) / 2.0, ..Bin::default() }
}

/// Half powers of two to either side of 1: from 1/16 to 16.
const REACH: i32 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_bin_holds_transfers_of_both_sides_of_one() {
        assert_eq!((place(0.999_999), place(1.0)), (-1, 0));
        assert_eq!((place(1e-9), place(1e9)), (-REACH, REACH - 1));
        assert_eq!((empty(0).low, empty(-1).high), (0.0, 0.0));
    }
}
