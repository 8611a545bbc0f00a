//! `ttlsweep completions` and `ttlsweep man`: of this program and of those that lie beside it.

use std::ffi::OsStr;
use std::process::Command;

use clap_complete::Shell;
use ttlsweep_console::{pages, say};

use super::sibling::beside;
use crate::cli::siblings::{SIBLINGS, Sibling};
use crate::cli::{CompletionsArgs, ManArgs, command};
use crate::cmd::exit::{ExitCode, Failure};

/// Prints a script for a shell.
pub fn completions(args: &CompletionsArgs) -> Result<ExitCode, Failure> {
    let own = pages::completions(command(), args.shell);
    let (before, after) = match args.shell {
        Shell::Bash => (own, by_name(include_str!("by_name.bash"), in_sh)),
        Shell::Fish => (own, by_name(include_str!("by_name.fish"), in_fish)),
        // At its first use the file is run as the function, so what it calls stands before it.
        Shell::Zsh => {
            let head = "_ttlsweep() {\n";
            let other = by_name(include_str!("by_name.zsh"), in_sh);
            let programs: Vec<&str> = ["ttlsweep"].into_iter().chain(programs()).collect();
            (format!("#compdef {}", programs.join(" ")), own.replacen(head, &format!("{head}{other}"), 1))
        }
        _ => (own, String::new()),
    };
    say::data(format_args!("{before}"));
    let code = ask_siblings("completions", OsStr::new(&args.shell.to_string()));
    if !after.is_empty() {
        say::data(format_args!("{}", after.trim_end()));
    }
    Ok(code)
}

/// What completes the words behind `ttlsweep report` as `ttlsweep-report` does, and so on for each program beside this one.
fn by_name(template: &str, arm: fn(&Sibling) -> String) -> String {
    let arms: Vec<String> = SIBLINGS.iter().map(arm).collect();
    let names: Vec<&str> = SIBLINGS.iter().map(|sibling| sibling.name).collect();
    template.replace("@SIBLINGS@", &arms.join("\n            ")).replace("@NAMES@", &names.join(" "))
}

fn in_sh(sibling: &Sibling) -> String {
    format!("{}) program={} drop={} ;;", sibling.name, sibling.program, sibling.replaced())
}

fn in_fish(sibling: &Sibling) -> String {
    format!("case {}; set program {}; set drop {}", sibling.name, sibling.program, sibling.replaced())
}

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
    for program in programs() {
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

/// The programs that belong beside this one.
fn programs() -> Vec<&'static str> {
    let mut programs: Vec<_> = SIBLINGS.iter().map(|sibling| sibling.program).collect();
    programs.dedup();
    programs
}
