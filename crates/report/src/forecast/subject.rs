//! What the forecast is about: a plan that a dry run left, or a run.

use std::path::{Path, PathBuf};

use ttlsweep_record::{Cell, Verdict};
use ttlsweep_rundir::csv_file::read_rows;
use ttlsweep_rundir::disk;
use ttlsweep_rundir::environment;
use ttlsweep_rundir::planned::{self, PlannedRun, Takes};
use ttlsweep_simulate::plan::Design;

use super::cases::{Case, cases};
use super::error::ForecastError;
use super::nuisance::Nuisances;
use crate::load::{Runs, load};
use crate::verdict::{Detail, Evidence, decide_in};

/// A plan as it can be simulated.
#[derive(Debug)]
pub struct Subject {
    /// The experiment's name.
    pub name: String,
    /// How many blocks it has.
    pub blocks: u32,
    cells: Vec<Cell>,
    /// What is not a mechanism.
    pub nuisances: Nuisances,
    /// Where these are from; `None` if they are taken for granted.
    pub pilot: Option<PathBuf>,
    /// The verdict on `cut-at-expiry`, if it has run.
    pub ended: Option<Verdict>,
    takes: Takes,
    each_block: Takes,
}

impl Subject {
    /// Reads a folder, and another one for the nuisances.
    pub fn read(folder: &Path, pilot: Option<&Path>) -> Result<Self, ForecastError> {
        let subject = if disk::is_there(&folder.join(planned::FILE)) {
            Self::of_plan(folder)?
        } else if disk::is_there(&folder.join(environment::FILE)) {
            Self::of_run(folder)?
        } else {
            return Err(ForecastError::NoPlan { folder: folder.to_owned() });
        };
        match pilot {
            None => Ok(subject),
            Some(pilot) => {
                let runs = load(&[pilot.to_owned()])?;
                Ok(subject.piloted(&runs, pilot))
            }
        }
    }

    fn of_plan(folder: &Path) -> Result<Self, ForecastError> {
        let planned = PlannedRun::read(folder).map_err(ForecastError::Plan)?;
        let cells: Vec<Cell> = read_rows(folder)?;
        let nuisances = Nuisances::assumed(&cells, Some(&planned));
        let PlannedRun { experiment: name, blocks, takes, each_block, .. } = planned;
        Self { name, blocks, cells, nuisances, pilot: None, ended: None, takes, each_block }.checked(folder)
    }

    fn of_run(folder: &Path) -> Result<Self, ForecastError> {
        let runs = load(&[folder.to_owned()])?;
        runs.warnings.iter().for_each(|warning| ttlsweep_console::say!("warning: {warning}"));
        Self::of_loaded(&runs, folder)
    }

    /// Of runs that are read already, all of one plan.
    pub(crate) fn of_runs(runs: &Runs) -> Result<Self, ForecastError> {
        Self::of_loaded(runs, &runs.folders[0])
    }

    fn of_loaded(runs: &Runs, folder: &Path) -> Result<Self, ForecastError> {
        let blocks = runs.blocks();
        let takes = taken(runs);
        let ended = decide_in(&Evidence::of(runs), Detail::Brief).overall;
        let subject = Self {
            name: runs.environments[0].experiment.clone(),
            blocks,
            cells: runs.cells.clone(),
            nuisances: Nuisances::assumed(&runs.cells, None),
            pilot: None,
            ended: Some(ended),
            takes,
            each_block: share_of(takes, blocks),
        };
        subject.piloted(runs, folder).checked(folder)
    }

    fn piloted(self, runs: &Runs, folder: &Path) -> Self {
        if runs.transfers.all().is_empty() {
            return self;
        }
        let nuisances = self.nuisances.found_in(runs, &self.cells);
        Self { nuisances, pilot: Some(folder.to_owned()), ..self }
    }

