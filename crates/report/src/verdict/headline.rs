//! What a person takes away of each target: did it cut, how sure is that, is the store fit, what now. Terminal, page, case and
//! `verdict.json` all say what is said here, in these words.

mod bound;
mod gist;
mod next;

use ttlsweep_record::{Mechanism, Verdict};

pub(crate) use bound::Allowed;

use super::finding::Finding;
use super::mechanism::cut::Unheard;
use super::ruling::{Ruling, TargetRuling};
use super::seen::{Later, Seen};
use ttlsweep_record::units::grouped;

use crate::prose::{count, of, secs_between, share};
use crate::verdict::cause::enforcement::Enforces;

/// What a target's run says to the question whether transfers in flight are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// They are.
    Yes,
    /// They are not, or in no larger share than the bound.
    No,
    /// The run cannot tell.
    CannotTell,
    /// No run of this kind could: nothing is enforced there, or no link is let in at all.
    NotTestable,
}

impl Answer {
    /// The word in `verdict.json`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::CannotTell => "cannot-tell",
            Self::NotTestable => "not-testable",
        }
    }

    /// The word for people.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Yes => "YES",
            Self::No => "NO",
            Self::CannotTell => "CANNOT TELL",
            Self::NotTestable => "NOT TESTABLE",
        }
    }
}

/// What a person takes away of one target. Every part is a clause or a sentence without statistics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakeAway {
    /// What readers know the target by.
    pub name: String,
    /// The answer.
    pub answer: Answer,
    /// What was seen, in a few words, a colon and the counts: `cut at expiry: 5 of 5 uploads …`.
    pub what: String,
    /// What a NO still allows, as a clause; `None` of other answers.
    pub allowed: Option<String>,
    /// What else was found there, a sentence each.
    pub also: Vec<String>,
    /// How sure that is.
    pub sure: String,
    /// What the store is fit for.
    pub fit: String,
    /// What to do next. `DIR` stands for the run's folder.
    pub next: String,
}

impl TakeAway {
    /// The answer in one line: `YES, cut at expiry: 5 of 5 uploads …`.
    pub fn line(&self) -> String {
        format!("{}, {}.", self.answer.word(), self.what)
    }

    /// The same with what else was found.
    pub fn full(&self) -> String {
        [self.line()].into_iter().chain(self.also.iter().cloned()).collect::<Vec<_>>().join(" ")
    }

    /// The same, and what a NO still allows: for readers to whom nothing says how sure it is.
    pub(crate) fn bounded(&self) -> String {
        let allowed = self.allowed.as_deref().map(sentence);
        [self.full()].into_iter().chain(allowed).collect::<Vec<_>>().join(" ")
    }
}

impl TargetRuling {
    /// The answer to the question.
    pub fn answer(&self) -> Answer {
        match self.overall {
            Verdict::Supported => Answer::Yes,
            Verdict::NotSupported => Answer::No,
            Verdict::Invalid => Answer::NotTestable,
            Verdict::Inconclusive if self.enforcement.all_links_refused => Answer::NotTestable,
            Verdict::Inconclusive => Answer::CannotTell,
        }
    }

    /// What a person takes away.
    pub fn take_away(&self) -> TakeAway {
        self.take_away_but(&[])
    }

    /// The same for readers to whom some mechanisms are of no interest.
    pub(crate) fn take_away_but(&self, but: &[Mechanism]) -> TakeAway {
        TakeAway {
            name: self.name.clone(),
            answer: self.answer(),
            what: self.what(),
            allowed: self.allowed().map(Allowed::sentence),
            also: self.also(but),
            sure: self.sure(),
            fit: self.fit().to_owned(),
            next: self.next(),
        }
    }

    pub(super) fn finding(&self, mechanism: Mechanism) -> Option<&Finding> {
        self.mechanisms.iter().find(|found| found.mechanism == mechanism)
    }

    pub(super) fn supports(&self, mechanism: Mechanism) -> bool {
        self.finding(mechanism).is_some_and(|found| found.verdict == Verdict::Supported)
    }

