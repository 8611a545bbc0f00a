//! Counting lines as an editor or a spreadsheet counts them: the header is line 1.

use std::io::{self, BufReader, Read};
use std::path::Path;

use crate::disk;

/// The lines, from 1, on which rows begin that were found at these bytes of the file, in ascending order. Line breaks there
/// belong to what is before the row.
///
/// # Errors
/// The file cannot be read.
pub(super) fn numbers(path: &Path, offsets: &[u64]) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::with_capacity(offsets.len());
    let (mut line, mut last) = (1, 0);
    for (at, byte) in (0..).zip(BufReader::with_capacity(1 << 20, disk::open(path)?).bytes()) {
        let byte = byte?;
        // A lone CR breaks a line as well; CR and LF together break one.
        let breaks = byte == b'\n' || byte == b'\r';
        if breaks {
            line += u64::from(!(byte == b'\n' && last == b'\r'));
        } else {
            while numbers.len() < offsets.len() && offsets[numbers.len()] <= at {
                numbers.push(line);
            }
            if numbers.len() == offsets.len() {
                break;
            }
        }
        last = byte;
    }
    numbers.resize(offsets.len(), line);
    Ok(numbers)
}
