//! `report.html`: everything that the report has to say, on one page that opens from disk and needs nothing else.
//!
//! The verdict comes first, then why, then the pictures, the numbers, and what it takes to doubt or repeat them. Text from
//! servers and files is escaped by the template engine, and `Printable` takes out what would act on a screen.

mod answers;
mod compared;
mod environment;
mod figure;
mod method;
mod repeat;
mod tables;

use std::fmt::Write;

use askama::Template;
use ttlsweep_record::Control;

use crate::chart::Chart;
use crate::chart::kit::caption::{grouped, plural};
use crate::compare::runs::Comparison;
use crate::load::Runs;
use crate::printable::Printable;
use crate::summary::axes::Axes;
use crate::summary::table::left_out_lines;
use crate::summary::{CellSummary, total};
use crate::verdict::Ruling;

pub use figure::{Drawn, Figure};
pub use repeat::Repeat;
pub(crate) use tables::policies;

/// The page's name within the report's folder.
pub const FILE: &str = "report.html";

/// What the page is made from.
#[derive(Debug)]
pub struct Contents<'a> {
    /// The runs.
    pub runs: &'a Runs,
    /// Their axes.
    pub axes: &'a Axes,
    /// Every cell, counted.
    pub cells: &'a [CellSummary],
    /// Whether the targets enforce expiry, and which mechanism explains the failures.
    pub verdict: &'a Ruling,
    /// Runs and targets, held against each other.
    pub comparisons: &'a [Comparison],
    /// The charts' images.
    pub figures: &'a [Figure],
    /// The charts, those that had nothing to show included.
    pub charts: &'a [Chart],
    /// How to run it again.
    pub repeat: &'a Repeat,
}

/// The page's text.
///
/// # Errors
/// Never in practice: only where formatting itself fails.
pub fn render(contents: &Contents<'_>) -> Result<String, askama::Error> {
    let Contents { runs, axes, cells, verdict, comparisons, figures, charts, repeat } = contents;
    let first = &runs.environments[0];
    let counts = total(*cells);
    let (answers, answers_more) = answers::answers(runs);
    let (answer, because) = answer_and_reason(&verdict.headline);
    let page = Page {
        experiment: &first.experiment,
        question: &first.question,
        identity: identity(runs),
        counted: format!(
            "{} transfers in {}, {} failures",
            grouped(counts.transfers()),
            plural(runs.trials.len() as u64, "whole trial"),
            grouped(counts.failures()),
        ),
        verdict,
        answer,
        because,
        enforcement: verdict.enforcement(),
        next: verdict.next_lines(),
        warnings: &runs.warnings,
        mechanisms: tables::mechanisms(&verdict.mechanisms),
        targets: tables::targets(runs, verdict),
        answers,
        answers_more,
        comparisons: compared::compared(comparisons),
        figures,
        absent: charts.iter().filter_map(|chart| Some((chart.about.title, chart.absent.as_deref()?))).collect(),
        fixed: axes.fixed(),
        grid: tables::cells(cells, axes, |summary| summary.cell.control.is_none()),
        controls: tables::cells(cells, axes, |summary| summary.cell.control.is_some()),
        enforcements: tables::enforcement(verdict),
        method: method::Method::of(runs, verdict, left_out_lines(runs, cells)),
        environments: environment::tables(runs),
        repeat,
    };
    let mut text = Printable(String::new());
    page.render_into(&mut text)?;
    Ok(text.0)
}

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    experiment: &'a str,
    question: &'a str,
    identity: String,
    counted: String,
    verdict: &'a Ruling,
    answer: &'a str,
    because: &'a str,
    enforcement: String,
    next: Vec<String>,
    warnings: &'a [String],
    mechanisms: Vec<tables::Mechanism<'a>>,
    targets: Vec<tables::Target<'a>>,
    answers: Vec<answers::Answer<'a>>,
    answers_more: usize,
    comparisons: Vec<compared::Compared<'a>>,
    figures: &'a [Figure],
    /// Title and reason of each chart that was not drawn.
    absent: Vec<(&'a str, &'a str)>,
    fixed: String,
    grid: tables::Cells,
    controls: tables::Cells,
    enforcements: Vec<tables::Enforced<'a>>,
    method: method::Method,
    environments: Vec<environment::Table<'a>>,
    repeat: &'a Repeat,
}

/// The headline's answer and what follows its colon; the colon behind a warning is not it.
fn answer_and_reason(headline: &str) -> (&str, &str) {
    let warned = headline.find("INVALID: ").map_or(0, |at| at + "INVALID: ".len());
    match headline[warned..].find(": ") {
        Some(at) => (&headline[..warned + at], &headline[warned + at + 2..]),
        None => (headline, ""),
    }
}

/// Which runs of which plan, with which program.
fn identity(runs: &Runs) -> String {
    let mut text = String::new();
    let first = &runs.environments[0];
    // Writing to a string cannot fail.
    let _ = match runs.environments.as_slice() {
        [one] => write!(text, "run {}, begun {}", one.run_id, one.started_at),
        many => write!(text, "{} runs, begun {} to {}", many.len(), first.started_at, many[many.len() - 1].started_at),
    };
    let hosts = runs.hosts().len();
    if hosts > 1 {
        let _ = write!(text, " · {hosts} hosts");
    }
    let _ = write!(text, " · seed {} · ttlsweep {}", first.seed, first.version);
    text
}

#[cfg(test)]
mod tests {
    use super::answer_and_reason;

    #[test]
    fn the_answer_ends_at_its_own_colon() {
        assert_eq!(answer_and_reason("They are cut: 3 of 3: all."), ("They are cut", "3 of 3: all."));
        assert_eq!(answer_and_reason("INVALID: nothing holds: 6 of 6."), ("INVALID: nothing holds", "6 of 6."));
        assert_eq!(answer_and_reason("No word"), ("No word", ""));
    }
}
