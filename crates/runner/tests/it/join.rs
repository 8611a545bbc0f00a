//! The testbed's own access log, joined with the runner's rows: the whole way, by the programs as they lie beside each other.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use ttlsweep_record::{Control, Cut, ExpiryPolicy, LogSource, Outcome, ServerRecord};
use ttlsweep_rundir::csv_file::read_rows;
use ttlsweep_testbed::{AccessLogConfig, AccessLogFormat, Disposition, RequestRecord, TestbedConfig};

use crate::experiment::Toml;
use crate::log_service::{cloudwatch, deliveries};
use crate::program::{Lab, Run, succeed, words};
use crate::server::{Peer, Server};
use crate::signing;

/// Two users, each with 300 kB in 4 s and a link of three seconds, which the testbed cuts. A shorter link may be
/// dead on a busy machine before its head is sent.
fn logged() -> Toml {
    let logged = Toml::named("logged").set("grid.users", 2).set("grid.ttl", "3s").set("grid.size", "300kB");
    logged.set("grid.bandwidth", "1200kbit/s")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "slow"]
async fn every_transfer_is_found_in_the_testbeds_own_log_in_both_formats() {
    let both = [(AccessLogFormat::S3, LogSource::S3), (AccessLogFormat::S3Json, LogSource::S3Json)];
    let both = both.map(|(format, source)| tokio::spawn(story(format, source)));
    for one in both {
        one.await.unwrap();
    }
}

