//! One transfer: a signed request on a connection, observed from the first look-up to the last byte.
//!
//! [`drive`] drives hyper and the timers; [`judge`] says what happened, from what was seen; [`record`] fills the row.
//! Nothing here interprets: whether a failure has to do with expiry is the report's business.

pub(crate) mod clock_probe;
pub(crate) mod drive;
pub(crate) mod judge;
pub(crate) mod look_up;
pub(crate) mod one_off;
pub(crate) mod record;
pub(crate) mod response;
pub(crate) mod target;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::Instant;
use ttlsweep_record::{Cell, Control, EventKind, SampleRecord};

use crate::clock::Anchor;
use crate::dial::{Connection, DialError, Dialer, Steps};
use crate::s3::link::SignedRequest;
use crate::secret::Secret;
use crate::stop::{Stop, StopReason};
use crate::wire::body::{Comparison, RequestBody, Source};
use crate::wire::kernel::TcpInfo;
use crate::wire::marks::HttpProgress;
use crate::wire::tape::Tape;
use crate::wire::{Side, SocketError};

use drive::CONTINUE_WAIT;
use response::Response;

/// The timeouts of a transfer.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// For name, TCP and TLS together.
    pub connect: Duration,
    /// Without a byte in either direction.
    pub idle: Duration,
    /// For the whole transfer.
    pub total: Duration,
    /// For the 100 Continue: then the body is sent without it.
    pub continued: Duration,
}

impl Limits {
    /// One for each of them.
    pub fn all(each: Duration) -> Self {
        Self { connect: each, idle: each, total: each, continued: CONTINUE_WAIT }
    }

    /// A cell's.
    pub fn of(cell: &Cell) -> Self {
        Self {
            connect: Duration::from_micros(cell.connect_timeout_us),
            idle: Duration::from_micros(cell.idle_timeout_us),
            total: Duration::from_micros(cell.timeout_us),
            continued: continued_within(cell),
        }
    }
}

/// Where the 100 itself is the question, it is waited for until the link has expired and the answer to a late head is back; but
/// not as long as makes the wait a standstill.
fn continued_within(cell: &Cell) -> Duration {
    let is_of_arm = matches!(cell.control, Some(Control::ExpectContinue | Control::ExpiredStart));
    match cell.ttl_s.filter(|_| is_of_arm && cell.expect_continue) {
        Some(ttl_s) => {
            let expired = Duration::from_secs(ttl_s.into()) + CONTINUE_WAIT;
            expired.min(Duration::from_micros(cell.idle_timeout_us) / 2).max(CONTINUE_WAIT)
        }
        None => CONTINUE_WAIT,
    }
}

/// What one transfer is to do.
#[derive(Debug)]
pub struct Task<'a> {
    /// Names it in samples.
    pub transfer_id: &'a str,
    /// The request, signed.
    pub request: &'a SignedRequest,
    /// What is sent, or what is to come.
    pub payload: Payload<'a>,
    /// The object's key, which generated bodies follow from.
    pub key: &'a str,
    /// Whether to send `Expect: 100-continue` and wait.
    pub expect_continue: bool,
    /// Whether the body stays here whatever is answered: who asks only whether so large a body would be refused.
    pub head_alone: bool,
    /// The timeouts.
    pub limits: Limits,
    /// How often the kernel is asked.
    pub sample_every: Duration,
}

impl<'a> Task<'a> {
    /// A transfer without a name or an `Expect`, whose kernel's view is of no interest before its end.
    pub fn new(request: &'a SignedRequest, payload: Payload<'a>, key: &'a str, limits: Limits) -> Self {
        Self {
            transfer_id: "",
            request,
            payload,
            key,
            expect_continue: false,
            head_alone: false,
            limits,
            sample_every: SELDOM,
        }
    }

    /// The length of the body that is sent, with the form that it travels in.
    fn body_bytes(&self) -> u64 {
        self.payload.upload().map_or(0, |source| source.len() + self.request.form_bytes())
    }
}

/// The bytes that a transfer is about.
#[derive(Debug, Clone, Copy)]
pub enum Payload<'a> {
    /// A request body that is sent.
    Upload(&'a Source),
    /// An object that was put and is asked for: what comes is held against it.
    Download(&'a Source),
    /// An object that others have put is asked for: of what comes, the length alone is known.
    OfLength(u64),
    /// Nothing is sent, and nobody knows what will come.
    Unknown,
}

impl<'a> Payload<'a> {
    /// The body that is sent; `None` for a download.
    pub fn upload(self) -> Option<&'a Source> {
        match self {
            Self::Upload(source) => Some(source),
            Self::Download(_) | Self::OfLength(_) | Self::Unknown => None,
        }
    }

    /// What a download's body is held against; `None` if it is not known, or not a download.
    fn comparison(self, key: &str) -> Option<Comparison> {
        match self {
            Self::Download(source) => Some(Comparison::new(source, key)),
            Self::OfLength(bytes) => Some(Comparison::of_length(bytes)),
            Self::Upload(_) | Self::Unknown => None,
        }
    }
}

