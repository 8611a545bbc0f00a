//! Runs whose outcome is known by construction, and what the report counts in them.

use std::path::Path;

use crate::common::{Sweep, transfer_row, trial_row};
use ttlsweep_record::*;
use ttlsweep_report::report::report;
use ttlsweep_report::testing::load::{LeftOut, load};
use ttlsweep_report::testing::summary::table::{left_out_lines, table};
use ttlsweep_report::testing::summary::{CellSummary, summarize};
use ttlsweep_report::testing::verdict::Enforces;
use ttlsweep_rundir::csv_file::read_rows;

fn summaries(folders: &[&Path]) -> Vec<CellSummary> {
    let folders: Vec<_> = folders.iter().map(|folder| folder.to_path_buf()).collect();
    summarize(&load(&folders).unwrap()).unwrap()
}

fn find(cells: &[CellSummary], policy: ExpiryPolicy, ttl_s: u32) -> &CellSummary {
    let is = |summary: &&CellSummary| {
        let cell = &summary.cell;
        cell.control.is_none() && cell.expiry_policy == Some(policy) && cell.ttl_s == Some(ttl_s)
    };
    cells.iter().find(is).unwrap()
}

#[test]
fn a_transfer_of_six_seconds_is_cut_below_six_and_completes_above() {
    let folder = tempfile::tempdir().unwrap();
    let policies = [ExpiryPolicy::OnRequest, ExpiryPolicy::InFlight, ExpiryPolicy::OnCompletion];
    Sweep { policies: policies.map(Some).to_vec(), users: vec![4], ttls: vec![4, 16], ..Sweep::default() }
        .write(folder.path());
    let cells = report(&[folder.path().to_owned()], None).unwrap().cells;
    let shape = |policy, ttl_s| {
        let counts = find(&cells, policy, ttl_s).counts;
        let outlived = (counts.outlived, counts.outlived_completed);
        (
            counts.failures(),
            counts.transfers(),
            counts.outcome(Outcome::Reset),
            counts.outcome(Outcome::Rejected),
            outlived,
        )
    };
    // Four users in three blocks: twelve transfers a cell.
    assert_eq!(shape(ExpiryPolicy::OnRequest, 4), (0, 12, 0, 0, (12, 12)));
    assert_eq!(shape(ExpiryPolicy::InFlight, 4), (12, 12, 12, 0, (12, 0)));
    assert_eq!(shape(ExpiryPolicy::OnCompletion, 4), (12, 12, 0, 12, (12, 0)));
    for policy in policies {
        assert_eq!(shape(policy, 16), (0, 12, 0, 0, (0, 0)));
        assert_eq!(find(&cells, policy, 16).trials, 3);
    }
}

#[test]
fn summary_csv_holds_the_counts_with_their_intervals() {
    let folder = tempfile::tempdir().unwrap();
    Sweep { users: vec![4], ttls: vec![4, 16], ..Sweep::default() }.write(folder.path());
    report(&[folder.path().to_owned()], None).unwrap();
    let rows: Vec<SummaryRecord> = read_rows(folder.path()).unwrap();
    assert_eq!(rows.len(), 5);
    let none_failed = rows.iter().find(|row| row.ttl_s == Some(16)).unwrap();
    assert_eq!((none_failed.failures, none_failed.transfers, none_failed.completed), (0, 12, 12));
    assert_eq!((none_failed.failure_rate, none_failed.failure_rate_low), (Some(0.0), Some(0.0)));
    // scipy: 0 of 12 leaves up to 24.2 %.
    assert!((none_failed.failure_rate_high.unwrap() - 0.242_494_006_655).abs() < 1e-9, "{none_failed:?}");
    let median = none_failed.median_total_us.unwrap();
    assert!((5_700_000..6_400_000).contains(&median), "{median}");
    let controls: Vec<_> = rows.iter().filter_map(|row| row.control).collect();
    assert_eq!(controls, [Control::LongTtl, Control::HeaderSigned, Control::ExpiredStart], "controls come last");
}