async fn story(format: AccessLogFormat, source: LogSource) {
    let lab = logged().unset("controls").lab();
    let Logged { run, log, truth } = Logged::of(&lab, format).await;
    let rows = run.transfers();
    scatter(&log, &lab.path("logs"));

    let output = succeed(lab.ttlsweep(&["join", run.path().to_str().unwrap(), "logs"]));
    let (said, warned) = both_of(&output);
    let found = format!("{} of {} transfers found in the logs\n", rows.len(), rows.len());
    assert!(said.starts_with(&found), "{said}{warned}");
    assert!(said.contains(&format!("{source}: {} lines of the run's transfers", rows.len())), "{said}");
    assert!(said.contains("its time is when the head arrived"), "{said}");
    assert!(said.contains("1 line that cannot be read") && warned.contains("logs/cut.log:"), "{said}{warned}");
    let written = fs::read_to_string(run.path().join("server.csv")).unwrap();
    for text in [&said, &warned, &written] {
        assert!(!text.contains("X-Amz") && !text.contains("Signature"), "{text}");
    }

    let server: BTreeMap<String, ServerRecord> =
        read_rows(run.path()).unwrap().into_iter().map(|row: ServerRecord| (row.transfer_id.clone(), row)).collect();
    for row in &rows {
        let deed = truth.iter().find(|deed| deed.run.as_deref() == Some(&row.transfer_id)).unwrap();
        let line = &server[&row.transfer_id];
        let id = (line.request_id.as_ref(), line.source, line.status);
        assert_eq!(id, (Some(&deed.request_id), source, deed.status), "{line:?}");
        let arrived =
            deed.head_arrived_at.unix_timestamp_nanos() / 1000 - i128::from(line.request_at.unwrap().unix_micros());
        assert!((0..i128::from(line.precision_us.unwrap())).contains(&arrived), "{line:?} {deed:?}");
        let total = (deed.answered_at.unwrap_or(deed.ended_at) - deed.head_arrived_at).whole_milliseconds();
        assert_eq!(line.total_ms.map(i128::from), Some(total), "{line:?}");
        match row.control {
            None => {
                // The client knows of a reset. The log knows that there was no answer, and for how long it was served.
                assert_eq!((row.outcome, deed.disposition), (Outcome::Reset, Disposition::Cut(Cut::Reset)));
                assert_eq!(line.status, None);
            }
            Some(Control::ExpiredStart) => {
                assert_eq!((line.status, line.error_code.as_deref()), (Some(403), Some("AccessDenied")), "{line:?}");
            }
            Some(_) => assert_eq!((line.status, line.error_code.as_deref()), (Some(200), None), "{line:?}"),
        }
    }

    // From standard input, and again: nothing changes.
    let mut again = lab.ttlsweep(&["join", run.path().to_str().unwrap(), "-"]);
    let mut child = again.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(&fs::read(&log).unwrap()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{:?}", both_of(&output));
    assert_eq!(fs::read_to_string(run.path().join("server.csv")).unwrap(), written);
    if format == AccessLogFormat::S3Json {
        delivered(&lab, &run, &log).await;
        assert_eq!(fs::read_to_string(run.path().join("server.csv")).unwrap(), written);
    }
    let verified = succeed(lab.ttlsweep(&["verify", run.path().to_str().unwrap()]));
    assert!(both_of(&verified).0.starts_with("whole and consistent"), "{verified:?}");
}

/// Its grid alone, once: where the log's way is the question, and not what stands in it.
fn quick() -> Lab {
    logged().set("target.clock_probe", "0s").lab()
}

/// A run against a testbed that cuts and logs.
struct Logged {
    run: Run,
    log: PathBuf,
    truth: Vec<RequestRecord>,
}

impl Logged {
    async fn of(lab: &Lab, format: AccessLogFormat) -> Self {
        let log = lab.path("access.log");
        let testbed = signing::start(TestbedConfig {
            tls: format == AccessLogFormat::S3,
            expiry: ExpiryPolicy::InFlight,
            access_log: Some(AccessLogConfig { path: log.clone(), format }),
            ..TestbedConfig::default()
        })
        .await;
        let endpoint = testbed.endpoint();
        let args = ["run", "logged.toml", "--bucket", signing::BUCKET, "--endpoint", &endpoint, "--yes"];
        let command = lab.with_key(&testbed, &args);
        let output = tokio::task::spawn_blocking(|| succeed(command)).await.unwrap();
        let run = Run::printed(lab, &output);
        let truth = testbed.requests();
        testbed.shutdown().await;
        assert!(fs::read_to_string(&log).unwrap().contains("X-Amz-Signature="), "as in S3's own log");
        Self { run, log, truth }
    }

    fn lines(&self) -> Vec<String> {
        fs::read_to_string(&self.log).unwrap().lines().map(str::to_owned).collect()
    }
}

/// Writes `server.csv` from what `ttlsweep logs` fetches, where before there is none.
async fn delivered(lab: &Lab, run: &Run, log: &Path) {
    fs::remove_file(run.path().join("server.csv")).unwrap();
    let lines: Vec<_> = fs::read_to_string(log).unwrap().lines().map(str::to_owned).collect();
    let mut service = cloudwatch(lines.clone()).await;
    let url = format!("http://{}", service.addr);
    let mut command = lab.ttlsweep(&[
        "logs",
        run.path().to_str().unwrap(),
        "--group",
        "access",
        "--endpoint",
        &url,
        "--region",
        "eu-x-1",
    ]);
    command.env("AWS_ACCESS_KEY_ID", "AKIDOFLOGS").env("AWS_SECRET_ACCESS_KEY", "hush-hush");
    let output = tokio::task::spawn_blocking(|| succeed(command)).await.unwrap();
    let (said, warned) = both_of(&output);
    assert!(said.contains(" transfers found in the logs"), "{said}{warned}");
    assert!(warned.contains("400 Bad Request ThrottlingException Rate exceeded; asking again in 1 s"), "{warned}");
    assert!(warned.contains(&format!("{} lines of the log group access", lines.len())), "{warned}");
    assert!(!warned.contains("X-Amz") && !said.contains("X-Amz"), "{said}{warned}");
    for next in [None, None, Some("next")] {
        let asked = service.reported().await;
        let (head, question) = asked.split_once("\r\n\r\n").unwrap();
        let question: serde_json::Value = serde_json::from_str(question).unwrap();
        assert!(head.contains("x-amz-target: Logs_20140328.FilterLogEvents"), "{head}");
        assert!(head.contains("Credential=AKIDOFLOGS/") && head.contains("/eu-x-1/logs/aws4_request"), "{head}");
        assert_eq!((question["logGroupName"].as_str(), question["nextToken"].as_str()), (Some("access"), next));
        let run_id = &run.transfers()[0].run_id;
        assert_eq!(question["filterPattern"].as_str(), Some(&*format!("\"{run_id}\"")));
        let first = run.transfers().iter().map(|row| row.started_at.unix_micros() / 1000).min().unwrap();
        let last = run.transfers().iter().map(|row| row.ended_at.unix_micros() / 1000).max().unwrap();
        assert!(question["startTime"].as_i64().unwrap() <= first && last <= question["endTime"].as_i64().unwrap());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_log_service_refuses_or_does_not_have_is_said_with_a_way_out() {
    let lab = quick();
    let run = Run::printed(&lab, &succeed(lab.ttlsweep(&["run", "logged.toml", "--progress", "none"])));
    let folder = run.path().to_str().unwrap().to_owned();
    let (code, said) = words(&lab.ttlsweep(&["logs", &folder, "--group", "access"]).output().unwrap());
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("this run has none") && said.contains("ttlsweep join"), "{said}");

    // As if it had been made at a bucket of AWS.
    let cells = run.path().join("cells.csv");
    fs::write(&cells, fs::read_to_string(&cells).unwrap().replace(",embedded,", ",s3,")).unwrap();
    for (status, answer, expected, hint) in [
        ("200 OK", r#"{"events":[]}"#, 75, "has no line of this run between"),
        (
            "400 Bad Request",
            r#"{"__type":"com.x#ResourceNotFoundException","message":"The specified log group does not exist."}"#,
            2,
            "refuses: 400 Bad Request ResourceNotFoundException The specified log group does not exist.",
        ),
        ("200 OK", "<html>", 2, "its answer cannot be read"),
    ] {
        let service = Server::start(false, move |mut peer: Peer| async move {
            let _ = peer.head().await;
            peer.say(&format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{answer}", answer.len())).await;
            peer.rest().await;
        })
        .await;
        let url = format!("http://{}", service.addr);
        let mut command =
            lab.ttlsweep(&["logs", &folder, "--group", "access", "--endpoint", &url, "--region", "eu-x-1"]);
        command.env("AWS_ACCESS_KEY_ID", "AKIDOFLOGS").env("AWS_SECRET_ACCESS_KEY", "hush-hush");
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let (code, said) = words(&output);
        assert_eq!(code, Some(expected), "{said}");
        assert!(said.contains(hint), "{said}");
        assert!(!run.path().join("server.csv").exists());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_breaks_off_halfway_is_joined_as_far_as_it_came() {
    let lab = quick();
    let logged = Logged::of(&lab, AccessLogFormat::S3Json).await;
    let (run, lines) = (&logged.run, logged.lines());
    let folder = run.path().to_str().unwrap().to_owned();
    let halves = Arc::new(AtomicUsize::new(0));
    let half = lines[..lines.len() / 2].to_vec();
    let count = half.len();
    let service = Server::start(false, move |mut peer: Peer| {
        let (half, halves) = (half.clone(), Arc::clone(&halves));
        async move {
            let _ = peer.head().await;
            let (status, answer) = match halves.fetch_add(1, Ordering::SeqCst) {
                0 => {
                    let events: Vec<_> = half.iter().map(|line| json!({"message": line})).collect();
                    ("200 OK", json!({"events": events, "nextToken": "more"}).to_string())
                }
                _ => (
                    "400 Bad Request",
                    r#"{"__type":"InvalidParameterException","message":"The token expired"}"#.to_owned(),
                ),
            };
            peer.say(&format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{answer}", answer.len())).await;
            peer.rest().await;
        }
    })
    .await;
    let output = logs_of(&lab, &folder, &["--group", "access"], &format!("http://{}", service.addr)).await;
    let (code, said) = words(&output);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains(&format!("The token expired; {count} lines were joined before: run it again")), "{said}");
    let rows = fs::read_to_string(run.path().join("server.csv")).unwrap().lines().count() - 1;
    assert!(0 < rows && rows <= count, "{rows} of {count}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_group_of_a_bucket_is_found_by_its_deliveries() {
    let lab = quick();
    let logged = Logged::of(&lab, AccessLogFormat::S3Json).await;
    let (run, lines) = (&logged.run, logged.lines());
    let folder = run.path().to_str().unwrap().to_owned();
    for (groups, expected, hint) in [
        (&["access"][..], 0, "goes to the log group access"),
        (&[], 2, "goes to no log group of this account and region: switch it on before a run"),
        (&["access", "audit"], 2, "goes to several log groups (access, audit): name one of them with `--group`"),
    ] {
        let _ = fs::remove_file(run.path().join("server.csv"));
        let service = deliveries(groups, lines.clone()).await;
        let output = logs_of(&lab, &folder, &[], &format!("http://{}", service.addr)).await;
        let (code, said) = words(&output);
        assert_eq!(code, Some(expected), "{said}");
        assert!(said.contains(hint), "{hint} is not in: {said}");
        assert_eq!(run.path().join("server.csv").exists(), expected == 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_of_deliveries_without_an_end_is_not_taken_for_one_without_the_bucket() {
    let lab = quick();
    let run = Logged::of(&lab, AccessLogFormat::S3Json).await.run;
    for (answer, hint) in [
        (r#"{"deliverySources":[],"nextToken":"more"}"#, "DescribeDeliverySources has more than 100 pages"),
        (r#"{"sources":[]}"#, "cannot be used: DescribeDeliverySources: invalid type: null"),
    ] {
        let service = Server::start(false, move |mut peer: Peer| async move {
            let _ = peer.head().await;
            peer.say(&format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{answer}", answer.len())).await;
            peer.rest().await;
        })
        .await;
        let url = format!("http://{}", service.addr);
        let (code, said) = words(&logs_of(&lab, run.path().to_str().unwrap(), &[], &url).await);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(hint) && said.contains("name the log group with `--group`"), "{said}");
    }
}

/// `ttlsweep logs` with keys of its own, asking at `url`.
async fn logs_of(lab: &Lab, folder: &str, more: &[&str], url: &str) -> Output {
    let mut arguments = vec!["logs", folder, "--endpoint", url, "--region", "eu-x-1"];
    arguments.extend(more);
    let mut command = lab.ttlsweep(&arguments);
    command.env("AWS_ACCESS_KEY_ID", "AKIDOFLOGS").env("AWS_SECRET_ACCESS_KEY", "hush-hush");
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

/// What a program said: to stdout, and to stderr.
fn both_of(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

/// Makes of a log what time makes of logs: parts out of order, some packed, and one that breaks off.
fn scatter(log: &Path, into: &Path) {
    let text = fs::read_to_string(log).unwrap();
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    lines.reverse();
    let (newer, older) = lines.split_at(lines.len() / 2);
    fs::create_dir(into).unwrap();
    fs::write(into.join("b.log"), newer.concat()).unwrap();
    fs::write(into.join("a.log.1"), older.concat()).unwrap();
    assert!(Command::new("gzip").arg(into.join("a.log.1")).status().unwrap().success());
    let broken = &lines[0][..lines[0].len() / 2];
    fs::write(into.join("cut.log"), format!("{}{broken}", lines[1])).unwrap();
}