/// Everything that was observed of one transfer.
#[derive(Debug)]
pub struct Observed {
    /// Ties the instants to the wall clock.
    pub anchor: Anchor,
    /// When the last thing happened on this side.
    pub finished: Instant,
    /// The steps of a new connection.
    pub steps: Steps,
    /// What is known of the connection; `None` if none came about.
    pub connection: Option<ConnectionFacts>,
    /// Where request and response stood at the end.
    pub progress: HttpProgress,
    /// The response, as far as it came.
    pub response: Option<Response>,
    /// How it ended on this side.
    pub end: End,
    /// The tape.
    pub tape: Tape,
    /// The kernel's view over time.
    pub samples: Vec<SampleRecord>,
}

impl Observed {
    /// Why it was stopped from this side; `None` if it was not.
    pub(crate) fn stopped(&self) -> Option<StopReason> {
        match self.end {
            End::Stopped(reason) => Some(reason),
            _ => None,
        }
    }
}

/// What is known of the connection that a transfer used.
#[derive(Debug, Clone)]
pub struct ConnectionFacts {
    /// Its number within the run.
    pub id: u64,
    /// Whether an earlier transfer had used it.
    pub reused: bool,
    /// This end.
    pub local: Option<std::net::SocketAddr>,
    /// The peer's end.
    pub remote: std::net::SocketAddr,
    /// The TLS version.
    pub tls_version: Option<&'static str>,
    /// The first socket error.
    pub first_error: Option<SocketError>,
    /// When the kernel was known to hold an error, whatever was still to be read before it.
    pub broken: Option<Instant>,
    /// When the socket's end of file was read.
    pub end_of_file: Option<Instant>,
    /// When a write error was held back.
    pub held: Option<Instant>,
    /// Request body bytes that the socket took.
    pub body_written: u64,
    /// Request body bytes that the peer's kernel confirmed.
    pub body_acked: Option<u64>,
    /// When the peer's kernel was seen to have confirmed the head.
    pub head_acked: Option<Instant>,
    /// The kernel's view when the head was seen to be confirmed.
    pub info_at_head: Option<TcpInfo>,
    /// The kernel's view at the end.
    pub info: Option<TcpInfo>,
    /// Its congestion control.
    pub congestion: Option<String>,
    /// Segments sent again during this transfer.
    pub retransmits: Option<u32>,
    /// Bytes written to the socket from the request's first on, TLS included, its handshake not.
    pub socket_written: u64,
    /// Bytes read from the socket from the request's first on, TLS included, its handshake not.
    pub socket_read: u64,
    /// When the socket last took bytes.
    pub last_write: Option<Instant>,
    /// When the first of these were read.
    pub first_read: Option<Instant>,
    /// When bytes were last read.
    pub last_read: Option<Instant>,
}

/// How a transfer ended on this side.
#[derive(Debug)]
pub enum End {
    /// The response was read whole, and nothing was left to send, or no use in sending it.
    Answered,
    /// The connection ended first; hyper's words for it.
    Broken {
        /// Whether hyper could not make sense of the bytes.
        unparsable: bool,
        /// hyper's error with its causes.
        message: String,
    },
    /// A timeout of this side's ran out.
    TimedOut(RanOut),
    /// It was stopped from this side.
    Stopped(StopReason),
    /// No connection came about.
    Unconnected(DialError),
    /// This machine failed.
    Local(String),
}

/// A timeout that ran out: this side's doing, even if the peer stood still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RanOut {
    /// The setting: `connect_timeout`, `idle_timeout` or `timeout`.
    pub setting: &'static str,
    /// What it was set to.
    pub after: Duration,
}

impl fmt::Display for RanOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { setting, after } = self;
        let millis = after.as_millis();
        let after = if millis % 1000 == 0 { format!("{} s", millis / 1000) } else { format!("{millis} ms") };
        write!(f, "this side's {setting} of {after} ran out")?;
        match *setting {
            "idle_timeout" => write!(f, ": no byte moved in either direction for so long"),
            _ => Ok(()),
        }
    }
}

