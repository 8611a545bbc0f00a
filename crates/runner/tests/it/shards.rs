//! One plan run by several processes: together their shards are the plan, whatever becomes of each.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;

use rustix::process::Signal;
use ttlsweep_record::{Outcome, Share, TrialState};
use ttlsweep_rundir::environment::Environment;
use ttlsweep_testbed::TestbedConfig;

use crate::experiment::Toml;
use crate::front::{objects, uploads};
use crate::program::{Lab, Run, signal, start, succeed, wait_for_words, wait_until, words};
use crate::signing;
use crate::verify::assert_whole;

/// Blocks of two cells and a control, each a trial of some 0.4 s: two users upload 50 kB each at 2 Mbit/s.
fn many(blocks: u32) -> Toml {
    let many = Toml::named("many").set("experiment.repetitions", blocks).set("target.tls", false).set("grid.users", 2);
    let many = many.set("grid.ttl", ["60s", "120s"]).set("grid.size", "50kB").set("grid.bandwidth", "2Mbit/s");
    many.set("controls.header_signed", true)
}

#[test]
fn four_shards_are_together_exactly_the_plan() {
    let lab = many(6).lab();
    let shards: Vec<_> = ["1/4", "2/4", "3/4", "4/4"].map(|shard| start(run(&lab, shard))).into_iter().collect();
    for (number, child) in (1..).zip(shards) {
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", words(&output).1);
        let folder = Run::printed(&lab, &output);
        assert!(folder.path().ends_with(format!("shard-{number}-of-4")), "{folder:?}");
    }
    let folders = shard_folders(&lab);
    assert_eq!(folders.len(), 4);
    let blocks_of = |folder: &Path| trials(folder).iter().map(|(block, _)| *block).collect::<BTreeSet<_>>();
    let blocks: Vec<_> = folders.iter().map(|folder| blocks_of(folder)).collect();
    assert_eq!(blocks, [BTreeSet::from([1, 5]), BTreeSet::from([2, 6]), BTreeSet::from([3]), BTreeSet::from([4])]);
    assert_eq!(whole_trials(&folders), plan(&lab));

    let environments: Vec<_> = folders.iter().map(|folder| Environment::read(folder).unwrap()).collect();
    let first = &environments[0];
    assert!(first.run_id.starts_with("plan-") && first.plan_hash.starts_with(&first.run_id[5..]), "{first:?}");
    for (number, environment) in (1..).zip(&environments) {
        assert_eq!(environment.shard, Share::new(number, 4).ok());
        assert_eq!((environment.trials, &environment.plan_hash), (18, &first.plan_hash), "the whole plan's");
        assert_eq!((&environment.run_id, environment.seed), (&first.run_id, first.seed));
    }
    let names: Vec<_> = folders.iter().flat_map(|folder| Run(folder.clone()).transfers()).collect();
    let distinct: BTreeSet<_> = names.iter().map(|row| &row.transfer_id).collect();
    assert_eq!((names.len(), distinct.len()), (36, 36));
    assert_eq!(left_behind(&lab), 0, "nothing but whole shards");
}

/// SIGKILL cannot be handled: what is in flight is reported by the journal when the same command is started again.
#[test]
fn a_killed_shard_goes_on_where_it_was_and_loses_and_doubles_nothing() {
    let lab = many(2).lab();
    let mut child = start(run(&lab, "1/2"));
    in_the_second_trial(&lab, &mut child);
    signal(&child, Signal::KILL);
    child.wait().unwrap();
    assert_eq!(shard_folders(&lab), Vec::<PathBuf>::new(), "a shard has its name when it is whole");
    // As if the engine had chosen another machine for the second try.
    let partial = below_run(&lab).remove(0);
    let begun = Environment::read(&partial).unwrap();
    Environment { host: "elsewhere".into(), ..begun.clone() }.write(&partial).unwrap();

    let again = succeed(run(&lab, "1/2"));
    assert!(words(&again).1.contains("was interrupted earlier; resuming it"), "{}", words(&again).1);
    succeed(run(&lab, "2/2"));
    let folders = shard_folders(&lab);
    assert_eq!(whole_trials(&folders), plan(&lab));
    let shard = Run::printed(&lab, &again);
    let interrupted: Vec<_> =
        shard.trials().into_iter().filter(|trial| trial.state == TrialState::Interrupted).collect();
    assert_eq!(interrupted.iter().map(|trial| trial.host.as_str()).collect::<Vec<_>>(), ["elsewhere"]);
    assert_eq!(shard.trials().last().unwrap().host, begun.host);
    assert_eq!(Environment::read(shard.path()).unwrap().host, begun.host);
    let killed = shard.transfers().into_iter().filter(|row| row.error.as_deref() == Some("run killed")).count();
    assert!((1..=2).contains(&killed), "{killed}");
    assert_whole(&shard);
    assert_eq!(left_behind(&lab), 0);
}

