//! What the report says where it cannot report: the file, the line, and a way on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::common::Sweep;
use ttlsweep_report::testing::load::load;

fn written(name: &str) -> (tempfile::TempDir, PathBuf) {
    let base = tempfile::tempdir().unwrap();
    let folder = base.path().join(name);
    Sweep { ttls: vec![1, 4], controls: false, blocks: 1, ..Sweep::default() }.write(&folder);
    (base, folder)
}

fn failure(folders: &[&Path]) -> String {
    let folders: Vec<_> = folders.iter().map(|folder| folder.to_path_buf()).collect();
    load(&folders).unwrap_err().to_string()
}

/// Changes the text of one of the run's files.
fn edit(folder: &Path, file: &str, change: impl FnOnce(String) -> String) {
    let path = folder.join(file);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(path, change(text)).unwrap();
}

#[test]
fn a_missing_column_is_named() {
    let (_base, folder) = written("run");
    edit(&folder, "transfers.csv", |text| text.replacen("head_written_at", "head_written", 1));
    let said = failure(&[&folder]);
    assert!(said.contains("transfers.csv lacks the column `head_written_at`"), "{said}");
    edit(&folder, "trials.csv", |text| text.replacen("state", "status", 1));
    assert!(failure(&[&folder]).contains("trials.csv lacks the column `state`"));
}

#[test]
fn a_bad_value_is_named_with_its_line_and_column() {
    let (_base, folder) = written("run");
    edit(&folder, "transfers.csv", |text| text.replace(",reset,", ",resett,"));
    let said = failure(&[&folder]);
    assert!(
        said.contains("transfers.csv line 2, column `outcome`: `resett` is not a known outcome; expected"),
        "{said}"
    );
}

#[test]
fn a_bad_number_is_named_with_its_line() {
    let (_base, folder) = written("run");
    edit(&folder, "transfers.csv", |text| {
        let lines: Vec<&str> = text.lines().collect();
        let at = lines[0].split(',').position(|name| name == "total_us").unwrap();
        let fields: Vec<&str> = lines[2].split(',').collect();
        // The message's quoted comma counts for one field more.
        let total = fields[at];
        let broken = lines[2].replacen(&format!(",{total},"), ",12x,", 1);
        format!("{}\n{}\n{broken}\n", lines[0], lines[1])
    });
    let said = failure(&[&folder]);
    assert!(said.contains("transfers.csv line 3, column `total_us`: `12x` is not a number"), "{said}");
}

#[test]
fn a_file_that_ends_within_a_row_is_named_with_its_line() {
    let (_base, folder) = written("run");
    edit(&folder, "transfers.csv", |text| text[..text.len() - 150].to_owned());
    let said = failure(&[&folder]);
    assert!(said.contains("transfers.csv line 3: the file ends in the middle of a row"), "{said}");
}

#[test]
fn a_last_row_without_a_line_break_is_a_row() {
    let (_base, folder) = written("run");
    edit(&folder, "transfers.csv", |text| text.trim_end().to_owned());
    assert_eq!(load(&[folder]).unwrap().transfers.all().len(), 2);
}

#[test]
fn a_row_of_the_wrong_length_is_named_with_its_line() {
    let (_base, folder) = written("run");
    edit(&folder, "transfers.csv", |text| text.replacen("\n", "\n1,2,3\n", 1));
    let said = failure(&[&folder]);
    assert!(said.contains("transfers.csv line 2: 3 fields, but the header has"), "{said}");
}

#[test]
fn a_transfer_of_an_unknown_cell_is_named_with_its_line() {
    let (_base, folder) = written("run");
    edit(&folder, "cells.csv", |text| text.lines().take(2).map(|line| format!("{line}\n")).collect());
    let said = failure(&[&folder]);
    assert!(said.contains("transfers.csv line 3, column `cell_id`: cells.csv has no cell `"), "{said}");
}

#[test]
fn further_columns_and_another_order_are_read() {
    let (_base, folder) = written("run");
    edit(&folder, "transfers.csv", |text| {
        text.lines().enumerate().map(|(at, line)| format!("{},{line}\n", if at == 0 { "note" } else { "x" })).collect()
    });
    assert_eq!(load(&[folder]).unwrap().transfers.all().len(), 2);
}

