//! A file that knows how long it should be.

use std::fs::File;
use std::io::{self, Write};

/// A file that is appended to, with the length that it has if nobody else writes to it.
#[derive(Debug)]
pub(super) struct Counted {
    file: File,
    bytes: u64,
}

impl Counted {
    pub(super) fn new(file: File) -> io::Result<Self> {
        Ok(Self { bytes: file.metadata()?.len(), file })
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
