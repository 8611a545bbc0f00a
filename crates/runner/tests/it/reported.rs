//! What the report says of runs that the program made a moment ago: both programs from outside, as a user has them.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use tokio::task::JoinSet;
use ttlsweep_record::TrialRecord;
use ttlsweep_record::words::{Cut, ExpiryPolicy};
use ttlsweep_testbed::{Testbed, TestbedConfig};

use crate::experiment::Toml;
use crate::front::{Front, error};
use crate::inert;
use crate::program::{Lab, rows_or_none, start, succeed, wait_at_most, wait_until, words};
use crate::programs::{chosen, is_another};
use crate::signing;

/// The report's program lies beside the runner's.
fn report(lab: &Lab, args: &[&str]) -> Command {
    let program = reporter();
    assert!(program.exists(), "{} is missing: `cargo test --workspace` builds it", program.display());
    let mut command = Command::new(program);
    command.args(args).current_dir(lab.path("")).env_clear().env("HOME", lab.path(""));
    command
}

fn reporter() -> PathBuf {
    chosen(env!("CARGO_BIN_EXE_ttlsweep")).with_file_name("ttlsweep-report")
}

/// All that a program said, on both streams.
fn all_said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

async fn testbed() -> Testbed {
    signing::start(TestbedConfig { tls: false, ..TestbedConfig::default() }).await
}

fn plan(name: &str) -> Toml {
    Toml::named(name).set("experiment.repetitions", 4)
}

/// A clock for one process: so many seconds are added to the system's as a file says, which may change meanwhile.
const CLOCK: &str = r#"
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const volatile long *ahead;

__attribute__((constructor)) static void begin(void) {
    ahead = mmap(0, sizeof *ahead, PROT_READ, MAP_SHARED, open(getenv("CLOCK_AHEAD"), O_RDONLY), 0);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = syscall(SYS_clock_gettime, clock, now);
    if (clock == CLOCK_REALTIME) now->tv_sec += *ahead;
    return result;
}
"#;

/// What is run on a machine whose clock is so many seconds ahead, and after so many trials by others.
struct Clocked<'a> {
    plan: Toml,
    options: &'a [&'a str],
    before: i64,
    trials: usize,
    after: i64,
}

/// The run against this testbed, and what the report says of it in words.
async fn clocked(lab: &Lab, testbed: &Testbed, run: Clocked<'_>) -> String {
    run.plan.write(lab);
    lab.write("clock.c", CLOCK);
    succeed(lab.shell("exec cc -shared -fPIC -O1 -o clock.so clock.c"));
    let mut ahead = File::create(lab.path("ahead")).unwrap();
    ahead.write_all(&run.before.to_ne_bytes()).unwrap();
    let endpoint = testbed.endpoint();
    let args = ["run", "clock.toml", "--bucket", signing::BUCKET, "--endpoint", &endpoint, "--yes"];
    let mut command = lab.with_key(testbed, &[&args[..], run.options].concat());
    command.env("LD_PRELOAD", lab.path("clock.so")).env("CLOCK_AHEAD", lab.path("ahead"));
    tokio::task::block_in_place(|| {
        let child = start(command);
        let trials = lab.path("results/clock/latest/trials.csv");
        let over = || rows_or_none::<TrialRecord>(&trials).len() >= run.trials;
        wait_at_most(Duration::from_secs(60), "the trials before the clock is set are over", over);
        ahead.write_all_at(&run.after.to_ne_bytes(), 0).unwrap();
        let ran = child.wait_with_output().unwrap();
        assert_eq!(ran.status.code(), Some(0), "{}", words(&ran).1);
        all_said(&succeed(report(lab, &["results/clock/latest"])))
    })
}

