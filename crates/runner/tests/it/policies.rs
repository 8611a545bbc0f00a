//! Every policy of the testbed against every method: what the rows say is what the testbed did.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::task::JoinSet;
use ttlsweep_record::{
    Control, Cut, ExpiryPolicy, Method, ObjectState, Outcome, PeerClose, Phase, Timestamp, TransferRecord, TrialRecord,
    TrialState,
};
use ttlsweep_rundir::csv_file::read_rows;
use ttlsweep_rundir::environment::Environment;
use ttlsweep_runner::testing::clock::{Clock, SystemClock};
use ttlsweep_runner::testing::experiment::Experiment;
use ttlsweep_runner::testing::plan::{Plan, Trial};
use ttlsweep_runner::testing::run::Run;
use ttlsweep_runner::testing::run::environment::of_new_run;
use ttlsweep_runner::testing::run::files::{self, Files};
use ttlsweep_runner::testing::run::trial::TrialRun;
use ttlsweep_runner::testing::s3::object_key::RunPrefix;
use ttlsweep_runner::testing::s3::{Operation, Target};
use ttlsweep_runner::testing::stop::StopSwitch;
use ttlsweep_runner::testing::target::Targets;
use ttlsweep_runner::testing::transfer::judge::judge;
use ttlsweep_runner::testing::transfer::{self, Limits, Payload, Task};
use ttlsweep_runner::testing::wire::body::Source;
use ttlsweep_testbed::{Disposition, RequestRecord, Testbed, TestbedConfig};

use crate::client::BLOCK;
use crate::experiment::Toml;
use crate::signing::{self, target_of};

/// A user needs 3 s for so many bytes under its share of the cap. Of a download so much is left at expiry that the sockets
/// cannot hold it.
fn size_of(method: Method) -> u64 {
    if method == Method::Get { 1_500_000 } else { 300_000 }
}

/// What the sockets hold of a download: the testbed's send buffer and 0.2 s of its user's share, both of which the kernel
/// doubles.
const IN_SOCKETS: i64 = 2 * (64 << 10) + 2 * 100_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_say_what_the_testbed_did_under_every_policy() {
    let variants = [
        (ExpiryPolicy::OnRequest, Cut::Reset),
        (ExpiryPolicy::OnCompletion, Cut::Reset),
        (ExpiryPolicy::Never, Cut::Reset),
        (ExpiryPolicy::InFlight, Cut::Reset),
        (ExpiryPolicy::InFlight, Cut::Close),
        (ExpiryPolicy::InFlight, Cut::Respond),
    ];
    let mut stages = Vec::new();
    for (index, (expiry, cut)) in variants.into_iter().enumerate() {
        for (turn, method) in [Method::Put, Method::Get, Method::UploadPart].into_iter().enumerate() {
            stages.push(Stage::set(expiry, cut, method, (index + turn) % 2 == 0).await);
        }
    }
    // Links are dated by whole seconds: begun right after one, they live for almost all of theirs.
    let into_second = SystemClock.wall().unix_micros().rem_euclid(1_000_000).unsigned_abs();
    tokio::time::sleep(Duration::from_micros(1_020_000 - into_second)).await;
    let stories: JoinSet<_> = stages.into_iter().map(Stage::play).collect();
    let rows: usize = stories.join_all().await.iter().sum();
    assert_eq!(rows, (variants.len() * 3 * 2 + 3) * 2, "each trial has two users");
}

/// The grid's cell and its controls with a testbed of their own. Transfers need 3 s; links live for 2 s.
struct Stage {
    folder: TempDir,
    experiment: Experiment,
    plan: Plan,
    cut: Cut,
    testbed: Testbed,
    target: Arc<Target>,
}

impl Stage {
    async fn set(expiry: ExpiryPolicy, cut: Cut, method: Method, tls: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let experiment = experiment(expiry, cut, method, tls);
        let plan = Plan::new(&experiment);
        let testbed = signing::start(TestbedConfig { expiry, cut, tls, ..TestbedConfig::default() }).await;
        let target = Arc::new(target_of(&testbed).await);
        if method == Method::Get {
            put_download(&target, &source_of(&plan)).await;
        }
        Self { folder, experiment, plan, cut, testbed, target }
    }

