//! Every policy of the testbed against every method: what the rows say is what the testbed did.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use ttlsweep_record::csv_file::read_rows;
use ttlsweep_record::{
    Control, Cut, ExpiryPolicy, Method, ObjectState, Outcome, PeerClose, Phase, Timestamp, TransferRecord, TrialRecord,
    TrialState,
};
use ttlsweep_runner::body::{Block, Source};
use ttlsweep_runner::clock::{Clock, SystemClock};
use ttlsweep_runner::dial::Dialer;
use ttlsweep_runner::experiment::{LoadOptions, load};
use ttlsweep_runner::files::Files;
use ttlsweep_runner::plan::Plan;
use ttlsweep_runner::stop::StopSwitch;
use ttlsweep_runner::store::Operation;
use ttlsweep_runner::target::Target;
use ttlsweep_runner::transfer::judge::judge;
use ttlsweep_runner::transfer::{self, Limits, Task};
use ttlsweep_runner::trial::{RunContext, TrialRun};
use ttlsweep_testbed::{Deed, Fate, Testbed, TestbedConfig};

use crate::signing::{self, target_of};

const SIZE: u64 = 1_000_000;

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
    let mut stories = JoinSet::new();
    for (index, (expiry, cut)) in variants.into_iter().enumerate() {
        for (turn, method) in [Method::Put, Method::Get, Method::UploadPart].into_iter().enumerate() {
            stories.spawn(tell(expiry, cut, method, (index + turn) % 2 == 0));
        }
    }
    let mut rows = 0;
    while let Some(told) = stories.join_next().await {
        rows += told.unwrap();
    }
    assert_eq!(rows, variants.len() * 3 * 3 * 2, "three trials of two users each");
}

/// Runs the grid's cell and the two controls at once against a testbed of their own, and checks each row. Two users
/// need 2 s each; their links live for 1 s.
async fn tell(expiry: ExpiryPolicy, cut: Cut, method: Method, tls: bool) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(folder.path(), expiry, cut, method, tls);
    let testbed = signing::start(TestbedConfig { expiry, cut, tls, ..TestbedConfig::default() }).await;
    let target = Arc::new(target_of(&testbed).await);
    let source = Source::Generated { block: Block::new(7), len: SIZE };
    let stop = StopSwitch::new();
    let files = Files::create(folder.path(), &plan.cells, stop.clone()).unwrap();
    let run = Arc::new(RunContext {
        run_id: "run".to_owned(),
        experiment: "policies".to_owned(),
        host: "here".to_owned(),
        clock: Arc::new(SystemClock),
        stop,
        sink: files.sink(),
        connection_ids: Arc::default(),
        parallel_trials: 1,
    });
    let trial_run = |index: usize| TrialRun {
        run: Arc::clone(&run),
        trial: plan.trials[index].clone(),
        attempt: 1,
        cell: Arc::new(plan.cell(&plan.trials[index]).clone()),
        target: Arc::clone(&target),
        source: source.clone(),
    };
    if method == Method::Get {
        put_download(&target, &source).await;
    }
    // Links are dated by whole seconds: begun right after one, they live for almost all of theirs.
    let into_second = SystemClock.wall().unix_micros().rem_euclid(1_000_000).unsigned_abs();
    tokio::time::sleep(Duration::from_micros(1_020_000 - into_second)).await;
    let trials: JoinSet<_> = (0..plan.trials.len()).map(|index| trial_run(index).run()).collect();
    trials.join_all().await;
    tokio::task::spawn_blocking(|| files.finish()).await.unwrap().unwrap();

    let rows: Vec<TransferRecord> = read_rows(folder.path()).unwrap();
    let deeds = deeds_by_run(&testbed, rows.len()).await;
    for row in &rows {
        let deed = &deeds[&row.transfer_id];
        let story = format!("{expiry} {cut} {method} tls {tls}\n{row:?}\n{deed:?}");
        check(row, deed, expiry, cut, &story);
    }
    let trials: Vec<TrialRecord> = read_rows(folder.path()).unwrap();
    assert!(trials.iter().all(|trial| trial.state == TrialState::Whole && trial.transfers == 2), "{trials:?}");
    rows.len()
}

