//! The server's clock against this machine's, bracketed by every response of a run.
//!
//! A `Date` header is cut to whole seconds, so one of them says little: the server's clock stood within one second when
//! it was written, some time between the request's last byte and the response's first. Each response allows an interval
//! of offsets; their intersection over a run is narrow.

use std::sync::{Mutex, PoisonError};

use ttlsweep_record::Timestamp;
use ttlsweep_record::environment::ClockOffset;

/// The bracket for one endpoint.
#[derive(Debug, Default)]
pub struct OffsetBracket(Mutex<Option<ClockOffset>>);

impl OffsetBracket {
    /// Narrows the bracket by a response that says `server` (whole seconds), between `before` and `after` on this
    /// machine's clock. An interval that does not meet the bracket begins it anew: a clock was stepped.
    pub fn narrow(&self, server: Timestamp, before: Timestamp, after: Timestamp) {
        let low_us = server.micros_since(after);
        let high_us = server.micros_since(before) + SECOND;
        let mut bracket = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *bracket = Some(match *bracket {
            Some(old) if old.low_us <= high_us && low_us <= old.high_us => ClockOffset {
                low_us: old.low_us.max(low_us),
                high_us: old.high_us.min(high_us),
                responses: old.responses + 1,
            },
            _ => ClockOffset { low_us, high_us, responses: 1 },
        });
    }

    /// The bracket so far.
    pub fn bracket(&self) -> Option<ClockOffset> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bracket's middle: how many microseconds the server's clock is ahead.
    pub fn middle_us(&self) -> Option<i64> {
        self.bracket().map(|bracket| i64::midpoint(bracket.low_us, bracket.high_us))
    }
}

const SECOND: i64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_unix_micros(micros)
    }

    #[test]
    fn many_responses_narrow_what_one_leaves_wide() {
        let bracket = OffsetBracket::default();
        let truth = 300_000;
        // Requests at scattered fractions of a second; the server's clock is 300 ms ahead and cut to whole seconds.
        for client in (0..200).map(|index| 1_000_000 + index * 137_331) {
            let server = (client + truth) / SECOND * SECOND;
            bracket.narrow(at(server), at(client - 1000), at(client + 1000));
        }
        let found = bracket.bracket().unwrap();
        assert!(found.low_us <= truth && truth <= found.high_us, "{found:?}");
        assert!(found.high_us - found.low_us < 30_000, "{found:?}");
        assert_eq!(found.responses, 200);
    }

    #[test]
    fn a_stepped_clock_begins_a_new_bracket() {
        let bracket = OffsetBracket::default();
        bracket.narrow(at(10 * SECOND), at(10_200_000), at(10_300_000));
        bracket.narrow(at(20 * SECOND), at(11_200_000), at(11_300_000));
        assert_eq!(bracket.bracket().unwrap().responses, 1);
        assert!(bracket.middle_us().unwrap() > 8 * SECOND);
    }
}
