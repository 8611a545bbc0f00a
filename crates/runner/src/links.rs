//! Links that somebody else has made: a command, an HTTP API or a file gives them, and they are used as they are.
//!
//! - `expiry` reads when such a link expires, whosever it is.

pub(crate) mod expiry;
