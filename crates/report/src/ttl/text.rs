//! The answer for people.

use std::fmt::Write;
use std::time::Duration;

use ttlsweep_record::ByteCount;
use ttlsweep_record::units::{grouped, round_time};

use super::Risk;
use super::advice::Advice;
use super::ask::Between;
use super::bound::trials_for;
use super::estimate::Estimate;
use super::experiment::{blocks, bytes_per_block};
use super::sentences::how;
use super::words::{LONGEST_S, load, rounded, spaced, ttl};

/// What runs say.
pub(super) fn of_runs(advice: &Advice, between: Option<&Between>) -> String {
    let mut text = String::new();
    if let Some(Between { label, head_s, end_s }) = between {
        line(
            &mut text,
            &format!(
                "{label}: about {} if the store checks at the head, {} if it checks at the end: a line through the cells that ran, raised \
             to their residual at {}. An estimate, not a bound.",
                ttl(*head_s),
                ttl(*end_s),
                advice.risk
            ),
        );
        fits(&mut text, advice);
        return text;
    }
    for said in advice.said() {
        line(&mut text, &said.sentence);
        said.targets.iter().for_each(|target| line(&mut text, &format!("  {target}")));
        line(&mut text, &format!("  {:<10}{}", "how sure", said.sure));
        for (name, words) in [("spells", said.spells), ("beyond", said.beyond), ("apart", said.left_out)] {
            if !words.is_empty() {
                line(&mut text, &format!("  {name:<10}{words}"));
            }
        }
        line(&mut text, "");
    }
    fits(&mut text, advice);
    line(&mut text, &how(advice.risk));
    advice.notes.iter().for_each(|note| line(&mut text, note));
    text
}

/// The lines through the cells.
fn fits(text: &mut String, advice: &Advice) {
    for said in advice.fitted() {
        line(text, &said);
    }
}

/// What arithmetic says.
pub(super) fn of_arithmetic(estimate: &Estimate, risk: Risk, session: Option<Duration>) -> String {
    let of = &estimate.load;
    let mut text = String::new();
    let label = load(u64::from(of.users), &of.size.to_string(), &spaced(&of.bandwidth.to_string()));
    line(
        &mut text,
        &format!(
            "{label}: {} if the store checks at the head, {} if it checks at the end. Arithmetic, not measured.",
            ttl(estimate.head_s),
            ttl(estimate.end_s)
        ),
    );
    if estimate.end_s > LONGEST_S {
        line(&mut text, "  No link lives longer than 7 days: send it in parts, each with a link of its own.");
    } else {
        line(&mut text, &format!("  Not knowing the store, take {}.", ttl(rounded(estimate.end_s))));
    }
    if let Some(session) = session.filter(|session| session.as_secs() < rounded(estimate.end_s)) {
        line(&mut text, &format!("  Your credentials end after {}, and the links with them.", ttl(session.as_secs())));
    }
    if of.size.0 > LARGEST_PUT {
        line(&mut text, "  One PUT takes at most 5 GiB: take parts, and the size of a part here.");
    }
    line(&mut text, "Assumed:");
    estimate.assumptions().iter().for_each(|one| line(&mut text, &format!("  - {one}")));
    line(
        &mut text,
        &format!("To know it: no arithmetic has a risk. {} --experiment prints the file.", takes(estimate, risk)),
    );
    if risk < Risk::default() && time_s(estimate, risk) > WEEK_S {
        line(&mut text, &format!("  {}", takes(estimate, Risk::default())));
    }
    text
}

/// `5 % takes 59 trials: 20 blocks, 12 GB and 3 h.`
fn takes(estimate: &Estimate, risk: Risk) -> String {
    let n = blocks(risk);
    format!(
        "{risk} takes {} trials: {} blocks, {} and {}.",
        grouped(trials_for(risk.share(), 0)),
        grouped(n),
        spaced(&ByteCount(bytes_per_block(estimate).saturating_mul(n)).to_string()),
        match time_s(estimate, risk) {
            s if s < 4.0 * DAY_S => round_time(Duration::from_secs_f64(s)),
            s if s < 730.0 * DAY_S => format!("{:.0} days", s / DAY_S),
            s => format!("{:.0} years", s / DAY_S / 365.25),
        }
    )
}

/// What that takes, each trial as long as arithmetic says without its margin.
fn time_s(estimate: &Estimate, risk: Risk) -> f64 {
    estimate.transfer_s * (trials_for(risk.share(), 0) as f64)
}

fn line(text: &mut String, words: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{words}");
}

const DAY_S: f64 = 86_400.0;
const WEEK_S: f64 = 7.0 * DAY_S;
/// 5 GiB.
const LARGEST_PUT: u64 = 5 << 30;
