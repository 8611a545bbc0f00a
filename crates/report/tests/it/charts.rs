//! Every chart renders, from one row to many, and is not blank where something should be.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use crate::common::Sweep;
use ttlsweep_record::{ExpiryPolicy, SampleRecord, TransferRecord};
use ttlsweep_report::chart;
use ttlsweep_report::report::{Report, report};
use ttlsweep_rundir::csv_file::{RowWriter, read_rows};

struct Image {
    width: usize,
    height: usize,
    pixels: Vec<[u8; 3]>,
}

impl Image {
    fn read(path: &Path) -> Self {
        let decoder = png::Decoder::new(BufReader::new(File::open(path).unwrap()));
        let mut reader = decoder.read_info().unwrap();
        let mut bytes = vec![0; reader.output_buffer_size()];
        let info = reader.next_frame(&mut bytes).unwrap();
        assert_eq!((info.color_type, info.bit_depth), (png::ColorType::Rgb, png::BitDepth::Eight));
        let pixels = bytes.chunks_exact(3).map(|rgb| [rgb[0], rgb[1], rgb[2]]).collect();
        Self { width: info.width as usize, height: info.height as usize, pixels }
    }

    fn inked(&self, rows: std::ops::Range<usize>) -> usize {
        self.pixels[rows.start * self.width..rows.end * self.width].iter().filter(|pixel| **pixel != [255; 3]).count()
    }

    fn has(&self, colour: [u8; 3]) -> bool {
        self.pixels.contains(&colour)
    }

    /// Nothing reaches the very edge: what did would be cut off there.
    fn has_clean_edges(&self) -> bool {
        let white = |pixels: &[[u8; 3]]| pixels.iter().all(|pixel| *pixel == [255; 3]);
        let mut rows = self.pixels.chunks_exact(self.width);
        let edge = 4 * self.width;
        white(&self.pixels[..edge])
            && white(&self.pixels[self.pixels.len() - edge..])
            && rows.all(|row| white(&row[..4]) && white(&row[self.width - 4..]))
    }
}

fn charts_of(sweep: &Sweep) -> (tempfile::TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().unwrap();
    sweep.write(folder.path());
    let charts = images(&report(&[folder.path().to_owned()], None).unwrap());
    (folder, charts)
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

fn check(charts: &[PathBuf]) {
    let names: HashSet<_> = charts.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    for name in ["failure-rate-by-ttl.png", "outcomes-by-cell.png", "timeline.png"] {
        assert!(names.contains(name), "{names:?}");
    }
    for path in charts {
        let image = Image::read(path);
        assert_eq!(image.width, 1600, "{}", path.display());
        assert!(image.has_clean_edges(), "{} has ink at its edge", path.display());
        // Title, chart and caption each have ink of their own.
        let middle = image.height / 2;
        for rows in [30..130, middle - 100..middle + 100, image.height - 130..image.height] {
            assert!(image.inked(rows.clone()) > 500, "{} is blank in rows {rows:?}", path.display());
        }
    }
}

#[test]
fn every_chart_is_told_in_words_and_in_the_order_of_the_list() {
    let (folder, _) = charts_of(&Sweep::default());
    let report = report(&[folder.path().to_owned()], None).unwrap();
    let order: Vec<_> = report.charts.iter().map(|chart| chart.about).collect();
    assert_eq!(order, chart::ALL);
    for about in chart::ALL {
        assert!(about.caption.ends_with('.') && about.caption.len() > about.title.len(), "{about:?}");
    }
}

#[test]
fn one_transfer_makes_the_charts_that_can_show_it_and_no_empty_axes() {
    let one = Sweep { ttls: vec![2], transfer_us: 4_000_000, blocks: 1, controls: false, ..Sweep::default() };
    let (folder, charts) = charts_of(&one);
    check(&charts);
    let report = report(&[folder.path().to_owned()], None).unwrap();
    let (drawn, absent) = drawn_and_absent(&report);
    // One transfer that was cut: it can be set against its expiry, and against nothing else.
    assert_eq!(
        drawn,
        [
            "failure-rate-by-ttl",
            "ends-against-expiry",
            "cumulative-hazard",
            "outcomes-by-cell",
            "timeline",
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
    let (folder, charts) = charts_of(&Sweep { stop_after: 0, ..Sweep::default() });
    assert!(charts.is_empty(), "{charts:?}");
    let report = report(&[folder.path().to_owned()], None).unwrap();
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
    let progress = report.charts.iter().find(|chart| chart.about.name == "progress").unwrap();
    let image = Image::read(&progress.images[0]);
    for colour in [[0x00, 0x72, 0xb2], [0xd5, 0x5e, 0x00], [0xb0, 0x00, 0x20]] {
        assert!(image.has(colour), "a line or the expiry is missing: {colour:?}");
    }
    check(&images(&report));
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
fn a_sweep_makes_charts_in_which_every_series_and_outcome_shows() {
    let policies = [ExpiryPolicy::OnRequest, ExpiryPolicy::InFlight, ExpiryPolicy::OnCompletion];
    let (_folder, charts) = charts_of(&Sweep {
        policies: policies.map(Some).to_vec(),
        users: vec![1, 4],
        ttls: vec![1, 2, 4, 8, 16],
        ..Sweep::default()
    });
    check(&charts);
    let find = |name: &str| Image::read(charts.iter().find(|path| path.ends_with(name)).unwrap());
    let rates = find("failure-rate-by-ttl.png");
    for colour in [[0x00, 0x72, 0xb2], [0xd5, 0x5e, 0x00]] {
        assert!(rates.has(colour), "a series is missing: {colour:?}");
    }
    let outcomes = find("outcomes-by-cell.png");
    for colour in [[0xe6, 0x9f, 0x00], [0xd5, 0x5e, 0x00]] {
        assert!(outcomes.has(colour), "an outcome is missing: {colour:?}");
    }
    // Three targets: each has its panel, and each but the first is held against it.
    for name in ["failure-rate-by-rho.png", "ends-against-expiry.png", "cumulative-hazard.png", "users-by-ttl.png"] {
        assert!(find(name).inked(0..400) > 5000, "{name}");
    }
    assert!(find("comparison.png").has([0xd5, 0x5e, 0x00]), "policies that cut and that don't are shown to differ");
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
    let (folder, charts) = charts_of(&many);
    check(&charts);
    let count = |name: &str| charts.iter().filter(|path| path.to_str().unwrap().contains(name)).count();
    assert!(count("outcomes-by-cell") > 1 && count("timeline") > 1, "{charts:?}");

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