fn check(row: &TransferRecord, deed: &Deed, expiry: ExpiryPolicy, cut: Cut, story: &str) {
    let upload = row.method.is_upload();
    // The physics of bytes: nobody reads what was not written, and no kernel confirms it.
    if upload {
        assert!(deed.body_bytes <= row.body_bytes_written, "{story}");
        assert!(row.body_bytes_acked <= Some(row.body_bytes_written), "{story}");
    } else {
        assert!(row.response_bytes <= deed.response_bytes, "{story}");
    }
    assert_eq!(row.status, deed.status, "{story}");
    if row.status.is_some() {
        assert_eq!(row.request_id.as_deref(), Some(deed.request_id.as_str()), "{story}");
    }
    // The date of a link is cut to whole seconds.
    let expires_at = row.presigned_at.map(|made| {
        let seconds = made.unix_micros().div_euclid(1_000_000) + i64::from(row.ttl_s.unwrap());
        Timestamp::from_unix_micros(seconds * 1_000_000)
    });
    assert_eq!(row.expires_at, expires_at, "{story}");
    let told = deed.expires_at.map(|at| Timestamp::from_unix_micros((at.unix_timestamp_nanos() / 1000) as i64));
    assert_eq!(row.expires_at, told, "{story}");
    assert_eq!(row.margin_us, row.expires_at.map(|expires| row.ended_at.micros_since(expires)), "{story}");

    let end = (row.outcome, row.phase);
    let completed = (Outcome::Completed, Phase::Done);
    match (row.control, expiry) {
        (Some(Control::HeaderSigned), _) => {
            assert_eq!((end, deed.fate), (completed, Fate::Answered), "{story}");
            assert_eq!((row.ttl_s, row.presigned_at, row.margin_us), (None, None, None), "{story}");
        }
        (Some(Control::ExpiredStart), ExpiryPolicy::Never) | (None, ExpiryPolicy::Never | ExpiryPolicy::OnRequest) => {
            assert_eq!((end, deed.fate), (completed, Fate::Answered), "{story}");
            assert!(row.margin_us > Some(0), "{story}");
        }
        (Some(_), _) => {
            let phase = if upload { Phase::RequestBody } else { Phase::Wait };
            assert_eq!((end, deed.fate), ((Outcome::Rejected, phase), Fate::RefusedAtHead), "{story}");
            assert_eq!((row.status, row.early_response), (Some(403), Some(upload)), "{story}");
            assert_eq!(row.s3_message.as_deref(), Some("Request has expired"), "{story}");
            assert!(row.head_written_at > row.expires_at, "{story}");
        }
        (None, ExpiryPolicy::OnCompletion) if upload => {
            assert_eq!((end, deed.fate), ((Outcome::Rejected, Phase::Wait), Fate::RefusedOnCompletion), "{story}");
            assert_eq!((row.status, row.early_response), (Some(403), Some(false)), "{story}");
            assert_eq!(deed.body_bytes, SIZE, "{story}");
        }
        (None, ExpiryPolicy::OnCompletion) => assert_eq!((end, deed.fate), (completed, Fate::Answered), "{story}"),
        (None, ExpiryPolicy::InFlight) => {
            let margin = row.margin_us.unwrap();
            assert!((0..50_000).contains(&margin), "{story}");
            let broken_in = if upload { Phase::RequestBody } else { Phase::ResponseBody };
            match cut {
                Cut::Reset => {
                    assert_eq!((end, deed.fate), ((Outcome::Reset, broken_in), Fate::Cut(Cut::Reset)), "{story}");
                    assert_eq!(row.errno.as_deref(), Some("ECONNRESET"), "{story}");
                    assert_eq!(row.peer_close, Some(PeerClose::Rst), "{story}");
                }
                Cut::Respond if upload => {
                    let rejected = (Outcome::Rejected, Phase::RequestBody);
                    assert_eq!((end, deed.fate), (rejected, Fate::Cut(Cut::Respond)), "{story}");
                    assert_eq!((row.status, row.early_response), (Some(403), Some(true)), "{story}");
                }
                // A download that is being answered cannot be refused any more.
                Cut::Close | Cut::Respond => {
                    assert_eq!((end, deed.fate), ((Outcome::Closed, broken_in), Fate::Cut(Cut::Close)), "{story}");
                    assert_eq!(row.peer_close, Some(PeerClose::Fin), "{story}");
                }
            }
        }
    }
    if row.outcome == Outcome::Completed {
        let arrived = if upload { deed.body_bytes } else { row.response_bytes };
        assert_eq!((arrived, row.object_state), (SIZE, None), "{story}");
        assert!(!upload || row.body_bytes_acked == Some(SIZE), "{story}");
    } else {
        assert_eq!(row.object_state, upload.then_some(ObjectState::Absent), "{story}");
    }
}

fn plan(folder: &std::path::Path, expiry: ExpiryPolicy, cut: Cut, method: Method, tls: bool) -> Plan {
    let path = folder.join("policies.toml");
    let text = format!(
        "[experiment]\nname = \"policies\"\n\
         [target]\nexpiry = \"{expiry}\"\ncut = \"{cut}\"\ntls = {tls}\n\
         [grid]\nusers = 2\nttl = \"1s\"\nsize = \"1MB\"\nbandwidth = \"8Mbit/s\"\n\
         [transfer]\nmethod = \"{method}\"\njitter = \"0s\"\n\
         [controls]\nlong_ttl = false\n"
    );
    std::fs::write(&path, text).unwrap();
    Plan::new(&load(&path, &LoadOptions::default()).unwrap().experiment)
}

/// Puts the object that downloads read, as a sweep does before its first block.
async fn put_download(target: &Target, source: &Source) {
    let key = format!("ttlsweep/policies/run/download-{SIZE}");
    let operation = Operation { method: Method::Put, key: key.clone(), part: None };
    let anchor = SystemClock.anchor();
    let request = target.store.sign_headers(&operation, "run-download", anchor.wall).await.unwrap();
    let dialer = Dialer {
        endpoint: target.endpoint.clone(),
        tls: target.endpoint.is_secure().then(|| target.store.tls()),
        cap: None,
        receive_buffer: None,
        ids: Arc::default(),
    };
    let minute = Duration::from_secs(60);
    let task = Task {
        transfer_id: "run-download",
        request: &request,
        upload: Some(source),
        key: &key,
        expect_continue: false,
        limits: Limits { connect: minute, idle: minute, total: minute },
        sample_every: minute,
    };
    let switch = StopSwitch::new();
    let observed = transfer::run(&task, &dialer, &mut None, anchor, &mut switch.listen(None)).await;
    assert_eq!(judge(&observed).outcome, Outcome::Completed);
}

/// The testbed's deeds by the transfer that they belong to, once all are there.
async fn deeds_by_run(testbed: &Testbed, transfers: usize) -> HashMap<String, Deed> {
    loop {
        let deeds = testbed.deeds().into_iter().filter_map(|deed| Some((deed.run.clone()?, deed)));
        let deeds: HashMap<_, _> = deeds.filter(|(run, _)| !run.ends_with("-download")).collect();
        if deeds.len() >= transfers {
            return deeds;
        }
        // A deed is written when the connection is done with, which may be after the client.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
