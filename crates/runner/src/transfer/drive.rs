//! Drives hyper through one request and its response, in one task: the connection, the response and the timers are
//! polled side by side, so that no stamp waits for another task to be scheduled.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_LENGTH, EXPECT, HOST};
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, StatusCode, Uri};
use tokio::time::Instant;
use ttlsweep_record::units::micros;
use ttlsweep_record::{EventKind, SampleRecord};

use super::response::{ReadError, Response, ResponseReader};
use super::{End, RanOut, Task};
use crate::clock::Anchor;
use crate::dial::short_buffer;
use crate::dial::{Connection, KernelView};
use crate::stop::Stop;
use crate::wire::SocketStats;
use crate::wire::body::RequestBody;
use crate::wire::kernel::TcpInfo;
use crate::wire::marks::HttpMarks;
use crate::wire::tape::Tape;

/// What the exchange came to.
#[derive(Debug)]
pub(crate) struct Done {
    /// How it ended on this side.
    pub end: End,
    /// The response, as far as it came.
    pub response: Option<Response>,
    /// Whether hyper is through with the connection.
    pub connection_ended: bool,
    /// When the peer's kernel was seen to have confirmed the head.
    pub head_acked: Option<Instant>,
    /// The kernel's view then.
    pub info_at_head: Option<TcpInfo>,
    /// The kernel's view over time.
    pub samples: Vec<SampleRecord>,
}

/// How long a server may take for its 100 before the body is still sent (RFC 9110 §10.1.1: a client should not
/// wait indefinitely), where the 100 is not what is asked about. Three seconds leave room for a head in a full uplink's queue; curl
/// waits one.
pub const CONTINUE_WAIT: Duration = Duration::from_secs(3);

/// How often the kernel is asked whether the peer confirmed the head.
const HEAD_ACK_EVERY: Duration = Duration::from_millis(10);

/// Sends the request and reads the response.
pub(crate) async fn drive(
    task: &Task<'_>,
    connection: &mut Connection,
    body: RequestBody,
    anchor: Anchor,
    deadline: Instant,
    stop: &mut Stop,
    tape: &mut Tape,
) -> Done {
    let Connection { sender, http, marks, stats, kernel, .. } = connection;
    let body_len = task.body_bytes();
    let waits_for_continue = task.expect_continue && body_len > 0;
    marks.begin(body_len, waits_for_continue);
    let request = request(task, body, body_len, marks);

    let mut watch = Watch::new(task, anchor, deadline, waits_for_continue, kernel.has_short_buffer());
    let mut response: Option<ResponseReader> = None;
    let mut connection_ended = false;
    let mut broken_noted = false;
    let mut hyper_error = None;
    let sending = sender.send_request(request);
    tokio::pin!(sending);
    let timer = tokio::time::sleep_until(watch.next_look());
    tokio::pin!(timer);

    let end = loop {
        if let Some(reader) = response.as_ref().filter(|reader| reader.is_whole()) {
            // An early refusal ends the transfer: nothing that is still sent could change it.
            if marks.progress().request_sent() || !reader.status().is_success() {
                break End::Answered;
            }
            if connection_ended {
                break broken(hyper_error.as_ref());
            }
        }
        tokio::select! {
            biased;
            reason = stop.reason() => {
                tape.note_with(EventKind::Cancelled, reason.as_str());
                break End::Stopped(reason);
            }
            () = kernel.broken(), if !broken_noted => {
                broken_noted = true;
                stats.note_broken();
            }
            result = &mut *http, if !connection_ended => {
                connection_ended = true;
                hyper_error = result.err();
            }
            head = &mut sending, if response.is_none() => match head {
                Ok(head) => {
                    // No 100 will follow a final answer, and only a 2xx makes the body worth sending.
                    watch.continue_by = None;
                    if head.status().is_success() && !task.head_alone {
                        marks.stop_waiting_for_continue();
                    }
                    let comparison = task.payload.comparison(task.key);
                    response = Some(ResponseReader::new(head, marks.note_response_head(), comparison));
                }
                Err(error) => break broken(Some(&error)),
            },
            read = ResponseReader::read_on(response.as_mut()) => {
                match read {
                    Ok(()) => {}
                    Err(ReadError::Connection(error)) => break broken(Some(&error)),
                    Err(ReadError::Local(error)) => break End::Local(error),
                }
                // A body that comes as fast as it is read would keep the timer's turn from ever coming.
                if Instant::now() >= watch.next_look() && let Some(end) = watch.turn(marks, stats, kernel, tape) {
                    break end;
                }
            }
            // Unconstrained: informational responses without end use up the runtime's budget for this task in every turn,
            // and the timer comes after them.
            () = tokio::task::unconstrained(timer.as_mut()) => {
                if let Some(end) = watch.turn(marks, stats, kernel, tape) {
                    break end;
                }
                timer.as_mut().reset(watch.next_look());
            }
        }
    };
    watch.sample(stats, kernel);
    Done {
        end,
        response: response.map(ResponseReader::finish),
        connection_ended,
        head_acked: watch.head_acked,
        info_at_head: watch.info_at_head,
        samples: watch.samples,
    }
}