/// A run against a testbed that enforces, on a machine whose clock is `before` seconds ahead, and after its fourth trial
/// `after`; and what the report says of it, in words and on its page.
async fn reported_by_a_clock(before: i64, after: i64) -> (String, String) {
    let (testbed, lab) = (testbed().await, Lab::new());
    let plan = plan("clock").set("grid.ttl", "120s").set("controls.expired_start", true);
    let said = clocked(&lab, &testbed, Clocked { plan, options: &[], before, trials: 4, after }).await;
    testbed.shutdown().await;
    (said, fs::read_to_string(lab.path("results/clock/latest/report.html")).unwrap())
}

/// What such a clock takes for an expired start is none for the server, which enforces all the time.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "slow"]
async fn a_clock_that_is_20_s_ahead_or_is_set_so_in_mid_run_accuses_no_server_of_enforcing_nothing() {
    let (always, set) = tokio::join!(reported_by_a_clock(20, 20), reported_by_a_clock(0, 20));
    for (said, page) in [&always, &set] {
        for wrong in ["enforces NOTHING", "nothing is enforced"] {
            assert!(!said.contains(wrong) && !page.contains(wrong), "{said}");
        }
    }
    assert!(set.0.contains(" was set"), "{}", set.0);
}

/// A resumed virtual machine, or a time service that corrects: each trial is judged on its own side of the step. By the last
/// offset alone, half of the cuts would lie two seconds off their expiry.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "slow"]
async fn a_clock_that_is_set_back_by_2_s_in_mid_run_hides_no_cut_and_is_named() {
    let config =
        TestbedConfig { tls: false, expiry: ExpiryPolicy::InFlight, cut: Cut::Reset, ..TestbedConfig::default() };
    let (testbed, lab) = (signing::start(config).await, Lab::new());
    let plan = Toml::named("clock").set("experiment.repetitions", 6).set("grid.ttl", "4s").set("grid.size", "200kB");
    let plan = plan.set("grid.bandwidth", "350kbit/s").unset("controls").set("controls.header_signed", false);
    // An earlier program has no such setting, and asks no store for its clock.
    let probe = ["--set", "target.clock_probe=10s"];
    let options = if is_another() { &[] } else { &probe[..] };
    let run = Clocked { plan, options, before: 0, trials: 9, after: -2 };
    let said = clocked(&lab, &testbed, run).await;
    testbed.shutdown().await;
    let verdict = fs::read_to_string(lab.path("results/clock/latest/verdict.json")).unwrap();
    assert!(verdict.contains("\"overall\": \"supported\""), "{said}");
    assert!(said.contains(" was set back by 2"), "{said}");
}

/// What a spreadsheet saves, in its own line ends and with a row emptied and not deleted, of a file that a run wrote.
fn through_a_spreadsheet(text: &str) -> String {
    let commas = ",".repeat(text.lines().next().unwrap().matches(',').count());
    format!("\u{feff}{text}{commas}\n").replace('\n', "\r\n")
}

/// Lines are counted as a spreadsheet numbers its rows: the header is the first.
#[test]
fn what_a_spreadsheet_saved_is_read_and_a_doubled_row_is_named_by_the_spreadsheets_lines() {
    let lab = plan("sheet").lab();
    succeed(lab.ttlsweep(&["run", "sheet.toml"]));
    let path = lab.path("results/sheet/latest/transfers.csv");
    let written = fs::read_to_string(&path).unwrap();

    let doubled = format!("{written}{}\n", written.lines().nth(1).unwrap());
    fs::write(&path, doubled.replace('\n', "\r\n")).unwrap();
    let (code, said) = words(&report(&lab, &["results/sheet/latest"]).output().unwrap());
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("transfers.csv line 6: ") && said.contains("first on line 2"), "{said}");

    fs::write(&path, through_a_spreadsheet(&written)).unwrap();
    succeed(report(&lab, &["results/sheet/latest"]));
    let shouted = written.replace(",true,", ",TRUE,").replace(",false,", ",FALSE,");
    assert!(shouted.contains(",FALSE,"), "{shouted}");
    fs::write(&path, through_a_spreadsheet(&shouted)).unwrap();
    succeed(report(&lab, &["results/sheet/latest"]));
}