    /// Runs all trials at once, and checks each row; returns how many there were.
    async fn play(self) -> usize {
        let Self { folder, experiment, plan, cut, testbed, target } = self;
        let stop = StopSwitch::new();
        files::create(folder.path(), &plan.cells).unwrap();
        let files = Files::open(folder.path(), stop.clone()).unwrap();
        // Each trial is given its target.
        let targets = Targets::default();
        let environment = of_new_run(&experiment, &plan, SystemClock.wall(), &targets);
        let environment = Environment { run_id: "run".to_owned(), ..environment };
        let run = Run::new(experiment, plan.clone(), environment, targets, files.sink());
        let run = Arc::new(Run { stop, ..run });
        let trial_run = |trial: &Trial| TrialRun {
            run: Arc::clone(&run),
            trial: trial.clone(),
            common_start: None,
            attempt: 1,
            cell: Arc::new(plan.cell(trial).clone()),
            target: Arc::clone(&target),
            source: source_of(&plan),
        };
        let trials: JoinSet<_> = plan.trials.iter().map(|trial| trial_run(trial).run()).collect();
        trials.join_all().await;
        tokio::task::spawn_blocking(|| files.finish()).await.unwrap().unwrap();

        let rows: Vec<TransferRecord> = read_rows(folder.path()).unwrap();
        let trials: Vec<TrialRecord> = read_rows(folder.path()).unwrap();
        let requests = requests_by_run(&testbed, rows.len()).await;
        for row in &rows {
            let request = &requests[&row.transfer_id];
            let trial = trials.iter().find(|trial| trial.trial_id == row.trial_id).unwrap();
            check(row, request, trial, cut, &format!("cut {cut}\n{row:?}\n{request:?}\n{trial:?}"));
        }
        assert!(trials.iter().all(|trial| trial.state == TrialState::Whole && trial.transfers == 2), "{trials:?}");
        rows.len()
    }
}

fn source_of(plan: &Plan) -> Source {
    Source::Generated { block: BLOCK.clone(), len: plan.cells[0].size_bytes.0 }
}

fn check(row: &TransferRecord, request: &RequestRecord, trial: &TrialRecord, cut: Cut, story: &str) {
    let (upload, size) = (row.method.is_upload(), row.size_bytes.0);
    let expiry = row.expiry_policy.unwrap();
    // The physics of bytes: nobody reads what was not written, and no kernel confirms it.
    if upload {
        assert!(request.body_bytes <= row.body_bytes_written, "{story}");
        assert!(row.body_bytes_acked <= Some(row.body_bytes_written), "{story}");
    } else {
        assert!(row.response_bytes <= request.response_bytes, "{story}");
    }
    assert_eq!(row.status, request.status, "{story}");
    if row.status.is_some() {
        assert_eq!(row.request_id.as_deref(), Some(request.request_id.as_str()), "{story}");
    }
    // The date of a link is cut to whole seconds.
    let expires_at = row.presigned_at.map(|made| {
        let seconds = made.unix_micros().div_euclid(1_000_000) + i64::from(row.ttl_s.unwrap());
        Timestamp::from_unix_micros(seconds * 1_000_000)
    });
    assert_eq!(row.expires_at, expires_at, "{story}");
    let reported = request.expires_at.map(|at| Timestamp::from_unix_micros((at.unix_timestamp_nanos() / 1000) as i64));
    assert_eq!(row.expires_at, reported, "{story}");
    assert_eq!(row.margin_us, row.expires_at.map(|expires| row.ended_at.micros_since(expires)), "{story}");

    let end = (row.outcome, row.phase);
    let completed = (Outcome::Completed, Phase::Done);
    // A machine that is short of time may send the head of a link of two seconds only when that has expired.
    let late = request.expires_at.is_some_and(|at| request.head_arrived_at >= at);
    let kind = if late { Some(Control::ExpiredStart) } else { row.control };
    match (kind, expiry) {
        (Some(Control::HeaderSigned), _) => {
            assert_eq!((end, request.disposition), (completed, Disposition::Answered), "{story}");
            assert_eq!((row.ttl_s, row.presigned_at, row.margin_us), (None, None, None), "{story}");
        }
        (Some(Control::ExpiredStart), ExpiryPolicy::Never) | (None, ExpiryPolicy::Never | ExpiryPolicy::OnRequest) => {
            assert_eq!((end, request.disposition), (completed, Disposition::Answered), "{story}");
            assert!(row.margin_us > Some(0), "{story}");
        }
        (Some(_), _) => {
            let phase = if upload { Phase::RequestBody } else { Phase::Wait };
            assert_eq!((end, request.disposition), ((Outcome::Rejected, phase), Disposition::RefusedAtHead), "{story}");
            assert_eq!((row.status, row.early_response), (Some(403), Some(upload)), "{story}");
            assert_eq!(row.s3_message.as_deref(), Some("Request has expired"), "{story}");
            assert!(row.head_written_at > row.expires_at, "{story}");
        }
        (None, ExpiryPolicy::OnCompletion) if upload => {
            assert_eq!(
                (end, request.disposition),
                ((Outcome::Rejected, Phase::Wait), Disposition::RefusedOnCompletion),
                "{story}"
            );
            assert_eq!((row.status, row.early_response), (Some(403), Some(false)), "{story}");
            assert_eq!(request.body_bytes, size, "{story}");
        }
        (None, ExpiryPolicy::OnCompletion) => {
            assert_eq!((end, request.disposition), (completed, Disposition::Answered), "{story}")
        }
        (None, ExpiryPolicy::InFlight) => {
            let margin = row.margin_us.unwrap();
            assert!(margin >= 0, "{story}");
            // No instant is more exact than the machine was on time, which the trial has measured. On one that was short of
            // processor time even that is not a bound, since several waits add up: it is enough that the cut is expiry's.
            let late = i64::try_from(trial.scheduler_lag_us.unwrap()).unwrap();
            let queued = !upload && cut != Cut::Reset;
            if !trial.starved {
                // A FIN queues behind what the sockets hold of a download, and is met when the cap has let all that through.
                let behind = if queued { IN_SOCKETS * 1_000_000 / (size_of(row.method) as i64 / 3) } else { 0 };
                assert!(margin < 50_000 + behind + late, "{story}");
            } else if !queued {
                assert!(margin < 500_000 + late, "{story}");
            }
            let broken_in = if upload { Phase::RequestBody } else { Phase::ResponseBody };
            match cut {
                Cut::Reset => {
                    assert_eq!(
                        (end, request.disposition),
                        ((Outcome::Reset, broken_in), Disposition::Cut(Cut::Reset)),
                        "{story}"
                    );
                    assert_eq!(row.errno.as_deref(), Some("ECONNRESET"), "{story}");
                    assert_eq!(row.peer_close, Some(PeerClose::Rst), "{story}");
                }
                Cut::Respond if upload => {
                    let rejected = (Outcome::Rejected, Phase::RequestBody);
                    assert_eq!((end, request.disposition), (rejected, Disposition::Cut(Cut::Respond)), "{story}");
                    assert_eq!((row.status, row.early_response), (Some(403), Some(true)), "{story}");
                }
                // A download that is being answered cannot be refused any more.
                Cut::Close | Cut::Respond => {
                    assert_eq!(
                        (end, request.disposition),
                        ((Outcome::Closed, broken_in), Disposition::Cut(Cut::Close)),
                        "{story}"
                    );
                    assert_eq!(row.peer_close, Some(PeerClose::Fin), "{story}");
                }
            }
        }
    }
    if row.outcome == Outcome::Completed {
        let arrived = if upload { request.body_bytes } else { row.response_bytes };
        assert_eq!((arrived, row.object_state), (size, None), "{story}");
        assert!(!upload || row.body_bytes_acked == Some(size), "{story}");
    } else {
        assert_eq!(row.object_state, upload.then_some(ObjectState::Absent), "{story}");
    }
}

