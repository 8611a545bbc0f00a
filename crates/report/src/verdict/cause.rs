use std::collections::HashSet;

use ttlsweep_record::{Mechanism, Outcome, Phase};

use super::timed::Timed;
use crate::observation::{Answer, Timeout};

/// What a transfer's end counts toward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// What refusals of expired links look like on a target: what its expired starts were told and its other controls were not.
#[derive(Debug, Default, Clone)]
pub(super) struct ExpiredLooks {
    pub(super) answers: HashSet<u32>,
    /// Some expired start ended without a response.
    pub(super) without_answer: bool,
    /// Something else than expiry was answered at the head, so that an end there may be such an answer, unread.
    pub(super) refused_at_head: bool,
}

impl ExpiredLooks {
    fn is_expired(&self, place: Option<u32>, answer: &Answer) -> bool {
        place.is_some_and(|place| self.answers.contains(&place)) || answer.message.to_lowercase().contains("expired")
    }
}

/// What the transfer's end counts toward, and whether it ended in flight.
pub(super) fn cause(timed: &Timed<'_>, answers: &[Answer], looks: &ExpiredLooks) -> (Cause, bool) {
    let seen = timed.seen;
    match seen.outcome {
        Outcome::Completed => (Cause::None, false),
        Outcome::Cancelled => (Cause::Censored, false),
        Outcome::FailedLocally => (Cause::Of(Mechanism::Client), false),
        _ if seen.local_error => (Cause::Of(Mechanism::Client), false),
        Outcome::Unconnected if seen.phase == Phase::Dns => (Cause::Of(Mechanism::Client), false),
        Outcome::Unconnected => (Cause::Of(Mechanism::Network), false),
        Outcome::TimedOut => (timed_out(seen.ran_out), false),
        Outcome::Rejected => refused(timed, answers, looks),
        Outcome::Reset | Outcome::Closed | Outcome::Truncated => broken(timed, looks),
        Outcome::Malformed | Outcome::Altered => (Cause::Unexplained, false),
    }
}

fn timed_out(ran_out: Option<Timeout>) -> Cause {
    match ran_out {
        Some(Timeout::Connect) => Cause::Of(Mechanism::Network),
        Some(Timeout::Idle) | None => Cause::Of(Mechanism::IdleTimeout),
        // The experiment's own limit on a transfer says nothing of why it took so long.
        Some(Timeout::Whole) => Cause::Unexplained,
    }
}

/// A whole response that is no success.
fn refused(timed: &Timed<'_>, answers: &[Answer], looks: &ExpiredLooks) -> (Cause, bool) {
    let Some(answer) = timed.seen.answer.map(|place| &answers[place as usize]) else {
        return (Cause::Unexplained, false);
    };
    let expired = looks.is_expired(timed.seen.answer, answer);
    if let Some(mechanism) = named(answer, expired) {
        return (Cause::Of(mechanism), false);
    }
    if !(400..500).contains(&answer.status) {
        return (Cause::Unexplained, false);
    }
    let Some(expiry) = timed.expiry else { return (Cause::Unexplained, false) };
    let (end, delta) = (timed.seen.ended_at, timed.delta);
    // What an answer says in words holds whenever it came; what follows from its time does not.
    if !timed.is_judged && end >= expiry - delta {
        return (Cause::NotJudged, false);
    }
    let at_expiry = timed.ended_at_expiry(expiry);
    if timed.is_late(expiry) {
        return (if expired { Cause::Of(Mechanism::LateStart) } else { Cause::Unexplained }, false);
    }
    if !timed.head_in_time(expiry) {
        return (Cause::Undecidable, false);
    }
    if expired && timed.ended_at_head(1) {
        return (if at_expiry { Cause::Undecidable } else { Cause::Of(Mechanism::LateStart) }, false);
    }
    if timed.is_unfinished() {
        return match () {
            () if at_expiry => (Cause::Of(Mechanism::CutAtExpiry), true),
            () if end > expiry => (Cause::EndedAfterExpiry, true),
            () => (Cause::Unexplained, true),
        };
    }
    let found = match timed.body_end() {
        None => Cause::Undecidable,
        Some(body_end) if timed.is_at(body_end, expiry) => Cause::Undecidable,
        Some(_) if end < expiry - delta => Cause::Unexplained,
        Some(body_end) if body_end > expiry => Cause::Of(Mechanism::RejectedAtCompletion),
        // The body was through before expiry and the answer came around it or later.
        Some(_) if at_expiry => Cause::Undecidable,
        Some(_) => Cause::Of(Mechanism::RejectedAtCompletion),
    };
    (found, false)
}

