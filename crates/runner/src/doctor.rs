//! Whether machine, credentials and target are fit for an experiment: findings, each with what to do.
//!
//! [`machine`] and [`rate`] look at this side, [`credentials`], [`bucket`], [`clock`] and [`enforcement`] at the other one;
//! [`lifecycle`] is advice. Of links that somebody else makes, [`links`] asks for one and uses it. All that is sent is small, below a prefix of its own, and deleted again.

pub(crate) mod bucket;
pub(crate) mod clock;
pub(crate) mod credentials;
pub(crate) mod enforcement;
pub(crate) mod lifecycle;
pub(crate) mod links;
pub(crate) mod machine;
pub(crate) mod rate;
mod sink;

use std::fmt;

use serde::Serialize;
use ttlsweep_record::text::ServerText;

/// One thing that was looked at. What was found, and the advice, may quote a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// How it stands.
    pub level: Level,
    /// What was looked at.
    pub subject: String,
    /// What was found.
    pub found: ServerText,
    /// What to do about it.
    pub advice: Option<ServerText>,
}

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Level {
    /// Fit.
    Ok,
    /// The run may go on, and its results may suffer.
    Warning,
    /// The run would be worth nothing, or not begin.
    Error,
    /// Nobody answered; it may work later.
    Unreachable,
}

impl Finding {
    /// Something that is fit.
    pub(crate) fn ok(subject: impl Into<String>, found: impl Into<ServerText>) -> Self {
        Self { level: Level::Ok, subject: subject.into(), found: found.into(), advice: None }
    }

    /// Something that is not, and what to do.
    pub(crate) fn new(
        level: Level,
        subject: impl Into<String>,
        found: impl Into<ServerText>,
        advice: impl Into<ServerText>,
    ) -> Self {
        Self { level, subject: subject.into(), found: found.into(), advice: Some(advice.into()) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Ok => "ok",
            Level::Warning => "warning",
            Level::Error => "error",
            Level::Unreachable => "no answer",
        };
        write!(f, "{level:<9}  {:<12}  {}", self.subject, self.found)?;
        match &self.advice {
            Some(advice) => write!(f, ": {advice}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line_that_says_what_to_do() {
        let finding = Finding::new(Level::Warning, "clock", "3 s behind", "set it");
        assert_eq!(finding.to_string(), "warning    clock         3 s behind: set it");
        assert_eq!(Finding::ok("clock", "right").to_string(), "ok         clock         right");
    }
}
