//! The testbed from outside, over real sockets: small stories, each with a physical claim.

// Said to the person who runs it by hand, not to a user.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod client;
mod demands;
mod dialects;
mod early_close;
mod expiry;
mod faults;
mod forms;
mod lag;
mod operations;
mod pages;
mod program;
mod signatures;
mod strangers;

#[path = "../../../record/tests/common/programs.rs"]
mod programs;
