//! `samples.csv`: until when the peer had not confirmed an upload that the socket had taken whole.

use std::collections::HashMap;
use std::path::Path;

use ttlsweep_record::SampleRecord;
use ttlsweep_record::row::Row;
use ttlsweep_rundir::csv_file::{ReadError, RowFile};

use super::LoadError;
use super::transfer::Transfer;

/// Calls `each` with every row of the folder's file and the name of its transfer. Another runner may write no such file.
///
/// # Errors
/// The file cannot be read, or `each` says so.
pub(crate) fn each(
    folder: &Path,
    mut each: impl FnMut(&[u8], &RowFile) -> Result<(), ReadError>,
) -> Result<(), LoadError> {
    let path = folder.join(SampleRecord::FILE);
    if !path.exists() {
        return Ok(());
    }
    let mut file = RowFile::open::<SampleRecord>(&path)?;
    let id = file.place::<SampleRecord>("transfer_id")?;
    loop {
        match file.next_row() {
            Ok(true) => each(file.field(id), &file)?,
            // A run that was killed leaves its last row torn.
            Ok(false) | Err(ReadError::Truncated { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Notes in `transfers` until when each of the `waiting` uploads of the folder, by name, had bytes that the peer's kernel had
/// not confirmed.
///
/// # Errors
/// A row of the file cannot be read.
pub(super) fn note_unconfirmed(
    folder: &Path,
    waiting: &HashMap<Box<[u8]>, usize>,
    transfers: &mut [Transfer],
) -> Result<(), LoadError> {
    if waiting.is_empty() {
        return Ok(());
    }
    each(folder, |name, file| {
        if let Some(seen) = waiting.get(name).map(|row| &mut transfers[*row]) {
            seen.note_sample(&file.row()?);
        }
        Ok(())
    })
}
