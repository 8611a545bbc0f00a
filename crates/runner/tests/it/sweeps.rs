//! Whole sweeps by the program: where files go, what users do when, and what no file may hold.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use ttlsweep_record::{Cell, Outcome, TransferRecord, TrialState};
use ttlsweep_rundir::csv_file::read_rows;
use ttlsweep_rundir::planned::PlannedRun;
use ttlsweep_runner::testing::s3::object_key::RunPrefix;
use ttlsweep_testbed::{DEFAULT_SECRET_KEY, TestbedConfig};

use crate::experiment::Toml;
use crate::program::{Run, rows_or_none, signal, start, succeed, wait_until, words};
use crate::signing;
use crate::verify::assert_whole;

#[test]
fn two_runs_of_one_second_get_two_folders_and_print_nothing_else() {
    let lab = experiment("small").lab();
    let both = [0, 1].map(|_| start(lab.ttlsweep(&["run", "small.toml"])));
    let runs = both.map(|child| {
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", words(&output).1);
        Run::printed(&lab, &output)
    });
    assert_ne!(runs[0], runs[1]);
    let latest = lab.run_of("small");
    assert!(runs.iter().any(|run| run.path().canonicalize().unwrap() == latest.path()));
    for run in &runs {
        assert_eq!((run.transfers().len(), run.trials().len()), (1, 1));
        assert_eq!(run.transfers()[0].outcome, Outcome::Completed);
        assert!(!run.path().join("journal.csv").exists(), "a whole run needs no journal");
    }
}

#[test]
fn a_dry_run_prints_the_plan_and_does_nothing() {
    let lab = experiment("small").lab();
    // Even where the target is a real one: nobody listens at this address.
    let args = ["run", "small.toml", "--dry-run", "--bucket", "none", "--endpoint", "http://127.0.0.1:1"];
    let output = succeed(lab.ttlsweep(&args));
    let plan = String::from_utf8(output.stdout).unwrap();
    assert!(plan.contains("c001") && plan.contains("1 user") && !plan.contains("b01-c001"), "{plan}");
    assert!(plan.trim_end().ends_with("this run can end only in CANNOT TELL"), "the end is what is read: {plan}");
    let listed = succeed(lab.ttlsweep(&[&args[..], &["--trials"]].concat()));
    assert!(String::from_utf8(listed.stdout).unwrap().contains("b01-c001"));
    assert!(!lab.path("results").exists());
}

#[test]
fn a_dry_run_leaves_its_plan_for_a_forecast_in_no_runs_folder() {
    let lab = experiment("small").set("experiment.repetitions", 3).lab();
    let args = ["run", "small.toml", "--dry-run", "--plan", "plan"];
    // Twice: an earlier plan is replaced.
    (0..2).for_each(|_| drop(succeed(lab.ttlsweep(&args))));
    let cells: Vec<Cell> = read_rows(&lab.path("plan")).unwrap();
    let planned = PlannedRun::read(&lab.path("plan")).unwrap();
    assert_eq!((planned.experiment.as_str(), planned.blocks), ("small", 3));
    assert_eq!(planned.needed_us.len(), cells.len());
    assert_eq!(planned.takes.transfers, 3 * planned.each_block.transfers);
    assert_eq!(planned.takes.usd, None, "a testbed costs nothing");
    let run = Run::printed(&lab, &succeed(lab.ttlsweep(&["run", "small.toml"])));
    let folder = run.path().display().to_string();
    let (code, said) = words(&lab.ttlsweep(&["run", "small.toml", "--dry-run", "--plan", &folder]).output().unwrap());
    assert_eq!(code, Some(2));
    assert!(said.contains("holds a run; name another folder"), "{said}");
}

#[test]
fn users_loop_until_the_duration_is_over_and_the_last_ones_are_cancelled() {
    let lab = experiment("loop").set("grid.users", 2).set("grid.bandwidth", "4Mbit/s").lab();
    // 100 kB at 2 Mbit/s for each user: 0.4 s, so that five begin and four complete.
    let output = succeed(lab.ttlsweep(&["run", "loop.toml", "--set", "transfer.duration=1.8s"]));
    let run = Run::printed(&lab, &output);
    let (transfers, trials) = (run.transfers(), run.trials());
    assert_eq!((trials.len(), trials[0].state), (1, TrialState::Whole), "{trials:?}");
    assert_eq!(trials[0].transfers, transfers.len() as u64);
    for user in [1, 2] {
        let mine: Vec<_> = transfers.iter().filter(|row| row.user == user).collect();
        assert!((4..=6).contains(&mine.len()), "{mine:?}");
        let (last, before) = mine.split_last().unwrap();
        assert!(before.iter().all(|row| row.outcome == Outcome::Completed), "{before:?}");
        assert_eq!(last.outcome, Outcome::Cancelled);
        assert_eq!(last.error.as_deref(), Some("the trial's duration was over"));
        let ran_us = last.ended_at.micros_since(trials[0].started_at);
        assert!((1_800_000..1_900_000).contains(&ran_us), "{ran_us}");
    }
}