/// What a time limit, or the end of a spot instance, sends first.
#[test]
fn sigterm_ends_a_shard_in_order_and_says_that_it_may_be_tried_again() {
    let lab = many(2).lab();
    let mut child = start(run(&lab, "2/2"));
    in_the_second_trial(&lab, &mut child);
    signal(&child, Signal::TERM);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(75));
    let partial = Run::printed(&lab, &output);
    assert!(partial.path().ends_with(".shard-2-of-2.partial"), "{partial:?}");
    let cancelled: Vec<_> = partial.transfers().into_iter().filter(|row| row.outcome == Outcome::Cancelled).collect();
    assert!((1..=2).contains(&cancelled.len()), "{cancelled:?}");
    assert!(cancelled.iter().all(|row| row.error.as_deref() == Some("the run was interrupted")), "{cancelled:?}");

    let shard = Run::printed(&lab, &succeed(run(&lab, "2/2")));
    assert_whole(&shard);
    let blocks: BTreeSet<_> = trials(shard.path()).into_iter().map(|(block, _)| block).collect();
    assert_eq!((blocks, trials(shard.path()).len()), (BTreeSet::from([2]), 3));
}

#[test]
fn a_shard_that_is_whole_is_left_alone() {
    let lab = many(2).lab();
    let shard = Run::printed(&lab, &succeed(run(&lab, "1/2")));
    let before = bytes(shard.path());
    let again = succeed(run(&lab, "1/2"));
    assert_eq!(Run::printed(&lab, &again), shard);
    assert!(words(&again).1.contains("shard 1/2 of run plan-"), "{}", words(&again).1);
    assert!(words(&again).1.contains("is whole; it is left alone"), "{}", words(&again).1);
    assert_eq!(bytes(shard.path()), before);

    // Another experiment is not the one that was run, whatever the run is called.
    let named = |lab: &Lab, id: &str| lab.ttlsweep(&["run", "many.toml", "--shard", "1/2", "--run-id", id]);
    let shard = Run::printed(&lab, &succeed(named(&lab, "night")));
    let before = bytes(shard.path());
    many(2).set("grid.ttl", ["61s", "120s"]).write(&lab);
    for number in ["1/2", "2/2"] {
        let mut other = lab.ttlsweep(&["run", "many.toml", "--shard", number, "--run-id", "night"]);
        let (code, said) = words(&other.output().unwrap());
        assert_eq!(code, Some(2));
        assert!(said.contains("give the new plan another `--run-id`"), "{said}");
    }
    assert_eq!(bytes(shard.path()), before);
}

/// A task that an engine starts while the one before it still ends writes nothing beside it.
#[test]
fn two_tasks_cannot_run_one_shard_at_once() {
    let lab = many(2).lab();
    let mut child = start(run(&lab, "1/2"));
    in_the_second_trial(&lab, &mut child);
    let (code, said) = words(&run(&lab, "1/2").output().unwrap());
    assert_eq!(code, Some(75), "{said}");
    assert!(said.contains("in use by another ttlsweep"), "{said}");
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
    assert_whole(&Run(shard_folders(&lab).remove(0)));
}

#[test]
fn what_no_retry_mends_ends_with_2_and_what_to_write() {
    let lab = many(3).lab();
    let (code, said) = words(&run(&lab, "1/4").output().unwrap());
    assert_eq!(code, Some(2));
    assert!(said.contains("3 blocks, too few for 4 shards") && said.contains("`repetitions = 4`"), "{said}");
    for (shard, expected) in [
        ("0/4", "there is no `0/4`"),
        ("5/4", "there is no `5/4`"),
        ("two", "expected i/n, for example `2/4` for the second of four, and not `two`"),
        ("auto", "--shard auto: no array job is found"),
    ] {
        let (code, said) = words(&run(&lab, shard).output().unwrap());
        assert_eq!(code, Some(2), "{shard}: {said}");
        assert!(said.contains(expected), "{shard}: {said}");
    }
    assert!(!lab.path("results").exists(), "nothing was begun");

    succeed(run(&lab, "1/3"));
    let (code, said) = words(&run(&lab, "1/2").output().unwrap());
    assert_eq!(code, Some(2));
    assert!(said.contains("has shard 1/3, and this is shard 1/2: a run is divided in one way"), "{said}");
}

