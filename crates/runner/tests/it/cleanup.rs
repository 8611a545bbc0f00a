//! What a run leaves in the bucket: nothing, if it may delete; and what was left, `clean` deletes by the run's own record.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http::Method;
use rustix::process::Signal;
use ttlsweep_record::{Outcome, TransferRecord};
use ttlsweep_rundir::csv_file::RowWriter;
use ttlsweep_runner::testing::clock::SystemClock;
use ttlsweep_runner::testing::run::cleanup::{Cleaner, CreatedObject, PendingCleanup};
use ttlsweep_runner::testing::s3::object_key::RunPrefix;
use ttlsweep_runner::testing::stop::StopSwitch;
use ttlsweep_testbed::{DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY, Testbed, TestbedConfig};

use crate::experiment::Toml;
use crate::front::{Asked, Front, error, objects, uploads};
use crate::program::{Lab, rows_or_none, signal, start, succeed, wait_until, warnings, words};
use crate::signing;

/// Two users, one transfer each a method, and an expired start.
fn all_methods() -> Toml {
    let all = Toml::named("all").set("grid.users", 2).set("grid.method", ["put", "get", "upload-part"]);
    all.set("transfer.jitter", "200ms").unset("controls.expired_start")
}

/// Without the seconds in which links expire.
const NO_EXPIRED_START: &[&str] = &["--set", "controls.expired_start=false"];

/// Uploads that take 2 s each.
fn slow() -> Toml {
    let slow = Toml::named("slow").set("grid.users", 2).set("grid.size", "100kB").set("grid.bandwidth", "800kbit/s");
    slow.set("grid.method", ["put", "upload-part", "get"]).set("transfer.transfers_per_user", 3)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "slow"]
async fn a_run_leaves_nothing_and_deletes_between_its_trials_alone() {
    let (testbed, lab) = (plain_testbed().await, all_methods().lab());
    let front = Front::before(&testbed, |_| None).await;
    let run = run_through(&lab, &front, "all.toml", &[]);
    let output = tokio::task::spawn_blocking(|| succeed(run)).await.unwrap();
    assert!(warnings(&words(&output).1).is_empty(), "{output:?}");
    assert_eq!((objects(&testbed).await, uploads(&testbed).await), (vec![], vec![]));

    let asked = front.asked();
    let deletions = deletions_apart_from_transfers(&asked);
    assert!(deletions.iter().any(|deletion| deletion.is_batch()), "{deletions:?}");
    // Nor does one fall into a jitter, which would move the start that was drawn.
    for trial in lab.run_of("all").trials() {
        let jitter_us = i64::try_from(trial.jitter_us).unwrap();
        let waits_from = trial.started_at.plus_micros(-jitter_us);
        let within = deletions.iter().find(|deletion| waits_from < deletion.ended && deletion.began < trial.ended_at);
        assert!(within.is_none(), "{within:?} in {trial:?}");
    }
}

