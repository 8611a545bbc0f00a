//! Machines that share no folder: each puts its shard into a bucket, and any machine that may read it merges them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use ttlsweep_testbed::{Testbed, TestbedConfig};

use crate::experiment::Toml;
use crate::program::{Lab, Run, start, succeed, words};

/// A machine with the experiment.
fn machine() -> Lab {
    let many = Toml::named("many").set("experiment.repetitions", 2).set("target.tls", false).set("grid.users", 2);
    many.set("controls.header_signed", true).lab()
}

/// A bucket for results, which has nothing to do with the target: that one is in the program itself.
async fn bucket() -> Testbed {
    let config = TestbedConfig { tls: false, buckets: vec!["results".to_owned()], ..TestbedConfig::default() };
    Testbed::start(config).await.unwrap()
}

/// The program, with the key and the endpoint of the bucket for results.
fn ttlsweep(lab: &Lab, bucket: &Testbed, args: &[&str]) -> Command {
    let mut command = lab.with_key(bucket, args);
    command.env("AWS_ENDPOINT_URL_S3", bucket.endpoint()).env("AWS_REGION", "us-east-1");
    command
}

fn shard(lab: &Lab, bucket: &Testbed, shard: &str) -> Command {
    ttlsweep(lab, bucket, &["run", "many.toml", "--shard", shard, "--upload", "s3://results/night"])
}

#[tokio::test(flavor = "multi_thread")]
async fn shards_that_two_machines_put_into_a_bucket_are_merged_by_a_third() {
    let (bucket, machines) = (bucket().await, [machine(), machine()]);
    let begun: Vec<_> = (1..).zip(&machines).map(|(n, lab)| start(shard(lab, &bucket, &format!("{n}/2")))).collect();
    let mut folders = Vec::new();
    for (lab, child) in machines.iter().zip(begun) {
        let output = child.wait_with_output().unwrap();
        assert!(words(&output).1.contains("uploaded: 11 files, "), "{}", words(&output).1);
        folders.push(Run::printed(lab, &output));
    }
    let third = Lab::new();
    let merged =
        Run::printed(&third, &succeed(ttlsweep(&third, &bucket, &["merge", "s3://results/night", "--out", "merged"])));
    assert_eq!(merged.trials().len(), 4);
    assert_eq!(merged.transfers().len(), 8);

    // What came through the bucket is what the machines have.
    let mut local = vec!["merge", "--out", "beside"];
    local.extend(folders.iter().map(|folder| folder.path().to_str().unwrap()));
    let beside = Run::printed(&third, &succeed(third.ttlsweep(&local)));
    assert_eq!(bytes(merged.path()), bytes(beside.path()));
    let mut left: Vec<_> = fs::read_dir(third.path(".")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["beside", "merged"], "the shards that were brought are gone");
    bucket.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_that_is_whole_in_the_bucket_is_left_alone_on_every_machine() {
    let (bucket, first, second) = (bucket().await, machine(), machine());
    succeed(shard(&first, &bucket, "1/2"));
    for lab in [&first, &second] {
        let again = succeed(shard(lab, &bucket, "1/2"));
        assert!(words(&again).1.contains("is whole; it is left alone"), "{}", words(&again).1);
        let printed = String::from_utf8(again.stdout).unwrap();
        assert!(
            printed.starts_with("s3://results/night/many/plan-") && printed.ends_with("/shard-1-of-2\n"),
            "{printed}"
        );
    }
    assert!(!second.path("results").exists(), "nothing was run");
    // One shard is not the run.
    let (code, said) =
        words(&ttlsweep(&second, &bucket, &["merge", "s3://results/night", "--out", "m"]).output().unwrap());
    assert_eq!(code, Some(75), "{said}");
    assert!(!second.path("m").exists());
    bucket.shutdown().await;
}

/// As when the network was down in the end: the shard is whole here, and the same command has only to put it there.
#[tokio::test(flavor = "multi_thread")]
async fn a_shard_that_is_whole_here_alone_is_put_there_by_the_same_command() {
    let (bucket, lab) = (bucket().await, machine());
    let folder = Run::printed(&lab, &succeed(lab.ttlsweep(&["run", "many.toml", "--shard", "2/2"])));
    let before = bytes(folder.path());
    let again = succeed(shard(&lab, &bucket, "2/2"));
    assert!(words(&again).1.contains("uploaded: 11 files, "), "{}", words(&again).1);
    assert_eq!(Run::printed(&lab, &again), folder);
    assert_eq!(bytes(folder.path()), before);
    bucket.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_takes_nothing_is_reported_before_anything_is_run() {
    let (bucket, lab) = (bucket().await, machine());
    let run = |url: &str| {
        let command =
            ttlsweep(&lab, &bucket, &["run", "many.toml", "--shard", "1/2", "--upload", url]).output().unwrap();
        words(&command)
    };
    let (code, said) = run("s3://nowhere/night");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("s3://nowhere/night/many/plan-") && said.contains("NoSuchBucket"), "{said}");
    let (code, said) = run("results/night");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("`results/night` names no place in a bucket; expected s3://bucket/prefix"), "{said}");
    assert!(!lab.path("results").exists(), "nothing was run");
    bucket.shutdown().await;
}

/// The run's objects lie below `ttlsweep/`, and are deleted: the results must not be among them.
#[tokio::test(flavor = "multi_thread")]
async fn results_may_not_lie_among_the_objects_that_clean_deletes() {
    let (bucket, lab) = (bucket().await, machine());
    let target = ["--endpoint", &bucket.endpoint(), "--bucket", "results", "--yes"];
    let run = |url: &str| {
        let args = ["run", "many.toml", "--shard", "1/2", "--upload", url];
        words(&ttlsweep(&lab, &bucket, &[&args[..], &target[..]].concat()).output().unwrap())
    };
    let (code, said) = run("s3://results/ttlsweep");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("among the run's own objects") && said.contains("s3://results/ttlsweep/results"), "{said}");
    assert_eq!(run("s3://results/ttlsweep/results").0, Some(0), "what was advised");
    bucket.shutdown().await;
}

/// Every file of a folder with its bytes.
fn bytes(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    files.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap())).collect()
}
