//! Streams that nobody reads any more, and signals that come when they are gone: neither ends a run, and each signal does.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{PipeReader, PipeWriter, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use ttlsweep_record::{Outcome, TransferRecord, TrialState};
use ttlsweep_rundir::csv_file::read_rows;
use ttlsweep_testbed::{Testbed, TestbedConfig};

use crate::experiment::Toml;
use crate::front::objects;
use crate::program::{Lab, Run, rows_or_none, signal, succeed, wait_until, words};
use crate::signing;
use crate::verify::verified;

/// A second's worth of uploads to a testbed of its own.
fn short() -> Toml {
    Toml::named("short").set("target.tls", false).set("grid.users", 2)
}

/// One for two seconds.
fn busy() -> Toml {
    short().set("transfer.duration", "2s").set("transfer.wait", "10ms")
}

/// Uploads that take a minute each.
fn long() -> Toml {
    let long = Toml::named("long").set("grid.users", 2).set("grid.ttl", "600s");
    long.set("grid.size", "1MB").set("grid.bandwidth", "128kbit/s")
}

/// A stream as a child is given it.
#[derive(Debug, Clone, Copy)]
enum Stream {
    /// A pipe whose reader has gone, as behind `| head -1`.
    DeadPipe,
    /// A disk without room.
    Full,
    /// Kept for us.
    Read,
}

impl Stream {
    fn open(self) -> Stdio {
        match self {
            Self::DeadPipe => std::io::pipe().unwrap().1.into(),
            Self::Full => File::options().write(true).open("/dev/full").unwrap().into(),
            Self::Read => Stdio::piped(),
        }
    }
}

const ALL_STREAMS: [(Stream, Stream); 5] = [
    (Stream::DeadPipe, Stream::Read),
    (Stream::Read, Stream::DeadPipe),
    (Stream::DeadPipe, Stream::DeadPipe),
    (Stream::Full, Stream::Read),
    (Stream::Full, Stream::Full),
];

fn with_streams(mut command: Command, (out, err): (Stream, Stream)) -> Child {
    command.stdout(out.open()).stderr(err.open()).spawn().unwrap()
}

