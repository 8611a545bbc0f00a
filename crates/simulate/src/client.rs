//! What a client records of a transfer's end, as the runner would: instants by its own clock, phases, bytes, answers.

use ttlsweep_record::{
    Cell, LogSource, Mechanism, Outcome, Phase, SampleRecord, ServerRecord, Timestamp, TransferRecord,
};

use crate::chance::Chance;
use crate::server::{Answer, End, How, Request, ServerClock};
use crate::world::{Breaks, SECOND, Told, World};

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
    let gives_up_after = if end.how == How::Broken && world.breaks == Breaks::Silence { IDLE_TIMEOUT_US } else { 0 };
    let ended_at = noticed(end.at + half_trip + chance.between(0, 400) + gives_up_after, sent.lag_us, chance);
    let size = cell.size_bytes.0;
    let came = (size as f64 * end.arrived) as u64;
    let uploads = cell.method.is_upload();
    // A body that waits for its 100 has not left yet.
    let has_begun = request.waits.is_none() || end.body_from - half_trip <= end.at;
    let written = if uploads && has_begun { (came + world.ahead_bytes).min(size) } else { 0 };
    let whole = uploads && written == size;
    // The kernel's view is asked for every 10 ms.
    let acked_at = noticed(request.arrives_at + half_trip + chance.between(0, 10_000), sent.lag_us, chance);
    let mut row = TransferRecord {
        endpoint: cell.endpoint.clone().unwrap_or_default(),
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
        body_bytes_acked: Some(if uploads { came } else { 0 }),
        rtt_us: u32::try_from(sent.seen_rtt_us.1).ok(),
        min_rtt_us: u32::try_from(sent.seen_rtt_us.0).ok(),
        phase: if whole || !uploads || !has_begun { Phase::Wait } else { Phase::RequestBody },
        ..TransferRecord::begun(cell, at(sent.started_at))
    };
    let continued_at = end.continued_at.map(|sent| sent + half_trip + 200).filter(|at| *at < ended_at);
    row.continue_us =
        continued_at.map(|at| (noticed(at, sent.lag_us, chance).min(ended_at) - sent.started_at).unsigned_abs());
    // The last byte is taken by the socket as long before it arrives as the socket is ahead.
    let ahead = world.ahead_bytes as f64 / size as f64 * request.needed_us as f64;
    row.send_us = if uploads {
        whole.then(|| (end.at - request.arrives_at - ahead as i64).max(1_000).unsigned_abs())
    } else {
        Some(100)
    };
    let early = matches!(end.how, How::Answered(_)) && end.arrived < 1.0;
    // An answer is lost when the server closes with unread data.
    let may_be_lost = has_begun;
    let mut dated_at = end.at;
    match end.how {
        How::Answered(_) if early && may_be_lost && chance.happens(world.refusals_lost) => {
            broken(&mut row, if chance.happens(0.5) { Breaks::Close } else { Breaks::Reset });
        }
        How::Answered(_) if end.arrived <= 0.0 && may_be_lost && chance.happens(world.lost_at_head) => {
            broken(&mut row, Breaks::Reset);
        }
        How::Answered(answer) => answered(&mut row, sent, ended_at, refusal(answer)),
        How::Stored | How::Broken => {
            // A download's answer begins when its head is read, and is dated then.
            let begins_at = request.arrives_at + half_trip + 200;
            if !uploads && begins_at < ended_at {
                answered(&mut row, sent, begins_at, SERVED);
                (row.response_bytes, row.phase, dated_at) = (came, Phase::ResponseBody, request.arrives_at);
            }
            match end.how {
                How::Broken => broken(&mut row, world.breaks),
                _ if uploads => answered(&mut row, sent, ended_at, SERVED),
                _ => row.phase = Phase::Done,
            }
        }
    }
    if row.status.is_some() {
        row.early_response = Some(uploads && !whole);
        // Cut to whole seconds by the server's clock.
        row.server_time = Some(Timestamp::from_unix_micros(sent.server.of(dated_at)));
    }
    row
}

/// The row of a transfer that this side had no descriptor for.
pub(crate) fn failed_here(cell: &Cell, sent: Sent) -> TransferRecord {
    let at = |instant: i64| Timestamp::from_unix_micros(instant + sent.set_by_us);
    TransferRecord {
        endpoint: cell.endpoint.clone().unwrap_or_default(),
        presigned_at: sent.presigned_at.map(at),
        ended_at: at(sent.started_at + 100),
        total_us: 100,
        outcome: Outcome::FailedLocally,
        phase: Phase::Connect,
        errno: Some("EMFILE".to_owned()),
        ..TransferRecord::begun(cell, at(sent.started_at))
    }
}

/// What the kernel was seen to hold at the last look before the transfer ended: of a body that the socket took whole, the last
/// bytes arrive at the very end.
pub(crate) fn last_sample(row: &TransferRecord) -> Option<SampleRecord> {
    let looks = row.total_us.saturating_sub(1) / SAMPLED_EVERY_US;
    let written = row.body_bytes_written;
    (looks > 0 && written > 0 && row.send_us.is_some()).then(|| SampleRecord {
        transfer_id: row.transfer_id.clone(),
        t_us: looks * SAMPLED_EVERY_US,
        bytes_written: written,
        bytes_acked: written - 1,
        bytes_read: 0,
        unsent_bytes: 0,
        rtt_us: row.rtt_us.unwrap_or(0),
        min_rtt_us: row.min_rtt_us.unwrap_or(0),
        retransmits: 0,
        cwnd: 10,
        delivery_bps: 0,
        receiver_limited_us: 0,
        send_buffer_limited_us: 0,
    })
}

