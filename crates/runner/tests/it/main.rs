//! The runner from outside, over real sockets on loopback: small stories, each with a physical claim.

mod bad_input;
mod caps;
mod client;
mod connections;
mod expect_continue;
mod held_error;
mod policies;
mod program;
mod resume;
mod server;
mod signing;
mod stuck;
mod sweeps;
