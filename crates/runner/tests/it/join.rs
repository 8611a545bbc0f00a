//! The testbed's own access log, joined with the runner's rows: the whole way, by the programs as they lie beside each other.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use ttlsweep_record::{Control, Cut, ExpiryPolicy, LogSource, Outcome, ServerRecord};
use ttlsweep_rundir::csv_file::read_rows;
use ttlsweep_testbed::{AccessLogConfig, AccessLogFormat, Disposition, TestbedConfig};

use crate::program::{Lab, Run, succeed};
use crate::signing;

/// Two users, each with 150 kB in 2 s and a link of a second, which the testbed cuts; and the controls.
const EXPERIMENT: &str = "[experiment]\nname = \"logged\"\n[grid]\nusers = 2\nttl = \"1s\"\nsize = \"150kB\"\n\
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
    let verified = succeed(lab.ttlsweep(&["verify", run.path().to_str().unwrap()]));
    assert!(both_of(&verified).0.starts_with("whole and consistent"), "{verified:?}");
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
