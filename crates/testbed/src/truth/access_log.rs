//! An access log as S3 writes it, of every request that was answered or ended otherwise: what reads such logs can be held against
//! the testbed's own records. As in S3's, the links' signatures are in it.

mod format;

use std::fs::File;
use std::io::{self, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use http::request::Parts;
use serde_json::json;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::lock::lock;
use crate::s3::query::Query;
use crate::truth::request_record::RequestRecord;

pub use format::{AccessLogConfig, AccessLogFormat, AccessLogFormatError};

/// What only the log has of a request.
#[derive(Debug)]
pub(crate) struct Asked {
    /// Path and query as they were sent.
    target: String,
    host: String,
    /// `QueryString`, `AuthHeader` or `-`.
    authentication: &'static str,
    /// Whether it asked for a part of an upload.
    is_part: bool,
}

impl Asked {
    pub(crate) fn of(parts: &Parts, query: &Query) -> Self {
        let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let is_link = query.get_in_any_case("X-Amz-Signature").or_else(|| query.get("Signature")).is_some();
        Self {
            target: parts.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned(),
            host: header("host").unwrap_or("-").to_owned(),
            authentication: match () {
                () if is_link => "QueryString",
                () if header("authorization").is_some() => "AuthHeader",
                () => "-",
            },
            is_part: query.get("partNumber").is_some(),
        }
    }
}

/// An open log.
#[derive(Debug)]
pub(crate) struct AccessLog {
    file: Mutex<File>,
    format: AccessLogFormat,
    region: String,
    has_failed: AtomicBool,
}

impl AccessLog {
    pub(crate) fn open(config: &AccessLogConfig, region: &str) -> io::Result<Self> {
        let file = File::options().create(true).append(true).open(&config.path)?;
        Ok(Self {
            file: Mutex::new(file),
            format: config.format,
            region: region.to_owned(),
            has_failed: AtomicBool::new(false),
        })
    }

    /// Adds a line.
    pub(crate) fn note(&self, record: &RequestRecord, asked: &Asked, error_code: Option<&str>) {
        let line = Line { record, asked, error_code, region: &self.region };
        let text = match self.format {
            AccessLogFormat::S3 => line.text(),
            AccessLogFormat::S3Json => line.json(),
        };
        // In one piece, so that lines stay whole however many connections end at once.
        if let Err(error) = lock(&self.file).write_all(text.as_bytes())
            && !self.has_failed.swap(true, Ordering::Relaxed)
        {
            tracing::error!(%error, "cannot write the access log; lines are missing in it");
        }
    }
}

struct Line<'a> {
    record: &'a RequestRecord,
    asked: &'a Asked,
    error_code: Option<&'a str>,
    region: &'a str,
}

impl Line<'_> {
    fn text(&self) -> String {
        let Self { record, asked, region, .. } = self;
        let (bucket, key) = self.subject();
        let or_none = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
        let at = record.head_arrived_at.format(COMMON).unwrap_or_default();
        format!(
            "{OWNER} {} [{at} +0000] 127.0.0.1 - {} {} {} \"{} {} HTTP/1.1\" {} {} {} - {} - \"-\" \"-\" - - SigV4 - {} {} - - - {region}\n",
            or_none(bucket),
            record.request_id,
            self.operation(),
            or_none(key),
            record.method,
            asked.target,
            record.status.map_or_else(|| "-".to_owned(), |status| status.to_string()),
            self.error_code.unwrap_or("-"),
            if record.response_bytes == 0 { "-".to_owned() } else { record.response_bytes.to_string() },
            self.total_ms(),
            asked.authentication,
            asked.host,
        )
    }

    fn json(&self) -> String {
        let Self { record, asked, region, .. } = self;
        let (bucket, key) = self.subject();
        let record = json!({
            "schema_version_id": "V_1_0",
            "bucket_arn": format!("arn:aws:s3:::{bucket}"),
            "bucket_name": bucket,
            "request_time": record.head_arrived_at.format(MILLIS).unwrap_or_default(),
            "bucket_owner_id": OWNER,
            "remote_ip": "127.0.0.1",
            "requester": null,
            "request_id": record.request_id,
            "operation": self.operation(),
            "key_name": key,
            "request_uri": format!("{} {} HTTP/1.1", record.method, asked.target),
            "http_status": record.status,
            "error_code": self.error_code,
            "bytes_sent": record.response_bytes,
            "total_time": self.total_ms(),
            "authentication_type": asked.authentication,
            "host_header": asked.host,
            "source_region": region,
        });
        format!("{record}\n")
    }

    /// Bucket and key, by the path.
    fn subject(&self) -> (&str, &str) {
        let path = self.record.path.trim_start_matches('/');
        path.split_once('/').unwrap_or((path, ""))
    }

    fn operation(&self) -> String {
        let subject = match self.subject() {
            ("", _) => "SERVICE",
            (_, "") => "BUCKET",
            _ if self.asked.is_part => "PART",
            _ => "OBJECT",
        };
        format!("REST.{}.{subject}", self.record.method)
    }

    /// From the head's arrival to the answer's last byte, or to the end that came in its place.
    fn total_ms(&self) -> i64 {
        let until = self.record.answered_at.unwrap_or(self.record.ended_at);
        i64::try_from((until - self.record.head_arrived_at).whole_milliseconds()).unwrap_or(i64::MAX)
    }
}

/// The canonical id of an owner that there is not.
const OWNER: &str = "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be";

const COMMON: &[BorrowedFormatItem<'_>] =
    format_description!("[day]/[month repr:short]/[year]:[hour]:[minute]:[second]");
const MILLIS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
