//! Fuzzing on stable Rust of files of rows: damaged ones are read, repaired or refused, and no row that could be read before is
//! gone afterwards. `just fuzz SECONDS` runs it for longer.

// Said to the person who runs it by hand, not to a user.
#![allow(clippy::print_stdout)]

#[path = "../../record/tests/common/mutate.rs"]
mod mutate;

use std::cell::Cell;
use std::fs;
use std::path::Path;

use arbtest::arbtest;
use mutate::{budget, mutated};
use ttlsweep_record::row::Row;
use ttlsweep_record::{EventKind, EventRecord, Timestamp, TrialRecord, TrialState};
use ttlsweep_rundir::csv_file::{
    ReadError, RowWriter, read_numbered_rows, read_rows, read_rows_before_torn_end, torn_end,
};

#[test]
fn damaged_events_lose_no_row_that_could_be_read() {
    let values = [Some("plain"), Some("a \"quoted\", one"), None, Some("=1+1"), Some("\u{e9}t\u{e9}"), Some("last")];
    let rows = values.map(|value| EventRecord {
        transfer_id: "b01-c001-a1-u1-s1".into(),
        t_us: 42,
        event: EventKind::Connect,
        value: value.map(str::to_owned),
    });
    hold("events", &rows);
}

#[test]
fn damaged_trials_lose_no_row_that_could_be_read() {
    let rows = [1, 2, 3].map(|block| TrialRecord {
        run_id: "20261124T193700Z-1a2b3c4d".into(),
        trial_id: format!("b0{block}-c001"),
        attempt: 1,
        cell_id: "c001".into(),
        block,
        position: 1,
        control: None,
        jitter_us: 300_000,
        started_at: Timestamp::from_unix_micros(1_795_514_400_000_000),
        ended_at: Timestamp::from_unix_micros(1_795_514_401_000_000),
        state: TrialState::Whole,
        transfers: 2,
        achieved_bps: Some(8_000_000),
        scheduler_lag_us: Some(12),
        starved: block == 2,
        host: "bench, \"one\"".into(),
        part: None,
    });
    hold("trials", &rows);
}

/// Damages a file of these rows in every way, and holds what is read and repaired against it.
fn hold<R: Row + PartialEq + std::fmt::Debug>(what: &str, rows: &[R]) {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = RowWriter::create(folder.path()).unwrap();
    rows.iter().for_each(|row| writer.write(row).unwrap());
    writer.flush().unwrap();
    drop(writer);
    let path = folder.path().join(R::FILE);
    let whole = fs::read(&path).unwrap();
    let crlf = String::from_utf8(whole.clone()).unwrap().replace('\n', "\r\n").into_bytes();
    let corpus = [whole, crlf];
    let (done, read, mended) = (Cell::new(0u64), Cell::new(0u64), Cell::new(0u64));
    arbtest(|u| {
        let mut bytes = mutated(u, &corpus, CSV)?;
        if u.ratio(1, 2)? {
            // As a killed process leaves it.
            bytes.truncate(u.int_in_range(0..=bytes.len())?);
        }
        done.set(done.get() + 1);
        fs::write(&path, &bytes).unwrap();
        let shown = String::from_utf8_lossy(&bytes);
        let before = read_rows::<R>(folder.path());
        if let Ok(numbered) = read_numbered_rows::<R>(folder.path()) {
            let lines: Vec<u64> = numbered.iter().map(|(line, _)| *line).collect();
            assert!(lines.is_sorted_by(|one, next| one < next) && lines.first() != Some(&1), "{lines:?} of {shown:?}");
            assert_eq!(numbered.len(), before.as_ref().map_or(0, Vec::len), "{shown:?}");
            read.set(read.get() + 1);
        }
        let torn = torn_end::<R>(&path);
        let kept = read_rows_before_torn_end::<R>(&path);
        assert_eq!(fs::read(&path).unwrap(), bytes, "looking writes nothing");
        for error in [before.as_ref().err(), torn.as_ref().err(), kept.as_ref().err()].into_iter().flatten() {
            assert!(error.to_string().contains(R::FILE), "{error}: {shown:?}");
        }
        if let (Ok(before), Ok(kept)) = (&before, &kept) {
            // The last line has no line break, so that nobody knows whether the row is whole.
            let last = usize::from(matches!(torn, Ok(Some(_))));
            assert!(kept[..] == before[..before.len().saturating_sub(last)] || kept == before, "{shown:?}");
        }
        let Ok(torn) = torn else {
            // A quote that is out of place is refused, although a lenient reader would take it for a part of its cell.
            return Ok(());
        };
        assert!(before.is_err() || kept.is_ok() || bytes.is_empty(), "{shown:?}: {kept:?}");
        let Some(torn) = torn else { return Ok(()) };
        mended.set(mended.get() + 1);
        torn.set_aside().unwrap();
        check_mended::<R>(&path, &bytes, &kept);
        Ok(())
    })
    .budget(budget())
    .run();
    println!("{what}: {} tried, {} of them read, {} mended", done.get(), read.get(), mended.get());
    assert!(read.get() > 0 && mended.get() > 0);
}

/// What was cut off lies beside, and what stays is what could be read.
fn check_mended<R: Row + PartialEq + std::fmt::Debug>(path: &Path, bytes: &[u8], kept: &Result<Vec<R>, ReadError>) {
    let aside = path.with_file_name(format!("{}.cut-1", R::FILE));
    let (left, cut) = (fs::read(path).unwrap(), fs::read(&aside).unwrap());
    let shown = String::from_utf8_lossy(bytes);
    assert_eq!([&left[..], &cut].concat(), bytes, "nothing is lost");
    assert!(!cut.is_empty() && !cut.contains(&b'\n'), "{shown:?}: {cut:?}");
    assert_eq!(torn_end::<R>(path).unwrap(), None, "{shown:?}");
    if let (Ok(kept), false) = (kept, left.is_empty()) {
        assert_eq!(&read_rows::<R>(path.parent().unwrap()).unwrap(), kept, "{shown:?}");
    }
    fs::remove_file(aside).unwrap();
}

const CSV: &[&[u8]] = &[
    b",",
    b"\n",
    b"\r\n",
    b"\r",
    b"\"",
    b"\"\"",
    b",\"",
    b"\",",
    b"\"\n\"",
    b"\n\n",
    b",,,\n",
    b"'",
    b"'=1",
    b"TRUE",
    b"1.7E+12",
    b"-1",
    b"18446744073709551616",
    b"9999-12-31T23:59:59.999999Z",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xff",
    b"\0",
    b"../..",
    b"whole",
];
