//! What stands in the columns of a run's files, and which of them hold free text.

use std::collections::BTreeSet;
use std::path::Path;

use csv::StringRecord;
use ttlsweep_record::row::Column;
use ttlsweep_rundir::csv_file::Bounded;
use ttlsweep_rundir::disk;
use ttlsweep_rundir::environment;
use ttlsweep_rundir::files::{EXPERIMENT, ROWS};

use super::error::CaseError;

/// Every value of one column, each once.
pub(super) fn column_values(run: &Path, file: &str, column: &str) -> Result<BTreeSet<String>, CaseError> {
    let path = run.join(file);
    let mut values = BTreeSet::new();
    let mut at = None;
    each_row(&path, |row, header| {
        if header {
            at = row.iter().position(|name| name == column);
        } else {
            values.extend(at.and_then(|at| row.get(at)).filter(|value| !value.is_empty()).map(str::to_owned));
        }
        Ok(())
    })?;
    Ok(values)
}

/// Every text in the run that may hold a name, each once.
pub(super) fn text_values(run: &Path) -> Result<BTreeSet<String>, CaseError> {
    let mut values = BTreeSet::new();
    for file in ROWS.iter().filter(|file| disk::is_there(&run.join(file.name))) {
        let mut free = Vec::new();
        each_row(&run.join(file.name), |row, header| {
            if header {
                free = row.iter().map(|name| is_free(name, file.columns)).collect();
            } else {
                let texts = row.iter().zip(&free).filter(|(text, free)| **free && text.contains("arn:"));
                values.extend(texts.map(|(text, _)| text.to_owned()));
            }
            Ok(())
        })?;
    }
    for file in [EXPERIMENT, environment::FILE] {
        values.extend(disk::read_to_string(&run.join(file)).ok());
    }
    Ok(values)
}

/// Shows `take` each row of a CSV file, and whether it is the header.
pub(super) fn each_row(
    path: &Path,
    mut take: impl FnMut(&StringRecord, bool) -> Result<(), CaseError>,
) -> Result<(), CaseError> {
    let unreadable = |source: csv::Error| CaseError::Read { path: path.to_owned(), source: source.into() };
    let file = disk::open(path).map_err(|source| CaseError::Read { path: path.to_owned(), source })?;
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(Bounded::new(file));
    let mut row = StringRecord::new();
    let mut header = true;
    loop {
        let begins = reader.position().byte();
        reader.get_mut().begin_row(begins);
        if !reader.read_record(&mut row).map_err(unreadable)? {
            return Ok(());
        }
        take(&row, header)?;
        header = false;
    }
}

/// Whether a column holds free text. A column that nobody knows does.
pub(super) fn is_free(name: &str, columns: &[Column]) -> bool {
    FREE.contains(&name) || !columns.iter().any(|column| column.name == name)
}

/// The columns that hold text of a user's or a server's choosing.
const FREE: &[&str] = &[
    "answer",
    "bucket",
    "content_type",
    "doubt",
    "endpoint",
    "error",
    "error_code",
    "host",
    "host_id",
    "local_addr",
    "object_key",
    "operation",
    "prefix",
    "profile",
    "remote_addr",
    "request_id",
    "run_id",
    "s3_code",
    "s3_message",
    "server",
    "size_file",
    "target_name",
    "transfer_id",
    "trial_id",
    "upload_id",
    "value",
    "via",
];