/// Two users start 0.4 s apart and make three transfers each, 0.3 s apart, by links that were made when they started.
#[test]
fn links_age_in_the_queue_and_users_start_one_after_another_and_no_secret_is_written() {
    let queue = experiment("queue").set("grid.users", 2).set("transfer.transfers_per_user", 3);
    let queue = queue.set("transfer.wait", "300ms").set("transfer.ramp", "400ms");
    let lab = queue.set("transfer.presign", "per-user").lab();
    let output = succeed(lab.ttlsweep(&["run", "queue.toml", "--progress", "plain"]));
    let run = Run::printed(&lab, &output);
    let transfers = run.transfers();
    assert_eq!(transfers.len(), 6);
    let of = |user: u32| -> Vec<&TransferRecord> { transfers.iter().filter(|row| row.user == user).collect() };
    // A busy machine is late at each of a user's steps.
    let late = 4 * i64::try_from(run.trials()[0].scheduler_lag_us.unwrap()).unwrap();
    for user in [1, 2] {
        let mine = of(user);
        assert!(mine.iter().map(|row| row.sequence).eq(1..=3));
        assert!(mine.iter().all(|row| row.presigned_at == mine[0].presigned_at));
        let ages: Vec<_> = mine.iter().map(|row| row.link_age_us.unwrap()).collect();
        assert!(ages.windows(2).all(|pair| pair[1] - pair[0] >= 300_000), "{ages:?}");
        assert!(ages[0] >= 0 && ages[2] < 900_000 + late, "{ages:?}");
        let waits = mine.windows(2).map(|pair| pair[1].started_at.micros_since(pair[0].ended_at));
        assert!(waits.clone().all(|wait| (299_000..400_000 + late).contains(&wait)), "{:?}", waits.collect::<Vec<_>>());
        assert!(mine.iter().map(|row| row.reused_connection).eq([false, true, true]));
    }
    let began = run.trials()[0].started_at;
    let [first, second] = [1, 2].map(|user| of(user)[0].started_at.micros_since(began));
    assert!((0..100_000 + late).contains(&first) && (400_000..500_000 + late).contains(&second), "{first} {second}");
    assert_no_secrets(&run, &output.stderr);
}

