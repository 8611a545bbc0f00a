//! The results as data: one row per cell and mechanism, with exact intervals.

use std::error::Error;
use std::io;
use std::path::Path;

use ttlsweep_record::Mechanism;
use ttlsweep_report::testing::stats::clopper_pearson;

use crate::score::{Score, Tally};
use ttlsweep_simulate::plan::{SAMPLES, Sample};
use ttlsweep_simulate::world::World;

/// A world with its score at every sample size.
#[derive(Debug, Clone)]
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

/// What `calibration.csv` has of these worlds, each with so many simulations a cell: they stand as they were judged. A world that is
/// told otherwise since, or that lacks a cell, is left out.
pub(crate) fn read(path: &Path, worlds: &[World], simulations: u64) -> Result<Vec<Row>, Box<dyn Error>> {
    let mut rows: Vec<Row> = Vec::new();
    let mut csv = csv::Reader::from_path(path)?;
    for record in csv.records() {
        let record = record?;
        let field = |name: &str| {
            let at = HEADER.iter().position(|column| *column == name).expect("a column of the header");
            record.get(at).unwrap_or_default()
        };
        let number = |name: &str| field(name).parse::<u64>();
        let Some(world) = worlds.iter().find(|world| world.name == field("world") && world.story == field("story"))
        else {
            continue;
        };
        let tally = Tally { right: number("right")?, silent: number("silent")?, wrong: number("wrong")? };
        let mechanism: Mechanism = field("mechanism").parse()?;
        let delta_us = field("mean_delta_us").parse::<i64>()? * tally.of() as i64;
        if mechanism == Mechanism::CutAtExpiry {
            if rows.last().is_none_or(|row| row.world.name != world.name) {
                rows.push(Row { world: world.clone(), scores: Vec::new() });
            }
            let sample =
                Sample { transfers: field("affected_transfers").parse()?, trials: field("affected_trials").parse()? };
            let accused = if world.cuts() { tally.right } else { tally.wrong };
            let score = Score { cut: tally, accused, others: Vec::new(), misnamed: number("misnamed")?, delta_us };
            rows.last_mut().expect("a row was begun").scores.push((sample, score));
        } else if let Some((_, score)) = rows.last_mut().and_then(|row| row.scores.last_mut()) {
            score.others.push((mechanism, tally));
            // Each row has the sum over its own count, cut to whole microseconds: the largest of them fits all.
            score.delta_us = score.delta_us.max(delta_us);
        }
    }
    let is_whole = |row: &Row| {
        row.scores.len() == SAMPLES.len() && row.scores.iter().all(|(_, score)| score.cut.of() == simulations)
    };
    rows.retain(is_whole);
    Ok(rows)
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