#[test]
fn the_median_stands_between_the_two_middle_ones_and_only_completed_transfers_count() {
    let folder = tempfile::tempdir().unwrap();
    let sweep = Sweep { ttls: vec![16], controls: false, blocks: 1, ..Sweep::default() };
    let mut files = sweep.begin(folder.path());
    let cell = &sweep.cells()[0];
    let totals =
        [(10, Outcome::Completed), (20, Outcome::Completed), (40, Outcome::Completed), (80, Outcome::Completed)];
    for (serial, (total_us, outcome)) in (1..).zip(totals.into_iter().chain([(9_000, Outcome::Reset)])) {
        let mut row = transfer_row(&sweep.run_id, cell, "t1", serial);
        (row.total_us, row.outcome) = (total_us, outcome);
        files.transfers.write(&row).unwrap();
    }
    files.trials.write(&trial_row(&sweep.run_id, cell, "t1", 1, 1, 5)).unwrap();
    files.transfers.flush().unwrap();
    files.trials.flush().unwrap();
    assert_eq!(summaries(&[folder.path()])[0].median_total_us, Some(30));
}

#[test]
fn cancelled_and_local_failures_leave_the_denominator() {
    let folder = tempfile::tempdir().unwrap();
    let sweep = Sweep { ttls: vec![16], controls: false, blocks: 1, ..Sweep::default() };
    let mut files = sweep.begin(folder.path());
    let cell = &sweep.cells()[0];
    for (serial, outcome) in (1..).zip(Outcome::ALL) {
        let mut row = transfer_row(&sweep.run_id, cell, "t1", serial);
        row.outcome = *outcome;
        files.transfers.write(&row).unwrap();
    }
    files.trials.write(&trial_row(&sweep.run_id, cell, "t1", 1, 1, Outcome::ALL.len() as u64)).unwrap();
    files.transfers.flush().unwrap();
    files.trials.flush().unwrap();
    let counts = summaries(&[folder.path()])[0].counts;
    assert_eq!((counts.failures(), counts.transfers()), (8, 9));
    assert!(Outcome::ALL.iter().all(|outcome| counts.outcome(*outcome) == 1));
}

#[test]
fn a_transfer_that_never_wrote_its_head_was_not_late() {
    let folder = tempfile::tempdir().unwrap();
    let sweep = Sweep { ttls: vec![16], controls: false, blocks: 1, ..Sweep::default() };
    let mut files = sweep.begin(folder.path());
    let cell = &sweep.cells()[0];
    let mut row = transfer_row(&sweep.run_id, cell, "t1", 1);
    row.expires_at = Some(row.started_at.plus_micros(500));
    row.head_written_at = None;
    row.outcome = Outcome::Unconnected;
    files.transfers.write(&row).unwrap();
    files.trials.write(&trial_row(&sweep.run_id, cell, "t1", 1, 1, 1)).unwrap();
    files.transfers.flush().unwrap();
    files.trials.flush().unwrap();
    let counts = summaries(&[folder.path()])[0].counts;
    assert_eq!((counts.failures(), counts.late_starts), (1, 0));
}

