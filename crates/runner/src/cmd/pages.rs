//! `ttlsweep completions` and `ttlsweep man`: of this program and of those that lie beside it.

use std::ffi::OsStr;
use std::process::Command;

use clap_complete::Shell;
use ttlsweep_console::{pages, say};

use super::sibling::beside;
use crate::cli::siblings::SIBLINGS;
use crate::cli::{CompletionsArgs, ManArgs, command};
use crate::cmd::exit::{ExitCode, Failure};

/// Prints a script for a shell.
pub fn completions(args: &CompletionsArgs) -> Result<ExitCode, Failure> {
    pages::print_completions(command(), args.shell);
    let shell = args.shell.to_string();
    let code = ask_siblings("completions", OsStr::new(&shell));
    if args.shell == Shell::Bash {
        say::data(format_args!("{BY_NAME}"));
    }
    Ok(code)
}

/// Completes what is typed behind `ttlsweep report` as `ttlsweep-report` does, and so on for each program beside this one.
const BY_NAME: &str = include_str!("by_name.bash");

/// Writes manual pages into a folder.
///
/// # Errors
/// It cannot be written.
pub fn man(args: &ManArgs) -> Result<ExitCode, Failure> {
    // Of a command that another program serves, that program writes the page.
    let own = SIBLINGS.iter().fold(command(), |all, sibling| all.mut_subcommand(sibling.name, |stub| stub.hide(true)));
    pages::write_manual(own, &args.folder).map_err(Failure::usage)?;
    Ok(ask_siblings("man", args.folder.as_os_str()))
}

/// Asks each program beside this one for its own; one that is not there is left out.
fn ask_siblings(what: &str, argument: &OsStr) -> ExitCode {
    let mut programs: Vec<&str> = SIBLINGS.iter().map(|sibling| sibling.program).collect();
    programs.dedup();
    for program in programs {
        let Ok(path) = beside(program) else {
            say!("note: left out `{program}`, which does not lie beside this program");
            continue;
        };
        match Command::new(&path).arg(what).arg(argument).status() {
            Ok(status) if status.success() => {}
            Ok(status) => say!("warning: {} {what}: {status}", path.display()),
            Err(error) => say!("warning: cannot start {}: {error}", path.display()),
        }
    }
    ExitCode::Done
}
