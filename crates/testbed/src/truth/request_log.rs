//! The ground truth: what the testbed did with each request, by its own account.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};

use crate::lock::lock;
use crate::truth::access_log::{AccessLog, Asked};
use crate::truth::request_record::RequestRecord;

/// The log: the newest records, up to a bound.
#[derive(Debug)]
pub(crate) struct RequestLog {
    kept: usize,
    log: Mutex<VecDeque<RequestRecord>>,
    access_log: Option<AccessLog>,
}

impl RequestLog {
    pub(crate) const fn new(kept: usize, access_log: Option<AccessLog>) -> Self {
        Self { kept, log: Mutex::new(VecDeque::new()), access_log }
    }

    /// A request is over: it gets a line of the access log, too, if there is one.
    pub(crate) fn push_request(&self, record: RequestRecord, asked: &Asked, error_code: Option<&str>) {
        if let Some(access_log) = &self.access_log {
            access_log.note(&record, asked, error_code);
        }
        self.push(record);
    }

    pub(crate) fn push(&self, record: RequestRecord) {
        tracing::debug!(
            run = record.run,
            connection = record.connection,
            disposition = %record.disposition,
            status = record.status,
            body_bytes = record.body_bytes,
            "{} {}",
            record.method,
            record.path
        );
        let mut log = self.lock();
        log.push_back(record);
        while log.len() > self.kept {
            log.pop_front();
        }
    }

    pub(crate) fn snapshot(&self) -> Vec<RequestRecord> {
        self.lock().iter().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<RequestRecord>> {
        lock(&self.log)
    }
}