#[test]
fn rows_that_trials_csv_does_not_know_of_are_warned_of() {
    let (_base, folder) = written("run");
    edit(&folder, "transfers.csv", |text| text.lines().take(2).map(|line| format!("{line}\n")).collect());
    let warnings = load(&[folder]).unwrap().warnings;
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].contains("has 1 transfers by trials.csv and 0 in transfers.csv"), "{warnings:?}");
}

#[test]
fn a_missing_file_is_named() {
    let (_base, folder) = written("run");
    fs::remove_file(folder.join("transfers.csv")).unwrap();
    assert!(failure(&[&folder]).contains("transfers.csv"));
    fs::remove_file(folder.join("cells.csv")).unwrap();
    assert!(failure(&[&folder]).contains("cells.csv"));
}

#[test]
fn what_is_no_run_is_told_apart_and_its_newest_run_suggested() {
    let (base, _folder) = written("20261124T200000Z");
    let said = failure(&[base.path()]);
    assert!(said.contains("is not a run's folder: it has no environment.json"), "{said}");
    assert!(said.contains("20261124T200000Z"), "{said}");
    let said = failure(&[&base.path().join("absent")]);
    assert!(said.contains("absent is not a folder"), "{said}");
    let empty = tempfile::tempdir().unwrap();
    assert!(failure(&[empty.path()]).contains("expected results/<experiment>/<time>"));
}

#[test]
fn runs_of_different_plans_are_refused_with_both_names() {
    let base = tempfile::tempdir().unwrap();
    let (first, second) = (base.path().join("first"), base.path().join("second"));
    Sweep::default().write(&first);
    Sweep { run_id: "other".into(), plan_hash: "0123456789abcdef".into(), ..Sweep::default() }.write(&second);
    let said = failure(&[&first, &second]);
    assert!(said.contains("different plans"), "{said}");
    assert!(said.contains("first is of ttl-grid, plan 5f2d8c1e9b7a"), "{said}");
    assert!(said.contains("second of ttl-grid, plan 0123456789ab"), "{said}");
}

#[test]
fn the_same_run_given_twice_is_refused() {
    let (base, folder) = written("run");
    let again = base.path().join("latest");
    std::os::unix::fs::symlink(&folder, &again).unwrap();
    let said = failure(&[&folder, &again]);
    assert!(said.contains("are the same run, 20261124T200000Z; name it once"), "{said}");
}

/// Cells of runs that were made before faults could be asked for.
#[test]
fn a_column_that_came_later_may_be_missing() {
    let (_base, folder) = written("run");
    edit(&folder, "cells.csv", |text| without_column(&text, "fault"));
    assert_eq!(load(&[folder]).unwrap().transfers.all().len(), 2);
}

#[test]
fn a_mark_of_byte_order_and_windows_line_ends_are_no_obstacle() {
    let (_base, folder) = written("run");
    for file in ["transfers.csv", "trials.csv", "cells.csv"] {
        edit(&folder, file, |text| format!("\u{feff}{}", text.replace('\n', "\r\n")));
    }
    assert_eq!(load(&[folder]).unwrap().transfers.all().len(), 2);
}

#[test]
fn semicolons_and_rounded_numbers_are_laid_at_the_spreadsheets_door() {
    let (_base, folder) = written("run");
    edit(&folder, "trials.csv", |text| text.replace(',', ";"));
    let said = failure(&[&folder]);
    assert!(said.contains("trials.csv has semicolons between its cells"), "{said}");
    assert!(said.contains("save it with commas"), "{said}");
    let (_base, folder) = written("run");
    edit(&folder, "transfers.csv", |text| with_field(&text, 2, "total_us", "1.7E+12"));
    let said = failure(&[&folder]);
    assert!(said.contains("line 2, column `total_us`: `1.7E+12` is not a whole number"), "{said}");
    edit(&folder, "transfers.csv", |text| with_field(&text, 2, "total_us", "17"));
    edit(&folder, "transfers.csv", |text| with_field(&text, 3, "started_at", "11/24/2026 20:00"));
    let said = failure(&[&folder]);
    assert!(said.contains("line 3, column `started_at`: `11/24/2026 20:00` is not an instant"), "{said}");
}

