//! Disks that are full, and results that go away under a run: it ends with a word on it, and what was there can go on.

use std::collections::HashSet;
use std::fs;
use std::process::Output;
use std::time::Duration;

use ttlsweep_record::{TransferRecord, TrialState};

use crate::experiment::Toml;
use crate::program::{Lab, Run, start, succeed, wait_for_words, wait_until, words};
use crate::streams::ends_within;

/// Many transfers within a second or two, and so many rows.
fn many() -> Toml {
    let many = Toml::named("many").set("experiment.repetitions", 8).set("target.tls", false);
    many.set("grid.users", 4).set("grid.size", "1kB").set("transfer.transfers_per_user", 10)
}

/// The same for as long as it is let.
fn long() -> Toml {
    let many = many().unset("transfer.transfers_per_user");
    many.set("transfer.duration", "60s").set("transfer.wait", "10ms")
}

/// The run ended with `code` 1 and a way on, and a resume with room finishes it: every trial whole once, nothing twice.
fn ended_and_goes_on(lab: &Lab, output: &Output, why: &str) {
    let (code, said) = words(output);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("cannot write the run's files") && said.contains(why), "{said}");
    assert!(said.contains("ttlsweep resume results/many/"), "{said}");
    let run = lab.run_of("many");
    let before = run.trials().iter().filter(|trial| trial.state == TrialState::Whole).count();
    assert!((1..8).contains(&before), "it was to fill up in mid-run: {before} trials are whole");
    succeed(lab.ttlsweep(&["resume", "results/many/latest"]));
    assert_whole(&run);
}

fn assert_whole(run: &Run) {
    let (trials, transfers) = (run.trials(), run.transfers());
    let whole: Vec<_> = trials.iter().filter(|trial| trial.state == TrialState::Whole).collect();
    let distinct: HashSet<_> = whole.iter().map(|trial| &trial.trial_id).collect();
    assert_eq!((whole.len(), distinct.len()), (8, 8), "every trial is whole once");
    for trial in &trials {
        let of_trial = |row: &&TransferRecord| row.trial_id == trial.trial_id && row.attempt == trial.attempt;
        assert_eq!(transfers.iter().filter(of_trial).count() as u64, trial.transfers, "{trial:?}");
    }
    let names: HashSet<_> = transfers.iter().map(|row| &row.transfer_id).collect();
    assert_eq!(names.len(), transfers.len(), "a transfer is there twice");
}

/// The kernel refuses to let a file grow: what a quota does, and what nobody needs to be root for.
#[test]
fn files_that_may_not_grow_end_the_run_and_resume_goes_on() {
    let lab = many().lab();
    // Blocks of 512 bytes. The signal that goes with the refusal would end the process before it could say why.
    let output = lab.shell("trap '' XFSZ; ulimit -f 150; exec \"$TTLSWEEP\" run many.toml").output().unwrap();
    ended_and_goes_on(&lab, &output, "File too large");
}

/// A file system of 160 kB of its own; its contents are carried over to one with room before it goes.
#[test]
fn a_full_disk_ends_the_run_and_resume_goes_on() {
    let lab = many().lab();
    let mounts = lab.shell("mkdir small && unshare -rm mount -t tmpfs -o size=160k none small").output();
    if !mounts.is_ok_and(|output| output.status.success()) {
        println!("skipped: this user may not mount a tmpfs, not even in a namespace of its own");
        return;
    }
    let script = "mount -t tmpfs -o size=160k none small && \"$TTLSWEEP\" run many.toml --out small/results; \
                  code=$?; cp -a small/results . && exit $code";
    let output = lab.shell(&format!("exec unshare -rm sh -c '{script}'")).output().unwrap();
    let reported = words(&output).1;
    assert!(reported.contains("ttlsweep resume small/results/many/"), "{reported}");
    let output = Output { stderr: String::from_utf8_lossy(&output.stderr).replace("small/", "").into(), ..output };
    ended_and_goes_on(&lab, &output, "No space left on device");
}

#[test]
fn a_disk_that_is_full_from_the_start_leaves_no_run_behind() {
    let lab = many().lab();
    let output = lab.shell("trap '' XFSZ; ulimit -f 0; exec \"$TTLSWEEP\" run many.toml").output().unwrap();
    let (code, said) = words(&output);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("File too large"), "{said}");
    assert_eq!(fs::read_dir(lab.path("results/many")).unwrap().count(), 0);
}

