//! Reads run folders: one or many runs of one plan become one set of cells, whole trials and their transfers. A run may lie
//! in several folders, its shards.

mod error;
pub(crate) mod samples;
mod shards;
mod spread;
pub(crate) mod transfer;
mod transfers;
pub(crate) mod whole_attempts;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use ttlsweep_record::row::Row;
use ttlsweep_record::{Cell, ClockRecord, TrialRecord};
use ttlsweep_rundir::csv_file::{read_numbered_rows, read_rows};
use ttlsweep_rundir::disk;
use ttlsweep_rundir::environment::{self, ClockOffset, Environment};
use ttlsweep_rundir::merge::{MergeError, ShardSet, Trials, merged_environment, run_folders, tell_parts};
use ttlsweep_rundir::stops::Stops;

pub(crate) use error::LoadError;
pub(crate) use spread::StartSpread;
pub(crate) use transfers::Transfers;
pub(crate) use transfers::transfer_at;

use crate::load::transfer::Asked;
use crate::load::whole_attempts::Attempts;
use shards::Shards;
use transfers::{RowCounts, RunBefore, TransferReader};

/// Everything that the report knows of the runs it was given.
#[derive(Debug)]
pub struct Runs {
    /// One environment a run, in the order in which the runs were named; of a run in shards that of all of them.
    pub environments: Vec<Environment>,
    /// The folders that were read, in the order of the transfers: the runs as they were named, the shards of each by number.
    pub folders: Vec<PathBuf>,
    /// The plan's cells and controls, in the plan's order.
    pub cells: Vec<Cell>,
    /// The whole trials of all runs; `trial` in `Transfers` counts from the first of them.
    pub trials: Vec<TrialRecord>,
    /// The transfers of the whole trials, and of no others.
    pub transfers: Transfers,
    /// What was read but does not count.
    pub left_out: LeftOut,
    /// Which shards, blocks and trials of runs in shards are missing, in words.
    pub missing: Vec<String>,
    /// Where each run ended before its plan did because each target was decided, in the order of the environments.
    pub stops: Vec<Stops>,
    /// How far apart the parts of trials started whose users were spread over several machines; `None` if none were.
    pub start_spread: Option<StartSpread>,
    /// What was learned of the clocks beside the transfers: the rows of `clock.csv`, each with the place of its run.
    pub clock_rows: Vec<(u32, ClockRecord)>,
    /// Where the files contradict each other without making a report impossible.
    pub warnings: Vec<String>,
    shards: Vec<Shards>,
}

impl Runs {
    /// What was recorded of a server's clock against that of the machine that asked it.
    pub fn recorded_offset(&self, asked: &Asked) -> Option<ClockOffset> {
        let environment = &self.environments[asked.run as usize];
        let of_shard = asked.shard.and_then(|shard| self.shards[asked.run as usize].offset(shard, &asked.endpoint));
        // An endpoint that its shard did not bracket may have been bracketed when the run was resumed.
        of_shard.or_else(|| environment.clock_offset.get(&asked.endpoint).copied())
    }

    /// Which runs ended before their plan did, and where, in words; `None` if none did.
    pub(crate) fn stopped(&self) -> Option<String> {
        let words = |(environment, stops): (&Environment, &Stops)| {
            let words = stops.words(environment.repetitions)?;
            Some(if self.environments.len() == 1 { words } else { format!("run {} {words}", environment.run_id) })
        };
        let stopped: Vec<String> = self.environments.iter().zip(&self.stops).filter_map(words).collect();
        (!stopped.is_empty()).then(|| stopped.join("; "))
    }

    /// How many blocks the runs have to show: those of their plans, but for those that nobody needed.
    pub(crate) fn blocks(&self) -> u32 {
        let own = |(environment, stops): (&Environment, &Stops)| {
            environment.repetitions - stops.not_needed(environment.repetitions)
        };
        self.environments.iter().zip(&self.stops).map(own).sum()
    }

    /// The proxy that stood between.
    pub(crate) fn proxy(&self, asked: &Asked) -> Option<String> {
        self.environments[asked.run as usize].proxies.get(&asked.endpoint).map(|proxy| proxy.url.clone())
    }

    /// The machines that ran whole trials, by name. Machines that shared a trial count as one.
    pub fn hosts(&self) -> Vec<&str> {
        let names: BTreeSet<&str> = self.trials.iter().map(|trial| trial.host.as_str()).collect();
        names.into_iter().collect()
    }
}

/// What was read but does not count: shown with its numbers, never mixed in.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct LeftOut {
    /// Transfers of attempts whose trial was run again whole.
    pub superseded: u64,
    /// Transfers of attempts whose trial has not been run whole yet.
    pub unfinished: u64,
    /// Trials of the plan, over all runs, that have no whole attempt.
    pub missing_trials: u64,
    /// Trials that the runs should have had, but for those that nobody needed.
    pub planned_trials: u64,
}