/// What the server's log has of it; `None` if its line is missing.
pub(crate) fn line(world: &World, sent: Sent, end: End, chance: &mut Chance) -> Option<ServerRecord> {
    let log = world.log.filter(|_| chance.happens(0.98))?;
    let at = sent.server.clock.reads(if log.of_ends { end.at } else { end.read_at });
    let status = match end.how {
        How::Stored => 200,
        How::Answered(answer) => refusal(answer).status,
        // Whoever cuts by a rule may log it as a refusal.
        How::Broken if end.why == Some(Mechanism::CutAtExpiry) => 403,
        How::Broken => 400,
    };
    Some(ServerRecord {
        transfer_id: String::new(),
        source: LogSource::S3Json,
        request_at: Some(Timestamp::from_unix_micros(at - at.rem_euclid(log.unit_us))),
        precision_us: Some(log.unit_us.unsigned_abs()),
        status: Some(status),
        error_code: None,
        total_ms: Some(((end.at - end.read_at) / 1000).unsigned_abs()),
        turnaround_ms: None,
        bytes_in: None,
        bytes_out: None,
        request_id: None,
        operation: None,
    })
}

fn answered(row: &mut TransferRecord, sent: Sent, began_at: i64, Said { status, by }: Said) {
    row.status = Some(status);
    // An answer proves that the head had arrived.
    row.head_acked_at = row.head_acked_at.or_else(|| Some(Timestamp::from_unix_micros(began_at + sent.set_by_us - 50)));
    row.response_start_us = Some((began_at - sent.started_at - 50).unsigned_abs());
    (row.outcome, row.phase) = match (status, by) {
        (200, By::Store(_)) => (Outcome::Completed, Phase::Done),
        (200, By::Gateway(_)) => (Outcome::Altered, Phase::Wait),
        _ => (Outcome::Rejected, row.phase),
    };
    row.response_bytes = 300;
    match by {
        By::Store(said) => {
            row.s3_code = said.map(|(code, _)| code.to_owned());
            row.s3_message = said.map(|(_, message)| message.to_owned());
            row.request_id = Some("4442587FB7D0A2F9".to_owned());
            row.server = Some("AmazonS3".to_owned());
            row.content_type = said.map(|_| "application/xml".to_owned());
        }
        By::Gateway(page) => {
            row.server = Some("nginx".to_owned());
            row.content_type = Some("text/html".to_owned());
            row.answer = Some(page.to_owned());
        }
    }
}

fn broken(row: &mut TransferRecord, breaks: Breaks) {
    let (outcome, errno) = match breaks {
        Breaks::Reset => (Outcome::Reset, Some("ECONNRESET")),
        Breaks::Close => (Outcome::Closed, Some("EPIPE")),
        Breaks::Short => (Outcome::Truncated, None),
        Breaks::Altered => (Outcome::Altered, None),
        Breaks::Silence => (Outcome::TimedOut, None),
    };
    if breaks == Breaks::Silence {
        row.error = Some("this side's idle_timeout of 30 s ran out".to_owned());
    }
    row.outcome = outcome;
    row.errno = errno.map(str::to_owned);
}

/// An answer.
#[derive(Debug, Clone, Copy)]
struct Said {
    status: u16,
    by: By,
}

#[derive(Debug, Clone, Copy)]
enum By {
    /// With code and message, if it is a refusal.
    Store(Option<(&'static str, &'static str)>),
    /// With the text of its page.
    Gateway(&'static str),
}

const SERVED: Said = Said { status: 200, by: By::Store(None) };

const fn refusal(answer: Answer) -> Said {
    const fn store(status: u16, code: &'static str, message: &'static str) -> Said {
        Said { status, by: By::Store(Some((code, message))) }
    }
    match answer {
        Answer::Expired => store(403, "AccessDenied", "Request has expired"),
        Answer::TooOld => store(403, "AccessDenied", "Access Denied"),
        Answer::Told(Told::Redirected) => store(307, "TemporaryRedirect", "Please re-send this request elsewhere."),
        Answer::Told(Told::CredentialsExpired) => store(400, "ExpiredToken", "The provided token has expired."),
        Answer::Told(Told::ClockSkew) => store(
            403,
            "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.",
        ),
        Answer::Told(Told::ServerError) => store(500, "InternalError", "We encountered an internal error."),
        Answer::SlowDown => store(503, "SlowDown", "Please reduce your request rate."),
        Answer::RequestTimeout => store(400, "RequestTimeout", "Your socket connection was not read from in time."),
        Answer::BadGateway => Said { status: 502, by: By::Gateway("502 Bad Gateway nginx") },
        Answer::Portal => Said { status: 200, by: By::Gateway("Please log in") },
        Answer::GatewayTimeout => Said { status: 504, by: By::Gateway("504 Gateway Time-out nginx") },
    }
}

const IDLE_TIMEOUT_US: i64 = 30 * SECOND;
const SAMPLED_EVERY_US: u64 = 100_000;
