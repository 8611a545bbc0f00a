//! What the testbed did with one request, by its own account.

use std::fmt;

use time::OffsetDateTime;
use ttlsweep_record::FaultKind;
use ttlsweep_record::words::Cut;

use crate::clock::Moment;

/// What the testbed did with one request, from its own side of the wire; written once the request is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRecord {
    /// The transfer's id, from the query parameter `x-run`: what joins a record with the client's row.
    pub run: Option<String>,
    /// Which connection it came by, numbered from 0 in the order of acceptance.
    pub connection: u64,
    /// What `x-amz-request-id` said.
    pub request_id: String,
    /// The method.
    pub method: String,
    /// The path, without its query.
    pub path: String,
    /// When the whole head had been read; for a fault of the connection, which came before any head, when it was accepted.
    pub head_arrived_at: OffsetDateTime,
    /// When the link expires, or the policy of a form; `None` for a request with neither.
    pub expires_at: Option<OffsetDateTime>,
    /// What became of it.
    pub disposition: Disposition,
    /// The fault that it met, also where the link's expiry decided what became of it.
    pub fault: Option<FaultRecord>,
    /// Bytes of the request's body that were read, those included that were read only to be thrown away by `drain`.
    pub body_bytes: u64,
    /// Bytes of the response's body that were handed on for sending; after a cut, some of them never left.
    pub response_bytes: u64,
    /// The answer's status; `None` where the connection ended before there was one.
    pub status: Option<u16>,
    /// When the last byte of the answer had been given to the kernel; `None` if it never was.
    pub answered_at: Option<OffsetDateTime>,
    /// Whether an answer with this status was meant but never left, because `lost` sent a RST in its place.
    pub answer_lost: bool,
    /// When the testbed was done with it: answered and drained, or the connection cut or broken.
    pub ended_at: OffsetDateTime,
}

impl RequestRecord {
    /// What was done to a connection before there was any request on it: method, path and ids are empty.
    pub(crate) fn of_connection(number: u64, accepted: Moment, fault: FaultRecord) -> Self {
        Self {
            run: None,
            connection: number,
            request_id: String::new(),
            method: String::new(),
            path: String::new(),
            head_arrived_at: accepted.wall,
            expires_at: None,
            disposition: Disposition::Fault(fault.kind),
            fault: Some(fault),
            body_bytes: 0,
            response_bytes: 0,
            status: None,
            answered_at: None,
            answer_lost: false,
            ended_at: accepted.wall_now(),
        }
    }
}

/// A fault that was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultRecord {
    /// Which.
    pub kind: FaultKind,
    /// When it was done, or begun where it lasts.
    pub at: OffsetDateTime,
    /// Bytes of the request's body that had been read by then.
    pub body_bytes: u64,
    /// Bytes of the response's body that had been handed on for sending by then.
    pub response_bytes: u64,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// It was answered, and neither expiry nor a fault had a part in that, whatever its status; the answer may have been
    /// lost (see [`RequestRecord::answer_lost`]).
    Answered,
    /// It was refused when its head arrived, because the link had expired.
    RefusedAtHead,
    /// It was refused when its body had arrived, because the link had expired meanwhile.
    RefusedOnCompletion,
    /// It was cut when the link expired, in the way given.
    ///
    /// [`Cut::Respond`] is only found where a response was still possible; see [`TestbedConfig::cut`](crate::TestbedConfig::cut).
    Cut(Cut),
    /// It met the fault that the testbed was told to do, and its expiry had no part in it.
    Fault(FaultKind),
    /// The connection ended before an answer was out, and not by the testbed's doing.
    Broken,
}

impl Disposition {
    /// The word for it, as it stands in logs; which fault it was is said by [`Display`](fmt::Display) alone.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::RefusedAtHead => "refused-at-head",
            Self::RefusedOnCompletion => "refused-on-completion",
            Self::Cut(Cut::Reset) => "cut-reset",
            Self::Cut(Cut::Close) => "cut-close",
            Self::Cut(Cut::Respond) => "cut-respond",
            Self::Fault(_) => "fault",
            Self::Broken => "broken",
        }
    }
}

impl fmt::Display for Disposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(kind) => write!(f, "fault-{kind}"),
            other => f.pad(other.as_str()),
        }
    }
}
