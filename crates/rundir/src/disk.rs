//! A run's files on the disk: how they are opened, and how something new takes its place.
//!
//! A folder may have been made by somebody else. So only regular files are opened, and a link in place of one is refused:
//! following it would read, or write, what lies elsewhere. What is written whole is written beside its place first
//! ([`write_whole`], [`Staging`]) and gets its name when all of it is on the disk: whatever is killed meanwhile, the old one or
//! the new one is there. Names of what is not whole yet are unique even among processes that have the same number, as all of
//! them have in containers, and what a killed process left under such a name is removed by the next one.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Opens a regular file to read it.
///
/// # Errors
/// It is not there, is a link or something else than a file, or cannot be read.
pub fn open(path: &Path) -> io::Result<File> {
    open_with(OpenOptions::new().read(true), path)
}

/// Opens a regular file that the user named, whatever links lead to it. A pipe that nobody writes to is not waited for.
///
/// # Errors
/// It is not there, is something else than a file, or cannot be read.
pub fn open_named(path: &Path) -> io::Result<File> {
    regular(OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?)
}

/// Opens a regular file to change it in place.
///
/// # Errors
/// As for [`open`], or it cannot be written.
pub(crate) fn open_to_change(path: &Path) -> io::Result<File> {
    open_with(OpenOptions::new().read(true).write(true), path)
}

/// Opens a regular file to write at its end.
///
/// # Errors
/// As for [`open_to_change`].
pub(crate) fn open_to_append(path: &Path) -> io::Result<File> {
    open_with(OpenOptions::new().append(true), path)
}

/// Reads a regular file whole.
///
/// # Errors
/// As for [`open`].
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(MOST_WHOLE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_WHOLE {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is larger than 64 MiB, as none of its kind is"));
    }
    Ok(bytes)
}

/// A run's plan and its environment are thousands of times smaller.
const MOST_WHOLE: u64 = 64 << 20;

/// Reads a regular file whole, as text.
///
/// # Errors
/// As for [`open`], or it is not UTF-8.
pub fn read_to_string(path: &Path) -> io::Result<String> {
    String::from_utf8(read(path)?).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text"))
}

/// Whether anything has this name, a link that leads nowhere included, and what may not be looked at: what must not pass for
/// absent.
pub fn is_there(path: &Path) -> bool {
    let absent = |error: &io::Error| matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
    !fs::symlink_metadata(path).is_err_and(|error| absent(&error))
}

/// Holds that `path`, if it is there, is a folder itself and not a link to one.
///
/// # Errors
/// It is something else.
pub fn check_folder(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(meta) if meta.is_dir() => Ok(()),
        Ok(meta) if meta.is_symlink() => Err(io::Error::other("it is a link, and links are not followed there")),
        Ok(_) => Err(io::Error::other("it is not a folder")),
    }
}

fn open_with(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    // Without O_NONBLOCK the opening of a named pipe would wait for its other end.
    let file = options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path).map_err(|error| {
        let is_link = fs::symlink_metadata(path).is_ok_and(|meta| meta.is_symlink());
        if is_link { io::Error::other("it is a link, and links are not followed in a run's folder") } else { error }
    })?;
    regular(file)
}

fn regular(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is not a regular file")) }
}

/// Writes a file whole or not at all, and to the disk: `contents` take the place of what stood at `path`. A link there is
/// replaced, not followed.
///
/// # Errors
/// The folder cannot be written; what stood there stays.
pub fn write_whole(path: &Path, contents: &[u8]) -> io::Result<()> {
    write_whole_with(path, |file| file.write_all(contents))
}

/// As [`write_whole`], with contents that `write` writes.
///
/// # Errors
/// The folder cannot be written, or what `write` says; what stood there stays.
pub(crate) fn write_whole_with(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let (parent, prefix) = (parent_of(path), unfinished_prefix(path));
    remove_stale(parent, &prefix);
    let (unfinished, mut file) = create_unique(parent, &prefix, |path| File::create_new(path))?;
    // For as long as this process lives, nobody takes it for stale. Some file systems have no locks.
    let _ = file.try_lock();
    let written = write(&mut file).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&unfinished, path));
    match written {
        Ok(()) => sync_folder(parent),
        Err(error) => {
            // Best effort: what made it fail may hinder this, too.
            let _ = fs::remove_file(&unfinished);
            Err(error)
        }
    }
}

/// Points the link `path` at `target`, in place of what it pointed at.
///
/// # Errors
/// The file system has no links, or cannot be written.
pub fn link_whole(target: &OsStr, path: &Path) -> io::Result<()> {
    let (parent, prefix) = (parent_of(path), unfinished_prefix(path));
    remove_stale(parent, &prefix);
    let (unfinished, ()) = create_unique(parent, &prefix, |path| std::os::unix::fs::symlink(target, path))?;
    fs::rename(&unfinished, path).inspect_err(|_| {
        let _ = fs::remove_file(&unfinished);
    })
}

