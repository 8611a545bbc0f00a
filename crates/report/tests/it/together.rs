//! Reports of one folder at once, folders that hold links, and disks that are full.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::common::Sweep;
use crate::programs::chosen;
use ttlsweep_report::report::report;
use ttlsweep_rundir::environment::Environment;

fn written() -> (tempfile::TempDir, PathBuf) {
    let base = tempfile::tempdir().unwrap();
    let folder = base.path().join("run");
    Sweep { ttls: vec![1, 4], controls: false, blocks: 1, ..Sweep::default() }.write(&folder);
    (base, folder)
}

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

/// Makes a bundle; the program's exit code, and what it said.
fn case(folder: &Path) -> (Option<i32>, String) {
    let program = chosen(env!("CARGO_BIN_EXE_ttlsweep-report"));
    let output = Command::new(program).arg("case").arg(folder).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
#[ignore = "slow"]
fn eight_reports_of_one_folder_at_once_all_succeed_and_leave_one_report() {
    let (_base, folder) = written();
    report(std::slice::from_ref(&folder), None).unwrap();
    let (files, charts) = (names(&folder), names(&folder.join("charts")));
    let program = chosen(env!("CARGO_BIN_EXE_ttlsweep-report"));
    let start = || Command::new(&program).arg(&folder).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let all: Vec<_> = (0..8).map(|_| start()).collect();
    for child in all {
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!((names(&folder), names(&folder.join("charts"))), (files, charts));
}

#[test]
#[ignore = "slow"]
fn eight_bundles_of_one_folder_at_once_all_succeed_and_leave_one() {
    let (base, folder) = written();
    let out = base.path().join("case");
    let program = chosen(env!("CARGO_BIN_EXE_ttlsweep-report"));
    let start = || {
        let mut command = Command::new(&program);
        command.arg("case").arg(&folder).arg("--out").arg(&out).stdout(Stdio::null()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    for _ in 0..2 {
        let all: Vec<_> = (0..8).map(|_| start()).collect();
        for child in all {
            let output = child.wait_with_output().unwrap();
            assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        }
    }
    assert_eq!(names(base.path()), ["case", "case.tar.gz", "run"]);
    assert!(out.join("case.md").exists() && out.join("SHA256SUMS").exists());
}

#[test]
fn what_a_killed_report_left_hinders_no_other() {
    let (_base, folder) = written();
    fs::create_dir_all(folder.join(".report-unfinished/charts")).unwrap();
    report(std::slice::from_ref(&folder), None).unwrap();
    assert!(folder.join("report.html").exists());
}

#[test]
fn a_link_is_neither_bundled_nor_written_through() {
    let (base, folder) = written();
    let private = base.path().join("private");
    fs::create_dir(&private).unwrap();
    fs::write(private.join("file"), "private words").unwrap();
    for name in ["experiment.toml", "samples.csv", "harness.csv", "transfers.csv", "environment.json"] {
        let own = fs::read(folder.join(name)).ok();
        let _ = fs::remove_file(folder.join(name));
        symlink(private.join("file"), folder.join(name)).unwrap();
        let (code, said) = case(&folder);
        assert_eq!(code, Some(2), "{name}: {said}");
        assert!(said.contains(name) && said.contains("is a link"), "{name}: {said}");
        fs::remove_file(folder.join(name)).unwrap();
        if let Some(own) = own {
            fs::write(folder.join(name), own).unwrap();
        }
    }
    symlink(&private, folder.join("charts")).unwrap();
    let said = report(std::slice::from_ref(&folder), None).unwrap_err().to_string();
    assert!(said.contains("charts") && said.contains("is a link"), "{said}");
    assert_eq!(names(&private), ["file"]);
}

#[test]
fn a_runs_name_that_leads_elsewhere_makes_no_bundle_there() {
    let (base, folder) = written();
    let run_id = Environment::read(&folder).unwrap().run_id;
    for file in names(&folder) {
        let text = fs::read_to_string(folder.join(&file)).unwrap();
        fs::write(folder.join(&file), text.replace(&run_id, "/../../elsewhere/bundle")).unwrap();
    }
    let (code, said) = case(&folder);
    assert_eq!(names(base.path()), ["run"], "{said}");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("elsewhere/bundle` cannot be a run's name"), "{said}");
}

/// The kernel refuses to let a file grow: what a quota or a full disk does, and what nobody needs to be root for.
#[test]
fn a_full_disk_is_reported_as_one_that_cannot_be_written() {
    let (base, folder) = written();
    let program = chosen(env!("CARGO_BIN_EXE_ttlsweep-report"));
    for arguments in ["case \"$RUN\" --out \"$OUT\"", "\"$RUN\" --out \"$OUT\""] {
        let script = format!("trap '' XFSZ; ulimit -f 0; exec \"$PROGRAM\" {arguments}");
        let mut command = Command::new("sh");
        command.args(["-c", &script]).env("PROGRAM", &program).env("RUN", &folder).env("OUT", base.path().join("out"));
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("cannot write ") && said.contains("File too large"), "{said}");
    }
}
