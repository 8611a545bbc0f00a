//! The commands that another program serves: the one that lies beside this one is started in its place.

use std::ffi::{OsStr, OsString};

use clap::{Arg, Command, ValueHint};

/// A command, and the program that does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sibling {
    /// What is typed behind `ttlsweep`.
    pub name: &'static str,
    /// The program's file name.
    pub program: &'static str,
    /// What the command does, for the list of commands.
    pub about: &'static str,
    /// Whether the command is one of several that the program has, so that its name is passed on.
    is_one_of_several: bool,
}

impl Sibling {
    const fn new(name: &'static str, program: &'static str, about: &'static str, is_one_of_several: bool) -> Self {
        Self { name, program, about, is_one_of_several }
    }

    /// Its place in the list of commands; its program reads its arguments.
    pub(super) fn stub(&self) -> Command {
        let arguments = Arg::new("arguments").value_name("ARGUMENTS").num_args(0..).value_hint(ValueHint::AnyPath);
        Command::new(self.name).about(self.about).arg(arguments)
    }

    /// What its program calls itself in its messages and help.
    pub(crate) fn called(&self) -> String {
        if self.is_one_of_several { "ttlsweep".to_owned() } else { format!("ttlsweep {}", self.name) }
    }

    /// How many of the words `ttlsweep NAME` its program's name stands for.
    pub fn replaced(&self) -> usize {
        if self.is_one_of_several { 1 } else { 2 }
    }

    /// The sibling that a command line asks for, with its arguments, in which `ttlsweep help NAME` becomes `--help`.
    pub fn asked_for(arguments: &[OsString]) -> Option<(Self, Vec<OsString>)> {
        let named = |name: &OsStr| SIBLINGS.iter().find(|sibling| name == sibling.name).copied();
        let first = arguments.first()?;
        let (sibling, rest) = match named(first) {
            Some(sibling) => (sibling, arguments[1..].to_vec()),
            None if first == "help" => (named(arguments.get(1)?)?, vec!["--help".into()]),
            None => return None,
        };
        let name = sibling.is_one_of_several.then(|| sibling.name.into());
        Some((sibling, name.into_iter().chain(rest).collect()))
    }
}

/// All of them.
pub(crate) const SIBLINGS: &[Sibling] = &[
    Sibling::new("report", REPORT, "Say what one or many runs show: verdict, charts and a page", false),
    Sibling::new("case", REPORT, "Make a bundle of a run for a case with AWS Support", true),
    Sibling::new("verify", REPORT, "Say whether a run's folder is whole and consistent", true),
    Sibling::new("join", REPORT, "Put what servers' own logs say beside a run's transfers", true),
    Sibling::new("ttl", REPORT, "Say which TTL transfers need, from runs or by arithmetic", true),
    Sibling::new("forecast", REPORT, "Say with which probability a plan decides, and at which price", true),
    Sibling::new("path", PATH, "Run a command behind a slow line with a queue, on this machine alone", false),
    Sibling::new("testbed", TESTBED, "Serve an S3 endpoint whose expiry policy is known", false),
];

/// The program that makes slow lines.
pub(crate) const PATH: &str = "ttlsweep-path";
/// The program that makes reports, and joins logs.
pub(crate) const REPORT: &str = "ttlsweep-report";
const TESTBED: &str = "ttlsweep-testbed";

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(line: &str) -> Option<(&'static str, String)> {
        let arguments: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        let (sibling, rest) = Sibling::asked_for(&arguments)?;
        let rest: Vec<_> = rest.iter().map(|argument| argument.to_string_lossy()).collect();
        Some((sibling.program, rest.join(" ")))
    }

    #[test]
    fn arguments_are_passed_on_as_they_are() {
        assert_eq!(asked("report a --out b -- c"), Some((REPORT, "a --out b -- c".to_owned())));
        assert_eq!(asked("case --help"), Some((REPORT, "case --help".to_owned())));
        assert_eq!(asked("verify"), Some((REPORT, "verify".to_owned())));
        assert_eq!(asked("help case"), Some((REPORT, "case --help".to_owned())));
        assert_eq!(asked("help testbed"), Some((TESTBED, "--help".to_owned())));
        assert_eq!(
            asked("path --rate 1Mbit/s -- ttlsweep run a"),
            Some((PATH, "--rate 1Mbit/s -- ttlsweep run a".to_owned()))
        );
        assert_eq!(asked("run report"), None);
        assert_eq!(asked("help run"), None);
        assert_eq!(asked(""), None);
    }
}
