//! The server's clock against this machine's, by a probe as runs make it.

use std::sync::Arc;
use std::time::Duration;

use ttlsweep_rundir::environment::ClockOffset;

use super::{Finding, Level};
use crate::s3::object_key::ObjectKey;
use crate::stop::Stop;
use crate::transfer::clock_probe::{Effort, patient, round};
use crate::transfer::one_off::OneOff;

/// Probes the clock for as long as `within`, by requests for the object `key`; the target's bracket keeps what was found.
pub(crate) async fn check(one_off: &OneOff<'_>, key: &ObjectKey, within: Duration, stop: &mut Stop) -> Finding {
    if within.is_zero() {
        return Finding::ok(SUBJECT, "not asked for, as clock_probe = \"0s\" says");
    }
    let cell = patient(one_off.cell);
    let asking = OneOff { cell: &cell, ids: Arc::clone(&one_off.ids), ..*one_off };
    let found = round(&asking, key, Effort::once(within), stop).await;
    if let Some(error) = found.unreachable.filter(|_| found.answers.is_empty()) {
        return Finding::new(Level::Unreachable, SUBJECT, format!("nobody answers: {error}"), "try again later");
    }
    match found.bracket {
        Some(bracket) => judge(&bracket, found.stale_us),
        None => Finding::new(
            Level::Warning,
            SUBJECT,
            "no answer had a Date, so that the server's clock is unknown",
            "see that this machine's clock is right, for example by NTP",
        ),
    }
}

fn judge(bracket: &ClockOffset, stale_us: u64) -> Finding {
    let middle = i64::midpoint(bracket.low_us, bracket.high_us);
    let half = (bracket.high_us - bracket.low_us) / 2;
    let side = if middle >= 0 { "ahead of" } else { "behind" };
    let found = format!(
        "the server's is {} ms {side} this machine's, ± {} ms by {} answers{}",
        middle.abs() / 1000,
        half / 1000 + 1,
        bracket.responses,
        if stale_us > 0 { "; its dates contradict each other, as where a server makes them once a second" } else { "" }
    );
    let (surely, perhaps) = (middle.abs() - half, middle.abs() + half);
    if surely > SIGNING_TOLERANCE_US {
        Finding::new(Level::Error, SUBJECT, found, "S3 refuses what is signed that far off: set this machine's, by NTP")
    } else if surely > SECOND_US {
        let advice = "links expire that much sooner or later than this machine believes: set its clock, by NTP";
        Finding::new(Level::Error, SUBJECT, found, advice)
    } else if perhaps > SECOND_US && half > UNSURE_US {
        let advice = "that is too wide to tell whether it is right: see that both clocks are set by NTP";
        Finding::new(Level::Warning, SUBJECT, found, advice)
    } else {
        Finding::ok(SUBJECT, found)
    }
}

const SUBJECT: &str = "clock";

const SECOND_US: i64 = 1_000_000;
/// Half a bracket that is wider than a second says little.
const UNSURE_US: i64 = 500_000;
/// S3's RequestTimeTooSkewed.
const SIGNING_TOLERANCE_US: i64 = 15 * 60 * SECOND_US;

#[cfg(test)]
mod tests {
    use super::*;

    fn level(middle_us: i64, half_us: i64) -> Level {
        judge(&ClockOffset { low_us: middle_us - half_us, high_us: middle_us + half_us, responses: 8 }, 0).level
    }

    #[test]
    fn only_what_is_surely_off_is_held_against_the_clock() {
        assert_eq!(level(0, 10_000), Level::Ok);
        assert_eq!(level(-900_000, 10_000), Level::Ok);
        // Unsure.
        assert_eq!(level(1_500_000, 600_000), Level::Warning);
        assert_eq!(level(0, 1_200_000), Level::Warning);
        assert_eq!(level(1_500_000, 10_000), Level::Error);
        assert_eq!(level(-20 * 60 * SECOND_US, 10_000), Level::Error);
    }
}
