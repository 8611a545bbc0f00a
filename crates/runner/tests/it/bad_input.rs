//! What is wrong with the input is said before anything is sent or written, with an exit code that scripts can go by.

use std::process::{Command, Stdio};
use std::time::Duration;

use ttlsweep_testbed::TestbedConfig;

use crate::front::{Front, error};
use crate::program::{Lab, words};
use crate::signing;
use crate::streams::ends_within;

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

/// Before anything is sent, with what this machine has.
#[cfg(target_os = "linux")]
#[test]
fn a_congestion_control_that_this_kernel_does_not_have_is_a_usage_error() {
    let lab = lab();
    lab.write("bad.toml", format!("{EXPERIMENT}[transfer]\ncongestion = [\"reno\", \"vegan\"]\n"));
    let says = ["`vegan`", "reno", "tcp_available_congestion_control"];
    refused(&lab, lab.ttlsweep(&["run", "bad.toml"]), 2, &says);
    refused(&lab, lab.ttlsweep(&["doctor", "bad.toml"]), 2, &says);
    refused(&lab, lab.ttlsweep(&["trace", "bad.toml", "--set", "transfer.congestion=vegan"]), 2, &says);
}

#[test]
fn an_experiment_that_is_not_there_is_a_usage_error() {
    let lab = lab();
    refused(&lab, lab.ttlsweep(&["run", "nothing.toml"]), 2, &["nothing.toml"]);
    refused(&lab, lab.ttlsweep(&["resume", "."]), 2, &["is not a run's folder"]);
    refused(&lab, lab.ttlsweep(&["resume", "nowhere"]), 2, &["nowhere"]);
}

#[test]
fn without_credentials_nothing_begins() {
    let lab = lab();
    let args = ["run", "bad.toml", "--bucket", "mine", "--endpoint", "http://127.0.0.1:1", "--yes"];
    refused(&lab, lab.ttlsweep(&args), 2, &["no AWS credentials", "AWS_ACCESS_KEY_ID"]);
}

