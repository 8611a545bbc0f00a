//! `report.html`: everything that the report has to say, on one page that opens from disk and needs nothing else.
//!
//! The answers come first, then the two charts that tell the story, and what to do; all else is folded: what proves it, the
//! numbers, and what it takes to doubt or repeat them. Text from
//! servers and files is escaped by the template engine, and `Printable` takes out what would act on a screen.

mod answers;
mod clients;
mod compared;
mod environment;
mod figure;
mod logs;
mod method;
mod repeat;
mod tables;
mod ttl;

use std::fmt::Write;

use askama::Template;
use ttlsweep_record::Control;

use crate::chart::Chart;
use crate::compare::runs::Comparison;
use crate::load::Runs;
use crate::printable::Printable;
use crate::said;
use crate::summary::CellSummary;
use crate::summary::axes::Axes;
use crate::summary::table::{left_out_lines, trials_words};
use crate::ttl::Advice;
use crate::unbroken::bound;
use crate::verdict::{Ruling, TakeAway};

pub use figure::Drawings;
use figure::{Figure, Place};
pub use repeat::Repeat;

/// The page's name within the report's folder.
pub(crate) const FILE: &str = "report.html";

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
    /// Which TTL the transfers need.
    pub ttl: &'a Advice,
    /// The charts' drawings.
    pub drawings: &'a Drawings,
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
    let Contents { runs, axes, cells, verdict, comparisons, ttl, drawings, charts, repeat } = contents;
    let first = &runs.environments[0];
    let (answers, answers_more) = answers::answers(runs);
    let page = Page {
        experiment: &first.experiment,
        question: &first.question,
        identity: identity(runs),
        counted: format!("{} {}", verdict.counts_line(), trials_words(runs)),
        verdict,
        finding: if verdict.targets.len() > 1 { verdict.finding() } else { String::new() },
        taken: verdict.take_aways(),
        said: said::line(runs).unwrap_or_default(),
        elsewhere: said::ELSEWHERE,
        left_out: left_out_lines(runs, cells),
        enforcement: verdict.enforcement(),
        warnings: &runs.warnings,
        mechanisms: tables::mechanisms(&verdict.mechanisms),
        targets: tables::targets(runs, verdict),
        answers,
        answers_more,
        comparisons: compared::compared(comparisons, &runs.cells),
        ttl: ttl::section(ttl),
        drawings,
        absent: charts.iter().filter_map(|chart| Some((chart.about.title, chart.absent.as_deref()?))).collect(),
        fixed: axes.fixed(),
        grid: tables::cells(cells, axes, |summary| summary.cell.control.is_none()),
        controls: tables::cells(cells, axes, |summary| summary.cell.control.is_some()),
        enforcements: tables::enforcement(verdict),
        clients: clients::section(runs)?,
        method: method::Method::of(runs, verdict, left_out_lines(runs, cells)),
        environments: environment::tables(runs),
        logs: logs::lines(runs),
        repeat,
    };
    let mut text = Printable(String::new());
    page.render_into(&mut text)?;
    Ok(bound(&text.0))
}

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    experiment: &'a str,
    question: &'a str,
    identity: String,
    counted: String,
    verdict: &'a Ruling,
    /// All answers in one sentence; empty if there is one only.
    finding: String,
    taken: Vec<TakeAway>,
    /// What other clients say of the failures; empty if nothing failed that the table knows.
    said: String,
    elsewhere: &'static str,
    left_out: Vec<String>,
    enforcement: String,
    warnings: &'a [String],
    mechanisms: Vec<tables::Mechanism<'a>>,
    targets: Vec<tables::Target<'a>>,
    answers: Vec<answers::Answer<'a>>,
    answers_more: usize,
    comparisons: Vec<compared::Compared<'a>>,
    ttl: ttl::Section,
    drawings: &'a Drawings,
    /// Title and reason of each chart that was not drawn.
    absent: Vec<(&'a str, &'a str)>,
    fixed: String,
    grid: tables::Cells,
    controls: tables::Cells,
    enforcements: Vec<tables::Enforced<'a>>,
    clients: String,
    method: method::Method,
    environments: Vec<environment::Table<'a>>,
    /// What servers' own logs say; empty if none were joined.
    logs: Vec<String>,
    repeat: &'a Repeat,
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

impl Page<'_> {
    /// Whether what is to be done has a folder in it.
    fn names_folder(&self) -> bool {
        self.taken.iter().any(|one| one.next.contains("DIR"))
    }

    fn story(&self) -> Vec<&Figure> {
        self.drawings.at(Place::Story).collect()
    }

    fn evidence(&self) -> Vec<&Figure> {
        self.drawings.at(Place::Evidence).collect()
    }

    fn of_ttl(&self) -> Vec<&Figure> {
        self.drawings.at(Place::Ttl).collect()
    }

    fn statistics(&self) -> Vec<&Figure> {
        self.drawings.at(Place::Statistics).collect()
    }

    fn of_cells(&self) -> Vec<&Figure> {
        self.drawings.at(Place::Cells).collect()
    }

    fn compared(&self) -> Vec<&Figure> {
        self.drawings.at(Place::Compared).collect()
    }
}

/// A text with commands in backquotes, part by part, each with whether it is one.
fn parts(text: &str) -> Vec<(&str, bool)> {
    text.split('`').zip([false, true].into_iter().cycle()).filter(|(part, _)| !part.is_empty()).collect()
}