/// A run all of whose uploads are refused by these words.
async fn refused(lab: &Lab, code: &'static str) {
    plan("refused").set("grid.users", 2).write(lab);
    let testbed = testbed().await;
    let front = Front::before(&testbed, move |head| {
        let is_transfer =
            head.method == http::Method::PUT && head.uri.query().is_some_and(|query| query.contains("x-run="));
        is_transfer.then(|| error(400, code, "Access Denied"))
    })
    .await;
    let args = ["run", "refused.toml", "--bucket", signing::BUCKET, "--endpoint", front.endpoint.as_str(), "--yes"];
    let run = lab.with_key(&testbed, &args);
    tokio::task::block_in_place(|| {
        succeed(run);
        succeed(report(lab, &["results/refused/latest"]));
    });
    testbed.shutdown().await;
}

/// A server's words may be Markdown; the form of AWS Support shows it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_words_of_a_server_are_a_link_in_the_case() {
    let mut running = JoinSet::new();
    for code in ["\\[text](http://evil)", "[text](http://evil)", "http://evil", "*http://evil*"] {
        running.spawn(async move {
            let lab = Lab::new();
            refused(&lab, code).await;
            let case = report(&lab, &["case", "results/refused/latest", "--out", "case"]);
            tokio::task::block_in_place(|| succeed(case));
            let case = fs::read_to_string(lab.path("case/case.md")).unwrap();
            assert!(case.contains("evil"), "{case}");
            let plain = inert::plain(&case).unwrap_or_else(|| panic!("a span of code has no end in {case}"));
            assert!(!plain.contains("http://evil"), "{code}: {case}");
        });
    }
    while let Some(done) = running.join_next().await {
        done.unwrap();
    }
}

/// Nothing was wrong with what was read.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bundle_on_a_full_disk_cannot_be_written_and_leaves_nothing() {
    let lab = Lab::new();
    refused(&lab, "AccessDenied").await;
    fs::create_dir(lab.path("small")).unwrap();
    let mounts = lab.shell("exec unshare -rm mount -t tmpfs -o size=16k none small").output();
    if !mounts.is_ok_and(|output| output.status.success()) {
        println!("skipped: this user may not mount a tmpfs, not even in a namespace of its own");
        return;
    }
    for kib in [4, 8, 16, 32, 64] {
        let script = format!(
            "mount -t tmpfs -o size={kib}k none small; \"$REPORT\" case results/refused/latest --out small/case; \
             code=$?; ls -A small; exit $code"
        );
        let mut command = lab.shell(&format!("exec unshare -rm sh -c '{script}'"));
        let output = command.env("REPORT", reporter()).output().unwrap();
        let (code, said) = words(&output);
        assert!(said.contains("cannot write") && said.contains("No space left on device"), "{kib} kB: {said}");
        assert!(code == Some(1) && output.stdout.is_empty(), "{kib} kB: {output:?}");
    }
}

/// A closed terminal is a reader who has gone, for each answer of the report.
#[test]
fn a_terminal_that_was_closed_changes_no_answer() {
    let lab = plan("short").lab();
    succeed(lab.ttlsweep(&["run", "short.toml"]));
    // util-linux's `script` gives it a terminal, which goes with it; the commands outlast that.
    let script = "trap '' HUP; touch ready; while [ ! -e closed ]; do sleep 0.1; done; \
                  for command in '' verify ttl; do \"$REPORT\" $command results/short/latest; echo $? >> codes; done; \
                  touch done";
    lab.write("reports.sh", script);
    let mut terminal = lab.shell("exec script -qfec 'sh reports.sh' /dev/null");
    terminal.env("REPORT", reporter()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut terminal = terminal.spawn().unwrap();
    wait_until("the terminal is there", || lab.path("ready").exists());
    terminal.kill().unwrap();
    terminal.wait().unwrap();
    lab.write("closed", "");
    wait_until("all have answered", || lab.path("done").exists());
    assert_eq!(fs::read_to_string(lab.path("codes")).unwrap(), "0\n0\n0\n");
    assert!(lab.path("results/short/latest/report.html").exists());
}
