//! Failures by what was answered, or what else ended them: so that none is shown as a bare number.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use ttlsweep_record::units::grouped;

use ttlsweep_record::{Mechanism, Outcome};
use ttlsweep_rundir::environment::ClockOffset;

use crate::load::transfer::{Answer, Timeout};
use crate::prose::{count, of, share};
use crate::verdict::cause::enforcement::{agreement, clocks, most_apart_us};
use crate::verdict::cause::words::{described, says_not_yet, word_of};
use crate::verdict::cause::{Cause, NO_SKEW_US};
use crate::verdict::evidence::timed::Timed;

/// What ended a transfer, as a reader would tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Way {
    /// A final response; its place among the answers, and what became of the transfer.
    Answered(u32, Outcome),
    /// A success without the object, in either direction; its place among the answers, and whether it answered an upload.
    Altered(u32, bool),
    /// A timeout of this side.
    RanOut(Timeout),
    /// A timeout of this side, nothing beyond the first segments having been confirmed.
    Unconfirmed(Timeout),
    /// A timeout of this side, no more than an answer's first segments having come of a download.
    Unheard(Timeout),
    /// A peer that ended the connection so soon that it may have refused the head.
    AtHead(Outcome),
    /// Anything else.
    Ended(Outcome),
}

/// Failures of one cause that ended alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::verdict) struct Reported {
    pub(in crate::verdict) cause: Cause,
    /// The mechanism that the answer names.
    pub(in crate::verdict) word: Option<Mechanism>,
    /// Why the answer is not taken at its word, where it names a mechanism and is not.
    pub(in crate::verdict) doubt: Option<String>,
    /// Who answered; empty if nobody did, or nothing tells.
    pub(in crate::verdict) server: String,
    /// Whether nothing beyond the first segments was confirmed before this side gave up.
    pub(in crate::verdict) unconfirmed: bool,
    /// Whether the peer ended it so soon that it may have refused the head.
    pub(in crate::verdict) at_head: bool,
    /// `answered 400 InvalidArgument`: what follows "were".
    pub(in crate::verdict) words: String,
    /// Of the grid's transfers.
    pub(in crate::verdict) grid: u64,
    /// Of the controls in which nothing expires.
    pub(in crate::verdict) controls: u64,
}

/// The failures of a target, the most frequent first, and how many transfers they are of.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(in crate::verdict) struct Tallies {
    pub(in crate::verdict) all: Vec<Reported>,
    pub(in crate::verdict) grid: u64,
    pub(in crate::verdict) controls: u64,
}

/// Counts while flights are made.
#[derive(Debug, Default)]
pub(in crate::verdict) struct Counting {
    counts: HashMap<(Cause, Way), [u64; 2]>,
    transfers: [u64; 2],
}

impl Counting {
    /// Counts one transfer of the grid, or of a control in which nothing expires.
    pub(in crate::verdict) fn add(&mut self, timed: &Timed<'_>, cause: Cause, in_grid: bool) {
        if matches!(cause, Cause::Censored | Cause::NotJudged) {
            return;
        }
        let side = usize::from(!in_grid);
        self.transfers[side] += 1;
        if cause != Cause::None {
            self.counts.entry((cause, way(timed))).or_default()[side] += 1;
        }
    }

    /// The counts in words.
    pub(in crate::verdict) fn tallies(self, answers: &[Answer], offset: Option<ClockOffset>) -> Tallies {
        let mut merged: HashMap<(Cause, String), Reported> = HashMap::new();
        for ((cause, way), [grid, controls]) in self.counts {
            let words = words(way, answers);
            match merged.entry((cause, words.clone())) {
                Entry::Occupied(mut reported) => {
                    reported.get_mut().grid += grid;
                    reported.get_mut().controls += controls;
                }
                Entry::Vacant(place) => {
                    let answer = match way {
                        Way::Answered(place, _) | Way::Altered(place, _) => Some(&answers[place as usize]),
                        _ => None,
                    };
                    let word = answer.and_then(word_of);
                    let doubted = answer.filter(|_| word.is_some_and(|word| cause != Cause::Of(word)));
                    let doubt = doubted.and_then(|answer| doubt(answer, offset));
                    let server = answer.map(|answer| answer.server.clone()).unwrap_or_default();
                    let unconfirmed = matches!(way, Way::Unconfirmed(_));
                    let at_head = matches!(way, Way::AtHead(_));
                    place.insert(Reported { cause, word, doubt, server, unconfirmed, at_head, words, grid, controls });
                }
            }
        }
        let mut all: Vec<Reported> = merged.into_values().collect();
        all.sort_by(|one, other| {
            (other.grid + other.controls, &one.words).cmp(&(one.grid + one.controls, &other.words))
        });
        Tallies { all, grid: self.transfers[0], controls: self.transfers[1] }
    }
}

