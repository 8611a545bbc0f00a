//! `docs/calibration.md`: the tables between its marks are written again, and nothing else of it.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use ttlsweep_report::stats::{Interval, clopper_pearson};

use crate::chance::Seeds;
use crate::plan::Sample;
use crate::score::{Score, Tally};
use crate::table::Row;

/// Puts `text` between the marks `<!-- name -->` and `<!-- end of name -->` of the file `path`.
pub(crate) fn splice(path: &Path, name: &str, text: &str) -> io::Result<()> {
    let page = std::fs::read_to_string(path)?;
    let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->"));
    let missing = || io::Error::other(format!("{} has no marks `{}` and `{close}`", path.display(), open.trim_end()));
    let (before, rest) = page.split_once(&open).ok_or_else(missing)?;
    let (_, after) = rest.split_once(&close).ok_or_else(missing)?;
    std::fs::write(path, format!("{before}{open}{text}{close}{after}"))
}

/// The simulated part.
pub(crate) fn simulated(rows: &[Row], seeds: Seeds, simulations: u64) -> String {
    let (guilty, innocent): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| row.world.cuts());
    let mut text = format!(
        "{} simulations of each cell, {} in all, with the {seeds} seeds.\n\n",
        grouped(simulations),
        grouped(simulations * rows.iter().map(|row| row.scores.len() as u64).sum::<u64>()),
    );
    goals(&mut text, &innocent, &guilty);
    text += "\n### Servers that do not cut: the verdict on `cut-at-expiry`\n\n";
    verdicts(&mut text, &innocent);
    text += "\n### Servers that cut: the verdict on `cut-at-expiry`\n\n";
    verdicts(&mut text, &guilty);
    text += "\n### What else is at work: the verdict on it\n\n";
    others(&mut text, rows);
    text
}

/// The two goals and whether they are met, each by its worst cells.
fn goals(text: &mut String, innocent: &[&Row], guilty: &[&Row]) {
    let _ = writeln!(text, "| goal | cells | met | the worst cells |\n| --- | ---: | ---: | --- |");
    let enforced: Vec<&&Row> = innocent.iter().filter(|row| row.world.enforces()).collect();
    let accused = |score: &Score| (score.accused, score.cut.of());
    let all: Vec<_> = enforced.iter().flat_map(|row| each(row, |_| true)).collect();
    goal(text, "innocents accused: at most 1 %", &all, accused, |share| share <= 0.01, true);
    let right = |score: &Score| (score.cut.right, score.cut.of());
    for (name, rows) in [("innocents acquitted", enforced), ("cuts found", guilty.iter().collect())] {
        let enough: Vec<_> = rows.iter().flat_map(|row| each(row, Sample::is_enough)).collect();
        let name = format!("{name} from 20 transfers over 5 trials on: at least 99 %");
        goal(text, &name, &enough, right, |share| share >= 0.99, false);
    }
}

type Cell<'a> = (&'static str, Sample, &'a Score);

fn each<'a>(row: &'a Row, keep: impl Fn(Sample) -> bool) -> Vec<Cell<'a>> {
    let kept = row.scores.iter().filter(|(sample, _)| keep(*sample));
    kept.map(|(sample, score)| (row.world.name, *sample, score)).collect()
}

fn goal(
    text: &mut String,
    name: &str,
    cells: &[Cell<'_>],
    hits: impl Fn(&Score) -> (u64, u64),
    is_met: impl Fn(f64) -> bool,
    less_is_better: bool,
) {
    let share = |score: &Score| {
        let (hits, n) = hits(score);
        hits as f64 / n.max(1) as f64
    };
    let met = cells.iter().filter(|(_, _, score)| is_met(share(score))).count();
    let mut worst: Vec<&Cell<'_>> = cells.iter().collect();
    worst.sort_by(|one, other| share(one.2).total_cmp(&share(other.2)));
    if less_is_better {
        worst.reverse();
    }
    // One a world: its worst.
    let mut seen = Vec::new();
    worst.retain(|(world, ..)| {
        !seen.contains(world) && {
            seen.push(*world);
            true
        }
    });
    let worst = worst.iter().take(WORST).map(|(world, sample, score)| {
        let (hits, n) = hits(score);
        format!("{world} {}: {}", sample.name(), percent(hits, n))
    });
    let _ = writeln!(text, "| {name} | {} | {met} | {} |", cells.len(), worst.collect::<Vec<_>>().join("; "));
}

/// One line a world, one column a sample: right / silent / wrong.
fn verdicts(text: &mut String, rows: &[&Row]) {
    let Some(first) = rows.first() else { return };
    let names: Vec<String> = first.scores.iter().map(|(sample, _)| sample.name()).collect();
    let _ = writeln!(text, "| world | {} |\n| --- |{}", names.join(" | "), " ---: |".repeat(names.len()));
    for row in rows {
        let cells: Vec<String> = row.scores.iter().map(|(_, score)| shares(score.cut)).collect();
        let _ = writeln!(text, "| **{}** {} | {} |", row.world.name, row.world.story, cells.join(" | "));
    }
}

/// Mechanisms other than a cut, where they are at work.
fn others(text: &mut String, rows: &[Row]) {
    let Some(first) = rows.first() else { return };
    let names: Vec<String> = first.scores.iter().map(|(sample, _)| sample.name()).collect();
    let _ = writeln!(
        text,
        "| world | at work | {} | misnamed |\n| --- | --- |{} ---: |",
        names.join(" | "),
        " ---: |".repeat(names.len())
    );
    for Row { world, scores } in rows {
        let misnamed: u64 = scores.iter().map(|(_, score)| score.misnamed).sum();
        let all: u64 = scores.iter().map(|(_, score)| score.cut.of()).sum();
        let misnamed = if misnamed == 0 { "0".to_owned() } else { format!("{misnamed} of {}", grouped(all)) };
        let kinds = scores[0].1.others.len();
        if kinds == 0 && misnamed != "0" {
            let _ = writeln!(text, "| {} | – |{} {misnamed} |", world.name, " |".repeat(scores.len()));
        }
        for kind in 0..kinds {
            let cells: Vec<String> = scores.iter().map(|(_, score)| shares(score.others[kind].1)).collect();
            let mechanism = scores[0].1.others[kind].0;
            let _ = writeln!(text, "| {} | `{mechanism}` | {} | {misnamed} |", world.name, cells.join(" | "));
        }
    }
}

/// `98.2 / 1.8 / 0`, in percent.
fn shares(tally: Tally) -> String {
    let n = tally.of().max(1) as f64;
    let [right, silent, wrong] = [tally.right, tally.silent, tally.wrong].map(|hits| {
        let text = format!("{:.1}", 100.0 * hits as f64 / n);
        // A single one of many thousand must not read as none.
        let text = if text == "0.0" && hits > 0 { format!("{:.2}", 100.0 * hits as f64 / n) } else { text };
        text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
    });
    format!("{right} / {silent} / {wrong}")
}

/// `1.2 % (0.6 to 2.1)`, exactly at 95 %.
pub(crate) fn percent(hits: u64, n: u64) -> String {
    let Interval { low, high } = clopper_pearson(hits, n, 0.95).unwrap_or(Interval { low: 0.0, high: 1.0 });
    let [share, low, high] = [hits as f64 / n.max(1) as f64, low, high].map(|share| format!("{:.2}", 100.0 * share));
    format!("{share} % ({low} to {high})")
}

/// `1,000`
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().filter_map(|group| str::from_utf8(group).ok()).collect();
    groups.join(",")
}

const WORST: usize = 6;
