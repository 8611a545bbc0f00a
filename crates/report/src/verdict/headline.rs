//! The answer in one line, and for each target what to do next.

use ttlsweep_record::{Mechanism, Verdict};

use super::decide::{Ruling, TargetRuling};
use super::finding::Finding;
use super::prose::count;
use crate::verdict::cause::enforcement::{Enforces, most_apart_us};

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

    /// What to do next, in a sentence.
    pub fn next(&self) -> String {
        let supported = |mechanism: &Mechanism| {
            self.mechanisms.iter().any(|found| found.mechanism == *mechanism && found.verdict == Verdict::Supported)
        };
        let advice = Mechanism::ALL.iter().filter(|mechanism| supported(mechanism)).map(|one| advice(*one));
        let advice: Vec<&str> = advice.collect();
        if !advice.is_empty() && self.overall != Verdict::Invalid {
            return advice.join(" ");
        }
        match self.answer() {
            Answer::NotTestable if self.enforcement.all_links_refused => {
                "Find out why links are refused that live: `ttlsweep doctor` tries a living one.".to_owned()
            }
            Answer::NotTestable => {
                "Ask a target that enforces expiry: nothing can be learned of it from one that does not.".to_owned()
            }
            Answer::CannotTell => self.what_it_takes(),
            _ if self.no_mechanism.is_empty() => "Nothing: no failure needs an explanation.".to_owned(),
            _ => "Look at the failures without a mechanism: what was answered is in transfers.csv.".to_owned(),
        }
    }
}

impl TargetRuling {
    /// What it would take to tell.
    fn what_it_takes(&self) -> String {
        let is_off = self.clock_offset.is_some_and(|offset| most_apart_us(offset) >= CLOCK_OFF_US);
        if self.enforcement.enforces == Enforces::Unknown && self.enforcement.starts.in_time > 0 && is_off {
            return "Set this machine's clock, or the server's: they are too far apart to tell what came after expiry."
                .to_owned();
        }
        let brief = self.mechanisms.first().map_or("", |found| found.brief.as_str());
        let last = brief.rsplit("; ").next().unwrap_or_default();
        // Why it is unknown whether expiry is enforced stands in the headline.
        let last = if self.enforcement.enforces == Enforces::Unknown {
            last.rsplit_once(": ").map_or(last, |(_, needed)| needed)
        } else {
            last
        };
        let mut letters = last.chars();
        match letters.next() {
            Some(first) => format!("{}{}.", first.to_uppercase(), letters.as_str()),
            None => "Run more blocks.".to_owned(),
        }
    }
}

const fn advice(mechanism: Mechanism) -> &'static str {
    match mechanism {
        Mechanism::CutAtExpiry => {
            "Make links that outlive their transfers, and ask the store's operator with the bundle of `ttlsweep-report case`."
        }
        Mechanism::RejectedAtCompletion => {
            "Make links that outlive their transfers, and look for what holds requests back."
        }
        Mechanism::LateStart => "Make links later or longer: these requests began after expiry.",
        Mechanism::IdleTimeout => "Find out why transfers stand still: the server gives up on them.",
        Mechanism::Throttled => "Ask for less at once: the store asks to slow down.",
        Mechanism::Redirected => "Ask the endpoint that the answers name.",
        Mechanism::CredentialsExpired => "Sign with credentials that outlive the run.",
        Mechanism::ClockSkew => "Set the clocks: link and server disagree about the time.",
        Mechanism::StaleConnection => "Keep connections for a shorter time than the server does.",
        Mechanism::Network => "Look at the path between here and the server.",
        Mechanism::Client => "Run it on a machine with enough descriptors, memory and a working resolver.",
        Mechanism::RefusedAlive => {
            "Ask the owner of the bucket for its policies on links and their age (s3:signatureAge, s3:authType), and when the \
             session ended that signed them."
        }
        Mechanism::Gateway => "Ask the operator of what stands before the store for its limits and its log.",
        Mechanism::ServerError => "Ask the store's operator with the request ids in transfers.csv.",
    }
}

impl Ruling {
    /// What to do next, a line a target.
    pub fn next_lines(&self) -> Vec<String> {
        let alone = self.targets.len() == 1;
        let line = |target: &TargetRuling| {
            if alone { format!("next: {}", target.next()) } else { format!("next, {}: {}", target.name, target.next()) }
        };
        self.targets.iter().map(line).collect()
    }
}

/// The headline of the report.
pub(super) fn headline(mechanisms: &[Finding], targets: &[TargetRuling]) -> String {
    let cut = &mechanisms[0];
    let answer = match cut.verdict {
        Verdict::Supported => "Transfers in flight are cut when their link expires",
        Verdict::NotSupported => "No sign that transfers in flight are cut when their link expires",
        Verdict::Inconclusive => "It cannot be told whether transfers in flight are cut when their link expires",
        Verdict::Invalid => "INVALID: the target enforces no expiry, so that no failure there can come from it",
    };
    let mut line = format!("{answer}: {}.", cut.brief);
    let others = targets.iter().filter(|target| target.overall != cut.verdict).count();
    if others > 0 {
        line = format!("{line} {} of {} targets differ.", others, targets.len());
    }
    let also: Vec<String> =
        mechanisms[1..].iter().filter(|found| found.verdict == Verdict::Supported).map(named).collect();
    if !also.is_empty() {
        line = format!("{line} Supported: {}.", also.join(", "));
    }
    // Failures that nothing explains are named by what was answered; nobody can act on a number.
    let unnamed: Vec<&TargetRuling> = targets.iter().filter(|target| !target.no_mechanism.is_empty()).collect();
    if let Some(target) = unnamed.first() {
        let there = if targets.len() > 1 { format!(" at {}", target.name) } else { String::new() };
        let more = if unnamed.len() > 1 {
            format!("; and of more at {}", count(unnamed.len() as u64 - 1, "other target"))
        } else {
            String::new()
        };
        line = format!("{line} Without a mechanism{there}: {}{more}.", target.no_mechanism_in_short());
    }
    line
}

fn named(found: &Finding) -> String {
    match &found.gist {
        Some(gist) => format!("{} ({gist})", found.mechanism),
        None => found.mechanism.to_string(),
    }
}

/// Clocks this far apart make expired starts that are none.
const CLOCK_OFF_US: u64 = 2_000_000;
