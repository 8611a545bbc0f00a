//! A file whose rows have a longest length. A quote that is never closed, or a file that somebody made of nothing but zeros,
//! would otherwise be read into memory whole, as one row.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// The file; it is read no further than a row may reach.
#[derive(Debug)]
pub struct Bounded {
    file: File,
    at: u64,
    row_begins: u64,
}

impl Bounded {
    /// The file from its beginning.
    pub fn new(file: File) -> Self {
        Self { file, at: 0, row_begins: 0 }
    }

    /// A row begins at this byte.
    pub fn begin_row(&mut self, at: u64) {
        self.row_begins = at;
    }
}

impl Read for Bounded {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if self.at > self.row_begins.saturating_add(LONGEST_ROW + READ_AHEAD as u64) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, TOO_LONG));
        }
        let read = self.file.read(bytes)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Bounded {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = self.file.seek(to)?;
        self.row_begins = self.at;
        Ok(self.at)
    }
}

/// More than any row of a run takes: its longest cells are keys, and texts that are cut at about a thousand characters.
pub(super) const LONGEST_ROW: u64 = 1 << 20;

/// What is read at once.
pub(super) const READ_AHEAD: usize = 1 << 20;

pub(super) const TOO_LONG: &str =
    "a row is longer than 1 MiB, as none of a run is; is a quote opened there and never closed?";
