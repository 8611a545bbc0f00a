//! What the report prints: the answers first, a line a target, then how sure, fit and next, then the counts, and the evidence
//! below.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use ttlsweep_record::{Mechanism, Verdict};

use crate::compare::hosts::sentence;
use crate::minting;
use crate::page;
use crate::report::Report;
use crate::said;
use crate::summary::table::{left_out_lines, table, trials_words};
use crate::unbroken;
use crate::verdict::{TakeAway, TargetRuling};

/// The text and the files that were written, in lines of at most `width` characters. `named` are the folders as they were named on
/// the command line. What a terminal of `height` lines has no room for is left to the page: nobody should have to scroll up for
/// the answer.
pub fn text(report: &Report, named: &[PathBuf], (width, height): (usize, usize)) -> String {
    let (mut first, mut below, mut proof) = (String::new(), String::new(), String::new());
    let taken = report.verdict.take_aways();
    answers(&mut first, &taken, width);
    for taken in taken.iter().take(MOST_TARGETS) {
        details(&mut below, taken, taken.name.as_str(), &Place::of(report, named), width);
    }
    line(&mut below, "");
    let counted = format!("{} {}.", report.verdict.counts_line(), trials_words(&report.runs));
    line(&mut below, &wrapped(&counted, 0, width));
    let said = said::line(&report.runs).unwrap_or_else(|| said::ELSEWHERE.to_owned());
    line(&mut below, &wrapped(&said, 0, width));
    evidence(&mut proof, report, width);
    for path in &report.written {
        line(&mut proof, &path.display().to_string());
    }
    let page = report.written.iter().find(|path| path.ends_with(page::FILE));
    let reference = page.map(|path| format!("the evidence is in {}\n", path.display())).unwrap_or_default();
    fold([&first, &below, &reference, &proof], height)
}

/// As much as there is room for; where there is none for the answers and what belongs to them, the answers come last.
fn fold([answers, below, reference, proof]: [&str; 4], height: usize) -> String {
    // The shell's own line is the last one.
    let has_room = |parts: &[&str]| parts.iter().map(|part| part.lines().count()).sum::<usize>() < height;
    match () {
        () if has_room(&[answers, below, proof]) => format!("{answers}{below}{proof}"),
        () if has_room(&[answers, below, reference]) => format!("{answers}{below}{reference}"),
        () => format!("{}\n{answers}{reference}", below.trim_start()),
    }
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
    let left_out = left_out_lines(&report.runs, &report.cells).into_iter();
    for said in left_out.chain(minting::lines(&report.runs)).chain(spread).chain(hosts).chain(compared) {
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
        let first = report.runs.folders.first().map(|folder| word(&run(folder))).unwrap_or_default();
        let all: Vec<String> = named.iter().map(|folder| word(&run(folder))).collect();
        Self { first, all: all.join(" ") }
    }

    fn filled(&self, text: &str) -> String {
        // What is in quotes has its end behind them.
        text.replace("DIR/", &format!("{}/", self.first)).replace("DIR", &self.all)
    }
}

/// The run itself in the place of `latest`, which is another one after the next run.
fn run(folder: &Path) -> PathBuf {
    match (folder.file_name(), folder.read_link()) {
        (Some(name), Ok(run)) if name == LATEST => folder.with_file_name(run),
        _ => folder.to_owned(),
    }
}

/// A path as a shell takes it for one word.
fn word(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |letter: char| letter.is_alphanumeric() || "/._-+:@,=".contains(letter);
    if text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

fn line(text: &mut String, words: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{words}");
}

/// Breaks `words` between them into lines of at most `width` characters; all but the first are indented.
fn wrapped(words: &str, indent: usize, width: usize) -> String {
    let room = width.saturating_sub(indent).max(LEAST_ROOM);
    let mut lines: Vec<String> = vec![String::new()];
    for word in unbroken::words(words) {
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
const LATEST: &str = "latest";

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

    #[test]
    fn what_a_terminal_has_no_room_for_is_left_out_and_the_answers_are_on_the_last_screen() {
        let folded = |height| fold(["answer\n", "\ndetails\n", "file\n", "proof\nfiles\n"], height);
        assert_eq!(folded(usize::MAX), "answer\n\ndetails\nproof\nfiles\n");
        assert_eq!(folded(5), "answer\n\ndetails\nfile\n");
        assert_eq!(folded(4), "details\n\nanswer\nfile\n");
    }

    #[test]
    fn a_command_names_the_run_that_was_looked_at_and_not_the_latest_one() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("20261129T000000Z")).unwrap();
        std::os::unix::fs::symlink("20261129T000000Z", folder.path().join("latest")).unwrap();
        assert_eq!(run(&folder.path().join("latest")), folder.path().join("20261129T000000Z"));
        assert_eq!(run(folder.path()), folder.path());
        assert_eq!(
            [word(Path::new("results/a")), word(Path::new("my runs/it's"))],
            ["results/a", "'my runs/it'\\''s'"]
        );
    }
}