/// Writing to a deleted file succeeds, and all of it is lost with the last handle.
#[test]
fn results_that_are_deleted_end_the_run_at_once() {
    let lab = long().lab();
    let child = start(lab.ttlsweep(&["run", "many.toml"]));
    wait_until("transfers have ended", || {
        fs::read_to_string(lab.path("results/many/latest/transfers.csv")).is_ok_and(|text| text.lines().count() > 1)
    });
    fs::remove_dir_all(lab.run_of("many").path()).unwrap();
    let output = child.wait_with_output().unwrap();
    let (code, said) = words(&output);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("transfers.csv was deleted or moved"), "{said}");
}

/// Somebody tidies up, or a tool truncates: each file stands for something that no resume can bring back.
#[test]
fn any_file_of_the_run_that_is_deleted_or_cut_in_mid_run_ends_it_in_order() {
    let files = [
        "transfers.csv",
        "trials.csv",
        "events.csv",
        "samples.csv",
        "harness.csv",
        "objects.csv",
        "clock.csv",
        "decisions.csv",
        "journal.csv",
        "cells.csv",
        "experiment.toml",
    ];
    let cases: Vec<(&str, bool)> = files.iter().flat_map(|file| [(*file, false), (*file, true)]).collect();
    // Each waits for a second for the most part; a few at a time leave the machine its breath.
    for some in cases.chunks(5) {
        std::thread::scope(|scope| some.iter().for_each(|&(file, cut)| drop(scope.spawn(move || lost(file, cut)))));
    }
}

/// A run of which `file` is deleted, or cut short, while it goes on.
fn lost(file: &str, cut: bool) {
    let lab = long().lab();
    let mut child = start(lab.ttlsweep(&["run", "many.toml"]));
    wait_until("transfers have ended", || {
        fs::read_to_string(lab.path("results/many/latest/transfers.csv")).is_ok_and(|text| text.lines().count() > 1)
    });
    let path = lab.run_of("many").path().join(file);
    if cut {
        fs::File::options().write(true).open(&path).unwrap().set_len(3).unwrap();
    } else {
        fs::remove_file(&path).unwrap();
    }
    ends_within(&mut child, Duration::from_secs(30));
    let (code, said) = words(&child.wait_with_output().unwrap());
    assert_eq!(code, Some(1), "{file}, cut: {cut}: {said}");
    let what = if cut { "was cut, or written to" } else { "was deleted or moved" };
    assert!(said.contains(file) && said.contains(what), "{file}: {said}");
}

/// Only a disk that lies, or a hand, takes rows away from a trial that is recorded whole.
#[test]
fn a_whole_trial_that_has_lost_rows_is_run_again() {
    let lab = many().set("experiment.repetitions", 2).lab();
    succeed(lab.ttlsweep(&["run", "many.toml"]));
    let run = lab.run_of("many");
    let path = run.path().join("transfers.csv");
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 1 + 2 * 40);
    fs::write(&path, lines[..lines.len() - 3].join("\n") + "\n").unwrap();
    let mut child = start(lab.ttlsweep(&["resume", "results/many/latest"]));
    wait_for_words(&mut child, "of the 40 transfers of trial b02-c001 some have no row any more");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let states: Vec<_> = run
        .trials()
        .iter()
        .map(|trial| (trial.trial_id.clone(), trial.attempt, trial.state, trial.transfers))
        .collect();
    let expected = [
        ("b01-c001".to_owned(), 1, TrialState::Whole, 40),
        ("b02-c001".to_owned(), 1, TrialState::Interrupted, 37),
        ("b02-c001".to_owned(), 2, TrialState::Whole, 40),
    ];
    assert_eq!(states, expected);
    let names: HashSet<_> = run.transfers().into_iter().map(|row| row.transfer_id).collect();
    assert_eq!(names.len(), 40 + 37 + 40);
}

/// A loss of power can leave a file without even its header.
#[test]
fn files_without_a_header_get_it_back() {
    let lab = many().set("experiment.repetitions", 1).lab();
    succeed(lab.ttlsweep(&["run", "many.toml"]));
    let run = lab.run_of("many");
    for name in ["transfers.csv", "trials.csv", "events.csv", "samples.csv"] {
        let path = run.path().join(name);
        let text = fs::read(&path).unwrap();
        let left = if name == "trials.csv" { 0 } else { 6 };
        fs::write(&path, &text[..left]).unwrap();
    }
    succeed(lab.ttlsweep(&["resume", "results/many/latest"]));
    assert_eq!((run.trials().len(), run.transfers().len()), (1, 40));
}
