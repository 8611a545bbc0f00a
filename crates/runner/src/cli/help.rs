//! `--help`: commands in groups, examples, and the exit codes.

use std::fmt::Write;

use clap::Command;
use clap::builder::Styles;
use ttlsweep_console::exit::CODES;

/// The command with its help arranged.
pub(super) fn arranged(command: Command) -> Command {
    let mut command = command.after_help(FIRST_STEPS).after_long_help(format!("{FIRST_STEPS}\n\n{CODES}"));
    for (name, examples) in EXAMPLES {
        command = command.mut_subcommand(name, |command| {
            command.after_help(*examples).after_long_help(format!("{examples}\n\n{CODES}"))
        });
    }
    let template = template(&command);
    command.help_template(template)
}

/// clap's own template lists all commands as one.
fn template(command: &Command) -> String {
    let styles = Styles::styled();
    let (header, literal) = (styles.get_header(), styles.get_literal());
    let width = command.get_subcommands().map(|command| command.get_name().len()).max().unwrap_or(0);
    let mut text = "{about-with-newline}\n{usage-heading} {usage}\n".to_owned();
    for (title, names) in GROUPS {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "\n{header}{title}:{header:#}");
        for name in *names {
            // clap adds its own only when it reads the command line.
            let about = command.find_subcommand(name).and_then(Command::get_about).map(ToString::to_string);
            let about = about.unwrap_or_else(|| "Print this, or the help of a command".to_owned());
            let _ = writeln!(text, "  {literal}{name:width$}{literal:#}  {about}");
        }
    }
    let _ = write!(text, "\n{header}Options:{header:#}\n{{options}}{{after-help}}");
    text
}

const GROUPS: &[(&str, &[&str])] = &[
    ("Before a run", &["forecast", "doctor", "trace", "testbed", "path"]),
    ("Run", &["run", "resume", "merge", "clean"]),
    ("After a run", &["report", "ttl", "case", "verify", "join", "logs", "explain"]),
    ("More", &["completions", "man", "help"]),
];

const FIRST_STEPS: &str = "\
Examples:
  ttlsweep run experiments/ttl-grid.toml --dry-run          what it would do; sends nothing
  ttlsweep run experiments/ttl-grid.toml                    run it against the embedded testbed
  ttlsweep report results/ttl-grid/latest                   what it shows
  ttlsweep ttl results/ttl-grid/latest                      which TTL these transfers need
  ttlsweep doctor experiments/aws-slow-50mb.toml --bucket my-bucket
`ttlsweep COMMAND --help` has examples of each command.";

const EXAMPLES: &[(&str, &str)] = &[
    (
        "run",
        "\
Examples:
  ttlsweep run experiments/smoke.toml
  ttlsweep run experiments/ttl-grid.toml --set 'grid.ttl=[10s,20s]' --set experiment.repetitions=5
  ttlsweep run experiments/aws-slow-50mb.toml --bucket my-bucket --dry-run
  ttlsweep run experiments/real-server.toml --bucket test --endpoint http://127.0.0.1:9000",
    ),
    ("resume", "Example:\n  ttlsweep resume results/ttl-grid/latest"),
    (
        "doctor",
        "Example:\n  ttlsweep doctor experiments/real-server.toml --bucket test --endpoint http://127.0.0.1:9000",
    ),
    ("clean", "Example:\n  ttlsweep clean results/aws-slow-50mb/latest --dry-run"),
    (
        "trace",
        "\
Examples:
  ttlsweep trace experiments/smoke.toml                     one transfer, now
  ttlsweep trace results/ttl-grid/latest                    the first failed transfer of a run
  ttlsweep trace results/ttl-grid/latest --har run.har",
    ),
    (
        "merge",
        "\
Examples:
  ttlsweep merge results/ttl-grid/plan-0123abcd --out merged
  ttlsweep merge s3://my-results/night --out merged",
    ),
    ("logs", "Example:\n  ttlsweep logs results/aws-slow-50mb/latest --profile support"),
    (
        "explain",
        "\
Examples:
  ttlsweep explain \"SSLEOFError(8, 'EOF occurred in violation of protocol')\"
  ttlsweep explain 'socket hang up' --format json
  ttlsweep explain - < traceback.txt",
    ),
    (
        "completions",
        "\
Examples:
  source <(ttlsweep completions bash)
  ttlsweep completions fish > ~/.config/fish/completions/ttlsweep.fish",
    ),
    ("man", "Example:\n  ttlsweep man ~/.local/share/man/man1 && man ttlsweep-run"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::command;

    #[test]
    fn the_groups_have_each_command_once() {
        let mut grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        grouped.sort_unstable();
        let command = command();
        let mut commands: Vec<&str> = command.get_subcommands().map(Command::get_name).chain(["help"]).collect();
        commands.sort_unstable();
        assert_eq!(grouped, commands);
    }

    #[test]
    fn examples_are_read_by_what_they_are_examples_of() {
        for (name, examples) in EXAMPLES {
            let lines = examples.lines().filter(|line| line.starts_with("  ttlsweep"));
            for line in lines {
                let words = line.split("   ").next().into_iter().flat_map(|line| line.split(['>', '&']).next());
                let words: Vec<&str> = words.flat_map(str::split_whitespace).collect();
                assert_eq!(words[1], *name, "{line}");
                command().try_get_matches_from(words).unwrap_or_else(|error| panic!("{line}: {error}"));
            }
        }
    }
}
