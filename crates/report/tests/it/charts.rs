//! What charts show: titles, labels, counts and the ways of failing that a drawing was asked for, from one row to many.

use std::fs;
use std::path::PathBuf;

use crate::common::Sweep;
use ttlsweep_record::{ExpiryPolicy, SampleRecord, TransferRecord};
use ttlsweep_report::report::{Report, report, report_with_ghosts};
use ttlsweep_report::testing::chart::{self, Chart};
use ttlsweep_rundir::csv_file::{RowWriter, read_rows};

fn report_of(sweep: &Sweep) -> (tempfile::TempDir, Report) {
    let folder = tempfile::tempdir().unwrap();
    sweep.write(folder.path());
    let report = report(&[folder.path().to_owned()], None).unwrap();
    check(&report);
    (folder, report)
}

fn images(report: &Report) -> Vec<PathBuf> {
    let images: Vec<PathBuf> = report.charts.iter().flat_map(|chart| chart.images.clone()).collect();
    let is_png = |path: &&PathBuf| path.extension().is_some_and(|ending| ending == "png");
    let written: Vec<PathBuf> = report.written.iter().filter(is_png).cloned().collect();
    assert_eq!(images, written, "every image belongs to a chart of the list");
    images
}

/// The charts that were drawn, in order, and the absent ones, each with its reason.
fn drawn_and_absent(report: &Report) -> (Vec<&str>, Vec<(&str, &str)>) {
    let drawn = report.charts.iter().filter(|chart| !chart.images.is_empty()).map(|chart| chart.about.name);
    let absent = report.charts.iter().filter_map(|chart| Some((chart.about.name, chart.absent.as_deref()?)));
    let (drawn, absent): (Vec<_>, Vec<_>) = (drawn.collect(), absent.collect());
    assert_eq!(drawn.len() + absent.len(), chart::ALL.len());
    (drawn, absent)
}

fn chart<'a>(report: &'a Report, name: &str) -> &'a Chart {
    report.charts.iter().find(|chart| chart.about.name == name).unwrap()
}

/// Every text of a chart, in the order of drawing.
fn texts<'a>(report: &'a Report, name: &str) -> Vec<&'a str> {
    chart(report, name).sheets.iter().flat_map(|sheet| sheet.texts()).collect()
}

fn has(texts: &[&str], wanted: &str) -> bool {
    texts.iter().any(|text| text.contains(wanted))
}

/// Each image is a PNG of the usual width, says what was found and of what it is, and whose it is.
fn check(report: &Report) {
    for chart in &report.charts {
        assert_eq!(chart.sheets.len(), chart.images.len());
        for (sheet, path) in chart.sheets.iter().zip(&chart.images) {
            let png = fs::read(path).unwrap();
            assert_eq!((&png[1..4], &png[16..20]), (&b"PNG"[..], &1600u32.to_be_bytes()[..]), "{}", path.display());
            assert!(sheet.title.contains(&format!("({}", chart.about.title)), "{}", sheet.title);
            let small_print = sheet.texts().collect::<Vec<_>>().join(" ");
            for part in ["run ", "n = ", "seed ", "ttlsweep "] {
                assert!(small_print.contains(part), "{}: no `{part}`", sheet.name);
            }
        }
    }
}

#[test]
fn every_chart_is_reported_in_words_and_in_the_order_of_the_list() {
    let (_folder, report) = report_of(&Sweep::default());
    let order: Vec<_> = report.charts.iter().map(|chart| chart.about).collect();
    assert_eq!(order, chart::ALL);
    for about in chart::ALL {
        assert!(about.caption.ends_with('.') && about.caption.len() > about.title.len(), "{about:?}");
    }
}

