//! Runs that are stopped or killed, and finished by `resume`: nothing is lost, and nothing is done twice.

use std::collections::{HashMap, HashSet};
use std::fs;

use rustix::process::Signal;
use ttlsweep_record::{Outcome, TrialState};

use crate::experiment::Toml;
use crate::program::{Lab, Run, signal, start, succeed, wait_for_words, wait_until, words};
use crate::verify::{assert_whole, verified};

/// Three trials of 1 s: two users upload 125 kB each at 2 Mbit/s.
fn three() -> Toml {
    let three = Toml::named("three").set("experiment.repetitions", 3).set("target.tls", false);
    three.set("grid.users", 2).set("grid.size", "125kB").set("grid.bandwidth", "2Mbit/s")
}

#[test]
fn what_ctrl_c_interrupts_is_recorded_and_resume_runs_exactly_that() {
    let lab = three().lab();
    let mut child = start(lab.ttlsweep(&["run", "three.toml", "--progress", "json"]));
    wait_for_words(&mut child, "\"trials_done\":1");
    let run = lab.run_of("three");
    run.wait_for_a_second_trial();
    signal(&child, Signal::INT);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(Run::printed(&lab, &output).path().canonicalize().unwrap(), run.path());

    let transfers = run.transfers();
    let cancelled: Vec<_> = transfers.iter().filter(|row| row.outcome == Outcome::Cancelled).collect();
    assert!(!cancelled.is_empty() && cancelled.len() <= 2, "{transfers:?}");
    assert!(cancelled.iter().all(|row| row.error.as_deref() == Some("the run was interrupted")), "{cancelled:?}");
    assert!(cancelled.iter().all(|row| row.total_us > 0 && row.ended_at > row.started_at));
    let states: Vec<_> = run.trials().iter().map(|trial| (trial.attempt, trial.state)).collect();
    assert_eq!(states, [(1, TrialState::Whole), (1, TrialState::Interrupted)]);
    assert_eq!(verified(&run).trials, 1);

    let resumed = succeed(lab.ttlsweep(&["resume", "results/three/latest"]));
    assert_eq!(Run::printed(&lab, &resumed), run);
    assert_complete(&run, 2);
    let again = lab.ttlsweep(&["resume", "results/three/latest"]).output().unwrap();
    let (code, said) = words(&again);
    assert_eq!(code, Some(0));
    assert!(said.contains("nothing is missing: all 3 trials are whole"), "{said}");
    assert_complete(&run, 2);

    // Another plan in the same folder is refused, and nothing is touched.
    let frozen = fs::read_to_string(run.path().join("experiment.toml")).unwrap();
    let edited = frozen.replace("\"60s\"", "\"61s\"");
    assert_ne!(frozen, edited);
    fs::write(run.path().join("experiment.toml"), edited).unwrap();
    let (code, said) = words(&lab.ttlsweep(&["resume", "results/three/latest"]).output().unwrap());
    assert_eq!(code, Some(2));
    assert!(said.contains("the plan has changed") && said.contains("c001: ttl_s was 60 and is 61"), "{said}");
    assert_complete(&run, 2);
}

