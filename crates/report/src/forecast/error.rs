use std::io;
use std::path::PathBuf;

use ttlsweep_console::exit::ExitCode;
use ttlsweep_rundir::csv_file::ReadError;

use crate::load::LoadError;

/// Why nothing can be forecast.
#[derive(Debug, thiserror::Error)]
pub enum ForecastError {
    /// The folder holds neither a plan nor a run.
    #[error(
        "{} holds neither a plan nor a run; name a run's folder, or write a plan first: ttlsweep run EXPERIMENT --dry-run --plan DIR",
        folder.display()
    )]
    NoPlan {
        /// What was named.
        folder: PathBuf,
    },
    /// A run cannot be read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The plan cannot be read.
    #[error("{0}")]
    Plan(io::Error),
    /// The plan's cells cannot be read.
    #[error("{0}")]
    Rows(#[from] ReadError),
    /// The plan cannot be simulated, or has no cell that the pilot ran.
    #[error("{0}")]
    Asked(String),
    /// This machine lacks something to begin with.
    #[error("cannot watch for signals: {0}")]
    Signals(io::Error),
    /// Somebody stopped it.
    #[error("stopped after {done} of {all} simulations; nothing was written")]
    Stopped {
        /// How many were made.
        done: u64,
        /// Of how many.
        all: u64,
    },
    /// The answer cannot be written.
    #[error("cannot write the answer: {0}")]
    Answer(io::Error),
}

impl ForecastError {
    /// Whether what was asked for cannot be done, or this program or the disk is at fault.
    pub const fn exit_code(&self) -> ExitCode {
        match self {
            Self::NoPlan { .. } | Self::Load(_) | Self::Plan(_) | Self::Rows(_) | Self::Asked(_) => ExitCode::Usage,
            Self::Stopped { .. } => ExitCode::Interrupted,
            Self::Signals(_) | Self::Answer(_) => ExitCode::Internal,
        }
    }
}
