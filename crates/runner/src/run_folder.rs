//! A run's folder: created once, never overwritten, locked while a process writes to it.

pub mod portion;

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use ttlsweep_record::{Portion, Timestamp};

/// The frozen experiment's name within the folder.
pub const EXPERIMENT: &str = "experiment.toml";

/// An open folder; the lock goes with it.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    _lock: File,
}

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Another process writes to it.
    #[error("{} is in use by another ttlsweep; wait for it to end, or stop it", .0.display())]
    InUse(PathBuf),
    /// It is no run's folder.
    #[error("{} is no run's folder: it has no {EXPERIMENT}; give the folder that `ttlsweep run` printed", .0.display())]
    NoRun(PathBuf),
    /// The portions that are there are of another division of the plan.
    #[error(
        "{} has {there}, and this is {asked}: a run is divided in one way; give the other division another `--run-id`",
        run.display()
    )]
    OtherDivision {
        /// The run's folder.
        run: PathBuf,
        /// A portion that is there.
        there: Portion,
        /// The one that was asked for.
        asked: Portion,
    },
    /// The file system refuses.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl RunFolder {
    /// Creates `results/<experiment>/<UTC time>/`, freezes the experiment in it, lets `fill` write what else belongs there
    /// before the first transfer, and points `latest` at it.
    ///
    /// It is made under another name and gets its own when all of it is on the disk: whatever is killed or loses power
    /// meanwhile, a run's folder is there whole or not at all.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn create(
        results: &Path,
        experiment: &str,
        now: Timestamp,
        frozen: &str,
        fill: impl FnOnce(&Path) -> io::Result<()>,
    ) -> Result<Self, FolderError> {
        let parent = results.join(experiment);
        let unfinished = format!(".unfinished-{}-{}", now.compact(), std::process::id());
        let folder =
            make(&parent, &unfinished, frozen, fill, |unfinished| publish(unfinished, &parent, &now.compact()))?;
        point_latest_at(&parent, &folder.path);
        Ok(folder)
    }

    /// Opens the folder of a run that is to go on; a link such as `latest` is followed.
    ///
    /// # Errors
    /// It is no run's folder, or in use.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let path = path.canonicalize().map_err(|source| FolderError::Io { path: path.to_owned(), source })?;
        if !path.join(EXPERIMENT).is_file() {
            return Err(FolderError::NoRun(path));
        }
        let lock = lock(&path)?;
        Ok(Self { path, _lock: lock })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Says that the run is whole: a portion's folder gets its own name now; any other one keeps the one it has. Returns where
    /// the folder is then.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn finish(&self) -> Result<PathBuf, FolderError> {
        portion::finish(&self.path)
    }

    /// The frozen experiment.
    pub fn experiment(&self) -> PathBuf {
        self.path.join(EXPERIMENT)
    }
}

/// Names a run by its beginning, its plan, its process and its machine, so that no two runs that share a bucket share a
/// key: `20261124T193700Z-1a2b3c4d`.
pub fn run_id(now: Timestamp, plan_hash: &str, host: &str) -> String {
    let unique = format!("{plan_hash} {host} {} {}", std::process::id(), now.unix_micros());
    let digest = Sha256::digest(unique);
    let short: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{short}", now.compact())
}

/// Makes a folder under the name `unfinished` below `parent`, and has it `named` when all of it is on the disk.
fn make(
    parent: &Path,
    unfinished: &str,
    frozen: &str,
    fill: impl FnOnce(&Path) -> io::Result<()>,
    named: impl FnOnce(&Path) -> Result<PathBuf, FolderError>,
) -> Result<RunFolder, FolderError> {
    let unfinished = parent.join(unfinished);
    let io = |path: &Path| {
        let path = path.to_owned();
        |source| FolderError::Io { path, source }
    };
    fs::create_dir_all(parent).map_err(io(parent))?;
    fs::create_dir(&unfinished).map_err(io(&unfinished))?;
    let made = lock(&unfinished).and_then(|lock| {
        write(&unfinished.join(EXPERIMENT), frozen)?;
        fill(&unfinished).map_err(io(&unfinished))?;
        File::open(&unfinished).and_then(|folder| folder.sync_all()).map_err(io(&unfinished))?;
        Ok(RunFolder { path: named(&unfinished)?, _lock: lock })
    });
    made.inspect_err(|_| {
        // Best effort: what made it fail may hinder this, too.
        let _ = fs::remove_dir_all(&unfinished);
    })
}