    /// What was seen.
    fn what(&self) -> String {
        let Seen { noun, hits, .. } = self.seen;
        let outlived = format!("{noun}s that outlived their link");
        let met = match self.answer() {
            Answer::NotTestable if self.overall == Verdict::Invalid => {
                return format!("expired links are let in: {}", self.enforcement.reason);
            }
            Answer::NotTestable => return format!("links that live are refused: {}", self.enforcement.reason),
            _ if self.enforcement.enforces == Enforces::Unknown => {
                return format!("nothing shows whether expiry is enforced: {}", self.enforcement.reason);
            }
            Answer::CannotTell if self.all_fails() => {
                "nothing to see: every transfer failed, whatever its link".to_owned()
            }
            Answer::CannotTell if self.outlived == 0 => {
                format!("nothing to see: no link expired while its {noun} was in flight")
            }
            Answer::CannotTell if self.judged == 0 => {
                let them = count(self.not_judged, noun);
                format!("nothing could be timed: {them} outlived the link, and none of the ends is judged")
            }
            Answer::CannotTell if hits == 0 => self.uncut_words(&outlived),
            Answer::CannotTell => format!("it looks like a cut, but may be chance: {}", self.cut_words(&outlived)),
            Answer::Yes => format!("cut at expiry: {}", self.cut_words(&outlived)),
            Answer::No if self.supports(Mechanism::RejectedAtCompletion) => self.refused_at_end(),
            Answer::No if hits > 0 => {
                format!(
                    "not by a rule: {}, no more often than chance or the network ends them",
                    self.cut_words(&outlived)
                )
            }
            Answer::No => {
                let word = if self.seen.completed > 0 && self.most_end_well() { "they go on" } else { "not at expiry" };
                format!("{word}: {}", self.past_words(&outlived))
            }
        };
        let unjudged = match self.not_judged {
            1 if self.judged > 0 => ", 1 more is not judged".to_owned(),
            n if n > 0 && self.judged > 0 => format!(", {} more are not judged", grouped(n)),
            _ => String::new(),
        };
        format!("{met}{unjudged}; {}", self.controls_words())
    }

    /// `50 of 50 uploads that outlived their link were reset within 0.1 s of it`
    fn cut_words(&self, outlived: &str) -> String {
        let Seen { hits, within_s, how, later, .. } = &self.seen;
        let later = later.map_or_else(String::new, |later| format!(", {} later", grouped(later.transfers)));
        let seen = of(*hits, self.judged);
        format!("{seen} {outlived} {how} within {} of it{later}", bound::seconds_up(*within_s))
    }

    /// Why it cannot tell although none was cut.
    fn uncut_words(&self, outlived: &str) -> String {
        match (self.seen.unheard, self.seen.later) {
            (Some((Unheard::Silent, some)), _) => {
                let some = share(some, self.judged);
                format!("none was closed, but {some} {outlived} stood still and never came to an end")
            }
            (Some((Unheard::PutOff, some)), _) => {
                let some = share(some, self.judged);
                format!("no link was served, living ones neither: {some} {outlived} were put off with another answer")
            }
            (None, Some(Later { transfers, between_s })) => {
                let some = share(transfers, self.judged);
                format!("none was cut at once, but {some} {outlived} ended {} after it", secs_between(between_s))
            }
            (None, None) => {
                format!("none was cut, which is not enough for a NO: {}", self.past_words(outlived))
            }
        }
    }

    /// `12 of 12 uploads that outlived their link ran past it, 12 to their end`
    fn past_words(&self, outlived: &str) -> String {
        let to_end = match self.seen.completed {
            0 => "but none to its end".to_owned(),
            few if !self.most_end_well() => format!("but only {} to their end", grouped(few)),
            most => format!("{} to their end", grouped(most)),
        };
        format!("{} {outlived} ran past it, {to_end}", of(self.judged, self.judged))
    }

