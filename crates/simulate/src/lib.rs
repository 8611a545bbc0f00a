//! Runs that never took place: what the runner would write in worlds whose truth is known. Nothing here knows a rule of the
//! verdict, so that the verdict can be held against the truth.
//!
//! A [`world`] is a server and the way to it, and [`catalogue`] has those that the verdict is judged in. [`plan`] is the experiment
//! that is run there, and [`chance`] every draw. [`run`] simulates it: `server` ends each transfer, `client` makes the row.

pub mod catalogue;
pub mod chance;
mod client;
pub mod plan;
pub mod run;
mod server;
pub mod world;
