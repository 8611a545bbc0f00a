//! What no server and no network can make true: columns of one row that contradict each other.

use ttlsweep_record::rows::{Cell, TransferRecord};
use ttlsweep_record::units::Timestamp;
use ttlsweep_record::words::{Control, Outcome, Phase};

/// The contradictions within a row, in words.
pub(super) fn contradictions(row: &TransferRecord, cell: Option<&Cell>) -> Vec<&'static str> {
    let mut found = Vec::new();
    let mut hold = |holds: bool, problem: &'static str| {
        if !holds {
            found.push(problem);
        }
    };
    times(row, &mut hold);
    let answered = row.status.is_some();
    let success = row.status.is_some_and(|status| (200..300).contains(&status));
    let early = row.early_response;
    hold(early.is_none() || answered, "early_response speaks of a response, and there is no status");
    hold((row.outcome == Outcome::Completed) <= (row.phase == Phase::Done), "it completed, and its phase is not done");
    hold(
        row.phase != Phase::Done || matches!(row.outcome, Outcome::Completed | Outcome::Altered),
        "its phase is done, and it did not complete",
    );
    match row.outcome {
        Outcome::Completed => hold(is_whole(row) && success, "it completed, but not all of it"),
        Outcome::Rejected => {
            hold(answered && !success, "it was rejected, and its status is none of a refusal");
            hold(stood(row, cell), "phase and early_response do not fit each other");
        }
        Outcome::Truncated => hold(
            success && row.response_bytes < row.body_bytes,
            "it is truncated, and its status or its length says otherwise",
        ),
        Outcome::Altered => hold(success, "it is altered, and its status is none of success"),
        Outcome::Unconnected => hold(
            !answered && matches!(row.phase, Phase::Dns | Phase::Connect | Phase::Tls),
            "it was never connected, and its phase or status says otherwise",
        ),
        _ => {}
    }
    found
}

fn times(row: &TransferRecord, hold: &mut impl FnMut(bool, &'static str)) {
    let instants = [row.presigned_at, Some(row.started_at), row.head_written_at, Some(row.ended_at)];
    let known: Vec<Timestamp> = instants.into_iter().flatten().collect();
    hold(
        known.is_sorted(),
        "its instants are out of order: presigned_at, started_at, head_written_at and ended_at follow each other, \
         unless the clock was stepped",
    );
    // A transfer that never came to its end was not measured.
    let unmeasured = matches!(row.outcome, Outcome::Cancelled | Outcome::FailedLocally);
    let same = |reported: Option<i64>, from: Option<Timestamp>, to: Option<Timestamp>| match (reported, from.zip(to)) {
        (Some(reported), Some((from, to))) => reported == to.micros_since(from),
        (None, Some(_)) => unmeasured,
        (Some(_), None) => false,
        (None, None) => true,
    };
    hold(
        same(row.margin_us, row.expires_at, Some(row.ended_at)),
        "margin_us is not the time from expires_at to ended_at",
    );
    hold(
        same(row.link_age_us, row.presigned_at, row.head_written_at),
        "link_age_us is not the time from presigned_at to head_written_at",
    );
    let took = row.ended_at.micros_since(row.started_at);
    // Both are cut to whole microseconds.
    hold(
        i64::try_from(row.total_us).is_ok_and(|total| total.abs_diff(took) <= 1),
        "total_us is not the time from start to end",
    );
    let has_link = row.control != Some(Control::HeaderSigned);
    hold(has_link || row.expires_at.is_none(), "it was signed in headers, and has a link that expires");
}

/// A completed transfer moved its whole body, and nothing failed.
fn is_whole(row: &TransferRecord) -> bool {
    let moved = if row.method.is_upload() { row.body_bytes_written } else { row.response_bytes };
    moved == row.body_bytes && row.early_response != Some(true) && row.errno.is_none() && row.error.is_none()
}

/// Whether the phase of a rejected transfer is where sending stood when the answer began. An answer in place of the 100 is
/// early, and the body had not been begun.
fn stood(row: &TransferRecord, cell: Option<&Cell>) -> bool {
    let waits_for_100 = cell.is_none_or(|cell| cell.expect_continue) && row.continue_us.is_none();
    match (row.phase, row.early_response) {
        (Phase::RequestBody, early) => early == Some(true),
        (Phase::Wait, Some(true)) => waits_for_100,
        (Phase::Wait, _) => true,
        _ => false,
    }
}