    fn refused_at_end(&self) -> String {
        let [refused, all] =
            self.finding(Mechanism::RejectedAtCompletion).map_or([0, 0], |found| [found.failures, found.transfers]);
        format!(
            "not cut but refused at the end: {} {}s whose body was through after expiry were refused then",
            of(refused, all),
            self.seen.noun
        )
    }

    /// `0 of 30 controls failed`
    fn controls_words(&self) -> String {
        match self.controls_failed {
            [_, 0] => "no controls ran".to_owned(),
            [failed, all] => format!("{} controls failed", of(failed, all)),
        }
    }

    /// Whether nothing is served, so that no link can be the cause.
    pub(super) fn all_fails(&self) -> bool {
        let all = |[failed, all]: [u64; 2]| all > 0 && failed == all;
        all(self.grid_failed) && all(self.controls_failed) && self.judged == 0
    }

    /// What may explain the failures of a run that shows nothing else, although there are too few to be sure.
    pub(super) fn suspects(&self) -> impl Iterator<Item = &Finding> {
        let shows_nothing = self.answer() == Answer::CannotTell && self.judged == 0;
        let may_be = |found: &&Finding| found.verdict == Verdict::Inconclusive && found.failures > 0;
        self.mechanisms.iter().filter(move |_| shows_nothing).filter(may_be)
    }

    /// What else was found: other mechanisms, and failures that none explains. Nobody can act on a number alone.
    fn also(&self, but: &[Mechanism]) -> Vec<String> {
        let reported = |mechanism: &Mechanism| match mechanism {
            Mechanism::CutAtExpiry => false,
            Mechanism::RejectedAtCompletion => self.answer() != Answer::No,
            _ => true,
        };
        let supported = |found: &&Finding| {
            found.verdict == Verdict::Supported && reported(&found.mechanism) && !but.contains(&found.mechanism)
        };
        let mut lines: Vec<String> =
            self.mechanisms.iter().filter(supported).map(|found| found_too(found, "Also")).collect();
        lines.extend(
            self.suspects().filter(|found| !but.contains(&found.mechanism)).map(|found| found_too(found, "Perhaps")),
        );
        // Said of it in any case: it puts in doubt whose doing it is.
        let held = self.finding(Mechanism::RejectedAtCompletion).filter(|found| found.verdict == Verdict::Supported);
        if self.answer() == Answer::No
            && let Some(gist) = held.and_then(|found| found.gist.as_ref())
        {
            lines.push(format!("It was refused at the end, {gist}."));
        }
        if !self.no_mechanism.is_empty() {
            lines.push(format!("Without a mechanism: {}.", self.no_mechanism_in_short()));
        }
        lines
    }

    /// Whether most of the transfers that outlived their link completed.
    fn most_end_well(&self) -> bool {
        2 * self.seen.completed >= self.judged
    }

    /// How sure the answer is.
    fn sure(&self) -> String {
        match self.answer() {
            Answer::Yes => {
                let ([hit, _], all) = (self.seen.trials_hit, self.seen.trials);
                let p = self.finding(Mechanism::CutAtExpiry).and_then(|found| found.p_value).unwrap_or(1.0);
                format!(
                    "{} of {} show it; chance would do this {}",
                    grouped(hit),
                    count(all, "trial"),
                    bound::once_in(p)
                )
            }
            Answer::No => self.allowed().map_or_else(String::new, Allowed::sentence),
            Answer::CannotTell if self.all_fails() => {
                "not at all: where controls without a link fail, too, nothing is said of links".to_owned()
            }
            Answer::CannotTell => self.what_it_takes(),
            Answer::NotTestable if self.overall == Verdict::Invalid => {
                "certain: a link that is served after its expiry is proof; what becomes of running transfers is not known"
                    .to_owned()
            }
            Answer::NotTestable => "no link was let in, so this run says nothing of expiry".to_owned(),
        }
    }

