//! Runs, or targets, held against each other, as the page shows them.

use crate::compare::runs::{Comparison, Side, Tested, signed};

use super::tables::{p_value, percent};

/// One pair of runs or targets.
#[derive(Debug)]
pub(super) struct Compared<'a> {
    pub(super) title: String,
    pub(super) first: &'a str,
    pub(super) second: &'a str,
    pub(super) sentence: String,
    pub(super) rows: Vec<Row<'a>>,
    /// How many cells more there are than rows.
    pub(super) more: usize,
}

/// A pair of cells, or the mean of all.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) label: &'a str,
    pub(super) first: String,
    pub(super) second: String,
    pub(super) difference: String,
    pub(super) interval: String,
    pub(super) p: String,
}

pub(super) fn compared(found: &[Comparison]) -> Vec<Compared<'_>> {
    found.iter().map(Compared::of).collect()
}

impl<'a> Compared<'a> {
    fn of(one: &'a Comparison) -> Self {
        let mean = Row::of("mean of the grid’s cells", None, &one.mean);
        let shown = one.cells.iter().take(MOST_ROWS);
        let cells = shown.map(|cell| Row::of(&cell.label, Some((cell.first, cell.second)), &cell.tested));
        Self {
            title: format!("{} against {}", one.second, one.first),
            first: &one.first,
            second: &one.second,
            sentence: one.sentence(),
            rows: std::iter::once(mean).chain(cells).collect(),
            more: one.cells.len().saturating_sub(MOST_ROWS),
        }
    }
}

impl<'a> Row<'a> {
    fn of(label: &'a str, sides: Option<(Side, Side)>, tested: &Tested) -> Self {
        let side = |side: Side| format!("{} of {} trials", percent(side.share), side.trials);
        let (first, second) = sides.map(|(first, second)| (side(first), side(second))).unwrap_or_default();
        let interval = tested.difference.interval;
        Self {
            label,
            first,
            second,
            difference: signed(tested.difference.estimate),
            interval: format!("{} to {}", signed(interval.low), signed(interval.high)),
            p: p_value(tested.p_holm),
        }
    }
}

/// `comparison.csv` has them all.
const MOST_ROWS: usize = 100;
