//! The forecast for people.

use std::fmt::Write;
use std::time::Duration;

use ttlsweep_record::Verdict;
use ttlsweep_record::decision::grade_words;
use ttlsweep_record::units::{count, grouped, round_bytes, round_time};
use ttlsweep_rundir::planned::Takes;

use super::cases::Case;
use super::power::Tally;
use super::{Forecast, SHARE};
use crate::prose::whole_percent;

/// All of it.
pub(super) fn text(forecast: &Forecast) -> String {
    let mut text = String::new();
    line(&mut text, &in_short(forecast));
    line(&mut text, &fewest(forecast));
    line(&mut text, "");
    line(
        &mut text,
        &format!(
            "How often the verdict is right after so many blocks, in {} simulated runs each:",
            grouped(forecast.simulations)
        ),
    );
    line(&mut text, "");
    table(&mut text, forecast);
    line(&mut text, "");
    line(&mut text, &wrong(forecast));
    let from = forecast.pilot.as_ref().map(|pilot| format!("From {}", pilot.display()));
    line(&mut text, &format!("{}: {}.", from.unwrap_or_else(|| "Assumed".to_owned()), forecast.said.join("; ")));
    text
}

/// What the plan would decide.
fn in_short(forecast: &Forecast) -> String {
    let of_key = |right: Verdict| {
        let key = forecast.cases.iter().find(|(case, _)| case.is_key() && case.right == right);
        key.map(|(_, power)| power.after[0])
    };
    let (cut, calm) =
        (of_key(Verdict::Supported).unwrap_or_default(), of_key(Verdict::NotSupported).unwrap_or_default());
    format!(
        "{}, {}: YES in {} if the store cuts at expiry, NO in {} if it checks at the head alone.",
        forecast.name,
        count(u64::from(forecast.blocks[0]), "block"),
        whole_percent(cut.share()),
        whole_percent(calm.share()),
    )
}

/// How many blocks it takes.
fn fewest(forecast: &Forecast) -> String {
    let sure = whole_percent(SHARE);
    let (ran, most) = (forecast.blocks[0], forecast.blocks.last().copied().unwrap_or(0));
    let ended = forecast.ended.map(|verdict| format!("This run ended in {}. ", answer(verdict))).unwrap_or_default();
    let Some(fewest) = forecast.fewest else {
        return format!(
            "{ended}{} are not enough for {sure} of either: ask the dry run what the plan lacks.",
            count(u64::from(most), "block")
        );
    };
    let price = price(&forecast.takes(fewest));
    if forecast.ended.is_some() && fewest > ran {
        let more = count(u64::from(fewest - ran), "more block");
        return format!("{ended}{more} make {fewest}, with which {sure} of either end so ({price} in all).");
    }
    let blocks = count(u64::from(fewest), "block");
    let verb = if fewest == 1 { "is" } else { "are" };
    format!("{ended}{blocks} {verb} enough for {sure} of either ({price}).")
}

