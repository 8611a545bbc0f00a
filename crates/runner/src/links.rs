//! Links that somebody else has made: a command, an HTTP API or a file gives them, and they are used as they are.
//!
//! [`minter`] is the way in: it asks for a link and makes a request of what it is given. `command`, `api` and `file` are the three
//! ways to ask, `answer` reads what came, and `expiry` when such a link expires, whosever it is.

mod answer;
mod api;
mod command;
pub(crate) mod expiry;
mod file;
pub(crate) mod minter;
pub(crate) mod source;
pub(crate) mod unanswered;
