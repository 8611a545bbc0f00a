//! Does the target enforce expiry? Decided here and nowhere else: headline, captions, page, case and JSON read it.

use ttlsweep_record::units::grouped;
use ttlsweep_rundir::environment::ClockOffset;

use crate::prose::{count, of, secs};

/// The controls that show whether expiry is enforced at all, by what became of them. Each is counted once.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct ExpiredStarts {
    /// Those that ran and counted.
    pub all: u64,
    /// Refused in a way in which no living control was.
    pub refused: u64,
    /// Served although their link had certainly expired by the server's clock.
    pub let_through: u64,
    /// Served, but not certainly late by the server's clock.
    pub in_time: u64,
    /// Refused as controls with a living link or without one were, too.
    pub refused_alike: u64,
    /// Answered in a way that says nothing of expiry.
    pub other_answer: u64,
    /// Ended without an answer.
    pub unanswered: u64,
    /// Of the refused, those that were refused at the head.
    pub at_head: u64,
    /// Of the refused, those that were refused only after their whole body.
    pub after_body: u64,
}

/// Transfers whose link lived by the server's clock, and those without a link: how many ran, and how many were refused.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(in crate::verdict) struct Living {
    pub(in crate::verdict) links: u64,
    pub(in crate::verdict) links_refused: u64,
    pub(in crate::verdict) header_signed: u64,
    pub(in crate::verdict) header_signed_refused: u64,
}

/// Whether expiry is enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enforces {
    /// Expired links were refused, and none was let through.
    Yes,
    /// An expired link was let through, so that no failure can come from expiry.
    No,
    /// No expired start was refused for its expiry.
    Unknown,
}

impl Enforces {
    /// The word in `verdict.json`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Unknown => "unknown",
        }
    }
}

/// Whether a target enforces expiry, and what shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enforcement {
    /// The answer.
    pub enforces: Enforces,
    /// What became of the starts after expiry.
    pub starts: ExpiredStarts,
    /// What shows it, in words: a clause without a full stop.
    pub reason: String,
    /// Whether every link was refused, living ones too, so that this run can test nothing.
    pub all_links_refused: bool,
}

impl Enforcement {
    /// `other` is what those expired starts were answered mostly that say nothing of expiry, in words.
    pub(in crate::verdict) fn judge(
        starts: ExpiredStarts,
        living: Living,
        offset: Option<ClockOffset>,
        other: Option<String>,
    ) -> Self {
        let enforces = match (starts.let_through, starts.refused) {
            (1.., _) => Enforces::No,
            (0, 1..) => Enforces::Yes,
            (0, 0) => Enforces::Unknown,
        };
        let ExpiredStarts { all, refused, let_through, in_time, .. } = starts;
        let reason = match enforces {
            Enforces::No => format!("{} let through", starts_of(let_through, all)),
            Enforces::Yes if in_time > 0 => {
                let (refused, served) = (starts_of(refused, all), grouped(in_time));
                format!("{refused} refused; {served} were served, but {}", not_late(offset))
            }
            Enforces::Yes => format!("{} refused", starts_of(refused, all)),
            Enforces::Unknown => unknown(starts, living, offset, other),
        };
        let all_links_refused =
            enforces == Enforces::Unknown && living.links > 0 && living.links_refused == living.links;
        Self { enforces, starts, reason, all_links_refused }
    }

    /// One clause that names the target.
    pub(crate) fn clause(&self, target: &str) -> String {
        match self.enforces {
            Enforces::Yes => format!("{target} enforces expiry ({})", self.reason),
            Enforces::No => format!("{target} enforces NOTHING ({})", self.reason),
            Enforces::Unknown => format!("unknown of {target}: {}", self.reason),
        }
    }
}

/// `30 of 30 expired starts`
fn starts_of(some: u64, all: u64) -> String {
    format!("{} expired starts", of(some, all))
}

