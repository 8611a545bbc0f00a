//! The forecast, held against the calibration; and what the original report would have looked like under each mechanism.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use ttlsweep_record::{Cell, SCHEMA_VERSION, TransferRecord};
use ttlsweep_report::testing::forecast::{Case, Simulation, Subject, Tally};
use ttlsweep_rundir::planned::{PlannedRun, Takes};
use ttlsweep_simulate::chance::{Chance, Seeds};
use ttlsweep_simulate::plan::{Design, Sample};
use ttlsweep_simulate::run::Run;
use ttlsweep_simulate::world::{Plan, SECOND, World};

/// Twenty cells of the calibration in which no blocks are added, as [`CELLS`] names them: the plan is written as a dry run would
/// write it, and forecast. Once with the calibration's own seeds, and once with fresh ones.
pub(crate) fn against_calibration(docs: &Path, simulations: u64) -> Result<String, Box<dyn Error>> {
    let published = published(&docs.join("calibration.csv"))?;
    let mut text = "| world | cell | calibration | forecast, the same seeds | apart | fresh seeds | apart |\n\
                    | --- | --- | ---: | ---: | ---: | ---: | ---: |\n"
        .to_owned();
    let (mut same, mut near, mut worst) = (0, 0, 0.0_f64);
    let cells = || CELLS.iter().flat_map(|(world, case, samples)| samples.iter().map(move |of| (*world, *case, *of)));
    for (world, case, (transfers, trials)) in cells() {
        let sample = Sample { transfers, trials };
        let name = sample.name();
        let (right, of) = *published.get(&(world.to_owned(), name.clone())).ok_or("no such cell in calibration.csv")?;
        let again = forecast(case, sample, of, &|_, number| Chance::new(Seeds::Judgement, world, &name, number))?;
        let fresh =
            forecast(case, sample, simulations, &|_, number| Chance::new(Seeds::Forecast, world, &name, number))?;
        let calibrated = right as f64 / of as f64;
        let apart = |tally: Tally| 100.0 * (tally.share() - calibrated).abs();
        same += u64::from(apart(again) <= 2.0);
        near += u64::from(apart(fresh) <= 2.0);
        worst = worst.max(apart(fresh));
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        let line = format!(
            "| {world} | {name} | {} | {} | {:.1} | {} | {:.1} |",
            percent(calibrated),
            percent(again.share()),
            apart(again),
            percent(fresh.share()),
            apart(fresh)
        );
        println!("{line}");
        let _ = writeln!(text, "{line}");
    }
    let all = cells().count();
    let _ = writeln!(
        text,
        "\nWithin 2 points: {same} of {all} cells with the same seeds, {near} with fresh ones ({} runs a cell, at most {worst:.1} \
         apart). The calibration's 1,000 runs leave 3.1 to either side of 50 %.",
        ttlsweep_record::units::grouped(simulations)
    );
    Ok(text)
}

fn forecast(
    case: &str,
    sample: Sample,
    simulations: u64,
    chance: &(dyn Fn(&Case, u64) -> Chance + Sync),
) -> Result<Tally, Box<dyn Error>> {
    let plan = World::default().plan;
    let design = Design::of(&plan, sample);
    let subject = subject(&design)?;
    let cases: Vec<Case> = subject.cases().into_iter().filter(|one| one.world.name == case).collect();
    let (design, blocks) = (subject.design(design.blocks), [design.blocks]);
    let simulation = Simulation { cases: &cases, design: &design, blocks: &blocks, simulations, chance };
    let found = simulation.run(&AtomicBool::new(false), |_| ()).map_err(|done| format!("stopped after {done}"))?;
    Ok(found.first().ok_or("no such case")?.after[0])
}

/// The design as a dry run leaves it, read again.
fn subject(design: &Design) -> Result<Subject, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let needed_us = design.cells.iter().zip(&design.needed_us);
    let planned = PlannedRun {
        schema_version: SCHEMA_VERSION,
        experiment: "calibration".into(),
        plan_hash: "0".repeat(64),
        blocks: design.blocks,
        needed_us: needed_us.map(|(cell, needed)| (cell.cell_id.clone(), needed.unsigned_abs())).collect(),
        assumed_bps: None,
        probes_clock: false,
        takes: Takes::default(),
        each_block: Takes::default(),
    };
    planned.write(folder.path(), &design.cells)?;
    Ok(Subject::read(folder.path(), None)?)
}