/// A file under its name, to tell later whether somebody else wrote to it or took it away.
#[derive(Debug)]
pub struct Watched {
    path: PathBuf,
    id: (u64, u64),
}

impl Watched {
    /// The open `file` that stands, or is to stand, at `path`.
    ///
    /// # Errors
    /// The system does not tell which file it is.
    pub fn new(path: &Path, file: &File) -> io::Result<Self> {
        let meta = file.metadata()?;
        Ok(Self { path: path.to_owned(), id: (meta.dev(), meta.ino()) })
    }

    /// Holds that the same file stands there still, and that it has this length.
    ///
    /// # Errors
    /// It does not; the message names it.
    pub fn holds(&self, len: u64) -> io::Result<()> {
        let path = self.path.display();
        match fs::metadata(&self.path) {
            Ok(meta) if (meta.dev(), meta.ino()) == self.id && meta.len() == len => Ok(()),
            Ok(meta) if (meta.dev(), meta.ino()) == self.id => {
                Err(io::Error::other(format!("{path} was cut, or written to by another program")))
            }
            _ => Err(io::Error::other(format!("{path} was deleted or moved"))),
        }
    }
}

/// Why a file was not copied: which of the two was at fault.
#[derive(Debug)]
pub enum CopyError {
    /// The file that is copied cannot be read.
    Read(io::Error),
    /// The copy cannot be written.
    Write(io::Error),
}

/// Copies a regular file to a place if nothing is yet.
///
/// # Errors
/// See [`CopyError`].
pub fn copy(from: &Path, to: &Path) -> Result<(), CopyError> {
    let mut source = open(from).map_err(CopyError::Read)?;
    let mut copy = File::create_new(to).map_err(CopyError::Write)?;
    let mut piece = vec![0; 1 << 16];
    loop {
        match source.read(&mut piece).map_err(CopyError::Read)? {
            0 => return copy.sync_all().map_err(CopyError::Write),
            read => copy.write_all(&piece[..read]).map_err(CopyError::Write)?,
        }
    }
}

/// The error with the file that it is about, for a reader who sees only the error.
pub(crate) fn unwritable(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot write {}: {error}", path.display()))
}

/// Whether there is no room for what is to be written.
pub fn is_full(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}

/// Puts the names that a folder holds on the disk.
///
/// # Errors
/// The folder cannot be opened or written.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// A folder in which something is made before it is moved to its place. It is removed when it is dropped; what a killed
/// process left of another is removed when the next one is made.
#[derive(Debug)]
pub struct Staging {
    path: PathBuf,
    /// As long as this is held, nobody takes the folder for stale.
    _lock: File,
}

impl Staging {
    /// Makes a folder below `parent` whose name begins with `prefix`.
    ///
    /// # Errors
    /// `parent` cannot be written.
    pub fn within(parent: &Path, prefix: impl AsRef<OsStr>) -> io::Result<Self> {
        let prefix = prefix.as_ref();
        remove_stale(parent, prefix);
        let (path, ()) = create_unique(parent, prefix, |path| fs::create_dir(path))?;
        let lock = File::open(&path)?;
        let _ = lock.try_lock();
        Ok(Self { path, _lock: lock })
    }

    /// Makes a folder beside `place`, where the whole is to stand: named after it, and hidden.
    ///
    /// # Errors
    /// The folder that holds `place` cannot be written.
    pub(crate) fn beside(place: &Path) -> io::Result<Self> {
        Self::within(parent_of(place), unfinished_prefix(place))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the folder the name `place`, if nothing may be yet, when all of it is on the disk.
    ///
    /// # Errors
    /// It cannot be synced, or something has come to `place` meanwhile.
    pub(crate) fn publish(self, place: &Path) -> io::Result<()> {
        sync_folder(&self.path)?;
        // A folder that has come meanwhile is not empty, so that renaming onto it fails.
        fs::rename(&self.path, place)?;
        sync_folder(parent_of(place))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // Best effort: it may have been moved to its place, and what made it fail may hinder this, too.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// `path`'s folder; that of a bare name is this one.
pub fn parent_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

/// What the names of what is to stand at `path` begin with until it is whole.
fn unfinished_prefix(path: &Path) -> OsString {
    let mut prefix = OsString::from(".");
    prefix.push(path.file_name().unwrap_or_default());
    prefix.push(".unfinished-");
    prefix
}

/// Makes something under a name that nobody else has.
fn create_unique<T>(
    parent: &Path,
    prefix: &OsStr,
    mut create: impl FnMut(&Path) -> io::Result<T>,
) -> io::Result<(PathBuf, T)> {
    loop {
        let path = parent.join(unique_name(prefix));
        match create(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
            Ok(made) => return Ok((path, made)),
        }
    }
}

/// `prefix` with 16 random digits behind it: the system's randomness, and not the process's number, which all processes share
/// in containers.
pub fn unique_name(prefix: impl AsRef<OsStr>) -> OsString {
    let mut name = prefix.as_ref().to_owned();
    name.push(format!("{:016x}", RandomState::new().build_hasher().finish()));
    name
}

/// Removes what killed processes left below `parent` under names that begin with `prefix`: it is some time old, and nobody
/// holds its lock.
pub fn remove_stale(parent: &Path, prefix: impl AsRef<OsStr>) {
    let prefix = prefix.as_ref().as_encoded_bytes();
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(prefix) {
            // Best effort: it may be another user's, or be removed by another process just now.
            let _ = remove_if_stale(&entry.path());
        }
    }
}

fn remove_if_stale(path: &Path) -> io::Result<()> {
    let meta = fs::symlink_metadata(path)?;
    if meta.modified()?.elapsed().unwrap_or_default() < STALE_AFTER {
        return Ok(());
    }
    if meta.is_symlink() {
        return fs::remove_file(path);
    }
    // Those of earlier versions hold a lock within.
    let locks = [path.to_owned(), path.join(".lock")];
    for lock in locks.iter().filter_map(|lock| open_with_lock(lock)) {
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    if meta.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}

fn open_with_lock(path: &Path) -> Option<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path).ok()
}

/// Longer than anything is without its lock.
const STALE_AFTER: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::time::SystemTime;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    fn make_old(path: &Path) {
        File::open(path).unwrap().set_modified(SystemTime::now() - STALE_AFTER * 2).unwrap();
    }

