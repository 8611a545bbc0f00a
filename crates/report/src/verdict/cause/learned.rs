//! What is learned of a target before any failure is judged: how it words expiry, what it tells those that have nothing to do
//! with expiry, and what the store's own answers look like. No code is taken at its word before this.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use ttlsweep_record::{Control, Mechanism, Outcome};
use ttlsweep_rundir::environment::ClockOffset;

use crate::load::transfer::{Answer, Transfer};
use crate::stats::fisher_greater;
use crate::verdict::cause::continues::Continues;
use crate::verdict::cause::enforcement::{Enforcement, ExpiredStarts, Living};
use crate::verdict::cause::store::Store;
use crate::verdict::cause::words::{described, word_of};
use crate::verdict::evidence::timed::Timed;

/// What the controls tell of a target.
#[derive(Debug)]
pub(in crate::verdict) struct Learned {
    /// What was reported to expired starts, and to no living control.
    expired: HashSet<u32>,
    /// What was reported to controls with a living link or without one.
    alive: BTreeSet<u32>,
    /// What was reported to requests signed in headers.
    header_signed: BTreeSet<u32>,
    /// When the last of those signed in headers began that was served.
    header_signed_served_at: Option<i64>,
    /// Some request signed in headers was served.
    pub(in crate::verdict) header_signed_served: bool,
    /// Some expired start ended without a response.
    pub(in crate::verdict) without_answer: bool,
    /// Requests are refused at the head here, so that an end there may be such a refusal, unread.
    pub(in crate::verdict) refused_at_head: bool,
    /// What the store's own answers look like.
    pub(in crate::verdict) store: Store,
    /// What a 100 Continue proves.
    pub(in crate::verdict) continues: Continues,
    /// Whether the target enforces expiry.
    pub(in crate::verdict) enforcement: Enforcement,
}

impl Learned {
    /// Learns from all transfers of a target, the starts after expiry included; `timed` holds one of them against its expiry.
    pub(in crate::verdict) fn of<'a>(
        all: &[&'a Transfer],
        control: impl Fn(&Transfer) -> Option<Control>,
        timed: impl Fn(&'a Transfer) -> Timed<'a>,
        answers: &[Answer],
        offset: Option<ClockOffset>,
    ) -> Self {
        let store = store(all, answers);
        let mut living = Living::default();
        let mut alive = BTreeSet::new();
        let mut header_signed = BTreeSet::new();
        let mut header_signed_served_at = None;
        let (mut refused_at_head, mut without_answer) = (false, false);
        let mut living_trials = BTreeSet::new();
        let mut starts: Vec<&'a Transfer> = Vec::new();
        for seen in all.iter().copied() {
            let (control, timed) = (control(seen), timed(seen));
            let rejected = seen.outcome == Outcome::Rejected;
            let refused = rejected && seen.answer.is_some_and(|place| is_refusal(&answers[place as usize]));
            if control == Some(Control::ExpiredStart) {
                without_answer |= is_broken(seen.outcome);
                refused_at_head |= (rejected || is_broken(seen.outcome)) && timed.ended_at_head(2);
                starts.push(seen);
                continue;
            }
            if matches!(control, Some(Control::LongTtl | Control::HeaderSigned)) {
                living_trials.insert(seen.trial);
            }
            refused_at_head |= rejected && timed.ended_at_head(2);
            let lives = timed.expiry.is_none_or(|expiry| seen.head_written_at.get().is_some_and(|at| at < expiry));
            let counts = !matches!(seen.outcome, Outcome::Cancelled | Outcome::FailedLocally);
            if lives && counts {
                let (ran, were) = match timed.expiry {
                    Some(_) => (&mut living.links, &mut living.links_refused),
                    None => (&mut living.header_signed, &mut living.header_signed_refused),
                };
                *ran += 1;
                *were += u64::from(refused);
            }
            if lives && matches!(control, Some(Control::LongTtl | Control::HeaderSigned)) {
                alive.extend(seen.answer);
            }
            if control == Some(Control::HeaderSigned) {
                header_signed.extend(seen.answer);
                if seen.outcome == Outcome::Completed {
                    header_signed_served_at = header_signed_served_at.max(seen.head_written_at.get());
                }
            }
        }
        let starts = || starts.iter().map(|seen| timed(seen));
        let expired = words_of_expiry(starts(), answers, &alive, &store, living_trials.len() as u64);
        let continues = Continues::of(starts());
        let (starts, other) = tally(starts(), answers, &expired, &alive);
        Self {
            without_answer,
            continues,
            enforcement: Enforcement::judge(starts, living, offset, other),
            header_signed_served: header_signed_served_at.is_some(),
            expired,
            alive,
            header_signed,
            header_signed_served_at,
            refused_at_head,
            store,
        }
    }

    /// Whether this is how the target words expiry.
    pub(in crate::verdict) fn is_expired(&self, place: u32, answer: &Answer) -> bool {
        let says_so = || {
            answer.message.to_lowercase().contains("expired")
                && !self.alive.contains(&place)
                && word_of(answer) != Some(Mechanism::CredentialsExpired)
        };
        self.expired.contains(&place) || says_so()
    }

    /// Whether the same was reported to requests without any link.
    pub(in crate::verdict) fn is_reported_without_a_link(&self, place: u32) -> bool {
        self.header_signed.contains(&place)
    }

    /// Whether requests that were signed in headers after `at` were served: with the same credentials, by the same clock.
    pub(in crate::verdict) fn is_served_after(&self, at: i64) -> bool {
        self.header_signed_served_at.is_some_and(|served| served > at)
    }
}

fn store(all: &[&Transfer], answers: &[Answer]) -> Store {
    let mut seen: BTreeSet<(u32, bool)> = BTreeSet::new();
    for one in all.iter().filter(|one| one.outcome != Outcome::Altered) {
        seen.extend(one.answer.map(|place| (place, one.outcome == Outcome::Completed)));
    }
    Store::learn(seen.iter().map(|(place, completed)| (&answers[*place as usize], *completed)))
}

/// What was reported to expired starts, and to no control with a living link or without one. An answer that means something else
/// by its own words must have been reported to most of them; what only says that the server cannot serve, or sends elsewhere, to
/// all of them, and so often that chance does not explain why no control met it.
fn words_of_expiry<'a>(
    starts: impl Iterator<Item = Timed<'a>>,
    answers: &[Answer],
    alive: &BTreeSet<u32>,
    store: &Store,
    living_trials: u64,
) -> HashSet<u32> {
    let mut trials: HashMap<u32, BTreeSet<u32>> = HashMap::new();
    let mut answered: BTreeMap<u32, u64> = BTreeMap::new();
    for timed in starts.filter(|timed| timed.seen.outcome == Outcome::Rejected) {
        let Some(place) = timed.seen.answer else { continue };
        trials.entry(place).or_default().insert(timed.seen.trial);
        *answered.entry(timed.seen.trial).or_default() += 1;
    }
    let all = answered.len() as u64;
    let is_learned = |(place, reported): &(&u32, &BTreeSet<u32>)| {
        let (answer, reported) = (&answers[**place as usize], reported.len() as u64);
        let plain = is_refusal(answer) && word_of(answer).is_none() && !store.is_foreign(answer);
        !alive.contains(place)
            && match () {
                () if plain => true,
                () if is_refusal(answer) => 2 * reported > all,
                () => reported == all && reported >= 3 && fisher_greater(reported, all, 0, living_trials) <= 0.05,
            }
    };
    trials.iter().filter(is_learned).map(|(place, _)| *place).collect()
}