#[test]
fn a_killed_run_is_finished_and_what_was_in_flight_is_reported() {
    let lab = three().lab();
    let mut child = start(lab.ttlsweep(&["run", "three.toml", "--progress", "json"]));
    wait_until("the run's files are there", || lab.path("results/three/latest/trials.csv").exists());
    let run = lab.run_of("three");
    for name in [
        "experiment.toml",
        "environment.json",
        "cells.csv",
        "transfers.csv",
        "events.csv",
        "samples.csv",
        "harness.csv",
        "clock.csv",
        "decisions.csv",
    ] {
        let text = fs::read_to_string(run.path().join(name)).unwrap();
        assert!(!text.is_empty(), "{name} has no header");
    }
    assert!(run.transfers().is_empty(), "the files are there before the first transfer ends");
    wait_for_words(&mut child, "\"trials_done\":1");
    run.wait_for_a_second_trial();
    signal(&child, Signal::KILL);
    child.wait().unwrap();

    let mut resuming = start(lab.ttlsweep(&["resume", "results/three/latest", "--progress", "json"]));
    wait_for_words(&mut resuming, "recorded as cancelled");
    // While it runs, nobody else may write there.
    let (code, said) = words(&lab.ttlsweep(&["resume", "results/three/latest"]).output().unwrap());
    assert_eq!(code, Some(75));
    assert!(said.contains("in use by another ttlsweep"), "{said}");
    let output = resuming.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(Run::printed(&lab, &output), run);

    assert_complete(&run, 2);
    let killed: Vec<_> = run.transfers().into_iter().filter(|row| row.outcome == Outcome::Cancelled).collect();
    assert!(!killed.is_empty() && killed.len() <= 2, "{killed:?}");
    assert!(killed.iter().all(|row| row.error.as_deref() == Some("run killed")), "{killed:?}");
}

/// `connection_id` names a connection within the run, whichever process opened it.
#[test]
fn a_resumed_run_gives_no_connections_number_twice() {
    let (lab, run) = killed_in_the_second_trial();
    succeed(lab.ttlsweep(&["resume", "results/three/latest"]));
    let transfers = run.transfers();
    let connections: Vec<_> = transfers.iter().filter_map(|row| row.connection_id).collect();
    let distinct: HashSet<_> = connections.iter().collect();
    assert_eq!(distinct.len(), connections.len(), "each transfer had a connection of its own: {transfers:?}");
}

/// A write that the kill cut short is no reason to lose the run.
#[test]
fn a_last_row_that_was_half_written_does_not_stop_resume() {
    let (lab, run) = killed_in_the_second_trial();
    for name in ["transfers.csv", "journal.csv", "events.csv", "samples.csv"] {
        let path = run.path().join(name);
        let mut text = fs::read_to_string(&path).unwrap();
        let half = text.lines().last().unwrap().split_at(20).0.to_owned();
        text.push_str(&half);
        fs::write(&path, text).unwrap();
    }
    succeed(lab.ttlsweep(&["resume", "results/three/latest"]));
    assert_eq!(run.trials().iter().filter(|trial| trial.state == TrialState::Whole).count(), 2);
    assert_whole(&run);
}

/// A run of two trials that was killed in the second one.
fn killed_in_the_second_trial() -> (Lab, Run) {
    let lab = three().set("experiment.repetitions", 2).lab();
    let mut child = start(lab.ttlsweep(&["run", "three.toml", "--progress", "json"]));
    wait_for_words(&mut child, "\"trials_done\":1");
    let run = lab.run_of("three");
    run.wait_for_a_second_trial();
    signal(&child, Signal::KILL);
    child.wait().unwrap();
    (lab, run)
}

/// Every trial is whole exactly once, the interrupted one at its second attempt, and its rows are all there.
fn assert_complete(run: &Run, attempts: u32) {
    assert_whole(run);
    let trials = run.trials();
    assert_eq!(trials.len(), 4, "{trials:?}");
    let whole = trials.iter().filter(|trial| trial.state == TrialState::Whole);
    let whole: HashMap<&str, u32> = whole.map(|trial| (trial.trial_id.as_str(), trial.attempt)).collect();
    let mut of_attempts: Vec<_> = whole.values().copied().collect();
    of_attempts.sort_unstable();
    assert_eq!(of_attempts, [1, 1, attempts]);
    let interrupted = trials.iter().find(|trial| trial.state == TrialState::Interrupted).unwrap();
    assert_eq!((interrupted.attempt, whole[interrupted.trial_id.as_str()]), (1, 2));
    for row in run.transfers() {
        let is_whole = whole[row.trial_id.as_str()] == row.attempt;
        assert!(!is_whole || row.outcome == Outcome::Completed, "{row:?}");
    }
}
