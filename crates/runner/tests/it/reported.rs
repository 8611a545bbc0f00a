//! What the report says of runs that the program made a moment ago: both programs from outside, as a user has them.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use ttlsweep_record::TrialRecord;
use ttlsweep_testbed::{Testbed, TestbedConfig};

use crate::front::{Front, error};
use crate::inert;
use crate::program::{Lab, rows_or_none, start, succeed, wait_until, words};
use crate::programs::chosen;
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

fn plan(name: &str, grid: &str, expired_start: bool) -> String {
    format!(
        "[experiment]\nname = \"{name}\"\nrepetitions = 4\n[grid]\nsize = \"20kB\"\n{grid}\n[transfer]\njitter = \"0s\"\n\
         [controls]\nlong_ttl = false\nheader_signed = false\nexpired_start = {expired_start}\n"
    )
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

/// A run against a testbed that enforces, on a machine whose clock is `before` seconds ahead, and after its fourth trial
/// `after`; and what the report says of it, in words and on its page.
async fn reported_by_a_clock(before: i64, after: i64) -> (String, String) {
    let (testbed, lab) = (testbed().await, Lab::with("clock.toml", plan("clock", "ttl = \"120s\"", true)));
    lab.write("clock.c", CLOCK);
    succeed(lab.shell("exec cc -shared -fPIC -O1 -o clock.so clock.c"));
    let mut ahead = File::create(lab.path("ahead")).unwrap();
    ahead.write_all(&before.to_ne_bytes()).unwrap();
    let endpoint = testbed.endpoint();
    let args = ["run", "clock.toml", "--bucket", signing::BUCKET, "--endpoint", &endpoint, "--yes"];
    let mut run = lab.with_key(&testbed, &args);
    run.env("LD_PRELOAD", lab.path("clock.so")).env("CLOCK_AHEAD", lab.path("ahead"));
    let (output, page) = tokio::task::block_in_place(|| {
        let child = start(run);
        let trials = lab.path("results/clock/latest/trials.csv");
        wait_until("four trials are over", || rows_or_none::<TrialRecord>(&trials).len() >= 4);
        ahead.write_all_at(&after.to_ne_bytes(), 0).unwrap();
        let ran = child.wait_with_output().unwrap();
        assert_eq!(ran.status.code(), Some(0), "{}", words(&ran).1);
        let output = succeed(report(&lab, &["results/clock/latest"]));
        (output, fs::read_to_string(lab.path("results/clock/latest/report.html")).unwrap())
    });
    testbed.shutdown().await;
    (all_said(&output), page)
}

/// What such a clock takes for an expired start is none for the server, which enforces all the time.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_20_s_ahead_or_is_set_so_in_mid_run_accuses_no_server_of_enforcing_nothing() {
    let (always, set) = tokio::join!(reported_by_a_clock(20, 20), reported_by_a_clock(0, 20));
    for (said, page) in [&always, &set] {
        for wrong in ["enforces NOTHING", "nothing is enforced"] {
            assert!(!said.contains(wrong) && !page.contains(wrong), "{said}");
        }
    }
    assert!(set.0.contains(" was set"), "{}", set.0);
}

/// A run all of whose uploads are refused by these words.
async fn refused(lab: &Lab, code: &'static str) {
    lab.write("refused.toml", plan("refused", "ttl = \"60s\"\nusers = 2", false));
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
    for code in ["\\[text](http://evil)", "[text](http://evil)", "http://evil", "*http://evil*"] {
        let lab = Lab::new();
        refused(&lab, code).await;
        succeed(report(&lab, &["case", "results/refused/latest", "--out", "case"]));
        let case = fs::read_to_string(lab.path("case/case.md")).unwrap();
        assert!(case.contains("evil"), "{case}");
        let plain = inert::plain(&case).unwrap_or_else(|| panic!("a span of code has no end in {case}"));
        assert!(!plain.contains("http://evil"), "{code}: {case}");
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
    let lab = Lab::with("short.toml", plan("short", "ttl = \"60s\"", false));
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