/// The expired starts by what became of them; and what was reported to most of those that say nothing of expiry.
fn tally<'a>(
    all: impl Iterator<Item = Timed<'a>>,
    answers: &[Answer],
    expired: &HashSet<u32>,
    alive: &BTreeSet<u32>,
) -> (ExpiredStarts, Option<String>) {
    let mut starts = ExpiredStarts::default();
    let mut others: BTreeMap<String, u64> = BTreeMap::new();
    for timed in all.filter(|timed| !matches!(timed.seen.outcome, Outcome::Cancelled | Outcome::FailedLocally)) {
        let seen = timed.seen;
        starts.all += 1;
        let late = timed
            .expiry
            .zip(seen.head_written_at.get())
            .is_some_and(|(expiry, at)| timed.is_judged && at - timed.late > expiry + timed.delta);
        let is_refused = match (seen.outcome, seen.answer) {
            (Outcome::Rejected, Some(place)) => expired.contains(&place),
            // Nobody read the answer, but the store wrote down that it gave one.
            (_, None) => timed.refused_late,
            _ => false,
        };
        match (seen.outcome, seen.answer) {
            // What was sent short had been let in.
            (Outcome::Completed | Outcome::Truncated, _) if late => starts.let_through += 1,
            (Outcome::Completed | Outcome::Truncated, _) => starts.in_time += 1,
            _ if is_refused => {
                starts.refused += 1;
                let at_head = timed.is_unfinished() || timed.ended_at_head(1);
                *(if at_head { &mut starts.at_head } else { &mut starts.after_body }) += 1;
            }
            (Outcome::Rejected, Some(place)) if alive.contains(&place) && is_refusal(&answers[place as usize]) => {
                starts.refused_alike += 1;
            }
            (_, Some(place)) => {
                starts.other_answer += 1;
                *others.entry(described(&answers[place as usize])).or_default() += 1;
            }
            (_, None) => starts.unanswered += 1,
        }
    }
    let most = others.into_iter().max_by_key(|(_, times)| *times);
    (starts, most.map(|(words, _)| words))
}

/// Whether it says no, and not only that it cannot serve now.
const fn is_refusal(answer: &Answer) -> bool {
    matches!(answer.status, 400..=407 | 409..=428 | 430..=499)
}

const fn is_broken(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Reset | Outcome::Closed)
}