fn table(text: &mut String, forecast: &Forecast) {
    let mut rows = vec![vec!["at work".to_owned(), "how".to_owned(), "right is".to_owned()]];
    rows[0].extend(forecast.blocks.iter().map(|blocks| grouped(u64::from(*blocks))));
    rows[0].push("named".to_owned());
    let mut before = String::new();
    for (case, power) in &forecast.cases {
        let at_work = at_work(case);
        let shown = if at_work == before { String::new() } else { at_work.clone() };
        before = at_work;
        let mut row = vec![shown, case.world.story.to_owned(), answer(case.right).to_owned()];
        row.extend(power.after.iter().map(|tally| whole_percent(tally.share())));
        let named = power.after.first().filter(|_| case.mechanism.is_some());
        row.push(named.map_or_else(String::new, |tally| whole_percent(tally.named as f64 / tally.of().max(1) as f64)));
        rows.push(row);
    }
    rows.extend(allowed(forecast));
    let taken: Vec<Takes> = forecast.blocks.iter().map(|blocks| forecast.takes(*blocks)).collect();
    let mut priced = |what: &str, of: &dyn Fn(&Takes) -> Option<String>| {
        let cells: Option<Vec<String>> = taken.iter().map(of).collect();
        if let Some(cells) = cells {
            let mut row = vec![String::new(), what.to_owned(), String::new()];
            row.extend(cells);
            row.push(String::new());
            rows.push(row);
        }
    };
    priced("bytes up", &|takes| (takes.bytes_up > 0).then(|| round_bytes(takes.bytes_up)));
    priced("bytes down", &|takes| (takes.bytes_down > 0).then(|| round_bytes(takes.bytes_down)));
    priced("requests", &|takes| Some(grouped(takes.requests)));
    priced("time", &|takes| Some(round_time(Duration::from_micros(takes.duration_us))));
    priced("US dollars", &|takes| takes.usd.map(usd));
    let widths: Vec<usize> =
        (0..rows[0].len()).map(|at| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0)).collect();
    for row in &rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(at, (cell, width))| match at {
            0..3 => format!("{cell:width$}"),
            _ => format!("{cell:>width$}"),
        });
        line(text, cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}

/// Where it was wrong, and where more blocks do not help.
fn wrong(forecast: &Forecast) -> String {
    let verdicts: u64 = forecast.cases.iter().flat_map(|(_, power)| &power.after).map(|tally| tally.of()).sum();
    let worst = forecast.cases.iter().map(|(case, power)| {
        let most = power.after.iter().map(|tally| tally.wrong as f64 / tally.of().max(1) as f64).fold(0.0, f64::max);
        (case, most)
    });
    let mut worst: Vec<_> = worst.filter(|(_, most)| *most > 0.0).collect();
    worst.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    let worst: Vec<String> = worst
        .iter()
        .map(|(case, most)| format!("in up to {} where it {}", whole_percent(*most), case.world.story))
        .collect();
    let words = match worst.as_slice() {
        [] => format!("It was never wrong in {} verdicts", grouped(verdicts)),
        worst => format!("It was wrong {}", worst.join(", ")),
    };
    format!("{words}; the rest is CANNOT TELL. `named`: what is at work was called so.")
}

/// What a NO still allows after each number of blocks, where nothing is at work.
fn allowed(forecast: &Forecast) -> Option<Vec<String>> {
    let calm = forecast.cases.iter().find(|(case, _)| case.is_key() && case.right == Verdict::NotSupported);
    let (_, power) = calm.filter(|(_, power)| power.after.iter().any(|tally| tally.allowed > 0.0))?;
    let cell = |tally: &Tally| if tally.allowed > 0.0 { grade_words(tally.allowed) } else { "-".to_owned() };
    let mut row = vec![String::new(), "a NO allows a cut in".to_owned(), String::new()];
    row.extend(power.after.iter().map(cell));
    row.push(String::new());
    Some(row)
}

fn at_work(case: &Case) -> String {
    case.mechanism.map_or_else(|| "nothing".to_owned(), |mechanism| mechanism.to_string())
}

/// As the report's first screen says it.
fn answer(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Supported => "YES",
        Verdict::NotSupported => "NO",
        Verdict::Inconclusive => "CANNOT TELL",
        Verdict::Invalid => "NOT TESTABLE",
    }
}

fn price(takes: &Takes) -> String {
    let moved = takes.bytes_up + takes.bytes_down;
    let usd = takes.usd.map(|amount| format!(", {} USD", usd(amount))).unwrap_or_default();
    format!("{}, {}{usd}", round_bytes(moved), round_time(Duration::from_micros(takes.duration_us)))
}

fn usd(amount: f64) -> String {
    if amount < 0.01 { "< 0.01".to_owned() } else { format!("{amount:.2}") }
}

fn line(text: &mut String, words: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{words}");
}
