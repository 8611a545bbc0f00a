use std::io;
use std::path::Path;

use super::RowWriter;
use super::error::ReadError;
use super::read::{RowFile, read_rows_from};
use ttlsweep_record::row::Row;

/// What the header of a file says about adding rows of today to it.
pub(super) enum Header {
    /// It is that of today.
    Today,
    /// An earlier version of this program wrote it, without the columns that came later.
    Earlier,
}

/// Looks whether rows of today can be added to the file.
///
/// # Errors
/// It cannot be read, or has other columns than this program ever wrote, or in another order: a row that is added would stand
/// under the wrong names, and rewriting it would lose the columns.
pub(super) fn header<R: Row>(path: &Path) -> Result<Header, ReadError> {
    let file = RowFile::open::<R>(path)?;
    let found = file.columns();
    let today = R::header();
    if found == today {
        return Ok(Header::Today);
    }
    let mut without = today;
    without.retain(|name| found.iter().any(|found| found == name) || !R::ADDED_COLUMNS.contains(name));
    if found == without {
        return Ok(Header::Earlier);
    }
    let odd = found.iter().find(|name| !R::header().contains(&name.as_str()));
    let problem = match (odd, R::header().iter().find(|name| !found.iter().any(|found| found == *name))) {
        (Some(name), _) => format!("has the column `{name}`, which ttlsweep does not write; take it out again"),
        (None, Some(name)) => format!("lacks the column `{name}`; bring the file back as it was written"),
        (None, None) => "has its columns in another order than ttlsweep writes them; bring the order back".to_owned(),
    };
    let problem = format!("{problem}: rows cannot be added to it as it is");
    Err(ReadError::NoTable { path: path.to_owned(), problem })
}

/// Gives a file that an earlier version of this program wrote the columns that came later, so that rows of today can be
/// added to it: whole or not at all.
///
/// # Errors
/// As for [`header`], or the file cannot be written.
pub(super) fn add_columns<R: Row>(path: &Path) -> io::Result<()> {
    if let Header::Today = header::<R>(path).map_err(io::Error::other)? {
        return Ok(());
    }
    let rows: Vec<R> = read_rows_from(path).map_err(io::Error::other)?;
    RowWriter::replace_as(path, &rows)
}
