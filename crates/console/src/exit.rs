//! How every program ends, and how it says that something is wrong.

use std::fmt;
use std::io::{self, IsTerminal};
use std::process;

use crate::say;

/// How a process ends: the same numbers in every program and command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitCode {
    /// All done; failed transfers are data.
    Done = 0,
    /// An internal error, or a file that cannot be written.
    Internal = 1,
    /// The command line, the experiment or a folder is wrong; no retry will mend it.
    Usage = 2,
    /// A gate that was asked for is not met.
    Gate = 3,
    /// Not every target of a run is decided yet, so that it goes on.
    Undecided = 4,
    /// The target cannot be reached now, or a portion of a run was stopped: start the same command again.
    TryAgain = 75,
    /// Stopped by the user; everything is flushed, and the run can be resumed.
    Interrupted = 130,
}

/// The last lines of every `--help`.
pub const CODES: &str = "\
Exit codes:
    0  done; failed transfers are data
    1  an internal error, or a file that cannot be written
    2  the command line, the experiment, the credentials or a folder is wrong: no retry helps
    3  a gate that you asked for is not met
    4  not every target of the run is decided yet (`ttlsweep-report interim`)
   75  try again later: the target cannot be reached or cannot serve now
  130  stopped by you; every row is on the disk, and the run can be resumed";

impl ExitCode {
    /// All of them.
    pub const ALL: &[Self] =
        &[Self::Done, Self::Internal, Self::Usage, Self::Gate, Self::Undecided, Self::TryAgain, Self::Interrupted];
}

impl From<ExitCode> for process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}

/// Says what is wrong, as every program does.
pub fn fail(code: ExitCode, error: impl fmt::Display) -> process::ExitCode {
    say!("error: {error}");
    code.into()
}

/// Gives a slow reader time to read what is still to be written, before the process ends with `code`, or as interrupted if a
/// signal ended its wait for a reader of data.
pub fn finish(code: process::ExitCode) -> process::ExitCode {
    if say::finish() { ExitCode::Interrupted.into() } else { code }
}

/// Ends the process for a command line that asks for help or cannot be understood. What somebody typed is shown in it.
pub fn end_with(error: &clap::Error) -> ! {
    let text = error.render();
    match (error.use_stderr(), io::stderr().is_terminal()) {
        (true, true) => say!("{}", text.ansi().to_string().trim_end()),
        (true, false) => say!("{}", text.to_string().trim_end()),
        // Help is our own text.
        (false, _) => drop(error.print()),
    }
    say::finish();
    process::exit(error.exit_code())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_and_the_document_have_every_code_and_no_other() {
        let codes: Vec<u8> = ExitCode::ALL.iter().map(|code| *code as u8).collect();
        let helped = CODES.lines().skip(1).map(|line| line.split_whitespace().next().unwrap().parse().unwrap());
        assert_eq!(helped.collect::<Vec<u8>>(), codes);
        let document = include_str!("../../../docs/exit-codes.md");
        let rows = document.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next()?.parse().ok());
        assert_eq!(rows.collect::<Vec<u8>>(), codes);
    }
}
