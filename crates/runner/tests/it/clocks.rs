//! What a run learns of the clocks: how far apart they are, and whether one was set meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use ttlsweep_record::{ClockEntry, ClockRecord, Timestamp, TransferRecord, TrialRecord};
use ttlsweep_rundir::csv_file::read_rows;
use ttlsweep_rundir::environment::ClockOffset;
use ttlsweep_runner::Mode;
use ttlsweep_runner::testing::clock::{Clock, SystemClock};
use ttlsweep_runner::testing::plan::Plan;
use ttlsweep_runner::testing::run::Run;
use ttlsweep_runner::testing::run::environment::of_new_run;
use ttlsweep_runner::testing::run::files::{self, Files};
use ttlsweep_runner::testing::run::sweep::{self, Earlier};
use ttlsweep_runner::testing::s3::object_key::RunPrefix;
use ttlsweep_runner::testing::s3::{Maker, Target};
use ttlsweep_runner::testing::stop::StopSwitch;
use ttlsweep_runner::testing::target::Targets;
use ttlsweep_runner::testing::transfer::clock_probe::{Effort, Round, patient, round};
use ttlsweep_runner::testing::transfer::one_off::OneOff;
use ttlsweep_runner::testing::wire::endpoint::Endpoint;
use ttlsweep_testbed::TestbedConfig;

use crate::experiment::Toml;
use crate::program::{self, words};
use crate::server::{Peer, Server};
use crate::signing;

const SECOND_US: i64 = 1_000_000;

fn now_us() -> i64 {
    Timestamp::from_system_time(SystemTime::now()).unix_micros()
}

fn date(unix_us: i64) -> String {
    let format = time::macros::format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    time::OffsetDateTime::from_unix_timestamp(unix_us.div_euclid(SECOND_US)).unwrap().format(format).unwrap()
}

/// Probes a server that dates its answers by `dated`, which is given the true time.
async fn probe(dated: impl Fn(i64) -> i64 + Copy + Send + Sync + 'static) -> Round {
    probe_as(Effort::once(Duration::from_secs(10)), Duration::ZERO, dated).await
}

/// The same by a probe that goes as far as `effort` says; answers come so much `later`.
async fn probe_as(
    effort: Effort<'_>,
    later: Duration,
    dated: impl Fn(i64) -> i64 + Copy + Send + Sync + 'static,
) -> Round {
    let server = Server::start(false, move |mut peer: Peer| async move {
        while peer.head().await.is_some() {
            tokio::time::sleep(later / 2).await;
            let date = date(dated(now_us()));
            tokio::time::sleep(later / 2).await;
            peer.say(&format!("HTTP/1.1 404 Not Found\r\ndate: {date}\r\ncontent-length: 0\r\n\r\n")).await;
        }
    })
    .await;
    let url = format!("http://{}", server.addr);
    let endpoint = Endpoint::of(&url.parse().unwrap()).unwrap();
    let target = Target { maker: Maker::Store(signing::store_at(&url).await), offset: Arc::default(), endpoint };
    let cell = patient(&clocks().load().cells[0]);
    let one_off = OneOff { target: &target, cell: &cell, clock: &SystemClock, ids: Arc::default() };
    let key = RunPrefix::new("", "clocks", "run").key("clock");
    let found = round(&one_off, &key, effort, &mut StopSwitch::new().listen(None)).await;
    let known = target.offset.bracket(&SystemClock.anchor()).unwrap();
    assert_eq!(known.responses, found.answers.len() as u64, "what a probe finds narrows the target's bracket, too");
    found
}

/// At a testbed of the program's own.
fn clocks() -> Toml {
    let clocks = Toml::named("clocks").set("experiment.repetitions", 6).set("target.tls", false);
    clocks.set("grid.size", "100kB").set("grid.bandwidth", "1600kbit/s")
}

