pub(crate) mod ages;
pub(crate) mod continues;
pub(crate) mod enforcement;
pub(crate) mod flight;
pub(crate) mod learned;
pub(crate) mod reported;
pub(crate) mod store;
pub(crate) mod words;

use ttlsweep_record::{Mechanism, Outcome, Phase};

use crate::load::transfer::{Answer, Timeout};
use crate::verdict::cause::enforcement::most_apart_us;
use crate::verdict::cause::learned::Learned;
use crate::verdict::cause::words::{says_not_yet, word_of};
use crate::verdict::evidence::timed::{End, Timed};

/// What a transfer's end counts toward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Cause {
    /// It completed.
    None,
    /// It was stopped from this side and is in no denominator.
    Censored,
    /// The failure counts toward this mechanism.
    Of(Mechanism),
    /// A connection that ended after expiry, later than δ: unrelated, unless such ends are more frequent after expiry.
    EndedAfterExpiry,
    /// Two mechanisms fit, and nothing tells them apart.
    Undecidable,
    /// It ended at expiry or later, and what it counts toward follows from its time, which nobody can tell: this machine was
    /// too busy to time it, or a clock was set meanwhile.
    NotJudged,
    /// No mechanism fits.
    Unexplained,
}

/// What the transfer's end counts toward, and whether it ended in flight.
pub(super) fn cause(timed: &Timed<'_>, answers: &[Answer], learned: &Learned) -> (Cause, bool) {
    let seen = timed.seen;
    match seen.outcome {
        Outcome::Completed => (Cause::None, false),
        Outcome::Cancelled => (Cause::Censored, false),
        Outcome::FailedLocally => (Cause::Of(Mechanism::Client), false),
        _ if seen.local_error => (Cause::Of(Mechanism::Client), false),
        Outcome::Unconnected if seen.phase == Phase::Dns => (Cause::Of(Mechanism::Client), false),
        Outcome::Unconnected => (Cause::Of(Mechanism::Network), false),
        _ if timed.refused_late => (Cause::Of(Mechanism::LateStart), false),
        Outcome::TimedOut => (timed_out(timed), false),
        Outcome::Rejected => refused(timed, answers, learned),
        Outcome::Reset | Outcome::Closed | Outcome::Truncated => broken(timed, learned),
        Outcome::Altered => altered(timed, answers, learned),
        Outcome::Malformed => malformed(timed),
    }
}

/// A timeout of this side's says nothing of the server, but that nothing was confirmed says something of the path.
fn timed_out(timed: &Timed<'_>) -> Cause {
    match timed.seen.ran_out {
        Some(Timeout::Connect | Timeout::Kernel) => Cause::Of(Mechanism::Network),
        _ if timed.is_unconfirmed() => Cause::Of(Mechanism::Network),
        Some(Timeout::Idle | Timeout::Whole) | None => Cause::Unexplained,
    }
}

/// Bytes that are not HTTP. Within a body they end it as surely as a close does.
fn malformed(timed: &Timed<'_>) -> (Cause, bool) {
    let in_flight = timed.is_unfinished() && !timed.ended_at_head(1);
    match timed.end() {
        End::AtExpiry if in_flight => (Cause::Of(Mechanism::CutAtExpiry), true),
        End::Later if in_flight => (Cause::EndedAfterExpiry, true),
        End::NotJudged if in_flight => (Cause::NotJudged, false),
        _ => (Cause::Unexplained, in_flight),
    }
}

/// A success that is not the store's answer. If it broke off a body, expiry may have done it as well as with a close.
fn altered(timed: &Timed<'_>, answers: &[Answer], learned: &Learned) -> (Cause, bool) {
    let foreign = timed.seen.answer.is_some_and(|place| learned.store.is_foreign(&answers[place as usize]));
    let otherwise = if foreign { Cause::Of(Mechanism::Gateway) } else { Cause::Unexplained };
    let in_flight = timed.is_unfinished() && !timed.ended_at_head(1);
    match timed.end() {
        _ if !in_flight => (otherwise, false),
        End::Alive => (otherwise, true),
        End::NotJudged => (Cause::NotJudged, false),
        End::HeadUnsure => (otherwise, false),
        End::AtExpiry => (Cause::Of(Mechanism::CutAtExpiry), true),
        End::Later if foreign => (otherwise, true),
        End::Later => (Cause::EndedAfterExpiry, true),
    }
}