#[test]
fn a_store_that_nobody_answers_at_may_be_tried_again() {
    let lab = many(2).lab();
    let args = ["run", "many.toml", "--shard", "1/2", "--endpoint", "http://127.0.0.1:9", "--bucket", "none", "--yes"];
    let mut command = lab.ttlsweep(&args);
    command.env("AWS_ACCESS_KEY_ID", "k").env("AWS_SECRET_ACCESS_KEY", "s").env("AWS_REGION", "us-east-1");
    let (code, said) = words(&command.output().unwrap());
    assert_eq!(code, Some(75), "{said}");
    assert!(!lab.path("results").exists(), "nothing was begun");
}

#[test]
fn auto_runs_the_shard_that_the_engine_names() {
    let lab = many(2).lab();
    let mut command = run(&lab, "auto");
    command.env("AWS_BATCH_JOB_ARRAY_INDEX", "1").env("AWS_BATCH_JOB_ARRAY_SIZE", "2");
    let shard = Run::printed(&lab, &succeed(command));
    assert!(shard.path().ends_with("shard-2-of-2"), "{shard:?}");
    assert_eq!(Environment::read(shard.path()).unwrap().shard, Share::new(2, 2).ok());
}

/// The shorter shard ends, and tidies up, while the longer one still reads its object and sends parts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_that_ends_takes_nothing_from_the_others() {
    let testbed = signing::start(TestbedConfig { tls: false, ..TestbedConfig::default() }).await;
    let lab = many(3).set("transfer.method", ["get", "upload-part"]).lab();
    let endpoint = testbed.endpoint();
    let args =
        |shard| ["run", "many.toml", "--shard", shard, "--bucket", signing::BUCKET, "--endpoint", &endpoint, "--yes"];
    let shards = ["1/2", "2/2"].map(|shard| start(lab.with_key(&testbed, &args(shard))));
    let ended = tokio::task::block_in_place(|| shards.map(|shard| shard.wait_with_output().unwrap()));
    let runs = ended.map(|output| {
        assert_eq!(output.status.code(), Some(0), "{}", words(&output).1);
        Run::printed(&lab, &output)
    });
    let rows: Vec<_> = runs.iter().flat_map(Run::transfers).collect();
    // Three blocks of two cells and a control by two methods, two users each.
    assert_eq!(rows.len(), 36);
    assert!(rows.iter().all(|row| row.outcome == Outcome::Completed), "{rows:?}");
    assert_eq!((objects(&testbed).await, uploads(&testbed).await), (Vec::new(), Vec::new()));
}

fn run(lab: &Lab, shard: &str) -> std::process::Command {
    lab.ttlsweep(&["run", "many.toml", "--shard", shard, "--progress", "json"])
}

/// Waits until the shard that `child` runs is within its second trial.
fn in_the_second_trial(lab: &Lab, child: &mut Child) {
    wait_for_words(child, "\"trials_done\":1");
    let mut partial = None;
    wait_until("a shard has begun", || {
        partial = below_run(lab).into_iter().find(|path| name(path).ends_with(".partial"));
        partial.is_some()
    });
    Run(partial.unwrap()).wait_for_a_second_trial();
}

/// All that lies in the folder of the only run.
fn below_run(lab: &Lab) -> Vec<PathBuf> {
    let entries =
        |path: &Path| fs::read_dir(path).map_or(Vec::new(), |all| all.map(|one| one.unwrap().path()).collect());
    let mut below: Vec<_> = entries(&lab.path("results/many")).iter().flat_map(|run| entries(run)).collect();
    below.sort();
    below
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

fn shard_folders(lab: &Lab) -> Vec<PathBuf> {
    below_run(lab).into_iter().filter(|path| name(path).starts_with("shard-")).collect()
}

fn left_behind(lab: &Lab) -> usize {
    below_run(lab).len() - shard_folders(lab).len()
}

/// Block and name of each trial that is whole.
fn trials(folder: &Path) -> Vec<(u32, String)> {
    let whole = Run(folder.to_owned()).trials().into_iter().filter(|trial| trial.state == TrialState::Whole);
    whole.map(|trial| (trial.block, trial.trial_id)).collect()
}

/// The whole trials of all folders, sorted: one that is there twice would be twice in it.
fn whole_trials(folders: &[PathBuf]) -> Vec<String> {
    let mut names: Vec<_> = folders.iter().flat_map(|folder| trials(folder)).map(|(_, name)| name).collect();
    names.sort();
    names
}

/// The trials of the whole plan, as the dry run prints them.
fn plan(lab: &Lab) -> Vec<String> {
    let output = succeed(lab.ttlsweep(&["run", "many.toml", "--dry-run", "--trials"]));
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().skip_while(|line| !line.starts_with("trial ")).skip(1).take_while(|line| !line.is_empty());
    let mut names: Vec<_> = lines.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect();
    names.sort();
    assert!(!names.is_empty(), "{text}");
    names
}

/// Every file of a folder with its bytes.
fn bytes(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| (name(&path), fs::read(&path).unwrap())).collect()
}
