use std::io;
use std::path::PathBuf;

use ttlsweep_console::exit::ExitCode;

use crate::load::LoadError;

/// Why the runs or the arithmetic give no TTL.
#[derive(Debug, thiserror::Error)]
pub enum TtlError {
    /// The runs cannot be read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// What was asked for makes no sense, or the runs cannot answer it.
    #[error("{0}")]
    Asked(String),
    /// The experiment's file cannot be written.
    #[error("cannot write {}: {}", path.display(), problem(source))]
    Experiment {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The answer cannot be written.
    #[error("cannot write the answer: {0}")]
    Answer(io::Error),
}

impl TtlError {
    /// Whether what was asked for cannot be done, or this program or the disk is at fault.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Load(_) | Self::Asked(_) => ExitCode::Usage,
            Self::Experiment { source, .. } if source.kind() == io::ErrorKind::AlreadyExists => ExitCode::Usage,
            Self::Experiment { .. } | Self::Answer(_) => ExitCode::Internal,
        }
    }
}

fn problem(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AlreadyExists => "it is there already, and is not overwritten; name another file".to_owned(),
        _ => error.to_string(),
    }
}
