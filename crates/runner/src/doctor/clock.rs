//! The server's clock against this machine's, by a few `Date` headers.
//!
//! A `Date` is cut to whole seconds. After a first answer the offset is known to within a second and a round trip; each further
//! request is timed so that the server's second turns, or not, in the middle of what is still possible: the bracket halves.

use std::time::Duration;

use tokio::time::Instant;
use ttlsweep_record::environment::ClockOffset;
use ttlsweep_record::{Outcome, TransferRecord};

use super::{Finding, Level};
use crate::object_key::ObjectKey;
use crate::stop::Stop;
use crate::store::Operation;
use crate::transfer::single::Single;

/// Asks for the object `key` up to [`ANSWERS`] times; the target's bracket keeps what was found.
pub async fn check(single: &Single<'_>, key: &ObjectKey, stop: &mut Stop) -> Finding {
    let mut lead_us = 0;
    for _ in 0..ANSWERS {
        if let Some(bracket) = single.target.offset.bracket() {
            let ask_at = single.clock.anchor().instant_at(next_turn(single, &bracket).plus_micros(-lead_us));
            if stop.sleep_until(ask_at.max(Instant::now())).await.is_some() {
                break;
            }
        }
        let Some(row) = ask(single, key, stop).await else { break };
        if row.outcome == Outcome::Unconnected {
            let error = row.error.unwrap_or_default();
            return Finding::new(Level::Unreachable, SUBJECT, format!("nobody answers: {error}"), "try again later");
        }
        let Some((before, after)) = instants(&row) else { break };
        lead_us = before.micros_since(row.started_at) + after.micros_since(before) / 2;
        if let Some(server) = row.server_time {
            single.target.offset.narrow(server, before, after);
        }
    }
    match single.target.offset.bracket() {
        Some(bracket) => judge(&bracket),
        None => Finding::new(
            Level::Warning,
            SUBJECT,
            "no answer had a Date, so that the server's clock is unknown",
            "see that this machine's clock is right, for example by NTP",
        ),
    }
}

async fn ask(single: &Single<'_>, key: &ObjectKey, stop: &mut Stop) -> Option<TransferRecord> {
    let operation = Operation { method: ttlsweep_record::Method::Get, key: key.clone(), part: None };
    let store = single.target.store.as_asked();
    let minute = Duration::from_secs(60);
    let link = store.presign(&operation, "doctor-clock", single.clock.wall(), minute).await.ok()?;
    Some(single.send(&link, key, None, stop).await)
}

/// When the head was written, and when the answer began.
fn instants(row: &TransferRecord) -> Option<(ttlsweep_record::Timestamp, ttlsweep_record::Timestamp)> {
    let after = row.started_at.plus_micros(i64::try_from(row.response_start_us?).ok()?);
    Some((row.head_written_at?, after))
}

/// The next instant of this machine's clock at which the server's second turns if the offset is the bracket's middle.
fn next_turn(single: &Single<'_>, bracket: &ClockOffset) -> ttlsweep_record::Timestamp {
    let middle = i64::midpoint(bracket.low_us, bracket.high_us);
    // Some room to open a connection in.
    let soon = single.clock.wall().plus_micros(ROOM_US + middle).unix_micros();
    let turn = (soon.div_euclid(SECOND_US) + 1) * SECOND_US;
    ttlsweep_record::Timestamp::from_unix_micros(turn - middle)
}

fn judge(bracket: &ClockOffset) -> Finding {
    let middle = i64::midpoint(bracket.low_us, bracket.high_us);
    let half = (bracket.high_us - bracket.low_us) / 2;
    let side = if middle >= 0 { "ahead of" } else { "behind" };
    let found = format!(
        "the server's is {} ms {side} this machine's, ± {} ms by {} answers",
        middle.abs() / 1000,
        half / 1000 + 1,
        bracket.responses
    );
    let surely = middle.abs() - half;
    if surely > SIGNING_TOLERANCE_US {
        Finding::new(Level::Error, SUBJECT, found, "S3 refuses what is signed that far off: set this machine's, by NTP")
    } else if surely > SECOND_US {
        let advice = "links expire that much sooner or later than this machine believes: set its clock, by NTP";
        Finding::new(Level::Warning, SUBJECT, found, advice)
    } else {
        Finding::ok(SUBJECT, found)
    }
}

const SUBJECT: &str = "clock";

/// Eight answers leave 1 s / 2^7 = 8 ms, beside the round trip.
pub const ANSWERS: u32 = 8;
const SECOND_US: i64 = 1_000_000;
const ROOM_US: i64 = 100_000;
/// S3's RequestTimeTooSkewed.
const SIGNING_TOLERANCE_US: i64 = 15 * 60 * SECOND_US;

#[cfg(test)]
mod tests {
    use super::*;

    fn level(middle_us: i64, half_us: i64) -> Level {
        judge(&ClockOffset { low_us: middle_us - half_us, high_us: middle_us + half_us, responses: 8 }).level
    }

    #[test]
    fn only_what_is_surely_off_is_held_against_the_clock() {
        assert_eq!(level(0, 10_000), Level::Ok);
        assert_eq!(level(-900_000, 10_000), Level::Ok);
        assert_eq!(level(1_500_000, 600_000), Level::Ok);
        assert_eq!(level(1_500_000, 10_000), Level::Warning);
        assert_eq!(level(-20 * 60 * SECOND_US, 10_000), Level::Error);
    }
}
