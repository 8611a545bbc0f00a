//! The runner from outside, over real sockets on loopback: small stories, each with a physical claim.

mod bad_input;
mod caps;
mod cleanup;
mod client;
mod connections;
mod doctor;
mod expect_continue;
mod front;
mod held_error;
mod policies;
mod program;
mod resume;
mod secrets;
mod server;
mod server_clock;
mod signing;
mod stuck;
mod sweeps;
