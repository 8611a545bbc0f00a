//! The program `ttlsweep`.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;
use ttlsweep_runner::cli::{Cli, Command};
use ttlsweep_runner::cmd;
use ttlsweep_runner::exit::Failure;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // The testbed's S3 library logs every refusal as an error; here refusals are what is looked for.
    let filter = EnvFilter::try_from_env("TTLSWEEP_LOG").unwrap_or_else(|_| EnvFilter::new("warn,s3s=off"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .without_time()
        .with_target(false)
        .init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("the runtime cannot be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(async {
        match &cli.command {
            Command::Run(args) => cmd::run::run(args).await,
            Command::Resume(args) => cmd::resume::resume(args).await,
            Command::Trace(args) => cmd::trace::trace(args).await,
        }
    });
    // Look-ups that still hang must not hold up the end.
    runtime.shutdown_background();
    match ended {
        Ok(code) => code.into(),
        Err(Failure { code, report }) => {
            eprintln!("{report:?}");
            code.into()
        }
    }
}
