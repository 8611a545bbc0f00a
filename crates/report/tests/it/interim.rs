//! Is each target decided? What a runner is told between two blocks, and what the report says of a run that ended there.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use serde_json::Value;
use ttlsweep_record::{DecisionRecord, ExpiryPolicy, TargetAnswer, Timestamp};
use ttlsweep_rundir::csv_file::RowWriter;
use ttlsweep_rundir::environment::Environment;

use crate::common::Sweep;

/// A run of `blocks` blocks, each with one trial whose links of 4 s expire in flight.
fn sweep(policies: &[ExpiryPolicy], blocks: u32) -> Sweep {
    let policies = policies.iter().copied().map(Some).collect();
    Sweep { policies, ttls: vec![4], transfer_us: 6_000_000, blocks, ..Sweep::default() }
}

fn reporter(args: &[&str], folder: &Path) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_ttlsweep-report")).args(args).arg(folder).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Every file, with its length and when it was written.
fn listing(folder: &Path) -> BTreeMap<String, (u64, SystemTime)> {
    let entry = |entry: fs::DirEntry| {
        let meta = entry.metadata().unwrap();
        (entry.file_name().into_string().unwrap(), (meta.len(), meta.modified().unwrap()))
    };
    fs::read_dir(folder).unwrap().map(|found| entry(found.unwrap())).collect()
}

#[test]
fn each_target_is_decided_by_the_reports_own_rules_and_nothing_is_written() {
    use ExpiryPolicy::{InFlight, Never, OnRequest};
    for (policies, blocks, code, answers) in [
        (&[InFlight][..], 3, 0, &[("yes", true)][..]),
        (&[OnRequest], 3, 4, &[("cannot-tell", false)]),
        (&[OnRequest], 5, 0, &[("no", true)]),
        (&[Never], 3, 0, &[("not-testable", true)]),
        (&[InFlight, OnRequest], 3, 4, &[("yes", true), ("cannot-tell", false)]),
    ] {
        let base = tempfile::tempdir().unwrap();
        let folder = sweep(policies, blocks).write(&base.path().join("run"));
        let before = listing(&folder);
        let (ended, line, said) = reporter(&["interim", "--"], &folder);
        assert_eq!((ended, said.as_str()), (Some(code), ""), "{policies:?}, {blocks} blocks: {line}");
        assert_eq!(listing(&folder), before);
        assert_eq!(line.matches('\n').count(), 1, "{line}");
        let told: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(told["decided"], code == 0);
        let found: Vec<_> = told["targets"].as_array().unwrap().iter().collect();
        let expected = answers.iter().zip(policies);
        assert_eq!(found.len(), answers.len());
        for (target, ((answer, decided), policy)) in found.into_iter().zip(expected) {
            assert_eq!(target["answer"], *answer);
            assert_eq!(target["decided"], *decided);
            assert!(target["name"].as_str().unwrap().contains(policy.as_str()), "{target}");
        }
        assert_eq!(told["trials"], u64::from(blocks) * sweep(policies, blocks).cells().len() as u64);
    }
}

#[test]
fn a_target_of_which_nothing_was_seen_yet_is_not_decided() {
    let base = tempfile::tempdir().unwrap();
    let both = sweep(&[ExpiryPolicy::InFlight, ExpiryPolicy::OnRequest], 3);
    let of_one = sweep(&[ExpiryPolicy::InFlight], 3);
    let folder = of_one.write(&base.path().join("run"));
    // Its cells are named as those of both are.
    let all = both.cells();
    let own = of_one.cells();
    let mut writer = RowWriter::<ttlsweep_record::Cell>::create(base.path()).unwrap();
    let others = all.into_iter().filter(|cell| cell.expiry_policy == Some(ExpiryPolicy::OnRequest));
    for cell in own
        .iter()
        .cloned()
        .chain(others.map(|cell| ttlsweep_record::Cell { cell_id: format!("{}x", cell.cell_id), ..cell }))
    {
        writer.write(&cell).unwrap();
    }
    writer.flush().unwrap();
    fs::rename(base.path().join("cells.csv"), folder.join("cells.csv")).unwrap();
    let (ended, line, _) = reporter(&["interim"], &folder);
    assert_eq!(ended, Some(4), "{line}");
    assert!(line.contains("\"decided\":true"), "the one that was seen is: {line}");
}

#[test]
fn a_folder_that_holds_no_run_has_no_answer() {
    let base = tempfile::tempdir().unwrap();
    let (ended, line, said) = reporter(&["interim"], base.path());
    assert_eq!((ended, line.as_str()), (Some(2), ""));
    assert!(said.contains("is not a run's folder"), "{said}");
}

/// Three blocks of twenty, after which every target was decided.
#[test]
fn blocks_that_nobody_needs_are_neither_lost_nor_missing() {
    let base = tempfile::tempdir().unwrap();
    let folder = sweep(&[ExpiryPolicy::InFlight], 3).write(&base.path().join("run"));
    let environment = Environment::read(&folder).unwrap();
    let cells = environment.trials / 3;
    Environment { repetitions: 20, trials: cells * 20, ..environment.clone() }.write(&folder).unwrap();
    let report = || {
        let (ended, told, said) = reporter(&[], &folder);
        assert_eq!(ended, Some(0), "{said}");
        let page = fs::read_to_string(folder.join("report.html")).unwrap();
        let verdict: Value = serde_json::from_str(&fs::read_to_string(folder.join("verdict.json")).unwrap()).unwrap();
        // As one line: the terminal's are broken.
        (told.split_whitespace().collect::<Vec<_>>().join(" "), page, verdict)
    };
    let (told, _, verdict) = report();
    assert!(told.contains("partial results"), "{told}");
    assert_eq!(verdict.get("stopped"), None);

    let mut writer = RowWriter::create(&folder).unwrap();
    let row = DecisionRecord {
        run_id: environment.run_id,
        at: Timestamp::from_unix_micros(1_764_013_020_000_000),
        block: 3,
        blocks: 3,
        target_name: Some("testbed, in-flight".to_owned()),
        target_answer: Some(TargetAnswer::Yes),
        decided: true,
        doubt: None,
    };
    writer.write(&row).unwrap();
    writer.flush().unwrap();
    let (told, page, verdict) = report();
    let stopped = "stopped after block 3 of at most 20, because each target was decided";
    assert!(told.contains(stopped) && !told.contains("partial"), "{told}");
    assert!(page.replace('\u{a0}', " ").contains(stopped) && page.contains("3 of at most 20"));
    assert_eq!(verdict["stopped"], stopped);
}
