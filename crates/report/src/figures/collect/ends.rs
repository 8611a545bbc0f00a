//! Failures by when they ended against expiry, and the placebo.

use crate::prose::count;
use std::collections::HashSet;
use ttlsweep_record::units::grouped;

use super::{left_out, quantile};
use crate::chart::ends::{Count, Histogram, Panel};
use crate::verdict::{Sight, View, Way};

pub(super) fn panel(view: &View<'_, '_>, title: &str) -> Option<Panel> {
    let delta = view.delta();
    let of_way =
        |wanted: Way| -> HashSet<u32> { view.ways().filter(|(_, way)| *way == wanted).map(|(row, _)| row).collect() };
    let (at_end, cut) = (of_way(Way::RefusedAtEnd), of_way(Way::Cut));
    let kind = |sight: &Sight<'_>| match () {
        () if sight.ended_in_flight => Kind::InFlight,
        () if at_end.contains(&sight.row) => Kind::AtEnd,
        () => Kind::Otherwise,
    };
    // As the answer counts them: what this machine noted late is among them.
    let grid = Side::of(view.grid(), delta, kind, |sight, _| cut.contains(&sight.row));
    let controls =
        Side::of(view.controls(), delta, kind, |sight, margin| sight.ended_in_flight && margin.abs() <= delta);
    if grid.failures.is_empty() && controls.failures.is_empty() {
        return None;
    }
    let mut reach: Vec<f64> = grid.failures.iter().chain(&controls.failures).map(|(margin, _)| margin.abs()).collect();
    let reach = quantile(&mut reach, 0.98)?.max(20.0 * delta) * 1.05;
    // Bins as wide as the window, so that a glance tells whether it stands out; wider ones where it takes too many.
    let width = 2.0 * delta * (reach / delta / f64::from(MOST_BINS)).ceil().max(1.0);
    let each_side = (reach / width).ceil();
    let wide = histogram(&grid, &controls, -(each_side + 0.5) * width, width, 2 * each_side as usize + 1);
    let near = histogram(&grid, &controls, -NEAR * delta, delta / 10.0, (20.0 * NEAR) as usize);
    let beyond = |side: &Side| side.failures.iter().filter(|(margin, _)| margin.abs() > -wide.from).count() as u64;
    let placebo = match (controls.transfers, controls.failures.len()) {
        (0, _) => "no control without an expiry ran: there is no placebo".to_owned(),
        (all, 0) => format!("placebo: none of {} failed", count(all, "control")),
        _ => "placebo: no control failed near here".to_owned(),
    };
    let notes = format!(
        "δ = {delta:.3} s. Grid: {} failed of {} with a link; {} ended in flight, and {} count as cut; {} were in flight when it \
         expired. Placebo: {} of {} failed, {} in flight within δ; {} were in flight then.{}",
        grouped(grid.failures.len() as u64),
        count(grid.transfers, "transfer"),
        grouped(grid.in_flight),
        grouped(grid.in_window),
        grouped(grid.exposed),
        grouped(controls.failures.len() as u64),
        count(controls.transfers, "control"),
        grouped(controls.in_window),
        grouped(controls.exposed),
        left_out(&[
            (beyond(&grid), "failures of the grid beyond the axis"),
            (beyond(&controls), "failures of controls beyond the axis"),
        ]),
    );
    Some(Panel { title: title.to_owned(), notes, delta, wide, near, placebo })
}

/// What a failure is drawn as.
#[derive(Debug, Clone, Copy)]
enum Kind {
    InFlight,
    AtEnd,
    Otherwise,
}

/// The grid or the controls.
struct Side {
    /// Of each failure when it ended, from expiry, and of which kind it is.
    failures: Vec<(f64, Kind)>,
    transfers: u64,
    in_flight: u64,
    in_window: u64,
    /// At risk when the link expired.
    exposed: u64,
}

impl Side {
    /// `is_in_window` is asked of each failure, with when it ended from expiry.
    fn of<'a>(
        sights: impl Iterator<Item = Sight<'a>>,
        delta: f64,
        kind: impl Fn(&Sight<'_>) -> Kind,
        is_in_window: impl Fn(&Sight<'_>, f64) -> bool,
    ) -> Self {
        let mut side = Self { failures: Vec::new(), transfers: 0, in_flight: 0, in_window: 0, exposed: 0 };
        for sight in sights.filter(|sight| sight.seen.counts()) {
            let Some(expiry) = sight.expiry else { continue };
            side.transfers += 1;
            side.exposed += u64::from(expiry > 0.0 && sight.head_in_time && sight.leaves_risk > expiry - delta);
            if sight.seen.outcome.is_failure() {
                let margin = sight.end - expiry;
                side.failures.push((margin, kind(&sight)));
                side.in_flight += u64::from(sight.ended_in_flight);
                side.in_window += u64::from(is_in_window(&sight, margin));
            }
        }
        side
    }
}

fn histogram(grid: &Side, controls: &Side, from: f64, width: f64, bins: usize) -> Histogram {
    let count = |side: &Side| {
        let mut counts = vec![Count::default(); bins];
        for (margin, kind) in &side.failures {
            let place = ((margin - from) / width).floor();
            if place < 0.0 || place >= bins as f64 {
                continue;
            }
            let count = &mut counts[place as usize];
            match kind {
                Kind::InFlight => count.in_flight += 1,
                Kind::AtEnd => count.at_end += 1,
                Kind::Otherwise => count.otherwise += 1,
            }
        }
        counts
    };
    Histogram { from, width, grid: count(grid), placebo: count(controls) }
}

/// On the wide axis.
const MOST_BINS: u32 = 150;
/// The enlarged part reaches this many δ to either side.
const NEAR: f64 = 4.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_counted_in_the_bin_of_its_margin_and_nowhere_where_it_lies_beyond() {
        let side = |failures: &[(f64, Kind)]| Side {
            failures: failures.to_vec(),
            transfers: 9,
            in_flight: 0,
            in_window: 0,
            exposed: 0,
        };
        let found = histogram(
            &side(&[(0.0, Kind::InFlight), (-0.14, Kind::AtEnd), (0.16, Kind::InFlight)]),
            &side(&[]),
            -0.15,
            0.1,
            3,
        );
        let all: Vec<_> = found.grid.iter().map(|count| (count.in_flight, count.at_end, count.otherwise)).collect();
        assert_eq!(all, [(0, 1, 0), (1, 0, 0), (0, 0, 0)]);
        assert_eq!(found.placebo, [Count::default(); 3]);
    }
}
