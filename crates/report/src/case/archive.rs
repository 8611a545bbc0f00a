//! The bundle as files that can be checked: sums of everything, and one archive that is the same bytes for the same run.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use flate2::{Compression, GzBuilder};
use sha2::{Digest, Sha256};
use ttlsweep_record::Timestamp;

use super::error::CaseError;

/// The sums' file: `sha256sum -c SHA256SUMS` checks the bundle.
pub(super) const SUMS: &str = "SHA256SUMS";
/// What the archive's name ends with.
pub(super) const ENDING: &str = ".tar.gz";

/// Every file below `folder`, relative to it, in the order of their names.
pub(super) fn files_below(folder: &Path) -> Result<Vec<PathBuf>, CaseError> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(relative) = folders.pop() {
        let path = folder.join(&relative);
        let unreadable = |source| CaseError::Read { path: path.clone(), source };
        for entry in fs::read_dir(&path).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let inner = relative.join(entry.file_name());
            if entry.path().is_dir() { folders.push(inner) } else { files.push(inner) }
        }
    }
    files.sort();
    Ok(files)
}

/// Writes the sums of every file but their own.
pub(super) fn sums(folder: &Path) -> Result<(), CaseError> {
    let mut text = String::new();
    for file in files_below(folder)? {
        let path = folder.join(&file);
        let sum = sum(&path).map_err(|source| CaseError::Read { path, source })?;
        // Two spaces: read as bytes. Writing to a string cannot fail.
        let _ = writeln!(text, "{sum}  {}", file.display());
    }
    let path = folder.join(SUMS);
    fs::write(&path, text).map_err(|source| CaseError::Write { path, source })
}

fn sum(path: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut file = BufReader::with_capacity(1 << 16, File::open(path)?);
    io::copy(&mut file, &mut HashWriter(&mut hash))?;
    Ok(hash.finalize().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

struct HashWriter<'a>(&'a mut Sha256);

impl Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Packs `folder`, to be unpacked as `name`, into a file beside it. Names, modes and times are fixed, `time` being the run's,
/// so that the same run gives the same bytes.
pub(super) fn pack(folder: &Path, name: &str, time: Timestamp) -> Result<PathBuf, CaseError> {
    let path = folder.with_file_name(format!("{name}{ENDING}"));
    let unwritable = |source| CaseError::Write { path: path.clone(), source };
    let file = BufWriter::new(File::create(&path).map_err(unwritable)?);
    let mut archive = tar::Builder::new(GzBuilder::new().write(file, Compression::default()));
    for relative in files_below(folder)? {
        let from = folder.join(&relative);
        let unreadable = |source| CaseError::Read { path: from.clone(), source };
        let file = File::open(&from).map_err(unreadable)?;
        let mut header = tar::Header::new_gnu();
        header.set_size(file.metadata().map_err(unreadable)?.len());
        header.set_mode(0o644);
        header.set_mtime(u64::try_from(time.unix_micros() / 1_000_000).unwrap_or(0));
        archive.append_data(&mut header, Path::new(name).join(&relative), BufReader::new(file)).map_err(unwritable)?;
    }
    let finish = || archive.into_inner()?.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all();
    finish().map_err(unwritable)?;
    Ok(path)
}