impl Reported {
    /// Whether it was this side that gave up.
    pub(in crate::verdict) fn is_given_up(&self) -> bool {
        self.words.starts_with(GIVEN_UP)
    }
}

impl Tallies {
    /// Those of one cause.
    pub(in crate::verdict) fn of(&self, cause: Cause) -> impl Iterator<Item = &Reported> {
        self.all.iter().filter(move |reported| reported.cause == cause)
    }

    /// Ends at the head forbid an acquittal of whatever may have ended them: the network, or a refusal that was never read.
    pub(in crate::verdict) fn ended_at_head(&self) -> Option<String> {
        let undecided = self.of(Cause::Undecidable).filter(|reported| reported.at_head);
        let ended: u64 = undecided.map(|reported| reported.grid + reported.controls).sum();
        (ended > 0).then(|| {
            format!(
                "but {} ended at their head, where a refusal that was never read looks the same: it takes \
                 `expect_continue = true` or the server's log to tell",
                count(ended, "transfer")
            )
        })
    }

    /// Why answers of these failures are not taken at their word, each reason once.
    pub(in crate::verdict) fn doubts(&self, cause: Cause) -> Vec<String> {
        let mut doubts: Vec<String> = self.of(cause).filter_map(|reported| reported.doubt.clone()).collect();
        doubts.dedup();
        doubts
    }

    /// `6 of 20 were answered 400 InvalidArgument, 2 of 10 controls too`.
    pub(in crate::verdict) fn sentence(&self, reported: &Reported) -> String {
        let Reported { words, grid, controls, .. } = reported;
        match (self.grid, self.controls) {
            (all, others) if *grid == all && *controls == others && others > 0 && all > 0 => {
                format!("every transfer, the controls too, was {words}")
            }
            (0, others) => format!("{} controls were {words}", share(*controls, others)),
            (all, 0) => format!("{} were {words}", share(*grid, all)),
            (all, others) if *grid == 0 => {
                format!(
                    "{} controls were {words}, and none of {} other transfers",
                    share(*controls, others),
                    grouped(all)
                )
            }
            (all, others) if *controls == 0 => {
                format!("{} were {words}, none of {} controls", share(*grid, all), grouped(others))
            }
            (all, others) => format!("{} were {words}, {} controls too", share(*grid, all), of(*controls, others)),
        }
    }
}

/// Why an answer is not taken at its word.
fn doubt(answer: &Answer, offset: Option<ClockOffset>) -> Option<String> {
    match word_of(answer)? {
        Mechanism::ClockSkew if says_not_yet(answer) => {
            let clocks = offset.map(clocks)?;
            Some(format!("the answer says that the link's time has not come, but {clocks}"))
        }
        Mechanism::ClockSkew => Some(match offset.filter(|offset| most_apart_us(*offset) < NO_SKEW_US) {
            Some(offset) => format!("the answer says so, but the clocks agree within {}", agreement(offset)),
            None => "the answer says so, but requests signed in headers were served by the same clocks".to_owned(),
        }),
        Mechanism::CredentialsExpired => Some(
            "the answer says that credentials had expired, but requests signed in headers with the same ones were served \
             later"
                .to_owned(),
        ),
        _ => None,
    }
}

