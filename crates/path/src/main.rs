//! The program `ttlsweep-path`.

use std::env;
use std::process;

use clap::{CommandFactory, Parser};
use ttlsweep_console::exit::{ExitCode, end_with, fail, finish};
use ttlsweep_console::pages;
use ttlsweep_path::cli::Args;
#[cfg(target_os = "linux")]
use ttlsweep_path::cli::Engine;

fn main() -> process::ExitCode {
    if let Some(code) = pages::answer(Args::command(), env::args_os().skip(1)) {
        return finish(code);
    }
    let args = Args::try_parse().unwrap_or_else(|error| end_with(&error));
    if let Some(why) = args.too_many() {
        return finish(fail(ExitCode::Usage, why));
    }
    finish(answer(&args))
}

#[cfg(target_os = "linux")]
fn answer(args: &Args) -> process::ExitCode {
    if args.engine == Engine::Tbf
        && let Some(why) = ttlsweep_path::tbf::lacks(args)
    {
        return fail(ExitCode::Usage, why);
    }
    match ttlsweep_path::run::run(args) {
        Ok(ran) => {
            if !args.quiet {
                ttlsweep_console::say!("{}", ran.totals);
            }
            ran.exit_code().into()
        }
        Err(error) => fail(error.exit_code(), error),
    }
}

#[cfg(not(target_os = "linux"))]
fn answer(_: &Args) -> process::ExitCode {
    let advice = "a path is made of Linux's network namespaces: run it in a virtual machine or a container with Linux";
    fail(ExitCode::Usage, advice)
}
