//! One user: a closed loop of presign, transfer, wait, again.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use ttlsweep_record::names;
use ttlsweep_record::units::micros;
use ttlsweep_record::{Cell, Control, Method, ObjectChange, ObjectRecord, Outcome, Presign, Timestamp, TransferRecord};

use super::trial_run::TrialRun;
use crate::clock::Anchor;
use crate::dial::{Connection, Dialer, SocketOptions};
use crate::experiment::MOST_PARTS;
use crate::links::minter::{Ask, Minted, Minter, NoLink};
use crate::run::Run;
use crate::run::cleanup::CreatedObject;
use crate::s3::FoundObject;
use crate::s3::link::SignedRequest;
use crate::s3::object_key::{ObjectKey, RunPrefix};
use crate::s3::{Operation, Part, SignError, Store};
use crate::stop::{Stop, StopReason};
use crate::target::patience;
use crate::transfer::target::Maker;
use crate::transfer::{self, Limits, Observed, Payload, Task, record};
use crate::wire::Side;
use crate::wire::endpoint::Endpoint;
use crate::wire::limiter::Limiter;

/// One user of a trial.
#[derive(Debug)]
pub(super) struct User {
    pub(super) trial: Arc<TrialRun>,
    pub(super) number: u32,
    pub(super) starts: Instant,
    /// The same on the wall clock, read once: a link's date is cut to the second, and two readings of a pair of clocks could
    /// fall on both sides of one.
    pub(super) starts_at: Timestamp,
    pub(super) cap: Option<(Arc<Limiter>, Side)>,
    pub(super) stop: Stop,
    pub(super) upload: Multipart,
    /// Open, for the next transfer.
    pub(super) connection: Option<Connection>,
    /// Where it leads.
    pub(super) server: Option<Endpoint>,
}

/// A transfer's request.
struct Request {
    signed: SignedRequest,
    /// What the row calls the object by.
    key: String,
    /// What a store is asked for; `None` for a link of others, which is all that is known.
    operation: Option<Operation>,
    mint_us: Option<u64>,
}

/// Why a request could not be made.
enum NoRequest {
    /// There was a reason to stop before there was one.
    Stopped(StopReason),
    Failed {
        error: String,
        key: String,
        mint_us: Option<u64>,
    },
}

/// The multipart upload that a user's parts belong to.
#[derive(Debug)]
pub(super) enum Multipart {
    /// There is none: the user puts or gets whole objects, or has yet to begin it.
    None,
    /// The store's name for it.
    Begun(String),
    /// Why it could not be begun.
    Failed(String),
}

/// What users did, added up.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) transfers: u64,
    pub(super) failures: u64,
    /// In the body's direction, TLS included.
    pub(super) socket_bytes: u64,
    pub(super) first_byte: Option<Instant>,
    pub(super) last_byte: Option<Instant>,
    pub(super) ended: Option<Instant>,
    pub(super) stopped: Option<StopReason>,
    /// What may lie in the bucket now, whatever became of the transfers.
    pub(super) made: Vec<CreatedObject>,
}

impl Tally {
    pub(super) fn add(&mut self, mut other: Self) {
        self.made.append(&mut other.made);
        self.transfers += other.transfers;
        self.failures += other.failures;
        self.socket_bytes += other.socket_bytes;
        self.first_byte = self.first_byte.into_iter().chain(other.first_byte).min();
        self.last_byte = self.last_byte.max(other.last_byte);
        self.ended = self.ended.max(other.ended);
        // One user that was interrupted makes the trial so, whatever the others came to.
        if self.stopped != Some(StopReason::Interrupted) {
            self.stopped = other.stopped.or(self.stopped);
        }
    }

    fn note(&mut self, observed: &Observed, upload: bool) {
        self.ended = Some(observed.finished);
        let Some(connection) = &observed.connection else { return };
        let (bytes, first, last) = if upload {
            (connection.socket_written, observed.progress.first_byte_written, connection.last_write)
        } else {
            (connection.socket_read, connection.first_read, connection.last_read)
        };
        self.socket_bytes += bytes;
        self.first_byte = self.first_byte.into_iter().chain(first).min();
        self.last_byte = self.last_byte.max(last);
    }
}