/// A store that keeps objects as files drops a folder with its last object, and two uploads that begin together then race to
/// make it again: one of them is told 500.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_upload_ever_finds_the_runs_prefix_empty() {
    let (testbed, lab) = (plain_testbed().await, all_methods().set("grid.method", "put").lab());
    let there = Arc::new(Mutex::new(BTreeSet::new()));
    let found_empty = Arc::new(AtomicUsize::new(0));
    let (held, empty) = (Arc::clone(&there), Arc::clone(&found_empty));
    let front = Front::before(&testbed, move |head| {
        // Each by its own request, so that this side knows what is there.
        if head.method == Method::POST {
            return Some(error(501, "NotImplemented", "no such thing"));
        }
        let (key, mut held) = (head.uri.path().to_owned(), held.lock().unwrap());
        if head.method == Method::PUT {
            let measured = head.uri.query().is_some_and(|query| query.contains("x-run="));
            empty.fetch_add(usize::from(measured && held.is_empty()), Ordering::SeqCst);
            held.insert(key);
        } else if head.method == Method::DELETE {
            held.remove(&key);
        }
        None
    })
    .await;
    let run =
        run_through(&lab, &front, "all.toml", &[&["--set", "experiment.repetitions=4"], NO_EXPIRED_START].concat());
    tokio::task::spawn_blocking(|| succeed(run)).await.unwrap();
    assert_eq!(found_empty.load(Ordering::SeqCst), 0, "uploads found nothing below the prefix");
    assert!(there.lock().unwrap().is_empty() && objects(&testbed).await.is_empty(), "and nothing is left");
    let run = lab.run_of("all");
    let record = fs::read_to_string(run.path().join("objects.csv")).unwrap();
    let marker: Vec<_> = record.lines().filter(|line| line.contains("/marker,")).collect();
    assert!(marker.len() == 2 && marker[1].ends_with("deleted"), "{record}");
    assert_eq!(Some(marker[1]), record.lines().last(), "it went last");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_may_not_put_the_marker_is_reported_and_the_run_goes_on() {
    let (testbed, lab) = (plain_testbed().await, all_methods().lab());
    let front = Front::before(&testbed, |head| {
        let marker = head.method == Method::PUT && head.uri.path().ends_with("/marker");
        marker.then(|| error(403, "AccessDenied", "Access Denied"))
    })
    .await;
    let run = run_through(&lab, &front, "all.toml", NO_EXPIRED_START);
    let output = tokio::task::spawn_blocking(|| succeed(run)).await.unwrap();
    let said = words(&output).1;
    assert!(said.contains("does not take the run's marker") && said.contains("AccessDenied"), "{said}");
    assert!(lab.run_of("all").transfers().iter().any(|row| row.outcome == Outcome::Completed));
    assert_eq!((objects(&testbed).await, uploads(&testbed).await), (vec![], vec![]));
}

/// Each try takes 15 s until it is given up: cell by cell, a store that hangs would hold up the end for a quarter of an hour.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "slow"]
async fn a_store_whose_deletions_hang_is_waited_for_once_and_not_cell_by_cell() {
    let testbed = plain_testbed().await;
    let hangs = |head: &http::request::Parts| {
        (head.method == Method::POST || head.method == Method::DELETE).then(crate::front::no_answer)
    };
    let front = Front::before(&testbed, hangs).await;
    let target = Arc::new(signing::target_at(&testbed, &front.endpoint).await);
    let prefix = RunPrefix::new("ttlsweep", "hangs", "run");
    let mut cleaner = Cleaner::new(false, Arc::new(SystemClock), StopSwitch::new(), drop);
    for cell in 0..4 {
        let made = |what: &str| CreatedObject { key: prefix.key(format!("{what}-{cell}")), upload_id: None };
        let upload = CreatedObject { upload_id: Some("id".to_owned().into()), ..made("parts") };
        let made = vec![made("a"), made("b"), upload];
        cleaner.note(PendingCleanup { target: Arc::clone(&target), cell_id: format!("c{cell}"), made });
    }
    let began = Instant::now();
    cleaner.finish().await;
    assert!(began.elapsed() < Duration::from_secs(25), "{:?}", began.elapsed());
    assert_eq!((cleaner.deleted(), cleaner.left().len()), (0, 12));
}

