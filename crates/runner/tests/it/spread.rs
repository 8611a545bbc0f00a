//! The users of every trial over several processes, which begin together: each has its own, and all have their numbers.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use ttlsweep_record::{Outcome, Share, Timestamp, TrialState};
use ttlsweep_rundir::environment::Environment;
use ttlsweep_testbed::{Testbed, TestbedConfig};

use rustix::process::Signal;

use crate::cleanup::deletions_apart_from_transfers;
use crate::experiment::Toml;
use crate::front::{Front, objects};
use crate::program::{Lab, Run, signal, start, succeed, wait_until, warnings, words};
use crate::signing;

/// Two blocks of one cell and a control: seven users upload 20 kB each, all together at 1 Mbit/s, which takes 1.1 s.
fn wide() -> Toml {
    let wide = Toml::named("wide").set("experiment.repetitions", 2).set("grid.users", 7);
    wide.set("grid.bandwidth", "1Mbit/s").set("transfer.jitter", "500ms").set("controls.header_signed", true)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "slow"]
async fn three_parts_have_together_the_users_of_every_trial_and_begin_together() {
    let testbed = signing::start(TestbedConfig { tls: false, ..TestbedConfig::default() }).await;
    let lab = wide().lab();
    let start_at = in_seconds(6);
    let parts = ["1/3", "2/3", "3/3"].map(|part| start(run(&lab, &testbed, part, &start_at, "4s")));
    let ended = tokio::task::block_in_place(|| parts.map(|part| part.wait_with_output().unwrap()));
    let runs = ended.map(|output| {
        assert_eq!(output.status.code(), Some(0), "{}", words(&output).1);
        Run::printed(&lab, &output)
    });

    let mut names = BTreeSet::new();
    let mut users_of_trials = BTreeSet::new();
    for (number, run) in (1..).zip(&runs) {
        assert!(run.path().ends_with(format!("part-{number}-of-3")), "{run:?}");
        let environment = Environment::read(run.path()).unwrap();
        let part = Share::new(number, 3).unwrap();
        assert_eq!((environment.part, environment.shard), (Some(part), None));
        assert_eq!((environment.start_at, environment.trials), (Some(start_at), 4));
        assert!(environment.clock_offset.values().all(|offset| offset.responses > 0), "{environment:?}");
        assert_eq!(environment.clock_offset.len(), 1);
        for row in run.transfers() {
            assert_eq!(row.outcome, Outcome::Completed, "{row:?}");
            assert!(part.has(row.user) && row.users == 7, "{row:?}");
            assert!(names.insert(row.transfer_id.clone()), "twice: {row:?}");
            assert!(users_of_trials.insert((row.trial_id, row.user)));
        }
        let trials = run.trials();
        assert_eq!(trials.len(), 4);
        for (place, trial) in (0..).zip(&trials) {
            assert_eq!(trial.state, TrialState::Whole, "{trial:?}");
            assert_eq!(trial.transfers, part.items(7).count() as u64);
            // However late a busy machine is, none begins before its time.
            let due = start_at.plus_micros(place * 4_000_000 + i64::try_from(trial.jitter_us).unwrap());
            assert!(trial.started_at >= due, "{trial:?} was due at {due}");
            // Its part of the cap, and not all of it: n users of seven at n/7 of 1 Mbit/s take as long as all at all of it.
            let took = trial.ended_at.micros_since(trial.started_at);
            assert!(took >= 1_000_000, "{trial:?}");
        }
    }
    assert_eq!(users_of_trials.len(), 4 * 7);
    let jitters = runs.each_ref().map(|run| run.trials().iter().map(|trial| trial.jitter_us).collect::<Vec<_>>());
    assert!(jitters.iter().all(|drawn| *drawn == jitters[0]), "the jitter is the trial's, not the part's");
    assert_eq!(objects(&testbed).await, Vec::<String>::new());

    let folders = runs.each_ref().map(|run| run.path().to_str().unwrap());
    succeed(lab.ttlsweep(&[&["merge"], &folders[..], &["--out", "merged"]].concat()));
    let merged = Run(lab.path("merged"));
    assert_eq!((merged.trials().len(), merged.transfers().len()), (3 * 4, 4 * 7), "a row of each part, and all users'");
}

