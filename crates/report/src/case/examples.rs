//! The failing transfers by kind, with a few examples of each: those that ended nearest to their link's expiry.

use crate::prose::count;
use std::fmt::Write as _;

use ttlsweep_record::units::format_micros;
use ttlsweep_record::{ByteCount, Cell, Outcome, TransferRecord};

use crate::markdown::{code, quoted};

/// Failures that ended alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kind {
    /// What they were, and how many: `PUT reset before any response: 52`.
    pub(super) title: String,
    /// One line each.
    pub(super) examples: Vec<String>,
}

/// The kinds, the most frequent first and controls last, each with `most` examples.
pub(super) fn kinds(failing: &[TransferRecord], cells: &[Cell], most: usize) -> Vec<Kind> {
    let mut kinds: Vec<(String, Vec<&TransferRecord>)> = Vec::new();
    for row in failing {
        let what = what(row);
        match kinds.iter_mut().find(|(known, _)| *known == what) {
            Some((_, rows)) => rows.push(row),
            None => kinds.push((what, vec![row])),
        }
    }
    kinds.sort_by_key(|(_, rows)| (rows[0].control.is_some(), std::cmp::Reverse(rows.len())));
    let kind = |(what, mut rows): (String, Vec<&TransferRecord>)| {
        rows.sort_by_key(|row| (row.margin_us.map_or(u64::MAX, i64::unsigned_abs), row.ended_at));
        let title = format!("{what}: {}", count(rows.len() as u64, "transfer"));
        Kind { title, examples: rows.into_iter().take(most).map(|row| line(row, cells)).collect() }
    };
    kinds.into_iter().map(kind).collect()
}

/// `PUT reset before any response`, `PUT rejected, 403 AccessDenied before the body's end`
fn what(row: &TransferRecord) -> String {
    let mut what = format!("{} {}", row.method.as_str().to_uppercase(), row.outcome);
    // Writing to a string cannot fail.
    let _ = match (row.status, &row.s3_code) {
        (Some(status), Some(s3_code)) => write!(what, ", {status} {}", quoted(&short(s3_code))),
        (Some(status), None) => write!(what, ", {status}"),
        (None, _) if matches!(row.outcome, Outcome::Reset | Outcome::Closed) => write!(what, " before any response"),
        (None, _) => Ok(()),
    };
    if row.early_response == Some(true) {
        what += " before the body’s end";
    }
    if let Some(control) = row.control {
        let _ = write!(what, " (control {control})");
    }
    what
}

/// Start, size, bytes confirmed, end against expiry, and the ids.
fn line(row: &TransferRecord, cells: &[Cell]) -> String {
    let mut line = format!("{}, {}", row.started_at, ByteCount(row.body_bytes));
    let upload = row.method.is_upload();
    if let Some(acked) = row.body_bytes_acked.filter(|_| upload) {
        let _ = write!(line, ", {acked} bytes confirmed");
    }
    if !upload {
        let _ = write!(line, ", {} bytes received", row.response_bytes);
    }
    if let Some(margin) = row.margin_us {
        let when = if margin < 0 { "before" } else { "after" };
        let _ = write!(line, ", ended {} {when} expiry", format_micros(margin.unsigned_abs()));
    }
    let cell = cells.iter().find(|cell| cell.cell_id == row.cell_id);
    // Without a parameter the name is in the object's key alone.
    let name = cell.map_or(Some("x-run"), Cell::name_parameter).unwrap_or("transfer");
    let _ = write!(line, "; {name} {}", code(&short(&row.transfer_id)));
    if let Some(id) = &row.request_id {
        let _ = write!(line, ", x-amz-request-id {}", code(&short(id)));
    }
    if let Some(id) = &row.host_id {
        let _ = write!(line, ", x-amz-id-2 {}", code(&short(id)));
    }
    if let (None, Some(remote)) = (&row.request_id, &row.remote_addr) {
        let _ = write!(line, ", server {}", code(&short(remote)));
        if let Some(local) = &row.local_addr {
            let _ = write!(line, ", client {}", code(&short(local)));
        }
    }
    line
}

/// Ids are shorter than this, and what is longer is in the file of the failing transfers.
fn short(text: &str) -> String {
    match text.char_indices().nth(MOST_OF_AN_ID) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

const MOST_OF_AN_ID: usize = 120;
