use ttlsweep_record::{Outcome, Phase};
use ttlsweep_rundir::environment::ClockOffset;

use crate::load::transfer::Transfer;
use crate::verdict::evidence::standstill::IdleTimer;

/// A transfer with what is needed to say what its end counts toward. Instants are microseconds by this machine's clock.
#[derive(Debug, Clone, Copy)]
pub(in crate::verdict) struct Timed<'a> {
    pub(in crate::verdict) seen: &'a Transfer,
    pub(in crate::verdict) is_upload: bool,
    /// Whether it waits for a 100 Continue before its body.
    pub(in crate::verdict) expects: bool,
    /// The server's expiry on this machine's clock.
    pub(in crate::verdict) expiry: Option<i64>,
    pub(in crate::verdict) needed: Option<i64>,
    pub(in crate::verdict) delta: i64,
    pub(in crate::verdict) rtt: i64,
    /// How far the server's clock is ahead; `None` if no response reported it.
    pub(in crate::verdict) offset: Option<ClockOffset>,
    /// The idle timer that transfers of this target met, if any did.
    pub(in crate::verdict) idle: Option<IdleTimer>,
    /// By how much instants may have been noted late at most, beside what δ allows for; nothing is ever noted early.
    pub(in crate::verdict) late: i64,
    /// Whether ends at and after expiry can be told apart here at all.
    pub(in crate::verdict) is_judged: bool,
    /// Whether the store's own log says that it got the request after expiry, and refused it.
    pub(in crate::verdict) refused_late: bool,
}

/// Where a transfer's end stands against the expiry of its link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::verdict) enum End {
    /// Before expiry, or without a link.
    Alive,
    /// At it or later, and nobody can tell when.
    NotJudged,
    /// At it or later; the head was late, or may have been.
    HeadUnsure,
    /// At it.
    AtExpiry,
    /// Later than counts as at it.
    Later,
}