/// The mechanism that an answer names in words; none where it only says no. What the target says to expired links is never
/// taken for something else, whatever its words: some word expiry as clock skew.
fn named(answer: &Answer, expired: bool) -> Option<Mechanism> {
    let code = answer.code.as_str();
    match answer.status {
        300..400 => Some(Mechanism::Redirected),
        _ if CREDENTIALS.contains(&code) => Some(Mechanism::CredentialsExpired),
        _ if expired => None,
        408 => Some(Mechanism::IdleTimeout),
        429 | 503 => Some(Mechanism::Throttled),
        _ if code == "RequestTimeout" => Some(Mechanism::IdleTimeout),
        _ if THROTTLED.contains(&code) => Some(Mechanism::Throttled),
        _ if code == "RequestTimeTooSkewed" => Some(Mechanism::ClockSkew),
        _ => None,
    }
}

/// A connection that the peer ended without a whole response.
fn broken(timed: &Timed<'_>, looks: &ExpiredLooks) -> (Cause, bool) {
    let seen = timed.seen;
    let no_answer = seen.response_start_us.get().is_none();
    let nothing_taken = seen.body_bytes_acked.get().unwrap_or(0) == 0 && seen.response_bytes == 0;
    let at_once = timed.ended_at_once() || seen.phase == Phase::RequestHead;
    if seen.reused_connection && no_answer && nothing_taken && at_once {
        return (Cause::Of(Mechanism::StaleConnection), false);
    }
    let unrelated = || match () {
        () if timed.met_idle_timer() => Cause::Of(Mechanism::IdleTimeout),
        // Slow, or standing for a time of its own; or told something that was never read.
        () if timed.standstill().is_some() => Cause::Undecidable,
        () if looks.refused_at_head && timed.ended_at_head(2) => Cause::Undecidable,
        () => Cause::Of(Mechanism::Network),
    };
    let Some(expiry) = timed.expiry else { return (unrelated(), timed.is_unfinished()) };
    let (end, delta) = (seen.ended_at, timed.delta);
    if end < expiry - delta {
        return (unrelated(), timed.is_unfinished());
    }
    if !timed.is_judged {
        return (Cause::NotJudged, false);
    }
    if !timed.head_in_time(expiry) {
        // Whether the head was refused, and the refusal lost, can be known only where expired starts end so, too.
        let at_head = timed.is_late(expiry) && timed.ended_at_head(2);
        let found = if at_head && looks.without_answer { Cause::Of(Mechanism::LateStart) } else { Cause::Undecidable };
        return (found, false);
    }
    match () {
        () if timed.ended_at_expiry(expiry) && timed.is_unfinished() => (Cause::Of(Mechanism::CutAtExpiry), true),
        () if timed.ended_at_expiry(expiry) => (Cause::Undecidable, false),
        () if timed.met_idle_timer() => (Cause::Of(Mechanism::IdleTimeout), false),
        () => (Cause::EndedAfterExpiry, timed.is_unfinished()),
    }
}

const CREDENTIALS: [&str; 5] =
    ["ExpiredToken", "ExpiredTokenException", "InvalidToken", "TokenRefreshRequired", "CredentialsExpired"];
const THROTTLED: [&str; 7] = [
    "SlowDown",
    "ServiceUnavailable",
    "Throttling",
    "ThrottlingException",
    "TooManyRequests",
    "TooManyRequestsException",
    "RequestLimitExceeded",
];
