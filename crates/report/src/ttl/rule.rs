use ttlsweep_record::{Mechanism, Verdict};

use crate::verdict::{Enforces, TargetAnswer, TargetRuling};

/// When a store looks at a link's date, as far as its verdict says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// When the head arrives.
    Head,
    /// All the time: it cuts.
    Cut,
    /// Again when the body is through.
    Completion,
    /// Never.
    Never,
    /// The run cannot tell.
    Unknown,
}

impl Rule {
    /// The rule that the verdict on a target shows.
    pub(crate) fn of(target: &TargetRuling) -> Self {
        let supports = |mechanism: Mechanism| {
            target.mechanisms.iter().any(|found| found.mechanism == mechanism && found.verdict == Verdict::Supported)
        };
        match target.answer() {
            TargetAnswer::Yes => Self::Cut,
            TargetAnswer::NotTestable if target.enforcement.enforces == Enforces::No => Self::Never,
            _ if supports(Mechanism::RejectedAtCompletion) => Self::Completion,
            TargetAnswer::No if target.enforcement.enforces == Enforces::Yes => Self::Head,
            _ => Self::Unknown,
        }
    }

    /// The word in JSON.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Cut => "cut",
            Self::Completion => "completion",
            Self::Never => "never",
            Self::Unknown => "unknown",
        }
    }

    /// What the target does, to follow its name.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Head => "checks at the head",
            Self::Cut => "cuts at expiry, so the end counts",
            Self::Completion => "checks again at the end",
            Self::Never => "enforces nothing, so no TTL is too short",
            Self::Unknown => "is not known to check at the head alone, so the end counts",
        }
    }

    /// Whether the head alone counts; `None` if nothing does.
    pub(crate) const fn is_at_head(self) -> Option<bool> {
        match self {
            Self::Head => Some(true),
            Self::Cut | Self::Completion | Self::Unknown => Some(false),
            Self::Never => None,
        }
    }
}
