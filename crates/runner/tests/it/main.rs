//! The runner from outside, over real sockets on loopback: small stories, each with a physical claim.

mod client;
mod connections;
mod expect_continue;
mod held_error;
mod caps;
mod policies;
mod server;
mod signing;
mod stuck;
