//! One request and its answer while they last; what becomes of it ends up in the log.

use std::sync::{Arc, Mutex, MutexGuard};

use http::StatusCode;
use time::OffsetDateTime;
use ttlsweep_record::FaultKind;

use crate::clock::Moment;
use crate::http::upload::Upload;
use crate::lock::lock;
use crate::s3::errors::ErrorCode;
use crate::s3::ids::RequestIds;
use crate::truth::access_log::Asked;
use crate::truth::request_log::RequestLog;
use crate::truth::request_record::{Disposition, FaultRecord, RequestRecord};

/// A request on its way through the testbed. Its record is written exactly once, however it ends.
#[derive(Debug)]
pub(crate) struct Exchange {
    request_log: Arc<RequestLog>,
    upload: Upload,
    opening: Opening,
    state: Mutex<State>,
}

/// What is known of a request when its head has been read.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) connection: u64,
    pub(crate) arrived: Moment,
    pub(crate) ids: RequestIds,
    pub(crate) run: Option<String>,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) expires_at: Option<OffsetDateTime>,
    /// For the access log.
    pub(crate) asked: Asked,
}

impl Exchange {
    pub(crate) fn begin(request_log: Arc<RequestLog>, upload: Upload, opening: Opening) -> Arc<Self> {
        Arc::new(Self { request_log, upload, opening, state: Mutex::default() })
    }

    /// Expiry had its part in this: the first word on that is the last.
    pub(crate) fn decide(&self, disposition: Disposition) {
        self.lock().disposition.get_or_insert(disposition);
    }

    /// It has turned out when the request's leave expires, which its head did not tell.
    pub(crate) fn expires_at(&self, expires_at: OffsetDateTime) {
        self.lock().expires_at = Some(expires_at);
    }

    /// The answer will never leave: the connection is reset in its place.
    pub(crate) fn lose_answer(&self) {
        self.lock().answer_lost = true;
    }

    /// The testbed's fault is done now; of several, the first one counts.
    pub(crate) fn fault(&self, kind: FaultKind) {
        let mut state = self.lock();
        let (at, body_bytes) = (self.opening.arrived.wall_now(), self.upload.bytes());
        let response_bytes = state.response_bytes;
        state.fault.get_or_insert(FaultRecord { kind, at, body_bytes, response_bytes });
    }

    /// There is an answer. Where it `lasts`, the exchange is not over with it but with [`Self::drained`], or with the
    /// connection.
    pub(crate) fn answer(&self, status: StatusCode, lasts: bool) {
        let mut state = self.lock();
        state.status = Some(status.as_u16());
        state.lasts = lasts;
    }

    /// Which of S3's codes the answer has.
    pub(crate) fn refuse_with(&self, code: &ErrorCode) {
        self.lock().error_code = Some(code.0.clone());
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.lock().response_bytes += bytes as u64;
    }

    /// The HTTP layer has taken all of the answer; the next flush means that it is out.
    pub(crate) fn handed_over(&self) {
        self.lock().handed_over = true;
    }

    /// The answer's body failed: it will never be out, whatever is flushed afterwards.
    pub(crate) fn failed(&self) {
        self.lock().failed = true;
    }

    /// Everything that was written has been given to the kernel. True if that ends the answer.
    pub(crate) fn flushed(&self) -> bool {
        let mut state = self.lock();
        if !state.handed_over || state.failed || state.answered_at.is_some() {
            return false;
        }
        state.answered_at = Some(self.opening.arrived.wall_now());
        if !state.lasts {
            self.record(&mut state);
        }
        true
    }

    /// The rest of the request's body has been read, or won't come any more.
    pub(crate) fn drained(&self) {
        let mut state = self.lock();
        state.lasts = false;
        if state.answered_at.is_some() {
            self.record(&mut state);
        }
    }

    /// Whether nothing more will happen to it.
    pub(crate) fn is_over(&self) -> bool {
        self.lock().recorded
    }

    /// The connection is gone, or nothing more will happen on it.
    pub(crate) fn ended(&self) {
        self.record(&mut self.lock());
    }

    fn record(&self, state: &mut State) {
        if state.recorded {
            return;
        }
        state.recorded = true;
        let by_itself = match state.fault {
            Some(fault) => Disposition::Fault(fault.kind),
            None if state.answered_at.is_some() => Disposition::Answered,
            None if state.answer_lost => Disposition::Answered,
            None => Disposition::Broken,
        };
        let opening = &self.opening;
        let record = RequestRecord {
            run: opening.run.clone(),
            connection: opening.connection,
            request_id: opening.ids.request_id.clone(),
            method: opening.method.clone(),
            path: opening.path.clone(),
            head_arrived_at: opening.arrived.wall,
            expires_at: state.expires_at.or(opening.expires_at),
            disposition: state.disposition.unwrap_or(by_itself),
            fault: state.fault,
            body_bytes: self.upload.bytes(),
            response_bytes: state.response_bytes,
            status: state.status,
            answered_at: state.answered_at,
            answer_lost: state.answer_lost,
            ended_at: opening.arrived.wall_now(),
        };
        self.request_log.push_request(record, &opening.asked, state.error_code.as_deref());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

#[derive(Debug, Default)]
struct State {
    disposition: Option<Disposition>,
    fault: Option<FaultRecord>,
    expires_at: Option<OffsetDateTime>,
    status: Option<u16>,
    error_code: Option<String>,
    answer_lost: bool,
    response_bytes: u64,
    lasts: bool,
    handed_over: bool,
    failed: bool,
    answered_at: Option<OffsetDateTime>,
    recorded: bool,
}
