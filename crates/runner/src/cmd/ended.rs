//! How a run has ended, reported when all else is done: its rows are on the disk, and in the bucket if it is to be uploaded.

use std::path::PathBuf;

use ttlsweep_console::say;

use crate::cmd::exit::ExitCode;
use crate::run::cleanup::NotDeleted;

/// What is to be reported of a run.
#[derive(Debug)]
pub(super) struct Ended {
    /// How the command ends.
    pub(super) code: ExitCode,
    /// Where the run is.
    pub(super) folder: PathBuf,
    /// What could not be deleted.
    pub(super) left: Vec<NotDeleted>,
    /// The last words.
    pub(super) words: String,
}

impl Ended {
    /// Prints the folder, and says the rest.
    pub(super) fn tell(&self) {
        say::path(&self.folder);
        if let Some(first) = self.left.first() {
            say!(
                "warning: {} objects or multipart uploads of this run are still in the bucket, for example {}: {}\n\
                 to delete them: ttlsweep clean {}",
                self.left.len(),
                first.made,
                first.why,
                self.folder.display()
            );
        }
        say!("{}", self.words);
    }
}