#[test]
fn only_the_whole_attempt_counts_and_the_others_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let sweep = Sweep { ttls: vec![16], controls: false, blocks: 2, ..Sweep::default() };
    let mut files = sweep.begin(folder.path());
    let cell = &sweep.cells()[0];
    // Trial a: interrupted after two failures, then whole with one success. Trial b: killed before its row was written.
    for (serial, (trial, attempt, outcome)) in (1..).zip([
        ("a", 1, Outcome::Reset),
        ("a", 1, Outcome::Reset),
        ("a", 2, Outcome::Completed),
        ("b", 1, Outcome::Reset),
    ]) {
        let mut row = transfer_row(&sweep.run_id, cell, trial, serial);
        (row.attempt, row.outcome) = (attempt, outcome);
        files.transfers.write(&row).unwrap();
    }
    let mut interrupted = trial_row(&sweep.run_id, cell, "a", 1, 1, 2);
    interrupted.state = TrialState::Interrupted;
    let mut whole = trial_row(&sweep.run_id, cell, "a", 1, 1, 1);
    whole.attempt = 2;
    files.trials.write(&interrupted).unwrap();
    files.trials.write(&whole).unwrap();
    files.transfers.flush().unwrap();
    files.trials.flush().unwrap();

    let runs = load(&[folder.path().to_owned()]).unwrap();
    assert_eq!(runs.left_out, LeftOut { superseded: 2, unfinished: 1, missing_trials: 1, planned_trials: 2 });
    assert!(runs.warnings.is_empty(), "{:?}", runs.warnings);
    let counts = summarize(&runs).unwrap()[0].counts;
    assert_eq!((counts.failures(), counts.transfers()), (0, 1));
}

#[test]
fn two_runs_of_one_plan_add_up_although_their_trials_have_the_same_names() {
    let base = tempfile::tempdir().unwrap();
    let (first, second) = (base.path().join("a"), base.path().join("b"));
    Sweep { ttls: vec![1], ..Sweep::default() }.write(&first);
    Sweep { ttls: vec![1], run_id: "20261125T000000Z".into(), ..Sweep::default() }.write(&second);
    let (one, both) = (summaries(&[&first]), summaries(&[&first, &second]));
    for (one, both) in one.iter().zip(&both) {
        assert_eq!(both.counts.transfers(), 2 * one.counts.transfers());
        assert_eq!(both.counts.failures(), 2 * one.counts.failures());
        assert_eq!(both.trials, 2 * one.trials);
    }
}

#[test]
fn a_run_without_a_transfer_yet_has_cells_of_nothing() {
    let folder = tempfile::tempdir().unwrap();
    Sweep { stop_after: 0, ..Sweep::default() }.write(folder.path());
    let done = report(&[folder.path().to_owned()], None).unwrap();
    assert!(done.cells.iter().all(|summary| summary.counts.transfers() == 0));
    assert_eq!(done.runs.left_out.missing_trials, 15);
    assert_eq!(done.verdict.enforcement(), "Enforcement: unknown: no transfer was made");
}

#[test]
fn a_target_that_lets_expired_links_through_is_named_first() {
    let folder = tempfile::tempdir().unwrap();
    let policies = vec![Some(ExpiryPolicy::Never), Some(ExpiryPolicy::OnRequest)];
    Sweep { policies, ..Sweep::default() }.write(folder.path());
    let done = report(&[folder.path().to_owned()], None).unwrap();
    let findings: Vec<_> = done.verdict.targets.iter().map(|one| one.enforcement.enforces).collect();
    assert_eq!(findings, [Enforces::No, Enforces::Yes]);
    let line = done.verdict.enforcement();
    assert!(line.starts_with("INVALID"), "{line}");
    assert!(line.contains("testbed, never enforces NOTHING (3 of 3 expired starts let through)"), "{line}");
    assert!(line.contains("testbed, on-request enforces expiry (3 of 3 expired starts refused)"), "{line}");
}

#[test]
fn a_refusal_for_another_cause_proves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let sweep = Sweep { policies: vec![None], blocks: 1, ..Sweep::default() };
    let mut files = sweep.begin(folder.path());
    let cells = sweep.cells();
    let control = cells.iter().find(|cell| cell.control == Some(Control::ExpiredStart)).unwrap();
    let mut row = transfer_row(&sweep.run_id, control, "x", 1);
    (row.outcome, row.status) = (Outcome::Rejected, Some(503));
    files.transfers.write(&row).unwrap();
    files.trials.write(&trial_row(&sweep.run_id, control, "x", 1, 1, 1)).unwrap();
    files.transfers.flush().unwrap();
    files.trials.flush().unwrap();
    let done = report(&[folder.path().to_owned()], None).unwrap();
    assert_eq!(done.verdict.targets[0].enforcement.enforces, Enforces::Unknown);
    let line = done.verdict.enforcement();
    assert!(
        line.starts_with("Enforcement: unknown of ttlsweep at 127.0.0.1:9000: 1 of 1 expired starts were answered 503"),
        "{line}"
    );
}

