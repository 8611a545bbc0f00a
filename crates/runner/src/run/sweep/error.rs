use std::io;

use super::sources::SourceError;

/// Why a sweep could not go on.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// A body's file cannot be used.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The objects that downloads read could not be put there.
    #[error("cannot put the object for downloads: {0}")]
    Download(String),
    /// A row could not be written.
    #[error("cannot write the run's files: {0}; the run ends here so that no transfer goes unrecorded")]
    Files(io::Error),
}
