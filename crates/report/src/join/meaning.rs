//! What a log's times mean, measured on the run's own transfers and not taken from its documentation.
//!
//! A log's time may be that of the head's arrival or that of the answer. Of every transfer that was answered, this side knows
//! both to within an interval. If the log's time minus the head's is the same for short transfers and long ones, the log notes
//! the head. If its time minus the end's is, it notes the end. That difference is how far the log's clock is ahead of this
//! machine's.

use std::fmt;

use ttlsweep_record::{LogSource, Method, Outcome, ServerRecord, Timestamp, TransferRecord};

use crate::load::transfer::Transfer;
use crate::prose::count;

/// What this side knows of when a transfer's request was answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    /// When it started.
    pub(crate) started_at: Timestamp,
    /// Whether an answer was read whole.
    pub(crate) is_answered: bool,
    /// Whether it is an upload: of a download, the last bytes wait in buffers long after the server is done.
    pub(crate) is_upload: bool,
    /// Before its head was written.
    pub(crate) sent_after: Option<Timestamp>,
    /// When the peer's kernel had confirmed the head.
    pub(crate) head_acked_at: Option<Timestamp>,
    /// When the answer began to come.
    pub(crate) response_at: Option<Timestamp>,
    /// When it ended.
    pub(crate) ended_at: Timestamp,
}

impl Seen {
    /// By its row.
    pub(crate) fn of(row: &TransferRecord) -> Self {
        let after = |us: u64| row.started_at.plus_micros(i64::try_from(us).unwrap_or(i64::MAX));
        Self {
            started_at: row.started_at,
            is_answered: matches!(row.outcome, Outcome::Completed | Outcome::Rejected),
            is_upload: row.method.is_upload(),
            sent_after: row.sent_after(),
            head_acked_at: row.head_acked_at,
            response_at: row.response_start_us.map(after),
            ended_at: row.ended_at,
        }
    }
}

impl Seen {
    /// By what the report keeps of it.
    pub(crate) fn of_transfer(transfer: &Transfer, method: Method) -> Self {
        let at = Timestamp::from_unix_micros;
        Self {
            started_at: at(transfer.started_at),
            is_answered: matches!(transfer.outcome, Outcome::Completed | Outcome::Rejected),
            is_upload: method.is_upload(),
            sent_after: transfer.sent_after.get().map(at),
            head_acked_at: transfer.head_acked_at.get().map(at),
            response_at: transfer.response_start_us.get().map(|after| at(transfer.started_at + after)),
            ended_at: at(transfer.ended_at),
        }
    }
}

/// What was measured of one kind of log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Meaning {
    /// How many transfers it was held against.
    pub(crate) transfers: u64,
    /// What its time is.
    pub(crate) time: Time,
    /// The log's total time of uploads, less this side's from the head to the end, in microseconds: of nine in ten.
    pub(crate) total_us: Option<(i64, i64)>,
}

/// What a log's time is, with the bracket of how far the log's clock is ahead of this machine's, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Time {
    /// When the head arrived.
    Head(i64, i64),
    /// When the answer was out.
    End(i64, i64),
    /// Either would do: all transfers take about as long.
    Either,
    /// Neither does.
    Neither,
    /// There are too few transfers, or no times.
    Unknown,
}

