//! Where logs come from: files, all files of folders, and standard input; each plain or gzip.

use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use ttlsweep_rundir::disk;

use super::error::JoinError;

/// A log that can be read once.
#[derive(Debug)]
pub(super) struct Source {
    name: String,
    /// `None` for standard input.
    path: Option<PathBuf>,
    is_within_folder: bool,
}

/// A line of a log, from 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) number: u64,
    pub(super) text: &'a str,
    /// Whether it has an end; the last one may have been cut.
    pub(super) is_ended: bool,
    /// What is wrong with the log behind this line; nothing more of it can be read.
    pub(super) broken: Option<&'a io::Error>,
}

/// The logs that the `named` ones stand for, folders for all the files below them but hidden ones, in the order of their names.
///
/// # Errors
/// Something is not there, or cannot be looked into.
pub(super) fn logs(named: &[PathBuf]) -> Result<Vec<Source>, JoinError> {
    let mut logs = Vec::new();
    for path in named {
        if path.as_os_str() == "-" {
            logs.push(Source { name: "standard input".to_owned(), path: None, is_within_folder: false });
        } else if path.is_dir() {
            let before = logs.len();
            below(path, &mut logs)?;
            if logs.len() == before {
                return Err(JoinError::Empty { folder: path.clone() });
            }
        } else {
            logs.push(Source { name: path.display().to_string(), path: Some(path.clone()), is_within_folder: false });
        }
    }
    Ok(logs)
}

fn below(folder: &Path, logs: &mut Vec<Source>) -> Result<(), JoinError> {
    let unreadable = |source| JoinError::Log { name: folder.display().to_string(), source };
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>).map_err(unreadable)?;
    let mut paths: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let is_hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        // A link to a folder may lead in a circle.
        let is_link = fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_symlink());
        match path.is_dir() {
            _ if is_hidden => {}
            true if is_link => {}
            true => below(&path, logs)?,
            false => logs.push(Source { name: path.display().to_string(), path: Some(path), is_within_folder: true }),
        }
    }
    Ok(())
}

impl Source {
    /// What a message calls it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether a folder was named, and not this file.
    pub(super) const fn is_within_folder(&self) -> bool {
        self.is_within_folder
    }

    /// Shows `take` each line that is not blank.
    ///
    /// # Errors
    /// It cannot be opened or read. Data of gzip that break off are not an error, but the end of the log.
    pub(super) fn read(&self, take: &mut dyn FnMut(Line<'_>)) -> Result<(), JoinError> {
        let unreadable = |source| JoinError::Log { name: self.name.clone(), source };
        let plain: Box<dyn Read> = match &self.path {
            Some(path) => Box::new(disk::open_named(path).map_err(unreadable)?),
            None => Box::new(io::stdin()),
        };
        let mut plain = BufReader::with_capacity(BUFFER, plain);
        let start = plain.fill_buf().map_err(unreadable)?;
        if let Some((_, packer)) = PACKED.iter().find(|(magic, _)| start.starts_with(magic)) {
            let problem =
                format!("it is packed with {packer}; unpack it, and name what comes out, or `-` behind a pipe");
            return Err(unreadable(io::Error::new(io::ErrorKind::InvalidData, problem)));
        }
        if start.starts_with(GZIP) {
            let mut unpacked = BufReader::with_capacity(BUFFER, MultiGzDecoder::new(plain));
            each_line(&mut unpacked, take, true).map_err(unreadable)
        } else {
            each_line(&mut plain, take, false).map_err(unreadable)
        }
    }
}

fn each_line(reader: &mut impl BufRead, take: &mut dyn FnMut(Line<'_>), is_packed: bool) -> io::Result<()> {
    let mut bytes = Vec::new();
    for number in 1.. {
        bytes.clear();
        let read = reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut bytes);
        let is_ended = bytes.pop_if(|last| *last == b'\n').is_some();
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_end_matches('\r');
        let broken = match &read {
            Err(error) if is_packed && error.kind() != io::ErrorKind::Interrupted => Some(error),
            Err(_) => return read.map(drop),
            Ok(0) => return Ok(()),
            Ok(_) => None,
        };
        if !text.trim().is_empty() || broken.is_some() {
            take(Line { number, text, is_ended, broken });
        }
        if broken.is_some() {
            return Ok(());
        }
    }
    Ok(())
}

const GZIP: &[u8] = &[0x1f, 0x8b];
/// What begins so is packed in another way.
const PACKED: &[(&[u8], &str)] =
    &[(&[0x28, 0xb5, 0x2f, 0xfd], "zstd"), (b"BZh", "bzip2"), (b"\xfd7zXZ", "xz"), (b"PK\x03\x04", "zip")];
const BUFFER: usize = 1 << 17;
/// CloudTrail writes a file of many megabytes in one line.
const LONGEST_LINE: u64 = 256 << 20;
