//! What is wrong with the input is said before anything is sent or written, with an exit code that scripts can go by.

use std::process::Command;

use ttlsweep_testbed::TestbedConfig;

use crate::program::{Lab, words};
use crate::signing;

const EXPERIMENT: &str = "
[experiment]
name = \"bad\"
[grid]
ttl = \"10s\"
size = \"1kB\"
";

#[test]
fn an_unknown_key_is_a_usage_error() {
    let lab = lab();
    lab.write("bad.toml", EXPERIMENT.replace("size", "sice"));
    refused(&lab, lab.ttlsweep(&["run", "bad.toml"]), 2, &["unknown key `sice`", "write `size`"]);
}

#[test]
fn an_experiment_that_is_not_there_is_a_usage_error() {
    let lab = lab();
    refused(&lab, lab.ttlsweep(&["run", "nothing.toml"]), 2, &["nothing.toml"]);
    refused(&lab, lab.ttlsweep(&["resume", "."]), 2, &["is no run's folder"]);
    refused(&lab, lab.ttlsweep(&["resume", "nowhere"]), 2, &["nowhere"]);
}

#[test]
fn without_credentials_nothing_begins() {
    let lab = lab();
    let args = ["run", "bad.toml", "--bucket", "b", "--endpoint", "http://127.0.0.1:1", "--yes"];
    refused(&lab, lab.ttlsweep(&args), 2, &["no AWS credentials", "AWS_ACCESS_KEY_ID"]);
}

#[test]
fn nobody_there_is_worth_another_try() {
    let lab = lab();
    let args = ["run", "bad.toml", "--bucket", "b", "--endpoint", "http://127.0.0.1:1", "--yes"];
    let mut command = lab.ttlsweep(&args);
    command.env("AWS_ACCESS_KEY_ID", "AK").env("AWS_SECRET_ACCESS_KEY", "hush-hush");
    refused(&lab, command, 75, &["http://127.0.0.1:1", "cannot be reached", "refused"]);
}

#[test]
fn a_large_plan_at_a_real_endpoint_needs_consent() {
    let lab = lab();
    lab.write("bad.toml", EXPERIMENT.replace("1kB", "200GB"));
    let args = ["run", "bad.toml", "--bucket", "b", "--endpoint", "http://127.0.0.1:1"];
    let mut command = lab.ttlsweep(&args);
    command.env("AWS_ACCESS_KEY_ID", "AK").env("AWS_SECRET_ACCESS_KEY", "hush-hush");
    refused(&lab, command, 2, &["GB", "add `--yes`", "--dry-run"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_secret_is_named_and_so_is_a_missing_bucket() {
    let testbed = signing::start(TestbedConfig::default()).await;
    let lab = lab();
    let endpoint = testbed.endpoint();
    let with_bucket = |bucket: &'static str| {
        lab.with_key(&testbed, &["run", "bad.toml", "--bucket", bucket, "--endpoint", &endpoint, "--yes"])
    };
    let mut wrong = with_bucket(signing::BUCKET);
    wrong.env("AWS_SECRET_ACCESS_KEY", "hush-hush");
    let mut unknown = with_bucket(signing::BUCKET);
    unknown.env("AWS_ACCESS_KEY_ID", "somebody");
    let mut untrusting = with_bucket(signing::BUCKET);
    untrusting.env("AWS_CA_BUNDLE", lab.path("bad.toml"));
    let missing = with_bucket("missing");
    let lab = &lab;
    tokio::task::block_in_place(|| {
        refused(lab, wrong, 2, &["SignatureDoesNotMatch", "AWS_SECRET_ACCESS_KEY"]);
        refused(lab, unknown, 2, &["InvalidAccessKeyId", "AWS_ACCESS_KEY_ID"]);
        refused(lab, untrusting, 2, &["AWS_CA_BUNDLE", "no PEM certificate"]);
        refused(lab, missing, 2, &["NoSuchBucket", "`missing`", "--bucket"]);
    });
}

fn lab() -> Lab {
    let lab = Lab::new();
    lab.write("bad.toml", EXPERIMENT);
    lab
}

/// The program ends with `code`, says all of `texts` and no secret, prints nothing, and leaves no folder behind.
fn refused(lab: &Lab, mut command: Command, code: i32, texts: &[&str]) {
    let output = command.output().unwrap();
    let (ended, said) = words(&output);
    assert_eq!(ended, Some(code), "{said}");
    for text in texts {
        assert!(said.contains(text), "{text} is not in: {said}");
    }
    assert!(!said.contains("hush-hush"), "{said}");
    assert!(output.stdout.is_empty());
    assert!(!lab.path("results").exists());
}
