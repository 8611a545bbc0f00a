use ttlsweep_record::{Control, Mechanism};

use crate::verdict::cause::Cause;

/// One transfer against its expiry. Times are seconds since its head was written; expiry is the server's, moved onto this
/// machine's clock by the middle of the offset's bracket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::verdict) struct Flight {
    /// Its place among the evidence's transfers.
    pub(in crate::verdict) row: u32,
    pub(in crate::verdict) trial: u32,
    /// The settings that it shares with its controls.
    pub(in crate::verdict) key: u32,
    pub(in crate::verdict) block: u32,
    pub(in crate::verdict) control: Option<Control>,
    pub(in crate::verdict) cause: Cause,
    /// It ended by reset, close or a refusal of no other name, its head in time and its body unfinished.
    pub(in crate::verdict) ended_in_flight: bool,
    /// When it was over.
    pub(in crate::verdict) end: f64,
    /// When its link expired; `None` if there is none.
    pub(in crate::verdict) expiry: Option<f64>,
    /// Where a whole second of the server's clock begins, within the first second.
    pub(in crate::verdict) second: f32,
    /// When its body was through, in the direction of the method.
    pub(in crate::verdict) body_end: Option<f64>,
    /// When the peer had the whole of it, at the earliest.
    pub(in crate::verdict) body_arrived: Option<f64>,
    /// What it takes when nothing stops it, by its control.
    pub(in crate::verdict) needed: Option<f64>,
    /// Whether its head was proven to have arrived before expiry.
    pub(in crate::verdict) head_in_time: bool,
    /// Whether it waited for a 100 Continue, and got it before expiry.
    pub(in crate::verdict) continued: bool,
    /// By how many seconds its end may have been noted late at most, beside what δ allows for.
    pub(in crate::verdict) late: f64,
    /// Whether its end can be held against expiry at all.
    pub(in crate::verdict) is_judged: bool,
    /// Whether a clock was set during its trial, or may have been.
    pub(in crate::verdict) was_set: bool,
    /// Whether it was answered in good order, and not with what it asked for.
    pub(in crate::verdict) was_put_off: bool,
}

impl Flight {
    /// How long it would have been at risk if nothing had stopped it.
    pub(in crate::verdict) fn at_risk(&self) -> f64 {
        self.needed.unwrap_or(0.0).max(self.end)
    }

    /// ρ: the link's life left at the head / the duration needed.
    pub(in crate::verdict) fn rho(&self) -> Option<f64> {
        self.expiry.zip(self.needed).filter(|(_, needed)| *needed > 0.0).map(|(expiry, needed)| expiry / needed)
    }

    /// Whether it belongs to the grid, not to a control.
    pub(in crate::verdict) fn in_grid(&self) -> bool {
        self.control.is_none()
    }

    /// Whether its link is one of the grid's, with or without an `Expect`.
    pub(in crate::verdict) fn has_short_link(&self) -> bool {
        self.in_grid() || self.is_of_expect_arm()
    }

    /// Whether it is a control in which nothing expires.
    pub(in crate::verdict) fn is_unexpiring_control(&self) -> bool {
        matches!(self.control, Some(Control::LongTtl | Control::HeaderSigned))
    }

    /// Whether it is one of the grid's uploads with `Expect: 100-continue`.
    pub(in crate::verdict) fn is_of_expect_arm(&self) -> bool {
        self.control == Some(Control::ExpectContinue)
    }

    /// Whether it is in the denominator.
    pub(in crate::verdict) fn counts(&self) -> bool {
        !matches!(self.cause, Cause::Censored | Cause::NotJudged)
    }

    /// Whether it may have met its expiry in flight, and nobody can tell: its end is not judged.
    pub(in crate::verdict) fn is_unjudged(&self, delta: f64) -> bool {
        let met = |expiry: f64| self.end >= expiry - delta && self.body_arrived.is_none_or(|at| at >= expiry - delta);
        self.in_grid()
            && !self.is_judged
            && (self.head_in_time || self.was_set)
            && !matches!(self.cause, Cause::Censored | Cause::Of(Mechanism::Client))
            && self.expiry.is_some_and(met)
    }

    /// Whether it ended in flight after expiry, by what a late cut looks like: a broken connection, or the answer of something
    /// that stands between, or that failed, when the connection broke behind it.
    pub(in crate::verdict) fn ended_after_expiry(&self, delta: f64) -> bool {
        let after = || self.head_in_time && self.expiry.is_some_and(|expiry| self.end > expiry + delta);
        self.ended_in_flight
            && match self.cause {
                Cause::EndedAfterExpiry => true,
                Cause::Of(
                    Mechanism::Gateway
                    | Mechanism::ServerError
                    | Mechanism::Throttled
                    | Mechanism::IdleTimeout
                    | Mechanism::Redirected,
                ) => after(),
                _ => false,
            }
    }

    /// Whether nobody brought it to an end that says anything: this side gave up, or something stood still for too long.
    pub(in crate::verdict) fn stood_still(&self) -> bool {
        matches!(self.cause, Cause::Unexplained | Cause::Of(Mechanism::IdleTimeout))
    }

    /// The whole second of the server's clock that is nearest to `at`: links expire on one.
    pub(in crate::verdict) fn nearest_second(&self, at: f64) -> f64 {
        let second = f64::from(self.second);
        second + (at - second).round()
    }

    /// Whether it outlived an expiry by more than δ, the peer certainly not having the whole body then, however late its end was
    /// noted.
    pub(in crate::verdict) fn went_on(&self, expiry: f64, delta: f64) -> bool {
        let past = expiry + delta + self.late;
        self.end > past && self.body_arrived.is_none_or(|at| at > past)
    }
}
