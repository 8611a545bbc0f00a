use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use super::RowWriter;
use super::read::read_rows_from;
use crate::row::Row;

/// Gives a file that an earlier version of this program wrote the columns that came later, so that rows of today can be
/// added to it: whole or not at all.
///
/// # Errors
/// The file cannot be read or written.
pub(super) fn add_later_columns<R: Row>(path: &Path) -> io::Result<()> {
    if R::LATER.is_empty() {
        return Ok(());
    }
    let mut first = String::new();
    BufReader::new(File::open(path)?).read_line(&mut first)?;
    let found: Vec<&str> = first.trim_end().split(',').collect();
    let mut without = R::header();
    without.retain(|name| found.contains(name) || !R::LATER.contains(name));
    if found != without || found.len() == R::COLUMNS.len() {
        // Of today, or none of ours: whoever reads it says so.
        return Ok(());
    }
    let rows: Vec<R> = read_rows_from(path).map_err(io::Error::other)?;
    let unfinished = path.with_extension("unfinished");
    if unfinished.exists() {
        fs::remove_file(&unfinished)?;
    }
    let mut writer = RowWriter::create_as(&unfinished)?;
    rows.iter().try_for_each(|row| writer.write(row))?;
    writer.sync()?;
    fs::rename(&unfinished, path)
}
