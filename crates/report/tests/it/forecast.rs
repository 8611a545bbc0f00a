//! What a plan would decide: plans and runs made up to order, and what is said of them.

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use ttlsweep_record::SCHEMA_VERSION;
use ttlsweep_rundir::planned::{PlannedRun, Takes};

use crate::common::{Sweep, World};

/// A run of one user whose transfers take 8 s, with links of 4 s and an hour, and the three controls.
fn sweep(blocks: u32) -> Sweep {
    Sweep { ttls: vec![4, 3600], transfer_us: 8_000_000, blocks, ..Sweep::default() }
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ttlsweep-report"));
    command.arg("forecast").args(args);
    command
}

/// The exit code, stdout and stderr of `ttlsweep-report forecast`.
fn forecast(folder: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let output = command(&[&[folder.to_str().unwrap()], args].concat()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn json(folder: &Path, args: &[&str]) -> Value {
    let (code, out, err) = forecast(folder, &[&["--format", "json"], args].concat());
    assert_eq!(code, Some(0), "{err}");
    serde_json::from_str(&out).unwrap()
}

fn run(sweep: &Sweep) -> TempDir {
    let base = tempfile::tempdir().unwrap();
    sweep.write(base.path());
    base
}

/// A plan of the same cells, each block of which moves 5 MB in a minute for a cent.
fn plan(blocks: u32) -> TempDir {
    let base = tempfile::tempdir().unwrap();
    let cells = sweep(blocks).cells();
    let each_block = Takes {
        transfers: 5,
        requests: 5,
        bytes_up: 5_000_000,
        bytes_down: 0,
        duration_us: 60_000_000,
        usd: Some(0.01),
    };
    let of = u64::from(blocks);
    let planned = PlannedRun {
        schema_version: SCHEMA_VERSION,
        experiment: "made-up".into(),
        plan_hash: "0".repeat(64),
        blocks,
        needed_us: cells.iter().map(|cell| (cell.cell_id.clone(), 8_000_000)).collect(),
        assumed_bps: None,
        probes_clock: false,
        takes: Takes {
            transfers: 5 * of,
            requests: 5 * of + 24,
            bytes_up: 5_000_000 * of,
            bytes_down: 0,
            duration_us: 60_000_000 * of,
            usd: Some(0.01 * f64::from(blocks)),
        },
        each_block,
    };
    planned.write(base.path(), &cells).unwrap();
    base
}

fn case<'a>(found: &'a Value, name: &str) -> &'a Value {
    found["cases"].as_array().unwrap().iter().find(|case| case["name"] == name).unwrap()
}

/// Of a case, how many of its runs were right after each number of blocks.
fn right(found: &Value, name: &str) -> Vec<u64> {
    case(found, name)["after"].as_array().unwrap().iter().map(|after| after["right"].as_u64().unwrap()).collect()
}

#[test]
fn four_blocks_cannot_acquit_and_six_can() {
    // A NO takes five trials whose links expire in flight, a YES three; links of an hour never do.
    let found = json(plan(4).path(), &["--simulations", "10"]);
    assert_eq!(right(&found, "nothing"), [0, 10, 10, 10], "{found:#}");
    assert_eq!(right(&found, "cut-at-expiry")[1..], [10, 10, 10]);
    assert_eq!(found["enough"]["blocks"], 5);
    assert_eq!(case(&found, "cut-at-expiry")["right_is"], "supported");
    assert_eq!(case(&found, "no-expiry")["right_is"], "invalid");
    assert!(found["cases"].as_array().unwrap().len() >= 20);
    // No connection is kept, so that none can be stale.
    assert!(found["cases"].as_array().unwrap().iter().all(|case| case["mechanism"] != "stale-connection"));
}

