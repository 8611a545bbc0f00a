//! Two runs, or two targets, held against each other.

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::{Sweep, World};
use ttlsweep_record::{ComparisonRecord, ExpiryPolicy};
use ttlsweep_report::report::{Report, report};
use ttlsweep_report::testing::compare::runs::Compared;
use ttlsweep_rundir::csv_file::read_rows;

/// One run a day; their worlds may differ.
fn two_days(first: &Sweep, second: &Sweep) -> (tempfile::TempDir, Report) {
    let folder = tempfile::tempdir().unwrap();
    let write = |sweep: &Sweep, run_id: &str, seed| -> PathBuf {
        Sweep { run_id: run_id.into(), seed, ..sweep.clone() }.write(&folder.path().join(run_id))
    };
    let runs = [write(first, "monday", 1), write(second, "tuesday", 2)];
    let report = report(&runs, Some(&folder.path().join("both"))).unwrap();
    (folder, report)
}

fn rows(folder: &Path) -> Vec<ComparisonRecord> {
    read_rows(&folder.join("both")).unwrap()
}

fn quiet() -> Sweep {
    Sweep { policies: vec![Some(ExpiryPolicy::OnRequest)], ttls: vec![2, 8], blocks: 20, ..Sweep::default() }
}

#[test]
fn two_days_alike_show_no_difference_and_say_how_large_it_may_still_be() {
    let world = World { resets_percent: 20, ..World::default() };
    let (folder, report) = two_days(&Sweep { world, ..quiet() }, &Sweep { world, ..quiet() });
    let [days] = report.comparisons.as_slice() else { panic!("{:?}", report.comparisons) };
    assert_eq!((days.compared, days.first.as_str(), days.second.as_str()), (Compared::Runs, "monday", "tuesday"));
    let sentence = days.sentence(&report.runs.cells);
    assert!(sentence.contains("no difference shown") && sentence.contains("still allow"), "{sentence}");
    // Two cells of the grid and three controls, and the mean of all of them.
    let rows = rows(folder.path());
    assert_eq!(rows.len(), 6);
    for row in &rows {
        assert!(row.difference_low < row.difference && row.difference < row.difference_high, "{row:?}");
        assert!(row.p_holm > 0.01, "{row:?}");
    }
}

#[test]
fn a_bad_day_is_shown_to_differ() {
    let bad = Sweep { world: World { resets_percent: 80, ..World::default() }, ..quiet() };
    let (folder, report) = two_days(&quiet(), &bad);
    let sentence = report.comparisons[0].sentence(&report.runs.cells);
    assert!(sentence.starts_with("tuesday failed where monday did not: "), "{sentence}");
    assert!(sentence.contains("more than chance in 2 of 2 matching cells"), "{sentence}");
    let mean = &rows(folder.path())[0];
    let page = fs::read_to_string(folder.path().join("both/report.html")).unwrap();
    let escaped = sentence.replace('\'', "&#39;");
    assert!(page.contains("tuesday against monday") && page.contains(&escaped), "{escaped}");
    // Of the grid's transfers none fails on the one day and four of five on the other.
    assert!(mean.difference_low > 0.55 && mean.difference_high < 1.0 && mean.p_holm <= 0.01, "{mean:?}");
}

#[test]
fn many_transfers_in_few_trials_are_few_observations() {
    // Forty users in each of three trials: 120 transfers a cell and day, whose fate is decided three times.
    let few = Sweep { users: vec![40], blocks: 3, ..quiet() };
    // Over night a middlebox began to reset every connection at half a second of age.
    let reset = Sweep { world: World { timer_us: Some(500_000), ..World::default() }, ..few.clone() };
    let (_folder, report) = two_days(&few, &reset);
    for cell in &report.comparisons[0].cells {
        assert_eq!((cell.first.trials, cell.second.trials), (3, 3));
        assert!(cell.tested.p > 0.099, "three against three trials cannot say more than 2 of 20: {cell:?}");
    }
}

