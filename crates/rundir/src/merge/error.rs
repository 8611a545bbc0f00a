use std::io;
use std::path::PathBuf;

use super::duplicates::{Duplicate, Line};
use crate::csv_file::ReadError;

/// Why folders cannot be joined to one run: what is wrong, where, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// No folder was named.
    #[error("there is nothing to merge: name the folders of a run's shards, or the folder that holds them")]
    Nothing,
    /// The folder holds no run.
    #[error(
        "{} is not a run's folder and holds no shards (shard-i-of-n) or parts (part-i-of-n): {problem}",
        folder.display()
    )]
    NoRun {
        /// What was named.
        folder: PathBuf,
        /// What was looked for.
        problem: String,
    },
    /// A folder's `environment.json` is none, or is of a version that is not known; the message names it.
    #[error("{0}")]
    Environment(io::Error),
    /// A run that was not divided stands among the shards, or alone.
    #[error(
        "{} holds the run {run_id} as a whole, not a shard of one: there is nothing to merge it with; \
         `ttlsweep report` reads it as it is, also together with other runs of the plan",
        folder.display()
    )]
    NoShard {
        /// The folder.
        folder: PathBuf,
        /// Its run.
        run_id: String,
    },
    /// Two folders are not of one run, or were not written by the same program.
    #[error(
        "{} and {} cannot be merged: the {what} differs, {first_value} here and {second_value} there",
        first.display(),
        second.display()
    )]
    Differs {
        /// What differs.
        what: &'static str,
        /// The folder of the lowest number.
        first: PathBuf,
        /// Its value.
        first_value: String,
        /// The folder that does not fit.
        second: PathBuf,
        /// Its value.
        second_value: String,
    },
    /// One share is there twice, and would be counted twice.
    #[error("{}", twice(which, first, second, *same_folder))]
    ShardTwice {
        /// The share.
        which: String,
        /// One folder that holds it.
        first: PathBuf,
        /// The other one.
        second: PathBuf,
        /// Whether they are one folder that was named twice.
        same_folder: bool,
    },
    /// Two folders describe a cell differently although their plans agree.
    #[error(
        "{} and {} differ in the cell {cell_id}, although the plans agree: one of them was edited",
        first.display(),
        second.display()
    )]
    CellDiffers {
        /// The first folder's file.
        first: PathBuf,
        /// The other folder's file.
        second: PathBuf,
        /// The cell.
        cell_id: String,
    },
    /// An attempt at a trial stands twice in the files.
    #[error(
        "the trial {trial_id} was {what} twice, {first} and {second}; only one of them can count: name one of the two"
    )]
    TrialTwice {
        /// The trial.
        trial_id: String,
        /// `recorded whole`, or the same attempt.
        what: String,
        /// Where it was met first.
        first: Line,
        /// Where it was met again.
        second: Line,
    },
    /// A transfer stands twice in the files.
    #[error("{0}")]
    TransferTwice(Duplicate),
    /// A row that its folder cannot hold.
    #[error("{at}: {problem}")]
    Foreign {
        /// The row.
        at: Line,
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// A trial has not the rows that it had when it was recorded.
    #[error(
        "{}: the trial {trial_id} has {expected} transfers by trials.csv and {found} in transfers.csv: rows were lost or \
         added since; bring the file back as it was written, or run the shard again",
        folder.display()
    )]
    RowsLost {
        /// The folder.
        folder: PathBuf,
        /// The trial.
        trial_id: String,
        /// By `trials.csv`.
        expected: u64,
        /// In `transfers.csv`.
        found: u64,
    },
    /// A shard has not ended yet.
    #[error(
        "{} is not whole yet: it still has its journal; run or resume that shard to its end, then merge",
        folder.display()
    )]
    Unfinished {
        /// The folder.
        folder: PathBuf,
    },
    /// Nothing is ever overwritten.
    #[error("{} is there already, and nothing is overwritten; name another folder with --out", .0.display())]
    Occupied(PathBuf),
    /// A file of rows cannot be read.
    #[error(transparent)]
    Rows(#[from] ReadError),
    /// The merged run cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

fn twice(which: &str, first: &std::path::Path, second: &std::path::Path, same_folder: bool) -> String {
    if same_folder {
        return format!("{} was named twice, and would be counted twice; name {which} once", second.display());
    }
    format!(
        "{} and {} both hold {which} of the same run, which would be counted twice; name one of the two",
        first.display(),
        second.display()
    )
}