#[test]
fn the_price_grows_with_the_blocks_and_what_is_paid_once_does_not() {
    let found = json(plan(4).path(), &["--simulations", "1"]);
    let takes: Vec<_> = found["takes"].as_array().unwrap().iter().collect();
    assert_eq!(takes.iter().map(|takes| takes["blocks"].as_u64().unwrap()).collect::<Vec<_>>(), [4, 6, 8, 12]);
    assert_eq!(takes.iter().map(|takes| takes["requests"].as_u64().unwrap()).collect::<Vec<_>>(), [44, 54, 64, 84]);
    assert_eq!(takes[3]["bytes_up"], 60_000_000);
    let (code, out, _) = forecast(plan(4).path(), &["--simulations", "1"]);
    assert_eq!(code, Some(0));
    let price = out.lines().find(|line| line.trim_start().starts_with("US dollars")).unwrap();
    assert_eq!(
        price.split_whitespace().collect::<Vec<_>>(),
        "US dollars 0.04 0.06 0.08 0.12".split(' ').collect::<Vec<_>>()
    );
    assert!(out.contains("5 blocks are enough for 95 % of either (25 MB, 5 min, 0.05 USD)."), "{out}");
}

#[test]
fn the_same_comes_out_again() {
    let plan = plan(3);
    let text = || forecast(plan.path(), &["--simulations", "5"]).1;
    assert_eq!(text(), text());
}

#[test]
#[ignore = "slow"]
fn a_run_that_could_not_tell_is_told_how_many_more_blocks_it_takes() {
    let folder = run(&Sweep { policies: vec![Some(ttlsweep_record::ExpiryPolicy::OnRequest)], ..sweep(3) });
    let (code, out, err) = forecast(folder.path(), &["--simulations", "20"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(
        out.contains("This run ended in CANNOT TELL. 2 more blocks make 5, with which 95 % of either end so ("),
        "{out}"
    );
    assert!(out.contains("0 % of the controls broken"), "{out}");
}

#[test]
#[ignore = "slow"]
fn a_pilot_brings_its_failures_along() {
    let pilot = run(&Sweep { world: World { resets_percent: 40, ..World::default() }, ..sweep(12) });
    let plan = plan(5);
    let quiet = json(plan.path(), &["--simulations", "5"]);
    let piloted = json(plan.path(), &["--simulations", "10", "--pilot", pilot.path().to_str().unwrap()]);
    assert_eq!(right(&quiet, "nothing")[0], 5);
    assert!(right(&piloted, "nothing")[0] < 9, "{piloted:#}");
    let broken = piloted["assumed"]
        .as_array()
        .unwrap()
        .iter()
        .find_map(|said| said.as_str()?.split_once(" of the controls broken"));
    let percent: f64 = broken.unwrap().0.trim_end_matches(" %").parse().unwrap();
    assert!((15.0..65.0).contains(&percent), "{percent} % of 24 controls, of which 40 % break");
}

#[test]
fn what_is_no_plan_is_told_how_to_get_one() {
    let empty = tempfile::tempdir().unwrap();
    let (code, out, err) = forecast(empty.path(), &[]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(err.contains("holds neither a plan nor a run") && err.contains("--dry-run --plan DIR"), "{err}");
    let broken = plan(3);
    std::fs::write(broken.path().join("plan.json"), "{\"schema_version\": 9}").unwrap();
    let (code, _, err) = forecast(broken.path(), &[]);
    assert_eq!(code, Some(2));
    assert!(err.contains("plan.json: ") && err.contains("schema version 9 is not known"), "{err}");
}

#[test]
fn a_signal_ends_it_in_order() {
    let plan = plan(20);
    for signal in ["INT", "TERM", "HUP"] {
        let mut command = command(&[plan.path().to_str().unwrap(), "--simulations", "100000"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Long enough to listen; a signal that comes before that ends it by itself.
        thread::sleep(Duration::from_secs(2));
        let pid = child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{signal}"), pid.as_str()]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(130), &b""[..]), "{signal}: {said}");
        assert!(said.contains("stopped after ") && said.contains("nothing was written"), "{said}");
    }
}
