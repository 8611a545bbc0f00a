//! What `doctor` finds, and that it leaves nothing behind.

use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

use http::Method;
use ttlsweep_record::{ExpiryPolicy, Timestamp};
use ttlsweep_testbed::{DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY, TestbedConfig};

use crate::front::{Front, error, objects, uploads};
use crate::program::{Lab, words};
use crate::signing;

const EXPERIMENT: &str = "
[experiment]
name = \"fit\"
[grid]
users = 2
ttl = \"10s\"
size = \"20kB\"
bandwidth = \"100kbit/s\"
method = [\"put\", \"get\", \"upload-part\"]
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_enforces_is_fit_and_nothing_is_left_in_it() {
    let testbed = signing::start(plain(ExpiryPolicy::OnRequest)).await;
    let lab = lab();
    let output = ask(&lab, &testbed.endpoint(), &[]).await;
    let found = findings(&output);
    assert_eq!(output.status.code(), Some(0), "{found} {}", words(&output).1);
    for line in [
        "ok credentials from the environment (AWS_ACCESS_KEY_ID), without an end",
        "ok bucket `ttlsweep` is in us-east-1, which links are signed for",
        "ok put the key may put",
        "ok expiry put: a link that has expired is refused: rejected (403, AccessDenied, Request has expired)",
        "ok expiry get: a link that has expired is refused",
        "ok expiry upload-part: a link that has expired is refused",
        "ok delete the key may delete what it puts",
    ] {
        assert!(found.contains(line), "{line} is not in: {found}");
    }
    for subject in ["descriptors", "ports", "buffers", "memory", "rate", "clock"] {
        assert!(found.contains(&format!(" {subject} ")), "{subject} is not in: {found}");
    }
    // Both clocks are one.
    let clock = found.lines().find(|line| line.contains(" clock ")).unwrap();
    let ms: i64 = clock.split_once("the server's is ").unwrap().1.split(' ').next().unwrap().parse().unwrap();
    let within: i64 = clock.split_once("± ").unwrap().1.split(' ').next().unwrap().parse().unwrap();
    assert!(ms <= within + 1 && within < 500, "{clock}");
    assert!(words(&output).1.contains("put-bucket-lifecycle-configuration --bucket ttlsweep"), "{output:?}");
    assert_eq!((objects(&testbed).await, uploads(&testbed).await), (vec![], vec![]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_enforces_nothing_is_an_error() {
    let testbed = signing::start(plain(ExpiryPolicy::Never)).await;
    let output = ask(&lab(), &testbed.endpoint(), &[]).await;
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(findings(&output).contains("enforces nothing: a sweep could show nothing here"), "{output:?}");
    assert_eq!((objects(&testbed).await, uploads(&testbed).await), (vec![], vec![]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_that_end_before_the_longest_link_are_an_error() {
    let testbed = signing::start(plain(ExpiryPolicy::OnRequest)).await;
    let lab = lab();
    let in_ten_minutes = Timestamp::from_system_time(SystemTime::now() + Duration::from_secs(600)).to_string();
    let env = [("AWS_SESSION_TOKEN", "a-token"), ("AWS_CREDENTIAL_EXPIRATION", &in_ten_minutes)];
    let output = ask(&lab, &testbed.endpoint(), &env).await;
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let found = findings(&output);
    assert!(found.contains("before a link of 1h00m: a link dies with the credentials that signed it"), "{found}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_may_not_delete_is_a_warning() {
    let testbed = signing::start(plain(ExpiryPolicy::OnRequest)).await;
    let front = Front::before(&testbed, |head| {
        (head.method == Method::DELETE).then(|| error(403, "AccessDenied", "Access Denied"))
    })
    .await;
    let output = ask(&lab(), &front.endpoint, &[]).await;
    let found = findings(&output);
    assert_eq!(output.status.code(), Some(0), "{found}");
    assert!(found.contains("warning delete the key may not delete what it puts"), "{found}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirect_and_another_region_are_errors() {
    let testbed = signing::start(plain(ExpiryPolicy::OnRequest)).await;
    let front = Front::before(&testbed, |head| {
        (head.method == Method::PUT).then(|| error(307, "TemporaryRedirect", "Please re-send this request"))
    })
    .await;
    let output = ask(&lab(), &front.endpoint, &[]).await;
    let found = findings(&output);
    assert_eq!(output.status.code(), Some(2), "{found}");
    assert!(found.contains("error put a put is redirected: rejected (307, TemporaryRedirect"), "{found}");

    let elsewhere =
        signing::start(TestbedConfig { region: "eu-west-1".to_owned(), ..plain(ExpiryPolicy::Never) }).await;
    let output = ask(&lab(), &elsewhere.endpoint(), &[]).await;
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(findings(&output).contains("--region"), "{output:?}");
}

#[test]
fn nobody_there_is_worth_another_try() {
    let lab = lab();
    let output = command(&lab, "http://127.0.0.1:1", &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(75), "{output:?}");
    assert!(findings(&output).contains("no answer target"), "{output:?}");
}

#[test]
fn without_credentials_that_is_an_error() {
    let lab = lab();
    let mut command = command(&lab, "http://127.0.0.1:1", &[]);
    command.env_remove("AWS_ACCESS_KEY_ID");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(findings(&output).contains("no AWS credentials"), "{output:?}");
}

#[test]
fn the_testbed_can_be_asked_too_and_in_json() {
    let lab = lab();
    let output = lab.ttlsweep(&["doctor", "fit.toml", "--json", "--set", "target.expiry=never"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().all(|line| line["level"] == "ok" || line["level"] == "warning"), "{text}");
    let expiry = lines.iter().find(|line| line["subject"] == "expiry").unwrap();
    assert!(expiry["found"].as_str().unwrap().contains("let through, as `expiry = \"never\"` asks"), "{text}");
}

fn plain(expiry: ExpiryPolicy) -> TestbedConfig {
    TestbedConfig { tls: false, expiry, ..TestbedConfig::default() }
}

fn lab() -> Lab {
    let lab = Lab::new();
    lab.write("fit.toml", EXPERIMENT);
    lab
}

fn command(lab: &Lab, endpoint: &str, env: &[(&str, &str)]) -> Command {
    let mut command = lab.ttlsweep(&["doctor", "fit.toml", "--bucket", signing::BUCKET, "--endpoint", endpoint]);
    command.env("AWS_ACCESS_KEY_ID", DEFAULT_ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", DEFAULT_SECRET_KEY);
    command.envs(env.iter().copied());
    command
}

async fn ask(lab: &Lab, endpoint: &str, env: &[(&str, &str)]) -> Output {
    let mut command = command(lab, endpoint, env);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

/// The findings with single spaces.
fn findings(output: &Output) -> String {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n").collect()
}
