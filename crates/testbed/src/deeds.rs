//! The ground truth: what the testbed did with each request, by its own account.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use time::OffsetDateTime;
use ttlsweep_record::words::Cut;

/// What the testbed did with one request, from its own side of the wire; written once the request is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deed {
    /// The transfer's id, from the query parameter `x-run`: what joins a deed with the client's row.
    pub run: Option<String>,
    /// Which connection it came by, numbered from 0 in the order of acceptance.
    pub connection: u64,
    /// What `x-amz-request-id` said.
    pub request_id: String,
    /// The method.
    pub method: String,
    /// The path, without its query.
    pub path: String,
    /// When the whole head had been read.
    pub head_arrived_at: OffsetDateTime,
    /// When the link expires; `None` for a request without a link.
    pub expires_at: Option<OffsetDateTime>,
    /// What became of it.
    pub fate: Fate,
    /// Bytes of the request's body that were read, those included that were read only to be thrown away by `drain`.
    pub body_bytes: u64,
    /// Bytes of the response's body that were handed on for sending; after a cut, some of them never left.
    pub response_bytes: u64,
    /// The answer's status; `None` where the connection ended before there was one.
    pub status: Option<u16>,
    /// When the last byte of the answer had been given to the kernel; `None` if it never was.
    pub answered_at: Option<OffsetDateTime>,
    /// When the testbed was done with it: answered and drained, or the connection cut or broken.
    pub ended_at: OffsetDateTime,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It was answered, and expiry had no part in the answer, whatever its status.
    Answered,
    /// It was refused when its head arrived, because the link had expired.
    RefusedAtHead,
    /// It was refused when its body had arrived, because the link had expired meanwhile.
    RefusedOnCompletion,
    /// It was cut when the link expired, in the way given.
    ///
    /// [`Cut::Respond`] is only found where a response was still possible; see [`TestbedConfig::cut`](crate::TestbedConfig::cut).
    Cut(Cut),
    /// The connection ended before an answer was out, and not by the testbed's doing.
    Broken,
}

impl Fate {
    /// The word for it, as it stands in logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::RefusedAtHead => "refused-at-head",
            Self::RefusedOnCompletion => "refused-on-completion",
            Self::Cut(Cut::Reset) => "cut-reset",
            Self::Cut(Cut::Close) => "cut-close",
            Self::Cut(Cut::Respond) => "cut-respond",
            Self::Broken => "broken",
        }
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The log: the newest deeds, up to a bound.
#[derive(Debug)]
pub(crate) struct Deeds {
    kept: usize,
    log: Mutex<VecDeque<Deed>>,
}

impl Deeds {
    pub(crate) const fn new(kept: usize) -> Self {
        Self { kept, log: Mutex::new(VecDeque::new()) }
    }

    pub(crate) fn push(&self, deed: Deed) {
        tracing::debug!(
            run = deed.run,
            fate = deed.fate.as_str(),
            status = deed.status,
            "{} {}",
            deed.method,
            deed.path
        );
        let mut log = self.lock();
        log.push_back(deed);
        while log.len() > self.kept {
            log.pop_front();
        }
    }

    pub(crate) fn snapshot(&self) -> Vec<Deed> {
        self.lock().iter().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Deed>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