fn experiment(expiry: ExpiryPolicy, cut: Cut, method: Method, tls: bool) -> Experiment {
    let toml = Toml::named("policies").set("target.expiry", expiry.as_str()).set("target.cut", cut.as_str());
    let toml = toml.set("target.tls", tls).set("grid.users", 2).set("grid.ttl", "2s");
    let toml = toml.set("grid.size", format!("{}B", size_of(method)));
    let toml = toml.set("grid.bandwidth", format!("{}bit/s", 2 * 8 * size_of(method) / 3));
    let toml = toml.set("transfer.method", method.as_str()).unset("controls.expired_start");
    toml.set("controls.header_signed", expiry == ExpiryPolicy::OnRequest).load()
}

/// Puts the object that downloads read, as a sweep does before its first block.
async fn put_download(target: &Target, source: &Source) {
    let key = RunPrefix::new("ttlsweep/", "policies", "run").key(format!("download-{}", source.len()));
    let operation = Operation { method: Method::Put, key: key.clone(), part: None };
    let anchor = SystemClock.anchor();
    let request = target.store().unwrap().sign_headers(&operation, "run-download", anchor.wall).await.unwrap();
    let limits = Limits::all(Duration::from_secs(60));
    let task = Task::new(&request, Payload::Upload(source), key.as_str(), limits);
    let (dialer, switch) = (target.dialer(&request), StopSwitch::new());
    let observed = transfer::run(&task, &dialer, &mut None, anchor, &mut switch.listen(None)).await;
    assert_eq!(judge(&observed).outcome, Outcome::Completed);
}

/// The testbed's records by the transfer that they belong to, once all are there.
async fn requests_by_run(testbed: &Testbed, transfers: usize) -> HashMap<String, RequestRecord> {
    loop {
        let requests = testbed.requests().into_iter().filter_map(|request| Some((request.run.clone()?, request)));
        let requests: HashMap<_, _> = requests.filter(|(run, _)| !run.ends_with("-download")).collect();
        if requests.len() >= transfers {
            return requests;
        }
        // A record is written when the connection is done with, which may be after the client.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