/// Reads the run folders `named`, which must hold different runs of one plan. The shards of one run, or a folder that holds
/// them, are one run, in whatever order they are named.
///
/// # Errors
/// A folder holds no run, a file cannot be read or contradicts its neighbours, or the runs do not belong together. The
/// message names folder, file and line.
pub fn load(named: &[PathBuf]) -> Result<Runs, LoadError> {
    let runs = grouped(run_folders(named))?;
    check_same_plan(&runs)?;

    let mut cells: Vec<Cell> = Vec::new();
    let mut trials = Vec::new();
    let mut transfers = TransferReader::default();
    let mut left_out = LeftOut::default();
    let (mut missing, mut warnings, mut starts) = (Vec::new(), Vec::new(), Vec::new());
    let (mut clock_rows, mut all_stops) = (Vec::new(), Vec::new());
    let all_shards: Vec<Shards> = runs.iter().map(|run| Shards::of(&run.environment)).collect();
    for ((number, run), shards) in (0..).zip(&runs).zip(&all_shards) {
        let (folder, environment) = (&run.folders[0], &run.environment);
        let (own_cells, rows) = run.cells_and_trials(&mut missing)?;
        let stops = run.stops()?;
        let not_needed = u64::from(stops.not_needed(environment.repetitions)) * own_cells.len() as u64;
        let planned = environment.trials.saturating_sub(not_needed);
        merge_cells(&mut cells, own_cells, folder)?;
        let index: HashMap<String, u32> = (0..).zip(&cells).map(|(at, cell)| (cell.cell_id.clone(), at)).collect();
        let attempts = Attempts::choose(rows).map_err(|twice| LoadError::TwoWholeAttempts {
            path: folder.join("trials.csv"),
            trial_id: twice.trial_id,
        })?;
        let before = RunBefore {
            run: number,
            run_id: &environment.run_id,
            attempts: &attempts,
            cells: &index,
            shards,
            first_trial: trials.len(),
        };
        let mut rows = RowCounts { per_trial: vec![0; attempts.whole().len()], ..RowCounts::default() };
        for folder in &run.folders {
            transfers.read(folder, &before, &mut rows)?;
            clock_rows.extend(read_clock(folder)?.into_iter().map(|row| (number, row)));
        }
        left_out.superseded += rows.superseded;
        left_out.unfinished += rows.unfinished;
        left_out.planned_trials += planned;
        left_out.missing_trials += planned.saturating_sub(attempts.whole().len() as u64);
        all_stops.push(stops);
        for (trial, found) in attempts.whole().iter().zip(rows.per_trial) {
            if trial.transfers != found {
                warnings.push(format!(
                    "{}: trial {} has {} transfers by trials.csv and {found} in transfers.csv",
                    run.place().display(),
                    trial.trial_id,
                    trial.transfers,
                ));
            }
        }
        if attempts.apart() > 0 {
            missing.push(format!(
                "{} trials count as not whole: a part of their users is missing, or was run again without the others",
                attempts.apart()
            ));
        }
        starts.extend(attempts.starts().iter().map(|starts| shards.start_spread(starts)));
        trials.extend(attempts.into_whole());
    }
    let (environments, folders): (Vec<_>, Vec<_>) = runs.into_iter().map(|run| (run.environment, run.folders)).unzip();
    let folders = folders.concat();
    if let Some(duplicate) = transfers.duplicate(&folders)? {
        return Err(MergeError::TransferTwice(duplicate).into());
    }
    Ok(Runs {
        environments,
        folders,
        cells,
        trials,
        transfers: transfers.into_transfers(),
        left_out,
        missing,
        stops: all_stops,
        start_spread: StartSpread::of(&starts),
        clock_rows,
        warnings,
        shards: all_shards,
    })
}

/// One run: a folder, or the folders of its shards.
struct Run {
    environment: Environment,
    folders: Vec<PathBuf>,
    shards: Option<ShardSet>,
}

impl Run {
    /// The folder to name for the whole of it.
    fn place(&self) -> &Path {
        let first = self.folders[0].as_path();
        if self.folders.len() == 1 { first } else { first.parent().unwrap_or(first) }
    }

    fn stops(&self) -> Result<Stops, LoadError> {
        match &self.shards {
            Some(set) => Ok(set.stops()?),
            None => Ok(Stops::read(&self.folders[0], &self.environment)?),
        }
    }

    fn cells_and_trials(&self, missing: &mut Vec<String>) -> Result<(Vec<Cell>, Vec<TrialRecord>), LoadError> {
        let Some(set) = &self.shards else {
            let folder = &self.folders[0];
            return Ok((read_cells(folder)?, read_trials(folder, &self.environment)?));
        };
        set.folders().iter().try_for_each(|folder| read_cells(&folder.path).map(drop))?;
        let cells = set.cells()?;
        let trials = Trials::read(set, &cells)?;
        missing.extend(trials.missing(set, &cells, &set.stops()?).lines());
        Ok((cells, trials.into_rows()))
    }
}

