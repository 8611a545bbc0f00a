//! From what was seen to the outcome's words: what happened on the wire, nothing about why.

use tokio::time::Instant;
use ttlsweep_record::{Outcome, PeerClose, Phase};

use super::response::Response;
use super::{ConnectionFacts, End, Observed};
use crate::s3::error_document::reported;
use crate::wire::body::Compared;
use crate::wire::errno;
use crate::wire::marks::HttpProgress;

/// The part of a row that says how a transfer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// What happened.
    pub outcome: Outcome,
    /// Where it ended.
    pub phase: Phase,
    /// When it ended.
    pub ended: Instant,
    /// Whether the final response began before the request body was sent whole.
    pub early_response: Option<bool>,
    /// How the peer ended the connection, where it did before the transfer was over.
    pub peer_close: Option<PeerClose>,
    /// The name of the first socket error.
    pub errno: Option<String>,
    /// The error in words.
    pub error: Option<String>,
}

/// Says what happened.
pub fn judge(observed: &Observed) -> Judgement {
    let progress = &observed.progress;
    let connection = observed.connection.as_ref();
    let early = early_response(observed);
    let phase = phase(observed);
    let fault = connection.and_then(|connection| connection.first_error.as_ref());
    let errno = fault.and_then(|fault| fault.errno).map(errno::name);
    let base = Judgement {
        outcome: Outcome::Completed,
        phase,
        ended: observed.finished,
        early_response: early,
        peer_close: connection.and_then(|connection| peer_close(connection, progress)),
        errno,
        error: None,
    };
    match &observed.end {
        End::Answered => answered(observed, base),
        End::Stopped(reason) => {
            Judgement { outcome: Outcome::Cancelled, error: Some(reason.as_str().to_owned()), ..base }
        }
        End::TimedOut(ran_out) => Judgement { outcome: Outcome::TimedOut, error: Some(ran_out.to_string()), ..base },
        End::Local(message) => Judgement { outcome: Outcome::FailedLocally, error: Some(message.clone()), ..base },
        End::Unconnected(error) => Judgement {
            outcome: if error.timed_out {
                Outcome::TimedOut
            } else if error.errno.is_some_and(errno::is_local) {
                Outcome::FailedLocally
            } else {
                Outcome::Unconnected
            },
            phase: error.phase,
            ended: error.at,
            errno: error.errno.map(errno::name),
            error: Some(error.message.clone()),
            ..base
        },
        End::Broken { unparsable, message } => broken(observed, base, *unparsable, message),
    }
}

fn answered(observed: &Observed, base: Judgement) -> Judgement {
    let ended = observed.progress.last_byte_read.unwrap_or(observed.finished);
    let success = observed.response.as_ref().filter(|response| response.status.is_success());
    let Some(response) = success else {
        return Judgement { outcome: Outcome::Rejected, phase: sending_stood(observed), ended, ..base };
    };
    if let Some((outcome, error)) = response.compared.and_then(|compared| other_than_asked(response, compared)) {
        // The object ended where another answer began, whatever came behind it.
        let ended = response.differs_at.map_or(ended, |at| at.min(ended));
        return Judgement { outcome, phase: Phase::ResponseBody, ended, error: Some(error), ..base };
    }
    // A close after the whole answer is the answer's own affair.
    let before_the_end = base.peer_close.filter(|_| base.errno.is_some());
    Judgement { outcome: Outcome::Completed, phase: Phase::Done, ended, peer_close: before_the_end, ..base }
}

/// What a whole 2xx is if its body is not the object, with the error in words; `None` if it is the object. Framing alone tells
/// nothing: half an object is whole for HTTP if the server says that this is all.
fn other_than_asked(response: &Response, compared: Compared) -> Option<(Outcome, String)> {
    let (came, Compared { object, alike, differs }) = (response.body_bytes, compared);
    if !differs {
        return (came < object).then(|| (Outcome::Truncated, format!("{came} of {object} bytes")));
    }
    let what = if alike == object {
        "the whole object came, and more behind it".to_owned()
    } else if alike == 0 {
        "other bytes came than were put, from the first one on".to_owned()
    } else {
        format!("other bytes came than were put, from byte {alike} (counted from 0) on")
    };
    // Whoever packs a body says so.
    let packed = response.headers.get(http::header::CONTENT_ENCODING).map_or_else(String::new, |encoding| {
        format!("; Content-Encoding: {}", reported(&String::from_utf8_lossy(encoding.as_bytes())))
    });
    Some((Outcome::Altered, format!("{what}: {came} bytes came, the object has {object}{packed}")))
}

