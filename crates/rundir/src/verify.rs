//! Is a run's folder whole and consistent? One answer, for the command `ttlsweep-report verify` and for every check of this
//! project: by the files alone, with no help from the program that wrote them.
//!
//! *Whole* means that every planned trial is there once, with all its transfers. *Consistent* means that the files do not
//! contradict each other, nor a row itself. What is found is reported by file and line, however much it is.
//!
//! The way of the data: [`verify`] reads the environment and the cells, which tell the plan; `trials` holds `trials.csv` against
//! it, `transfers` the rows against their trials, `row` each row against itself, and `beside` the files that refer to transfers.

mod beside;
mod row;
mod transfers;
mod trials;

use std::collections::HashSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use crate::csv_file::{ReadError, RowFile};
use crate::disk;
use crate::environment::{self, Environment};
use crate::files::EXPERIMENT;
use crate::stops::Stops;
use ttlsweep_record::row::Row;
use ttlsweep_record::rows::{Cell, TransferRecord};

/// Something in a folder that cannot be so in one that is whole and consistent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file.
    #[serde(serialize_with = "as_text")]
    pub file: PathBuf,
    /// The line, from 1, the header included; `None` if it is about the file as a whole.
    pub line: Option<u64>,
    /// What is wrong.
    pub problem: String,
}

fn as_text<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{} line {line}: {}", self.file.display(), self.problem),
            None => write!(f, "{}: {}", self.file.display(), self.problem),
        }
    }
}

/// What a folder holds, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// The folder.
    #[serde(serialize_with = "as_text")]
    pub folder: PathBuf,
    /// Whether it is whole and consistent.
    pub whole_and_consistent: bool,
    /// Trials of the plan, as far as this folder is to have them, that are there whole.
    pub trials: u64,
    /// Transfers of whole trials.
    pub transfers: u64,
    /// Transfers of attempts that were interrupted.
    pub superseded: u64,
    /// Where it ended before its plan did because each target was decided, in words; `None` if it was to run all of it.
    pub stopped: Option<String>,
    /// What is wrong: the first [`Verified::MOST`] of it.
    pub problems: Vec<Problem>,
    /// How much is wrong.
    pub found: u64,
}

impl Verified {
    /// So many problems are kept; more would tell nobody more.
    pub const MOST: usize = 1_000;
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            writeln!(f, "{problem}")?;
        }
        let further = self.found - self.problems.len() as u64;
        if further > 0 {
            writeln!(f, "and {further} more")?;
        }
        match self.found {
            0 => write!(f, "whole and consistent: {} trials, {} transfers", self.trials, self.transfers)?,
            1 => return write!(f, "1 problem"),
            found => return write!(f, "{found} problems"),
        }
        if self.superseded > 0 {
            write!(f, ", and {} of interrupted attempts", self.superseded)?;
        }
        if let Some(stopped) = &self.stopped {
            write!(f, "; {stopped}")?;
        }
        Ok(())
    }
}

/// Why nothing can be said about a folder.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// The path is not a folder.
    #[error("{} is not a folder; name a run's folder, such as results/<experiment>/latest", .0.display())]
    NoFolder(PathBuf),
    /// It is not a run's folder.
    #[error("{} is not a run's folder: it has no environment.json; name one, such as results/<experiment>/latest", .0.display())]
    NoRun(PathBuf),
    /// Its `environment.json` cannot be read.
    #[error("{0}")]
    Environment(io::Error),
    /// A file is there and cannot be read.
    #[error(transparent)]
    File(#[from] ReadError),
}