#[test]
fn a_transfer_that_is_there_twice_is_named_with_both_lines() {
    let (_base, folder) = written("run");
    edit(&folder, "transfers.csv", |text| format!("{text}{}\n", text.lines().nth(1).unwrap()));
    let said = failure(&[&folder]);
    assert!(said.contains("transfers.csv line 4: the transfer "), "{said}");
    assert!(said.contains("is there twice, first on line 2"), "{said}");
}

#[test]
fn a_cell_that_is_there_twice_is_named() {
    let (_base, folder) = written("run");
    edit(&folder, "cells.csv", |text| format!("{text}{}\n", text.lines().nth(1).unwrap()));
    let said = failure(&[&folder]);
    assert!(said.contains("cells.csv: the cell ") && said.contains("is there twice"), "{said}");
}

#[test]
fn rows_of_another_run_are_named() {
    let (_base, folder) = written("run");
    edit(&folder, "transfers.csv", |text| with_field(&text, 3, "run_id", "another"));
    let said = failure(&[&folder]);
    assert!(said.contains("transfers.csv line 3: this row is of run another, but the folder holds run 2026"), "{said}");
    assert!(said.contains("name the folders together"), "{said}");
}

#[test]
fn an_empty_file_is_told_from_one_without_rows() {
    let (_base, folder) = written("run");
    edit(&folder, "transfers.csv", |text| format!("{}\n", text.lines().next().unwrap()));
    assert_eq!(load(std::slice::from_ref(&folder)).unwrap().transfers.all().len(), 0);
    edit(&folder, "transfers.csv", |_| String::new());
    let said = failure(&[&folder]);
    assert!(said.contains("transfers.csv is empty, without even a header"), "{said}");
}

/// Names become those of files and folders, and words of a page and of the bundle.
#[test]
fn names_that_cannot_be_any_are_refused_where_they_are_read() {
    let (_base, folder) = written("run");
    for (field, value) in [
        ("run_id", "/../../../elsewhere"),
        ("experiment", "../x"),
        ("plan_hash", "<script>"),
        ("version", "<script>alert(1)</script>"),
        ("git_revision", "a|b"),
        ("host", "a\\u001b[2J"),
        ("build_profile", "*release*"),
    ] {
        let environment = fs::read_to_string(folder.join("environment.json")).unwrap();
        edit(&folder, "environment.json", |text| {
            let lines = text.lines().map(|line| match line.trim_start().strip_prefix(&format!("\"{field}\"")) {
                Some(_) => format!("  \"{field}\": \"{value}\",\n"),
                None => format!("{line}\n"),
            });
            lines.collect()
        });
        let said = failure(&[&folder]);
        assert!(said.contains("environment.json: `") && said.contains("cannot be"), "{field}: {said}");
        assert!(!said.contains('\u{1b}'), "{said}");
        fs::write(folder.join("environment.json"), environment).unwrap();
    }
    edit(&folder, "cells.csv", |text| with_field(&text, 2, "cell_id", "<script>"));
    let said = failure(&[&folder]);
    assert!(said.contains("cells.csv line 2, column `cell_id`: `<script>` cannot be a name"), "{said}");
}

