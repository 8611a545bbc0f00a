//! Transfers → one row of counts a cell. What every chart, table and the verdict start from.

pub(crate) mod axes;
pub(crate) mod table;

use std::collections::HashMap;

use polars::prelude::*;
use ttlsweep_record::{Cell, Control, Outcome, SummaryRecord};

use crate::load::Runs;
use crate::load::transfer::Transfer;
use crate::stats::wilson;
use crate::verdict::Way;

/// One cell with its transfers, counted.
#[derive(Debug, Clone, PartialEq)]
pub struct CellSummary {
    /// Its settings.
    pub cell: Cell,
    /// Whole trials.
    pub trials: u64,
    /// Its transfers, counted.
    pub counts: Counts,
    /// The median of `total_us` over completed transfers, in microseconds.
    pub median_total_us: Option<u64>,
}

/// Transfers, counted by what became of them.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    by_outcome: [u64; Outcome::ALL.len()],
    /// Transfers of the grid that outlived their link, as the verdict counts them; 0 until it has been reached.
    pub outlived: u64,
    /// Of these, the ones that completed anyway.
    pub outlived_completed: u64,
    /// Failures by how they came about, in the order of [`Way::ALL`], as the verdict counts them; 0 until it has been reached.
    pub ways: [u64; Way::ALL.len()],
    /// Counted transfers whose head was written at or after expiry.
    pub late_starts: u64,
    /// Of these, the failures.
    pub late_failures: u64,
}

impl Counts {
    /// How many ended with `outcome`.
    pub fn outcome(&self, outcome: Outcome) -> u64 {
        self.by_outcome[outcome as usize]
    }

    /// The denominator: all but the cancelled, which are censored, and those that failed locally.
    pub fn transfers(&self) -> u64 {
        self.recorded() - self.outcome(Outcome::Cancelled) - self.outcome(Outcome::FailedLocally)
    }

    /// All of them, those that are in no denominator included.
    pub(crate) fn recorded(&self) -> u64 {
        self.by_outcome.iter().sum()
    }

    /// Transfers in the denominator that did not complete.
    pub fn failures(&self) -> u64 {
        self.transfers() - self.outcome(Outcome::Completed)
    }

    /// Adds another cell's counts.
    pub fn add(&mut self, other: &Self) {
        for (sum, more) in self.by_outcome.iter_mut().zip(other.by_outcome) {
            *sum += more;
        }
        self.outlived += other.outlived;
        self.outlived_completed += other.outlived_completed;
        for (sum, more) in self.ways.iter_mut().zip(other.ways) {
            *sum += more;
        }
        self.late_starts += other.late_starts;
        self.late_failures += other.late_failures;
    }
}

impl CellSummary {
    /// The row of `summary.csv`.
    pub(crate) fn record(&self) -> SummaryRecord {
        let counts = &self.counts;
        let (failures, transfers) = (counts.failures(), counts.transfers());
        let interval = wilson(failures, transfers);
        SummaryRecord {
            cell_id: self.cell.cell_id.clone(),
            control: self.cell.control,
            expiry_policy: self.cell.expiry_policy,
            method: self.cell.method,
            users: self.cell.users,
            ttl_s: self.cell.ttl_s,
            size_bytes: self.cell.size_bytes,
            bandwidth_bps: self.cell.bandwidth_bps,
            trials: self.trials,
            transfers,
            failures,
            failure_rate: interval.map(|_| failures as f64 / transfers as f64),
            failure_rate_low: interval.map(|interval| interval.low),
            failure_rate_high: interval.map(|interval| interval.high),
            outlived: counts.outlived,
            outlived_completed: counts.outlived_completed,
            late_starts: counts.late_starts,
            completed: counts.outcome(Outcome::Completed),
            rejected: counts.outcome(Outcome::Rejected),
            reset: counts.outcome(Outcome::Reset),
            closed: counts.outcome(Outcome::Closed),
            malformed: counts.outcome(Outcome::Malformed),
            timed_out: counts.outcome(Outcome::TimedOut),
            unconnected: counts.outcome(Outcome::Unconnected),
            cancelled: counts.outcome(Outcome::Cancelled),
            failed_locally: counts.outcome(Outcome::FailedLocally),
            truncated: counts.outcome(Outcome::Truncated),
            altered: counts.outcome(Outcome::Altered),
            median_total_us: self.median_total_us,
            ttl_most_s: self.cell.ttl_most_s,
        }
    }
}

/// Counts every cell's transfers: the grid in the plan's order, then the controls. A cell without any has zeros.
///
/// # Errors
/// Only where a frame's operation fails, which would be an error of this program.
pub fn summarize(runs: &Runs) -> PolarsResult<Vec<CellSummary>> {
    let mut summaries: Vec<CellSummary> = runs
        .cells
        .iter()
        .map(|cell| CellSummary {
            cell: cell.clone(),
            trials: runs.trials.iter().filter(|trial| trial.cell_id == cell.cell_id).count() as u64,
            counts: Counts::default(),
            median_total_us: None,
        })
        .collect();
    let counted = Counted::of(runs.transfers.all())?;
    for row in 0..counted.height {
        let summary = &mut summaries[counted.cell[row] as usize];
        summary.counts = counted.counts(row);
        summary.median_total_us = counted.median_total_us[row];
    }
    summaries.sort_by_key(|summary| summary.cell.control.map(|control| control as usize + 1));
    Ok(summaries)
}

