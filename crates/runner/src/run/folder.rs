//! A run's folder: created once, never overwritten, locked while a process writes to it.

pub(crate) mod portion;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use ttlsweep_record::{Portion, Timestamp};
use ttlsweep_rundir::disk;
use ttlsweep_rundir::files::EXPERIMENT;

/// An open folder; the lock goes with it.
#[derive(Debug)]
pub(crate) struct RunFolder {
    path: PathBuf,
    lock: Option<File>,
}

impl Drop for RunFolder {
    /// A program that is being started holds a copy of every open file for a moment: closing ours does not give up the lock.
    fn drop(&mut self) {
        // Best effort: the lock goes with the process at the latest.
        let _ = self.lock.as_ref().map(File::unlock);
    }
}

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Another process writes to it.
    #[error("{} is in use by another ttlsweep; wait for it to end, or stop it", .0.display())]
    InUse(PathBuf),
    /// It is not a run's folder.
    #[error("{} is not a run's folder: it has no {EXPERIMENT}; give the folder that `ttlsweep run` printed", .0.display())]
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
    #[error("cannot use {}: {source}", path.display())]
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
    pub(crate) fn create(
        results: &Path,
        experiment: &str,
        now: Timestamp,
        frozen: &str,
        fill: impl FnOnce(&Path) -> io::Result<()>,
    ) -> Result<Self, FolderError> {
        let parent = results.join(experiment);
        let folder =
            make(&parent, UNFINISHED, frozen, fill, |unfinished| publish(unfinished, &parent, &now.compact()))?;
        point_latest_at(&parent, &folder.path);
        Ok(folder)
    }

    /// Opens the folder of a run that is to go on; a link such as `latest` is followed.
    ///
    /// # Errors
    /// It is not a run's folder, or in use.
    pub(crate) fn open(path: &Path) -> Result<Self, FolderError> {
        let path = checked(path)?;
        let lock = lock(&path, OpenOptions::new().create(true).truncate(false).write(true))?;
        Ok(Self { path, lock })
    }

    /// Opens the folder of a run to look at what is in it: nothing is written there, not even a lock.
    ///
    /// # Errors
    /// As for [`Self::open`].
    pub(crate) fn look(path: &Path) -> Result<Self, FolderError> {
        let path = checked(path)?;
        let lock = lock(&path, OpenOptions::new().read(true))?;
        Ok(Self { path, lock })
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The frozen experiment.
    pub(crate) fn experiment(&self) -> PathBuf {
        self.path.join(EXPERIMENT)
    }
}

/// Names a run by its beginning, its plan, its process and its machine, so that no two runs that share a bucket share a
/// key: `20261124T193700Z-1a2b3c4d`.
pub(crate) fn run_id(now: Timestamp, plan_hash: &str, host: &str) -> String {
    let unique = format!("{plan_hash} {host} {} {}", std::process::id(), now.unix_micros());
    let digest = Sha256::digest(unique);
    let short: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{short}", now.compact())
}

/// A run's folder, found through links such as `latest`.
fn checked(path: &Path) -> Result<PathBuf, FolderError> {
    let found = path.canonicalize().map_err(|error| match error.kind() {
        kind @ io::ErrorKind::NotFound => {
            io::Error::new(kind, "no such folder; give the one that `ttlsweep run` printed")
        }
        _ => error,
    });
    let path = found.map_err(|source| FolderError::Io { path: path.to_owned(), source })?;
    match disk::open(&path.join(EXPERIMENT)) {
        Ok(_) => Ok(path),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Err(FolderError::NoRun(path))
        }
        Err(source) => Err(FolderError::Io { path: path.join(EXPERIMENT), source }),
    }
}