fn way(timed: &Timed<'_>) -> Way {
    let seen = timed.seen;
    match (seen.answer, seen.ran_out) {
        (_, Some(timeout)) if timed.is_unconfirmed() => Way::Unconfirmed(timeout),
        (_, Some(timeout)) if timed.is_unheard() => Way::Unheard(timeout),
        (_, Some(timeout)) => Way::RanOut(timeout),
        (Some(place), None) if seen.outcome == Outcome::Altered => Way::Altered(place, timed.is_upload),
        (Some(place), None) if !matches!(seen.outcome, Outcome::Truncated) => Way::Answered(place, seen.outcome),
        (None, None) if matches!(seen.outcome, Outcome::Reset | Outcome::Closed) && timed.ended_at_head(2) => {
            Way::AtHead(seen.outcome)
        }
        _ => Way::Ended(seen.outcome),
    }
}

fn words(way: Way, answers: &[Answer]) -> String {
    match way {
        // A download that was broken off: its answer had begun well.
        Way::Answered(place, outcome @ (Outcome::Reset | Outcome::Closed))
            if (200..300).contains(&answers[place as usize].status) =>
        {
            ended(outcome).to_owned()
        }
        Way::Answered(place, _) => format!("answered {}", described(&answers[place as usize])),
        Way::Altered(place, is_upload) => {
            let instead =
                if is_upload { "its object is not there or not whole" } else { "with something else than the object" };
            format!("answered {}, but {instead}", described(&answers[place as usize]))
        }
        Way::RanOut(timeout) => format!("{GIVEN_UP} {}", whose(timeout)),
        Way::Unheard(timeout) => format!(
            "{GIVEN_UP} {}, hardly an answer having come: the store was silent, or the path drops large packets",
            whose(timeout)
        ),
        Way::Unconfirmed(timeout) => format!(
            "{GIVEN_UP} {}, nothing beyond the first segments ever having been confirmed, though sent again and again",
            whose(timeout)
        ),
        Way::AtHead(outcome) => format!("{} right after their head, without an answer", ended(outcome)),
        Way::Ended(outcome) => ended(outcome).to_owned(),
    }
}

/// How the words of this side's timeouts begin.
const GIVEN_UP: &str = "given up by";

/// Whose timeout it was: never the server's.
const fn whose(timeout: Timeout) -> &'static str {
    match timeout {
        Timeout::Idle => "ttlsweep's own idle_timeout",
        Timeout::Connect => "ttlsweep's own connect_timeout",
        Timeout::Whole => "ttlsweep's own timeout",
        Timeout::Kernel => "this machine's kernel, since the peer confirmed nothing",
    }
}

const fn ended(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Reset => "reset",
        Outcome::Closed => "closed",
        Outcome::Malformed => "answered in bytes that are not HTTP",
        Outcome::Unconnected => "not connected",
        Outcome::FailedLocally => "failed on this machine",
        Outcome::Truncated => "answered with less than the object",
        Outcome::Altered => "answered with something else than the object",
        Outcome::Completed | Outcome::Rejected | Outcome::TimedOut | Outcome::Cancelled => "ended",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_of_failure_is_reported_with_its_share_of_grid_and_controls() {
        let sentence = |grid, controls, of: (u64, u64)| {
            let reported = Reported {
                cause: Cause::Unexplained,
                word: None,
                doubt: None,
                server: String::new(),
                unconfirmed: false,
                at_head: false,
                words: "answered 400 InvalidArgument".into(),
                grid,
                controls,
            };
            Tallies { all: Vec::new(), grid: of.0, controls: of.1 }.sentence(&reported)
        };
        assert_eq!(sentence(6, 2, (20, 10)), "6 of 20 were answered 400 InvalidArgument, 2 of 10 controls too");
        assert_eq!(sentence(6, 0, (20, 10)), "6 of 20 were answered 400 InvalidArgument, none of 10 controls");
        assert_eq!(sentence(20, 10, (20, 10)), "every transfer, the controls too, was answered 400 InvalidArgument");
        assert_eq!(
            sentence(0, 2, (20, 10)),
            "2 of 10 controls were answered 400 InvalidArgument, and none of 20 other transfers"
        );
        assert_eq!(sentence(6, 0, (20, 0)), "6 of 20 were answered 400 InvalidArgument");
    }
}
