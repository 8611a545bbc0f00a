//! From what was observed to the row.

use tokio::time::Instant;
use ttlsweep_record::units::micros;
use ttlsweep_record::{EventKind, EventRecord, Outcome, SampleRecord, TransferRecord};

use super::judge::judge;
use super::response::Response;
use super::{End, Observed};
use crate::clock::http_date;
use crate::s3::answer_text::text_of;
use crate::s3::error_document::{S3Error, reported, reported_within};
use crate::s3::link::SignedRequest;
use crate::secret::redacted_answer;

/// A transfer's rows.
#[derive(Debug)]
pub struct Rows {
    /// The row of `transfers.csv`.
    pub transfer: TransferRecord,
    /// The rows of `events.csv`.
    pub events: Vec<EventRecord>,
    /// The rows of `samples.csv`.
    pub samples: Vec<SampleRecord>,
    /// Whether an upload was told 2xx by an answer that need not be the store's, so that its object must be looked up before
    /// it counts as completed.
    pub doubtful: bool,
}

impl Rows {
    /// The rows of a transfer that never began.
    pub fn of(transfer: TransferRecord) -> Self {
        Self { transfer, events: Vec::new(), samples: Vec::new(), doubtful: false }
    }

    /// Takes the request's secrets out of whatever a server or a library may have repeated of it.
    fn redact(&mut self, request: &SignedRequest) {
        let row = &mut self.transfer;
        let of_row = [
            &mut row.s3_code,
            &mut row.s3_message,
            &mut row.request_id,
            &mut row.host_id,
            &mut row.errno,
            &mut row.error,
            &mut row.server,
            &mut row.via,
            &mut row.content_type,
        ];
        let of_events = self.events.iter_mut().map(|event| &mut event.value);
        request.redact(of_row.into_iter().chain(of_events).flatten());
    }
}

/// Completes the row that was begun when the transfer started. Nothing that is secret of `request` is in it.
pub fn complete(mut row: TransferRecord, observed: Observed, request: &SignedRequest) -> Rows {
    let judgement = judge(&observed);
    let Observed { anchor, steps, connection, progress, response, end, mut tape, samples, .. } = observed;
    let wall = |instant: Instant| anchor.wall_at(instant);
    let early = judgement.early_response == Some(true);
    let unsigned = |response: &Response| early || !response.is_of_a_store();
    let is_accepted = judgement.outcome == Outcome::Completed && row.method.is_upload();
    let doubtful = is_accepted && response.as_ref().is_some_and(unsigned);

    row.started_at = anchor.wall;
    row.head_written_at = progress.head_written.map(wall);
    row.ended_at = wall(judgement.ended);
    row.link_age_us = row.presigned_at.zip(row.head_written_at).map(|(made, written)| written.micros_since(made));
    row.margin_us = row.expires_at.map(|expires| row.ended_at.micros_since(expires));
    row.total_us = micros(judgement.ended.saturating_duration_since(anchor.instant));
    (row.dns_us, row.connect_us, row.tls_us) =
        (steps.dns.map(micros), steps.connect.map(micros), steps.tls.map(micros));

    if let Some(connection) = &connection {
        row.head_acked_at = connection.head_acked.map(wall);
        row.connection_id = Some(connection.id);
        row.reused_connection = connection.reused;
        row.local_addr = connection.local.map(|address| address.to_string());
        row.remote_addr = Some(connection.remote.to_string());
        row.tls_version = connection.tls_version.map(str::to_owned);
        row.body_bytes_written = connection.body_written;
        row.body_bytes_acked = connection.body_acked;
        row.rtt_us = connection.info.map(|info| info.rtt_us);
        row.min_rtt_us = connection.info.map(|info| info.min_rtt_us);
        row.retransmits = connection.retransmits;
        row.congestion = connection.congestion.clone();
    }

    let since_start = |instant: Instant| micros(instant.saturating_duration_since(anchor.instant));
    let between = |from: Option<Instant>, to: Option<Instant>| Some(micros(to?.checked_duration_since(from?)?));
    let sent = progress.last_byte_written().filter(|_| progress.request_sent());
    let began = progress.first_byte_read.filter(|_| !matches!(end, End::Unconnected(_)));
    row.continue_us = progress.continued.map(since_start);
    row.send_us = between(progress.first_byte_written, sent);
    row.wait_us = between(sent, began);
    row.response_start_us = began.map(since_start);

    if let Some(response) = &response {
        row.receive_us = if response.whole { between(began, progress.last_byte_read) } else { None };
        row.status = Some(response.status.as_u16());
        row.response_bytes = response.body_bytes;
        let header = |name: &str| Some(reported(&String::from_utf8_lossy(response.headers.get(name)?.as_bytes())));
        let is_refusal = !response.status.is_success();
        let document = if is_refusal || judgement.outcome == Outcome::Altered {
            S3Error::parse(&response.document)
        } else {
            S3Error::default()
        };
        row.server = header("server");
        row.via = all_of(response, "via");
        row.content_type = header("content-type");
        if (is_refusal || doubtful || judgement.outcome == Outcome::Altered) && document == S3Error::default() {
            row.answer = text_of(&response.document).map(|text| shown(&text, request));
        }
        row.s3_code = document.code;
        row.s3_message = document.message;
        row.request_id = header("x-amz-request-id").or(document.request_id);
        row.host_id = header("x-amz-id-2").or(document.host_id);
        row.server_time = document.server_time.or_else(|| header("date").and_then(|date| http_date(&date)));
    }

    row.outcome = judgement.outcome;
    row.phase = judgement.phase;
    row.early_response = judgement.early_response;
    row.peer_close = judgement.peer_close;
    row.errno = judgement.errno;
    // A way round a dead address is not the transfer's failure, but anyone who reads the row must find it.
    row.error = judgement.error.or(steps.detour);
    tape.note_at(Some(judgement.ended), EventKind::End, Some(judgement.outcome.to_string()));
    let events = tape.into_records(&row.transfer_id, anchor.instant);
    let mut rows = Rows { transfer: row, events, samples, doubtful };
    rows.redact(request);
    rows
}

/// All values of a header that each proxy on the way may add one of.
fn all_of(response: &Response, name: &str) -> Option<String> {
    let values = response.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
    let values: Vec<_> = values.collect();
    (!values.is_empty()).then(|| reported(&values.join(", ")))
}

/// A server's text as a row shows it. Secrets go first: of one that was cut nobody would know the rest.
fn shown(text: &str, request: &SignedRequest) -> String {
    let mut text = redacted_answer(text);
    request.redact([&mut text]);
    reported_within(&text, LONGEST_ANSWER)
}

/// Characters of an answer that is not S3's which a row keeps.
const LONGEST_ANSWER: usize = 200;
