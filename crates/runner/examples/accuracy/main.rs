//! How exact the instrument is, on an idle machine and against the testbed: whether caps hold, and how long after it happened a
//! cut is recorded. Both write their tables into docs/bench.md.
//!
//! ```text
//! accuracy caps [--bin FOLDER] [--out FOLDER] [--quick]
//! accuracy cuts [--bin FOLDER] [--out FOLDER] [--blocks N] [--bandwidth RATE] [--size SIZE] [--write]
//! ```

// Said to the person who runs it by hand, not to a user.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod caps;
mod cuts;
mod page;
mod sweep;

use std::process::ExitCode;

use clap::Parser;

type Failure = Box<dyn std::error::Error>;

#[derive(Parser)]
#[command(name = "accuracy")]
enum Asked {
    /// Achieved over asked, and how fairly users share, for caps from 1 to 1000 Mbit/s
    Caps(caps::Asked),
    /// How long after it happened a cut is recorded
    Cuts(cuts::Asked),
}

fn main() -> Result<ExitCode, Failure> {
    match Asked::parse() {
        Asked::Caps(asked) => caps::measure(&asked),
        Asked::Cuts(asked) => cuts::measure(&asked),
    }
}
