use std::io;
use std::path::PathBuf;

use ttlsweep_console::exit::ExitCode;
use ttlsweep_rundir::csv_file::ReadError;

use super::FORMATS;
use crate::load::LoadError;

/// Why logs were not joined.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The run's folder is none.
    #[error(transparent)]
    Run(#[from] LoadError),
    /// One of the run's files cannot be read.
    #[error(transparent)]
    Rows(#[from] ReadError),
    /// A log cannot be read.
    #[error("cannot read {name}: {source}")]
    Log {
        /// The log.
        name: String,
        /// Why not.
        source: io::Error,
    },
    /// A file has not one line of a known format.
    #[error("{source_name} has no line of a log that is known here; looked for: {FORMATS}")]
    NoLog {
        /// The file.
        source_name: String,
    },
    /// A folder that was named holds no file.
    #[error("{} holds no file", folder.display())]
    Empty {
        /// The folder.
        folder: PathBuf,
    },
    /// `server.csv` cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The answer cannot be written.
    #[error("cannot write the answer: {0}")]
    Answer(io::Error),
}

impl JoinError {
    /// Whether what was named is wrong, or this program or the disk is at fault.
    pub const fn exit_code(&self) -> ExitCode {
        match self {
            Self::Run(_) | Self::Rows(_) | Self::Log { .. } | Self::NoLog { .. } | Self::Empty { .. } => {
                ExitCode::Usage
            }
            Self::Write { .. } | Self::Answer(_) => ExitCode::Internal,
        }
    }
}