impl Timed<'_> {
    /// Where its end stands against its expiry.
    pub(in crate::verdict) fn end(&self) -> End {
        let Some(expiry) = self.expiry.filter(|expiry| self.seen.ended_at >= expiry - self.delta) else {
            return End::Alive;
        };
        match () {
            () if !self.is_judged => End::NotJudged,
            () if !self.head_in_time(expiry) => End::HeadUnsure,
            () if self.ended_at_expiry(expiry) => End::AtExpiry,
            () => End::Later,
        }
    }

    /// When the head was known to have arrived: confirmed by the peer's kernel, or proven by a 100 or by a success.
    pub(in crate::verdict) fn head_arrived(&self) -> Option<i64> {
        let success = self.seen.outcome == Outcome::Completed || self.seen.phase == Phase::ResponseBody;
        let response = self.seen.response_start_us.get().filter(|_| success).map(|at| self.seen.started_at + at);
        [self.seen.head_acked_at.get(), self.continued_at(), response].into_iter().flatten().min()
    }

    /// When its 100 Continue came.
    pub(in crate::verdict) fn continued_at(&self) -> Option<i64> {
        self.seen.continue_us.get().map(|at| self.seen.started_at + at)
    }

    /// Whether the head certainly arrived before expiry. A 100 that came after expiry proves nothing: there are servers that
    /// send one to anyone who asks.
    pub(in crate::verdict) fn head_in_time(&self, expiry: i64) -> bool {
        let arrived = || self.head_arrived().is_some_and(|at| at < expiry - self.delta);
        !self.refused_late && (arrived() || self.continued_at().is_some_and(|at| at <= expiry))
    }

    /// Whether the head was written or confirmed too late, or too near to expiry to be sure, however late that was noted.
    pub(in crate::verdict) fn is_late(&self, expiry: i64) -> bool {
        let last = self.seen.head_acked_at.get().max(self.seen.head_written_at.get());
        last.is_some_and(|at| at - self.late >= expiry - self.delta) && !self.head_in_time(expiry)
    }

    /// Whether it may have ended at expiry: seen δ before it at the earliest, and δ and the machine's lateness after it at
    /// the latest.
    pub(in crate::verdict) fn ended_at_expiry(&self, expiry: i64) -> bool {
        self.is_at(self.seen.ended_at, expiry)
    }

    /// Whether `instant` may have been at expiry.
    pub(in crate::verdict) fn is_at(&self, instant: i64, expiry: i64) -> bool {
        (-self.delta..=self.delta.saturating_add(self.late)).contains(&(instant - expiry))
    }

    /// Whether it waited for a 100 Continue in vain, and nothing of its body was sent.
    fn kept_its_body(&self) -> bool {
        self.expects && self.continued_at().is_none() && self.seen.body_bytes_written == 0
    }

    /// Whether it ended so soon after its head that the head alone was judged, or without any of its body.
    pub(in crate::verdict) fn ended_at_head(&self, trips: i64) -> bool {
        if self.is_upload && self.kept_its_body() {
            return true;
        }
        let head = self.head_arrived().max(self.seen.head_written_at.get());
        head.is_some_and(|at| self.seen.ended_at - at <= (self.delta + trips * self.rtt).saturating_add(self.late))
    }

    /// Whether it ended so soon after its start that nothing but the connection's state can have ended it. What says so came
    /// through its own queue.
    pub(in crate::verdict) fn ended_at_once(&self) -> bool {
        let trip = self.seen.rtt_us.map_or(self.rtt, |own| self.rtt.max(i64::from(own)));
        self.seen.ended_at - self.seen.started_at <= (self.delta + 2 * trip).saturating_add(self.late)
    }

    /// Whether the body was not through when it ended.
    pub(in crate::verdict) fn is_unfinished(&self) -> bool {
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

    /// Whether this side gave up on an upload of which the peer's kernel had confirmed the head and nothing beyond the first
    /// segments, although those were sent again: small packets pass, and large ones do not.
    pub(in crate::verdict) fn is_unconfirmed(&self) -> bool {
        let seen = self.seen;
        let written = i64::try_from(seen.body_bytes_written).unwrap_or(i64::MAX);
        let acked = seen.body_bytes_acked.get().unwrap_or(written);
        let head = seen.head_acked_at.get().is_some();
        let stuck = acked <= FIRST_SEGMENTS && written - acked > FIRST_SEGMENTS;
        self.is_upload && seen.ran_out.is_some() && head && stuck && seen.retransmits.is_some_and(|again| again >= 2)
    }

    /// When the body was through: when the socket had taken an upload's last byte, or a download had come to its end.
    pub(in crate::verdict) fn body_end(&self) -> Option<i64> {
        if self.is_upload {
            let sent = self.seen.send_us.get()?;
            return self.seen.head_written_at.get().map(|head| head + sent);
        }
        (self.seen.outcome == Outcome::Completed).then_some(self.seen.ended_at)
    }

    /// When it was over. An upload whose success came before its body was through went on until then.
    pub(in crate::verdict) fn over_at(&self) -> i64 {
        let body_end = self.body_end().filter(|_| self.seen.outcome == Outcome::Completed);
        body_end.map_or(self.seen.ended_at, |body_end| self.seen.ended_at.max(body_end))
    }

    /// When the peer had the whole body, at the earliest: what the socket took may stand in a queue for seconds.
    pub(in crate::verdict) fn body_arrived(&self) -> Option<i64> {
        let unconfirmed = self.seen.unconfirmed_at.get().filter(|_| self.is_upload);
        self.body_end().map(|end| unconfirmed.map_or(end, |at| end.max(at)))
    }

    /// How long it stood still before it ended, where its time is longer by far than what its confirmed bytes account for:
    /// it stood still, or was slow.
    pub(in crate::verdict) fn standstill(&self) -> Option<i64> {
        let (needed, head) = self.needed.zip(self.seen.head_written_at.get())?;
        let moved = if self.is_upload {
            self.seen.body_bytes_acked.get()?
        } else {
            i64::try_from(self.seen.response_bytes).ok()?
        };
        let share = moved as f64 / self.seen.body_bytes.max(1) as f64;
        let idle = (self.seen.ended_at - head) as f64 - needed as f64 * share;
        (idle >= STANDSTILL_US.max(needed as f64 / 4.0)).then_some(idle as i64)
    }

    /// How long it stood still before the connection broke; `None` if it ended otherwise, or did not stand still.
    pub(in crate::verdict) fn standstill_before_break(&self) -> Option<i64> {
        matches!(self.seen.outcome, Outcome::Reset | Outcome::Closed).then(|| self.standstill())?
    }

    /// Whether it stood still for as long as others did before they were ended.
    pub(in crate::verdict) fn met_idle_timer(&self) -> bool {
        self.idle.zip(self.standstill()).is_some_and(|(timer, standstill)| timer.fits(standstill))
    }

    /// Whether this side gave up on a download of which hardly the first segments came, although its head had arrived.
    pub(in crate::verdict) fn is_unheard(&self) -> bool {
        let seen = self.seen;
        let came = i64::try_from(seen.response_bytes).unwrap_or(i64::MAX);
        !self.is_upload && seen.ran_out.is_some() && seen.head_acked_at.get().is_some() && came <= FIRST_SEGMENTS
    }
}

/// A body of which the peer confirmed no more than this, after the small segments that pass any path.
const FIRST_SEGMENTS: i64 = 4096;
/// Under TLS confirmed bytes are right to within one record.
const TLS_RECORD: i64 = 16 * 1024;
/// No server is known to give up on a standing transfer sooner than after 20 s; the network alone makes shorter ones.
const STANDSTILL_US: f64 = 10e6;
