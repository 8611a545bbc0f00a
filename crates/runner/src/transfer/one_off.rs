//! A request that is not a row of `transfers.csv`: uncapped, on a connection of its own, observed like any other.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use ttlsweep_record::{Cell, TransferRecord};

use super::record::complete;
use super::{Limits, Payload, Task};
use crate::clock::Clock;
use crate::dial::{Connection, Dialer, SocketOptions};
use crate::s3::link::SignedRequest;
use crate::s3::object_key::ObjectKey;
use crate::stop::Stop;
use crate::transfer::target::Target;
use crate::wire::body::Source;

/// How single requests are made: to a target, under the timeouts of a cell.
#[derive(Debug)]
pub struct OneOff<'a> {
    /// Whom to ask.
    pub target: &'a Target,
    /// Whose timeouts hold.
    pub cell: &'a Cell,
    /// The wall clock.
    pub clock: &'a dyn Clock,
    /// Numbers the connections.
    pub ids: Arc<AtomicU64>,
}

impl OneOff<'_> {
    /// Sends the request, with a body where `upload` is one; what came of it, as a row would say it.
    pub(crate) async fn send(
        &self,
        request: &SignedRequest,
        key: &ObjectKey,
        upload: Option<&Source>,
        stop: &mut Stop,
    ) -> TransferRecord {
        self.send_on(&mut None, request, key, upload, stop).await
    }

    /// Like [`send`](Self::send), on the connection that was `kept` if it still stands.
    pub(crate) async fn send_on(
        &self,
        kept: &mut Option<Connection>,
        request: &SignedRequest,
        key: &ObjectKey,
        upload: Option<&Source>,
        stop: &mut Stop,
    ) -> TransferRecord {
        let payload = upload.map_or(Payload::Unknown, Payload::Upload);
        let task = Task::new(request, payload, key.as_str(), Limits::of(self.cell));
        self.run(kept, &task, key, stop).await
    }

    /// Sends the head of an upload alone, with `Expect: 100-continue`, to see whether so large a body would be refused. Where it
    /// would not, the row says that this side's timeout ran out.
    pub(crate) async fn announce(
        &self,
        request: &SignedRequest,
        key: &ObjectKey,
        body: &Source,
        stop: &mut Stop,
    ) -> TransferRecord {
        let limits = Limits { idle: ANNOUNCED, ..Limits::of(self.cell) };
        let task = Task {
            expect_continue: true,
            head_alone: true,
            ..Task::new(request, Payload::Upload(body), key.as_str(), limits)
        };
        self.run(&mut None, &task, key, stop).await
    }

    async fn run(
        &self,
        kept: &mut Option<Connection>,
        task: &Task<'_>,
        key: &ObjectKey,
        stop: &mut Stop,
    ) -> TransferRecord {
        let (cell, request) = (self.cell, task.request);
        let socket = SocketOptions::of(cell);
        let dialer = Dialer { socket, ids: Arc::clone(&self.ids), ..self.target.dialer(request) };
        let anchor = self.clock.anchor();
        let row = TransferRecord {
            object_key: key.to_string(),
            presigned_at: request.presigned_at,
            expires_at: request.expires_at,
            body_bytes: cell.size_bytes.0 + request.form_bytes(),
            ..TransferRecord::begun(cell, anchor.wall)
        };
        let observed = super::run(task, &dialer, kept, anchor, stop).await;
        complete(row, observed, request).transfer
    }
}

/// How long nothing may come back before a head counts as not refused.
const ANNOUNCED: Duration = Duration::from_secs(2);
