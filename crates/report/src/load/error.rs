use std::io;
use std::path::{Path, PathBuf};

use ttlsweep_record::csv_file::ReadError;
use ttlsweep_record::{SCHEMA_VERSION, TransferRecord, row::Row};

/// Why run folders could not be read: what, where, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The path is no folder.
    #[error("{} is no folder; name a run's folder, such as results/<experiment>/latest", folder.display())]
    NoFolder {
        /// What was named.
        folder: PathBuf,
    },
    /// The folder holds no run.
    #[error("{} is no run's folder: it has no environment.json{}", folder.display(), hint(runs))]
    NoRun {
        /// What was named.
        folder: PathBuf,
        /// Runs that lie right below it, newest first.
        runs: Vec<PathBuf>,
    },
    /// `environment.json` cannot be read.
    #[error("{0}")]
    Environment(io::Error),
    /// The run was written by a version whose columns mean something else.
    #[error("{} has schema version {found}; this report reads versions up to {SCHEMA_VERSION}", folder.display())]
    Newer {
        /// The run's folder.
        folder: PathBuf,
        /// The version found.
        found: u32,
    },
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
    /// `cells.csv` or `trials.csv` cannot be read.
    #[error("{0}")]
    Rows(#[from] ReadError),
    /// `transfers.csv` cannot be opened or read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// `transfers.csv` lacks a column.
    #[error("{} lacks the column `{column}`; is it a {} of this version?", path.display(), TransferRecord::FILE)]
    MissingColumn {
        /// The file.
        path: PathBuf,
        /// The column that was looked for.
        column: &'static str,
    },
    /// The file ends in the middle of a row.
    #[error(
        "{} line {line}: the file ends in the middle of a row ({found} of {expected} fields); \
         complete or delete that line",
        path.display()
    )]
    Truncated {
        /// The file.
        path: PathBuf,
        /// The line, from 1, the header included.
        line: u64,
        /// Fields in the row.
        found: usize,
        /// Fields in the header.
        expected: usize,
    },
    /// A row has more or fewer fields than the header.
    #[error("{} line {line}: {found} fields, but the header has {expected}", path.display())]
    Uneven {
        /// The file.
        path: PathBuf,
        /// The line, from 1, the header included.
        line: u64,
        /// Fields in the row.
        found: usize,
        /// Fields in the header.
        expected: usize,
    },
    /// A field does not hold what its column holds.
    #[error("{} line {line}, column `{column}`: {problem}", path.display())]
    BadField {
        /// The file.
        path: PathBuf,
        /// The line, from 1, the header included.
        line: u64,
        /// The column.
        column: &'static str,
        /// What is wrong with it.
        problem: String,
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
