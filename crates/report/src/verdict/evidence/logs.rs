//! What the store's own log proves of a transfer: that the store got its request after the link's expiry, and refused it. Whatever
//! the client saw of that, it was a late start.
//!
//! A log's time may be that of the request or that of its end, and a cut that is logged at its end would pass for a late start. So it
//! takes both of the log's times, held against the transfers of the run that were answered: the time of the request and the total
//! time must lead to the end that the client saw. A line that is missing proves nothing.

use std::collections::BTreeMap;

use ttlsweep_record::{LogSource, Outcome, ServerRecord};
use ttlsweep_rundir::environment::ClockOffset;

use crate::load::transfer::Transfer;

/// The lines of a target's logs, and which logs are believed.
#[derive(Debug)]
pub(in crate::verdict) struct Logs<'a> {
    lines: &'a [(usize, ServerRecord)],
    believed: Vec<LogSource>,
}

/// One transfer, whether it is an upload, and how far the server's clock was ahead of this machine's while it ran.
pub(in crate::verdict) type Measured<'t> = (&'t Transfer, bool, Option<ClockOffset>);

impl<'a> Logs<'a> {
    /// Holds the logs against the transfers that were answered.
    pub(in crate::verdict) fn of<'t>(
        lines: &'a [(usize, ServerRecord)],
        transfers: impl Iterator<Item = Measured<'t>>,
    ) -> Self {
        let mut logs = Self { lines, believed: Vec::new() };
        if lines.is_empty() {
            return logs;
        }
        let mut found: BTreeMap<LogSource, (u64, u64)> = BTreeMap::new();
        for (seen, is_upload, bracket) in transfers {
            // Of a download, the last bytes wait in buffers long after the server is done.
            let is_answered = is_upload && matches!(seen.outcome, Outcome::Completed | Outcome::Rejected);
            let Some(bracket) = bracket.filter(|_| is_answered) else { continue };
            for line in logs.lines_of(seen).filter(|line| is_of_a_store(line.source)) {
                let Some(Span { from, unit, total }) = Span::of(line) else { continue };
                // What took no longer than the log's unit leaves open which end of it the log's time is.
                if total < 2 * (unit + NEAR_US) {
                    continue;
                }
                let (least, most) = (from + total - NEAR_US, from + unit + total + NEAR_US);
                let fits = least <= seen.ended_at + bracket.high_us && seen.ended_at + bracket.low_us <= most;
                let (fitting, all) = found.entry(line.source).or_default();
                *all += 1;
                *fitting += u64::from(fits);
            }
        }
        let convinces = |(fitting, all): (u64, u64)| all >= LEAST && 10 * fitting >= 9 * all;
        logs.believed = found.into_iter().filter(|(_, counts)| convinces(*counts)).map(|(source, _)| source).collect();
        logs
    }

    /// Whether the store refused a request that it got after the link's expiry, by the time that it wrote down and by how long that
    /// was before the end, too.
    pub(in crate::verdict) fn refused_late(&self, seen: &Transfer, bracket: Option<ClockOffset>) -> bool {
        let Some((expiry, bracket)) = seen.expires_at.get().zip(bracket) else { return false };
        let is_late = |line: &ServerRecord| {
            let is_refusal = line.status.is_some_and(|status| (400..500).contains(&status));
            is_refusal
                && Span::of(line).is_some_and(|Span { from, total, .. }| {
                    from >= expiry && seen.ended_at + bracket.high_us - total >= expiry
                })
        };
        self.lines_of(seen).any(|line| self.believed.contains(&line.source) && is_late(line))
    }

    fn lines_of(&self, seen: &Transfer) -> impl Iterator<Item = &'a ServerRecord> {
        let lines = seen.logged.get().map_or(&[][..], |first| &self.lines[first..]);
        let own = lines.first().map(|(row, _)| *row);
        lines.iter().take_while(move |(row, _)| Some(*row) == own).map(|(_, line)| line)
    }
}

/// A request by its log, in microseconds of the server's clock: the instant that stands there, the unit that it is cut to, and the
/// total time.
struct Span {
    from: i64,
    unit: i64,
    total: i64,
}

impl Span {
    fn of(line: &ServerRecord) -> Option<Self> {
        let micros = |value: u64| i64::try_from(value).ok();
        Some(Self {
            from: line.request_at?.unix_micros(),
            unit: micros(line.precision_us?)?,
            total: micros(line.total_ms?.checked_mul(1000)?)?,
        })
    }
}

/// What stands before a store has a clock and a view of its own. CloudTrail's events are the store's and say nothing of how long
/// it took.
const fn is_of_a_store(source: LogSource) -> bool {
    matches!(source, LogSource::S3 | LogSource::S3Json | LogSource::Ceph)
}

/// Fewer transfers say nothing of what a log's times are.
const LEAST: u64 = 5;
/// What a server or this machine may take longer than usual.
const NEAR_US: i64 = 150_000;
