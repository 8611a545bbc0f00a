//! Links that somebody else has made: a command, an HTTP API or a file gives them, and they are used as they are.
//!
//! [`minter`] is the way in: it asks for a link and makes a request of what it is given. `command`, `api` and `file` are the three
//! ways to ask, and `answer` reads what came.

mod answer;
mod api;
mod command;
mod file;
#[cfg(test)]
mod fuzz;
pub(crate) mod minter;
pub(crate) mod unanswered;