/// As it is signed: a scheme's own port is left out (RFC 9110, section 4.2.3).
fn host_of(uri: &Uri) -> Option<&str> {
    let is_default =
        matches!((uri.scheme_str(), uri.port_u16()), (Some("http"), Some(80)) | (Some("https"), Some(443)));
    if is_default { uri.host() } else { Some(uri.authority()?.as_str()) }
}

fn request(task: &Task<'_>, body: RequestBody, body_len: u64, marks: &Arc<HttpMarks>) -> Request<RequestBody> {
    let signed = task.request;
    let mut request = Request::new(body);
    *request.method_mut() = signed.method.clone();
    // Origin form, as a server that is not a proxy expects it.
    let uri = signed.uri.expose();
    let path = uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    *request.uri_mut() = Uri::from(path);
    let headers = request.headers_mut();
    headers.clone_from(signed.headers.expose());
    if let Some(host) = host_of(uri).and_then(|host| HeaderValue::from_str(host).ok()) {
        headers.insert(HOST, host);
    }
    if task.payload.upload().is_some() {
        headers.insert(CONTENT_LENGTH, body_len.into());
    }
    if task.expect_continue && body_len > 0 {
        headers.insert(EXPECT, HeaderValue::from_static("100-continue"));
    }
    // Any server may send any 1xx unasked, and none of them is the final response.
    let (marks, head_alone) = (Arc::clone(marks), task.head_alone);
    hyper::ext::on_informational(&mut request, move |response| {
        if response.status() == StatusCode::CONTINUE && !head_alone {
            marks.note_continue();
        } else {
            marks.note_informational();
        }
    });
    request
}

fn broken(error: Option<&hyper::Error>) -> End {
    let Some(error) = error else {
        return End::Broken { unparsable: false, message: "the connection ended".to_owned() };
    };
    let mut message = error.to_string();
    let mut unparsable = error.is_parse();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        message = format!("{message}: {inner}");
        // How hyper tells of chunks that are none.
        unparsable |= inner
            .downcast_ref::<io::Error>()
            .is_some_and(|error| matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData));
        cause = inner.source();
    }
    End::Broken { unparsable, message }
}

/// The timers of one exchange, and what they found.
struct Watch<'a> {
    transfer_id: &'a str,
    anchor: Anchor,
    deadline: Instant,
    total: Duration,
    idle: Duration,
    idle_since: Instant,
    sample_every: Duration,
    next_sample: Instant,
    next_head_look: Option<Instant>,
    /// When the receive buffer is looked at; `None` if it is the kernel's own.
    next_buffer_look: Option<Instant>,
    continue_by: Option<Instant>,
    head_acked: Option<Instant>,
    info_at_head: Option<TcpInfo>,
    /// Bytes that the peer's kernel had confirmed at the last look, and when more than before were.
    acked: u64,
    acked_last: Instant,
    samples: Vec<SampleRecord>,
}

impl<'a> Watch<'a> {
    fn new(task: &Task<'a>, anchor: Anchor, deadline: Instant, waits_for_continue: bool, shortened: bool) -> Self {
        let now = Instant::now();
        Self {
            transfer_id: task.transfer_id,
            anchor,
            deadline,
            total: task.limits.total,
            idle: task.limits.idle,
            idle_since: now,
            sample_every: task.sample_every,
            next_sample: now + task.sample_every,
            next_head_look: Some(now + HEAD_ACK_EVERY),
            next_buffer_look: shortened.then(|| now + short_buffer::LOOK_EVERY),
            continue_by: (waits_for_continue && !task.head_alone).then(|| now + task.limits.continued),
            head_acked: None,
            info_at_head: None,
            acked: 0,
            acked_last: now,
            samples: Vec::new(),
        }
    }