#[test]
fn one_transfer_makes_the_charts_that_can_show_it_and_no_empty_axes() {
    let one = Sweep { ttls: vec![2], transfer_us: 4_000_000, blocks: 1, controls: false, ..Sweep::default() };
    let (_folder, report) = report_of(&one);
    let (drawn, absent) = drawn_and_absent(&report);
    // One transfer that was cut: it can be set against its expiry, and against nothing else.
    assert_eq!(
        drawn,
        [
            "timeline",
            "failure-rate-by-ttl",
            "outcomes-by-cell",
            "ends-against-expiry",
            "cumulative-hazard",
            "run-order"
        ]
    );
    let why = |name: &str| absent.iter().find(|(absent, _)| *absent == name).unwrap().1;
    assert!(why("failure-rate-by-rho").contains("control that tells the duration needed"));
    assert!(why("users-by-ttl").contains("several values"));
    assert!(why("progress").contains("samples"));
}

#[test]
fn no_transfer_makes_no_chart_and_says_why_of_each() {
    let (_folder, report) = report_of(&Sweep { stop_after: 0, ..Sweep::default() });
    assert!(images(&report).is_empty());
    assert!(drawn_and_absent(&report).1.iter().all(|(_, why)| why.len() > 20));
}

#[test]
fn a_failed_transfer_is_shown_beside_its_control_where_both_have_samples() {
    let folder = tempfile::tempdir().unwrap();
    Sweep::default().write(folder.path());
    let rows: Vec<TransferRecord> = read_rows(folder.path()).unwrap();
    let mut samples = RowWriter::<SampleRecord>::create(folder.path()).unwrap();
    for (row, at) in rows.iter().flat_map(|row| (0..8).map(move |at| (row, at))) {
        let t_us = row.total_us * at / 8;
        samples.write(&sample(&row.transfer_id, t_us)).unwrap();
    }
    samples.flush().unwrap();
    let report = report(&[folder.path().to_owned()], None).unwrap();
    let texts = texts(&report, "progress");
    for part in ["the failed transfer (reset)", "the control (completed)", "the failed one's link expires"] {
        assert!(has(&texts, part), "{part}: {texts:?}");
    }
    check(&report);
}

fn sample(transfer_id: &str, t_us: u64) -> SampleRecord {
    SampleRecord {
        transfer_id: transfer_id.to_owned(),
        t_us,
        bytes_written: t_us,
        bytes_acked: t_us / 2,
        bytes_read: 0,
        unsent_bytes: 0,
        rtt_us: 40,
        min_rtt_us: 30,
        retransmits: 0,
        cwnd: 10,
        delivery_bps: 0,
        receiver_limited_us: 0,
        send_buffer_limited_us: 0,
    }
}

#[test]
#[ignore = "slow"]
fn a_cut_and_a_refusal_at_the_end_have_marks_of_their_own() {
    let policies = [ExpiryPolicy::OnRequest, ExpiryPolicy::InFlight, ExpiryPolicy::OnCompletion];
    let (_folder, report) = report_of(&Sweep {
        policies: policies.map(Some).to_vec(),
        users: vec![1, 4],
        ttls: vec![1, 2, 4, 8, 16],
        ..Sweep::default()
    });
    let rates = texts(&report, "failure-rate-by-ttl");
    for part in ["cut at expiry", "refused at the end", "came after expiry and was refused", "none failed", "4 users"] {
        assert!(has(&rates, part), "{part}: {rates:?}");
    }
    // What is said above each panel is what the verdict counts.
    for target in &report.verdict.targets {
        assert!(has(&rates, &target.gist()), "{}: {rates:?}", target.gist());
    }
    let timeline = texts(&report, "timeline");
    for part in
        ["testbed, in-flight", "testbed, on-completion", "cut at expiry", "refused at the end", "control", "user 4"]
    {
        assert!(has(&timeline, part), "{part}: {timeline:?}");
    }
    let ends = texts(&report, "ends-against-expiry");
    assert!(has(&ends, "refused at the end") && !has(&ends, "after the body"), "{ends:?}");
    for name in ["failure-rate-by-rho", "cumulative-hazard", "users-by-ttl", "comparison"] {
        assert!(!texts(&report, name).is_empty(), "{name}");
    }
    assert!(
        chart(&report, "timeline").sheets[0].title.starts_with("testbed: in-flight cuts at expiry; on-request lets"),
        "{}",
        chart(&report, "timeline").sheets[0].title
    );
}

