//! Every chart renders, from one row to many, and is not blank where something should be.

mod common;

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use common::Sweep;
use ttlsweep_record::ExpiryPolicy;
use ttlsweep_report::report::report;

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
    let written = report(&[folder.path().to_owned()], None).unwrap().written;
    let charts = written.into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "png")).collect();
    (folder, charts)
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
fn one_transfer_makes_charts() {
    let (_folder, charts) = charts_of(&Sweep { ttls: vec![1], blocks: 1, controls: false, ..Sweep::default() });
    check(&charts);
    assert_eq!(charts.len(), 3);
}

#[test]
fn no_transfer_makes_charts_that_say_so() {
    let (_folder, charts) = charts_of(&Sweep { stop_after: 0, ..Sweep::default() });
    assert_eq!(charts.len(), 3);
    for path in &charts {
        assert!(Image::read(path).inked(0..100) > 500, "{}", path.display());
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
    report(&[folder.path().to_owned()], None).unwrap();
    assert_eq!(fs::read_dir(folder.path().join("charts")).unwrap().count(), 4);
    assert!(stranger.exists());
}
