//! What was probably meant by a command line that clap does not understand.

use std::ffi::OsString;
use std::path::Path;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, Error};

use crate::experiment::{nearest, setting_near};

/// Adds what was probably meant to an error of `command`, which read `arguments`.
pub(super) fn explained(mut error: Error, command: &Command, arguments: &[OsString]) -> Error {
    let of = |error: &Error, kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let Some(found) = of(&error, ContextKind::InvalidSubcommand) else { return error };
            let names = command.get_subcommands().map(Command::get_name);
            if let Some(near) = nearest(&found, names) {
                error.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(vec![near.to_owned()]));
            } else if let Some(tip) = command_for(&found) {
                error.remove(ContextKind::SuggestedSubcommand);
                suggest(&mut error, tip);
            }
        }
        ErrorKind::UnknownArgument => {
            let Some(found) = of(&error, ContextKind::InvalidArg) else { return error };
            let takes_settings =
                arguments.get(1).is_some_and(|name| ["run", "doctor", "trace"].iter().any(|c| name == c));
            let clap_knows = of(&error, ContextKind::SuggestedArg);
            if takes_settings && ["--experiment", "--file", "--plan", "--config"].contains(&found.as_str()) {
                error.remove(ContextKind::SuggestedArg);
                suggest(&mut error, format!("the experiment's file stands alone, without {found}"));
            } else if takes_settings && let Some(tip) = setting_for(&found, clap_knows.as_deref(), arguments) {
                error.remove(ContextKind::SuggestedArg);
                suggest(&mut error, tip);
            }
        }
        _ => {}
    }
    error
}

/// The command for a path that stands in a command's place.
fn command_for(found: &str) -> Option<String> {
    let path = Path::new(found);
    if path.extension().is_some_and(|extension| extension == "toml") {
        Some(format!("to run this experiment: ttlsweep run {found}"))
    } else if path.is_dir() {
        Some(format!("to report on this run: ttlsweep report {found}"))
    } else {
        None
    }
}

/// How a setting of the experiment that was written as an option is given.
fn setting_for(option: &str, clap_knows: Option<&str>, arguments: &[OsString]) -> Option<String> {
    let typed = option.strip_prefix("--")?;
    let (path, distance) = setting_near(typed)?;
    if clap_knows.is_some_and(|known| strsim::damerau_levenshtein(known.trim_start_matches('-'), typed) < distance) {
        return None;
    }
    let value = arguments.iter().position(|argument| {
        argument.to_str().is_some_and(|argument| argument == option || argument.starts_with(&format!("{option}=")))
    });
    let value = value.and_then(|at| match arguments[at].to_str()?.split_once('=') {
        Some((_, value)) => Some(value),
        None => arguments.get(at + 1)?.to_str().filter(|value| !value.starts_with('-')),
    });
    let set = match value {
        Some(value) if value.contains(',') && !value.starts_with('[') => format!("'{path}=[{value}]'"),
        value => format!("{path}={}", value.unwrap_or("VALUE")),
    };
    Some(format!("settings of the experiment are given with --set {set}"))
}

fn suggest(error: &mut Error, tip: String) {
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![StyledStr::from(tip)]));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::command;

    fn said(line: &str) -> String {
        let arguments: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        let error = command().try_get_matches_from(&arguments).unwrap_err();
        explained(error, &command(), &arguments).to_string()
    }

    #[test]
    fn a_slip_of_the_finger_finds_its_command() {
        for (typed, meant) in
            [("rnu", "run"), ("reprot", "report"), ("Doctor", "doctor"), ("resum", "resume"), ("vreify", "verify")]
        {
            let said = said(&format!("ttlsweep {typed}"));
            assert!(said.contains(&format!("tip: a similar subcommand exists: '{meant}'")), "{said}");
        }
        assert!(!said("ttlsweep xyzzy").contains("tip"));
    }

    #[test]
    fn a_file_or_a_folder_in_a_commands_place_says_which_command() {
        assert!(said("ttlsweep a/b.toml").contains("tip: to run this experiment: ttlsweep run a/b.toml"));
        assert!(said("ttlsweep .").contains("tip: to report on this run: ttlsweep report ."));
    }

    #[test]
    fn the_experiments_file_takes_no_option() {
        let said = said("ttlsweep run --experiment a.toml");
        assert!(said.contains("tip: the experiment's file stands alone, without --experiment\n"), "{said}");
    }

    #[test]
    fn a_setting_that_was_written_as_an_option_is_given_with_set() {
        for (typed, meant) in [
            ("--ttl 10s", "--set grid.ttl=10s"),
            ("--ttl=10s,20s", "--set 'grid.ttl=[10s,20s]'"),
            ("--idle-timeout 5s", "--set transfer.idle_timeout=5s"),
            ("--repetitions", "--set experiment.repetitions=VALUE"),
            ("--bandwith 1Mbit/s", "--set grid.bandwidth=1Mbit/s"),
            ("--long_ttl", "--set controls.long_ttl=VALUE"),
        ] {
            let said = said(&format!("ttlsweep run a.toml {typed}"));
            assert!(said.contains(&format!("given with {meant}\n")), "{said}");
        }
        let said = said("ttlsweep run a.toml --dry-rum");
        assert!(said.contains("--dry-run") && !said.contains("--set"), "{said}");
    }

    #[test]
    fn a_command_that_has_no_settings_suggests_none() {
        assert!(!said("ttlsweep resume a --ttl 10s").contains("--set"));
    }
}
