//! Runs, or targets, held against each other, as the page shows them.

use ttlsweep_record::Cell;

use crate::compare::runs::{CellComparison, Comparison, Side, Tested, signed};
use crate::prose::{count, of, p_in_table};

/// One pair of runs or targets.
#[derive(Debug)]
pub(super) struct Compared<'a> {
    pub(super) title: String,
    pub(super) first: &'a str,
    pub(super) second: &'a str,
    pub(super) sentence: String,
    pub(super) rows: Vec<Row<'a>>,
    /// Of how many cells more there is nothing to say; empty if of none.
    pub(super) nothing: String,
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

pub(super) fn compared<'a>(found: &'a [Comparison], cells: &[Cell]) -> Vec<Compared<'a>> {
    found.iter().map(|one| Compared::of(one, cells)).collect()
}

impl<'a> Compared<'a> {
    fn of(one: &'a Comparison, cells: &[Cell]) -> Self {
        let mean = Row::of("mean of the grid’s cells", None, &one.mean, true);
        let telling: Vec<&CellComparison> = one.cells.iter().filter(|cell| !cell.says_nothing()).collect();
        let rows = telling.iter().take(MOST_ROWS);
        let rows = rows
            .map(|cell| Row::of(&cell.label, Some((cell.first, cell.second)), &cell.tested, one.can_be_shown(cell)));
        Self {
            title: format!("{} against {}", one.second, one.first),
            first: &one.first,
            second: &one.second,
            sentence: one.sentence(cells),
            rows: if telling.is_empty() { Vec::new() } else { std::iter::once(mean).chain(rows).collect() },
            nothing: match one.cells.len() - telling.len() {
                0 => String::new(),
                n => format!("In {} all was as it must be on either side.", count(n as u64, "other cell")),
            },
            more: telling.len().saturating_sub(MOST_ROWS),
        }
    }
}

impl<'a> Row<'a> {
    /// `enough` says whether so many trials could show a difference at all: a p that could not be small is none.
    fn of(label: &'a str, sides: Option<(Side, Side)>, tested: &Tested, enough: bool) -> Self {
        let side = |side: Side| format!("{} in {}", of(side.failed, side.transfers), count(side.trials, "trial"));
        let (first, second) = sides.map(|(first, second)| (side(first), side(second))).unwrap_or_default();
        let interval = tested.difference.interval;
        Self {
            label,
            first,
            second,
            difference: signed(tested.difference.estimate),
            interval: format!("{} to {}", signed(interval.low), signed(interval.high)),
            p: if enough { p_in_table(tested.p_holm) } else { "too few trials".to_owned() },
        }
    }
}

/// `comparison.csv` has them all.
const MOST_ROWS: usize = 100;
