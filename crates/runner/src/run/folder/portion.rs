//! Where a portion's folder lies: `OUT/EXPERIMENT/RUN_ID/shard-2-of-4/`, and until it is whole
//! `OUT/EXPERIMENT/RUN_ID/.shard-2-of-4.partial/`.
//!
//! The name says which it is, on any file system that several machines share: a folder with the first name is whole and never
//! written to again.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use ttlsweep_record::Portion;

use super::{FolderError, RunFolder, UNFINISHED, make, sync_name};

/// The place of a portion.
#[derive(Debug)]
pub(crate) struct PortionPlace {
    run: PathBuf,
    portion: Portion,
}

/// What is there of a portion.
#[derive(Debug)]
pub(crate) enum OnDisk {
    /// Nothing: it has not begun.
    Nothing,
    /// What another process began and did not end.
    Unfinished(RunFolder),
    /// All of it.
    Finished(PathBuf),
}

impl PortionPlace {
    /// The place below `results/<experiment>/<run_id>/`.
    pub(crate) fn new(results: &Path, experiment: &str, run_id: &str, portion: Portion) -> Self {
        Self { run: results.join(experiment).join(run_id), portion }
    }

    /// Looks what is there, and takes what is unfinished.
    ///
    /// # Errors
    /// Another process is at it, the run was divided in another way, or the file system refuses.
    pub(crate) fn look(&self) -> Result<OnDisk, FolderError> {
        self.check_division()?;
        if self.finished().is_dir() {
            return Ok(OnDisk::Finished(self.finished()));
        }
        let partial = self.run.join(self.portion.partial_name());
        let opened = RunFolder::open(&partial);
        // Whoever had the lock until now may have finished it meanwhile.
        if self.finished().is_dir() {
            return Ok(OnDisk::Finished(self.finished()));
        }
        match opened {
            Err(FolderError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(OnDisk::Nothing),
            other => other.map(OnDisk::Unfinished),
        }
    }

    /// Creates the folder of a portion that has not begun, as [`RunFolder::create`] does.
    ///
    /// # Errors
    /// The file system refuses, or another process has just begun the same.
    pub(crate) fn create(
        &self,
        frozen: &str,
        fill: impl FnOnce(&Path) -> io::Result<()>,
    ) -> Result<RunFolder, FolderError> {
        let unfinished = format!("{UNFINISHED}{}-", self.portion.folder_name());
        make(&self.run, &unfinished, frozen, fill, |unfinished| {
            let path = self.run.join(self.portion.partial_name());
            match fs::rename(unfinished, &path) {
                Ok(()) => sync_name(&self.run, path),
                Err(error) if is_taken(&error) => Err(FolderError::InUse(path)),
                Err(source) => Err(FolderError::Io { path, source }),
            }
        })
    }

    /// The folder of another portion of the run, whole or not.
    pub(crate) fn another(&self) -> Option<PathBuf> {
        let others = self.portions().ok()?.into_iter().filter(|(other, _)| *other != self.portion);
        others.min().map(|(_, path)| path)
    }

    /// Where it lies when it is whole.
    pub(crate) fn finished(&self) -> PathBuf {
        self.run.join(self.portion.folder_name())
    }

    /// A run that was divided in several ways would do blocks twice and leave others.
    fn check_division(&self) -> Result<(), FolderError> {
        let alike =
            |other: Portion| other.kind() == self.portion.kind() && other.share().of() == self.portion.share().of();
        match self.portions()?.into_iter().map(|(other, _)| other).filter(|other| !alike(*other)).min() {
            None => Ok(()),
            Some(there) => Err(FolderError::OtherDivision { run: self.run.clone(), there, asked: self.portion }),
        }
    }

    /// What lies in the run's folder.
    fn portions(&self) -> Result<Vec<(Portion, PathBuf)>, FolderError> {
        let entries = match fs::read_dir(&self.run) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(|source| FolderError::Io { path: self.run.clone(), source })?,
        };
        let portion = |entry: fs::DirEntry| Some((Portion::of_folder_name(entry.file_name().to_str()?)?, entry.path()));
        Ok(entries.flatten().filter_map(portion).collect())
    }
}

impl RunFolder {
    /// Says that the run is whole: a portion's folder gets its own name now; any other one keeps the one it has. Returns where
    /// the folder is then.
    ///
    /// # Errors
    /// The file system refuses.
    pub(crate) fn finish(&self) -> Result<PathBuf, FolderError> {
        let path = &self.path;
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let (Some(portion), Some(run)) = (Portion::of_folder_name(name), path.parent()) else {
            return Ok(path.clone());
        };
        if name != portion.partial_name() {
            return Ok(path.clone());
        }
        let whole = run.join(portion.folder_name());
        // What it holds must not come to the disk later than the name that promises all of it.
        match File::open(path).and_then(|folder| folder.sync_all()).and_then(|()| fs::rename(path, &whole)) {
            Ok(()) => sync_name(run, whole),
            Err(source) => Err(FolderError::Io { path: whole, source }),
        }
    }
}

fn is_taken(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty)
}