    fn next_look(&self) -> Instant {
        let idle_at = self.idle_since + self.idle;
        let optional = [self.next_head_look, self.next_buffer_look, self.continue_by]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(self.deadline);
        self.deadline.min(idle_at).min(self.next_sample).min(optional)
    }

    /// Looks at whatever it is time for; the end where a timeout has run out.
    fn turn(&mut self, marks: &HttpMarks, stats: &SocketStats, kernel: &KernelView, tape: &mut Tape) -> Option<End> {
        if let Some(ran_out) = self.ran_out(stats) {
            tape.note_with(EventKind::TimedOut, ran_out.setting);
            return Some(End::TimedOut(ran_out));
        }
        self.look(marks, stats, kernel);
        None
    }

    /// The timeout that has run out.
    fn ran_out(&mut self, stats: &SocketStats) -> Option<RanOut> {
        let now = Instant::now();
        // Not before this exchange: a kept connection may have been idle for long, and rightly.
        self.idle_since = self.idle_since.max(stats.last_activity()).max(self.acked_last);
        if now >= self.deadline {
            Some(RanOut { setting: "timeout", after: self.total })
        } else if now >= self.idle_since + self.idle {
            Some(RanOut { setting: "idle_timeout", after: self.idle })
        } else {
            None
        }
    }

    fn look(&mut self, marks: &HttpMarks, stats: &SocketStats, kernel: &KernelView) {
        let now = Instant::now();
        if self.continue_by.is_some_and(|by| now >= by) {
            marks.stop_waiting_for_continue();
            self.continue_by = None;
        }
        if self.next_head_look.is_some_and(|at| now >= at) {
            self.next_head_look = Some(now + HEAD_ACK_EVERY);
            if let Some(head_ends_at) = marks.head_ends_at() {
                match kernel.tcp_info() {
                    Some(info) if info.bytes_acked < head_ends_at => {}
                    Some(info) => {
                        self.head_acked = Some(now);
                        self.info_at_head = Some(info);
                        self.next_head_look = None;
                    }
                    // This kernel will never say.
                    None => self.next_head_look = None,
                }
            }
        }
        if self.next_buffer_look.is_some_and(|at| now >= at) {
            self.next_buffer_look = Some(now + short_buffer::LOOK_EVERY);
            kernel.look_at_buffer(stats.read());
        }
        if now >= self.next_sample {
            self.sample(stats, kernel);
            // From now, not from when it was due: a machine that is late must not be asked for more.
            self.next_sample = now + self.sample_every;
        }
    }

    fn sample(&mut self, stats: &SocketStats, kernel: &KernelView) {
        let Some(info) = kernel.tcp_info() else { return };
        // What leaves the send buffer moves, too, long after the socket took it.
        if info.bytes_acked > self.acked {
            self.acked = info.bytes_acked;
            self.acked_last = Instant::now();
        }
        self.samples.push(SampleRecord {
            transfer_id: self.transfer_id.to_owned(),
            t_us: micros(self.anchor.instant.elapsed()),
            bytes_written: stats.written(),
            bytes_acked: info.bytes_acked,
            bytes_read: stats.read(),
            unsent_bytes: info.unsent_bytes,
            rtt_us: info.rtt_us,
            min_rtt_us: info.min_rtt_us,
            retransmits: info.retransmits,
            cwnd: info.cwnd,
            delivery_bps: info.delivery_rate.saturating_mul(8),
            receiver_limited_us: info.receiver_limited_us,
            send_buffer_limited_us: info.send_buffer_limited_us,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_has_a_port_unless_it_is_the_schemes_own() {
        for (uri, host) in [
            ("https://store.example:443/b/k?q", "store.example"),
            ("http://store.example:80/b/k", "store.example"),
            ("https://store.example:80/b/k", "store.example:80"),
            ("https://[::1]:443/b/k", "[::1]"),
            ("http://127.0.0.1:9000/b/k", "127.0.0.1:9000"),
            ("https://store.example/b/k", "store.example"),
        ] {
            assert_eq!(host_of(&uri.parse().unwrap()), Some(host), "{uri}");
        }
    }
}
