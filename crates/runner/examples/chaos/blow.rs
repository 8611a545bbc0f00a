//! What a kill is done by.

use std::fmt;

use rustix::process::Signal;

/// What a kill is done by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Blow {
    Kill,
    Terminate,
    HangUp,
    Interrupt,
    /// SIGKILL, and then files lose their tails.
    Power,
}

impl Blow {
    pub(crate) const ALL: [Self; 5] = [Self::Kill, Self::Terminate, Self::HangUp, Self::Interrupt, Self::Power];

    pub(crate) const fn signal(self) -> Signal {
        match self {
            Self::Kill | Self::Power => Signal::KILL,
            Self::Terminate => Signal::TERM,
            Self::HangUp => Signal::HUP,
            Self::Interrupt => Signal::INT,
        }
    }
}

impl fmt::Display for Blow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Kill => "SIGKILL",
            Self::Terminate => "SIGTERM",
            Self::HangUp => "SIGHUP",
            Self::Interrupt => "SIGINT",
            Self::Power => "power",
        })
    }
}