/// A run of others on its way to a terminal, a page, Markdown and a bundle.
#[test]
#[ignore = "slow"]
fn nothing_that_others_wrote_into_a_run_is_obeyed_anywhere() {
    const OBEYED: &str = "\u{1b}]0;PWNED\u{7}\u{1b}[2J\u{9b}1A\u{202e}\u{61c}\u{2066}";
    let (base, folder) = written("run");
    let path = folder.join("environment.json");
    let mut environment: serde_json::Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    for (field, value) in [("question", json!(OBEYED)), ("command", json!(["ttlsweep", OBEYED]))] {
        environment[field] = value;
    }
    fs::write(&path, environment.to_string()).unwrap();
    for (file, column, value) in [("transfers.csv", "server", OBEYED), ("transfers.csv", "s3_message", OBEYED)] {
        edit(&folder, file, |text| with_field(&text, 3, column, value));
    }
    // A column of their own.
    for file in ["transfers.csv", "cells.csv"] {
        edit(&folder, file, |text| {
            let mut rows = records(&text);
            rows.iter_mut().for_each(|row| row.push(OBEYED.to_owned()));
            joined(&rows)
        });
    }
    fs::write(folder.join("experiment.toml"), format!("# {OBEYED}\n[experiment]\nname = \"{OBEYED}\"\n")).unwrap();
    let ttlsweep_report = |args: &[&Path]| {
        let mut command = Command::new(crate::programs::chosen(env!("CARGO_BIN_EXE_ttlsweep-report")));
        let output = command.args(args).current_dir(base.path()).output().unwrap();
        [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat()
    };
    let mut shown = Vec::new();
    for format in ["text", "json", "github"] {
        let arg = format!("--format={format}");
        shown.push((arg.clone(), ttlsweep_report(&[&folder, Path::new(&arg)])));
    }
    // It is about the names of targets.
    let cells = fs::read_to_string(folder.join("cells.csv")).unwrap();
    edit(&folder, "cells.csv", |text| {
        let lines = text.lines().count();
        (2..=lines)
            .fold(text, |text, line| with_field(&with_field(&text, line, "target", "s3"), line, "bucket", OBEYED))
    });
    for format in ["text", "json"] {
        let arg = format!("--format={format}");
        shown.push((format!("ttl {arg}"), ttlsweep_report(&[Path::new("ttl"), &folder, Path::new(&arg)])));
    }
    fs::write(folder.join("cells.csv"), cells).unwrap();
    let bundle = base.path().join("bundle");
    shown.push(("verify".to_owned(), ttlsweep_report(&[Path::new("verify"), &folder])));
    shown.push(("case".to_owned(), ttlsweep_report(&[Path::new("case"), &folder, Path::new("--out"), &bundle])));
    let missing = base.path().join(OBEYED);
    shown.push(("absent".to_owned(), ttlsweep_report(&[&missing])));
    shown.push(("option".to_owned(), ttlsweep_report(&[Path::new(&format!("--{OBEYED}"))])));
    for page in [folder.join("report.html"), folder.join("verdict.json"), bundle.join("case.md")] {
        let text = fs::read_to_string(&page).unwrap_or_else(|error| panic!("{}: {error}: {shown:?}", page.display()));
        shown.push((page.display().to_string(), text));
    }
    for (what, text) in shown {
        let obeyed = |char: &char| {
            (char.is_control() && !matches!(char, '\n' | '\t')) || matches!(char, '\u{202e}' | '\u{61c}' | '\u{2066}')
        };
        assert_eq!(text.chars().find(obeyed), None, "{what}: {text:?}");
        assert!(!text.is_empty(), "{what}");
    }
}

/// A bucket's name as a pipeline shows it, and as its log is read.
#[test]
fn no_name_is_a_link_a_mention_or_a_command_in_a_pipeline() {
    const OBEYED: &str = "https://evil.example/ @everyone www.evil.example ##vso[task.complete]\u{ffff}";
    let (base, folder) = written("run");
    edit(&folder, "cells.csv", |text| {
        let lines = text.lines().count();
        (2..=lines)
            .fold(text, |text, line| with_field(&with_field(&text, line, "target", "s3"), line, "bucket", OBEYED))
    });
    for format in ["text", "markdown", "junit", "github"] {
        let program = crate::programs::chosen(env!("CARGO_BIN_EXE_ttlsweep-report"));
        let output =
            Command::new(program).arg(&folder).args(["--format", format]).current_dir(base.path()).output().unwrap();
        let shown = String::from_utf8(output.stdout).unwrap();
        assert!(shown.contains("evil.example") && shown.contains("everyone"), "{format}: {shown}");
        assert!(!shown.contains("##vso[") && !shown.contains('\u{ffff}'), "{format}: {shown}");
        if format == "markdown" {
            assert!(["https://", " @everyone", " www.evil"].iter().all(|live| !shown.contains(live)), "{shown}");
        }
    }
}

/// What every spreadsheet makes of a file that it saves as CSV UTF-8, and a row or two that were emptied and not deleted.
#[test]
fn a_file_that_went_through_a_spreadsheet_is_read_and_its_lines_are_counted_as_there() {
    let (_base, folder) = written("run");
    let through = |text: &str| {
        let shouted = text.replace(",true,", ",TRUE,").replace(",false,", ",FALSE,");
        let commas = ",".repeat(text.lines().next().unwrap().matches(',').count());
        format!("\u{feff}{shouted}{commas}\n{commas}\n").replace('\n', "\r\n")
    };
    for file in ["transfers.csv", "trials.csv", "cells.csv"] {
        edit(&folder, file, |text| through(&text));
    }
    assert!(fs::read_to_string(folder.join("transfers.csv")).unwrap().contains(",FALSE,"));
    assert_eq!(load(std::slice::from_ref(&folder)).unwrap().transfers.all().len(), 2);
    edit(&folder, "transfers.csv", |text| text.replace(",FALSE,", ",FALSCH,"));
    let said = failure(&[&folder]);
    assert!(said.contains("transfers.csv line 2, column `reused_connection`: `FALSCH` is neither"), "{said}");
    edit(&folder, "transfers.csv", |text| text.replace(",FALSCH,", ",FALSE,"));
    edit(&folder, "transfers.csv", |text| {
        let row = text.lines().nth(1).unwrap();
        format!("{text}{row}\r\n")
    });
    let said = failure(&[&folder]);
    assert!(said.contains("transfers.csv line 6: ") && said.contains("first on line 2"), "{said}");
}

fn records(text: &str) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
}