/// Puts the shards of a run together; a run's place is that of the first of them that was named.
fn grouped(folders: Vec<PathBuf>) -> Result<Vec<Run>, LoadError> {
    let mut groups: Vec<Vec<(PathBuf, Environment)>> = Vec::new();
    for folder in folders {
        let environment = read_environment(&folder)?;
        let of_same_run = |group: &&mut Vec<(PathBuf, Environment)>| {
            let first = &group[0].1;
            first.portion().is_some() && environment.portion().is_some() && first.run_id == environment.run_id
        };
        match groups.iter_mut().find(of_same_run) {
            Some(group) => group.push((folder, environment)),
            None => groups.push(vec![(folder, environment)]),
        }
    }
    groups.into_iter().map(Run::of).collect()
}

impl Run {
    fn of(mut group: Vec<(PathBuf, Environment)>) -> Result<Self, LoadError> {
        if group[0].1.portion().is_some() {
            let set = ShardSet::checked(group)?;
            let folders = set.folders().iter().map(|folder| folder.path.clone()).collect();
            return Ok(Self { environment: merged_environment(&set), folders, shards: Some(set) });
        }
        let (folder, environment) = group.remove(0);
        Ok(Self { environment, folders: vec![folder], shards: None })
    }
}

/// Holds that `folder` is a run's, or a shard's.
///
/// # Errors
/// It is not, or its environment cannot be read.
pub(crate) fn check_run(folder: &Path) -> Result<(), LoadError> {
    read_environment(folder).map(drop)
}

fn read_environment(folder: &Path) -> Result<Environment, LoadError> {
    if !fs::metadata(folder).is_ok_and(|meta| meta.is_dir()) {
        return Err(LoadError::NoFolder { folder: folder.to_owned() });
    }
    if !disk::is_there(&folder.join(environment::FILE)) {
        return Err(LoadError::NoRun { folder: folder.to_owned(), runs: runs_within(folder) });
    }
    Environment::read(folder).map_err(LoadError::Environment)
}

/// Run folders right below `folder`, newest first: anyone who names `results/<experiment>` means one of these.
fn runs_within(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut runs: Vec<_> = entries.filter(|path| !path.is_symlink() && path.join(environment::FILE).exists()).collect();
    runs.sort();
    runs.reverse();
    runs
}

fn check_same_plan(runs: &[Run]) -> Result<(), LoadError> {
    for (at, run) in runs.iter().enumerate() {
        let (environment, earlier) = (&run.environment, &runs[..at]);
        if let Some(first) = earlier.iter().find(|other| other.environment.run_id == environment.run_id) {
            return Err(LoadError::SameRunTwice {
                run_id: environment.run_id.clone(),
                first: first.folders[0].clone(),
                second: run.folders[0].clone(),
            });
        }
        if let Some(first) = earlier.first().filter(|first| first.environment.plan_hash != environment.plan_hash) {
            let plan = |of: &Environment| format!("{}, plan {}", of.experiment, short_hash(&of.plan_hash));
            return Err(LoadError::DifferentPlans {
                first: first.folders[0].clone(),
                first_plan: plan(&first.environment),
                second: run.folders[0].clone(),
                second_plan: plan(environment),
            });
        }
    }
    Ok(())
}

fn read_trials(folder: &Path, environment: &Environment) -> Result<Vec<TrialRecord>, LoadError> {
    let (lines, mut trials): (Vec<u64>, Vec<TrialRecord>) = read_numbered_rows(folder)?.into_iter().unzip();
    tell_parts(environment, &mut trials);
    let run_id = &environment.run_id;
    match lines.into_iter().zip(&trials).find(|(_, trial)| trial.run_id != *run_id) {
        None => Ok(trials),
        Some((line, trial)) => Err(LoadError::AnotherRun {
            path: folder.join(TrialRecord::FILE),
            line,
            found: trial.run_id.clone(),
            expected: run_id.clone(),
        }),
    }
}

/// Runs of before clocks had a file of their own have none.
fn read_clock(folder: &Path) -> Result<Vec<ClockRecord>, LoadError> {
    if folder.join(ClockRecord::FILE).exists() { Ok(read_rows(folder)?) } else { Ok(Vec::new()) }
}

fn read_cells(folder: &Path) -> Result<Vec<Cell>, LoadError> {
    let cells: Vec<Cell> = read_rows(folder)?;
    let mut names = HashSet::new();
    match cells.iter().find(|cell| !names.insert(cell.cell_id.as_str())) {
        None => Ok(cells),
        Some(twice) => Err(LoadError::CellTwice { path: folder.join(Cell::FILE), cell_id: twice.cell_id.clone() }),
    }
}

/// Runs of one plan name the same cells; a cell that differs means that a file was changed by hand.
fn merge_cells(cells: &mut Vec<Cell>, more: Vec<Cell>, folder: &Path) -> Result<(), LoadError> {
    if cells.is_empty() {
        *cells = more;
        return Ok(());
    }
    for cell in more {
        match cells.iter().find(|known| known.cell_id == cell.cell_id) {
            Some(known) if *known == cell => {}
            _ => return Err(LoadError::CellDiffers { path: folder.join("cells.csv"), cell_id: cell.cell_id }),
        }
    }
    Ok(())
}

/// The first twelve digits: enough to tell plans apart on paper.
pub(crate) fn short_hash(hash: &str) -> &str {
    let hash = hash.strip_prefix("sha256:").unwrap_or(hash);
    hash.get(..12).unwrap_or(hash)
}
