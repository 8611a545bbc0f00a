//! What a pipeline is told: exit codes, the last line, and the formats of the places where it shows something.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;
use ttlsweep_record::ExpiryPolicy;

use crate::common::Sweep;

/// A run in which links of 4 s are outlived by most transfers, of `blocks` blocks.
fn written(policy: ExpiryPolicy, blocks: u32) -> TempDir {
    let base = tempfile::tempdir().unwrap();
    let sweep = Sweep {
        policies: vec![Some(policy)],
        ttls: vec![2, 4, 20],
        transfer_us: 6_000_000,
        blocks,
        ..Sweep::default()
    };
    sweep.write(&base.path().join("run"));
    base
}

/// The exit code, what was printed, and the last line that was said.
fn report(folder: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_ttlsweep-report")).arg(folder.join("run")).args(args).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let last = said.lines().last().unwrap_or_default().to_owned();
    (output.status.code(), String::from_utf8(output.stdout).unwrap(), last)
}

#[test]
#[ignore = "slow"]
fn a_store_that_must_not_cut_is_let_through_only_if_that_was_shown() {
    for (policy, blocks, code, says) in [
        (ExpiryPolicy::OnRequest, 5, 0, "gate met: --require not-supported"),
        (ExpiryPolicy::InFlight, 5, 3, "gate NOT met: --require not-supported: "),
        // Two trials that outlive their link say neither.
        (ExpiryPolicy::OnRequest, 1, 3, ": CANNOT TELL, "),
        (ExpiryPolicy::Never, 5, 3, ": NOT TESTABLE, "),
    ] {
        let base = written(policy, blocks);
        let (ended, _, last) = report(base.path(), &["--require", "not-supported"]);
        assert_eq!(ended, Some(code), "{policy}: {last}");
        assert!(last.contains(says), "{policy}: {last}");
    }
}

#[test]
#[ignore = "slow"]
fn what_is_unwanted_may_be_listed_and_the_last_line_says_what_was_met() {
    let base = written(ExpiryPolicy::Never, 5);
    for (args, code) in [
        (&["--fail-on", "invalid,inconclusive"][..], 3),
        (&["--fail-on", "inconclusive"], 0),
        (&["--fail-on", "cut-at-expiry,network"], 0),
        (&["--fail-on", "inconclusive", "--fail-on", "invalid"], 3),
    ] {
        let (ended, _, last) = report(base.path(), args);
        assert_eq!(ended, Some(code), "{args:?}: {last}");
        let begins = if code == 0 { "gate met: --fail-on " } else { "gate NOT met: --fail-on invalid: " };
        assert!(last.starts_with(begins), "{args:?}: {last}");
    }
    let (ended, _, last) = report(base.path(), &[]);
    assert_eq!((ended, last.as_str()), (Some(0), ""), "nothing was asked for");
    assert_eq!(report(base.path(), &["--require", "maybe"]).0, Some(2));
}

#[test]
fn json_on_stdout_is_the_verdict_that_is_written() {
    let base = written(ExpiryPolicy::InFlight, 5);
    let (_, printed, _) = report(base.path(), &["--format", "json"]);
    let file = std::fs::read_to_string(base.path().join("run/verdict.json")).unwrap();
    assert_eq!(printed, file);
}

#[test]
fn markdown_is_one_table_whatever_the_words_hold() {
    let base = written(ExpiryPolicy::InFlight, 5);
    let (_, text, _) = report(base.path(), &["--format", "markdown", "--fail-on", "cut-at-expiry"]);
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with('|')).collect();
    assert_eq!(rows.len(), 3, "{text}");
    assert!(rows[2].contains("| **YES** | "), "{text}");
    // A command is code that can be copied.
    assert!(rows[2].contains(" with the bundle of `ttlsweep case "), "{text}");
    let bars = |row: &str| row.replace("\\|", "").matches('|').count();
    assert_eq!(bars(rows[0]), bars(rows[2]), "{text}");
    assert!(text.trim_end().lines().last().unwrap().starts_with("gate NOT met"), "{text}");
}

#[test]
fn junit_has_a_case_for_each_demand_and_is_well_formed() {
    let base = written(ExpiryPolicy::InFlight, 5);
    let (_, text, _) =
        report(base.path(), &["--format", "junit", "--fail-on", "network", "--require", "not-supported"]);
    assert!(text.contains("tests=\"2\" failures=\"1\""), "{text}");
    assert!(text.contains("<testcase name=\"--fail-on network\" classname=\"") && text.contains("<failure "), "{text}");
    for tag in ["testsuite", "testcase", "failure", "system-out"] {
        let opened = text.matches(&format!("<{tag}")).count();
        let closed = text.matches(&format!("</{tag}>")).count();
        let empty = text.lines().filter(|line| line.contains(&format!("<{tag}")) && line.ends_with("/>")).count();
        assert_eq!(opened, closed + empty, "{tag}: {text}");
    }
    // Without a gate, what was not answered was not tested.
    let base = written(ExpiryPolicy::OnRequest, 1);
    let (_, text, _) = report(base.path(), &["--format", "junit"]);
    assert!(text.contains("tests=\"1\" failures=\"0\" errors=\"0\" skipped=\"1\""), "{text}");
}

#[test]
fn github_is_told_an_error_for_what_is_not_met_and_a_warning_for_what_cannot_be_told() {
    let base = written(ExpiryPolicy::OnRequest, 1);
    let (code, text, _) = report(base.path(), &["--format", "github", "--require", "not-supported"]);
    assert_eq!(code, Some(3));
    let kinds: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("::")?.split(' ').next()).collect();
    assert_eq!(kinds, ["warning", "error"], "{text}");
    assert_eq!(text.lines().count(), 2, "a command is a line: {text}");
}