impl User {
    pub(super) async fn run(mut self) -> Tally {
        let mut tally = Tally::default();
        // Boxed, here and below, because a task is as large as the largest of what it ever awaits, for as long as it lives;
        // what the SDK asks is several times as large as a transfer, and most users never need it.
        self.upload = Box::pin(self.begin_upload()).await;
        tally.stopped = match self.stop.sleep_until(self.starts).await {
            Some(reason) => Some(reason),
            None => self.loop_transfers(&mut tally).await,
        };
        // Given up when all users are done, also where it was stopped before its turn came.
        if let Multipart::Begun(upload_id) = &self.upload {
            tally.made.push(self.created_upload(upload_id));
        }
        tally
    }

    /// What has to be there before the first transfer of an `upload-part` trial.
    async fn begin_upload(&self) -> Multipart {
        let TrialRun { run, cell, target, .. } = &*self.trial;
        if cell.method != Method::UploadPart {
            return Multipart::None;
        }
        // Links of others make no parts.
        let Some(store) = target.store() else { return Multipart::None };
        let key = self.upload_key();
        let upload_id = match store.begin_upload(&key).await {
            Ok(upload_id) => upload_id,
            Err(error) => return Multipart::Failed(error),
        };
        run.sink.object(ObjectRecord {
            at: run.clock.wall(),
            cell_id: cell.cell_id.clone(),
            object_key: key.to_string(),
            upload_id: self.created_upload(&upload_id).written_id(),
            change: ObjectChange::Made,
        });
        Multipart::Begun(upload_id)
    }

    fn created_upload(&self, upload_id: &str) -> CreatedObject {
        CreatedObject { key: self.upload_key(), upload_id: Some(upload_id.into()) }
    }

    /// Transfers until all are done, or there is a reason to stop, which is returned.
    async fn loop_transfers(&mut self, tally: &mut Tally) -> Option<StopReason> {
        let mut sequence = 0;
        let cell = Arc::clone(&self.trial.cell);
        while cell.transfers_per_user.is_none_or(|most| sequence < most) {
            if sequence > 0 {
                let next = Instant::now() + Duration::from_micros(cell.wait_us);
                if let Some(reason) = self.stop.sleep_until(next).await {
                    return Some(reason);
                }
            }
            if let Some(reason) = self.stop.now() {
                return Some(reason);
            }
            sequence += 1;
            if let Some(reason) = self.transfer(sequence, tally).await {
                return Some(reason);
            }
        }
        None
    }

