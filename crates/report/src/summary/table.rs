//! The summary for a terminal: one line a cell, the controls in a block of their own, what was left out below.

use std::fmt::Write;

use ttlsweep_record::units::{format_micros, grouped};
use ttlsweep_record::{Control, Outcome};

use crate::load::{LeftOut, Runs};
use crate::prose::{count, of, percent_in_table};
use crate::stats::wilson;
use crate::summary::axes::{Axes, format_ttls};
use crate::summary::{CellSummary, total};

/// The table in at most `width` columns: where it is wider, columns are left out, the least needed first.
pub fn table(cells: &[CellSummary], axes: &Axes, width: usize) -> String {
    let (controls, grid): (Vec<&CellSummary>, Vec<_>) =
        cells.iter().partition(|summary| summary.cell.control.is_some());
    let mut text = String::new();
    let fixed = axes.fixed();
    if !fixed.is_empty() {
        let _ = writeln!(text, "same everywhere: {fixed}");
    }
    if !grid.is_empty() {
        let _ = write!(text, "\n{}", block(&grid, axes, width));
    }
    if !controls.is_empty() {
        let _ = write!(text, "\ncontrols\n{}", block(&controls, axes, width));
    }
    text
}

/// How many trials there are, and of how many the times are in doubt: `144 whole trials, 63 of them starved of processor time`.
/// If these are most, the machine is what has to be mended first.
pub(crate) fn trials_words(runs: &Runs) -> String {
    let starved = runs.trials.iter().filter(|trial| trial.starved).count() as u64;
    let words = starved_words(runs.trials.len() as u64, starved);
    runs.stopped().map_or_else(|| words.clone(), |stopped| format!("{words}; {stopped}"))
}

fn starved_words(trials: u64, starved: u64) -> String {
    let mut words = count(trials, "whole trial");
    if starved > 0 {
        let of_them = format!(", {} of them starved of processor time", grouped(starved));
        words += &of_them;
    }
    if 2 * starved > trials {
        words += ": run it again while this machine is idle, or with fewer users and trials at once";
    }
    words
}

/// What does not count, and what was not trusted: a line for each, none if there is nothing to say.
pub fn left_out_lines(runs: &Runs, cells: &[CellSummary]) -> Vec<String> {
    let LeftOut { superseded, unfinished, missing_trials, planned_trials } = runs.left_out;
    let counts = total(cells);
    let cancelled = counts.outcome(Outcome::Cancelled);
    let failed_locally = counts.outcome(Outcome::FailedLocally);
    let starved = runs.trials.iter().filter(|trial| trial.starved).count();
    let mut lines = Vec::new();
    if missing_trials > 0 {
        lines.push(format!(
            "{} trials have not been run whole: these are partial results",
            of(missing_trials, planned_trials)
        ));
    }
    lines.extend(runs.missing.iter().cloned());
    if superseded > 0 {
        lines.push(format!("{} transfers of interrupted attempts are superseded and not counted", grouped(superseded)));
    }
    if unfinished > 0 {
        lines.push(format!("{} transfers of trials without a whole attempt are not counted", grouped(unfinished)));
    }
    if cancelled > 0 {
        lines.push(format!("{} transfers were cancelled and are in no denominator", grouped(cancelled)));
    }
    if failed_locally > 0 {
        lines.push(format!("{} transfers failed on this machine and are in no denominator", grouped(failed_locally)));
    }
    if starved > 0 {
        lines.push(format!(
            "{} trials were starved of processor time; their ends are held against expiry as far as is known by \
             how much they were noted late",
            of(starved as u64, runs.trials.len() as u64)
        ));
    }
    lines
}

fn block(cells: &[&CellSummary], axes: &Axes, width: usize) -> String {
    let mut columns = columns(cells, axes);
    while columns.iter().map(Column::width).sum::<usize>() + GAP * columns.len().saturating_sub(1) > width {
        let Some(least) = columns.iter().map(|column| column.rank).max().filter(|rank| *rank > 0) else { break };
        columns.retain(|column| column.rank != least);
    }
    let mut text = String::new();
    let heads = columns.iter().map(|column| (column, column.head));
    text.push_str(&line(heads));
    for row in 0..cells.len() {
        text.push_str(&line(columns.iter().map(|column| (column, column.fields[row].as_str()))));
    }
    text
}

fn line<'a>(fields: impl Iterator<Item = (&'a Column, &'a str)>) -> String {
    let padded = fields.map(|(column, field)| {
        let width = column.width();
        if column.numbers { format!("{field:>width$}") } else { format!("{field:<width$}") }
    });
    let joined = padded.collect::<Vec<_>>().join(&" ".repeat(GAP));
    format!("{}\n", joined.trim_end())
}

/// One column of the table.
pub(crate) struct Column {
    pub(crate) head: &'static str,
    /// One a cell.
    pub(crate) fields: Vec<String>,
    /// Whether it is to be set flush right.
    pub(crate) numbers: bool,
    /// The highest goes first where room is short; 0 stays.
    rank: u8,
}

impl Column {
    fn width(&self) -> usize {
        let longest = self.fields.iter().map(|field| field.chars().count()).max().unwrap_or(0);
        longest.max(self.head.chars().count())
    }