#[test]
fn a_refusal_that_living_links_meet_just_so_proves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let sweep = Sweep { policies: vec![None], blocks: 1, ..Sweep::default() };
    let mut files = sweep.begin(folder.path());
    for (serial, control) in [(1, Control::ExpiredStart), (2, Control::LongTtl)] {
        let cells = sweep.cells();
        let cell = cells.iter().find(|cell| cell.control == Some(control)).unwrap();
        let trial = control.to_string();
        let mut row = transfer_row(&sweep.run_id, cell, &trial, serial);
        (row.outcome, row.status) = (Outcome::Rejected, Some(403));
        files.transfers.write(&row).unwrap();
        files.trials.write(&trial_row(&sweep.run_id, cell, &trial, 1, 1, 1)).unwrap();
    }
    files.transfers.flush().unwrap();
    files.trials.flush().unwrap();
    let done = report(&[folder.path().to_owned()], None).unwrap();
    assert_eq!(done.verdict.targets[0].enforcement.enforces, Enforces::Unknown);
    let line = done.verdict.enforcement();
    assert!(
        line.contains(
            "1 of 1 expired starts were refused, but so were 1 of 1 transfers with a living link or without one"
        ),
        "{line}"
    );
}

#[test]
#[ignore = "slow"]
fn the_table_gives_up_columns_where_the_terminal_is_narrow_but_never_the_counts() {
    let folder = tempfile::tempdir().unwrap();
    let policies = vec![Some(ExpiryPolicy::InFlight), Some(ExpiryPolicy::OnRequest)];
    Sweep { policies, users: vec![1, 4], late_every: 5, ..Sweep::default() }.write(folder.path());
    let done = report(&[folder.path().to_owned()], None).unwrap();
    let wide = table(&done.cells, &done.axes, usize::MAX);
    assert!(wide.contains("outcomes") && wide.contains("median") && wide.contains("late"), "{wide}");
    let narrow = table(&done.cells, &done.axes, 76);
    let rows: Vec<&str> = narrow.lines().skip(2).collect();
    assert!(rows.iter().all(|line| line.chars().count() <= 76), "{narrow}");
    assert!(narrow.contains("failed") && narrow.contains("95 % interval"), "{narrow}");
    assert_eq!(rows.iter().filter(|line| line.contains("in-flight")).count(), 10, "{narrow}");
}

#[test]
fn what_does_not_count_is_reported_below_the_table() {
    let folder = tempfile::tempdir().unwrap();
    let sweep = Sweep { ttls: vec![16], controls: false, blocks: 2, ..Sweep::default() };
    let mut files = sweep.begin(folder.path());
    let cell = &sweep.cells()[0];
    for (serial, outcome) in (1..).zip([Outcome::Completed, Outcome::Cancelled, Outcome::FailedLocally]) {
        let mut row = transfer_row(&sweep.run_id, cell, "t1", serial);
        row.outcome = outcome;
        files.transfers.write(&row).unwrap();
    }
    let mut starved = trial_row(&sweep.run_id, cell, "t1", 1, 1, 3);
    starved.starved = true;
    files.trials.write(&starved).unwrap();
    files.transfers.flush().unwrap();
    files.trials.flush().unwrap();
    let runs = load(&[folder.path().to_owned()]).unwrap();
    let lines = left_out_lines(&runs, &summarize(&runs).unwrap());
    assert_eq!(
        lines,
        [
            "1 of 2 trials have not been run whole: these are partial results",
            "1 transfers were cancelled and are in no denominator",
            "1 transfers failed on this machine and are in no denominator",
            "1 of 1 trials were starved of processor time; their ends are held against expiry as far as is known by \
             how much they were noted late",
        ]
    );
}
