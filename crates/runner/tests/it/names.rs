//! One program by name: `ttlsweep report` is the program that lies beside `ttlsweep`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::program::{Lab, signal, succeed, wait_until, words};

/// The program in a folder of its own, beside a script that stands for `ttlsweep-report`.
fn installed(script: Option<&str>) -> Lab {
    let lab = Lab::new();
    let program = env!("CARGO_BIN_EXE_ttlsweep");
    let here = lab.path("ttlsweep");
    if fs::hard_link(program, &here).is_err() {
        fs::copy(program, &here).unwrap();
    }
    if let Some(script) = script {
        lab.write("ttlsweep-report", format!("#!/bin/sh\n{script}\n"));
        fs::set_permissions(lab.path("ttlsweep-report"), fs::Permissions::from_mode(0o755)).unwrap();
    }
    lab
}

fn ttlsweep(lab: &Lab, args: &[&str]) -> Command {
    let mut command = Command::new(lab.path("ttlsweep"));
    command.args(args).current_dir(lab.path(".")).stdin(Stdio::null());
    command
}

#[test]
fn arguments_and_exit_code_are_passed_on() {
    let lab = installed(Some("printf '%s|' \"$@\"; exit 3"));
    for (args, printed) in [
        (&["report", "a b", "--out", "c"][..], "a b|--out|c|"),
        (&["case", "a", "--", "-b"], "case|a|--|-b|"),
        (&["verify", "--help"], "verify|--help|"),
        (&["help", "report"], "--help|"),
    ] {
        let output = ttlsweep(&lab, args).output().unwrap();
        assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stdout).as_ref()), (Some(3), printed));
    }
}

/// The same process: a signal from a terminal or by its number is the sibling's.
#[test]
fn a_signal_reaches_the_sibling_and_ends_both() {
    let lab = installed(Some("echo $$ > pid; exec sleep 30"));
    let mut child = ttlsweep(&lab, &["report", "a"]).spawn().unwrap();
    wait_until("the sibling has begun", || fs::read_to_string(lab.path("pid")).is_ok_and(|pid| pid.ends_with('\n')));
    assert_eq!(fs::read_to_string(lab.path("pid")).unwrap().trim(), child.id().to_string());
    signal(&child, Signal::TERM);
    assert_eq!(child.wait().unwrap().signal(), Some(15));
}

#[test]
fn a_sibling_that_is_not_there_is_named_with_its_place() {
    let lab = installed(None);
    let output = ttlsweep(&lab, &["report", "a"]).output().unwrap();
    let (code, said) = words(&output);
    assert_eq!(code, Some(2), "{said}");
    let folder = lab.path(".").canonicalize().unwrap();
    assert!(said.starts_with("error: `ttlsweep-report` is not in "), "{said}");
    assert!(said.contains(&folder.display().to_string()), "{said}");
}

#[test]
fn completions_and_manual_pages_are_of_all_programs_that_are_there() {
    let lab = installed(Some("test \"$1\" = man && touch \"$2/ttlsweep-report.1\"; echo complete -F _report; exit 0"));
    let script = succeed(ttlsweep(&lab, &["completions", "bash"])).stdout;
    let script = String::from_utf8(script).unwrap();
    assert!(script.contains("--dry-run") && script.contains("complete -F _report\n"), "{script}");
    succeed(ttlsweep(&lab, &["man", "man1"]));
    let page = fs::read_to_string(lab.path("man1/ttlsweep-run.1")).unwrap();
    assert!(page.contains("experiments/smoke.toml") && page.contains("try again later"), "{page}");
    assert!(lab.path("man1/ttlsweep-report.1").exists() && !lab.path("man1/ttlsweep-case.1").exists());
}