/// What the verdict says of a cell's transfers.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct VerdictCounts {
    /// How many outlived their link.
    pub(crate) outlived: u64,
    /// How many of these completed.
    pub(crate) completed: u64,
    /// How many failed in which way.
    pub(crate) ways: [u64; Way::ALL.len()],
}

/// Takes over what the verdict says of each cell, as cells stand in the plan.
pub(crate) fn take_verdict_counts(summaries: &mut [CellSummary], cells: &[Cell], verdict_counts: &[VerdictCounts]) {
    let by_name: HashMap<&str, VerdictCounts> =
        cells.iter().zip(verdict_counts).map(|(cell, counts)| (cell.cell_id.as_str(), *counts)).collect();
    for summary in summaries {
        let verdict_counts = by_name.get(summary.cell.cell_id.as_str()).copied().unwrap_or_default();
        (summary.counts.outlived, summary.counts.outlived_completed) =
            (verdict_counts.outlived, verdict_counts.completed);
        summary.counts.ways = verdict_counts.ways;
    }
}

/// The counts of all cells, or of the cells of one `control`, added up.
pub(crate) fn total<'a>(cells: impl IntoIterator<Item = &'a CellSummary>) -> Counts {
    let mut sum = Counts::default();
    for cell in cells {
        sum.add(&cell.counts);
    }
    sum
}

/// The cells that are this control; nothing asks for the grid's own.
pub(crate) fn only(cells: &[CellSummary], control: Option<Control>) -> impl Iterator<Item = &CellSummary> {
    cells.iter().filter(move |summary| summary.cell.control == control)
}

/// The frame's answer, one entry a cell that has transfers.
struct Counted {
    height: usize,
    cell: Vec<u64>,
    by_outcome: Vec<Vec<u64>>,
    late_starts: Vec<u64>,
    late_failures: Vec<u64>,
    median_total_us: Vec<Option<u64>>,
}

impl Counted {
    fn of(transfers: &[Transfer]) -> PolarsResult<Self> {
        // Without a link nothing is late, nor without a head on the wire: no server ever saw it.
        let is_late = |seen: &Transfer| {
            let head = seen.head_written_at.get().zip(seen.expires_at.get());
            seen.counts() && head.is_some_and(|(head, expiry)| head >= expiry)
        };
        let is = |outcome: Outcome| col(OUTCOME).eq(lit(outcome as u32));
        let mut sums: Vec<Expr> =
            Outcome::ALL.iter().map(|outcome| is(*outcome).sum().alias(outcome.as_str())).collect();
        sums.extend([
            col(LATE).sum().alias("late_starts"),
            col(LATE).and(is(Outcome::Completed).not()).sum().alias("late_failures"),
            col(TOTAL_US).filter(is(Outcome::Completed)).median().alias("median_total_us"),
        ]);
        let columns = vec![
            Column::new(CELL.into(), transfers.iter().map(|seen| seen.cell).collect::<Vec<_>>()),
            Column::new(OUTCOME.into(), transfers.iter().map(|seen| seen.outcome as u32).collect::<Vec<_>>()),
            Column::new(LATE.into(), transfers.iter().map(is_late).collect::<Vec<_>>()),
            Column::new(TOTAL_US.into(), transfers.iter().map(|seen| seen.total_us).collect::<Vec<_>>()),
        ];
        let frame = DataFrame::new(transfers.len(), columns)?.lazy().group_by([col(CELL)]).agg(sums).collect()?;
        let numbers = |name: &str| -> PolarsResult<Vec<u64>> {
            let column = frame.column(name)?.cast(&DataType::UInt64)?;
            Ok(column.u64()?.iter().map(Option::unwrap_or_default).collect())
        };
        Ok(Self {
            height: frame.height(),
            cell: numbers(CELL)?,
            by_outcome: Outcome::WORDS.iter().map(|word| numbers(word)).collect::<PolarsResult<_>>()?,
            late_starts: numbers("late_starts")?,
            late_failures: numbers("late_failures")?,
            median_total_us: (frame.column("median_total_us")?.f64()?.iter())
                .map(|median| median.map(|median| median.round() as u64))
                .collect(),
        })
    }

    fn counts(&self, row: usize) -> Counts {
        let mut counts = Counts {
            by_outcome: [0; Outcome::ALL.len()],
            outlived: 0,
            outlived_completed: 0,
            ways: [0; Way::ALL.len()],
            late_starts: self.late_starts[row],
            late_failures: self.late_failures[row],
        };
        for (count, column) in counts.by_outcome.iter_mut().zip(&self.by_outcome) {
            *count = column[row];
        }
        counts
    }
}

/// The columns of the frame that is counted.
const CELL: &str = "cell";
const OUTCOME: &str = "outcome";
const LATE: &str = "late";
const TOTAL_US: &str = "total_us";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_its_place_as_its_code() {
        for (place, outcome) in (0..).zip(Outcome::ALL) {
            assert_eq!(*outcome as u32, place);
        }
    }
}
