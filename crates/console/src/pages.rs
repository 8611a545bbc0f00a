//! What a shell and `man` know of a program: made from the command line that clap reads, so that neither is ever behind.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;
use std::str::FromStr;

use clap::Command;
use clap_complete::Shell;

use crate::exit::{ExitCode, fail};
use crate::say;

/// The script that completes a program's options and commands in a shell.
pub fn completions(command: Command, shell: Shell) -> String {
    let name = command.get_name().to_owned();
    // The library's scripts take the first folder of such a program for a command, and then know nothing more.
    let takes_either = command.has_subcommands() && command.get_positionals().next().is_some();
    match shell {
        Shell::Fish if takes_either => {
            let commands: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
            let is_command = format!("set -q argv[1]; and contains -- \"$argv[1]\" {}", commands.join(" "));
            generated(command, &name, shell).replacen("set -q argv[1]", &is_command, 1)
        }
        Shell::Zsh if takes_either => for_zsh(&command, &name),
        // The library looks for the commands of a program with a hyphen by another name than it gives them.
        Shell::Bash if name.contains('-') => {
            let names = ["__", "__subcmd__"].map(|hyphen| format!("{}__subcmd__", name.replace('-', hyphen)));
            generated(command, &name, shell).replace(&names[1], &names[0])
        }
        _ => generated(command, &name, shell),
    }
}

/// Each command as a program of its own, and the program without any, which hands over to them.
fn for_zsh(command: &Command, name: &str) -> String {
    let commands: Vec<String> = command
        .get_subcommands()
        .map(|command| generated(command.clone(), &format!("{name}-{}", command.get_name()), Shell::Zsh))
        .collect();
    let described = command.get_subcommands().map(|command| {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        format!("'{}:{}'", command.get_name(), about.replace('\'', "'\\''").replace(':', "\\:"))
    });
    let described = described.collect::<Vec<_>>().join(" ");
    let alone = generated(Command::new("alone").args(command.get_arguments().cloned()), name, Shell::Zsh);
    let head = format!("_{name}() {{\n");
    let either = format!(
        r#"{head}    local -a either
    either=({described})
    if (( CURRENT > 2 )) && (( $+functions[_{name}-$words[2]] )); then
        words=({name}-$words[2] "${{(@)words[3,-1]}}")
        (( CURRENT -= 1 ))
        _$words[1] "$@"
        return
    fi
    (( CURRENT == 2 )) && _describe -t commands command either
"#
    );
    format!("{}\n\n{}", commands.join("\n\n"), alone.replacen(&head, &either, 1))
}

fn generated(mut command: Command, name: &str, shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    let script = String::from_utf8_lossy(&script);
    // Behind the first of several arguments, two colons let zsh complete no option.
    let script = if shell == Shell::Zsh { script.replace("\n'*::", "\n'*:") } else { script.into() };
    script.trim_end().to_owned()
}

/// Writes a program's manual pages into a folder, one a command, and returns how many. The folder is made.
///
/// # Errors
/// The folder or a page cannot be written; the message names the folder.
pub fn write_manual(command: Command, folder: &Path) -> Result<usize, String> {
    let pages = || -> io::Result<usize> {
        fs::create_dir_all(folder)?;
        let mut command = command.disable_help_subcommand(true);
        command.build();
        let mut written = 0;
        let mut left = vec![command];
        while let Some(command) = left.pop() {
            left.extend(command.get_subcommands().filter(|command| !command.is_hide_set()).cloned());
            let page = clap_mangen::Man::new(command);
            let mut text = Vec::new();
            page.render(&mut text)?;
            fs::write(folder.join(page.get_filename()), as_it_is_written(&String::from_utf8_lossy(&text)))?;
            written += 1;
        }
        Ok(written)
    };
    pages().map_err(|error| format!("cannot write manual pages into {}: {error}", folder.display()))
}

/// A page whose examples and exit codes keep their lines and columns, which `man` would fill to paragraphs.
fn as_it_is_written(page: &str) -> String {
    let Some((before, after)) = page.split_once(EXTRA) else { return page.to_owned() };
    let (kept, rest) = after.split_at(after.find("\n.SH ").map_or(after.len(), |at| at + 1));
    format!("{before}.SH \"EXAMPLES AND EXIT CODES\"\n.nf\n{kept}.fi\n{rest}")
}

/// How the library names what stands below a command's options.
const EXTRA: &str = ".SH EXTRA\n";

/// `completions SHELL` and `man DIR`, which a program that `ttlsweep` runs has without showing them; `None` if it is started
/// with anything else.
pub fn answer(command: Command, arguments: impl IntoIterator<Item = OsString>) -> Option<process::ExitCode> {
    let arguments: Vec<OsString> = arguments.into_iter().take(3).collect();
    let [what, argument] = arguments.as_slice() else { return None };
    match what.to_str()? {
        "completions" => {
            say::data(format_args!("{}", completions(command, Shell::from_str(argument.to_str()?).ok()?)));
            Some(ExitCode::Done.into())
        }
        "man" => Some(match write_manual(command, &PathBuf::from(argument)) {
            Ok(_) => ExitCode::Done.into(),
            Err(error) => fail(ExitCode::Usage, error),
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_has_a_page_and_those_that_are_hidden_have_none() {
        let folder = tempfile::tempdir().unwrap();
        let command = Command::new("one")
            .subcommand(Command::new("two").about("Does two things").subcommand(Command::new("three")))
            .subcommand(Command::new("four").hide(true));
        assert_eq!(write_manual(command, &folder.path().join("man1")), Ok(3));
        let mut names: Vec<_> =
            fs::read_dir(folder.path().join("man1")).unwrap().flatten().map(|e| e.file_name()).collect();
        names.sort_unstable();
        assert_eq!(names, ["one-two-three.1", "one-two.1", "one.1"]);
        let page = fs::read_to_string(folder.path().join("man1/one-two.1")).unwrap();
        assert!(page.contains("Does two things"), "{page}");
    }

    #[test]
    fn examples_keep_their_lines() {
        let folder = tempfile::tempdir().unwrap();
        let command = Command::new("one").version("1").after_help("Examples:\n  one a   does a\n  one b   does b");
        write_manual(command, folder.path()).unwrap();
        let page = fs::read_to_string(folder.path().join("one.1")).unwrap();
        let (_, after) = page.split_once(".SH \"EXAMPLES AND EXIT CODES\"\n.nf\n").unwrap();
        let (kept, after) = after.split_once("\n.fi\n").unwrap();
        assert_eq!(kept.lines().filter(|line| line.contains("does")).count(), 2, "{page}");
        assert!(after.starts_with(".SH VERSION"), "{page}");
    }

    #[test]
    fn only_what_asks_for_pages_is_answered() {
        let asked = |arguments: &[&str]| answer(Command::new("one"), arguments.iter().map(OsString::from)).is_some();
        assert!(!asked(&[]) && !asked(&["man"]) && !asked(&["completions", "cobol"]) && !asked(&["man", "a", "b"]));
        let folder = tempfile::tempdir().unwrap();
        assert!(asked(&["man", folder.path().to_str().unwrap()]));
    }
}