    #[test]
    fn a_link_a_folder_and_a_pipe_are_not_opened_as_files() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("private"), "secret").unwrap();
        symlink(at("private"), at("link")).unwrap();
        symlink(at("nowhere"), at("dangling")).unwrap();
        fs::create_dir(at("folder")).unwrap();
        let pipe = std::process::Command::new("mkfifo").arg(at("pipe")).status().unwrap();
        assert!(pipe.success());
        assert_eq!(read_to_string(&at("private")).unwrap(), "secret");
        for name in ["link", "dangling"] {
            for refused in [open(&at(name)), open_to_change(&at(name)), open_to_append(&at(name))] {
                assert!(refused.unwrap_err().to_string().contains("is a link"), "{name}");
            }
            assert!(is_there(&at(name)));
        }
        assert!(open(&at("folder")).unwrap_err().to_string().contains("not a regular file"));
        assert!(open(&at("pipe")).unwrap_err().to_string().contains("not a regular file"));
        assert!(check_folder(&at("folder")).is_ok() && check_folder(&at("absent")).is_ok());
        assert!(check_folder(&at("link")).unwrap_err().to_string().contains("is a link"));
    }

    #[test]
    fn what_is_written_whole_replaces_a_link_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let (private, place) = (folder.path().join("private"), folder.path().join("place"));
        fs::write(&private, "secret").unwrap();
        symlink(&private, &place).unwrap();
        write_whole(&place, b"new").unwrap();
        let failed = write_whole_with(&place, |file| {
            file.write_all(b"half")?;
            Err(io::ErrorKind::StorageFull.into())
        });
        assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!((fs::read(&private).unwrap(), fs::read(&place).unwrap()), (b"secret".to_vec(), b"new".to_vec()));
        assert_eq!(names(folder.path()), ["place", "private"]);
    }

    #[test]
    fn many_at_once_have_names_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("place");
        std::thread::scope(|scope| {
            for number in 0..8 {
                let place = &place;
                scope.spawn(move || (0..20).for_each(|_| write_whole(place, &[number; 1000]).unwrap()));
            }
        });
        let contents = fs::read(&place).unwrap();
        assert!(contents.len() == 1000 && contents.iter().all(|byte| *byte == contents[0]));
        assert_eq!(names(folder.path()), ["place"]);
    }

    #[test]
    fn what_a_killed_process_left_goes_and_what_a_living_one_makes_stays() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let living = Staging::beside(&at("all")).unwrap();
        make_old(living.path());
        let living_name = living.path().file_name().unwrap().to_str().unwrap().to_owned();
        fs::create_dir(at(".all.unfinished-2")).unwrap();
        fs::write(at(".all.unfinished-2/rows.csv"), "x").unwrap();
        fs::create_dir(at(".all.unfinished-3")).unwrap();
        make_old(&at(".all.unfinished-2"));
        let next = Staging::beside(&at("all")).unwrap();
        fs::write(next.path().join("rows.csv"), "y").unwrap();
        next.publish(&at("all")).unwrap();
        let mut expected = vec![living_name, ".all.unfinished-3".to_owned(), "all".to_owned()];
        expected.sort();
        assert_eq!(names(folder.path()), expected);
        drop(living);
        assert_eq!(names(folder.path()), [".all.unfinished-3", "all"]);
    }

    /// A folder of another user's, for one.
    #[test]
    fn what_may_not_be_looked_at_does_not_pass_for_absent() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        symlink("loop", at("loop")).unwrap();
        fs::write(at("file"), "").unwrap();
        assert!(is_there(&at("loop/environment.json")) && is_there(&at("loop")));
        assert!(!is_there(&at("environment.json")) && !is_there(&at("file/environment.json")));
    }
}
