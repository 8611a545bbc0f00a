//! Which arm closes which silence: the table of `docs/calibration.md`, and `docs/arms.csv`.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use ttlsweep_record::units::grouped;
use ttlsweep_report::testing::stats::clopper_pearson;
use ttlsweep_simulate::chance::Seeds;

use crate::arms::{Arm, Silent};
use crate::page::percent;
use crate::score::Score;

/// The table, and what it comes to.
pub(crate) fn table(all: &[Silent], seeds: Seeds, simulations: u64) -> String {
    let closed = all.iter().filter(|silent| !silent.closed_by().is_empty()).count();
    let runs: u64 = all.iter().map(|silent| silent.scores.len() as u64).sum::<u64>() * simulations;
    let innocent = || all.iter().filter(|silent| !silent.world.cuts()).flat_map(|silent| &silent.scores);
    let accused: u64 = innocent().map(|(_, score)| score.accused).sum();
    let acquitted: u64 = all
        .iter()
        .filter(|silent| silent.world.cuts_all())
        .flat_map(|silent| &silent.scores)
        .map(|(_, score)| score.cut.wrong)
        .sum();
    let mut text = format!(
        "**{closed} of {} cells are right in at least 99 % with one arm or more.** {} simulations of each cell with each arm, {} in all, \
         with the {seeds} seeds. Innocents accused: {}. NO to a server that cuts all: {acquitted}.\n\n",
        all.len(),
        grouped(simulations),
        grouped(runs),
        percent(accused, innocent().count() as u64 * simulations),
    );
    let heads: Vec<String> = Arm::ALL.into_iter().map(Arm::name).collect();
    let _ = writeln!(
        text,
        "| world | cell | when first counted | {} | closed by |\n| --- | ---: | ---: |{} --- |",
        heads.join(" | "),
        " ---: |".repeat(heads.len())
    );
    for silent in all {
        let shares: Vec<String> =
            Arm::ALL.into_iter().map(|arm| silent.with(arm).map_or_else(|| "–".to_owned(), right)).collect();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            silent.world.name,
            silent.sample.name(),
            silent.right_then,
            shares.join(" | "),
            closers(silent)
        );
    }
    text += "\n| arm | cells that have it | closed by it | by it alone |\n| --- | ---: | ---: | ---: |\n";
    for arm in Arm::ALL {
        let has = all.iter().filter(|silent| silent.with(arm).is_some()).count();
        let closes = all.iter().filter(|silent| silent.closed_by().contains(&arm)).count();
        let alone = all.iter().filter(|silent| silent.closed_by() == [arm]).count();
        let _ = writeln!(text, "| {} | {has} | {closes} | {alone} |", arm.name());
    }
    text
}

/// `97.3`, with what was wrong, if anything was; bold from 99 on.
fn right(score: &Score) -> String {
    let share = |hits: u64| {
        let text = format!("{:.1}", 100.0 * hits as f64 / score.cut.of().max(1) as f64);
        text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
    };
    let is_enough = score.cut.right as f64 >= 0.99 * score.cut.of() as f64;
    let text = if is_enough { format!("**{}**", share(score.cut.right)) } else { share(score.cut.right) };
    if score.cut.wrong > 0 { format!("{text} ({} wrong)", share(score.cut.wrong)) } else { text }
}

fn closers(silent: &Silent) -> String {
    let closers: Vec<String> = silent.closed_by().into_iter().map(Arm::name).collect();
    match silent.best() {
        _ if !closers.is_empty() => closers.join(", "),
        Some((arm, score)) => format!("none; the best is {}: {}", arm.name(), percent(score.cut.right, score.cut.of())),
        None => "none".to_owned(),
    }
}

/// Writes `arms.csv`.
pub(crate) fn write(path: &Path, all: &[Silent]) -> io::Result<()> {
    let mut csv = csv::Writer::from_path(path)?;
    csv.write_record(HEADER)?;
    for silent in all {
        for (arm, score) in &silent.scores {
            let n = score.cut.of();
            let interval = clopper_pearson(score.cut.right, n, 0.95);
            let end = |end: Option<f64>| end.map_or_else(String::new, |end| format!("{end:.5}"));
            csv.write_record([
                silent.world.name.to_owned(),
                silent.world.cuts().to_string(),
                silent.sample.transfers.to_string(),
                silent.sample.trials.to_string(),
                arm.name(),
                n.to_string(),
                score.cut.right.to_string(),
                end(interval.map(|interval| interval.low)),
                end(interval.map(|interval| interval.high)),
                score.cut.silent.to_string(),
                score.cut.wrong.to_string(),
                score.accused.to_string(),
            ])?;
        }
    }
    csv.flush()
}

const HEADER: [&str; 12] = [
    "world",
    "cuts_at_expiry",
    "affected_transfers",
    "affected_trials",
    "arm",
    "simulations",
    "right",
    "right_low",
    "right_high",
    "silent",
    "wrong",
    "accused",
];