/// How many verdicts on `cut-at-expiry` were right, of how many, by world and sample.
fn published(path: &Path) -> Result<Published, Box<dyn Error>> {
    let mut cells = Published::new();
    let mut csv = csv::Reader::from_path(path)?;
    let header = csv.headers()?.clone();
    let place = |name: &str| header.iter().position(|column| column == name).ok_or("a column is missing");
    let [world, transfers, trials, mechanism, all, right] =
        ["world", "affected_transfers", "affected_trials", "mechanism", "simulations", "right"].map(place);
    let places = [world?, transfers?, trials?, mechanism?, all?, right?];
    for row in csv.records() {
        let row = row?;
        let [world, transfers, trials, mechanism, all, right] = places.map(|at| row.get(at).unwrap_or_default());
        if mechanism == "cut-at-expiry" {
            cells.insert((world.to_owned(), format!("{transfers}/{trials}")), (right.parse()?, all.parse()?));
        }
    }
    Ok(cells)
}

/// The original report under each mechanism: a line a world, a column an observation.
pub(crate) fn original_report(simulations: u64) -> Result<String, Box<dyn Error>> {
    let observations = observations();
    let (cells, needed_us): (Vec<Cell>, Vec<i64>) = observations.iter().flat_map(|one| one.cells.clone()).unzip();
    let subject = subject(&Design { cells, needed_us, blocks: BLOCKS, enough: None })?;
    let mut text = format!(
        "| at work | {} | they end as | fits |\n| --- |{} --- | --- |\n| *reported* | {} | status 0 | |\n",
        observations.iter().map(|one| one.title).collect::<Vec<_>>().join(" | "),
        " --- |".repeat(observations.len()),
        observations.iter().map(|one| one.reported).collect::<Vec<_>>().join(" | "),
    );
    for case in subject.cases() {
        let runs: Vec<Run> = (0..simulations)
            .map(|number| {
                let mut chance = Chance::new(Seeds::Forecast, case.world.name, "original report", number);
                Run::simulate(&case.world, &subject.design(BLOCKS), &mut chance)
            })
            .collect();
        let shares: Vec<Vec<Band>> = observations.iter().map(|one| one.bands(&runs)).collect();
        let fits = observations.iter().zip(&shares).all(|(one, bands)| (one.holds)(bands));
        let columns: Vec<String> = shares.iter().map(|bands| Band::words(bands)).collect();
        let what = case.mechanism.map_or_else(|| "nothing".to_owned(), |mechanism| format!("`{mechanism}`"));
        let line = format!(
            "| {what}: {} | {} | {} | {} |",
            case.world.story,
            columns.join(" | "),
            ends(&runs),
            if fits { "**yes**" } else { "no" }
        );
        println!("{line}");
        let _ = writeln!(text, "{line}");
    }
    Ok(text)
}

/// What was reported, and the cells that show it, each with what its transfers need.
struct Observation {
    title: &'static str,
    reported: &'static str,
    cells: Vec<(Cell, i64)>,
    holds: fn(&[Band]) -> bool,
}

impl Observation {
    /// Of each cell's transfers the share that failed, over the runs.
    fn bands(&self, runs: &[Run]) -> Vec<Band> {
        self.cells.iter().map(|(cell, _)| Band::of(runs, &cell.cell_id)).collect()
    }
}

/// The share that failed, in percent: the median over runs, and 5 to 95 % of them.
#[derive(Clone, Copy)]
struct Band {
    low: f64,
    middle: f64,
    high: f64,
}