/// Makes a folder below `parent` whose name begins with `unfinished`, and has it `named` when all of it is on the disk.
fn make(
    parent: &Path,
    unfinished: &str,
    frozen: &str,
    fill: impl FnOnce(&Path) -> io::Result<()>,
    named: impl FnOnce(&Path) -> Result<PathBuf, FolderError>,
) -> Result<RunFolder, FolderError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        |source| FolderError::Io { path, source }
    };
    fs::create_dir_all(parent).map_err(io(parent))?;
    disk::remove_stale(parent, unfinished);
    // In a container every process has the same number.
    let unfinished = parent.join(disk::unique_name(unfinished));
    fs::create_dir(&unfinished).map_err(io(&unfinished))?;
    let made = lock(&unfinished, OpenOptions::new().create_new(true).write(true)).and_then(|lock| {
        let experiment = unfinished.join(EXPERIMENT);
        disk::write_whole(&experiment, frozen.as_bytes()).map_err(io(&experiment))?;
        fill(&unfinished).map_err(io(&unfinished))?;
        disk::sync_folder(&unfinished).map_err(io(&unfinished))?;
        Ok(RunFolder { path: named(&unfinished)?, lock })
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
    match disk::sync_folder(parent) {
        Ok(()) => Ok(path),
        Err(source) => Err(FolderError::Io { path, source }),
    }
}

/// Takes the folder's lock, whose file is opened with `options`; `None` if there is no such file and `options` make none.
fn lock(path: &Path, options: &mut OpenOptions) -> Result<Option<File>, FolderError> {
    let lock_path = path.join(".lock");
    let io = |source| FolderError::Io { path: lock_path.clone(), source };
    // Whoever made the folder may have left a link there, or a pipe.
    let lock = match options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(&lock_path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(io)?,
    };
    match lock.try_lock() {
        Ok(()) => Ok(Some(lock)),
        Err(TryLockError::WouldBlock) => Err(FolderError::InUse(path.to_owned())),
        Err(TryLockError::Error(source)) => Err(io(source)),
    }
}

/// A convenience that must not fail a run: some file systems have no links.
fn point_latest_at(parent: &Path, folder: &Path) {
    let (Some(name), latest) = (folder.file_name(), parent.join("latest")) else { return };
    // What earlier versions left when they were killed between making the link and naming it.
    disk::remove_stale(parent, ".latest-");
    if let Err(error) = disk::link_whole(name, &latest) {
        tracing::warn!("{} cannot be pointed at the new run: {error}", latest.display());
    }
}

/// What the name of a run's folder begins with until all of it is on the disk.
const UNFINISHED: &str = ".unfinished-";

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
    fn a_folder_is_free_while_a_program_that_is_being_started_still_holds_its_files() {
        let results = tempfile::tempdir().unwrap();
        let open = RunFolder::create(results.path(), "grid", NOW, "a", |_| Ok(())).unwrap();
        // What a fork does to every open file.
        let _copy = open.lock.as_ref().unwrap().try_clone().unwrap();
        let path = open.path().to_owned();
        assert!(matches!(RunFolder::open(&path), Err(FolderError::InUse(_))));
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
    fn looking_writes_nothing_and_meets_the_lock() {
        let results = tempfile::tempdir().unwrap();
        let open = RunFolder::create(results.path(), "grid", NOW, "a", |_| Ok(())).unwrap();
        let path = open.path().to_owned();
        assert!(matches!(RunFolder::look(&path), Err(FolderError::InUse(_))));
        drop(open);
        fs::remove_file(path.join(".lock")).unwrap();
        assert!(RunFolder::look(&path).is_ok());
        assert_eq!(fs::read_dir(&path).unwrap().count(), 1, "the experiment alone");
    }

    /// Where every process has the same number, a name that is made of it would be taken for good.
    #[test]
    fn what_killed_processes_left_hinders_nobody() {
        let results = tempfile::tempdir().unwrap();
        let grid = results.path().join("grid");
        fs::create_dir_all(&grid).unwrap();
        std::os::unix::fs::symlink("elsewhere", grid.join(format!(".latest-{}", std::process::id()))).unwrap();
        fs::create_dir(grid.join(format!(".unfinished-{}-{}", NOW.compact(), std::process::id()))).unwrap();
        let made = RunFolder::create(results.path(), "grid", NOW, "a", |_| Ok(())).unwrap();
        assert_eq!(grid.join("latest").canonicalize().unwrap(), made.path().canonicalize().unwrap());
    }

    #[test]
    fn a_link_in_place_of_the_experiment_or_the_lock_is_not_followed() {
        let results = tempfile::tempdir().unwrap();
        let elsewhere = results.path().join("elsewhere");
        for name in [EXPERIMENT, ".lock"] {
            let path = RunFolder::create(results.path(), "grid", NOW, "a", |_| Ok(())).unwrap().path().to_owned();
            fs::remove_file(path.join(name)).unwrap();
            std::os::unix::fs::symlink(&elsewhere, path.join(name)).unwrap();
            assert!(matches!(RunFolder::open(&path), Err(FolderError::Io { .. })), "{name}");
            assert!(!elsewhere.exists());
        }
    }

    #[test]
    fn another_folder_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(RunFolder::open(folder.path()), Err(FolderError::NoRun(_))));
    }
}
