//! The testbed's own access log, joined with the runner's rows: the whole way, by the programs as they lie beside each other.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use ttlsweep_record::{Control, Cut, ExpiryPolicy, LogSource, Outcome, ServerRecord};
use ttlsweep_rundir::csv_file::read_rows;
use ttlsweep_testbed::{AccessLogConfig, AccessLogFormat, Disposition, TestbedConfig};

use crate::program::{Lab, Run, succeed, words};
use crate::server::{Peer, Server};
use crate::signing;

/// Two users, each with 300 kB in 4 s and a link of three seconds, which the testbed cuts; and the controls. A shorter link may
/// be dead on a busy machine before its head is sent.
const EXPERIMENT: &str = "[experiment]\nname = \"logged\"\n[grid]\nusers = 2\nttl = \"3s\"\nsize = \"300kB\"\n\
    bandwidth = \"1200kbit/s\"\n[transfer]\njitter = \"0s\"\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_transfer_is_found_in_the_testbeds_own_log_in_both_formats() {
    let both = [(AccessLogFormat::S3, LogSource::S3), (AccessLogFormat::S3Json, LogSource::S3Json)];
    let both = both.map(|(format, source)| tokio::spawn(story(format, source)));
    for one in both {
        one.await.unwrap();
    }
}

async fn story(format: AccessLogFormat, source: LogSource) {
    let lab = Lab::with("logged.toml", EXPERIMENT);
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
    let run = Run::printed(&lab, &output);
    let rows = run.transfers();
    let truth = testbed.requests();
    testbed.shutdown().await;
    assert!(fs::read_to_string(&log).unwrap().contains("X-Amz-Signature="), "as in S3's own log");
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

/// CloudWatch Logs as far as it is asked here: busy first, and with the lines on two pages.
async fn cloudwatch(lines: Vec<String>) -> Server<String> {
    let asked = Arc::new(AtomicUsize::new(0));
    Server::start(false, move |mut peer: Peer| {
        let (lines, asked) = (lines.clone(), Arc::clone(&asked));
        async move {
            let head = peer.head().await.unwrap();
            let length = |line: &str| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok();
            let question = peer.take_body(head.lines().find_map(length).unwrap()).await;
            let (first, second) = lines.split_at(lines.len() / 2);
            let page = |lines: &[String], next: Option<&str>| {
                let events: Vec<_> = lines.iter().map(|line| json!({"message": line, "eventId": "1"})).collect();
                json!({"events": events, "searchedLogStreams": [], "nextToken": next}).to_string()
            };
            let (status, answer) = match asked.fetch_add(1, Ordering::SeqCst) {
                0 => ("400 Bad Request", r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#.to_owned()),
                1 => ("200 OK", page(first, Some("next"))),
                _ => ("200 OK", page(second, None)),
            };
            peer.say(&format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{answer}", answer.len())).await;
            head + &String::from_utf8(question).unwrap()
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_log_service_refuses_or_does_not_have_is_said_with_a_way_out() {
    let lab = Lab::with("logged.toml", EXPERIMENT.replace("[grid]", "repetitions = 1\n[grid]").as_str());
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