    /// One transfer, from signing to its row; the reason if it was stopped, or not begun for it.
    async fn transfer(&mut self, sequence: u32, tally: &mut Tally) -> Option<StopReason> {
        let trial = Arc::clone(&self.trial);
        let (run, cell) = (&trial.run, &trial.cell);
        let transfer_id = self.transfer_id(sequence);
        let made = match &trial.target.maker {
            Maker::Store(store) => self.signed(store, sequence, &transfer_id).await,
            Maker::Minter(maker) => Box::pin(self.minted(&maker.minter, &transfer_id)).await,
        };
        let Request { signed, key, operation, mint_us } = match made {
            Ok(made) => made,
            Err(NoRequest::Stopped(reason)) => return Some(reason),
            Err(NoRequest::Failed { error, key, mint_us }) => {
                let row = self.begun(sequence, &transfer_id, &key, None, run.clock.anchor());
                let row = TransferRecord { outcome: Outcome::FailedLocally, error: Some(error), mint_us, ..row };
                tally.transfers += 1;
                tally.failures += 1;
                tally.ended = Some(Instant::now());
                run.sink.ended(record::Rows::of(row));
                // Who fails at once would fail a thousand times within a trial's duration.
                let again = Instant::now() + AFTER_NO_LINK;
                return if trial.target.store().is_none() { self.stop.sleep_until(again).await } else { None };
            }
        };
        if cell.control == Some(Control::ExpiredStart)
            && let Some(expires_at) = signed.expires_at
        {
            // Expiry falls on a whole second. The trial's jitter spreads the starts over one second, or all their answers'
            // dates would tell the same about the server's clock.
            let spread = i64::try_from(trial.trial.jitter.as_micros()).unwrap_or(0) % 1_000_000;
            let expired = run.clock.anchor().instant_at(expires_at.plus_micros(PAST_EXPIRY_US + spread));
            if let Some(reason) = self.stop.sleep_until(expired).await {
                return Some(reason);
            }
        }

        let anchor = run.clock.anchor();
        let row = TransferRecord { mint_us, ..self.begun(sequence, &transfer_id, &key, Some(&signed), anchor) };
        run.sink.started(row.clone());
        if let Some(operation) = operation.as_ref().filter(|_| cell.method == Method::Put) {
            tally.made.push(CreatedObject { key: operation.key.clone(), upload_id: None });
        }
        let payload = match cell.method {
            method if method.is_upload() => Payload::Upload(&trial.source),
            _ if operation.is_some() => Payload::Download(&trial.source),
            // Others have put it.
            _ => Payload::OfLength(cell.size_bytes.0),
        };
        let task = Task {
            transfer_id: &transfer_id,
            expect_continue: cell.expect_continue,
            sample_every: trial.sample_every(),
            ..Task::new(&signed, payload, &key, Limits::of(cell))
        };
        let server = trial.target.endpoint_of(&signed);
        if !cell.reuse_connections || self.server.as_ref() != Some(&server) {
            self.connection = None;
        }
        self.server = Some(server);
        let dialer = self.dialer(&signed);
        let observed = transfer::run(&task, &dialer, &mut self.connection, anchor, &mut self.stop).await;
        tally.note(&observed, cell.method.is_upload());
        let stopped = observed.stopped();
        let mut rows = record::complete(row, observed, &signed);
        self.note_offset(&mut rows.transfer, &anchor);
        self.look_up(&mut rows, operation.as_ref()).await;
        tally.transfers += 1;
        tally.failures += u64::from(rows.transfer.outcome.is_failure());
        run.sink.ended(rows);
        // Also where it was the last one: a trial whose transfer was interrupted is not whole.
        stopped
    }

    /// A request that is signed here.
    async fn signed(&self, store: &Store, sequence: u32, transfer_id: &str) -> Result<Request, NoRequest> {
        let failed = |key: ObjectKey, error| NoRequest::Failed { error, key: key.to_string(), mint_us: None };
        let operation = self.operation(sequence).map_err(|error| failed(self.upload_key(), error))?;
        match Box::pin(self.sign(store, &operation, transfer_id)).await {
            Ok(signed) => {
                let key = operation.key.to_string();
                Ok(Request { signed, key, operation: Some(operation), mint_us: None })
            }
            Err(error) => Err(failed(operation.key, error.to_string())),
        }
    }

    /// A link that somebody else makes.
    async fn minted(&mut self, minter: &Minter, transfer_id: &str) -> Result<Request, NoRequest> {
        let (run, cell) = (&self.trial.run, &self.trial.cell);
        let (method, size_bytes) = (cell.method, cell.size_bytes.0);
        let ask = Ask { transfer_id, method, size_bytes, ttl_s: cell.ttl_s.unwrap_or(1), user: self.number };
        match minter.mint(&ask, patience(cell), &*run.clock, &mut self.stop).await {
            Ok(Minted { request, took, .. }) => {
                let key = request.uri.expose().path().trim_start_matches('/').to_owned();
                Ok(Request { signed: request, key, operation: None, mint_us: took.map(micros) })
            }
            Err(NoLink::Stopped(reason)) => Err(NoRequest::Stopped(reason)),
            Err(NoLink::Failed(why, took)) => {
                let error = format!("no link from {}: {why}", minter.name());
                Err(NoRequest::Failed { error, key: String::new(), mint_us: took.map(micros) })
            }
        }
    }

