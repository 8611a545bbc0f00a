//! What the transfers of a run would have looked like under each of a few mechanisms: bands to lay over its charts. The run's own
//! cells are simulated, with what its rows say of the line and of this machine.

use std::collections::{BTreeMap, HashMap};
use std::thread;

use ttlsweep_console::room;
use ttlsweep_record::Cell;
use ttlsweep_simulate::chance::{Chance, Seeds};
use ttlsweep_simulate::run::Run;

use super::TRANSFERS;
use super::cases::{CUT, Case, NOTHING};
use super::error::ForecastError;
use super::subject::Subject;
use crate::load::Runs;

/// The bands of each world.
#[derive(Debug)]
pub(crate) struct Ghosts {
    /// In the order of [`WORLDS`].
    pub worlds: Vec<GhostWorld>,
}

/// What would have been in one world.
#[derive(Debug)]
pub(crate) struct GhostWorld {
    /// The mechanism, and how it works there.
    pub name: String,
    /// By the cells' names.
    bands: HashMap<String, Bands>,
}

/// 5 to 95 % of what is simulated of a cell of the grid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bands {
    /// The share of a run's transfers that fail.
    pub failed: (f64, f64),
    /// When transfers end, in seconds since their heads were written.
    pub ended: (f64, f64),
}

impl Ghosts {
    /// Simulates the plan of `runs`.
    ///
    /// # Errors
    /// The plan is too large to be simulated, or has no trials.
    pub(crate) fn of(runs: &Runs) -> Result<Self, ForecastError> {
        let subject = Subject::of_runs(runs)?;
        let simulations = (TRANSFERS / subject.transfers().max(1)).clamp(20, 200);
        let cases: Vec<Case> = subject.cases();
        let chosen = WORLDS.iter().filter_map(|name| cases.iter().find(|case| case.world.name == *name));
        let worlds = chosen.map(|case| GhostWorld::of(case, &subject, simulations)).collect();
        Ok(Self { worlds })
    }
}

impl GhostWorld {
    fn of(case: &Case, subject: &Subject, simulations: u64) -> Self {
        let design = subject.design(subject.blocks);
        let simulate = |number| {
            let mut chance = Chance::new(Seeds::Forecast, case.world.name, "ghosts", number);
            told(&Run::simulate(&case.world, &design, &mut chance))
        };
        let workers = room::processors() as u64;
        // Which worker takes which number makes no difference: what they find is sorted.
        let mut found: Vec<BTreeMap<String, Told>> = Vec::new();
        thread::scope(|scope| {
            let work = |first: u64| {
                let numbers = (first..simulations).step_by(workers as usize);
                scope.spawn(move || numbers.map(simulate).collect::<Vec<_>>())
            };
            let working: Vec<_> = (0..workers).map(work).collect();
            for worker in working {
                found.extend(worker.join().expect("no simulation panics"));
            }
        });
        let mut all: HashMap<String, (Vec<f64>, Vec<f64>)> = HashMap::new();
        for (cell, told) in found.into_iter().flatten() {
            let (shares, ends) = all.entry(cell).or_default();
            shares.push(told.failed as f64 / told.ends.len().max(1) as f64);
            ends.extend(told.ends);
        }
        let bands =
            all.into_iter().map(|(cell, (shares, ends))| (cell, Bands { failed: band(shares), ended: band(ends) }));
        let what = case.mechanism.map_or("nothing", |mechanism| mechanism.as_str());
        Self { name: format!("{what}: {}", case.world.story), bands: bands.collect() }
    }

    /// What would have been in a cell; `None` of a control.
    pub(crate) fn of_cell(&self, cell: &Cell) -> Option<Bands> {
        self.bands.get(&cell.cell_id).copied()
    }
}

/// A cell's transfers in one run.
#[derive(Default)]
struct Told {
    failed: u64,
    /// When each ended, in seconds since its head was written.
    ends: Vec<f64>,
}

fn told(run: &Run) -> BTreeMap<String, Told> {
    let mut cells: BTreeMap<String, Told> = BTreeMap::new();
    for row in run.transfers.iter().filter(|row| row.control.is_none()) {
        let cell = cells.entry(row.cell_id.clone()).or_default();
        cell.failed += u64::from(row.outcome.is_failure());
        let head = row.head_written_at.unwrap_or(row.started_at);
        cell.ends.push(row.ended_at.micros_since(head) as f64 / 1e6);
    }
    cells
}

/// 5 to 95 % of the values.
fn band(mut values: Vec<f64>) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    let at = |part: f64| values.get((values.len().saturating_sub(1) as f64 * part).round() as usize).copied();
    (at(0.05).unwrap_or_default(), at(0.95).unwrap_or_default())
}

/// Those that look different in the charts. What else tells some transfers off, or breaks them, looks as the network does.
const WORLDS: [&str; 6] = [CUT, NOTHING, "rejected-at-completion", "late-start", "idle-timeout", "network"];
