//! The program `ttlsweep`.

mod foreign;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use tracing::Level;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{EnvFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use ttlsweep_console::exit::{fail, finish};
use ttlsweep_console::{room, say};
use ttlsweep_runner::cli::siblings::Sibling;
use ttlsweep_runner::cli::{Cli, Command, ResumeArgs, RunArgs};
use ttlsweep_runner::cmd::exit::{Failure, descriptor_advice};
use ttlsweep_runner::{Mode, cmd, keep_memory_private, redacted};

fn main() -> ExitCode {
    finish(answer())
}

fn answer() -> ExitCode {
    keep_memory_private();
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    if let Some((sibling, arguments)) = Sibling::asked_for(&arguments) {
        let Failure { code, text } = cmd::sibling::become_it(&sibling, &arguments);
        return fail(code, text);
    }
    let cli = Cli::read();
    let is_json = matches!(
        &cli.command,
        Command::Run(RunArgs { progress: Mode::Json, .. }) | Command::Resume(ResumeArgs { progress: Mode::Json, .. })
    );
    if is_json {
        say::in_json();
    }
    // The testbed's S3 library logs every refusal as an error; here refusals are what is looked for.
    // That no credentials were found is said by ours.
    let filter = EnvFilter::try_from_env("TTLSWEEP_LOG").unwrap_or_else(|_| {
        EnvFilter::new("warn,s3s=off,aws_config::meta::credentials=off,aws_config::profile::credentials=off")
    });
    let ours = tracing_subscriber::fmt::layer()
        .with_writer(|| Redacting)
        .with_ansi(io::stderr().is_terminal() && !is_json)
        .without_time()
        .with_target(false)
        .with_filter(filter_fn(|event| event.target().starts_with("ttlsweep")));
    let others = tracing_subscriber::fmt::layer()
        .with_writer(|| Redacting)
        .event_format(foreign::Warning)
        // Whatever level is asked for: others' crates print requests, and with them signatures.
        .with_filter(filter_fn(|event| !event.target().starts_with("ttlsweep") && *event.level() <= Level::WARN));
    tracing_subscriber::registry().with(filter).with(ours).with(others).init();
    std::panic::set_hook(Box::new(|panic| {
        // A panic's text may be made of anything.
        let backtrace = Backtrace::capture();
        let traced =
            if backtrace.status() == BacktraceStatus::Captured { backtrace.to_string() } else { String::new() };
        say!("{}\n{traced}", redacted(&panic.to_string()));
    }));
    if let Err(error) = room::for_a_start(LEAST_DESCRIPTORS, room::processors() + LEAST_THREADS) {
        return fail(cmd::exit::ExitCode::Internal, error);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let words = format!("the runtime cannot be started: {error}{}", descriptor_advice());
            return fail(cmd::exit::ExitCode::Internal, words);
        }
    };
    let ended = runtime.block_on(async {
        match &cli.command {
            Command::Run(args) => cmd::run::run(args).await,
            Command::Resume(args) => cmd::resume::resume(args).await,
            Command::Doctor(args) => cmd::doctor::doctor(args).await,
            Command::Clean(args) => cmd::clean::clean(args).await,
            Command::Trace(args) => cmd::trace::trace(args).await,
            Command::Merge(args) => cmd::merge::merge(args).await,
            Command::Logs(args) => cmd::logs::logs(args).await,
            Command::Explain(args) => cmd::explain::explain(args),
            Command::Completions(args) => cmd::pages::completions(args),
            Command::Man(args) => cmd::pages::man(args),
        }
    });
    // Look-ups that still hang must not hold up the end.
    runtime.shutdown_background();
    match ended {
        Ok(code) => code.into(),
        Err(Failure { code, text }) => fail(code, redacted(&text)),
    }
}

/// What the runtime, its signals and a first connection take.
const LEAST_DESCRIPTORS: usize = 16;

/// What the embedded testbed, look-ups, files and this program's words take beside the runtime's own.
const LEAST_THREADS: usize = 6;

/// Takes secrets out of each line; the subscriber writes a line at a time. It never fails: the subscriber would print that it
/// did, to the same stderr.
struct Redacting;

impl Write for Redacting {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        say::Stderr.write_all(redacted(&String::from_utf8_lossy(line)).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
