//! The runner from outside, over real sockets on loopback: small stories, each with a physical claim.

// Said to the person who runs it by hand, not to a user.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod addresses;
mod bad_input;
mod bounds;
mod caps;
mod cleanup;
mod client;
mod clocks;
mod connections;
mod decided;
mod disk;
mod doctor;
mod edits;
mod expect_continue;
mod experiment;
mod explain;
mod front;
mod fuzz;
mod gateway;
mod held_error;
mod hostile;
mod hostile_sweep;
mod join;
mod links;
mod log_service;
mod merge;
mod names;
mod object;
mod path;
mod policies;
mod program;
mod proxies;
mod repair;
mod reported;
mod resume;
mod secrets;
mod server;
mod server_clock;
mod shards;
mod signing;
mod spread;
mod streams;
mod stuck;
mod sweeps;
mod terminal;
mod upload;
mod vendors;
mod verify;

#[path = "../../../record/tests/common/inert.rs"]
mod inert;

#[path = "../../../record/tests/common/mutate.rs"]
mod mutate;

#[path = "../../../record/tests/common/notations.rs"]
mod notations;

#[path = "../../../record/tests/common/programs.rs"]
mod programs;
