//! What a client records of a transfer's end, as the runner would: instants by its own clock, phases, bytes, answers.

use ttlsweep_record::{Cell, Outcome, Phase, Timestamp, TransferRecord};

use crate::chance::Chance;
use crate::plan::ENDPOINT;
use crate::server::{Answer, End, How, Request, ServerClock};
use crate::world::{SECOND, World};

/// The client's side of a transfer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    pub(crate) presigned_at: Option<i64>,
    pub(crate) started_at: i64,
    /// What the connection took; 0 of a kept one.
    pub(crate) connect_us: i64,
    pub(crate) head_written_at: i64,
    pub(crate) reused: bool,
    /// A round trip through empty queues.
    pub(crate) rtt_us: i64,
    /// The least and the smoothed round trip that its connection saw, where these differ from the empty one.
    pub(crate) seen_rtt_us: (i64, i64),
    /// For how long the machine stops at most.
    pub(crate) lag_us: i64,
    /// How far the machine's clock was set from what it was when the run began, at the transfer's start.
    pub(crate) set_by_us: i64,
    /// What the server's clock read when it answered, and when its answer's date was made.
    pub(crate) server: ServerDate,
}

/// How the server writes dates.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ServerDate {
    pub(crate) clock: ServerClock,
    /// It looks at its clock this often, from this instant on; 0 = for each answer.
    pub(crate) every_us: i64,
    pub(crate) from: i64,
}

impl ServerDate {
    /// What an answer that is made at `at` is dated, cut to whole seconds.
    fn of(self, at: i64) -> i64 {
        let looked_at = if self.every_us > 0 { at - (at - self.from).rem_euclid(self.every_us) } else { at };
        self.clock.reads(looked_at).div_euclid(SECOND) * SECOND
    }
}

/// An event as the client notices it: while the machine stands, it waits.
fn noticed(at: i64, lag_us: i64, chance: &mut Chance) -> i64 {
    if lag_us > 0 && chance.happens(0.5) { at + chance.between(0, lag_us) } else { at }
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
    // The machine's clock is read once, at the start.
    let at = |instant: i64| Timestamp::from_unix_micros(instant + sent.set_by_us);
    let half_trip = sent.rtt_us / 2;
    let ended_at = noticed(end.at + half_trip + chance.between(0, 400), sent.lag_us, chance);
    let size = cell.size_bytes.0;
    let acked = (size as f64 * end.arrived) as u64;
    let written = (acked + world.ahead_bytes).min(size);
    let whole = written == size;
    // The kernel's view is asked for every 10 ms.
    let acked_at = noticed(request.arrives_at + half_trip + chance.between(0, 10_000), sent.lag_us, chance);
    let mut row = TransferRecord {
        endpoint: ENDPOINT.into(),
        presigned_at: sent.presigned_at.map(at),
        expires_at: request.expires_at.map(Timestamp::from_unix_micros),
        head_written_at: Some(at(sent.head_written_at)),
        head_acked_at: (acked_at <= ended_at).then(|| at(acked_at)),
        ended_at: at(ended_at),
        link_age_us: sent.presigned_at.map(|presigned| sent.head_written_at - presigned),
        margin_us: request.expires_at.map(|expires| ended_at + sent.set_by_us - expires),
        connection_id: Some(1),
        reused_connection: sent.reused,
        connect_us: (!sent.reused).then(|| sent.connect_us.unsigned_abs()),
        total_us: (ended_at - sent.started_at).unsigned_abs(),
        body_bytes_written: written,
        body_bytes_acked: Some(acked),
        rtt_us: u32::try_from(sent.seen_rtt_us.1).ok(),
        min_rtt_us: u32::try_from(sent.seen_rtt_us.0).ok(),
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
        row.server_time = Some(Timestamp::from_unix_micros(sent.server.of(end.at)));
    }
    row
}

fn answered(row: &mut TransferRecord, sent: Sent, ended_at: i64, (status, said): (u16, Option<(&str, &str)>)) {
    row.status = Some(status);
    // An answer proves that the head had arrived.
    row.head_acked_at = row.head_acked_at.or_else(|| Some(Timestamp::from_unix_micros(ended_at + sent.set_by_us - 50)));
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
