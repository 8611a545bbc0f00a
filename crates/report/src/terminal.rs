//! What the report prints: the answers first, a line a target, then how sure, fit and next, then the counts, and the evidence
//! below.

use std::fmt::Write as _;
use std::path::PathBuf;

use ttlsweep_record::{Mechanism, Verdict};

use crate::compare::hosts::sentence;
use crate::report::Report;
use crate::said;
use crate::summary::table::{left_out_lines, table};
use crate::verdict::{TakeAway, TargetRuling};

/// The text, in lines of at most `width` characters. `named` are the folders as they were named on
/// the command line.
pub fn text(report: &Report, named: &[PathBuf], width: usize) -> String {
    let mut text = String::new();
    let taken = report.verdict.take_aways();
    answers(&mut text, &taken, width);
    for taken in taken.iter().take(MOST_TARGETS) {
        details(&mut text, taken, taken.name.as_str(), &Place::of(report, named), width);
    }
    line(&mut text, "");
    line(&mut text, &wrapped(&report.verdict.counts_line(), 0, width));
    let elsewhere = said::line(&report.runs);
    if !elsewhere.is_empty() {
        line(&mut text, &wrapped(&elsewhere, 0, width));
    }
    evidence(&mut text, report, width);
    text
}

/// What to do next, with the folders that its commands are to be given.
pub fn with_folders(next: &str, report: &Report, named: &[PathBuf]) -> String {
    Place::of(report, named).filled(next)
}

/// One line a target. One alone needs no columns.
fn answers(text: &mut String, all: &[TakeAway], width: usize) {
    let shown = &all[..all.len().min(MOST_TARGETS)];
    let column = shown.iter().map(|taken| taken.name.chars().count()).max().unwrap_or(0).min(MOST_NAME);
    for taken in shown {
        let name = format!("{:<column$}  ", taken.name);
        let indent = name.chars().count().min(column + 2);
        line(text, &format!("{name}{}", wrapped(&taken.line(), indent, width)));
    }
    if all.len() > shown.len() {
        line(text, &format!("and {} targets more in verdict.json", all.len() - shown.len()));
    }
}

fn details(text: &mut String, taken: &TakeAway, name: &str, place: &Place, width: usize) {
    line(text, &format!("\n{name}"));
    for also in &taken.also {
        line(text, &format!("  also      {}", wrapped(also, INDENT, width)));
    }
    let next = place.filled(&taken.next);
    for (what, words) in [("how sure", taken.sure.as_str()), ("fit?", taken.fit.as_str()), ("next", &next)] {
        line(text, &format!("  {what:<10}{}", wrapped(words, INDENT, width)));
    }
}

/// What the answers rest on.
fn evidence(text: &mut String, report: &Report, width: usize) {
    line(text, "\nEvidence");
    line(text, &wrapped(&report.verdict.enforcement(), 0, width));
    for target in report.verdict.targets.iter().take(MOST_TARGETS) {
        for found in findings(target) {
            line(text, &wrapped(&found, 0, width));
        }
    }
    for delta in report.verdict.delta_lines() {
        line(text, &wrapped(&delta, 0, width));
    }
    line(text, &table(&report.cells, &report.axes, width));
    let hosts = sentence(&report.hosts);
    let spread = report.runs.start_spread.as_ref().map(|spread| spread.line());
    let compared = report.comparisons.iter().map(|one| one.sentence(&report.runs.cells));
    for said in left_out_lines(&report.runs, &report.cells).into_iter().chain(spread).chain(hosts).chain(compared) {
        line(text, &wrapped(&said, 0, width));
    }
    let absent = report.charts.iter().filter_map(|chart| Some((chart.about.name, chart.absent.as_ref()?)));
    let absent: Vec<String> = absent.map(|(name, why)| format!("{name} ({why})")).collect();
    if !absent.is_empty() {
        line(text, &wrapped(&format!("not drawn: {}", absent.join("; ")), 0, width));
    }
}

/// The test on cuts, and what else was found: `testbed, in-flight: cut-at-expiry supported: 50 of 50 …`.
fn findings(target: &TargetRuling) -> Vec<String> {
    let shown = target
        .mechanisms
        .iter()
        .filter(|found| found.mechanism == Mechanism::CutAtExpiry || found.verdict == Verdict::Supported);
    shown.map(|found| format!("{}: {} {}: {}", target.name, found.mechanism, found.verdict, found.brief)).collect()
}

/// Where the runs lie, for commands that can be copied.
struct Place {
    first: String,
    all: String,
}

impl Place {
    fn of(report: &Report, named: &[PathBuf]) -> Self {
        let first = report.runs.folders.first().map(|folder| folder.display().to_string()).unwrap_or_default();
        let all: Vec<String> = named.iter().map(|folder| folder.display().to_string()).collect();
        Self { first, all: all.join(" ") }
    }

    fn filled(&self, text: &str) -> String {
        text.replace("DIR/", &format!("{}/", self.first)).replace("DIR", &self.all)
    }
}

fn line(text: &mut String, words: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{words}");
}

/// Breaks `words` between them into lines of at most `width` characters; all but the first are indented.
fn wrapped(words: &str, indent: usize, width: usize) -> String {
    let room = width.saturating_sub(indent).max(LEAST_ROOM);
    let mut lines: Vec<String> = vec![String::new()];
    for word in words.split(' ') {
        let last = lines.last_mut().expect("there is a line");
        if !last.is_empty() && last.chars().count() + 1 + word.chars().count() > room {
            lines.push(word.to_owned());
        } else {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    lines.join(&format!("\n{}", " ".repeat(indent)))
}

/// More than these push everything else off a screen.
const MOST_TARGETS: usize = 20;
const MOST_NAME: usize = 40;
/// Where words begin that stand behind what they are.
const INDENT: usize = 12;
const LEAST_ROOM: usize = 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_and_hang_below_their_beginning() {
        let words = "a line of words that is longer than the terminal is wide, twice";
        assert_eq!(wrapped(words, 4, usize::MAX), words);
        let broken = wrapped(words, 4, 40);
        assert_eq!(broken, "a line of words that is longer than\n    the terminal is wide, twice");
    }
}