fn broken(observed: &Observed, base: Judgement, unparsable: bool, message: &str) -> Judgement {
    let connection = observed.connection.as_ref();
    let fault = connection.and_then(|connection| connection.first_error.as_ref());
    let end_of_file = connection.and_then(|connection| connection.end_of_file).or(observed.progress.end_of_file);
    let tls_error = observed.progress.tls_error.as_ref();
    if unparsable && tls_error.is_none() {
        let ended = observed.progress.last_byte_read.unwrap_or(observed.finished);
        return Judgement { outcome: Outcome::Malformed, ended, error: Some(message.to_owned()), ..base };
    }
    if let Some((at, error)) = tls_error
        && !is_alert(error)
        && end_of_file.is_none_or(|eof| eof > *at)
        && fault.is_none_or(|fault| fault.at > *at)
    {
        // What comes afterwards is the answer to the alert that this side sends.
        return Judgement { outcome: Outcome::Malformed, ended: *at, error: Some(error.clone()), ..base };
    }
    let (outcome, ended, error) = match (fault, end_of_file) {
        // Whatever comes after a FIN that was read: the peer had closed by then.
        (Some(fault), Some(eof)) if eof <= fault.at => (Outcome::Closed, eof, fault.message.clone()),
        (Some(fault), _) => {
            let outcome = match fault.kind {
                std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::ConnectionAborted => Outcome::Reset,
                // The kernel answers EPIPE first only where a FIN had come before the RST.
                std::io::ErrorKind::BrokenPipe => Outcome::Closed,
                std::io::ErrorKind::TimedOut => Outcome::TimedOut,
                _ => Outcome::FailedLocally,
            };
            // A capped download meets a RST only behind all that still waited to be read.
            let broken = connection.and_then(|connection| connection.broken);
            let error = match outcome {
                Outcome::TimedOut => format!("this side's kernel gave up on a silent peer: {}", fault.message),
                _ => fault.message.clone(),
            };
            (outcome, broken.map_or(fault.at, |broken| broken.min(fault.at)), error)
        }
        (None, Some(eof)) => (Outcome::Closed, eof, message.to_owned()),
        (None, None) => match tls_error {
            Some((at, error)) => (Outcome::Closed, *at, error.clone()),
            // Nothing failed here, and the peer is still there: it sent what answers no request.
            None => match observed.progress.last_byte_read {
                Some(read) => (Outcome::Malformed, read, message.to_owned()),
                None => (Outcome::FailedLocally, observed.finished, message.to_owned()),
            },
        },
    };
    Judgement { outcome, ended, error: Some(error), ..base }
}

/// Whether the final response began before the request had been sent: before the local socket had taken all of it, or
/// before the peer's kernel had confirmed as much as the socket had taken. A send buffer takes megabytes at once, so a small
/// body is written long before it has arrived.
fn early_response(observed: &Observed) -> Option<bool> {
    observed.response.as_ref()?;
    let progress = &observed.progress;
    let began = progress.first_byte_read?;
    let unwritten = !progress.request_sent() || progress.last_byte_written().is_some_and(|sent| began < sent);
    Some(unwritten || (progress.body_len > 0 && progress.confirmed_by_first_byte == Some(false)))
}

/// Where sending stood when the response's head came.
fn sending_stood(observed: &Observed) -> Phase {
    match early_response(observed) {
        // Also where the body's first byte still waited for the cap.
        Some(true) if !observed.progress.waits_for_continue() => Phase::RequestBody,
        _ => Phase::Wait,
    }
}

fn phase(observed: &Observed) -> Phase {
    let progress = &observed.progress;
    if observed.connection.is_none() {
        return observed.steps.begun.unwrap_or(Phase::Connect);
    }
    if observed.response.is_some() {
        Phase::ResponseBody
    } else if progress.first_byte_read.is_some() {
        Phase::ResponseHead
    } else if progress.head_written.is_none() {
        Phase::RequestHead
    } else if progress.request_sent() || progress.waits_for_continue() {
        Phase::Wait
    } else {
        Phase::RequestBody
    }
}

fn peer_close(connection: &ConnectionFacts, progress: &HttpProgress) -> Option<PeerClose> {
    let reset = connection
        .first_error
        .as_ref()
        .filter(|fault| matches!(fault.kind, std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe));
    let fin_first = match (reset, connection.end_of_file) {
        (Some(fault), _) if fault.kind == std::io::ErrorKind::BrokenPipe => true,
        (Some(fault), Some(eof)) => eof <= fault.at,
        _ => false,
    };
    match (reset, &progress.tls_error) {
        (Some(_), _) if fin_first => Some(PeerClose::FinRst),
        (Some(_), _) => Some(PeerClose::Rst),
        (None, Some((_, error))) if is_alert(error) => Some(PeerClose::TlsAlert),
        (None, _) if connection.tls_version.is_some() && progress.end_of_file.is_some() => Some(PeerClose::CloseNotify),
        (None, _) => connection.end_of_file.map(|_| PeerClose::Fin),
    }
}

/// Whether TLS broke by an alert of the peer's, and not by bytes that are no TLS.
fn is_alert(tls_error: &str) -> bool {
    tls_error.contains("alert")
}
