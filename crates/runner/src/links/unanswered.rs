//! What comes in place of a link, and how long an answer may be.

/// Why a minter gave no link, in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// It may work later.
    #[error("{0}")]
    Unreachable(String),
    /// No retry mends it.
    #[error("{0}")]
    Wrong(String),
}

/// The longest answer, and the longest line of a file: four times what a server takes as a request's head.
pub(super) const MOST_BYTES: usize = 64 << 10;