#[test]
fn a_cell_in_which_nothing_failed_reads_as_none() {
    let sweep = Sweep { policies: vec![Some(ExpiryPolicy::InFlight)], users: vec![1], blocks: 15, ..Sweep::default() };
    let (_folder, report) = report_of(&Sweep { ttls: vec![1, 3600], ..sweep });
    let rates = texts(&report, "failure-rate-by-ttl");
    for number in ["15 of 15", "0 of 15"] {
        assert!(rates.contains(&number), "{number}: {rates:?}");
    }
    let title = &chart(&report, "failure-rate-by-ttl").sheets[0].title;
    let found = report.verdict.targets[0].gist();
    assert!(
        found.ends_with("uploads that outlived their link were reset") && title.contains(&found),
        "{title}: {found}"
    );
}

#[test]
fn many_cells_go_over_several_images_and_an_older_report_leaves_none_behind() {
    let many = Sweep {
        policies: vec![Some(ExpiryPolicy::InFlight)],
        users: (1..=5).collect(),
        ttls: vec![1, 2, 3, 4, 5, 6, 7, 8, 9, 3600],
        blocks: 1,
        ..Sweep::default()
    };
    let (folder, first) = report_of(&many);
    let charts = images(&first);
    let count = |name: &str| charts.iter().filter(|path| path.to_str().unwrap().contains(name)).count();
    assert!(count("outcomes-by-cell") > 1 && count("timeline") == 1, "{charts:?}");

    // The same folder again with less in it, beside a file that is none of ours.
    let stranger = folder.path().join("charts/notes.png");
    fs::write(&stranger, "mine").unwrap();
    for file in ["cells.csv", "trials.csv", "transfers.csv", "environment.json"] {
        fs::remove_file(folder.path().join(file)).unwrap();
    }
    Sweep { ttls: vec![1], blocks: 1, controls: false, ..Sweep::default() }.write(folder.path());
    let left = images(&report(&[folder.path().to_owned()], None).unwrap()).len();
    assert_eq!(fs::read_dir(folder.path().join("charts")).unwrap().count(), left + 1);
    assert!(left < charts.len() && stranger.exists());
}

/// A sweep of a store that cuts, held against what each world would have shown.
#[test]
fn what_would_have_been_is_laid_over_the_charts_of_the_story_if_somebody_asks() {
    let folder = tempfile::tempdir().unwrap();
    Sweep::default().write(folder.path());
    let folders = [folder.path().to_owned()];
    let plain = report(&folders, None).unwrap();
    let ghosts = report_with_ghosts(&folders, None).unwrap();
    check(&ghosts);
    let worlds = [
        "if cut-at-expiry: resets at expiry",
        "if nothing: checks at the head; nothing goes wrong",
        "if rejected-at-completion: refuses the whole body after expiry",
        "if late-start: half of the trials' heads are late",
        "if idle-timeout: 40 % stall; given up after one TTL",
        "if network: 15 % reset at random",
    ];
    for name in ["failure-rate-by-ttl", "timeline"] {
        let (without, with) = (texts(&plain, name), texts(&ghosts, name));
        assert!(!has(&without, "simulated"), "{name}: {without:?}");
        assert!(has(&with, "5 to 95 % of simulated"), "{name}: {with:?}");
        // A narrow panel breaks it between words, and leaves out none.
        let told = with.join(" ");
        for world in worlds {
            assert!(told.contains(world), "{name}, {world}: {told}");
        }
        assert!(!told.contains('…'), "{name}: {told}");
    }
    for name in ["outcomes-by-cell", "ends-against-expiry", "run-order"] {
        assert_eq!(texts(&plain, name), texts(&ghosts, name), "{name}");
    }
}