/// How a child ends; one that does not is killed, and that is a failure.
pub(crate) fn ends_within(child: &mut Child, most: Duration) -> ExitStatus {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if began.elapsed() > most {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("still alive after {most:?}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

async fn testbed() -> Testbed {
    signing::start(TestbedConfig { tls: false, ..TestbedConfig::default() }).await
}

fn long_run(lab: &Lab, testbed: &Testbed) -> Command {
    long().write(lab);
    let endpoint = testbed.endpoint();
    lab.with_key(testbed, &["run", "long.toml", "--bucket", signing::BUCKET, "--endpoint", &endpoint, "--yes"])
}

fn wait_for_transfers(lab: &Lab) {
    let journal = lab.path("results/long/latest/journal.csv");
    wait_until("two transfers are in flight", || rows_or_none::<TransferRecord>(&journal).len() == 2);
}

/// `ttlsweep run … 2>&1 | tee log` and Ctrl-C: tee dies of the same Ctrl-C, and nobody reads what the run says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_signal_ends_a_run_in_order_although_nobody_reads_its_words() {
    for ending in [Signal::INT, Signal::TERM, Signal::HUP] {
        for streams in [(Stream::DeadPipe, Stream::DeadPipe), (Stream::Full, Stream::Full)] {
            let (testbed, lab) = (testbed().await, Lab::new());
            let mut child = with_streams(long_run(&lab, &testbed), streams);
            let status = tokio::task::block_in_place(|| {
                wait_for_transfers(&lab);
                signal(&child, ending);
                ends_within(&mut child, Duration::from_secs(20))
            });
            assert_eq!(status.code(), Some(130), "{ending:?} {streams:?}: {status}");
            assert_eq!(objects(&testbed).await, Vec::<String>::new(), "{ending:?}: what it put is deleted");
            let rows = lab.run_of("long").transfers();
            assert!(rows.len() == 2 && rows.iter().all(|row| row.outcome == Outcome::Cancelled), "{rows:?}");
            testbed.shutdown().await;
        }
    }
}

/// The run may have been interrupted, and is consistent.
fn assert_sound(run: &Run) {
    let verified = verified(run);
    let is_unfinished =
        |problem: &str| problem.contains("planned trials ") || problem.contains("is not whole; resume it");
    assert!(verified.problems.iter().all(|one| is_unfinished(&one.problem)), "{verified}");
}

/// A pipe that is full, and its reader, who lives and reads nothing: a pager that is not scrolled, a collector that hangs.
fn stuck() -> (PipeReader, PipeWriter) {
    let (reader, writer) = std::io::pipe().unwrap();
    let mut filling = writer.try_clone().unwrap();
    let full = Arc::new(AtomicUsize::new(0));
    let written = Arc::clone(&full);
    // It stays in its last write for as long as the reader lives.
    std::thread::spawn(move || {
        while filling.write_all(&[b'x'; 4096]).is_ok() {
            written.fetch_add(1, Ordering::SeqCst);
        }
    });
    let mut before = 0;
    wait_until("the pipe is full", || {
        std::thread::sleep(Duration::from_millis(50));
        let now = full.load(Ordering::SeqCst);
        now > 0 && now == std::mem::replace(&mut before, now)
    });
    (reader, writer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "slow"]
async fn a_reader_who_lives_and_reads_nothing_holds_up_neither_run_nor_signal() {
    for ending in [None, Some(Signal::INT), Some(Signal::HUP)] {
        let (testbed, lab) = (testbed().await, short().lab());
        let (_reader, full) = stuck();
        let mut command =
            if ending.is_some() { long_run(&lab, &testbed) } else { lab.ttlsweep(&["run", "short.toml"]) };
        // Without a signal, the folder's name waits for its reader, as in every pipe.
        let out = if ending.is_some() { full.try_clone().unwrap().into() } else { Stdio::piped() };
        let mut child = command.env("TTLSWEEP_LOG", "debug").stdout(out).stderr(full).spawn().unwrap();
        let status = tokio::task::block_in_place(|| {
            if let Some(ending) = ending {
                wait_for_transfers(&lab);
                signal(&child, ending);
            }
            ends_within(&mut child, Duration::from_secs(30))
        });
        let (experiment, code, outcome) = match ending {
            Some(_) => ("long", 130, Outcome::Cancelled),
            None => ("short", 0, Outcome::Completed),
        };
        assert_eq!(status.code(), Some(code), "{ending:?}: {status}");
        assert_eq!(objects(&testbed).await, Vec::<String>::new(), "{ending:?}: what it put is deleted");
        let run = lab.run_of(experiment);
        assert_sound(&run);
        let rows = run.transfers();
        assert!(rows.len() == 2 && rows.iter().all(|row| row.outcome == outcome), "{rows:?}");
        testbed.shutdown().await;
    }
}

/// Ctrl-S stops a terminal, and anyone who writes to it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "slow"]
async fn a_terminal_that_is_stopped_holds_up_neither_run_nor_signal() {
    for ending in [None, Some(Signal::TERM)] {
        let (testbed, lab) = (testbed().await, busy().lab());
        let name = if ending.is_some() { "long" } else { "short" };
        lab.write("run.sh", "\"$TTLSWEEP\" run $NAME.toml $AT > folder & echo $! > pid; wait $!; echo $? > code");
        let environment = long_run(&lab, &testbed);
        let environment: Vec<_> =
            environment.get_envs().filter_map(|(k, v)| Some((k.to_owned(), v?.to_owned()))).collect();
        let at = format!("--bucket {} --endpoint {} --yes", signing::BUCKET, testbed.endpoint());
        let mut terminal = lab.shell("exec script -qfec 'sh run.sh' /dev/null");
        terminal.envs(environment).env("NAME", name).env("AT", if ending.is_some() { &at } else { "" });
        terminal.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut terminal = terminal.spawn().unwrap();
        tokio::task::block_in_place(|| {
            let journal = lab.path("results").join(name).join("latest/journal.csv");
            wait_until("transfers have begun", || !rows_or_none::<TransferRecord>(&journal).is_empty());
            terminal.stdin.as_mut().unwrap().write_all(b"\x13").unwrap();
            std::thread::sleep(Duration::from_millis(500));
            if let Some(ending) = ending {
                let pid = fs::read_to_string(lab.path("pid")).unwrap().trim().parse().unwrap();
                kill_process(Pid::from_raw(pid).unwrap(), ending).unwrap();
            }
            wait_until("the run has ended", || {
                fs::read_to_string(lab.path("code")).is_ok_and(|code| code.ends_with('\n'))
            });
            terminal.kill().unwrap();
            terminal.wait().unwrap();
        });
        let code = fs::read_to_string(lab.path("code")).unwrap();
        assert_eq!(code.trim(), if ending.is_some() { "130" } else { "0" });
        assert_eq!(objects(&testbed).await, Vec::<String>::new(), "{ending:?}: what it put is deleted");
        assert_sound(&lab.run_of(name));
        testbed.shutdown().await;
    }
}

/// Words wait for nobody; data waits until a signal says that it is over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "slow"]
async fn no_command_waits_for_a_reader_of_its_words_and_each_stops_waiting_for_one_of_its_data() {
    let (testbed, lab) = (testbed().await, short().lab());
    let endpoint = testbed.endpoint();
    let to = |args: &[&str]| lab.with_key(&testbed, args);
    let at = ["--bucket", signing::BUCKET, "--endpoint", &endpoint];
    let shard = ["run", "short.toml", "--shard", "1/1", "--run-id", "one"];
    let plan = tokio::task::block_in_place(|| {
        succeed(to(&[&["run", "short.toml", "--yes", "--keep-objects", "--out", "kept"], &at[..]].concat()));
        succeed(to(&shard));
        Run::printed(&lab, &succeed(to(&["run", "short.toml", "--out", "plan"])))
    });
    let plan = plan.path().to_str().unwrap();
    let commands: [&[&str]; 8] = [
        &["run", "short.toml"],
        &["run", "short.toml", "--dry-run"],
        &["trace", "short.toml"],
        &["doctor", "short.toml"],
        &["resume", plan],
        &["merge", "results/short/one", "--out"],
        &["clean", "kept/short/latest", "--dry-run"],
        &["completions", "bash"],
    ];
    let (_reader, full) = stuck();
    let merged = AtomicUsize::new(0);
    let begin = |args: &&[&str], out: Stdio, err: Stdio| {
        let mut command = to(args);
        if args.last() == Some(&"--out") {
            command.arg(format!("merged-{}", merged.fetch_add(1, Ordering::SeqCst)));
        }
        command.env("TTLSWEEP_LOG", "debug").stdout(out).stderr(err).spawn().unwrap()
    };
    tokio::task::block_in_place(|| {
        let mute = |one| begin(one, Stdio::null(), full.try_clone().unwrap().into());
        let children = commands.each_ref().map(mute);
        for (mut child, args) in children.into_iter().zip(commands) {
            assert_eq!(ends_within(&mut child, Duration::from_secs(60)).code(), Some(0), "{args:?}");
        }
        let deaf = |one| begin(one, full.try_clone().unwrap().into(), Stdio::null());
        let children = commands.each_ref().map(deaf);
        std::thread::sleep(Duration::from_secs(5));
        for (mut child, args) in children.into_iter().zip(commands) {
            assert_eq!(child.try_wait().unwrap(), None, "{args:?} waits for the reader of its data");
            signal(&child, Signal::INT);
            let status = ends_within(&mut child, Duration::from_secs(20));
            // What listens for no signal is ended by it.
            assert!(status.code() == Some(130) || status.signal() == Some(2), "{args:?}: {status}");
        }
    });
    testbed.shutdown().await;
}

/// Whoever writes `nohup` wants the run to outlast the terminal.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_was_told_to_ignore_the_hangup_goes_on_to_its_end() {
    let lab = busy().lab();
    let command = lab.shell("trap '' HUP; exec \"$TTLSWEEP\" run short.toml");
    let mut child = with_streams(command, (Stream::Read, Stream::DeadPipe));
    let status = tokio::task::block_in_place(|| {
        let journal = lab.path("results/short/latest/journal.csv");
        wait_until("a transfer has begun", || !rows_or_none::<TransferRecord>(&journal).is_empty());
        signal(&child, Signal::HUP);
        ends_within(&mut child, Duration::from_secs(30))
    });
    assert_eq!(status.code(), Some(0), "{status}");
    assert!(lab.run_of("short").trials().iter().all(|trial| trial.state == TrialState::Whole));
}

#[test]
fn a_run_whose_streams_nobody_reads_is_whole_and_ends_with_0() {
    for streams in ALL_STREAMS {
        let runs = ["plain", "json", "auto"].map(|progress| {
            let lab = short().lab();
            let child = with_streams(lab.ttlsweep(&["run", "short.toml", "--progress", progress]), streams);
            (lab, progress, child)
        });
        for (lab, progress, mut child) in runs {
            let status = ends_within(&mut child, Duration::from_secs(60));
            assert_eq!(status.code(), Some(0), "{streams:?} {progress}: {status}");
            assert_eq!(lab.run_of("short").trials().len(), 1, "{streams:?} {progress}");
            assert!(!lab.run_of("short").path().join("journal.csv").exists(), "it was finished");
        }
    }
}

/// The folder's name stands in stdout alone; that it is lost is said where somebody may still read.
#[test]
fn a_stdout_without_room_is_reported_once() {
    let lab = short().lab();
    let child = with_streams(lab.ttlsweep(&["run", "short.toml", "--dry-run"]), (Stream::Full, Stream::Read));
    let (code, said) = words(&child.wait_with_output().unwrap());
    assert_eq!((code, said.matches("stdout cannot be written").count()), (Some(0), 1), "{said}");
}

/// Every command, with words and data of every length.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "slow"]
async fn no_command_fails_because_nobody_reads_what_it_prints() {
    let (testbed, lab) = (testbed().await, short().lab());
    short().unset("target").set("experiment.name", "s3").write(&lab);
    let endpoint = testbed.endpoint();
    let at = ["--bucket", signing::BUCKET, "--endpoint", &endpoint];
    let to = |args: &[&str]| lab.with_key(&testbed, args);
    let shard = |number: &str| {
        to(&["run", "short.toml", "--set", "experiment.repetitions=2", "--shard", number, "--run-id", "one"])
    };
    let (plan, kept) = tokio::task::block_in_place(|| {
        succeed(to(&[&["run", "s3.toml", "--yes", "--keep-objects"], &at[..]].concat()));
        let plan = Run::printed(&lab, &succeed(to(&["run", "short.toml"])));
        succeed(shard("1/2"));
        succeed(shard("2/2"));
        (plan, lab.run_of("s3"))
    });
    let (plan, kept) = (plan.path().to_str().unwrap(), kept.path().to_str().unwrap());
    let mut commands: Vec<(&[&str], i32)> = vec![
        (&["--help"], 0),
        (&["--version"], 0),
        (&["run", "--help"], 0),
        (&["run", "--no-such-flag"], 2),
        (&["run", "absent.toml"], 2),
        (&["run", "short.toml", "--dry-run"], 0),
        (&["trace", "short.toml"], 0),
    ];
    let folder = [["resume", plan], ["trace", plan], ["clean", kept]];
    let dry = ["clean", kept, "--dry-run"];
    commands.push((&dry, 0));
    commands.extend(folder.iter().map(|args| (&args[..], 0)));
    let begun = |args: &[&str], streams| {
        let mut command = to(args);
        // Whatever is logged goes the same way.
        command.env("TTLSWEEP_LOG", "debug");
        with_streams(command, streams)
    };
    tokio::task::block_in_place(|| {
        // These wait for a link to expire.
        let doctors = ALL_STREAMS.map(|streams| (streams, begun(&["doctor", "short.toml"], streams)));
        for streams in ALL_STREAMS {
            for (args, code) in &commands {
                let mut child = begun(args, streams);
                let status = ends_within(&mut child, Duration::from_secs(60));
                assert_eq!(status.code(), Some(*code), "{args:?} {streams:?}: {status}");
            }
            let merged = format!("merged-{streams:?}").replace(' ', "");
            let mut child = with_streams(to(&["merge", "results/short/one", "--out", &merged]), streams);
            assert_eq!(ends_within(&mut child, Duration::from_secs(60)).code(), Some(0), "merge {streams:?}");
            assert!(lab.path(&merged).join("transfers.csv").exists());
        }
        for (streams, mut child) in doctors {
            assert_eq!(ends_within(&mut child, Duration::from_secs(60)).code(), Some(0), "doctor {streams:?}");
        }
    });
    assert_eq!(objects(&testbed).await, Vec::<String>::new(), "clean has cleaned, although nobody read it");
    testbed.shutdown().await;
}

/// A shard on a machine that is thrown away: its rows must be in the bucket, even if nobody reads the name of its folder.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_is_uploaded_although_its_stdout_is_gone() {
    let config = TestbedConfig { tls: false, buckets: vec!["results".to_owned()], ..TestbedConfig::default() };
    let bucket = Testbed::start(config).await.unwrap();
    for streams in [(Stream::DeadPipe, Stream::DeadPipe), (Stream::Full, Stream::Full)] {
        let lab = short().lab();
        let place = format!("s3://results/{}", format!("{streams:?}").replace(['(', ')', ',', ' '], ""));
        let upload = |lab: &Lab| {
            let mut command = lab.with_key(&bucket, &["run", "short.toml", "--shard", "1/1", "--upload", &place]);
            command.env("AWS_ENDPOINT_URL_S3", bucket.endpoint()).env("AWS_REGION", "us-east-1");
            command
        };
        let mut child = with_streams(upload(&lab), streams);
        let (status, again) = tokio::task::block_in_place(|| {
            (ends_within(&mut child, Duration::from_secs(60)), succeed(upload(&short().lab())))
        });
        assert_eq!(status.code(), Some(0), "{streams:?}");
        assert!(words(&again).1.contains("is whole; it is left alone"), "{streams:?}: {}", words(&again).1);
    }
    bucket.shutdown().await;
}

/// A terminal that is closed under a run takes its streams and sends a hangup.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_terminal_ends_a_run_in_order() {
    let (testbed, lab) = (testbed().await, Lab::new());
    lab.write(
        "run.sh",
        "echo $$ > pid; exec \"$TTLSWEEP\" run long.toml --bucket \"$BUCKET\" --endpoint \"$ENDPOINT\" --yes",
    );
    let mut terminal = long_run(&lab, &testbed);
    let environment: Vec<_> = terminal.get_envs().filter_map(|(k, v)| Some((k.to_owned(), v?.to_owned()))).collect();
    // util-linux's `script` gives the run a terminal, which goes with it.
    terminal = lab.shell("exec script -qfec 'sh run.sh' /dev/null");
    terminal.envs(environment).env("BUCKET", signing::BUCKET).env("ENDPOINT", testbed.endpoint());
    let mut terminal = terminal.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    tokio::task::block_in_place(|| {
        wait_for_transfers(&lab);
        signal(&terminal, Signal::KILL);
        terminal.wait().unwrap();
        let pid = fs::read_to_string(lab.path("pid")).unwrap();
        wait_until("the run has ended", || !Path::new("/proc").join(pid.trim()).exists());
    });
    assert_eq!(objects(&testbed).await, Vec::<String>::new(), "what it put is deleted");
    let rows: Vec<TransferRecord> = read_rows(lab.run_of("long").path()).unwrap();
    assert!(rows.len() == 2 && rows.iter().all(|row| row.outcome == Outcome::Cancelled), "{rows:?}");
}

