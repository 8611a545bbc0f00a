//! `ttlsweep-report`: data to stdout and files, words to stderr.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;
use ttlsweep_report::cli::Args;
use ttlsweep_report::enforcement::headline;
use ttlsweep_report::report::{Report, report};
use ttlsweep_report::table::{left_out_lines, table};

fn main() -> ExitCode {
    let args = Args::parse();
    match report(&args.runs, args.out.as_deref()) {
        Ok(done) => match show(&done) {
            Ok(()) => asked_for(&args, &done),
            // Whoever reads our output may stop reading early, `head` for one; the files are written.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => asked_for(&args, &done),
            Err(error) => fail(&error, 1),
        },
        Err(error) => fail(&error, error.exit_code()),
    }
}

/// 3 where a mechanism that the command line names is supported.
fn asked_for(args: &Args, report: &Report) -> ExitCode {
    let supported = args.fail_on.iter().any(|mechanism| report.verdict.supports(*mechanism));
    if supported { ExitCode::from(3) } else { ExitCode::SUCCESS }
}

fn show(report: &Report) -> io::Result<()> {
    for warning in &report.runs.warnings {
        eprintln!("warning: {warning}");
    }
    let mut out = io::stdout().lock();
    writeln!(out, "{}", report.verdict.headline)?;
    writeln!(out, "{}", headline(&report.enforcement))?;
    for line in report.verdict.delta_lines() {
        writeln!(out, "{line}")?;
    }
    writeln!(out, "{}", table(&report.cells, &report.axes, terminal_width()))?;
    for line in left_out_lines(&report.runs, &report.cells) {
        writeln!(out, "{line}")?;
    }
    for path in &report.written {
        writeln!(out, "{}", path.display())?;
    }
    out.flush()
}

/// A file or a pipe takes lines of any length.
fn terminal_width() -> usize {
    match terminal_size::terminal_size() {
        Some((width, _)) if io::stdout().is_terminal() => usize::from(width.0),
        _ => usize::MAX,
    }
}

fn fail(error: &dyn std::fmt::Display, code: u8) -> ExitCode {
    eprintln!("ttlsweep-report: {error}");
    ExitCode::from(code)
}
