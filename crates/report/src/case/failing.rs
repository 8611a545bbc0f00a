//! The transfers that the case is about: those of whole trials that did not complete, starts after expiry left aside.

use std::path::Path;

use ttlsweep_record::text::guarded;
use ttlsweep_record::{Control, Outcome, TransferRecord, row::Row};
use ttlsweep_rundir::csv_file::{RowFile, read_rows};
use ttlsweep_rundir::environment::Environment;
use ttlsweep_rundir::merge::tell_parts;

use super::error::CaseError;
use crate::load::LoadError;
use crate::load::whole_attempts::{Attempts, Fate};

/// The file's name within the bundle.
pub(super) const FILE: &str = "failing-transfers.csv";

/// Reads them from a folder whose rows the report has read before, in the order in which they ended.
pub(super) fn read(folder: &Path, environment: &Environment) -> Result<Vec<TransferRecord>, CaseError> {
    let mut trials = read_rows(folder)?;
    tell_parts(environment, &mut trials);
    let attempts = Attempts::choose(trials)
        .map_err(|twice| LoadError::TwoWholeAttempts { path: folder.join("trials.csv"), trial_id: twice.trial_id })?;
    let mut file = RowFile::open::<TransferRecord>(&folder.join(TransferRecord::FILE))?;
    let mut failing = Vec::new();
    while file.next_row()? {
        let row: TransferRecord = file.row()?;
        let counts = matches!(attempts.fate(&row.trial_id, row.attempt), Fate::Counts(_));
        if counts && is_failure(row.outcome) && row.control != Some(Control::ExpiredStart) {
            failing.push(row);
        }
    }
    failing.sort_by_key(|row| row.ended_at);
    Ok(failing)
}

const fn is_failure(outcome: Outcome) -> bool {
    !matches!(outcome, Outcome::Completed | Outcome::Cancelled | Outcome::FailedLocally)
}

/// Writes them in AWS's terms, one a line.
pub(super) fn write(folder: &Path, failing: &[TransferRecord]) -> Result<(), CaseError> {
    let path = folder.join(FILE);
    let unwritable = |source: csv::Error| CaseError::Write { path: path.clone(), source: source.into() };
    let mut writer = csv::Writer::from_path(&path).map_err(unwritable)?;
    writer.write_record(HEADER).map_err(unwritable)?;
    for row in failing {
        let text = |text: &Option<String>| guarded(text.as_deref().unwrap_or_default()).into_owned();
        writer
            .write_record([
                row.ended_at.to_string(),
                row.started_at.to_string(),
                row.expires_at.map(|at| at.to_string()).unwrap_or_default(),
                row.margin_us.map(|margin| margin.to_string()).unwrap_or_default(),
                row.method.to_string(),
                guarded(&row.endpoint).into_owned(),
                guarded(&row.object_key).into_owned(),
                guarded(&row.transfer_id).into_owned(),
                text(&row.request_id),
                text(&row.host_id),
                row.status.map(|status| status.to_string()).unwrap_or_default(),
                text(&row.s3_code),
                row.outcome.to_string(),
                row.phase.to_string(),
                row.body_bytes.to_string(),
                row.body_bytes_acked.map(|bytes| bytes.to_string()).unwrap_or_default(),
                text(&row.remote_addr),
                text(&row.local_addr),
                row.control.map(|control| control.to_string()).unwrap_or_default(),
            ])
            .map_err(unwritable)?;
    }
    writer.flush().map_err(|source| CaseError::Write { path: path.clone(), source })
}

const HEADER: [&str; 19] = [
    "ended_at",
    "started_at",
    "expires_at",
    "margin_us",
    "method",
    "endpoint",
    "object_key",
    "x-run",
    "x-amz-request-id",
    "x-amz-id-2",
    "status",
    "s3_code",
    "outcome",
    "phase",
    "body_bytes",
    "body_bytes_acked",
    "remote_addr",
    "local_addr",
    "control",
];
