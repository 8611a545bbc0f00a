//! The testbed from outside, over real sockets: small stories, each with a physical claim.

mod client;
mod demands;
mod early_close;
mod expiry;
mod faults;
mod forms;
mod operations;
mod pages;
mod program;
mod signatures;