/// Why nothing is known: the cause that most expired starts share.
fn unknown(starts: ExpiredStarts, living: Living, offset: Option<ClockOffset>, other: Option<String>) -> String {
    let ExpiredStarts { all, in_time, refused_alike, other_answer, unanswered, .. } = starts;
    let starts = |some| starts_of(some, all);
    let most = [in_time, refused_alike, other_answer, unanswered].into_iter().max().unwrap_or(0);
    match most {
        0 => "no expired start ran".to_owned(),
        n if n == refused_alike => {
            let Living { links, links_refused, header_signed, header_signed_refused } = living;
            let headers = match (header_signed, header_signed_refused) {
                (0, _) => String::new(),
                (all, 0) => format!(", but none of {} signed in headers", count(all, "request")),
                (all, refused) => format!(", and {} of {} signed in headers", grouped(refused), count(all, "request")),
            };
            if links == 0 || links_refused < links {
                let (refused, ran) = (links_refused + header_signed_refused, links + header_signed);
                let others = format!("{} transfers with a living link or without one", of(refused, ran));
                return format!("{} were refused, but so were {others}", starts(n));
            }
            let living =
                format!("all links were refused, living ones too: {} and {} living links", starts(n), of(links, links));
            format!("{living}{headers}")
        }
        n if n == in_time => format!("{} were served, but {}", starts(n), not_late(offset)),
        n if n == other_answer => format!(
            "{} were answered {}, which says nothing of expiry",
            starts(n),
            other.unwrap_or_else(|| "something else".to_owned())
        ),
        n => format!("{} ended without an answer, and none was seen to be refused", starts(n)),
    }
}

/// Why a start after expiry by this machine's clock may have been in time.
fn not_late(offset: Option<ClockOffset>) -> String {
    let late = "by the server's clock their links had not certainly expired";
    match offset {
        Some(offset) => format!("{late}: {}", clocks(offset)),
        None => format!("the server's clock is unknown, so that {}", "their links had not certainly expired by it"),
    }
}

/// The two clocks against each other.
pub(in crate::verdict) fn clocks(offset: ClockOffset) -> String {
    let middle = i64::midpoint(offset.low_us, offset.high_us);
    let by = secs(middle.unsigned_abs() as f64 / 1e6);
    match () {
        () if offset.high_us < 0 => format!("this machine's clock is {by} ahead of the server's"),
        () if offset.low_us > 0 => format!("this machine's clock is {by} behind the server's"),
        () => format!("the clocks agree within {}", agreement(offset)),
    }
}

/// The most that the clocks can be apart, in words.
pub(in crate::verdict) fn agreement(offset: ClockOffset) -> String {
    match most_apart_us(offset) {
        micros if micros < 1_000_000 => format!("{} ms", micros.div_ceil(1000)),
        micros => secs(micros as f64 / 1e6),
    }
}

/// The most that the clocks can be apart.
pub(in crate::verdict) fn most_apart_us(offset: ClockOffset) -> u64 {
    offset.low_us.unsigned_abs().max(offset.high_us.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(starts: ExpiredStarts, living: Living, offset: Option<(i64, i64)>, other: Option<&str>) -> Enforcement {
        let offset = offset.map(|(low_us, high_us)| ClockOffset { low_us, high_us, responses: 9 });
        Enforcement::judge(starts, living, offset, other.map(str::to_owned))
    }

    #[test]
    fn every_answer_to_expired_starts_has_its_sentence() {
        let starts = ExpiredStarts { all: 6, ..ExpiredStarts::default() };
        let living = Living { links: 4, links_refused: 0, header_signed: 2, header_signed_refused: 0 };
        let clause = |starts, living, offset, other| judged(starts, living, offset, other).clause("the target");
        assert_eq!(
            clause(ExpiredStarts { refused: 6, ..starts }, living, None, None),
            "the target enforces expiry (6 of 6 expired starts refused)"
        );
        assert_eq!(
            clause(ExpiredStarts { let_through: 2, refused: 4, ..starts }, living, None, None),
            "the target enforces NOTHING (2 of 6 expired starts let through)"
        );
        assert_eq!(clause(ExpiredStarts::default(), living, None, None), "unknown of the target: no expired start ran");
        assert_eq!(
            clause(ExpiredStarts { refused_alike: 6, ..starts }, Living { links_refused: 4, ..living }, None, None),
            "unknown of the target: all links were refused, living ones too: 6 of 6 expired starts and 4 of 4 living links, \
             but none of 2 requests signed in headers"
        );
        assert_eq!(
            clause(ExpiredStarts { in_time: 6, ..starts }, living, Some((-20_010_000, -19_990_000)), None),
            "unknown of the target: 6 of 6 expired starts were served, but by the server's clock their links had not \
             certainly expired: this machine's clock is 20 s ahead of the server's"
        );
        assert_eq!(
            clause(ExpiredStarts { other_answer: 6, ..starts }, living, None, Some("503 SlowDown")),
            "unknown of the target: 6 of 6 expired starts were answered 503 SlowDown, which says nothing of expiry"
        );
        assert_eq!(
            clause(ExpiredStarts { unanswered: 6, ..starts }, living, None, None),
            "unknown of the target: 6 of 6 expired starts ended without an answer, and none was seen to be refused"
        );
    }
}