    async fn sign(&self, store: &Store, operation: &Operation, transfer_id: &str) -> Result<SignedRequest, SignError> {
        let (run, cell) = (&self.trial.run, &self.trial.cell);
        let of_body = match cell.method.is_upload() {
            // Before the link is dated, so that this time is not part of its age.
            true if store.extras().headers.want_digest() => {
                Some(store.for_body(&self.trial.source, &operation.key).await?)
            }
            _ => None,
        };
        let store = of_body.as_ref().unwrap_or(store);
        let now = run.clock.wall();
        let at = match cell.presign {
            Presign::PerTransfer => now,
            // A link is its date and its signature: minted now for then, it is the one that would have been minted then.
            Presign::PerUser => self.starts_at,
        };
        match cell.ttl_s {
            None => store.sign_headers(operation, transfer_id, now).await,
            Some(ttl) => store.presign(operation, transfer_id, at, Duration::from_secs(ttl.into())).await,
        }
    }

    fn operation(&self, sequence: u32) -> Result<Operation, String> {
        let method = self.trial.cell.method;
        Ok(match (method, &self.upload) {
            (_, Multipart::Failed(error)) => return Err(error.clone()),
            (Method::UploadPart, Multipart::Begun(upload_id)) => Operation {
                method,
                key: self.upload_key(),
                part: Some(Part { upload_id: upload_id.clone(), number: part_number(sequence) }),
            },
            (Method::Get, _) => Operation { method, key: download_key(&self.trial.run, &self.trial.cell), part: None },
            (Method::Put | Method::UploadPart, _) => {
                Operation { method, key: self.prefix().key(format!("{}-s{sequence}", self.upload_name())), part: None }
            }
        })
    }

    /// The row as far as it is known when the transfer starts; it stands in the journal, and becomes the transfer's row if
    /// the process is killed before it ends.
    fn begun(
        &self,
        sequence: u32,
        transfer_id: &str,
        key: &str,
        signed: Option<&SignedRequest>,
        anchor: Anchor,
    ) -> TransferRecord {
        let TrialRun { run, trial, cell, target, attempt, .. } = &*self.trial;
        TransferRecord {
            run_id: run.id().to_owned(),
            trial_id: trial.trial_id.clone(),
            attempt: *attempt,
            transfer_id: transfer_id.to_owned(),
            block: trial.block,
            position: trial.position,
            user: self.number,
            sequence,
            endpoint: signed.map_or_else(|| target.endpoint.clone(), |signed| target.endpoint_of(signed)).to_string(),
            object_key: key.to_owned(),
            presigned_at: signed.and_then(|signed| signed.presigned_at),
            expires_at: signed.and_then(|signed| signed.expires_at),
            error: Some(RUN_KILLED.to_owned()),
            // A form is a part of the body.
            body_bytes: cell.size_bytes.0 + signed.map_or(0, SignedRequest::form_bytes),
            ..TransferRecord::begun(cell, anchor.wall)
        }
    }

    fn dialer(&self, signed: &SignedRequest) -> Dialer {
        let TrialRun { run, cell, target, .. } = &*self.trial;
        Dialer {
            cap: self.cap.clone(),
            socket: SocketOptions { reads_per_s: self.trial.reads_per_s(), ..SocketOptions::of(cell) },
            ids: Arc::clone(&run.connection_ids),
            ..target.dialer(signed)
        }
    }

    fn note_offset(&self, row: &mut TransferRecord, anchor: &Anchor) {
        let offset = &self.trial.target.offset;
        offset.steps().look(self.trial.run.clock.anchor());
        if let (Some(server), Some(before), Some(response)) = (row.server_time, row.sent_after(), row.response_start_us)
        {
            let after = row.started_at.plus_micros(i64::try_from(response).unwrap_or(i64::MAX));
            offset.narrow(server, before, after, anchor);
        }
        // By the clock that the row's instants are by, also where it was set since.
        row.clock_offset_us = offset.middle_us(anchor);
    }