/// Names are bytes to Linux; Latin-1 disks and archives have them.
#[test]
fn a_path_that_is_not_utf_8_is_a_path_like_any_other() {
    let lab = Lab::new();
    let (file, out) = (OsStr::from_bytes(b"gr\xfc\xdfe.toml"), OsStr::from_bytes(b"ergebni\xdfe"));
    fs::write(lab.path(".").join(file), short().to_string()).unwrap();
    let mut command = lab.ttlsweep(&["run"]);
    command.arg(file).arg("--out").arg(out);
    let printed = succeed(command).stdout;
    let folder = lab.path(".").join(OsStr::from_bytes(printed.strip_suffix(b"\n").unwrap()));
    assert!(folder.join("transfers.csv").is_file(), "{folder:?}");

    let mut command = lab.ttlsweep(&["resume"]);
    command.arg(&folder);
    assert!(words(&succeed(command)).1.contains("nothing is missing"));

    let mut command = lab.ttlsweep(&["run", "absent.toml", "--bucket"]);
    command.arg(OsStr::from_bytes(b"b\xfccket"));
    let (code, said) = words(&command.output().unwrap());
    assert_eq!(code, Some(2), "{said}");
    assert!(!said.contains("panicked"), "{said}");
}

/// The AWS chain waits for its files, which nobody can take from it; a signal does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_signal_ends_a_command_whose_configuration_never_comes() {
    let (testbed, lab) = (testbed().await, short().lab());
    let endpoint = testbed.endpoint();
    let at = ["--bucket", signing::BUCKET, "--endpoint", &endpoint];
    let run = lab.with_key(&testbed, &[&["run", "short.toml", "--yes"], &at[..]].concat());
    tokio::task::spawn_blocking(|| succeed(run)).await.unwrap();
    let whole = lab.run_of("short");
    // As if it had been killed: there is something to go on with.
    let trials = fs::read_to_string(whole.path().join("trials.csv")).unwrap();
    fs::write(whole.path().join("trials.csv"), format!("{}\n", trials.lines().next().unwrap())).unwrap();
    let folder = whole.path().to_str().unwrap().to_owned();
    for variable in ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"] {
        for (args, code) in [
            ([&["run", "short.toml", "--yes"], &at[..]].concat(), Some(130)),
            ([&["doctor", "short.toml"], &at[..]].concat(), Some(130)),
            ([&["trace", "short.toml"], &at[..]].concat(), Some(130)),
            (vec!["resume", &folder], Some(130)),
            // It has begun nothing that could be ended in order.
            (vec!["clean", &folder], None),
        ] {
            let pipe = lab.path("pipe");
            let _ = fs::remove_file(&pipe);
            assert!(lab.shell("mkfifo pipe").status().unwrap().success());
            let before = fs::read_dir(lab.path("results/short")).unwrap().count();
            let mut command = lab.with_key(&testbed, &args);
            let mut child = command.env(variable, &pipe).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            let status = tokio::task::block_in_place(|| {
                let mut options = File::options();
                let writer = options.write(true).custom_flags(libc::O_NONBLOCK);
                let mut opened = None;
                wait_until("it reads the pipe", || {
                    opened = writer.open(&pipe).ok();
                    opened.is_some()
                });
                signal(&child, Signal::INT);
                ends_within(&mut child, Duration::from_secs(10))
            });
            assert_eq!(
                (status.code(), status.signal().is_some()),
                (code, code.is_none()),
                "{variable} {args:?}: {status}"
            );
            assert_eq!(fs::read_dir(lab.path("results/short")).unwrap().count(), before, "no folder is made");
        }
    }
}