/// The same at a bucket.
fn at_bucket() -> Toml {
    clocks().unset("target").set("target.kind", "s3").set("target.bucket", "ttlsweep")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handful_of_requests_tells_the_servers_clock_to_some_milliseconds() {
    let probes = [0, 300_000, -20_123_000].map(|truth| async move {
        let began = Instant::now();
        // A busy machine may need all of the time that it is given.
        let effort = Effort::once(Duration::from_secs(7));
        let found = probe_as(effort, Duration::ZERO, move |now| now + truth).await;
        let bracket = found.bracket.unwrap();
        assert!(bracket.low_us <= truth && truth <= bracket.high_us, "{truth}: {bracket:?}");
        // About a round trip; a busy machine answers late now and then.
        assert!(bracket.high_us - bracket.low_us < 40_000, "{truth}: {bracket:?}");
        assert!(found.answers.len() < 48, "{} requests", found.answers.len());
        assert_eq!(found.stale_us, 0, "{truth}: {bracket:?} {:#?}", found.answers);
        assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    });
    futures_util::future::join_all(probes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_probe_that_knows_the_clock_asks_twice_beside_a_second_and_one_that_was_wrong_searches() {
    let truth = 300_000;
    let asked = AtomicU32::new(0);
    let tell = |number| asked.store(number, Ordering::SeqCst);
    let effort = Effort { confirm: false, ..Effort::once(Duration::from_secs(10)) };
    let known = |low_us, high_us| Some(ClockOffset { low_us, high_us, responses: 20 });
    let found = async |effort| {
        let found = probe_as(effort, Duration::ZERO, move |now| now + truth).await;
        let bracket = found.bracket.unwrap();
        assert!(bracket.low_us <= truth && truth <= bracket.high_us, "{bracket:?}");
        assert!(bracket.high_us - bracket.low_us < 60_000, "{bracket:?}");
        assert_eq!(found.stale_us, 0, "{bracket:?}");
        found.answers.len()
    };
    assert!(found(Effort { known: known(-5_000, 5_000), ..effort }).await > 6);

    // A request that a busy machine sends late misses its place, and the probe searches after all.
    let mut counts = Vec::new();
    while counts.last().is_none_or(|count| *count > 6) {
        assert!(counts.len() < 5, "{counts:?}");
        let near = Effort { known: known(truth - 5_000, truth + 5_000), asked: &tell, ..effort };
        let count = found(near).await;
        assert_eq!(asked.load(Ordering::SeqCst) as usize, count);
        counts.push(count);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn far_away_the_bracket_comes_down_to_about_a_round_trip_too() {
    let (truth, round_trip) = (-700_000, Duration::from_millis(240));
    let effort = Effort { confirm: false, ..Effort::once(Duration::from_secs(10)) };
    let found = probe_as(effort, round_trip, move |now| now + truth).await;
    let bracket = found.bracket.unwrap();
    assert!(bracket.low_us <= truth && truth <= bracket.high_us, "{bracket:?}");
    assert!(bracket.high_us - bracket.low_us < 450_000, "{bracket:?}");
    assert!(found.answers.len() < 20, "{} requests", found.answers.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_probe_ends_when_its_time_is_over_with_what_it_has() {
    let began = Instant::now();
    let found = probe_as(Effort::once(Duration::from_millis(200)), Duration::ZERO, |now| now).await;
    let bracket = found.bracket.unwrap();
    assert!(bracket.low_us <= 0 && 0 <= bracket.high_us && bracket.high_us - bracket.low_us < 1_200_000, "{bracket:?}");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

/// uvicorn makes its `Date` in a loop that takes a little longer than a second. Each of several probes once gave another narrow
/// interval, and none of them held the truth.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dates_that_are_made_once_a_second_leave_a_wide_bracket_around_the_truth() {
    let found = probe(|now| now / 1_013_000 * 1_013_000).await;
    let bracket = found.bracket.unwrap();
    let offset = |answer: &ttlsweep_runner::testing::transfer::clock_probe::Answer| {
        let low = answer.server.micros_since(answer.received);
        (answer.sent.to_string(), low, answer.server.micros_since(answer.sent) + SECOND_US)
    };
    let reported: Vec<_> = found.answers.iter().map(offset).collect();
    assert!(bracket.low_us <= 0 && 0 <= bracket.high_us, "{bracket:?} {reported:#?}");
    assert!(found.stale_us >= 1_000_000, "{bracket:?} {reported:#?}");
}

/// The machine's clock until it is set by so many microseconds.
#[derive(Debug, Default)]
struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn wall(&self) -> Timestamp {
        SystemClock.wall().plus_micros(self.0.load(Ordering::SeqCst))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_set_in_mid_run_is_a_row_with_instant_size_and_trial() {
    let folder = tempfile::tempdir().unwrap();
    let experiment = clocks().load();
    let plan = Plan::new(&experiment);
    let (clock, stop) = (Arc::new(SetClock::default()), StopSwitch::new());
    files::create(folder.path(), &plan.cells).unwrap();
    let files = Files::open(folder.path(), stop.clone()).unwrap();
    let targets = Targets::open(&plan.cells).await.unwrap();
    let environment = of_new_run(&experiment, &plan, SystemClock.wall(), &targets);
    let run = Run::new(experiment, plan, environment, targets, files.sink());
    let run = Arc::new(Run { stop, progress: Mode::None, clock: Arc::clone(&clock) as Arc<dyn Clock>, ..run });
    let set = Arc::clone(&clock);
    let setting = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(1700)).await;
        set.0.store(-2 * SECOND_US, Ordering::SeqCst);
        SystemClock.wall()
    });
    sweep::run(&run, files, Earlier::default()).await.unwrap();
    drop(run);
    let when = setting.await.unwrap();

    let rows: Vec<ClockRecord> = read_rows(folder.path()).unwrap();
    assert_eq!(rows.len(), 1, "{rows:?}");
    let step = &rows[0];
    // The two clocks are read one after the other.
    assert!((step.step_us.unwrap() + 2 * SECOND_US).abs() < 1_000, "{step:?}");
    assert_eq!(step.entry, ClockEntry::Step);
    assert!(step.sent_at <= when, "{step:?}: {when}");
    let found = step.received_at.plus_micros(2 * SECOND_US);
    assert!((0..800_000).contains(&found.micros_since(when)), "{step:?}: {when}");
    let trials: Vec<TrialRecord> = read_rows(folder.path()).unwrap();
    assert!(trials.iter().any(|trial| Some(&trial.trial_id) == step.trials.as_ref()), "{step:?}");

    // Each row's offset is by the clock that its instants are by: one date is a second wide.
    let transfers: Vec<TransferRecord> = read_rows(folder.path()).unwrap();
    let offset = |row: &TransferRecord| row.clock_offset_us.unwrap();
    assert!(offset(&transfers[0]).abs() < 600_000, "{:?}", transfers[0]);
    let last = transfers.last().unwrap();
    assert!((offset(last) - 2 * SECOND_US).abs() < 600_000, "{last:?}");
}

/// Hands connections on to `to` and moves the date of every answer by `by_us`.
async fn redating(to: std::net::SocketAddr, by_us: i64) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (mut from_client, mut to_client) = client.into_split();
            let (mut from_server, mut to_server) = TcpStream::connect(to).await.unwrap().into_split();
            tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
            tokio::spawn(async move {
                let mut bytes = vec![0; 64 << 10];
                while let Ok(read @ 1..) = from_server.read(&mut bytes).await {
                    let lower = bytes[..read].to_ascii_lowercase();
                    if let Some(found) = lower.windows(8).position(|window| window == b"\r\ndate: ") {
                        bytes[found + 8..found + 37].copy_from_slice(date(now_us() + by_us).as_bytes());
                    }
                    if to_client.write_all(&bytes[..read]).await.is_err() {
                        break;
                    }
                }
            });
        }
    });
    url
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "slow"]
async fn doctor_ends_with_2_where_the_clocks_are_more_than_a_second_apart() {
    let testbed = signing::start(TestbedConfig { tls: false, ..TestbedConfig::default() }).await;
    let lab = at_bucket().lab();
    let reported = async |by_us: i64| {
        let url = redating(testbed.addr(), by_us).await;
        let args = ["doctor", "clocks.toml", "--endpoint", &url, "--set", "target.clock_probe=10s"];
        let mut command = lab.with_key(&testbed, &args);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let found = String::from_utf8(output.stdout.clone()).unwrap();
        let line = found.lines().find(|line| line.contains(" clock ")).unwrap_or_else(|| panic!("{output:?}"));
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        let off_ms: i64 = line.split_once("the server's is ").unwrap().1.split(' ').next().unwrap().parse().unwrap();
        // To some milliseconds: the last digits are a busy machine's.
        assert!((off_ms - by_us.abs() / 1000).abs() <= 60, "{by_us}: {line}");
        (line, output.status.code(), found.lines().last().unwrap().to_owned())
    };
    let (behind, ahead, near) = tokio::join!(reported(-2 * SECOND_US), reported(2 * SECOND_US), reported(400_000));
    for ((line, code, last), side) in [(behind, "behind"), (ahead, "ahead of")] {
        assert!(line.starts_with("error clock ") && line.contains(&format!(" ms {side} this machine's")), "{line}");
        assert!(code == Some(2) && last.starts_with("mend this 1 error"), "{code:?} {last}");
    }
    let (line, code, last) = near;
    assert!(line.starts_with("ok clock ") && line.contains(" ms ahead of this machine's"), "{line}");
    assert!(code == Some(0) && last.starts_with("fit"), "{code:?} {last}");
    testbed.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_against_a_store_whose_clock_is_off_warns_and_records_two_probes_beside_its_transfers() {
    let testbed = signing::start(TestbedConfig { tls: false, ..TestbedConfig::default() }).await;
    let url = redating(testbed.addr(), 20 * SECOND_US).await;
    let lab = at_bucket().set("experiment.repetitions", 1).lab();
    let mut command =
        lab.with_key(&testbed, &["run", "clocks.toml", "--endpoint", &url, "--set", "target.clock_probe=10s"]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let (code, said) = words(&output);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("this machine's clock is 20.0") || said.contains("this machine's clock is 19.9"), "{said}");
    assert!(said.contains("behind the server's"), "{said}");
    let run = program::Run::printed(&lab, &output);
    let rows: Vec<ClockRecord> = read_rows(run.path()).unwrap();
    let brackets: Vec<_> = rows.iter().filter(|row| row.entry == ClockEntry::Bracket).collect();
    assert_eq!(brackets.iter().map(|row| row.round).collect::<Vec<_>>(), [Some(1), Some(2)]);
    for bracket in brackets {
        let (low, high) = (bracket.low_us.unwrap(), bracket.high_us.unwrap());
        assert!(low <= 20 * SECOND_US && 20 * SECOND_US <= high && high - low < 120_000, "{bracket:?}");
        let probes = rows.iter().filter(|row| row.entry == ClockEntry::Probe && row.round == bracket.round);
        assert_eq!(bracket.answers, Some(probes.count() as u64));
    }
    // None overlaps a transfer.
    for transfer in run.transfers() {
        let beside = |row: &ClockRecord| row.received_at < transfer.started_at || row.sent_at > transfer.ended_at;
        assert!(rows.iter().all(beside), "{transfer:?}");
    }
    testbed.shutdown().await;
}