    fn says_nothing(&self) -> bool {
        self.fields.iter().all(|field| field.is_empty() || field == "0" || field == "–")
    }
}

/// What is said of `cells`, settings first.
pub(crate) fn columns(cells: &[&CellSummary], axes: &Axes) -> Vec<Column> {
    let column = |head, rank, numbers, field: &dyn Fn(&CellSummary) -> String| Column {
        head,
        fields: cells.iter().map(|summary| field(summary)).collect(),
        numbers,
        rank,
    };
    let mut columns = Vec::new();
    if cells.iter().any(|summary| summary.cell.control.is_some()) {
        columns.push(column("control", 0, false, &|s| s.cell.control.map(|c| c.to_string()).unwrap_or_default()));
    }
    if axes.is_varied("expiry") {
        columns.push(column("expiry", 0, false, &|s| s.cell.expiry_policy.map(|p| p.to_string()).unwrap_or_default()));
    }
    if axes.is_varied("method") {
        columns.push(column("method", 0, false, &|s| s.cell.method.to_string()));
    }
    if axes.is_varied("size") {
        let size = |s: &CellSummary| s.cell.size_file.clone().unwrap_or_else(|| s.cell.size_bytes.to_string());
        columns.push(column("size", 0, true, &size));
    }
    if axes.is_varied("bandwidth") {
        let cap =
            |s: &CellSummary| s.cell.bandwidth_bps.map_or_else(|| "unlimited".to_owned(), |rate| rate.to_string());
        columns.push(column("bandwidth", 0, true, &cap));
    }
    columns.push(column("users", 0, true, &|s| s.cell.users.to_string()));
    columns.push(column("ttl", 0, true, &|s| s.cell.ttls().map_or_else(|| "no link".to_owned(), format_ttls)));
    columns.push(column("further settings", 0, false, &|s| axes.others(&s.cell)));
    columns.push(column("trials", 4, true, &|s| s.trials.to_string()));
    columns.push(column("failed", 0, true, &failed));
    columns.push(column("rate", 0, true, &rate));
    columns.push(column("95 % interval", 1, true, &interval));
    columns.push(column("outlived", 3, true, &outlived));
    columns.push(column("late", 3, true, &late));
    columns.push(column("median", 5, true, &|s| s.median_total_us.map_or_else(|| "–".to_owned(), format_micros)));
    columns.push(column("outcomes", 2, false, &outcomes));
    // Further settings and late starts are rare; a column of nothing only takes room.
    columns.retain(|column| !["further settings", "late"].contains(&column.head) || !column.says_nothing());
    columns
}

/// Starts after expiry that are refused have not failed: they must be.
fn must_fail(summary: &CellSummary) -> bool {
    summary.cell.control == Some(Control::ExpiredStart)
}

fn failed(summary: &CellSummary) -> String {
    let (failures, transfers) = (summary.counts.failures(), summary.counts.transfers());
    if must_fail(summary) {
        format!("{} starts", grouped(transfers))
    } else {
        format!("{}/{}", grouped(failures), grouped(transfers))
    }
}

fn rate(summary: &CellSummary) -> String {
    let (failures, transfers) = (summary.counts.failures(), summary.counts.transfers());
    if transfers == 0 || must_fail(summary) {
        "–".to_owned()
    } else {
        percent_in_table(failures as f64 / transfers as f64)
    }
}

fn interval(summary: &CellSummary) -> String {
    let interval = wilson(summary.counts.failures(), summary.counts.transfers()).filter(|_| !must_fail(summary));
    interval.map_or_else(
        || "–".to_owned(),
        |interval| format!("{} to {}", percent_in_table(interval.low), percent_in_table(interval.high)),
    )
}

/// Transfers that outlived their link, and how many of them completed.
fn outlived(summary: &CellSummary) -> String {
    match (summary.counts.outlived, summary.counts.outlived_completed) {
        (0, _) => "0".to_owned(),
        (outlived, completed) => format!("{} ({} completed)", grouped(outlived), grouped(completed)),
    }
}

fn late(summary: &CellSummary) -> String {
    match (summary.counts.late_starts, summary.counts.late_failures) {
        (0, _) => "0".to_owned(),
        // Every one of them is late by design.
        _ if must_fail(summary) => "–".to_owned(),
        (late, failures) => format!("{} ({} failed)", grouped(late), grouped(failures)),
    }
}

fn outcomes(summary: &CellSummary) -> String {
    let parts = Outcome::ALL.iter().filter(|outcome| summary.counts.outcome(**outcome) > 0);
    parts
        .map(|outcome| format!("{outcome} {}", grouped(summary.counts.outcome(*outcome))))
        .collect::<Vec<_>>()
        .join(", ")
}

const GAP: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_starved_most_trials_is_what_has_to_be_mended() {
        assert_eq!(starved_words(144, 0), "144 whole trials");
        assert_eq!(starved_words(144, 72), "144 whole trials, 72 of them starved of processor time");
        assert_eq!(
            starved_words(25, 13),
            "25 whole trials, 13 of them starved of processor time: run it again while this machine is idle, or with fewer \
             users and trials at once"
        );
    }
}
