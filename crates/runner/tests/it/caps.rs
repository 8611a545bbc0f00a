//! The cap on real sockets: what was asked for is what flows, and users get equal shares.

use std::sync::Arc;

use ttlsweep_record::{Cell, HarnessRecord, Outcome, TransferRecord, TrialRecord};
use ttlsweep_rundir::csv_file::read_rows;
use ttlsweep_runner::Mode;
use ttlsweep_runner::testing::clock::{Clock, SystemClock};
use ttlsweep_runner::testing::plan::Plan;
use ttlsweep_runner::testing::run::Run;
use ttlsweep_runner::testing::run::environment::of_new_run;
use ttlsweep_runner::testing::run::files::{self, Files};
use ttlsweep_runner::testing::run::sweep::{self, Earlier};
use ttlsweep_runner::testing::stop::StopSwitch;
use ttlsweep_runner::testing::target::Targets;

use crate::experiment::Toml;

const ASKED_BPS: f64 = 20e6;
const MOVED_BYTES: f64 = 12.5e6;
/// What one slot holds at most; the first one is over when the first byte goes.
const QUANTUM: f64 = 16384.0;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_and_downloads_flow_at_the_rate_that_was_asked_for_and_share_it_fairly() {
    let folder = tempfile::tempdir().unwrap();
    // 12.5 MB at 20 Mbit/s take 5 s.
    let caps = Toml::named("caps").set("experiment.parallel_trials", 4).set("target.tls", [true, false]);
    let caps = caps.set("grid.users", 2).set("grid.size", "6.25MB").set("grid.bandwidth", "20Mbit/s");
    let experiment = caps.set("transfer.method", ["put", "get"]).load();
    let plan = Plan::new(&experiment);
    let stop = StopSwitch::new();
    let targets = Targets::open(&plan.cells).await.unwrap();
    files::create(folder.path(), &plan.cells).unwrap();
    let files = Files::open(folder.path(), stop.clone()).unwrap();
    let environment = of_new_run(&experiment, &plan, SystemClock.wall(), &targets);
    let run =
        Arc::new(Run { stop, progress: Mode::None, ..Run::new(experiment, plan, environment, targets, files.sink()) });
    let ended = sweep::run(&run, files, Earlier::default()).await.unwrap();
    drop(run);
    assert_eq!((ended.tally.transfers(), ended.missing, ended.left.len()), (8, 0, 0));

    let cells: Vec<Cell> = read_rows(folder.path()).unwrap();
    let trials: Vec<TrialRecord> = read_rows(folder.path()).unwrap();
    let transfers: Vec<TransferRecord> = read_rows(folder.path()).unwrap();
    for trial in &trials {
        let cell = cells.iter().find(|cell| cell.cell_id == trial.cell_id).unwrap();
        let achieved = trial.achieved_bps.unwrap() as f64;
        let durations: Vec<_> =
            transfers.iter().filter(|row| row.trial_id == trial.trial_id).map(|row| row.total_us as f64).collect();
        let unfair = durations[0].max(durations[1]) / durations[0].min(durations[1]);
        println!(
            "{} tls {}: {:.2} % of the cap, {unfair:.3} between the users, at most {} µs late",
            cell.method,
            cell.tls.unwrap(),
            achieved / ASKED_BPS * 100.0,
            trial.scheduler_lag_us.unwrap()
        );
        let off = achieved / ASKED_BPS - 1.0;
        // Nobody gets more than the cap, and less only where the machine was short of processor time, as the row then says.
        let slack = 0.01 + QUANTUM / MOVED_BYTES;
        assert!(off <= slack && (off >= -slack || trial.starved), "{off}: {trial:?}");
        assert!(unfair <= 1.1, "{durations:?}");
    }
    assert!(transfers.iter().all(|row| row.outcome == Outcome::Completed));
    assert_eq!(trials.len(), 4);

    let harness: Vec<HarnessRecord> = read_rows(folder.path()).unwrap();
    assert_eq!(harness.len(), trials.len());
    for row in &harness {
        let trial = trials.iter().find(|trial| trial.trial_id == row.trial_id).unwrap();
        let took = trial.ended_at.unix_micros() - trial.started_at.unix_micros();
        assert!(i64::try_from(row.wall_us).unwrap() >= took, "{row:?}");
        // The cap's own code is part of what the process took, and it took no more than there was.
        assert!((1..=row.cpu_us).contains(&row.cap_cpu_us.unwrap()) && row.cpu_permille <= 1000, "{row:?}");
        assert!(row.cap_late_us.is_some(), "{row:?}");
        // Each of two users has a descriptor at either end of its connection.
        assert!(cfg!(not(target_os = "linux")) || row.descriptors.unwrap() >= 4, "{row:?}");
    }
}