#[test]
fn targets_of_one_run_are_compared_cell_by_cell() {
    let policies = [ExpiryPolicy::OnRequest, ExpiryPolicy::InFlight].map(Some).to_vec();
    let folder = tempfile::tempdir().unwrap();
    Sweep { policies, blocks: 20, ..quiet() }.write(folder.path());
    let report = report(&[folder.path().to_owned()], None).unwrap();
    let [targets] = report.comparisons.as_slice() else { panic!("{:?}", report.comparisons) };
    assert_eq!(targets.compared, Compared::Targets);
    assert_eq!((targets.first.as_str(), targets.second.as_str()), ("testbed, on-request", "testbed, in-flight"));
    let shown: Vec<&str> =
        targets.cells.iter().filter(|cell| cell.tested.is_shown()).map(|cell| cell.label.as_str()).collect();
    // 1.5 s outlive a link of 2 s, which lives between 1 and 2 s, about half of the time; they never outlive one of 8 s.
    assert_eq!(shown, ["ttl 2s"], "{targets:?}");
    let rows: Vec<ComparisonRecord> = read_rows(folder.path()).unwrap();
    assert_eq!(rows.len(), 1 + targets.cells.len());
}

/// Uploads of 6 s that all outlive their links.
fn targets(blocks: u32, policies: [ExpiryPolicy; 2]) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let policies = policies.map(Some).to_vec();
    Sweep { policies, ttls: vec![2], blocks, transfer_us: 6_000_000, ..Sweep::default() }.write(folder.path());
    report(&[folder.path().to_owned()], None).unwrap()
}

#[test]
fn all_against_none_is_reported_in_words_and_with_the_trials_that_it_takes() {
    let sentence = |blocks| {
        let report = targets(blocks, [ExpiryPolicy::OnRequest, ExpiryPolicy::InFlight]);
        report.comparisons[0].sentence(&report.runs.cells)
    };
    assert_eq!(
        sentence(5),
        "testbed, in-flight failed where testbed, on-request did not: 5 of 5 against 0 of 5 transfers begun in time; 5 trials a side \
         are too few for the report's level in a single cell, 7 would do"
    );
    let enough = sentence(7);
    assert!(
        enough.contains("7 of 7 against 0 of 7 transfers begun in time; that is more than chance in 1 of 1"),
        "{enough}"
    );
}

#[test]
fn no_p_is_shown_that_could_not_be_small_and_no_row_in_which_all_was_as_it_must_be() {
    // All of 20 against none of 20, two-sided and once for each of the six that are tested: 6 × 2 / C(40, 20).
    for (blocks, p) in [(5, "too few trials"), (20, "8.7e-11")] {
        let folder = tempfile::tempdir().unwrap();
        let policies = [ExpiryPolicy::OnRequest, ExpiryPolicy::InFlight].map(Some).to_vec();
        Sweep { policies, ttls: vec![2, 30], blocks, transfer_us: 6_000_000, ..Sweep::default() }.write(folder.path());
        let report = report(&[folder.path().to_owned()], None).unwrap();
        let page = fs::read_to_string(folder.path().join("report.html")).unwrap();
        let (_, compared) = page.split_once("Cell by cell").unwrap();
        let (table, after) = compared.split_once("</table>").unwrap();
        let rows: Vec<&str> = table.split("<tr>").skip(2).collect();
        // The mean, and the one cell whose links expire in flight.
        assert_eq!(rows.len(), 2, "{table}");
        assert!(rows[1].contains("ttl 2s") && rows[1].contains(p), "{}", rows[1]);
        assert!(rows[1].contains(&format!("{blocks} of {blocks} in {blocks} trials")), "{}", rows[1]);
        // Among them the starts after expiry, all of which were refused on both sides.
        assert!(after.contains("In 4 other cells all was as it must be on either side."), "{after}");
        let drawn = report.charts.iter().find(|chart| chart.about.name == "comparison").unwrap();
        let texts = drawn.sheets.iter().flat_map(|sheet| sheet.texts()).collect::<Vec<_>>().join("\n");
        assert!(texts.contains("ttl 2s") && !texts.contains("expired-start"), "{texts}");
    }
}

#[test]
fn where_nothing_failed_nothing_is_compared_cell_by_cell() {
    let report = targets(3, [ExpiryPolicy::OnRequest, ExpiryPolicy::Never]);
    for one in &report.comparisons {
        let sentence = one.sentence(&report.runs.cells);
        assert!(sentence.ends_with("no transfer failed on either side, in 1 matching cell"), "{sentence}");
    }
}

#[test]
fn a_report_on_one_run_leaves_no_older_comparison_behind() {
    let folder = tempfile::tempdir().unwrap();
    Sweep::default().write(folder.path());
    let stale = folder.path().join("comparison.csv");
    fs::write(&stale, "of an older report").unwrap();
    assert!(report(&[folder.path().to_owned()], None).unwrap().comparisons.is_empty());
    assert!(!stale.exists());
}
