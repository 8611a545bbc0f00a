//! What a record of a log says of one request, whichever format it has.

use std::str::FromStr;

use ttlsweep_record::redact::{Known, redacted};
use ttlsweep_record::text::shortened;
use ttlsweep_record::{LogSource, ServerRecord};

/// One request by a server's log.
#[derive(Debug)]
pub(super) struct Entry {
    /// Where the transfer's name may stand. It is looked for and then dropped: there are signatures in it.
    pub(super) target: Target,
    /// Whether its time has no zone.
    pub(super) is_zoneless: bool,
    /// What is kept of it; the transfer is not known yet.
    pub(super) row: ServerRecord,
}

/// What a log has of a request's target.
#[derive(Debug, Default)]
pub(super) struct Target {
    /// The names and values of the query, decoded. One that was cut off is left out.
    pub(super) query: Vec<(String, String)>,
    /// The key of an upload, where a log that has no query names it.
    pub(super) uploaded: Option<String>,
}

impl Target {
    /// The target of a request line, with or without its method and version. The last value of one that `is_cut` may be the
    /// beginning of another.
    pub(super) fn of(request: &str, is_cut: bool) -> Self {
        let target = request.split(' ').find(|word| word.contains(['/', '?'])).unwrap_or_default();
        // Some logs append the query to a target that has it.
        let (_, query) = target.split_once('?').unwrap_or_default();
        let mut pairs: Vec<&str> = query.split(['&', '?']).collect();
        if is_cut && !request.contains(" HTTP/") {
            pairs.pop();
        }
        let pairs = pairs.into_iter().filter_map(|pair| pair.split_once('='));
        Self { query: pairs.map(|(name, value)| (decoded(name), decoded(value))).collect(), uploaded: None }
    }
}

impl Entry {
    /// An entry of which nothing is known but the kind of log.
    pub(super) fn of(source: LogSource) -> Self {
        let row = ServerRecord {
            transfer_id: String::new(),
            source,
            request_at: None,
            precision_us: None,
            status: None,
            error_code: None,
            total_ms: None,
            turnaround_ms: None,
            bytes_in: None,
            bytes_out: None,
            request_id: None,
            operation: None,
        };
        Self { target: Target::default(), is_zoneless: false, row }
    }
}

/// The kind of log, in words.
pub(super) const fn about(source: LogSource) -> &'static str {
    match source {
        LogSource::S3 => "S3 server access log, text",
        LogSource::S3Json => "S3 server access log, JSON",
        LogSource::CloudTrail => "CloudTrail data events",
        LogSource::Ceph => "Ceph's ops log",
        LogSource::Nginx => "nginx access log",
        LogSource::Haproxy => "haproxy log",
    }
}

/// A field of a log; `None` if it is empty, or the sign for that.
pub(super) fn field(text: &str) -> Option<&str> {
    Some(text).filter(|text| !matches!(*text, "" | "-"))
}

/// A number of a log.
pub(super) fn number<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

/// A status; `None` if none was sent.
pub(super) fn status(text: &str) -> Option<u16> {
    number(text).filter(|status| (100..=999).contains(status))
}

/// A word of a log as it is kept: without what is secret in it, and no longer than such words are.
pub(super) fn word(text: &str) -> Option<String> {
    let text = field(text)?;
    Some(shortened(&redacted(text, &Known::new()), LONGEST_WORD))
}

/// The text with its percent escapes read.
fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Request ids and operations are shorter.
const LONGEST_WORD: usize = 100;
