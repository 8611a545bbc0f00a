//! The gate of a pipeline: what must hold of a report before it goes on.

use std::str::FromStr;

use ttlsweep_record::{Mechanism, UnknownWord, Verdict};

use crate::verdict::{Ruling, TargetRuling};

/// What the command line asks for.
#[derive(Debug, Clone, Default)]
pub struct Gate {
    /// What must not be.
    pub fail_on: Vec<Unwanted>,
    /// The verdict on `cut-at-expiry` that every target must have.
    pub require: Option<Verdict>,
}

/// What a gate does not let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unwanted {
    /// A mechanism that is supported at some target.
    Mechanism(Mechanism),
    /// A verdict on `cut-at-expiry` at some target.
    Verdict(Verdict),
}

impl Unwanted {
    /// As it is written on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mechanism(mechanism) => mechanism.as_str(),
            Self::Verdict(verdict) => verdict.as_str(),
        }
    }
}

impl FromStr for Unwanted {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let verdict = [Verdict::Invalid, Verdict::Inconclusive].into_iter().find(|verdict| verdict.as_str() == text);
        verdict.map_or_else(|| text.parse().map(Self::Mechanism), |verdict| Ok(Self::Verdict(verdict)))
    }
}

/// One demand, held against one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The option, as it was written.
    pub demand: String,
    /// The target's name.
    pub target: String,
    /// Why it is not met; `None` if it is.
    pub unmet: Option<String>,
}

impl Gate {
    /// Holds every demand against every target.
    pub fn check(&self, ruling: &Ruling) -> Vec<Checked> {
        let require = self.require.into_iter().map(Demand::Require);
        let demands: Vec<Demand> = self.fail_on.iter().copied().map(Demand::FailOn).chain(require).collect();
        let pairs = demands.iter().flat_map(|demand| ruling.targets.iter().map(move |target| (demand, target)));
        let checked = pairs.map(|(demand, target)| Checked {
            demand: demand.words(),
            target: target.name.clone(),
            unmet: demand.unmet_at(target),
        });
        let checked: Vec<Checked> = checked.collect();
        if !checked.is_empty() || demands.is_empty() {
            return checked;
        }
        // Where nothing was transferred, nothing that is required was shown.
        let nothing = |demand: &Demand| Checked {
            demand: demand.words(),
            target: "no target".to_owned(),
            unmet: demand.needs_a_target().then(|| "no transfer was made".to_owned()),
        };
        demands.iter().map(nothing).collect()
    }
}

/// Whether all is met, and why not, in a line: the last one that is printed.
pub fn last_line(checked: &[Checked]) -> Option<String> {
    let unmet: Vec<&Checked> = checked.iter().filter(|one| one.unmet.is_some()).collect();
    let (first, rest) = match unmet.as_slice() {
        [] if checked.is_empty() => return None,
        [] => {
            let mut demands: Vec<&str> = checked.iter().map(|one| one.demand.as_str()).collect();
            demands.dedup();
            return Some(format!("gate met: {}", demands.join(", ")));
        }
        [first, rest @ ..] => (first, rest.len()),
    };
    let more = if rest > 0 { format!(" (and {rest} more)") } else { String::new() };
    Some(format!(
        "gate NOT met: {}: {}: {}{more}",
        first.demand,
        first.target,
        first.unmet.as_deref().unwrap_or_default()
    ))
}

#[derive(Debug, Clone, Copy)]
enum Demand {
    FailOn(Unwanted),
    Require(Verdict),
}

impl Demand {
    fn words(&self) -> String {
        match self {
            Self::FailOn(unwanted) => format!("--fail-on {}", unwanted.as_str()),
            Self::Require(verdict) => format!("--require {verdict}"),
        }
    }

    const fn needs_a_target(self) -> bool {
        matches!(self, Self::Require(_) | Self::FailOn(Unwanted::Verdict(Verdict::Inconclusive)))
    }

    fn unmet_at(&self, target: &TargetRuling) -> Option<String> {
        let is_met = match self {
            Self::FailOn(Unwanted::Verdict(verdict)) => target.overall != *verdict,
            Self::Require(verdict) => target.overall == *verdict,
            Self::FailOn(Unwanted::Mechanism(mechanism)) => {
                let found = target.mechanisms.iter().find(|found| found.mechanism == *mechanism);
                return found
                    .filter(|found| found.verdict == Verdict::Supported)
                    .map(|found| format!("{mechanism} is supported: {}", found.brief));
            }
        };
        (!is_met).then(|| target.take_away().line())
    }
}
