//! Is a run's folder whole and consistent? A run's own is, and no edit that changes what it says goes by unnoticed.

use std::collections::HashSet;
use std::fs;

use ttlsweep_rundir::verify::{Verified, verify};

use crate::program::Run;
use crate::repair::{edit, whole};

/// What is known of the folder.
pub(crate) fn verified(run: &Run) -> Verified {
    verify(run.path(), &HashSet::new()).unwrap()
}

/// The run's folder is whole and consistent.
pub(crate) fn assert_whole(run: &Run) {
    let verified = verified(run);
    assert!(verified.whole_and_consistent, "{verified}");
}

fn cell(lines: &mut [String], line: usize, column: &str, value: &str) {
    let at = lines[0].split(',').position(|name| name == column).unwrap();
    let mut cells: Vec<&str> = lines[line - 1].split(',').collect();
    cells[at] = value;
    lines[line - 1] = cells.join(",");
}

#[test]
fn what_a_hand_changed_is_reported_by_file_and_line() {
    let (_lab, run) = whole();
    assert_whole(&run);
    assert_eq!(verified(&run).to_string(), "whole and consistent: 2 trials, 12 transfers");
    type Change = fn(&mut Vec<String>);
    let changes: [(&str, Change, &str); 24] = [
        ("transfers.csv", |lines| drop(lines.remove(3)), "trials.csv line 2: attempt 1 at the trial"),
        ("transfers.csv", |lines| lines.push(lines[4].clone()), "transfers.csv line 14: the transfer"),
        ("transfers.csv", |lines| cell(lines, 4, "margin_us", "7"), "transfers.csv line 4: margin_us is not"),
        ("transfers.csv", |lines| cell(lines, 4, "link_age_us", ""), "transfers.csv line 4: link_age_us is not"),
        ("transfers.csv", |lines| cell(lines, 5, "total_us", "7"), "transfers.csv line 5: total_us is not"),
        (
            "transfers.csv",
            |lines| cell(lines, 5, "started_at", "2040-01-01T00:00:00.000000Z"),
            "transfers.csv line 5: its instants are out of order",
        ),
        ("transfers.csv", |lines| cell(lines, 6, "phase", "wait"), "transfers.csv line 6: it completed, and its phase"),
        ("transfers.csv", |lines| cell(lines, 6, "status", "403"), "transfers.csv line 6: it completed, but not all"),
        ("transfers.csv", |lines| cell(lines, 6, "body_bytes_written", "9"), "line 6: it completed, but not all"),
        ("transfers.csv", |lines| cell(lines, 7, "outcome", "rejected"), "line 7: it was rejected, and its status"),
        ("transfers.csv", |lines| cell(lines, 7, "attempt", "9"), "line 7: trials.csv has no attempt 9"),
        ("transfers.csv", |lines| cell(lines, 7, "user", "4"), "line 7: the cell has users 1 to 3"),
        ("transfers.csv", |lines| cell(lines, 7, "ttl_s", "7"), "line 7: the TTL is none of those of the cell c001"),
        (
            "cells.csv",
            |lines| cell(lines, 2, "ttl_s", ""),
            "transfers.csv line 2: the TTL is none of those of the cell",
        ),
        ("transfers.csv", |lines| cell(lines, 7, "run_id", "another"), "line 7: the row is of run another"),
        ("transfers.csv", |lines| cell(lines, 7, "total_us", "x"), "line 7: column `total_us`: `x` is not a number"),
        ("transfers.csv", |lines| lines[3].push_str(",x"), "transfers.csv line 4: "),
        (
            "trials.csv",
            |lines| drop(lines.remove(2)),
            "trials.csv: 1 of 2 planned trials is not whole: the cell c001 of block 2",
        ),
        ("trials.csv", |lines| lines.push(lines[1].clone()), "trials.csv line 4: attempt 1 at the trial"),
        (
            "trials.csv",
            |lines| cell(lines, 3, "block", "1"),
            "trials.csv line 3: the cell c001 of block 1 is whole twice",
        ),
        ("trials.csv", |lines| cell(lines, 3, "block", "7"), "trials.csv line 3: the plan has blocks 1 to 2"),
        (
            "trials.csv",
            |lines| cell(lines, 3, "state", "interrupted"),
            "trials.csv: 1 of 2 planned trials is not whole: the cell c001 of block 2",
        ),
        (
            "events.csv",
            |lines| cell(lines, 3, "transfer_id", "nobody"),
            "events.csv line 3: the transfer nobody has no row",
        ),
        ("cells.csv", |lines| lines.push(lines[1].clone()), "cells.csv line 3: the cell c001 is there twice"),
    ];
    for (file, change, expected) in changes {
        let own = fs::read(run.path().join(file)).unwrap();
        edit(&run, file, change);
        let found = verified(&run);
        assert!(!found.whole_and_consistent && found.to_string().contains(expected), "{expected}: {found}");
        fs::write(run.path().join(file), own).unwrap();
    }
    assert_whole(&run);
    for file in ["events.csv", "samples.csv", "harness.csv", "objects.csv", "experiment.toml", "trials.csv"] {
        let own = fs::read(run.path().join(file)).unwrap();
        fs::remove_file(run.path().join(file)).unwrap();
        assert!(verified(&run).problems.iter().any(|one| one.file.ends_with(file)), "{file}");
        fs::write(run.path().join(file), own).unwrap();
    }
    let path = run.path().join("transfers.csv");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.trim_end()).unwrap();
    assert!(verified(&run).to_string().contains("its last line has no end"));
    fs::write(&path, text).unwrap();
    let journal = run.path().join("journal.csv");
    let row = fs::read_to_string(&path).unwrap().replace("-u1-s1", "-u1-s9");
    fs::write(&journal, row).unwrap();
    let found = verified(&run).to_string();
    assert!(found.contains("journal.csv: it is still there"), "{found}");
    assert!(found.contains("-u1-s9 had started and has no row"), "{found}");
    fs::remove_file(&journal).unwrap();
    let reported = HashSet::from(["nobody".to_owned()]);
    assert!(
        verify(run.path(), &reported).unwrap().to_string().contains("the transfer nobody had started and has no row")
    );
    assert_whole(&run);
}

/// As Windows and old Macs end them, and a spreadsheet that saves for either.
#[test]
fn other_line_ends_leave_a_folder_whole() {
    let (_lab, run) = whole();
    for ends in ["\r\n", "\r"] {
        for file in ["transfers.csv", "trials.csv", "cells.csv", "events.csv"] {
            let path = run.path().join(file);
            let text = fs::read_to_string(&path).unwrap();
            fs::write(path, text.lines().fold(String::new(), |text, line| text + line + ends)).unwrap();
        }
        assert_whole(&run);
    }
}
