//! A log whose times have no zone is read as UTC first; the run's own transfers tell where it was written.

use super::Found;
use super::transfers::Transfers;

/// Moves the times that have no zone by the whole quarters of an hour that they are off, and says so.
pub(super) fn settle(rows: &mut [Found], transfers: &Transfers) -> Option<String> {
    let off = |found: &Found| {
        let started = transfers.seen(&found.row.transfer_id)?.started_at;
        Some(found.row.request_at?.micros_since(started))
    };
    let mut apart: Vec<i64> = rows.iter().filter(|found| found.is_zoneless).filter_map(off).collect();
    if apart.is_empty() {
        return None;
    }
    apart.sort_unstable();
    let middle = apart[apart.len() / 2];
    let quarters = (middle + QUARTER_US / 2).div_euclid(QUARTER_US);
    if quarters == 0 {
        return None;
    }
    for found in rows.iter_mut().filter(|found| found.is_zoneless) {
        found.row.request_at = found.row.request_at.map(|at| at.plus_micros(-quarters * QUARTER_US));
    }
    let (sign, minutes) = (if quarters < 0 { '-' } else { '+' }, quarters.unsigned_abs() * 15);
    Some(format!("times without a zone are read as UTC{sign}{:02}:{:02}, by the run's own", minutes / 60, minutes % 60))
}

/// Every zone is a multiple of it.
const QUARTER_US: i64 = 15 * 60 * 1_000_000;