impl Band {
    fn of(runs: &[Run], cell_id: &str) -> Self {
        let share = |run: &Run| {
            let own: Vec<&TransferRecord> = run.transfers.iter().filter(|row| row.cell_id == cell_id).collect();
            100.0 * own.iter().filter(|row| row.outcome.is_failure()).count() as f64 / own.len().max(1) as f64
        };
        let mut shares: Vec<f64> = runs.iter().map(share).collect();
        shares.sort_by(f64::total_cmp);
        let at = |part: f64| shares[((shares.len() - 1) as f64 * part).round() as usize];
        Self { low: at(0.05), middle: at(0.5), high: at(0.95) }
    }

    /// `100 %`, `20 % (0 to 48)`, and of several cells their medians.
    fn words(bands: &[Self]) -> String {
        match bands {
            [one] if one.low == one.high => format!("{:.0} %", one.middle),
            [one] => format!("{:.0} % ({:.0} to {:.0})", one.middle, one.low, one.high),
            several => several.iter().map(|one| format!("{:.0}", one.middle)).collect::<Vec<_>>().join(", ") + " %",
        }
    }
}

/// How most of the failures show, as a client that loses nothing sees them.
fn ends(runs: &[Run]) -> String {
    let mut counts = BTreeMap::<String, u64>::new();
    let failed = runs.iter().flat_map(|run| &run.transfers).filter(|row| row.control.is_none());
    for row in failed.filter(|row| row.outcome.is_failure()) {
        let word = row
            .status
            .filter(|_| row.outcome.to_string() == "rejected")
            .map_or_else(|| row.outcome.to_string(), |status| status.to_string());
        *counts.entry(word).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map_or_else(|| "–".to_owned(), |(word, _)| word)
}

/// The five.
fn observations() -> Vec<Observation> {
    let base = Design::of(&Plan { ttls: vec![10.into()], ..World::default().plan }, Sample { transfers: 5, trials: 5 });
    let cell = |name: &str, users: u32, ttl_s: u32, needed_s: i64| {
        (Cell { cell_id: name.to_owned(), users, ttl_s: Some(ttl_s), ..base.cells[0].clone() }, needed_s * SECOND)
    };
    let fails = |bands: &[Band]| bands.iter().all(|one| one.middle >= 50.0);
    let spared = |bands: &[Band]| bands.iter().all(|one| one.middle <= 5.0);
    vec![
        Observation {
            title: "five users, 40 MB each, 10 s",
            reported: "they die",
            cells: vec![cell("five", 5, 10, 40)],
            holds: fails,
        },
        Observation {
            title: "one to five users",
            reported: "more with more users",
            // 8 s for each of them.
            cells: (1..=5).map(|users| cell(&format!("users-{users}"), users, 10, 8 * i64::from(users))).collect(),
            holds: |bands| bands[0].middle <= 5.0 && bands[4].middle >= 50.0,
        },
        Observation {
            title: "one slow file of 50 MB, 10 s",
            reported: "it dies",
            cells: vec![cell("slow", 1, 10, 50)],
            holds: fails,
        },
        Observation {
            title: "one fast file of 1 GB, 10 s",
            reported: "it does not",
            cells: vec![cell("large", 1, 10, 8)],
            holds: spared,
        },
        Observation {
            title: "five users, 1000 s",
            reported: "they do not",
            cells: vec![cell("long", 5, 1000, 40)],
            holds: spared,
        },
    ]
}

const BLOCKS: u32 = 5;

/// Right, and of how many, by world and sample.
type Published = HashMap<(String, String), (u64, u64)>;

/// World of the calibration, case of the forecast, and samples.
type Compared = (&'static str, &'static str, &'static [(u32, u32)]);

const CELLS: [Compared; 6] = [
    (
        "cut-part-40",
        "cut-part",
        &[(5, 5), (6, 3), (10, 5), (10, 10), (20, 5), (20, 10), (20, 20), (40, 10), (80, 5), (80, 20)],
    ),
    ("timer", "network-timer", &[(5, 5), (6, 3), (10, 5), (20, 5), (80, 5)]),
    ("cut", "cut-at-expiry", &[(5, 5), (6, 3)]),
    ("cut-late-1", "cut-late", &[(6, 3)]),
    ("quiet", "nothing", &[(5, 5)]),
    ("at-completion", "rejected-at-completion", &[(5, 5)]),
];
