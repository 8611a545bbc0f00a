//! From a question to rows: the experiment file, the plan, the trials, the traced transfers, the CSV.
//!
//! Start with [`cmd`], where each command reads as a list of steps. The data goes one way:
//!
//! - `experiment` reads the TOML file into validated [cells](ttlsweep_record::Cell); `plan` orders their trials and
//!   estimates what that will take. Neither touches the network.
//! - `target` opens the endpoints that the cells name: `s3` signs and asks (the AWS SDK), and the testbed is started
//!   if a cell wants it, behind a slow line if it wants that (`cmd::behind`). `links` asks others for links, where they make them, and
//!   `expiry` reads from any link when it expires.
//! - `run` runs the plan's trials with all their users and writes the rows as they happen; `transfer` is one request.
//! - `dial` opens a connection through the layers of `wire`, which note what passes and judge nothing.
//!   `transfer::judge` says what happened, from those notes.
//! - `host` measures the machine meanwhile; `trace` shows one transfer to a reader; `doctor` asks before a run.
//!
//! Clock (`clock`), randomness (the plan's seed) and network (the streams of `wire`) are passed in.

pub mod cli;
mod clock;
pub mod cmd;
mod dial;
mod doctor;
mod experiment;
mod expiry;
mod host;
mod links;
mod lock;
mod plan;
mod portion;
mod run;
mod s3;
mod secret;
mod stop;
mod target;
#[doc(hidden)]
#[allow(missing_docs, reason = "the names stand where they are defined, with their documents")]
pub mod testing;
mod trace;
mod transfer;
mod upload;
mod wire;

#[cfg(test)]
mod fuzz;

pub use host::machine::keep_memory_private;
pub use run::progress::Mode;
pub use secret::redacted;