    /// Holds that it can be simulated.
    fn checked(self, folder: &Path) -> Result<Self, ForecastError> {
        let bad = |words: &str| Err(ForecastError::Asked(format!("{}: {words}", folder.display())));
        if self.blocks == 0 || self.cells.is_empty() {
            return bad("the plan has no trials");
        }
        if self.cells.iter().zip(&self.nuisances.needed_us).any(|(_, needed)| *needed > LONGEST_US) {
            return bad("a transfer would take longer than 30 days; nothing so long is simulated");
        }
        match self.transfers() > MOST_TRANSFERS {
            true => bad("the plan has more than 100,000 transfers; forecast one with fewer users or blocks"),
            false => Ok(self),
        }
    }

    /// About as many as the plan has.
    pub(crate) fn transfers(&self) -> u64 {
        let of_block: u64 = self.cells.iter().map(transfers_of).sum();
        of_block.saturating_mul(u64::from(self.blocks))
    }

    /// The plan's cells, as they are simulated: each target has an endpoint.
    pub fn cells(&self) -> Vec<Cell> {
        let mut targets = Vec::new();
        let mut named = |cell: &Cell| {
            let target = cell.reported_target();
            let at = targets.iter().position(|known| *known == target).unwrap_or_else(|| {
                targets.push(target);
                targets.len() - 1
            });
            Cell { endpoint: Some(format!("https://target-{}.example:443", at + 1)), ..cell.clone() }
        };
        self.cells.iter().map(&mut named).collect()
    }

    /// What may be at work.
    pub fn cases(&self) -> Vec<Case> {
        cases(&self.cells, &self.nuisances)
    }

    /// What is simulated.
    pub fn design(&self, blocks: u32) -> Design {
        Design { cells: self.cells(), needed_us: self.nuisances.needed_us.clone(), blocks, enough: None }
    }

    /// What so many blocks take.
    pub fn takes(&self, blocks: u32) -> Takes {
        let more = i64::from(blocks) - i64::from(self.blocks);
        let sum = |all: u64, each: u64| {
            (all.cast_signed().saturating_add(more.saturating_mul(each.cast_signed()))).max(0).unsigned_abs()
        };
        let (all, each) = (self.takes, self.each_block);
        Takes {
            transfers: sum(all.transfers, each.transfers),
            requests: sum(all.requests, each.requests),
            bytes_up: sum(all.bytes_up, each.bytes_up),
            bytes_down: sum(all.bytes_down, each.bytes_down),
            duration_us: sum(all.duration_us, each.duration_us),
            usd: all.usd.zip(each.usd).map(|(all, each)| (all + more as f64 * each).max(0.0)),
        }
    }
}

/// What a run took.
fn taken(runs: &Runs) -> Takes {
    let all = runs.transfers.all();
    let sum = |of: &dyn Fn(&crate::load::transfer::Transfer) -> u64| all.iter().map(of).sum();
    let begun = runs.trials.iter().map(|trial| trial.started_at.unix_micros()).min().unwrap_or(0);
    let ended = runs.trials.iter().map(|trial| trial.ended_at.unix_micros()).max().unwrap_or(0);
    Takes {
        transfers: all.len() as u64,
        requests: all.len() as u64,
        bytes_up: sum(&|seen| seen.body_bytes_written),
        bytes_down: sum(&|seen| {
            if runs.cells[seen.cell as usize].method.is_upload() { 0 } else { seen.response_bytes }
        }),
        duration_us: (ended - begun).max(0).unsigned_abs(),
        usd: None,
    }
}

fn share_of(takes: Takes, blocks: u32) -> Takes {
    let n = u64::from(blocks.max(1));
    Takes {
        transfers: takes.transfers / n,
        requests: takes.requests / n,
        bytes_up: takes.bytes_up / n,
        bytes_down: takes.bytes_down / n,
        duration_us: takes.duration_us / n,
        usd: None,
    }
}

/// About as many as a trial of `cell` has.
fn transfers_of(cell: &Cell) -> u64 {
    u64::from(cell.users) * cell.transfers_per_user.map_or(100, u64::from)
}

const LONGEST_US: i64 = 30 * 86_400 * 1_000_000;
const MOST_TRANSFERS: u64 = 100_000;