    async fn look_up(&mut self, rows: &mut record::Rows, operation: Option<&Operation>) {
        let row = &rows.transfer;
        if !row.method.is_upload() || (row.outcome == Outcome::Completed && !rows.doubtful) {
            return;
        }
        let Some(operation) = operation else {
            // Nobody here may look.
            rows.transfer.object_state = Some(FoundObject::Unknown.state());
            return;
        };
        // An interrupt ends the wait, and is heard below.
        let _ = self.stop.sleep_until(Instant::now() + LOOK_UP_AFTER).await;
        let mut found = self.look(operation).await;
        if !rows.doubtful {
            rows.transfer.object_state = Some(found.state());
            return;
        }
        if row.early_response == Some(true) {
            // The store may still be taking the body in.
            for _ in 1..EARLY_LOOKS {
                if found != FoundObject::Absent
                    || self.stop.sleep_until(Instant::now() + EARLY_LOOK_EVERY).await.is_some()
                {
                    break;
                }
                found = self.look(operation).await;
            }
            if found == FoundObject::Absent && row.body_bytes_acked != Some(row.body_bytes) {
                found = FoundObject::Unknown;
            }
        }
        rows.settle(found);
    }

    /// What the store has of an upload now.
    async fn look(&self, operation: &Operation) -> FoundObject {
        if self.trial.run.stop.is_thrown() {
            // Ctrl-C must not wait for a look-up at every user.
            return FoundObject::Unknown;
        }
        match self.trial.target.store() {
            Some(store) => Box::pin(store.look_up(operation)).await,
            None => FoundObject::Unknown,
        }
    }

    fn transfer_id(&self, sequence: u32) -> String {
        let TrialRun { run, trial, attempt, .. } = &*self.trial;
        names::transfer_id(run.id(), &trial.trial_id, *attempt, self.number, sequence)
    }

    /// The key of the user's multipart upload.
    fn upload_key(&self) -> ObjectKey {
        self.prefix().key(self.upload_name())
    }

    fn upload_name(&self) -> String {
        let TrialRun { trial, attempt, .. } = &*self.trial;
        format!("{}-a{attempt}-u{}", trial.trial_id, self.number)
    }

    fn prefix(&self) -> RunPrefix {
        self.trial.run.prefix(&self.trial.cell)
    }
}

/// The part that a user's transfer is. S3 numbers parts from 1 to 10,000, and one that is put again takes the first one's place:
/// who loops for a duration may make more.
const fn part_number(sequence: u32) -> u32 {
    (sequence - 1) % MOST_PARTS + 1
}

/// The object that downloads of a cell's size read.
pub(crate) fn download_key(run: &Run, cell: &Cell) -> ObjectKey {
    let prefix = run.prefix(cell);
    match &cell.size_file {
        None => prefix.key(format!("download-{}", cell.size_bytes.0)),
        Some(file) => {
            prefix.key(format!("download-{}-{}", cell.size_bytes.0, file.rsplit('/').next().unwrap_or_default()))
        }
    }
}

/// How long a user waits who got no link of others.
const AFTER_NO_LINK: Duration = Duration::from_secs(1);

/// What a transfer's row says when nobody was left to see its end.
pub(crate) const RUN_KILLED: &str = "run killed";

/// How long after its end a transfer's object is looked for. Links that expire in one second are cut together, and a look-up's
/// handshake and XML would take the processor from the transfers whose end is still to be met.
const LOOK_UP_AFTER: Duration = Duration::from_millis(50);

/// How often, and how far apart, the object of an upload is looked for that was told 2xx before its body had been sent.
const EARLY_LOOKS: u32 = 4;
const EARLY_LOOK_EVERY: Duration = Duration::from_millis(500);

/// How long after its expiry an `expired-start` control starts at the earliest: a server whose clock is two seconds behind, as is
/// still met where clocks are synchronised badly, must refuse it, too.
const PAST_EXPIRY_US: i64 = 3_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_user_who_never_ends_have_numbers_that_s3_takes() {
        assert_eq!([1, 2, 10_000, 10_001, u32::MAX].map(part_number), [1, 2, 10_000, 1, 7_295]);
    }
}