/// A whole response that is not a success.
fn refused(timed: &Timed<'_>, answers: &[Answer], learned: &Learned) -> (Cause, bool) {
    let Some(place) = timed.seen.answer else { return (Cause::Unexplained, false) };
    let answer = &answers[place as usize];
    let expired = learned.is_expired(place, answer);
    if !expired {
        if let Some(mechanism) = failed(answer, learned) {
            return failed_with(timed, mechanism);
        }
        if let Some(mechanism) = word_of(answer).filter(|word| !is_contradicted(*word, timed, place, answer, learned)) {
            return match mechanism {
                // Whoever cuts may say so in any words. Of the end of credentials and of clocks, more than the moment is known.
                Mechanism::Throttled | Mechanism::IdleTimeout | Mechanism::Redirected => failed_with(timed, mechanism),
                _ => (Cause::Of(mechanism), false),
            };
        }
        if !(400..500).contains(&answer.status) {
            return (Cause::Unexplained, false);
        }
    }
    let Some(expiry) = timed.expiry else { return (Cause::Unexplained, false) };
    let end = timed.end();
    let (at_expiry, at_head) = (end == End::AtExpiry, timed.ended_at_head(1));
    if end == End::Alive {
        // The link lived by the server's clock, where that is known, whatever the words.
        let found = match () {
            () if expired && timed.offset.is_none() && at_head => Cause::Of(Mechanism::LateStart),
            () if learned.is_reported_without_a_link(place) => Cause::Unexplained,
            () => Cause::Of(Mechanism::RefusedAlive),
        };
        return (found, timed.is_unfinished() && !at_head);
    }
    // What an answer says in words holds whenever it came; what follows from its time does not.
    match end {
        End::NotJudged => return (Cause::NotJudged, false),
        End::HeadUnsure if !timed.is_late(expiry) => return (Cause::Undecidable, false),
        End::HeadUnsure => {
            return (if expired { Cause::Of(Mechanism::LateStart) } else { Cause::Unexplained }, false);
        }
        End::Alive | End::AtExpiry | End::Later => {}
    }
    if expired && at_head {
        return (if at_expiry { Cause::Undecidable } else { Cause::Of(Mechanism::LateStart) }, false);
    }
    if timed.is_unfinished() {
        return (if at_expiry { Cause::Of(Mechanism::CutAtExpiry) } else { Cause::EndedAfterExpiry }, true);
    }
    let found = match timed.body_end() {
        None => Cause::Undecidable,
        Some(body_end) if timed.is_at(body_end, expiry) => Cause::Undecidable,
        Some(body_end) if body_end > expiry => Cause::Of(Mechanism::RejectedAtCompletion),
        // The body was through before expiry and the answer came around it or later.
        Some(_) if at_expiry => Cause::Undecidable,
        Some(_) => Cause::Of(Mechanism::RejectedAtCompletion),
    };
    (found, false)
}

/// What failed where an answer says neither yes nor no to the link: something before the store, or the store itself.
fn failed(answer: &Answer, learned: &Learned) -> Option<Mechanism> {
    match () {
        () if learned.store.is_foreign(answer) => Some(Mechanism::Gateway),
        () if answer.status >= 500 && word_of(answer).is_none() && learned.store.is_own(answer) => {
            Some(Mechanism::ServerError)
        }
        () => None,
    }
}

/// A failure in flight is one of the ends among which a cut is looked for: what stands between answers 502 when the store cuts
/// the connection behind it.
fn failed_with(timed: &Timed<'_>, mechanism: Mechanism) -> (Cause, bool) {
    let in_flight = timed.is_unfinished() && !timed.ended_at_head(1);
    let at_expiry = timed.expiry.is_some_and(|expiry| timed.ended_at_expiry(expiry) && timed.head_in_time(expiry));
    let mechanism = if in_flight && at_expiry && timed.is_judged { Mechanism::CutAtExpiry } else { mechanism };
    (Cause::Of(mechanism), in_flight)
}

/// Whether what was measured, or what the controls met at the same time, gives the lie to what an answer says of itself.
fn is_contradicted(word: Mechanism, timed: &Timed<'_>, place: u32, answer: &Answer, learned: &Learned) -> bool {
    let links_only = !learned.is_reported_without_a_link(place);
    match word {
        Mechanism::CredentialsExpired => links_only && learned.is_served_after(timed.seen.ended_at),
        Mechanism::ClockSkew if says_not_yet(answer) => timed.offset.is_some_and(|offset| offset.low_us >= 0),
        Mechanism::ClockSkew => {
            let agree = timed.offset.is_some_and(|offset| most_apart_us(offset) < NO_SKEW_US);
            agree || (links_only && learned.header_signed_served)
        }
        _ => false,
    }
}

/// A connection that the peer ended without a whole response.
fn broken(timed: &Timed<'_>, learned: &Learned) -> (Cause, bool) {
    let seen = timed.seen;
    let no_answer = seen.response_start_us.get().is_none();
    let nothing_taken = seen.body_bytes_acked.get().unwrap_or(0) == 0 && seen.response_bytes == 0;
    let at_once = timed.ended_at_once() || seen.phase == Phase::RequestHead;
    if seen.reused_connection && no_answer && nothing_taken && at_once {
        return (Cause::Of(Mechanism::StaleConnection), false);
    }
    // Where heads are refused, an end there may be a refusal whose answer was lost before it reached the wire.
    let unread = learned.refused_at_head && timed.ended_at_head(2);
    let in_flight = timed.is_unfinished() && !unread;
    let unrelated = || match () {
        // Its framing says that it is whole, which no network does.
        () if seen.outcome == Outcome::Truncated => Cause::Unexplained,
        () if timed.met_idle_timer() => Cause::Of(Mechanism::IdleTimeout),
        // Slow, or standing for a time of its own; or answered by something that was never read.
        () if timed.standstill().is_some() || unread => Cause::Undecidable,
        () => Cause::Of(Mechanism::Network),
    };
    let head_late = || timed.expiry.is_some_and(|expiry| timed.is_late(expiry)) && timed.ended_at_head(2);
    match timed.end() {
        End::Alive => (unrelated(), in_flight),
        End::NotJudged => (Cause::NotJudged, false),
        // Whether the head was refused, and the refusal lost, can be known only where expired starts end so, too.
        End::HeadUnsure if learned.without_answer && head_late() => (Cause::Of(Mechanism::LateStart), false),
        End::AtExpiry if timed.is_unfinished() && !unread => (Cause::Of(Mechanism::CutAtExpiry), true),
        End::HeadUnsure | End::AtExpiry => (Cause::Undecidable, false),
        End::Later if unread => (Cause::Undecidable, false),
        End::Later if timed.met_idle_timer() => (Cause::Of(Mechanism::IdleTimeout), false),
        End::Later => (Cause::EndedAfterExpiry, timed.is_unfinished()),
    }
}

/// No signature fails because the clocks are less than this apart.
pub(super) const NO_SKEW_US: u64 = 2_000_000;
