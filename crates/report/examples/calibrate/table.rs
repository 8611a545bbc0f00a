//! The results as data: one row per cell and mechanism, with exact intervals.

use std::io;
use std::path::Path;

use ttlsweep_record::Mechanism;
use ttlsweep_report::testing::stats::clopper_pearson;

use crate::score::{Score, Tally};
use ttlsweep_simulate::plan::Sample;
use ttlsweep_simulate::world::World;

/// A world with its score at every sample size.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) world: World,
    pub(crate) scores: Vec<(Sample, Score)>,
}

/// Writes `calibration.csv`.
pub(crate) fn write(path: &Path, rows: &[Row]) -> io::Result<()> {
    let mut csv = csv::Writer::from_path(path)?;
    csv.write_record(HEADER)?;
    for Row { world, scores } in rows {
        for (sample, score) in scores {
            let cut = [(Mechanism::CutAtExpiry, score.cut)];
            for (mechanism, tally) in cut.iter().chain(&score.others) {
                csv.write_record(fields(world, *sample, score, *mechanism, *tally))?;
            }
        }
    }
    csv.flush()
}

fn fields(world: &World, sample: Sample, score: &Score, mechanism: Mechanism, tally: Tally) -> Vec<String> {
    let n = tally.of();
    let mut fields = vec![
        world.name.to_owned(),
        world.story.to_owned(),
        world.cuts().to_string(),
        sample.transfers.to_string(),
        sample.trials.to_string(),
        mechanism.to_string(),
        world.truth().contains(&mechanism).to_string(),
        n.to_string(),
    ];
    for hits in [tally.right, tally.silent, tally.wrong] {
        let interval = clopper_pearson(hits, n, 0.95);
        let end = |end: Option<f64>| end.map_or_else(String::new, |end| format!("{end:.5}"));
        fields.push(hits.to_string());
        fields.push(end(interval.map(|interval| interval.low)));
        fields.push(end(interval.map(|interval| interval.high)));
    }
    fields.push(score.misnamed.to_string());
    fields.push((score.delta_us / n.max(1) as i64).to_string());
    fields
}

const HEADER: [&str; 19] = [
    "world",
    "story",
    "cuts_at_expiry",
    "affected_transfers",
    "affected_trials",
    "mechanism",
    "at_work",
    "simulations",
    "right",
    "right_low",
    "right_high",
    "silent",
    "silent_low",
    "silent_high",
    "wrong",
    "wrong_low",
    "wrong_high",
    "misnamed",
    "mean_delta_us",
];
