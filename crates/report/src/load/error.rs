use std::io;
use std::path::{Path, PathBuf};

use ttlsweep_rundir::csv_file::ReadError;
use ttlsweep_rundir::merge::MergeError;

/// Why run folders could not be read: what, where, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The path is not a folder.
    #[error("{} is not a folder; name a run's folder, such as results/<experiment>/latest", folder.display())]
    NoFolder {
        /// What was named.
        folder: PathBuf,
    },
    /// The folder holds no run.
    #[error("{} is not a run's folder: it has no environment.json{}", folder.display(), hint(runs))]
    NoRun {
        /// What was named.
        folder: PathBuf,
        /// Runs that lie right below it, newest first.
        runs: Vec<PathBuf>,
    },
    /// `environment.json` cannot be read, or is of a version that is not known.
    #[error("{0}")]
    Environment(io::Error),
    /// The runs are of different plans.
    #[error(
        "runs of different plans cannot be merged: {} is of {first_plan}, {} of {second_plan}",
        first.display(),
        second.display()
    )]
    DifferentPlans {
        /// The first folder.
        first: PathBuf,
        /// Its experiment and plan.
        first_plan: String,
        /// The folder that does not fit.
        second: PathBuf,
        /// Its experiment and plan.
        second_plan: String,
    },
    /// One run was named twice, and would be counted twice.
    #[error("{} and {} are the same run, {run_id}; name it once", first.display(), second.display())]
    SameRunTwice {
        /// The run.
        run_id: String,
        /// Its folder as first named.
        first: PathBuf,
        /// Its folder as named again.
        second: PathBuf,
    },
    /// Two runs of one plan describe a cell differently.
    #[error("{}: the cell {cell_id} is not the same as in the first run, although the plans agree", path.display())]
    CellDiffers {
        /// The second run's file.
        path: PathBuf,
        /// The cell.
        cell_id: String,
    },
    /// A trial was recorded whole twice, so that it is unclear which one counts.
    #[error("{}: the trial {trial_id} has two whole attempts; only one can count", path.display())]
    TwoWholeAttempts {
        /// The file.
        path: PathBuf,
        /// The trial.
        trial_id: String,
    },
    /// A cell is described twice.
    #[error("{}: the cell {cell_id} is there twice; delete the row that does not belong there", path.display())]
    CellTwice {
        /// The file.
        path: PathBuf,
        /// The cell.
        cell_id: String,
    },
    /// A file of rows cannot be read.
    #[error("{0}")]
    Rows(#[from] ReadError),
    /// Shards do not belong together, or something is there twice.
    #[error(transparent)]
    Shards(#[from] MergeError),
    /// A row belongs to another run than the folder.
    #[error(
        "{} line {line}: this row is of run {found}, but the folder holds run {expected}; keep each run in a folder of its \
         own, and name the folders together: ttlsweep report DIR DIR --out DIR",
        path.display()
    )]
    AnotherRun {
        /// The file.
        path: PathBuf,
        /// The line, from 1, the header included.
        line: u64,
        /// The run that the row names.
        found: String,
        /// The run of the folder.
        expected: String,
    },
}

fn hint(runs: &[PathBuf]) -> String {
    match runs.first() {
        Some(newest) => format!("; its newest run is {}", display(newest)),
        None => "; expected results/<experiment>/<time>".to_owned(),
    }
}

fn display(path: &Path) -> String {
    path.display().to_string()
}
