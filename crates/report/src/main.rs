//! `ttlsweep-report`: data to stdout and files, words to stderr.

use std::env;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process;

use clap::{CommandFactory, Parser};
use ttlsweep_console::exit::{ExitCode, end_with, fail, finish};
use ttlsweep_console::{pages, room, say};
use ttlsweep_report::case::{CaseArgs, KnownSecrets, Redaction, bundle};
use ttlsweep_report::cli::{Args, Command, explained};
use ttlsweep_report::forecast;
use ttlsweep_report::gate::{Checked, last_line};
use ttlsweep_report::interim;
use ttlsweep_report::join::{self, JoinArgs, Joined};
use ttlsweep_report::report::{Report, report, report_with_ghosts};
use ttlsweep_report::terminal;
use ttlsweep_report::ttl;
use ttlsweep_report::verify;
use ttlsweep_rundir::disk;

fn main() -> process::ExitCode {
    finish(answer())
}

fn answer() -> process::ExitCode {
    if let Some(code) = pages::answer(Args::command(), env::args_os().skip(1)) {
        return code;
    }
    let args = Args::try_parse().unwrap_or_else(|error| end_with(&explained(error)));
    let draws = matches!(args.command, None | Some(Command::Case(_) | Command::Forecast(_)));
    // What reads the rows has two pools of threads; a forecast has one, and a thread for signals.
    if draws && let Err(error) = room::for_a_start(LEAST_DESCRIPTORS, 2 * room::processors() + 1) {
        return fail(ExitCode::Internal, error);
    }
    match &args.command {
        Some(Command::Case(case)) => return make_case(case),
        Some(Command::Verify(args)) => {
            return match verify::run(args, &mut say::Stdout) {
                Ok(true) => ExitCode::Done.into(),
                Ok(false) => ExitCode::Gate.into(),
                Err(error) => fail(error.exit_code(), error),
            };
        }
        Some(Command::Join(args)) => return join_logs(args),
        Some(Command::Interim(args)) => {
            return match interim::run(args, &mut say::Stdout) {
                Ok(true) => ExitCode::Done.into(),
                Ok(false) => ExitCode::Undecided.into(),
                Err(error) => fail(error.exit_code(), error),
            };
        }
        Some(Command::Ttl(args)) => {
            return match ttl::run(args, &mut say::Stdout) {
                Ok(()) => ExitCode::Done.into(),
                Err(error) => fail(error.exit_code(), error),
            };
        }
        Some(Command::Forecast(args)) => {
            return match forecast::run(args, &mut say::Stdout) {
                Ok(()) => ExitCode::Done.into(),
                Err(error) => fail(error.exit_code(), error),
            };
        }
        None => {}
    }
    let make = if args.ghosts { report_with_ghosts } else { report };
    match make(&args.runs, args.out.as_deref()) {
        Ok(done) => {
            let checked = args.gate().check(&done.verdict);
            match show(&args, &done, &checked) {
                Err(error) => fail(ExitCode::Internal, format_args!("stdout cannot be written: {error}")),
                Ok(()) => conclude(&checked),
            }
        }
        Err(error) => fail(error.exit_code(), error),
    }
}

fn join_logs(args: &JoinArgs) -> process::ExitCode {
    match join::run(args, &mut say::Stdout, &mut |joined: &Joined| {
        for file in &joined.passed_over {
            say!("note: {} is not a log that is known here, and was passed over", file.display());
        }
        for line in &joined.bad {
            say!("warning: {line}");
        }
        let more = joined.bad_lines - joined.bad.len() as u64;
        if more > 0 {
            say!("warning: and {more} more");
        }
    }) {
        Ok(()) => ExitCode::Done.into(),
        Err(error) => fail(error.exit_code(), error),
    }
}

fn make_case(args: &CaseArgs) -> process::ExitCode {
    let redaction = args.redaction();
    match bundle(&args.run, args.out.as_deref(), redaction, &known_secrets()) {
        Ok(bundle) => {
            for line in &bundle.redacted {
                say!("note: {line}");
            }
            for line in kept(redaction) {
                say!("note: {line}");
            }
            if !bundle.to_read.is_empty() {
                say!(
                    "note: read these {} values before you send it; other names may be in them:",
                    bundle.to_read.len()
                );
                bundle.to_read.iter().take(MOST_TO_READ).for_each(|text| say!("  {text}"));
                if bundle.to_read.len() > MOST_TO_READ {
                    let more = bundle.to_read.len() - MOST_TO_READ;
                    say!("  and {more} more in the columns of transfers.csv that servers fill");
                }
            }
            say::path(&bundle.folder);
            say::path(&bundle.archive);
            ExitCode::Done.into()
        }
        Err(error) => fail(error.exit_code(), error),
    }
}

/// What the bundle still says of its maker, and how to have it replaced.
fn kept(redaction: Redaction) -> impl Iterator<Item = &'static str> {
    [
        (redaction.bucket, "the bucket's name is in the bundle; --redact-bucket replaces it"),
        (redaction.account, "account ids, if any, are in the bundle; --redact-account replaces them"),
        (redaction.host, "this machine's name and addresses are in the bundle; --redact-host replaces them"),
    ]
    .into_iter()
    .filter_map(|(replaced, note)| (!replaced).then_some(note))
}

/// The secrets of the environment and of AWS's two files of profiles, which may stand in no bundle.
fn known_secrets() -> KnownSecrets {
    let variable = |name: &str| Some(env::var_os(name)?.to_string_lossy().into_owned());
    let mut known = KnownSecrets::of_environment(variable);
    for (named, usual) in [("AWS_SHARED_CREDENTIALS_FILE", "credentials"), ("AWS_CONFIG_FILE", "config")] {
        let usual = || Some(env::home_dir()?.join(".aws").join(usual));
        let Some(file) = env::var_os(named).map(PathBuf::from).or_else(usual) else { continue };
        let mut bytes = Vec::new();
        // Without such a file there are no such secrets.
        if disk::open_named(&file).and_then(|mut file| file.read_to_end(&mut bytes)).is_ok() {
            // A comment in it may be in whatever character set.
            known.add_profiles(&file.display().to_string(), &String::from_utf8_lossy(&bytes));
        }
    }
    known
}

/// The last line says why the gate is closed, where one was asked for.
fn conclude(checked: &[Checked]) -> process::ExitCode {
    if let Some(line) = last_line(checked) {
        say!("{line}");
    }
    if checked.iter().any(|one| one.unmet.is_some()) { ExitCode::Gate.into() } else { ExitCode::Done.into() }
}

fn show(args: &Args, report: &Report, checked: &[Checked]) -> io::Result<()> {
    for warning in &report.runs.warnings {
        say!("warning: {warning}");
    }
    let mut out = say::Stdout;
    let filled = |text: &str| terminal::with_folders(text, report, &args.runs);
    if let Some(text) = args.format.render(&report.verdict, checked, filled)? {
        out.write_all(text.as_bytes())?;
        return out.flush();
    }
    write!(out, "{}", terminal::text(report, &args.runs, terminal_size()))?;
    out.flush()
}

/// Columns and lines. A file or a pipe takes any number of both.
fn terminal_size() -> (usize, usize) {
    match terminal_size::terminal_size() {
        Some((width, height)) if say::is_terminal() => (usize::from(width.0), usize::from(height.0)),
        _ => (usize::MAX, usize::MAX),
    }
}

/// What these pools and the files take that are open at once.
const LEAST_DESCRIPTORS: usize = 12;

/// What a terminal shows of the texts that are to be read.
const MOST_TO_READ: usize = 30;
