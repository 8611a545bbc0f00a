//! What a client records of a transfer's end, as the runner would: instants by its own clock, phases, bytes, answers.

use ttlsweep_record::{Cell, Outcome, Phase, Timestamp, TransferRecord};

use crate::chance::Chance;
use crate::plan::ENDPOINT;
use crate::server::{Answer, End, How, Request};
use crate::world::{SECOND, World};

/// The client's side of a transfer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    pub(crate) presigned_at: Option<i64>,
    pub(crate) started_at: i64,
    pub(crate) head_written_at: i64,
    pub(crate) reused: bool,
    pub(crate) rtt_us: i64,
}

/// The row.
pub(crate) fn record(
    world: &World,
    cell: &Cell,
    sent: Sent,
    request: &Request,
    end: End,
    chance: &mut Chance,
) -> TransferRecord {
    let at = Timestamp::from_unix_micros;
    let half_trip = sent.rtt_us / 2;
    let ended_at = end.at + half_trip + chance.between(0, 400);
    let size = cell.size_bytes.0;
    let acked = (size as f64 * end.arrived) as u64;
    let written = (acked + world.ahead_bytes).min(size);
    let whole = written == size;
    // The kernel's view is asked for every 10 ms.
    let acked_at = request.arrives_at + half_trip + chance.between(0, 10_000);
    let mut row = TransferRecord {
        endpoint: ENDPOINT.into(),
        presigned_at: sent.presigned_at.map(at),
        expires_at: request.expires_at.map(at),
        head_written_at: Some(at(sent.head_written_at)),
        head_acked_at: (acked_at <= ended_at).then(|| at(acked_at)),
        ended_at: at(ended_at),
        link_age_us: sent.presigned_at.map(|presigned| sent.head_written_at - presigned),
        margin_us: request.expires_at.map(|expires| ended_at - expires),
        connection_id: Some(1),
        reused_connection: sent.reused,
        total_us: (ended_at - sent.started_at).unsigned_abs(),
        body_bytes_written: written,
        body_bytes_acked: Some(acked),
        rtt_us: u32::try_from(sent.rtt_us).ok(),
        phase: if whole { Phase::Wait } else { Phase::RequestBody },
        ..TransferRecord::begun(cell, at(sent.started_at))
    };
    // The last byte is taken by the socket as long before it arrives as the socket is ahead.
    let ahead = world.ahead_bytes as f64 / size as f64 * request.needed_us as f64;
    row.send_us = whole.then(|| (end.at - request.arrives_at - ahead as i64).max(1_000).unsigned_abs());
    let early = matches!(end.how, How::Answered(_)) && end.arrived < 1.0;
    match end.how {
        How::Stored => answered(&mut row, sent, ended_at, (200, None)),
        How::Answered(_) if early && chance.happens(world.refusals_lost) => broken(&mut row, chance.happens(0.5)),
        How::Answered(answer) => answered(&mut row, sent, ended_at, refusal(answer)),
        How::Broken => broken(&mut row, world.by_fin),
    }
    if row.status.is_some() {
        row.early_response = Some(!whole);
        // Cut to whole seconds by the server's clock.
        row.server_time = Some(at((end.at + world.offset_us).div_euclid(SECOND) * SECOND));
    }
    row
}

fn answered(row: &mut TransferRecord, sent: Sent, ended_at: i64, (status, said): (u16, Option<(&str, &str)>)) {
    row.status = Some(status);
    // An answer proves that the head had arrived.
    row.head_acked_at = row.head_acked_at.or_else(|| Some(Timestamp::from_unix_micros(ended_at - 50)));
    row.response_start_us = Some((ended_at - sent.started_at - 50).unsigned_abs());
    (row.outcome, row.phase) =
        if status == 200 { (Outcome::Completed, Phase::Done) } else { (Outcome::Rejected, row.phase) };
    row.s3_code = said.map(|(code, _)| code.to_owned());
    row.s3_message = said.map(|(_, message)| message.to_owned());
    row.response_bytes = 300;
}

fn broken(row: &mut TransferRecord, by_fin: bool) {
    row.outcome = if by_fin { Outcome::Closed } else { Outcome::Reset };
    row.errno = Some(if by_fin { "EPIPE" } else { "ECONNRESET" }.to_owned());
}

const fn refusal(answer: Answer) -> (u16, Option<(&'static str, &'static str)>) {
    match answer {
        Answer::Expired => (403, Some(("AccessDenied", "Request has expired"))),
        Answer::SlowDown => (503, Some(("SlowDown", "Please reduce your request rate."))),
        Answer::RequestTimeout => (400, Some(("RequestTimeout", "Your socket connection was not read from in time."))),
    }
}
