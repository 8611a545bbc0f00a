//! Heads that came late, and what they waited for.

use std::fmt::Write as _;

use ttlsweep_record::units::grouped;

use crate::load::transfer::Transfer;
use crate::prose::{seconds, secs};

/// The heads of a target's late starts, of which the one that waited longest is kept.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(super) struct LateHeads {
    count: u64,
    longest: Option<LateHead>,
}

/// One of them. Instants are microseconds after the link's date, which is cut to whole seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
struct LateHead {
    written: i64,
    confirmed: Option<i64>,
    bytes_written: u64,
    bytes_confirmed: Option<i64>,
    /// What its round trips took beyond the target's least one: a connection that was made in a full queue never sees it empty.
    queue: i64,
}

impl LateHead {
    fn of(seen: &Transfer, least_trip_us: Option<i64>) -> Option<Self> {
        let date = seen.presigned_at.get()?.div_euclid(SECOND) * SECOND;
        let queue = seen.rtt_us.zip(least_trip_us).map_or(0, |(end, least)| i64::from(end) - least);
        Some(Self {
            written: seen.head_written_at.get()? - date,
            confirmed: seen.head_acked_at.get().map(|at| at - date),
            bytes_written: seen.body_bytes_written,
            bytes_confirmed: seen.body_bytes_acked.get(),
            queue,
        })
    }

    fn arrived(&self) -> i64 {
        self.confirmed.unwrap_or(self.written)
    }

    fn sentence(&self) -> String {
        let mut text = format!("written {}", secs(tenths(self.written)));
        if let Some(confirmed) = self.confirmed {
            let _ = write!(text, ", confirmed {}", secs(tenths(confirmed)));
        }
        text.push_str(" after the link's date");
        if let Some(confirmed) = self.bytes_confirmed {
            let written = grouped(self.bytes_written);
            let _ = write!(text, ", when {} of {written} body bytes had arrived", grouped(confirmed.unsigned_abs()));
        }
        if self.queue >= QUEUE_US {
            let _ = write!(text, "; {} of each round trip was a queue", secs(tenths(self.queue)));
        }
        text
    }
}

impl LateHeads {
    /// Adds a late start to a target of which a round trip takes so long through empty queues.
    pub(super) fn add(&mut self, seen: &Transfer, least_trip_us: Option<i64>) {
        self.count += 1;
        let head = LateHead::of(seen, least_trip_us);
        if head.map(|head| head.arrived()) > self.longest.map(|head| head.arrived()) {
            self.longest = head;
        }
    }

    /// What the head that came last waited for; `None` if none came late.
    pub(super) fn sentence(&self) -> Option<String> {
        let head = self.longest?;
        let which = if self.count == 1 { "the head was" } else { "the last of these heads was" };
        Some(format!("{which} {}", head.sentence()))
    }
}

/// To a tenth of a second: the date is cut to whole ones.
fn tenths(micros: i64) -> f64 {
    (seconds(micros) * 10.0).round() / 10.0
}

const SECOND: i64 = 1_000_000;
/// Less than a tenth of a second delays no head beyond its link's life.
const QUEUE_US: i64 = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_that_waited_is_named_with_its_queue() {
        let head = LateHead {
            written: 6_490_000,
            confirmed: Some(10_230_000),
            bytes_written: 28_916,
            bytes_confirmed: Some(0),
            queue: 3_700_000,
        };
        let said = LateHeads { count: 1, longest: Some(head) }.sentence().unwrap();
        assert_eq!(
            said,
            "the head was written 6.5 s, confirmed 10.2 s after the link's date, when 0 of 28,916 body bytes had \
             arrived; 3.7 s of each round trip was a queue"
        );
    }
}