fn joined(records: &[Vec<String>]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    records.iter().for_each(|row| writer.write_record(row).unwrap());
    String::from_utf8(writer.into_inner().unwrap()).unwrap()
}

fn without_column(text: &str, name: &str) -> String {
    let mut records = records(text);
    let at = records[0].iter().position(|column| column == name).unwrap();
    records.iter_mut().for_each(|row| drop(row.remove(at)));
    joined(&records)
}

/// The file with one field of the row on `line` replaced.
fn with_field(text: &str, line: usize, name: &str, value: &str) -> String {
    let mut records = records(text);
    let at = records[0].iter().position(|column| column == name).unwrap();
    value.clone_into(&mut records[line - 1][at]);
    joined(&records)
}

#[test]
fn exit_codes_and_streams_are_as_promised() {
    let report = |args: &[&Path]| {
        let output =
            Command::new(crate::programs::chosen(env!("CARGO_BIN_EXE_ttlsweep-report"))).args(args).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (base, folder) = written("run");
    let latest = base.path().join("latest");
    std::os::unix::fs::symlink("run", &latest).unwrap();

    let (code, stdout, stderr) = report(&[&latest]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert!(stdout.starts_with("testbed, in-flight  CANNOT TELL, "), "the answer comes first: {stdout}");
    assert!(stdout.contains("\nEvidence\nEnforcement: "), "{stdout}");
    assert!(stdout.contains("verdict.json"), "{stdout}");
    assert!(stdout.contains("charts/failure-rate-by-ttl.png"), "{stdout}");
    assert!(folder.join("summary.csv").exists());

    let second = base.path().join("second");
    Sweep { run_id: "other".into(), ttls: vec![1, 4], controls: false, blocks: 1, ..Sweep::default() }.write(&second);
    let (code, stdout, stderr) = report(&[&folder, &second]);
    assert_eq!((code, stdout.as_str()), (Some(2), ""));
    assert!(stderr.contains("--out DIR"), "{stderr}");

    let (code, _, stderr) = report(&[&base.path().join("absent")]);
    assert_eq!(code, Some(2));
    assert!(stderr.starts_with("error: "), "{stderr}");
    assert_eq!(report(&[]).0, Some(2), "usage");
}

#[test]
fn a_row_of_a_schema_that_is_not_known_ends_with_2_and_its_line() {
    let (_base, folder) = written("run");
    edit(&folder, "transfers.csv", |text| with_field(&text, 3, "schema_version", "999"));
    for args in [&[][..], &["case"]] {
        let mut command = Command::new(crate::programs::chosen(env!("CARGO_BIN_EXE_ttlsweep-report")));
        let output = command.args(args).arg(&folder).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains("transfers.csv line 3") && said.contains("schema version 999 is not known"), "{said}");
    }
}

/// A disk can hold files that memory cannot: 30 GB of nothing are one row.
#[test]
fn a_file_of_one_endless_row_is_refused_by_its_line_before_it_fills_the_memory() {
    for file in ["transfers.csv", "cells.csv"] {
        let (_base, folder) = written("run");
        let path = folder.join(file);
        let lines = fs::read_to_string(&path).unwrap().lines().count() + 1;
        fs::File::options().write(true).open(&path).unwrap().set_len(30 << 30).unwrap();
        let program = crate::programs::chosen(env!("CARGO_BIN_EXE_ttlsweep-report"));
        for (args, code) in [("", 2), ("case", 2), ("verify", 3)] {
            let script = format!("ulimit -v 4000000; exec \"$0\" {args} \"$1\"");
            let output = Command::new("sh").args(["-c", &script]).arg(&program).arg(&folder).output().unwrap();
            let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
            assert_eq!(output.status.code(), Some(code), "{file} {args}: {said}");
            let reported = format!("{file} line {lines}: a row is longer than 1 MiB");
            assert!(said.contains(&reported), "{file} {args}: {said}");
        }
    }
}

/// A bundle is made for somebody else: it is there, even if nobody reads its name.
#[test]
#[ignore = "slow"]
fn a_reader_that_has_gone_ends_neither_report_nor_bundle() {
    let gone = |full: bool| -> std::process::Stdio {
        if full {
            fs::File::options().write(true).open("/dev/full").unwrap().into()
        } else {
            std::io::pipe().unwrap().1.into()
        }
    };
    let (base, folder) = written("run");
    let run = |args: &[&str], out: bool, err: bool| {
        let mut command = Command::new(crate::programs::chosen(env!("CARGO_BIN_EXE_ttlsweep-report")));
        command.env_clear().args(args).current_dir(base.path());
        command.stdout(gone(out)).stderr(gone(err)).status().unwrap().code()
    };
    let path = folder.to_str().unwrap();
    for (out, err) in [(false, false), (true, true), (true, false)] {
        let bundle = format!("case-{out}-{err}");
        assert_eq!(run(&["case", path, "--out", &bundle], out, err), Some(0), "{out} {err}");
        assert!(base.path().join(format!("{bundle}.tar.gz")).is_file(), "{out} {err}");
        assert_eq!(run(&["--help"], out, err), Some(0), "{out} {err}");
        assert_eq!(run(&["absent"], out, err), Some(2), "{out} {err}");
    }
    assert_eq!(run(&[path], false, false), Some(0), "a report's reader may stop early");
    assert!(folder.join("verdict.json").is_file());
}

/// The pools of what reads the rows would panic.
#[test]
fn few_descriptors_are_reported() {
    let (_base, folder) = written("run");
    let program = crate::programs::chosen(env!("CARGO_BIN_EXE_ttlsweep-report"));
    for descriptors in [6, 8, 10, 12] {
        let script = format!("ulimit -n {descriptors}; exec \"$0\" \"$1\"");
        let output = Command::new("sh").args(["-c", &script]).arg(&program).arg(&folder).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{descriptors}: {said}");
        assert!(said.contains("ulimit -n") && !said.contains("panicked"), "{descriptors}: {said}");
    }
}

/// Nobody writes to the pipe, and nobody waits for that.
#[test]
fn a_pipe_in_place_of_a_list_is_refused_and_not_waited_for() {
    let (base, folder) = written("run");
    let pipe = base.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let program = crate::programs::chosen(env!("CARGO_BIN_EXE_ttlsweep-report"));
    let script = "exec timeout 20 \"$@\"";
    let output = Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(program)
        .args(["verify", "--told"])
        .args([&pipe, &folder])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("pipe: it is not a regular file"), "{said}");
}
