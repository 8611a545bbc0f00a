use ttlsweep_record::{Control, Outcome, Phase};

use super::cause::Cause;
use crate::observation::Observation;

/// One transfer against its expiry. Times are seconds since its head was written; expiry is the server's, moved onto this
/// machine's clock by the middle of the offset's bracket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Flight {
    pub(super) trial: u32,
    /// The settings that it shares with its controls.
    pub(super) key: u32,
    pub(super) block: u32,
    pub(super) control: Option<Control>,
    pub(super) cause: Cause,
    /// It ended by reset, close or a refusal of no other name, its head in time and its body unfinished.
    pub(super) ended_in_flight: bool,
    /// When it ended.
    pub(super) end: f64,
    /// When its link expired; nothing where there is none.
    pub(super) expiry: Option<f64>,
    /// When its body was through, in the direction of the method.
    pub(super) body_end: Option<f64>,
    /// What it takes when nothing stops it, by its control.
    pub(super) needed: Option<f64>,
    /// Whether its head was proven to have arrived before expiry.
    pub(super) head_in_time: bool,
}

impl Flight {
    /// How long it would have been at risk if nothing had stopped it.
    pub(super) fn at_risk(&self) -> f64 {
        self.needed.unwrap_or(0.0).max(self.end)
    }

    /// The share of its time at risk that lies within `delta` of expiry.
    pub(super) fn window_share(&self, delta: f64) -> f64 {
        let (Some(expiry), at_risk) = (self.expiry, self.at_risk()) else { return 0.0 };
        if at_risk <= 0.0 {
            return 0.0;
        }
        let (from, to) = ((expiry - delta).max(0.0), (expiry + delta).min(at_risk));
        (to - from).max(0.0) / at_risk
    }

    /// ρ: the link's life left at the head / the duration needed.
    pub(super) fn rho(&self) -> Option<f64> {
        self.expiry.zip(self.needed).filter(|(_, needed)| *needed > 0.0).map(|(expiry, needed)| expiry / needed)
    }

    /// Whether it belongs to the grid, not to a control.
    pub(super) fn in_grid(&self) -> bool {
        self.control.is_none()
    }

    /// Whether it is a control in which nothing expires.
    pub(super) fn is_unexpiring_control(&self) -> bool {
        matches!(self.control, Some(Control::LongTtl | Control::HeaderSigned))
    }

    /// Whether it is in the denominator.
    pub(super) fn counts(&self) -> bool {
        self.cause != Cause::Censored
    }
}

/// An observation with what is needed to say what its end counts toward. Instants are microseconds by this machine's clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timed<'a> {
    pub(super) seen: &'a Observation,
    pub(super) is_upload: bool,
    /// The server's expiry on this machine's clock.
    pub(super) expiry: Option<i64>,
    pub(super) needed: Option<i64>,
    pub(super) delta: i64,
    pub(super) rtt: i64,
    pub(super) starved: bool,
}

impl Timed<'_> {
    /// When the head was known to have arrived: confirmed by the peer's kernel, or proven by a 100 or by a success.
    pub(super) fn head_arrived(&self) -> Option<i64> {
        let success = self.seen.outcome == Outcome::Completed || self.seen.phase == Phase::ResponseBody;
        let response = self.seen.response_start_us.get().filter(|_| success).map(|at| self.seen.started_at + at);
        [self.seen.head_acked_at.get(), self.continued_at(), response].into_iter().flatten().min()
    }

    fn continued_at(&self) -> Option<i64> {
        self.seen.continue_us.get().map(|at| self.seen.started_at + at)
    }

    /// Whether the head certainly arrived before expiry. A 100 that came after expiry proves nothing: there are servers that
    /// send one to whoever asks.
    pub(super) fn head_in_time(&self, expiry: i64) -> bool {
        self.head_arrived().is_some_and(|at| at < expiry - self.delta)
            || self.continued_at().is_some_and(|at| at <= expiry)
    }

    /// Whether the head was written or confirmed too late, or too near to expiry to be sure.
    pub(super) fn is_late(&self, expiry: i64) -> bool {
        let last = self.seen.head_acked_at.get().max(self.seen.head_written_at.get());
        last.is_some_and(|at| at >= expiry - self.delta) && !self.head_in_time(expiry)
    }

    /// Whether it ended so soon after its head that the head alone was judged.
    pub(super) fn ended_at_head(&self, trips: i64) -> bool {
        let head = self.head_arrived().max(self.seen.head_written_at.get());
        head.is_some_and(|at| self.seen.ended_at - at <= self.delta + trips * self.rtt)
    }

    /// Whether the body was not through when it ended.
    pub(super) fn is_unfinished(&self) -> bool {
        let seen = self.seen;
        if !self.is_upload {
            return seen.outcome != Outcome::Completed;
        }
        if seen.outcome == Outcome::Completed {
            return false;
        }
        let unacked =
            seen.body_bytes_acked.get().map_or(0, |acked| i64::try_from(seen.body_bytes).unwrap_or(0) - acked);
        matches!(seen.phase, Phase::RequestHead | Phase::RequestBody)
            || seen.body_bytes_written < seen.body_bytes
            || unacked > TLS_RECORD
    }

    /// When the body was through.
    pub(super) fn body_end(&self) -> Option<i64> {
        if self.is_upload {
            let sent = self.seen.send_us.get()?;
            return self.seen.head_written_at.get().map(|head| head + sent);
        }
        (self.seen.outcome == Outcome::Completed).then_some(self.seen.ended_at)
    }

    /// Whether it stood still before it ended: its time is longer by far than what its confirmed bytes account for.
    pub(super) fn stood_still(&self) -> bool {
        let Some((needed, head)) = self.needed.zip(self.seen.head_written_at.get()) else { return false };
        let moved = if self.is_upload {
            self.seen.body_bytes_acked.get()
        } else {
            i64::try_from(self.seen.response_bytes).ok()
        };
        let Some(moved) = moved else { return false };
        let share = moved as f64 / self.seen.body_bytes.max(1) as f64;
        let idle = (self.seen.ended_at - head) as f64 - needed as f64 * share;
        idle >= STANDSTILL_US.max(needed as f64)
    }
}

/// Under TLS confirmed bytes are right to within one record.
const TLS_RECORD: i64 = 16 * 1024;
/// No server is known to give up on a standing transfer sooner than after 20 s; the network alone makes shorter ones.
const STANDSTILL_US: f64 = 5e6;