    /// What the store is fit for.
    fn fit(&self) -> &'static str {
        match (self.answer(), self.enforcement.enforces) {
            (_, Enforces::No) => "not fit where links must end: it lets expired ones in",
            (Answer::NotTestable, _) => "not known: it refuses links that live",
            (Answer::Yes, _) => "fit for transfers that end before their link does, and for no others",
            (Answer::CannotTell, _) if self.all_fails() => "not known: it served nothing here",
            (Answer::CannotTell, Enforces::Yes) => {
                "it refuses expired links; what becomes of running transfers is not known"
            }
            (Answer::CannotTell, _) => "not known",
            (Answer::No, _) if self.supports(Mechanism::RejectedAtCompletion) => {
                "fit for transfers that end before their link does: longer ones are refused at their end"
            }
            (Answer::No, _) if self.supports(Mechanism::RefusedAlive) => {
                "it does not cut, but refuses links that live: something limits them beside their expiry"
            }
            (Answer::No, _) if !self.most_end_well() => {
                "it refuses expired links and does not cut at expiry, but most transfers that outlive their link fail otherwise"
            }
            (Answer::No, _) => "fit: it refuses expired links, and lets running transfers end",
        }
    }
}

/// Another mechanism in a sentence, without its statistics.
fn found_too(found: &Finding, how: &str) -> String {
    let first = found.brief.split("; ").next().unwrap_or_default();
    let first = first.split(": in the grid").next().unwrap_or_default();
    // What was cut off may have been in brackets.
    let open = if first.matches('(').count() > first.matches(')').count() { ")" } else { "" };
    let gist = found.gist.as_ref().map(|gist| format!(" ({gist})")).unwrap_or_default();
    format!("{how} {}: {first}{open}{gist}.", plain(found.mechanism))
}

/// A mechanism in plain words, to follow "also".
const fn plain(mechanism: Mechanism) -> &'static str {
    match mechanism {
        Mechanism::CutAtExpiry => "cut at expiry",
        Mechanism::RejectedAtCompletion => "refused at the end",
        Mechanism::LateStart => "started late",
        Mechanism::IdleTimeout => "given up as idle",
        Mechanism::Throttled => "throttled",
        Mechanism::Redirected => "redirected",
        Mechanism::CredentialsExpired => "signed with expired credentials",
        Mechanism::ClockSkew => "refused for the clocks",
        Mechanism::StaleConnection => "sent on a stale connection",
        Mechanism::Network => "ended by the network",
        Mechanism::Client => "failed on this machine",
        Mechanism::RefusedAlive => "refused alive",
        Mechanism::Gateway => "answered by a gateway",
        Mechanism::ServerError => "failed in the store",
    }
}

/// A clause as a sentence of its own.
fn sentence(clause: &str) -> String {
    let mut letters = clause.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

impl Ruling {
    /// What a person takes away of each target, in the order of the targets.
    pub(crate) fn take_aways(&self) -> Vec<TakeAway> {
        self.targets.iter().map(TargetRuling::take_away).collect()
    }

    /// Makes the headline of what is known by now.
    pub(super) fn tell(&mut self) {
        self.headline = headline(&self.targets);
    }
}

/// The answers in one line: of a few targets each one's own, of many how many have which.
fn headline(targets: &[TargetRuling]) -> String {
    match targets {
        [] => "CANNOT TELL, nothing ran: no transfer was made.".to_owned(),
        [one] => one.take_away().full(),
        few if few.len() <= MOST_NAMED => {
            let named = few.iter().map(|target| format!("{}: {}", target.name, target.take_away().full()));
            named.collect::<Vec<_>>().join(" ")
        }
        many => {
            let having = |answer: Answer| many.iter().filter(move |target| target.answer() == answer);
            let counted =
                [Answer::Yes, Answer::No, Answer::CannotTell, Answer::NotTestable].into_iter().filter_map(|answer| {
                    let first = having(answer).next()?;
                    let n = having(answer).count() as u64;
                    Some(format!(
                        "{} at {}, for example {}: {}",
                        answer.word(),
                        count(n, "target"),
                        first.name,
                        first.take_away().what
                    ))
                });
            counted.collect::<Vec<_>>().join(". ") + "."
        }
    }
}

/// More targets than these make no line that can be read.
const MOST_NAMED: usize = 4;