/// Each request takes 15 s until it is given up: the first deletion, and one more chance at the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "slow"]
async fn a_run_whose_store_answers_nothing_but_transfers_waits_twice_for_it_and_no_third_time() {
    let all = all_methods().set("transfer.jitter", "0s").set("grid.method", ["put", "upload-part"]);
    let (testbed, lab) = (plain_testbed().await, all.lab());
    let front = Front::before(&testbed, |head| {
        let query = head.uri.query().unwrap_or_default();
        let hangs = match head.method {
            Method::DELETE => true,
            Method::POST => query.contains("delete"),
            Method::GET => query.contains("uploads"),
            _ => false,
        };
        hangs.then(crate::front::no_answer)
    })
    .await;
    let args = ["run", "all.toml", "--bucket", signing::BUCKET, "--endpoint", front.endpoint.as_str(), "--yes"];
    let command = lab.with_key(&testbed, &[&args, NO_EXPIRED_START].concat());
    let began = Instant::now();
    let output = tokio::task::block_in_place(|| succeed(command));
    assert!(began.elapsed() < Duration::from_secs(43), "{:?}: {}", began.elapsed(), words(&output).1);
    assert!(words(&output).1.contains("still in the bucket"), "{}", words(&output).1);
}

/// A listing may name an upload by nothing at all, or by what the store itself calls a bad request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_bad_upload_id_stops_no_other() {
    let testbed = plain_testbed().await;
    let front = Front::before(&testbed, |head| {
        let odd = head.method == Method::DELETE && head.uri.query().is_some_and(|query| query.contains("odd"));
        odd.then(|| error(400, "InvalidArgument", "no such id"))
    })
    .await;
    let target = Arc::new(signing::target_at(&testbed, &front.endpoint).await);
    let prefix = RunPrefix::new("ttlsweep", "odd", "run");
    let mut made = Vec::new();
    for number in 0..3 {
        let key = prefix.key(format!("good-{number}"));
        let upload_id = Some(target.store().unwrap().begin_upload(&key).await.unwrap().into());
        made.push(CreatedObject { key, upload_id });
    }
    made.insert(0, CreatedObject { key: prefix.key("a"), upload_id: Some(String::new().into()) });
    made.insert(2, CreatedObject { key: prefix.key("b"), upload_id: Some("odd".to_owned().into()) });
    let mut cleaner = Cleaner::new(false, Arc::new(SystemClock), StopSwitch::new(), drop);
    cleaner.note(PendingCleanup { target, cell_id: "c001".to_owned(), made });
    cleaner.finish().await;
    assert_eq!((cleaner.deleted(), cleaner.left().len()), (3, 2), "{:?}", cleaner.left());
    assert!(cleaner.left().iter().all(|left| !left.why.may_pass()), "no retry mends an id: {:?}", cleaner.left());
    assert_eq!(uploads(&testbed).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "slow"]
