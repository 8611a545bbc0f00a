//! The arithmetic before any run: what a transfer takes if a few assumptions hold, each of which is printed.

use std::time::Duration;

use ttlsweep_record::{BitRate, ByteCount};

use super::fit::load_of;
use super::words::{spaced, ttl, whole_seconds};
use crate::prose::percent_in_table;

/// What is to be reckoned with: `users` transfers of `size` at once, through `bandwidth`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) size: ByteCount,
    pub(super) bandwidth: BitRate,
    pub(super) users: u32,
}

/// What the arithmetic takes for granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Assumptions {
    /// The round trip through empty queues.
    pub(super) rtt: Duration,
    /// What waits in the line's queue when it is full.
    pub(super) queue: ByteCount,
}

impl Default for Assumptions {
    fn default() -> Self {
        Self { rtt: Duration::from_millis(100), queue: ByteCount(1_000_000) }
    }
}

/// The two answers, in seconds, and what they are made of.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Estimate {
    pub(super) load: Load,
    pub(super) assumptions: Assumptions,
    /// One way through a full queue and back.
    pub(super) pass_s: f64,
    /// The bytes of all users on the line.
    pub(super) transfer_s: f64,
    /// The TTL if the store checks at the head.
    pub(super) head_s: u64,
    /// The TTL if it checks at the end.
    pub(super) end_s: u64,
}

impl Estimate {
    pub(super) fn of(load: Load, assumptions: Assumptions) -> Self {
        let queued = assumptions.queue.0 as f64 * 8.0 / load.bandwidth.bits_per_second() as f64;
        let pass_s = assumptions.rtt.as_secs_f64() + queued;
        let transfer_s = load_of(load.size.0, load.users, load.bandwidth) * OVERHEAD;
        let head = PASSES * pass_s;
        let end = head + transfer_s + assumptions.rtt.as_secs_f64();
        let needed = |seconds: f64| whole_seconds(((seconds * MARGIN + DATE_S + CLOCK_S) * 1e6).ceil() as i64);
        Self { load, assumptions, pass_s, transfer_s, head_s: needed(head), end_s: needed(end) }
    }

    /// What was taken for granted, a line each.
    pub(super) fn assumptions(&self) -> Vec<String> {
        let Self { load, assumptions, pass_s, transfer_s, .. } = self;
        vec![
            format!(
                "All {} share {} fairly and use all of it: {} on the line, {} for headers and TLS included.",
                load.users,
                spaced(&load.bandwidth.to_string()),
                ttl(whole_seconds((transfer_s * 1e6) as i64)),
                percent_in_table(OVERHEAD - 1.0)
            ),
            format!(
                "A new connection takes {PASSES} round trips until the head is there (DNS, TCP, TLS, the head), each {:.1} s: {} ms \
                 and a queue of {} that the transfers fill (--rtt, --queue).",
                pass_s,
                assumptions.rtt.as_millis(),
                spaced(&assumptions.queue.to_string())
            ),
            format!(
                "A margin of half as much again, {DATE_S} s for the second that a link's date is cut to, and {CLOCK_S} s for the clocks.",
            ),
            "Each link is made just before its own transfer. One that waits in a page or a queue first ages there."
                .to_owned(),
            "Nothing fails, nothing else uses the line, and the credentials outlive the link.".to_owned(),
        ]
    }
}

/// Ethernet, IP and TCP headers around 1,448 bytes of payload, and TLS's records.
const OVERHEAD: f64 = 1538.0 / 1448.0 * 1.0015;
/// DNS, TCP, TLS 1.3, and the head itself.
const PASSES: f64 = 4.0;
const MARGIN: f64 = 1.5;
const DATE_S: f64 = 1.0;
const CLOCK_S: f64 = 1.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(size: &str, rate: &str, users: u32) -> Estimate {
        let load = Load { size: size.parse().unwrap(), bandwidth: rate.parse().unwrap(), users };
        Estimate::of(load, Assumptions::default())
    }

    #[test]
    fn the_bytes_of_all_users_go_through_one_line() {
        let found = estimate("40MB", "10Mbit/s", 5);
        // 5 × 40 MB are 1.6 Gbit: 160 s at 10 Mbit/s, and 6.4 % of headers; four passes of 0.1 s + 0.8 s.
        assert!((found.transfer_s - 170.2).abs() < 0.1 && (found.pass_s - 0.9).abs() < 1e-9, "{found:?}");
        assert_eq!((found.head_s, found.end_s), (8, 263));
        assert!(found.assumptions()[0].contains("10 Mbit/s") && found.assumptions()[0].contains("6.4 %"), "{found:?}");
    }

    #[test]
    fn twice_the_users_take_twice_as_long_and_the_head_does_not() {
        let (one, two) = (estimate("2GB", "5Mbit/s", 25), estimate("2GB", "5Mbit/s", 50));
        assert!((two.transfer_s / one.transfer_s - 2.0).abs() < 1e-9);
        assert_eq!(one.head_s, two.head_s);
    }
}
