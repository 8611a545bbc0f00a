//! "Will this plan decide, and what does it cost?": asked before a run, and after one that did not.
//!
//! `subject` reads a plan or a run, `nuisance` takes from rows what is not a mechanism, `cases` makes a world of every mechanism and of
//! what looks like one. `power` runs the plan in each of them (the crate `ttlsweep-simulate`, which knows no rule), hands the rows
//! to the verdict by `recorded`, and counts. `text` and `json` tell it; `stop` listens for Ctrl-C.

mod args;
pub(crate) mod cases;
mod error;
pub(crate) mod ghosts;
mod json;
mod nuisance;
pub(crate) mod power;
pub(crate) mod recorded;
mod stop;
pub(crate) mod subject;
mod text;

pub use args::ForecastArgs;
pub use error::ForecastError;

use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use clap::ValueEnum;
use ttlsweep_console::board::Board;
use ttlsweep_record::Verdict;
use ttlsweep_rundir::planned::Takes;
use ttlsweep_simulate::chance::{Chance, Seeds};

use cases::Case;
use power::{Power, Simulation};
use subject::Subject;

/// How the answer is written to stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// One JSON object
    Json,
}

/// The answer, before it is put into words.
struct Forecast {
    name: String,
    simulations: u64,
    /// After how many the verdict was asked: the plan's own first.
    blocks: Vec<u32>,
    cases: Vec<(Case, Power)>,
    /// With how many blocks both keys are decided in [`SHARE`] of their runs.
    fewest: Option<u32>,
    /// The verdict that the run ended in, if it has run.
    ended: Option<Verdict>,
    pilot: Option<PathBuf>,
    /// What was taken for granted, or found in the pilot, in words.
    said: Vec<String>,
    subject: Subject,
}

impl Forecast {
    fn takes(&self, blocks: u32) -> Takes {
        self.subject.takes(blocks)
    }
}

/// Answers `ttlsweep forecast`, to `out`.
///
/// # Errors
/// See [`ForecastError`].
pub fn run(args: &ForecastArgs, out: &mut impl Write) -> Result<(), ForecastError> {
    let subject = Subject::read(&args.plan, args.pilot.as_deref())?;
    let stop = stop::on_signals().map_err(ForecastError::Signals)?;
    let simulations = args.simulations.unwrap_or_else(|| (TRANSFERS / subject.transfers().max(1)).clamp(20, 200));
    let forecast = forecast(subject, simulations, &stop)?;
    let answer = match args.format {
        Format::Text => text::text(&forecast),
        Format::Json => json::text(&forecast),
    };
    out.write_all(answer.as_bytes()).and_then(|()| out.flush()).map_err(ForecastError::Answer)
}

fn forecast(subject: Subject, simulations: u64, stop: &AtomicBool) -> Result<Forecast, ForecastError> {
    let blocks = steps(subject.blocks);
    let cases = subject.cases();
    let simulation = Simulation {
        cases: &cases,
        design: &subject.design(blocks.last().copied().unwrap_or(1)),
        blocks: &blocks,
        simulations,
        chance: &|case, number| Chance::new(Seeds::Forecast, case.world.name, "forecast", number),
    };
    let all = simulation.all();
    let board = Board::open();
    let show = |done: u64| {
        if let Some(board) = &board {
            board.show(&[format!("forecast: {} % of {all} simulated runs", done * 100 / all.max(1))]);
        }
    };
    let found = simulation.run(stop, show).map_err(|done| ForecastError::Stopped { done, all })?;
    drop(board);
    let cases: Vec<(Case, Power)> = cases.into_iter().zip(found).collect();
    Ok(Forecast {
        name: subject.name.clone(),
        simulations,
        fewest: power::fewest(&cases, SHARE),
        blocks,
        cases,
        ended: subject.ended,
        pilot: subject.pilot.clone(),
        said: subject.nuisances.said.clone(),
        subject,
    })
}

/// The plan's blocks once, one and a half times, twice and three times; each number of blocks once.
fn steps(blocks: u32) -> Vec<u32> {
    let mut steps = vec![blocks, (blocks * 3).div_ceil(2), blocks * 2, blocks * 3];
    steps.dedup();
    steps
}

/// How many transfers are simulated in each world by default, if the plan's blocks are run once: a few seconds of work.
const TRANSFERS: u64 = 30_000;

/// The share of runs that should end in the right verdict.
const SHARE: f64 = 0.95;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_block_has_no_half() {
        assert_eq!((steps(1), steps(10)), (vec![1, 2, 3], vec![10, 15, 20, 30]));
    }
}
