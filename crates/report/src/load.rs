//! Reads run folders: one or many runs of one plan become one set of cells, whole trials and their transfers.

mod error;
mod transfers;

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use ttlsweep_record::csv_file::read_rows;
use ttlsweep_record::environment::{self, Environment};
use ttlsweep_record::row::Row;
use ttlsweep_record::{Cell, SCHEMA_VERSION, TrialRecord};

pub use error::LoadError;
pub use transfers::Transfers;
pub(crate) use transfers::transfer_at;

use crate::whole_attempts::Attempts;
use transfers::Columns;

/// Everything that the report knows of the runs it was given.
#[derive(Debug)]
pub struct Runs {
    /// One environment a run, in the order in which the folders were given.
    pub environments: Vec<Environment>,
    /// The plan's cells and controls, in the plan's order.
    pub cells: Vec<Cell>,
    /// The whole trials of all runs; `trial` in [`Transfers`] counts from the first of them.
    pub trials: Vec<TrialRecord>,
    /// The transfers of the whole trials, and of no others.
    pub transfers: Transfers,
    /// What was read but does not count.
    pub left_out: LeftOut,
    /// Where the files contradict each other without making a report impossible.
    pub warnings: Vec<String>,
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
    /// Trials that the runs should have had.
    pub planned_trials: u64,
}

/// Reads the run folders `folders`, which must hold different runs of one plan.
///
/// # Errors
/// A folder holds no run, a file cannot be read or contradicts its neighbours, or the runs do not belong together. The
/// message names folder, file and line.
pub fn load(folders: &[PathBuf]) -> Result<Runs, LoadError> {
    let environments = folders.iter().map(|folder| read_environment(folder)).collect::<Result<Vec<_>, _>>()?;
    check_same_plan(folders, &environments)?;

    let mut cells: Vec<Cell> = Vec::new();
    let mut trials = Vec::new();
    let mut columns = Columns::default();
    let mut left_out = LeftOut::default();
    let mut warnings = Vec::new();
    for (run, (folder, environment)) in (0..).zip(folders.iter().zip(&environments)) {
        merge_cells(&mut cells, read_cells(folder)?, folder)?;
        let index: HashMap<String, u32> = (0..).zip(&cells).map(|(at, cell)| (cell.cell_id.clone(), at)).collect();
        let attempts = Attempts::choose(read_trials(folder, &environment.run_id)?).map_err(|twice| {
            LoadError::TwoWholeAttempts { path: folder.join("trials.csv"), trial_id: twice.trial_id }
        })?;
        let first_trial = trials.len();
        let rows = columns.read(folder, &environment.run_id, &attempts, &index, (run, first_trial))?;
        left_out.superseded += rows.superseded;
        left_out.unfinished += rows.unfinished;
        left_out.planned_trials += environment.trials;
        left_out.missing_trials += environment.trials.saturating_sub(attempts.whole().len() as u64);
        for (trial, found) in attempts.whole().iter().zip(rows.per_trial) {
            if trial.transfers != found {
                warnings.push(format!(
                    "{}: trial {} has {} transfers by trials.csv and {found} in transfers.csv",
                    folder.display(),
                    trial.trial_id,
                    trial.transfers,
                ));
            }
        }
        trials.extend(attempts.into_whole());
    }
    Ok(Runs { environments, cells, trials, transfers: columns.into_transfers(), left_out, warnings })
}

fn read_environment(folder: &Path) -> Result<Environment, LoadError> {
    if !fs::metadata(folder).is_ok_and(|meta| meta.is_dir()) {
        return Err(LoadError::NoFolder { folder: folder.to_owned() });
    }
    if !folder.join(environment::FILE).exists() {
        return Err(LoadError::NoRun { folder: folder.to_owned(), runs: runs_within(folder) });
    }
    let environment = Environment::read(folder).map_err(LoadError::Environment)?;
    if environment.schema_version > SCHEMA_VERSION {
        return Err(LoadError::Newer { folder: folder.to_owned(), found: environment.schema_version });
    }
    Ok(environment)
}

/// Run folders right below `folder`, newest first: whoever names `results/<experiment>` means one of these.
fn runs_within(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut runs: Vec<_> = entries.filter(|path| !path.is_symlink() && path.join(environment::FILE).exists()).collect();
    runs.sort();
    runs.reverse();
    runs
}

fn check_same_plan(folders: &[PathBuf], environments: &[Environment]) -> Result<(), LoadError> {
    for (at, environment) in environments.iter().enumerate() {
        let earlier = &environments[..at];
        if let Some(first) = earlier.iter().position(|other| other.run_id == environment.run_id) {
            return Err(LoadError::SameRunTwice {
                run_id: environment.run_id.clone(),
                first: folders[first].clone(),
                second: folders[at].clone(),
            });
        }
        if let Some(first) = earlier.first().filter(|first| first.plan_hash != environment.plan_hash) {
            return Err(LoadError::DifferentPlans {
                first: folders[0].clone(),
                first_plan: format!("{}, plan {}", first.experiment, short_hash(&first.plan_hash)),
                second: folders[at].clone(),
                second_plan: format!("{}, plan {}", environment.experiment, short_hash(&environment.plan_hash)),
            });
        }
    }
    Ok(())
}

fn read_trials(folder: &Path, run_id: &str) -> Result<Vec<TrialRecord>, LoadError> {
    let trials: Vec<TrialRecord> = read_rows(folder)?;
    // Names hold no line breaks, so that rows are lines.
    match (2..).zip(&trials).find(|(_, trial)| trial.run_id != run_id) {
        None => Ok(trials),
        Some((line, trial)) => Err(LoadError::AnotherRun {
            path: folder.join(TrialRecord::FILE),
            line,
            found: trial.run_id.clone(),
            expected: run_id.to_owned(),
        }),
    }
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
pub fn short_hash(hash: &str) -> &str {
    let hash = hash.strip_prefix("sha256:").unwrap_or(hash);
    hash.get(..12).unwrap_or(hash)
}
