//! `docs/calibration.md`: the tables between its marks are written again, and nothing else of it.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use ttlsweep_record::units::grouped;
use ttlsweep_report::testing::stats::{Interval, clopper_pearson};

use crate::score::{Score, Tally};
use crate::table::Row;
use ttlsweep_simulate::chance::Seeds;
use ttlsweep_simulate::plan::Sample;

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
    text += "| goal | cells | met | the worst cells |\n| --- | ---: | ---: | --- |\n";
    let Goals { accused, acquitted, found } = Goals::of(rows);
    text.extend([accused, acquitted, found].iter().map(Goal::line));
    text += "\n### Servers that do not cut: the verdict on `cut-at-expiry`\n\n";
    verdicts(&mut text, &innocent);
    text += "\n### Servers that cut: the verdict on `cut-at-expiry`\n\n";
    verdicts(&mut text, &guilty);
    text += "\n### What else is at work: the verdict on it\n\n";
    others(&mut text, rows);
    text
}

/// What the methods say of it, in short.
pub(crate) fn in_short(rows: &[Row], simulations: u64) -> String {
    let Goals { accused, acquitted, found } = Goals::of(rows);
    let cells = rows.first().map_or(0, |row| row.scores.len());
    let all: u64 = accused.cells.iter().map(|(.., score)| score.cut.of()).sum();
    let hits: u64 = accused.cells.iter().map(|(.., score)| score.accused).sum();
    let worst = match accused.worst().first() {
        Some((world, sample, score)) if score.accused > 0 => {
            format!(" The worst cell is {world} {}: {}.", sample.name(), percent(score.accused, score.cut.of()))
        }
        _ => String::new(),
    };
    let whole = rows.iter().filter(|row| row.world.cuts_all());
    let denied: u64 = whole.flat_map(|row| &row.scores).map(|(_, score)| score.cut.wrong).sum();
    let denied = match denied {
        0 => "never denied".to_owned(),
        1 => "denied once".to_owned(),
        times => format!("denied {} times", grouped(times)),
    };
    format!(
        "Simulated in {} worlds whose truth is known, with seeds that the rules had not seen ({} runs for each of {cells} sample sizes):\n\n\
         - Innocent servers were accused of cutting in {hits} of {} runs.{worst}\n\
         - Cuts were found in at least 99 % of the runs from 20 transfers over 5 trials on in {} of {} cells, and {denied} if they\n  \
         hit every connection.\n\
         - Innocent servers were acquitted in at least 99 % from that size on in {} of {} cells. The rest is silence.\n",
        rows.len(),
        grouped(simulations),
        grouped(all),
        found.met(),
        found.cells.len(),
        acquitted.met(),
        acquitted.cells.len(),
    )
}

/// What is asked of the verdict on `cut-at-expiry`.
struct Goals<'a> {
    accused: Goal<'a>,
    acquitted: Goal<'a>,
    found: Goal<'a>,
}

/// One of them, over the cells that it is asked of.
struct Goal<'a> {
    name: String,
    cells: Vec<Cell<'a>>,
    hits: fn(&Score) -> u64,
    /// The least share of hits, or the largest one.
    bound: f64,
    is_least: bool,
}

impl<'a> Goals<'a> {
    fn of(rows: &'a [Row]) -> Self {
        let cells = |of: fn(&Row) -> bool, keep: fn(Sample) -> bool| {
            rows.iter().filter(|row| of(row)).flat_map(|row| each(row, keep)).collect::<Vec<_>>()
        };
        let innocent = |row: &Row| !row.world.cuts() && row.world.enforces();
        let at_least = |name: &str, cells| Goal {
            name: format!("{name} from 20 transfers over 5 trials on: at least 99 %"),
            cells,
            hits: |score| score.cut.right,
            bound: 0.99,
            is_least: true,
        };
        Self {
            accused: Goal {
                name: "innocents accused: at most 0.1 %".to_owned(),
                cells: cells(innocent, |_| true),
                hits: |score| score.accused,
                bound: 0.001,
                is_least: false,
            },
            acquitted: at_least("innocents acquitted", cells(innocent, Sample::is_enough)),
            found: at_least("cuts found", cells(|row| row.world.cuts(), Sample::is_enough)),
        }
    }
}

impl<'a> Goal<'a> {
    fn share(&self, score: &Score) -> f64 {
        (self.hits)(score) as f64 / score.cut.of().max(1) as f64
    }

    fn met(&self) -> usize {
        let is_met = |share: f64| if self.is_least { share >= self.bound } else { share <= self.bound };
        self.cells.iter().filter(|(.., score)| is_met(self.share(score))).count()
    }

    /// The worst cell of each world, the worst world first.
    fn worst(&self) -> Vec<Cell<'a>> {
        let mut worst = self.cells.clone();
        worst.sort_by(|(.., one), (.., other)| self.share(one).total_cmp(&self.share(other)));
        if !self.is_least {
            worst.reverse();
        }
        let mut seen = Vec::new();
        worst.retain(|(world, ..)| {
            let is_new = !seen.contains(world);
            seen.push(*world);
            is_new
        });
        worst
    }

    fn line(&self) -> String {
        let worst = self.worst().into_iter().take(WORST).map(|(world, sample, score)| {
            format!("{world} {}: {}", sample.name(), percent((self.hits)(score), score.cut.of()))
        });
        let worst: Vec<String> = worst.collect();
        format!("| {} | {} | {} | {} |\n", self.name, self.cells.len(), self.met(), worst.join("; "))
    }
}

type Cell<'a> = (&'static str, Sample, &'a Score);

fn each<'a>(row: &'a Row, keep: impl Fn(Sample) -> bool) -> Vec<Cell<'a>> {
    let kept = row.scores.iter().filter(|(sample, _)| keep(*sample));
    kept.map(|(sample, score)| (row.world.name, *sample, score)).collect()
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
pub(crate) fn shares(tally: Tally) -> String {
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

const WORST: usize = 6;