/// Runs one transfer, on `kept` if that connection still stands, else on a new one. A connection that can be used again is
/// put back into `kept`.
pub async fn run(
    task: &Task<'_>,
    dialer: &Dialer,
    kept: &mut Option<Connection>,
    anchor: Anchor,
    stop: &mut Stop,
) -> Observed {
    let mut tape = Tape::default();
    let mut steps = Steps::default();
    let deadline = anchor.instant + task.limits.total;
    let unconnected = |end, steps, tape| Observed {
        anchor,
        finished: Instant::now(),
        steps,
        connection: None,
        progress: HttpProgress::default(),
        response: None,
        end,
        tape,
        samples: Vec::new(),
    };

    let mut connection = match still_open(kept.take(), &mut tape).await {
        Some(connection) => connection,
        None => {
            let dial_deadline = deadline.min(Instant::now() + task.limits.connect);
            let dialled = tokio::select! {
                biased;
                reason = stop.reason() => Err(End::Stopped(reason)),
                dialled = dialer.dial(dial_deadline, &mut steps, &mut tape) => dialled.map_err(End::Unconnected),
            };
            match dialled {
                Ok(connection) => connection,
                Err(mut end) => {
                    if let End::Unconnected(error) = &mut end
                        && error.timed_out
                    {
                        let ran_out = if dial_deadline == deadline {
                            RanOut { setting: "timeout", after: task.limits.total }
                        } else {
                            RanOut { setting: "connect_timeout", after: task.limits.connect }
                        };
                        error.message = format!("{ran_out}: {}", error.message);
                        tape.note_at(Some(error.at), EventKind::TimedOut, Some(ran_out.setting.to_owned()));
                    }
                    return unconnected(end, steps, tape);
                }
            }
        }
    };

    let before = Before::of(&connection);
    let failure = Arc::new(OnceLock::new());
    let body = match task.payload.upload() {
        None => RequestBody::empty(),
        Some(source) => {
            let content = source.open(task.key);
            let content = match task.request.form.as_ref().map(Secret::expose) {
                Some(form) => content.framed(form.before(), form.after()),
                None => content,
            };
            RequestBody::new(content, task.body_bytes(), Arc::clone(&connection.marks), Arc::clone(&failure))
        }
    };
    let done = drive::drive(task, &mut connection, body, anchor, deadline, stop, &mut tape).await;
    let finished = Instant::now();
    if done.response.as_ref().is_some_and(|response| !response.status.is_success()) {
        // A refusal may repeat it, and many others may have been signed since.
        task.request.remember();
    }
    let mut progress = connection.marks.progress();
    let facts = before.facts(&connection, &progress, done.head_acked, done.info_at_head);
    let end = match (done.end, failure.get()) {
        (End::Broken { .. }, Some(failure)) => End::Local(failure.clone()),
        (end, _) => end,
    };
    if progress.head_written.is_none() {
        progress.last_body_byte_written = None;
    }
    note_progress(&mut tape, &progress, &facts, done.response.as_ref());
    connection.transfers += 1;
    // A peer that answered before it took all of the body may never take the rest, and the next request waits behind it.
    let arrived = facts.info.is_none_or(|info| info.bytes_acked >= connection.stats.written());
    if matches!(end, End::Answered) && progress.request_sent() && arrived && !done.connection_ended {
        *kept = Some(connection);
    }
    Observed {
        anchor,
        finished,
        steps,
        connection: Some(facts),
        progress,
        response: done.response,
        end,
        tape,
        samples: done.samples,
    }
}

/// The kept connection, unless the server closed it meanwhile: then it is not part of this transfer, but an event on its
/// tape, so that it is not mistaken for a cut.
async fn still_open(kept: Option<Connection>, tape: &mut Tape) -> Option<Connection> {
    let mut connection = kept?;
    // The runtime learns of a close when it next looks at its sockets, and a busy one may not have looked since the last
    // transfer: a task that yields goes on only after that.
    tokio::task::yield_now().await;
    let usable = tokio::select! {
        biased;
        _ = &mut connection.http => false,
        ready = connection.sender.ready() => ready.is_ok(),
    };
    if usable {
        return Some(connection);
    }
    let how = match connection.stats.first_error() {
        Some(fault) => fault.message,
        None => "end of file".to_owned(),
    };
    tape.note_with(EventKind::StaleConnection, how);
    None
}

/// What the connection's counters stood at when the transfer began.
struct Before {
    retransmits: Option<u32>,
}

impl Before {
    fn of(connection: &Connection) -> Self {
        let first = connection.transfers == 0;
        Self {
            // A new connection's handshake belongs to its first transfer.
            retransmits: if first { Some(0) } else { connection.kernel.tcp_info().map(|info| info.retransmits) },
        }
    }