#[test]
fn nobody_there_is_worth_another_try() {
    let lab = lab();
    let args = ["run", "bad.toml", "--bucket", "mine", "--endpoint", "http://127.0.0.1:1", "--yes"];
    let mut command = lab.ttlsweep(&args);
    command.env("AWS_ACCESS_KEY_ID", "AK").env("AWS_SECRET_ACCESS_KEY", "hush-hush");
    refused(&lab, command, 75, &["http://127.0.0.1:1", "cannot be reached", "refused"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trouble_that_passes_is_worth_another_try_and_a_refusal_is_not() {
    let testbed = signing::start(TestbedConfig { tls: false, ..TestbedConfig::default() }).await;
    for (status, code, exit, says) in [
        (503, "SlowDown", 75, "cannot serve now"),
        (500, "InternalError", 75, "cannot serve now"),
        (429, "TooManyRequests", 75, "cannot serve now"),
        (403, "InvalidAccessKeyId", 2, "refuses"),
        (400, "ExpiredToken", 2, "refuses"),
    ] {
        let front = Front::before(&testbed, move |_| Some(error(status, code, "as told"))).await;
        let lab = lab();
        let mut command =
            lab.ttlsweep(&["run", "bad.toml", "--bucket", signing::BUCKET, "--endpoint", &front.endpoint, "--yes"]);
        command.env("AWS_ACCESS_KEY_ID", "AK").env("AWS_SECRET_ACCESS_KEY", "hush-hush");
        tokio::task::block_in_place(|| refused(&lab, command, exit, &[says, code, "as told"]));
    }
}

/// Where nobody can answer, a plan above a limit is refused before anything is sent: nobody listens at this address.
#[test]
fn a_large_plan_at_a_real_endpoint_needs_consent() {
    let lab = lab();
    let small = EXPERIMENT;
    let large = EXPERIMENT.replace("1kB", "200GB");
    // Each of 20 trials takes as long as a transfer may: an hour.
    let slow = EXPERIMENT.replace("1kB", "2MB").replace("[grid]", "repetitions = 5\n[grid]\nbandwidth = \"1kbit/s\"");
    for (text, flags, refused_for) in [
        (large.as_str(), &[][..], Some("more than 100GB (--max-bytes)")),
        (&large, &["--max-bytes", "2TB"], None),
        (&large, &["--max-bytes", "2TB", "--max-time", "1h"], Some("more than 1h00m (--max-time)")),
        (&large, &["--yes"], None),
        (&slow, &[], Some("more than 12h00m (--max-time)")),
        (&slow, &["--max-time", "7d"], None),
        (small, &[], None),
        (small, &["--max-bytes", "1kB"], Some("more than 1kB (--max-bytes)")),
    ] {
        lab.write("bad.toml", text);
        let args = ["run", "bad.toml", "--bucket", "mine", "--endpoint", "http://127.0.0.1:1"];
        let mut command = lab.ttlsweep(&[&args, flags].concat());
        command.env("AWS_ACCESS_KEY_ID", "AK").env("AWS_SECRET_ACCESS_KEY", "hush-hush");
        match refused_for {
            Some(limit) => refused(&lab, command, 2, &[limit, "add `--yes`", "--dry-run"]),
            None => refused(&lab, command, 75, &["cannot be reached"]),
        }
    }
}

/// At AWS a plan has a price; it is refused by it before any credentials are looked for.
#[test]
fn a_plan_that_costs_more_than_the_limit_needs_consent() {
    let lab = lab();
    let refused_with = |flags: &[&str], text: &str| {
        let args = ["run", "bad.toml", "--bucket", "mine", "--region", "us-east-1"];
        refused(&lab, lab.ttlsweep(&[&args, flags].concat()), 2, &[text]);
    };
    refused_with(&["--max-cost", "0"], "more than 0.00 (--max-cost)");
    refused_with(&["--max-cost", "much"], "for example 2.50");
    refused_with(&["--max-bytes", "10"], "write `10B`");
    refused_with(&[], "no AWS credentials");
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

/// Nobody writes to these pipes, and nobody waits for that.
#[test]
fn a_pipe_in_place_of_a_file_is_refused_and_not_waited_for() {
    let lab = Lab::with("good.toml", EXPERIMENT);
    lab.write("bad.toml", EXPERIMENT.replace("\"1kB\"", "{ file = \"pipe\" }"));
    assert!(lab.shell("mkfifo pipe").status().unwrap().success());
    let at = ["--bucket", "bucket", "--endpoint", "https://127.0.0.1:9", "--region", "us-east-1", "--yes"];
    let mut untrusting = lab.ttlsweep(&[&["run", "good.toml"], &at[..]].concat());
    untrusting.env("AWS_ACCESS_KEY_ID", "key").env("AWS_SECRET_ACCESS_KEY", "secret-key").env("AWS_CA_BUNDLE", "pipe");
    for (mut command, says) in [
        (lab.ttlsweep(&["run", "bad.toml"]), "not a file"),
        (lab.ttlsweep(&["run", "pipe"]), "pipe"),
        (untrusting, "is not a regular file"),
    ] {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        assert_eq!(ends_within(&mut child, Duration::from_secs(30)).code(), Some(2), "{says}");
        let said = words(&child.wait_with_output().unwrap()).1;
        assert!(said.contains(says), "{said}");
    }
}

/// A shell gives the program a pipe in place of a file, which has a writer.
#[test]
fn an_experiment_may_come_through_a_pipe_and_in_utf_8_alone() {
    let lab = Lab::with("good.toml", EXPERIMENT);
    let piped = lab.shell("(sleep 0.3; cat good.toml) | \"$TTLSWEEP\" run /dev/stdin --dry-run").output().unwrap();
    assert_eq!(piped.status.code(), Some(0), "{}", words(&piped).1);
    let wide: Vec<u8> = "\u{feff}[experiment]".encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(lab.path("wide.toml"), wide).unwrap();
    refused(&lab, lab.ttlsweep(&["run", "wide.toml"]), 2, &["wide.toml is UTF-16", "save it as UTF-8"]);
}