/// Holds a run's folder against its plan and against itself. `reported` are transfers that must have a row, beside those of the
/// journal: a check that killed the run may know of them.
///
/// # Errors
/// It is not a run's folder, or the system refuses to read one of its files. A file that holds something else than it should is a
/// problem, and no error.
pub fn verify(folder: &Path, reported: &HashSet<String>) -> Result<Verified, Unreadable> {
    if !folder.is_dir() {
        return Err(Unreadable::NoFolder(folder.to_owned()));
    }
    let environment = Environment::read(folder).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Unreadable::NoRun(folder.to_owned()),
        _ => Unreadable::Environment(error),
    })?;
    let mut found = Problems { folder: folder.to_owned(), problems: Vec::new(), count: 0 };
    if let Err(error) = disk::read_to_string(&folder.join(EXPERIMENT)) {
        found.add(EXPERIMENT, None, format!("the frozen experiment cannot be read: {error}"));
    }
    let mut cells: Vec<Cell> = Vec::new();
    let mut names = HashSet::new();
    found.each::<Cell>(Cell::FILE, |found, line, cell| {
        if !names.insert(cell.cell_id.clone()) {
            found.add(Cell::FILE, Some(line()), format!("the cell {} is there twice", cell.cell_id));
        }
        cells.push(cell);
    })?;
    let planned = cells.len() as u64 * u64::from(environment.repetitions);
    if environment.trials != planned {
        let problem = format!(
            "the plan has {} trials, but {} cells in {} blocks make {planned}",
            environment.trials,
            cells.len(),
            environment.repetitions
        );
        found.add(environment::FILE, None, problem);
    }
    let stops = found.stops(&environment)?;
    let mut trials = trials::Trials::read(&mut found, &environment, &cells, &stops)?;
    let names = transfers::read(&mut found, &environment, &cells, &mut trials)?;
    let (whole, transfers, superseded) = trials.settle(&mut found);
    beside::read(&mut found, &environment, &cells, &trials, &names)?;
    beside::journal(&mut found, &names)?;
    let mut missing: Vec<&String> = reported.iter().filter(|name| !names.has(name.as_bytes())).collect();
    missing.sort();
    for name in missing {
        found.add(TransferRecord::FILE, None, format!("the transfer {name} had started and has no row"));
    }
    Ok(Verified {
        folder: folder.to_owned(),
        whole_and_consistent: found.count == 0,
        trials: whole,
        transfers,
        superseded,
        stopped: stops.words(environment.repetitions),
        problems: found.problems,
        found: found.count,
    })
}

/// What is wrong so far.
struct Problems {
    folder: PathBuf,
    problems: Vec<Problem>,
    count: u64,
}

impl Problems {
    fn add(&mut self, file: &str, line: Option<u64>, problem: String) {
        self.count += 1;
        if self.problems.len() < Verified::MOST {
            self.problems.push(Problem { file: self.folder.join(file), line, problem });
        }
    }

    /// Where the run ended before its plan did. What cannot be read is reported with the other files.
    fn stops(&self, environment: &Environment) -> Result<Stops, Unreadable> {
        match Stops::read(&self.folder, environment) {
            Err(error @ ReadError::Open { .. }) => Err(error.into()),
            other => Ok(other.unwrap_or_default()),
        }
    }

    /// Whether a further problem would be reported with its line, which costs reading the file again.
    fn has_room(&self) -> bool {
        self.problems.len() < Verified::MOST
    }

    /// Opens a file of the folder that must be there. `None` if it is not, or is not a table of these rows: then that is reported.
    fn open<R: Row>(&mut self, file: &str) -> Result<Option<RowFile>, Unreadable> {
        let path = self.folder.join(file);
        if !disk::is_there(&path) {
            self.add(file, None, "it is not there".to_owned());
            return Ok(None);
        }
        let opened = RowFile::open::<R>(&path).and_then(|rows| {
            let needed = R::COLUMNS.iter().filter(|column| !R::ADDED_COLUMNS.contains(&column.name));
            needed.map(|column| rows.place::<R>(column.name)).collect::<Result<Vec<_>, _>>()?;
            Ok(rows)
        });
        match opened {
            Ok(rows) => {
                if !rows.ends_with_line_break() {
                    self.add(file, None, "its last line has no end: it was written in part, or cut".to_owned());
                }
                Ok(Some(rows))
            }
            Err(error @ ReadError::Open { .. }) => Err(error.into()),
            Err(error) => {
                self.tell(file, &error);
                Ok(None)
            }
        }
    }

    /// Reads each row of a file that must be there. What is not a row is reported and passed over. The line is counted when it is asked
    /// for.
    fn each<R: Row>(
        &mut self,
        file: &str,
        mut take: impl FnMut(&mut Self, &dyn Fn() -> u64, R),
    ) -> Result<(), Unreadable> {
        let Some(mut rows) = self.open::<R>(file)? else { return Ok(()) };
        loop {
            match rows.next_row() {
                Ok(false) => return Ok(()),
                Ok(true) => match rows.row() {
                    Ok(row) => take(self, &|| rows.line(), row),
                    Err(error) => self.tell(file, &error),
                },
                Err(error @ ReadError::Open { .. }) => return Err(error.into()),
                Err(error) => self.tell(file, &error),
            }
        }
    }

    /// Takes over what reading a file found wrong with it.
    fn tell(&mut self, file: &str, error: &ReadError) {
        let said = error.to_string();
        let path = self.folder.join(file).display().to_string();
        let rest = said.strip_prefix(&path).unwrap_or(&said).trim_start();
        let line = rest.strip_prefix("line ").and_then(|rest| {
            let end = rest.find(|char: char| !char.is_ascii_digit())?;
            Some((rest[..end].parse().ok()?, rest[end..].trim_start_matches([':', ',', ' '])))
        });
        match line {
            Some((line, problem)) => self.add(file, Some(line), problem.to_owned()),
            None => self.add(file, None, rest.trim_start_matches([':', ' ']).to_owned()),
        }
    }
}