    fn facts(
        &self,
        connection: &Connection,
        progress: &HttpProgress,
        head_acked: Option<Instant>,
        info_at_head: Option<TcpInfo>,
    ) -> ConnectionFacts {
        let (stats, marks) = (&connection.stats, &connection.marks);
        let info = connection.kernel.tcp_info();
        let acked_head = info.zip(marks.head_ends_at()).is_some_and(|(info, head)| info.bytes_acked >= head);
        ConnectionFacts {
            id: connection.id,
            reused: connection.transfers > 0,
            local: connection.local,
            remote: connection.remote,
            tls_version: connection.tls_version,
            first_error: stats.first_error(),
            broken: stats.broken(),
            end_of_file: stats.end_of_file(),
            held: stats.held(),
            body_written: marks.body_written(),
            body_acked: info.map(|info| marks.body_within(info.bytes_acked)),
            head_acked: head_acked
                .or_else(|| (acked_head && progress.head_written.is_some()).then(Instant::now))
                // An answer proves it, too, and often sooner than the next look at the kernel.
                .map(|seen| progress.first_byte_read.map_or(seen, |read| seen.min(read))),
            info_at_head: info_at_head.or_else(|| info.filter(|_| acked_head)),
            info,
            congestion: connection.kernel.congestion(),
            retransmits: info.zip(self.retransmits).map(|(info, before)| info.retransmits.saturating_sub(before)),
            socket_written: stats.written_in_exchange(),
            socket_read: stats.read_in_exchange(),
            last_write: stats.last_write(),
            first_read: stats.first_read(),
            last_read: stats.last_read(),
        }
    }
}

/// Puts what the layers marked on the tape.
fn note_progress(tape: &mut Tape, progress: &HttpProgress, facts: &ConnectionFacts, response: Option<&Response>) {
    let body = progress.body_len.to_string();
    tape.note_at(progress.first_byte_written, EventKind::FirstByteWritten, None);
    tape.note_at(progress.head_written, EventKind::HeadWritten, progress.head_len.map(|len| len.to_string()));
    // The difference of the two is the time that the head spent in queues on the way.
    let round_trips = facts.info_at_head.map(|info| format!("rtt_us={} min_rtt_us={}", info.rtt_us, info.min_rtt_us));
    tape.note_at(facts.head_acked, EventKind::HeadAcked, round_trips);
    tape.note_at(progress.continued, EventKind::Continue, None);
    tape.note_at(progress.first_body_byte_written, EventKind::FirstBodyByteWritten, None);
    tape.note_at(progress.last_body_byte_written, EventKind::LastBodyByteWritten, Some(body));
    tape.note_at(progress.first_byte_read, EventKind::FirstByteRead, None);
    if let Some(response) = response {
        // hyper hands the head over a little after its bytes were read.
        let head_at = progress.last_byte_read.map_or(response.head_at, |read| response.head_at.min(read));
        tape.note_at(Some(head_at), EventKind::ResponseHead, Some(response.status.as_u16().to_string()));
        if response.whole {
            tape.note_at(progress.last_byte_read, EventKind::LastByteRead, Some(response.body_bytes.to_string()));
        }
    }
    match &facts.first_error {
        Some(fault) if fault.side == Side::Read => {
            tape.note_at(Some(fault.at), EventKind::ReadError, Some(fault.message.clone()));
        }
        // A write that fails behind a read that failed has nothing more to tell.
        Some(fault) => tape.note_at(facts.held, EventKind::WriteErrorHeld, Some(fault.message.clone())),
        None => {}
    }
    if let Some((at, message)) = &progress.tls_error {
        tape.note_at(Some(*at), EventKind::ReadError, Some(message.clone()));
    }
    tape.note_at(facts.end_of_file.or(progress.end_of_file), EventKind::PeerClosed, None);
}

/// Longer than what is sampled so takes.
const SELDOM: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::example_cell;

    #[test]
    fn the_arm_waits_for_its_100_until_a_late_heads_refusal_is_back() {
        let waits = |control, ttl_s| {
            let cell = Cell {
                control,
                ttl_s: Some(ttl_s),
                expect_continue: true,
                idle_timeout_us: 60_000_000,
                ..example_cell()
            };
            Limits::of(&cell).continued.as_secs()
        };
        assert_eq!(waits(None, 10), 3);
        assert_eq!(waits(Some(Control::ExpectContinue), 10), 13);
        assert_eq!(waits(Some(Control::ExpectContinue), 3600), 30, "no standstill comes of it");
        assert_eq!(waits(Some(Control::ExpiredStart), 1), 4);
    }
}
