//! What other clients would have printed of the failures of these runs, by the measured table of `ttlsweep-clients`.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use ttlsweep_clients::Cause;
use ttlsweep_clients::said::{SHOWN, Situation, Words, gist, said};
use ttlsweep_record::units::grouped;
use ttlsweep_record::{Control, Method, Outcome, Phase};

use crate::load::Runs;
use crate::load::transfer::Transfer;

/// Failures of one kind, and what each client says of it.
#[derive(Debug)]
pub(crate) struct Seen {
    /// What happened.
    pub(crate) situation: Situation,
    /// To how many transfers of the grid's own cells and of the controls, expired starts left out.
    pub(crate) count: u64,
    /// Each client with its words, the most frequent first.
    pub(crate) clients: Vec<(&'static str, Vec<Words>)>,
}

/// The kinds of failures, the most frequent first. Expired starts fail as they must, and are no part of it.
pub(crate) fn seen(runs: &Runs) -> Vec<Seen> {
    let mut counts: BTreeMap<Situation, u64> = BTreeMap::new();
    for transfer in runs.transfers.all() {
        if let Some(situation) = situation(transfer, runs) {
            *counts.entry(situation).or_default() += 1;
        }
    }
    let mut seen: Vec<Seen> = counts.into_iter().map(|(situation, count)| Seen::of(situation, count)).collect();
    seen.retain(|seen| !seen.clients.is_empty());
    seen.sort_by_key(|seen| Reverse(seen.count));
    seen
}

/// What to do with words of a client that failed elsewhere.
pub(crate) const ELSEWHERE: &str =
    "What your own client said somewhere else can be looked up: `ttlsweep explain \"ITS WORDS\"`";

/// One line about the most frequent kind of which clients say different things, since that is what misleads. `None` if nothing failed
/// that the table knows.
pub(crate) fn line(runs: &Runs) -> Option<String> {
    let seen = seen(runs);
    let reported = seen.iter().find(|kind| !kind.is_said_alike()).or_else(|| seen.first())?;
    let words = if reported.is_said_alike() {
        reported.gists().next().map_or_else(String::new, |(_, words)| format!("all say {words}"))
    } else {
        reported.gists().map(|(name, words)| format!("{name} says {words}")).collect::<Vec<_>>().join(", ")
    };
    let (count, more) = (reported.count, if seen.len() > 1 { "; the page has the other kinds" } else { "" });
    Some(format!(
        "In other clients ({} × {}): {words}{more}; what yours said: `ttlsweep explain \"ITS WORDS\"`",
        grouped(count),
        reported.situation.cause.in_short()
    ))
}

impl Seen {
    fn of(situation: Situation, count: u64) -> Self {
        let clients = SHOWN.iter().map(|(name, client)| (*name, said(client, situation)));
        Self { situation, count, clients: clients.filter(|(_, words)| !words.is_empty()).collect() }
    }

    /// Each client with what it says most often, in short.
    fn gists(&self) -> impl Iterator<Item = (&'static str, String)> + '_ {
        self.clients.iter().filter_map(|(name, words)| Some((*name, gist(words.first()?.text).to_owned())))
    }

    /// Whether all clients say the same, as of an answer that each of them reads.
    fn is_said_alike(&self) -> bool {
        let mut gists = self.gists().map(|(_, words)| words);
        gists.next().is_some_and(|first| gists.all(|words| words == first))
    }
}

/// What was done to a transfer, as far as this client saw it; `None` if it did not fail, or in a way that was never measured.
fn situation(seen: &Transfer, runs: &Runs) -> Option<Situation> {
    let cell = &runs.cells[seen.cell as usize];
    // Clients send no `Expect` by themselves, but for curl.
    if matches!(cell.control, Some(Control::ExpiredStart | Control::ExpectContinue)) {
        return None;
    }
    let download = cell.method == Method::Get;
    let cause = match seen.outcome {
        Outcome::Rejected => rejected(seen, runs, download)?,
        Outcome::Reset => Cause::CutReset,
        Outcome::Closed if download => Cause::Truncated,
        Outcome::Closed => Cause::CutClose,
        Outcome::Truncated => Cause::Truncated,
        Outcome::TimedOut => Cause::Stall,
        _ => return None,
    };
    let tls = runs.transfers.asked()[seen.asked as usize].endpoint.starts_with("https:");
    Some(Situation { cause, download, tls })
}

fn rejected(seen: &Transfer, runs: &Runs, download: bool) -> Option<Cause> {
    let answer = &runs.transfers.answers()[seen.answer? as usize];
    let early = matches!(seen.phase, Phase::RequestHead | Phase::RequestBody);
    let late = seen.head_written_at.get().zip(seen.expires_at.get()).is_some_and(|(head, expiry)| head >= expiry);
    match (answer.status, &*answer.code) {
        (300..400, _) => Some(Cause::Redirect),
        (503, _) => Some(Cause::SlowDown),
        (400, "RequestTimeout") => Some(Cause::RequestTimeout),
        (403, _) if download || (early && late) => Some(Cause::RefusedAtStart),
        (403, _) if early => Some(Cause::RefusedMidway),
        (403, _) => Some(Cause::RefusedAtEnd),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_agree_on_an_answer_that_each_of_them_reads_and_on_no_reset() {
        let kind = |cause| Seen::of(Situation { cause, download: false, tls: true }, 1);
        assert!(kind(Cause::RefusedAtEnd).is_said_alike());
        assert!(!kind(Cause::CutReset).is_said_alike());
    }
}
