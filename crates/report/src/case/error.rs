use std::fmt;
use std::io;
use std::path::PathBuf;

use ttlsweep_console::exit::ExitCode;
use ttlsweep_rundir::csv_file::ReadError;

use crate::load::LoadError;
use crate::report::ReportError;

/// Why there is no bundle. Nothing was written then.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// The run cannot be read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The folder holds a run's shards.
    #[error(
        "{} holds the shards of a run, and a bundle is made of a whole one: ttlsweep merge {} --out DIR, then \
         ttlsweep case DIR",
        .0.display(),
        .0.display()
    )]
    InShards(PathBuf),
    /// There is nothing to ask anyone about.
    #[error(
        "no bundle was written: nothing failed at the store in {}, so that there is nothing to ask; make the bundle of a run \
         that shows the failure",
        .0.display()
    )]
    NothingFailed(PathBuf),
    /// One of its files of rows cannot be read.
    #[error("{0}")]
    Rows(#[from] ReadError),
    /// The report could not be made.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// Something in the run must not be handed to anyone.
    #[error("{}", refusal(run, found))]
    Secrets {
        /// The run's folder.
        run: PathBuf,
        /// What was found, and where.
        found: Vec<Found>,
    },
    /// The bundle's place is taken by something else.
    #[error("{} is there already and is not a bundle of ttlsweep; name another place with --out", path.display())]
    Occupied {
        /// The folder.
        path: PathBuf,
    },
    /// The place has no name that a folder could have.
    #[error("{} cannot be the bundle's place; name a folder or a .tar.gz that does not exist yet", path.display())]
    NoName {
        /// What was named.
        path: PathBuf,
    },
    /// A file of the run cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file of the bundle cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl CaseError {
    /// Whether what was asked for cannot be done, or this program or the disk is at fault.
    pub const fn exit_code(&self) -> ExitCode {
        match self {
            Self::Report(error) => error.exit_code(),
            Self::Write { .. } => ExitCode::Internal,
            _ => ExitCode::Usage,
        }
    }
}

/// A secret's place. What it is is said, what it says never.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1; nothing in a picture.
    pub line: Option<u64>,
    /// What was found, in words.
    pub what: String,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{} line {line}: {}", self.file.display(), self.what),
            None => write!(f, "{}: {}", self.file.display(), self.what),
        }
    }
}

fn refusal(run: &std::path::Path, found: &[Found]) -> String {
    let mut text = format!("no bundle was written, since {} holds what must not be handed on:", run.display());
    for one in found.iter().take(MOST_SHOWN) {
        text.push_str(&format!("\n  {one}"));
    }
    if found.len() > MOST_SHOWN {
        text.push_str(&format!("\n  and {} more", found.len() - MOST_SHOWN));
    }
    text.push_str(
        "\nttlsweep writes no secrets itself: find out how it came there, take it out of a copy of the folder, and make the \
         bundle of that copy",
    );
    text
}

const MOST_SHOWN: usize = 20;
