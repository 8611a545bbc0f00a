//! Whether somebody else's links can be swept: one is asked for and used, and used once more when it has expired.

use std::time::Duration;

use ttlsweep_record::units::format_micros;
use ttlsweep_record::{Cell, Control, Outcome, TransferRecord};

use super::enforcement::{refused_for_expiry, said, silence};
use super::{Finding, Level};
use crate::links::minter::{Ask, Minter, NoLink};
use crate::links::unanswered::Unanswered;
use crate::s3::object_key::ObjectKey;
use crate::stop::Stop;
use crate::target::patience;
use crate::transfer::one_off::OneOff;
use crate::wire::body::{Block, Source};

/// Asks for the link that expires soonest of those that the plan asks for. What it puts stays there.
pub(crate) async fn check(
    one_off: &OneOff<'_>,
    minter: &Minter,
    cells: &[&Cell],
    key: &ObjectKey,
    seed: u64,
    stop: &mut Stop,
) -> Vec<Finding> {
    let grid = cells.iter().filter(|cell| cell.control.is_none_or(|control| control != Control::ExpiredStart));
    let Some(cell) = grid.min_by_key(|cell| cell.ttl_s) else { return Vec::new() };
    let len = if cell.method.is_upload() { cell.size_bytes.0.min(LARGEST) } else { cell.size_bytes.0 };
    let asked_s = cell.ttl_s.unwrap_or(1);
    let ask = Ask { transfer_id: "doctor", method: cell.method, size_bytes: len, ttl_s: asked_s, user: 1 };
    let asked_at = one_off.clock.wall();
    let minted = match minter.mint(&ask, patience(cell), one_off.clock, stop).await {
        Ok(minted) => minted,
        Err(NoLink::Stopped(_)) => return Vec::new(),
        Err(NoLink::Failed(why, _)) => {
            let level = match why {
                Unanswered::Unreachable(_) => Level::Unreachable,
                Unanswered::Wrong(_) => Level::Error,
            };
            return vec![Finding::new(
                level,
                MINTER,
                why.to_string(),
                "see docs/links.md for what it is asked and answers",
            )];
        }
    };
    let life = minted.life;
    let lives_us = life.expires.micros_since(life.made.unwrap_or(asked_at));
    let took = minted.took.map(|took| format!(" in {}", format_micros(ttlsweep_record::units::micros(took))));
    let found = format!(
        "a link{} for {}, by {}, that lives {} ({asked_s} s asked for)",
        took.unwrap_or_default(),
        one_off.target.endpoint_of(&minted.request),
        minted.form,
        format_micros(lives_us.unsigned_abs())
    );
    let mut findings = vec![match life.begins.filter(|begins| *begins > one_off.clock.wall()) {
        _ if lives_us <= 0 => {
            Finding::new(Level::Error, MINTER, "its link has expired already", "see that its clock is right")
        }
        Some(begins) => Finding::new(
            Level::Warning,
            MINTER,
            format!("{found}, and begins at {begins} only"),
            "let it begin some minutes before it is made: clocks differ",
        ),
        None => Finding::ok(MINTER, found),
    }];
    let source = Source::Generated { block: Block::new(seed), len };
    let body = cell.method.is_upload().then_some(&source);
    let living = one_off.send(&minted.request, key, body, stop).await;
    findings.push(judge_living(&living));

    let left = life.expires.plus_micros(PAST_EXPIRY_US).micros_since(one_off.clock.wall());
    if left > LONGEST_WAIT_US {
        let found = format!("not asked: this link lives {} yet", format_micros(left.unsigned_abs()));
        findings.push(Finding::new(Level::Warning, EXPIRY, found, "a ttl of a minute or less can be waited for"));
        return findings;
    }
    let expired = one_off.clock.anchor().instant + Duration::from_micros(left.try_into().unwrap_or(0));
    if stop.sleep_until(expired).await.is_none() {
        let late = one_off.send(&minted.request, key, body, stop).await;
        findings.push(judge_late(&late, &living));
    }
    findings
}

fn judge_living(row: &TransferRecord) -> Finding {
    let said = said(row);
    match row.outcome {
        Outcome::Completed => Finding::ok(LINK, "it is let in while it lives"),
        Outcome::Rejected => Finding::new(
            Level::Error,
            LINK,
            format!("it is refused while it lives: {said}"),
            "see that the minter signs the method that is used, and answers with all headers that it has signed",
        ),
        _ => Finding::new(Level::Unreachable, LINK, format!("it got no answer while it lived: {said}"), silence(row)),
    }
}

fn judge_late(row: &TransferRecord, living: &TransferRecord) -> Finding {
    let said = said(row);
    match row.outcome {
        Outcome::Completed => Finding::new(
            Level::Error,
            EXPIRY,
            "it is let through after it has expired, so that this target enforces nothing",
            "a sweep could show nothing here (its verdict would be `invalid`); ask another endpoint",
        ),
        Outcome::Rejected if living.outcome == Outcome::Completed && refused_for_expiry(row) => {
            Finding::ok(EXPIRY, format!("it is refused after it has expired: {said}"))
        }
        Outcome::Rejected => Finding::new(
            Level::Warning,
            EXPIRY,
            format!("it is refused after it has expired, and that may be for another cause: {said}"),
            "mend what keeps the living link out, and ask again",
        ),
        _ => Finding::new(
            Level::Warning,
            EXPIRY,
            format!("it got no answer after it had expired: {said}"),
            "if that happens again, the target refuses without an answer",
        ),
    }
}

const MINTER: &str = "minter";
const LINK: &str = "link";
const EXPIRY: &str = "expiry";

/// More than one segment, and no more than a question is worth.
const LARGEST: u64 = 64_000;
/// As the expired starts of a run wait.
const PAST_EXPIRY_US: i64 = 3_000_000;
const LONGEST_WAIT_US: i64 = 70_000_000;
