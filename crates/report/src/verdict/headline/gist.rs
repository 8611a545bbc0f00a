//! What was found in a few words: what charts' titles begin with.

use crate::prose::of;
use ttlsweep_record::Mechanism;
use ttlsweep_record::units::grouped;

use super::{Answer, MOST_NAMED};
use crate::verdict::cause::enforcement::Enforces;
use crate::verdict::ruling::{Ruling, TargetRuling};

impl TargetRuling {
    /// The finding with its counts: `50 of 50 uploads that outlived their link were reset`.
    pub fn gist(&self) -> String {
        let seen = &self.seen;
        let outlived = format!("{}s that outlived their link", seen.noun);
        match self.answer() {
            Answer::NotTestable if self.enforcement.all_links_refused => "links that live are refused".to_owned(),
            Answer::NotTestable => "expired links are let in".to_owned(),
            _ if self.enforcement.enforces == Enforces::Unknown => {
                "nothing shows whether expiry is enforced".to_owned()
            }
            Answer::No if self.supports(Mechanism::RejectedAtCompletion) => {
                let [refused, all] = self
                    .finding(Mechanism::RejectedAtCompletion)
                    .map_or([0, 0], |found| [found.failures, found.transfers]);
                format!("{} {}s whose body was through after expiry were refused then", of(refused, all), seen.noun)
            }
            Answer::CannotTell if self.outlived == 0 => "no link was outlived".to_owned(),
            Answer::CannotTell if self.judged == 0 => {
                format!("none of {} {outlived} could be timed", grouped(self.not_judged))
            }
            Answer::Yes | Answer::CannotTell | Answer::No if seen.hits > 0 => {
                format!("{} {outlived} {}", of(seen.hits, self.judged), seen.how)
            }
            _ => format!("{} {outlived} were cut", of(0, self.judged)),
        }
    }

    /// The answer as a verb, of one target or of several.
    fn does(&self, several: bool) -> String {
        let verb = |one: &str, many: &str| if several { many.to_owned() } else { one.to_owned() };
        match self.answer() {
            Answer::Yes => verb("cuts at expiry", "cut at expiry"),
            Answer::No if self.supports(Mechanism::RejectedAtCompletion) => {
                verb("refuses at the end", "refuse at the end")
            }
            Answer::No if self.seen.hits > 0 => verb("does not cut by a rule", "do not cut by a rule"),
            Answer::No => verb("lets uploads go on", "let uploads go on").replace("upload", self.seen.noun),
            Answer::CannotTell => "cannot tell".to_owned(),
            Answer::NotTestable => "not testable".to_owned(),
        }
    }
}

impl Ruling {
    /// The finding over all targets: of one its counts, of several which does what.
    pub(crate) fn finding(&self) -> String {
        let [first, more @ ..] = self.targets.as_slice() else { return "no transfer was made".to_owned() };
        if more.is_empty() {
            return match first.answer() {
                Answer::CannotTell | Answer::NotTestable => {
                    format!("{}: {}, {}", first.name, first.does(false), first.gist())
                }
                _ => format!("{} {}: {}", first.name, first.does(false), first.gist()),
            };
        }
        let common = self.common();
        let short = |target: &TargetRuling| target.name[common.len()..].to_owned();
        let mut deeds: Vec<(String, Vec<&TargetRuling>)> = Vec::new();
        for target in &self.targets {
            let does = target.does(true);
            match deeds.iter_mut().find(|(known, _)| *known == does) {
                Some((_, who)) => who.push(target),
                None => deeds.push((does, vec![target])),
            }
        }
        // What cuts comes first.
        deeds.sort_by_key(|(_, who)| who[0].answer() != Answer::Yes);
        let clause = |(does, who): &(String, Vec<&TargetRuling>)| {
            let (names, does) = match who.as_slice() {
                [one] => (short(one), one.does(false)),
                [one, other] => (format!("{} and {}", short(one), short(other)), does.clone()),
                [one, rest @ ..] => (format!("{} and {} others", short(one), rest.len()), does.clone()),
                [] => (String::new(), does.clone()),
            };
            match who.first().map(|one| one.answer()) {
                Some(Answer::CannotTell | Answer::NotTestable) => format!("{names}: {does}"),
                _ => format!("{names} {does}"),
            }
        };
        let clauses = deeds.iter().map(clause).collect::<Vec<_>>().join("; ");
        if common.is_empty() { clauses } else { format!("{}: {clauses}", common.trim_end_matches(", ")) }
    }
}

impl Ruling {
    /// How many transfers of each target's grid failed: what charts say that look at all failures alike.
    pub fn failures(&self) -> String {
        match self.targets.as_slice() {
            [one] => {
                let [failed, all] = one.grid_failed;
                format!("{} transfers of the grid failed", of(failed, all))
            }
            several if several.len() <= MOST_NAMED => {
                let common = self.common();
                let named = |target: &TargetRuling| {
                    let [failed, all] = target.grid_failed;
                    format!("{} {}", &target.name[common.len()..], of(failed, all))
                };
                let named = several.iter().map(named).collect::<Vec<_>>().join(", ");
                format!("transfers of the grid that failed: {named}")
            }
            _ => self.counts_line().trim_end_matches('.').to_owned(),
        }
    }

    /// `testbed, in-flight` and `testbed, on-request` share a word that need not be said twice; empty if there is none.
    fn common(&self) -> String {
        let first = self.targets.first().map_or("", |target| target.name.as_str());
        let common = first.split_once(", ").map(|(common, _)| format!("{common}, ")).unwrap_or_default();
        if self.targets.iter().all(|target| target.name.starts_with(&common)) { common } else { String::new() }
    }
}