#[test]
fn bash_completes_what_the_program_beside_this_one_knows() {
    // As the library writes it for a program with a hyphen in its name.
    let beside = r#"
        cat <<'END'
_ttlsweep__report() { COMPREPLY=("$1 ${COMP_WORDS[*]} at $COMP_CWORD: $2 after $3"); }
END"#;
    let lab = installed(Some(beside));
    let script = String::from_utf8(succeed(ttlsweep(&lab, &["completions", "bash"])).stdout).unwrap();
    let completed = |line: &str| {
        let words: Vec<String> = line.split(' ').map(|word| format!("'{word}'")).collect();
        let asked = format!(
            "{script}\nCOMP_WORDS=({}); COMP_CWORD={}\n$(complete -p ttlsweep | sed 's/.*-F \\([^ ]*\\).*/\\1/') ttlsweep {} {}\n\
             echo \"${{COMPREPLY[*]}}\"",
            words.join(" "),
            words.len() - 1,
            words[words.len() - 1],
            words[words.len() - 2],
        );
        let output = Command::new("bash").args(["-c", &asked]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    };
    assert_eq!(completed("ttlsweep r"), "report run resume");
    assert_eq!(completed("ttlsweep run --progress j"), "json");
    let program = "ttlsweep-report ttlsweep-report";
    assert_eq!(completed("ttlsweep report a --f"), format!("{program} a --f at 2: --f after a"));
    assert_eq!(completed("ttlsweep case --red"), format!("{program} case --red at 2: --red after case"));
}

/// zsh is asked by its function, since it completes nothing without a terminal; fish as a person asks it.
#[test]
fn zsh_and_fish_complete_what_the_program_beside_this_one_knows() {
    let beside = r#"
        case $2 in
            zsh) echo '_ttlsweep-report() { print -r -- "$words at $CURRENT"; }' ;;
            # A suggestion is shown only if it begins as what is typed does.
            fish) echo 'complete -c ttlsweep-report -f -a "(commandline -ct):(commandline -opc | string join ,)"' ;;
        esac"#;
    let lab = installed(Some(beside));
    let script = |shell| String::from_utf8(succeed(ttlsweep(&lab, &["completions", shell])).stdout).unwrap();
    let (zsh, fish) = (script("zsh"), script("fish"));
    assert!(zsh.starts_with("#compdef ttlsweep ttlsweep-report ttlsweep-path ttlsweep-testbed\n"), "{zsh}");
    assert!(
        fish.contains("__fish_ttlsweep_using_subcommand report case verify join ttl forecast path testbed"),
        "{fish}"
    );
    let asked = |shell: &str, text: String| {
        let output = Command::new(shell).args(["-c", &text]).output().ok();
        if output.is_none() {
            eprintln!("{shell} is not here: what it completes was not tried");
        }
        output.map(|output| String::from_utf8(output.stdout).unwrap().trim_end().to_owned())
    };
    for (line, completed) in [
        ("ttlsweep report a --f", "ttlsweep-report a --f at 3"),
        ("ttlsweep case --red", "ttlsweep-report case --red at 3"),
        ("ttlsweep-report case", "ttlsweep-report case at 2"),
    ] {
        let called = line.split(' ').next().unwrap_or_default();
        let text = format!("compdef() {{ }}\n{zsh}\nwords=({line}); CURRENT=$#words; service={called}\n_ttlsweep",);
        if let Some(found) = asked("zsh", text) {
            assert_eq!(found, completed, "{line}");
        }
    }
    for (line, completed) in [
        ("ttlsweep report 'a b' --f", "--f:ttlsweep-report,a b"),
        ("ttlsweep case --red", "--red:ttlsweep-report,case"),
    ] {
        if let Some(found) = asked("fish", format!("{fish}\ncomplete -C \"{line}\"")) {
            assert_eq!(found, completed, "{line}");
        }
    }
}

#[test]
fn the_version_names_the_revision() {
    let version = succeed(Lab::new().ttlsweep(&["--version"])).stdout;
    let version = String::from_utf8(version).unwrap();
    let revision = option_env!("TTLSWEEP_GIT_REVISION").unwrap_or_default();
    assert!(version.starts_with("ttlsweep 0.1.0 (") && version.contains(revision), "{version}");
}