impl Meaning {
    /// Holds the rows of one kind of log against what this side saw.
    pub(crate) fn of<'a>(rows: impl Iterator<Item = (&'a ServerRecord, Seen)>) -> Self {
        let (mut heads, mut ends, mut totals) = (Bounds::default(), Bounds::default(), Vec::new());
        let mut transfers = 0;
        for (row, seen) in rows.filter(|(_, seen)| seen.is_answered) {
            let Some((sent, response)) = seen.sent_after.zip(seen.response_at) else { continue };
            transfers += 1;
            if let Some(total) = row.total_ms.filter(|_| seen.is_upload) {
                totals.push((total as i64).saturating_mul(1000) - seen.ended_at.micros_since(sent));
            }
            let Some((at, unit)) = row.request_at.zip(row.precision_us) else { continue };
            let until = at.plus_micros(i64::try_from(unit).unwrap_or(i64::MAX));
            let arrived = seen.head_acked_at.map_or(response, |acked| acked.min(response));
            heads.add(at.micros_since(arrived), until.micros_since(sent));
            ends.add(at.micros_since(seen.ended_at), until.micros_since(response));
        }
        totals.sort_unstable();
        let total_us = (totals.len() >= LEAST).then(|| (at_share(&totals, 5), at_share(&totals, 95)));
        let time = if heads.low.len() < LEAST {
            Time::Unknown
        } else {
            match (heads.common(), ends.common()) {
                (Some((low, high)), None) => Time::Head(low, high),
                (None, Some((low, high))) => Time::End(low, high),
                (Some(_), Some(_)) => Time::Either,
                (None, None) => Time::Neither,
            }
        };
        Self { transfers, time, total_us }
    }

    /// Whether the log's total time is that from the head to the end.
    pub(crate) fn is_total_known(&self) -> bool {
        self.total_us.is_some_and(|(low, high)| low >= -NEAR_US && high <= NEAR_US)
    }

    /// In words, for a kind of log.
    pub(crate) fn to_string_of(&self, source: LogSource) -> String {
        format!("{source}: {self}")
    }
}

impl fmt::Display for Meaning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = count(self.transfers, "answered transfer");
        match self.time {
            Time::Head(low, high) => {
                write!(
                    f,
                    "by {held}, its time is when the head arrived, by a clock {} s ahead of this machine's",
                    between(low, high)
                )?;
            }
            Time::End(low, high) => {
                write!(
                    f,
                    "by {held}, its time is when the answer was out, by a clock {} s ahead of this machine's",
                    between(low, high)
                )?;
            }
            Time::Either => write!(
                f,
                "{held} do not tell whether its time is that of the head or of the answer: all take about as long"
            )?,
            Time::Neither => write!(
                f,
                "by {held}, its time is neither that of the head nor that of the answer, or its clock was set"
            )?,
            Time::Unknown => write!(f, "{held} with a time are too few to say what its time is (it takes {LEAST})")?,
        }
        if let Some((low, high)) = self.total_us {
            let is = if self.is_total_known() { "is" } else { "is not" };
            write!(
                f,
                "; its total time of uploads {is} that from the head to the end ({} s more than this side's)",
                between(low, high)
            )?;
        }
        Ok(())
    }
}

/// A bracket in seconds.
fn between(low: i64, high: i64) -> String {
    let seconds = |us: i64| us as f64 / 1e6;
    format!("{:.3} to {:.3}", seconds(low), seconds(high))
}

/// For every transfer the least and the most by which the log's clock may be ahead, if its time means one thing.
#[derive(Debug, Default)]
struct Bounds {
    low: Vec<i64>,
    high: Vec<i64>,
}

impl Bounds {
    fn add(&mut self, low: i64, high: i64) {
        self.low.push(low);
        self.high.push(high);
    }

    /// The bracket that nine in ten of them allow on either side; `None` if they contradict each other by more than servers and
    /// machines delay.
    fn common(&mut self) -> Option<(i64, i64)> {
        self.low.sort_unstable();
        self.high.sort_unstable();
        let (low, high) = (at_share(&self.low, 95), at_share(&self.high, 5));
        (low - high <= NEAR_US).then(|| (low.min(high), low.max(high)))
    }
}

/// The value below which so many in a hundred lie.
fn at_share(sorted: &[i64], percent: usize) -> i64 {
    sorted[(sorted.len() - 1) * percent / 100]
}

/// Fewer transfers tell nothing.
const LEAST: usize = 5;
/// What a server or this machine may take longer than usual.
const NEAR_US: i64 = 150_000;