/// Gives a folder that is complete its name.
fn publish(unfinished: &Path, parent: &Path, name: &str) -> Result<PathBuf, FolderError> {
    // Two runs that begin within one second get two folders.
    for suffix in 1.. {
        let name = if suffix == 1 { name.to_owned() } else { format!("{name}-{suffix}") };
        let path = parent.join(name);
        let named = match fs::symlink_metadata(&path) {
            Ok(_) => continue,
            // A folder that has come meanwhile is not empty, so that renaming onto it fails.
            Err(_) => fs::rename(unfinished, &path),
        };
        match named {
            Ok(()) => return sync_name(parent, path),
            Err(error) if matches!(error.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty) => {}
            Err(source) => return Err(FolderError::Io { path, source }),
        }
    }
    unreachable!("an endless range ends only by returning")
}

/// Puts the name that a folder has below `parent` on the disk.
fn sync_name(parent: &Path, path: PathBuf) -> Result<PathBuf, FolderError> {
    match File::open(parent).and_then(|folder| folder.sync_all()) {
        Ok(()) => Ok(path),
        Err(source) => Err(FolderError::Io { path, source }),
    }
}

fn lock(path: &Path) -> Result<File, FolderError> {
    let lock_path = path.join(".lock");
    let io = |source| FolderError::Io { path: lock_path.clone(), source };
    let lock = File::options().create(true).truncate(false).write(true).open(&lock_path).map_err(io)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(FolderError::InUse(path.to_owned())),
        Err(TryLockError::Error(source)) => Err(io(source)),
    }
}

fn write(path: &Path, text: &str) -> Result<(), FolderError> {
    let written = File::create(path).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|source| FolderError::Io { path: path.to_owned(), source })
}

/// A convenience that must not fail a run: some file systems have no links.
fn point_latest_at(parent: &Path, folder: &Path) {
    let (Some(name), latest) = (folder.file_name(), parent.join("latest")) else { return };
    let unfinished = parent.join(format!(".latest-{}", std::process::id()));
    let linked = std::os::unix::fs::symlink(name, &unfinished).and_then(|()| fs::rename(&unfinished, &latest));
    if let Err(error) = linked {
        tracing::warn!("{} cannot be pointed at the new run: {error}", latest.display());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_micros(1_764_013_020_000_042);

    #[test]
    fn a_folder_is_never_used_twice_and_latest_points_at_the_newest() {
        let results = tempfile::tempdir().unwrap();
        let first = RunFolder::create(results.path(), "grid", NOW, "a", |_| Ok(())).unwrap();
        let second = RunFolder::create(results.path(), "grid", NOW, "b", |_| Ok(())).unwrap();
        assert_ne!(first.path(), second.path());
        let latest = results.path().join("grid/latest").canonicalize().unwrap();
        assert_eq!(latest, second.path().canonicalize().unwrap());
        assert_eq!(fs::read_to_string(first.experiment()).unwrap(), "a");
    }

    #[test]
    fn two_processes_cannot_write_to_one_folder() {
        let results = tempfile::tempdir().unwrap();
        let open = RunFolder::create(results.path(), "grid", NOW, "a", |_| Ok(())).unwrap();
        assert!(matches!(RunFolder::open(open.path()), Err(FolderError::InUse(_))));
        let path = open.path().to_owned();
        drop(open);
        assert!(RunFolder::open(&path).is_ok());
    }

    #[test]
    fn a_folder_that_cannot_be_completed_is_not_there() {
        let results = tempfile::tempdir().unwrap();
        let fill = |_: &Path| Err(io::ErrorKind::StorageFull.into());
        assert!(RunFolder::create(results.path(), "grid", NOW, "a", fill).is_err());
        assert_eq!(fs::read_dir(results.path().join("grid")).unwrap().count(), 0);
    }

    #[test]
    fn another_folder_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(RunFolder::open(folder.path()), Err(FolderError::NoRun(_))));
    }
}