#[test]
fn the_links_of_a_trial_live_as_long_as_it_drew_and_those_of_others_do_not() {
    let lab = experiment("drawn").set("grid.ttl.random", ["60s", "90s"]).set("grid.users", 2).lab();
    let output = succeed(lab.ttlsweep(&["run", "drawn.toml", "--set", "experiment.repetitions=6"]));
    let run = Run::printed(&lab, &output);
    let mut of_trials: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
    for row in run.transfers() {
        let ttl_s = row.ttl_s.unwrap();
        of_trials.entry(row.trial_id).or_default().insert(ttl_s);
        // A link's date is cut to whole seconds.
        let lives_us = row.expires_at.unwrap().micros_since(row.presigned_at.unwrap());
        let ttl_us = i64::from(ttl_s) * 1_000_000;
        assert!((ttl_us - 1_000_000..=ttl_us).contains(&lives_us), "{lives_us} of {ttl_s} s");
    }
    assert_eq!(of_trials.len(), 6);
    assert!(of_trials.values().all(|drawn| drawn.len() == 1), "{of_trials:?}");
    let all: BTreeSet<u32> = of_trials.into_values().flatten().collect();
    assert!(all.len() > 1 && all.iter().all(|ttl_s| (60..=90).contains(ttl_s)), "{all:?}");
    assert_whole(&run);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_arrives_byte_for_byte() {
    let testbed = signing::start(TestbedConfig { tls: false, ..TestbedConfig::default() }).await;
    let lab = experiment("file").set("grid.size.file", "body.bin").lab();
    let body: Vec<u8> = (0..300_007u32).map(|index| (index * 7 % 251) as u8).collect();
    lab.write("body.bin", &body);
    let endpoint = testbed.endpoint();
    let args = ["run", "file.toml", "--bucket", signing::BUCKET, "--endpoint", &endpoint, "--yes", "--keep-objects"];
    let command = lab.with_key(&testbed, &args);
    let output = tokio::task::spawn_blocking(|| succeed(command)).await.unwrap();
    let run = Run::printed(&lab, &output);
    let row = &run.transfers()[0];
    assert_eq!((row.outcome, row.body_bytes_acked), (Outcome::Completed, Some(300_007)), "{row:?}");

    let key = RunPrefix::new("ttlsweep/", "file", &row.run_id).recorded(&row.object_key).unwrap();
    let link = signing::link_to(&testbed, &key).await;
    let mut socket = TcpStream::connect(testbed.addr()).await.unwrap();
    let path = link.uri.expose().path_and_query().unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", testbed.addr());
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    socket.read_to_end(&mut response).await.unwrap();
    assert!(response.starts_with(b"HTTP/1.1 200") && response.ends_with(&body));
    assert_no_secrets(&run, &output.stderr);
}

/// The whole way with TLS and a bundle of certificates, as it is with a store of one's own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_of_ones_own_is_swept_over_tls() {
    let testbed = signing::start(TestbedConfig::default()).await;
    let own = experiment("own").set("transfer.method", ["put", "get", "upload-part"]);
    let lab = own.set("transfer.expect_continue", [false, true]).lab();
    let endpoint = testbed.endpoint();
    let args = ["run", "own.toml", "--bucket", signing::BUCKET, "--endpoint", &endpoint, "--yes"];
    let command = lab.with_key(&testbed, &args);
    let output = tokio::task::spawn_blocking(|| succeed(command)).await.unwrap();
    let run = Run::printed(&lab, &output);
    let rows = run.transfers();
    assert_eq!(rows.len(), 6);
    assert!(rows.iter().all(|row| row.outcome == Outcome::Completed && row.tls_version.is_some()), "{rows:?}");
    assert_eq!(rows.iter().filter(|row| row.continue_us.is_some()).count(), 2, "{rows:?}");
    assert_no_secrets(&run, &output.stderr);
}

/// What an upload in parts leaves behind is stored, and billed, until it is given up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_in_parts_are_given_up_also_where_their_user_never_began() {
    let testbed = signing::start(TestbedConfig { tls: false, ..TestbedConfig::default() }).await;
    let parts = experiment("parts").set("grid.users", 2).set("grid.bandwidth", "100kbit/s");
    let lab = parts.set("transfer.method", "upload-part").set("transfer.ramp", "60s").lab();
    let endpoint = testbed.endpoint();
    let args = ["run", "parts.toml", "--bucket", signing::BUCKET, "--endpoint", &endpoint, "--yes"];
    let child = start(lab.with_key(&testbed, &args));
    let count = |method: &str| testbed.requests().iter().filter(|request| request.method == method).count();
    tokio::task::block_in_place(|| {
        wait_until("both users have begun their uploads, and the first its part", || {
            let journal = lab.path("results/parts/latest/journal.csv");
            count("POST") == 2 && !rows_or_none::<TransferRecord>(&journal).is_empty()
        });
        signal(&child, Signal::INT);
        assert_eq!(child.wait_with_output().unwrap().status.code(), Some(130));
    });
    // Beside the marker, which goes with the run.
    let given_up =
        |request: &&ttlsweep_testbed::RequestRecord| request.method == "DELETE" && !request.path.ends_with("/marker");
    assert_eq!(testbed.requests().iter().filter(given_up).count(), 2, "{:?}", testbed.requests());
    let run = lab.run_of("parts");
    assert_eq!((run.transfers().len(), run.trials()[0].state), (1, TrialState::Interrupted));
}

/// One user, one upload of 100 kB with a link of a minute.
fn experiment(name: &str) -> Toml {
    Toml::named(name).set("grid.size", "100kB")
}

/// Neither a signature nor the secret key stands in any file, or in what was said.
fn assert_no_secrets(run: &Run, said: &[u8]) {
    let files = fs::read_dir(run.path()).unwrap().map(|entry| entry.unwrap().path());
    let mut texts: Vec<_> = files.filter(|path| path.is_file()).map(|path| (read(&path), path)).collect();
    assert!(texts.len() >= 7, "{texts:?}");
    texts.push((String::from_utf8(said.to_vec()).unwrap(), Path::new("stderr").to_owned()));
    for (text, path) in texts {
        for secret in ["X-Amz-Signature", "Signature=", DEFAULT_SECRET_KEY] {
            assert!(!text.contains(secret), "{} holds {secret}", path.display());
        }
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}