async fn clean_aborts_what_it_can_beside_an_upload_that_the_store_names_by_nothing() {
    let (testbed, lab) = (plain_testbed().await, all_methods().lab());
    let front = Front::before(&testbed, |head| {
        let prefix = head.uri.query()?.split('&').find_map(|pair| pair.strip_prefix("prefix="))?.replace("%2F", "/");
        let lists = head.method == Method::GET && head.uri.query()?.contains("uploads");
        let named = format!("<Upload><Key>{prefix}b01-c001-u1</Key><UploadId></UploadId></Upload>");
        lists.then(|| (200, format!("<ListMultipartUploadsResult>{named}</ListMultipartUploadsResult>")))
    })
    .await;
    let run = run_through(&lab, &front, "all.toml", &["--keep-objects"]);
    tokio::task::spawn_blocking(|| succeed(run)).await.unwrap();
    assert_eq!(uploads(&testbed).await.len(), 4, "they were to be kept");
    let clean = with_key(&lab, &["clean", "results/all/latest"]);
    let output = tokio::task::spawn_blocking(move || { clean }.output().unwrap()).await.unwrap();
    let (code, said) = words(&output);
    assert_eq!((objects(&testbed).await, uploads(&testbed).await), (vec![], vec![]), "{said}");
    assert_eq!(code, Some(2), "no retry mends a name that is none: {said}");
    assert!(said.contains("deleted: "), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_takes_no_batches_is_asked_one_by_one() {
    let (testbed, lab) = (plain_testbed().await, all_methods().lab());
    let is_batch = |head: &http::request::Parts| head.uri.query().is_some_and(|query| query.starts_with("delete"));
    let front =
        Front::before(&testbed, move |head| is_batch(head).then(|| error(501, "NotImplemented", "no such thing")))
            .await;
    let run = run_through(&lab, &front, "all.toml", NO_EXPIRED_START);
    tokio::task::spawn_blocking(|| succeed(run)).await.unwrap();
    assert_eq!((objects(&testbed).await, uploads(&testbed).await), (vec![], vec![]));
    let batches = front.asked().iter().filter(|asked| asked.is_batch()).count();
    assert_eq!(batches, 1, "once is enough to learn it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "slow"]
async fn a_key_that_may_not_delete_is_reported_once_and_clean_deletes_when_it_may() {
    let (testbed, lab) = (plain_testbed().await, all_methods().lab());
    let may_delete = Arc::new(AtomicBool::new(false));
    let allowed = Arc::clone(&may_delete);
    let front = Front::before(&testbed, move |head| {
        let deletes =
            head.method == Method::DELETE || head.uri.query().is_some_and(|query| query.starts_with("delete"));
        (deletes && !allowed.load(Ordering::SeqCst)).then(|| error(403, "AccessDenied", "Access Denied"))
    })
    .await;
    let run = run_through(&lab, &front, "all.toml", &[]);
    let output = tokio::task::spawn_blocking(|| succeed(run)).await.unwrap();
    let (_, said) = words(&output);
    assert_eq!(said.matches("this key may not delete").count(), 1, "{said}");
    assert!(said.contains("lifecycle rule") && said.contains("to delete them: ttlsweep clean"), "{said}");
    assert!(lab.run_of("all").transfers().iter().all(|row| row.outcome != Outcome::FailedLocally));
    // Two users' puts, the downloads' object, the run's marker, and what two users began in parts, in the control of expired
    // starts too.
    assert_eq!((objects(&testbed).await.len(), uploads(&testbed).await.len()), (4, 4));

    let clean = |more: &[&str]| with_key(&lab, &[&["clean", "results/all/latest"], more].concat());
    let (would, refused, cleaned, again) = tokio::task::block_in_place(|| {
        let would = succeed(clean(&["--dry-run"]));
        let refused = clean(&[]).output().unwrap();
        may_delete.store(true, Ordering::SeqCst);
        (would, refused, succeed(clean(&[])), succeed(clean(&[])))
    });
    // Those of the expired starts, which made none, are in the record, too.
    let listed = String::from_utf8(would.stdout).unwrap();
    for key in objects(&testbed).await.iter().chain(&uploads(&testbed).await) {
        assert!(listed.contains(key), "{key} in {listed}");
    }
    let (code, said) = words(&refused);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("deleted: 0") && said.contains("AccessDenied"), "{said}");
    assert_eq!(String::from_utf8(refused.stdout).unwrap().lines().count(), listed.lines().count());
    assert!(cleaned.stdout.is_empty());
    assert_eq!((objects(&testbed).await, uploads(&testbed).await), (vec![], vec![]));
    assert!(words(&again).1.contains("nothing is left of this run"), "{again:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_run_left_is_cleaned_and_nothing_else_whatever_its_files_say() {
    let (testbed, lab) = (plain_testbed().await, slow().lab());
    all_methods().write(&lab);
    let front = Front::before(&testbed, |_| None).await;
    // Somebody else's objects.
    let other = run_through(&lab, &front, "all.toml", &[&["--keep-objects"], NO_EXPIRED_START].concat());
    tokio::task::spawn_blocking(|| succeed(other)).await.unwrap();
    let others = objects(&testbed).await;
    assert_eq!((others.len(), uploads(&testbed).await.len()), (4, 2), "they were to be kept");

    let slow = start(run_through(&lab, &front, "slow.toml", &[]));
    tokio::task::block_in_place(|| {
        wait_until("uploads in parts and puts are in flight or done", || {
            let journal = lab.path("results/slow/latest/journal.csv");
            let started: Vec<TransferRecord> = rows_or_none(&journal);
            started.len() > 4
        });
        signal(&slow, Signal::KILL);
        slow.wait_with_output().unwrap();
    });
    let run = lab.run_of("slow");
    assert!(objects(&testbed).await.len() + uploads(&testbed).await.len() > others.len() + 2, "it left something");

    // A file that somebody edited names what is not the run's.
    let mut stray = run
        .transfers()
        .first()
        .cloned()
        .unwrap_or_else(|| rows_or_none::<TransferRecord>(&run.path().join("journal.csv")).remove(0));
    stray.object_key.clone_from(&others[0]);
    stray.method = ttlsweep_record::Method::Put;
    let mut writer = RowWriter::append_to(run.path()).unwrap();
    writer.write(&stray).unwrap();
    writer.flush().unwrap();

    let clean = with_key(&lab, &["clean", "results/slow/latest"]);
    let output = tokio::task::spawn_blocking(|| succeed(clean)).await.unwrap();
    let (_, said) = words(&output);
    assert!(said.contains(&format!("left alone: {}", others[0])), "{said}");
    assert_eq!(objects(&testbed).await, others);
    let left = uploads(&testbed).await;
    assert!(left.len() == 2 && left.iter().all(|key| key.contains("/all/")), "{left:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ctrl_c_deletes_too_and_resume_leaves_nothing_of_either_part() {
    let (testbed, lab) = (plain_testbed().await, slow().set("transfer.transfers_per_user", 1).lab());
    let front = Front::before(&testbed, |_| None).await;
    for stopping in [Signal::INT, Signal::KILL] {
        let args = if stopping == Signal::INT { "run" } else { "resume" };
        let child = start(if args == "run" {
            run_through(&lab, &front, "slow.toml", &[])
        } else {
            with_key(&lab, &["resume", "results/slow/latest"])
        });
        tokio::task::block_in_place(|| {
            let journal = lab.path("results/slow/latest/journal.csv");
            let before = front.asked().len();
            wait_until("a transfer is in flight", || {
                let started: Vec<TransferRecord> = rows_or_none(&journal);
                started.iter().any(|row| row.attempt == if args == "run" { 1 } else { 2 })
                    && front.asked().len() >= before
            });
            signal(&child, stopping);
            child.wait_with_output().unwrap();
        });
        if stopping == Signal::INT {
            assert_eq!((objects(&testbed).await, uploads(&testbed).await), (vec![], vec![]));
        }
    }
    let resume = with_key(&lab, &["resume", "results/slow/latest"]);
    tokio::task::spawn_blocking(|| succeed(resume)).await.unwrap();
    assert_eq!((objects(&testbed).await, uploads(&testbed).await), (vec![], vec![]));
    assert!(fs::read_to_string(lab.run_of("slow").path().join("objects.csv")).unwrap().contains("deleted"));
}

/// rclone answers CreateMultipartUpload in a way that the SDK cannot read: the upload is begun, and nobody has its name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_that_were_begun_unnoticed_are_given_up_too() {
    let (testbed, lab) = (plain_testbed().await, all_methods().lab());
    let front =
        Front::garbling(&testbed, |asked| asked.method == Method::POST && asked.target.contains("?uploads")).await;
    let run = run_through(&lab, &front, "all.toml", NO_EXPIRED_START);
    tokio::task::spawn_blocking(|| succeed(run)).await.unwrap();
    let begun = front.asked().iter().filter(|asked| asked.target.contains("?uploads")).count();
    let unread = lab.run_of("all").transfers().into_iter().filter(|row| row.outcome == Outcome::FailedLocally).count();
    assert_eq!((begun > 0, unread), (true, 2), "the answers were not to be read");
    assert_eq!((objects(&testbed).await, uploads(&testbed).await), (vec![], vec![]));
}

/// A hundred thousand objects are a hundred requests; a second Ctrl-C would leave the rest.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn very_many_objects_are_deleted_in_batches_a_few_at_a_time() {
    const MANY: usize = 100_000;
    let testbed = plain_testbed().await;
    let front = Front::before(&testbed, |_| None).await;
    let target = Arc::new(signing::target_at(&testbed, &front.endpoint).await);
    let prefix = RunPrefix::new("ttlsweep", "many", "run");
    let made = (0..MANY).map(|number| CreatedObject { key: prefix.key(number), upload_id: None }).collect();
    let deleted = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&deleted);
    let mut cleaner = Cleaner::new(false, Arc::new(SystemClock), StopSwitch::new(), move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
    });
    cleaner.note(PendingCleanup { target, cell_id: "c001".to_owned(), made });
    cleaner.finish().await;
    assert!(cleaner.left().is_empty(), "{:?}", cleaner.left().first());
    assert_eq!((cleaner.deleted(), deleted.load(Ordering::SeqCst)), (MANY as u64, MANY));
    assert_eq!(front.asked().len(), MANY / 1000);
    assert!(front.most_at_once() <= 4, "{} at once", front.most_at_once());
}

/// What is asked for when the store is gone, or the user is leaving, is given up at once, and reported as left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_fails_and_a_second_ctrl_c_end_a_deletion_soon() {
    let testbed = plain_testbed().await;
    let front = Front::before(&testbed, |head| {
        (head.method == Method::POST || head.method == Method::DELETE).then(|| error(503, "SlowDown", "not now"))
    })
    .await;
    let target = Arc::new(signing::target_at(&testbed, &front.endpoint).await);
    let prefix = RunPrefix::new("ttlsweep", "many", "run");
    let made: Vec<_> = (0..50_000).map(|number| CreatedObject { key: prefix.key(number), upload_id: None }).collect();
    for leaving in [false, true] {
        let leave = StopSwitch::new();
        let before = front.asked().len();
        if leaving {
            leave.throw();
        }
        let mut cleaner = Cleaner::new(false, Arc::new(SystemClock), leave, drop);
        cleaner.note(PendingCleanup { target: Arc::clone(&target), cell_id: "c001".to_owned(), made: made.clone() });
        cleaner.finish().await;
        assert_eq!((cleaner.deleted(), cleaner.left().len()), (0, made.len()));
        let asked = front.asked().len() - before;
        assert!(asked <= if leaving { 0 } else { 16 }, "{asked} requests, although the first ones had failed");
    }
}

/// The deletions among what was asked, none of which was under way together with a transfer.
pub(crate) fn deletions_apart_from_transfers(asked: &[Asked]) -> Vec<&Asked> {
    let deletions: Vec<_> = asked.iter().filter(|asked| asked.is_deletion()).collect();
    for deletion in &deletions {
        let meanwhile: Vec<_> = asked
            .iter()
            .filter(|other| other.is_transfer() && other.began < deletion.ended && deletion.began < other.ended)
            .collect();
        assert!(meanwhile.is_empty(), "{deletion:?} while {meanwhile:?}");
    }
    deletions
}

async fn plain_testbed() -> Testbed {
    signing::start(TestbedConfig { tls: false, ..TestbedConfig::default() }).await
}

fn run_through(lab: &Lab, front: &Front, file: &str, more: &[&str]) -> Command {
    let args = ["run", file, "--bucket", signing::BUCKET, "--endpoint", &front.endpoint, "--yes"];
    with_key(lab, &[&args, more].concat())
}

fn with_key(lab: &Lab, args: &[&str]) -> Command {
    let mut command = lab.ttlsweep(args);
    command.env("AWS_ACCESS_KEY_ID", DEFAULT_ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", DEFAULT_SECRET_KEY);
    command
}