/// User 7 is part 1's, and begins when part 2's users are done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "slow"]
async fn no_part_deletes_while_another_one_transfers() {
    let testbed = signing::start(TestbedConfig { tls: false, ..TestbedConfig::default() }).await;
    let front = Front::before(&testbed, |_| None).await;
    let staggered = wide().set("grid.size", "40kB").set("controls.header_signed", false);
    let lab = staggered.set("transfer.ramp", "500ms").lab();
    let start_at = in_seconds(6);
    let part = |part| run_at(&lab, &testbed, &front.endpoint, part, &start_at, "8s");
    let parts = ["1/3", "2/3", "3/3"].map(|number| start(part(number)));
    let ended = tokio::task::block_in_place(|| parts.map(|part| part.wait_with_output().unwrap()));
    for output in &ended {
        let (code, said) = words(output);
        assert!(code == Some(0) && warnings(&said).is_empty(), "{said}");
    }
    let asked = front.asked();
    let deletions = deletions_apart_from_transfers(&asked);
    let last_transfer = asked.iter().filter(|asked| asked.is_transfer()).map(|asked| asked.began).max().unwrap();
    assert!(deletions.iter().any(|deletion| deletion.ended < last_transfer), "between the trials, too: {deletions:?}");
    assert_eq!(objects(&testbed).await, Vec::<String>::new());
}

/// The others have not waited: what it missed is made up for when all else is done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "slow"]
async fn a_part_that_was_killed_is_on_time_again_with_the_next_trial() {
    let testbed = signing::start(TestbedConfig { tls: false, ..TestbedConfig::default() }).await;
    let lab = wide().set("experiment.repetitions", 1).lab();
    let start_at = in_seconds(2);
    // Long enough for a busy machine to be back before the second trial's turn.
    let begin = || run(&lab, &testbed, "2/3", &start_at, "12s");
    tokio::task::block_in_place(|| {
        let mut child = start(begin());
        wait_until("the first trial is under way", || {
            let run = std::fs::read_dir(lab.path("results/wide")).ok().and_then(|mut runs| runs.next());
            let partial = run.map(|run| run.unwrap().path().join(".part-2-of-3.partial/journal.csv"));
            partial.is_some_and(|journal| {
                !crate::program::rows_or_none::<ttlsweep_record::TransferRecord>(&journal).is_empty()
            })
        });
        signal(&child, Signal::KILL);
        child.wait().unwrap();
    });
    let output = tokio::task::block_in_place(|| succeed(begin()));
    let run = Run::printed(&lab, &output);
    let trials = run.trials();
    let states: Vec<_> = trials.iter().map(|trial| (trial.attempt, trial.state)).collect();
    assert_eq!(states, [(1, TrialState::Interrupted), (1, TrialState::Whole), (2, TrialState::Whole)], "{trials:?}");
    assert_eq!(trials[2].trial_id, trials[0].trial_id);
    assert!(trials[1].started_at >= start_at.plus_micros(12_000_000), "{trials:?}");
}

#[test]
fn what_cannot_be_spread_ends_with_2_and_what_to_write() {
    let lab = wide().lab();
    let said = |args: &[&str]| {
        let (code, said) = words(&lab.ttlsweep(&[&["run", "wide.toml"], args].concat()).output().unwrap());
        assert_eq!(code, Some(2), "{said}");
        said
    };
    assert!(said(&["--spread", "1/8"]).contains("has 7 users, too few for 8 parts"));
    assert!(said(&["--spread", "1/2", "--shard", "1/2"]).contains("cannot be used with"));
    assert!(said(&["--shard", "1/2", "--start-at", "2026-11-25T00:00:00Z"]).contains("go with `--spread`"));
    assert!(said(&["--start-every", "1s"]).contains("go with `--spread`"));
    assert!(said(&["--run-id", "night"]).contains("required"));
    assert!(said(&["--spread", "1/2", "--start-at", "noon"]).contains("`noon` is not an instant"));
    let side_by_side = said(&["--spread", "1/2", "--set", "experiment.parallel_trials=2"]);
    assert!(side_by_side.contains("`parallel_trials = 1`"), "{side_by_side}");
    let early = said(&["--spread", "1/2", "--set", "experiment.stop=decided"]);
    assert!(early.contains("`repetitions = 20` in place of `stop`") && early.contains("or run shards"), "{early}");
    assert!(!lab.path("results").exists(), "nothing was begun");
}

fn run(lab: &Lab, testbed: &Testbed, part: &str, start_at: &Timestamp, every: &str) -> std::process::Command {
    run_at(lab, testbed, &testbed.endpoint(), part, start_at, every)
}

fn run_at(
    lab: &Lab,
    testbed: &Testbed,
    endpoint: &str,
    part: &str,
    start_at: &Timestamp,
    every: &str,
) -> std::process::Command {
    let start_at = start_at.to_string();
    let target = ["--endpoint", endpoint, "--bucket", signing::BUCKET, "--yes"];
    let args = ["run", "wide.toml", "--spread", part, "--start-at", &start_at, "--start-every", every];
    lab.with_key(testbed, &[&args[..], &target[..]].concat())
}

fn in_seconds(seconds: u64) -> Timestamp {
    Timestamp::from_system_time(SystemTime::now() + Duration::from_secs(seconds))
}
