//! S3's server access log as it is delivered to CloudWatch Logs: an object per request, its time in milliseconds.

use serde_json::{Map, Value};
use ttlsweep_record::LogSource;

use super::entry::{Entry, Target, word};
use super::members::{count, text};
use super::times::iso;

/// Whether an object is such a record.
pub(super) fn is_it(object: &Map<String, Value>) -> bool {
    ["request_time", "request_uri", "http_status", "bucket_name"].iter().all(|name| object.contains_key(*name))
}

/// # Errors
/// Its time cannot be read.
pub(super) fn entry(object: &Map<String, Value>) -> Result<Entry, &'static str> {
    let mut entry = Entry::of(LogSource::S3Json);
    let (at, unit) = text(object, "request_time").and_then(iso).ok_or("its request_time cannot be read")?;
    (entry.row.request_at, entry.row.precision_us) = (Some(at), Some(unit));
    entry.target = Target::of(text(object, "request_uri").unwrap_or_default(), false);
    entry.row.request_id = text(object, "request_id").and_then(word);
    entry.row.operation = text(object, "operation").and_then(word);
    entry.row.status =
        count(object, "http_status").and_then(|status| u16::try_from(status).ok()).filter(|status| *status >= 100);
    entry.row.error_code = text(object, "error_code").and_then(word);
    entry.row.bytes_out = count(object, "bytes_sent");
    entry.row.total_ms = duration(object, "total_time");
    entry.row.turnaround_ms = duration(object, "turn_around_time").or_else(|| duration(object, "turnaround_time"));
    Ok(entry)
}

/// A number of milliseconds, whether or not its name says so.
fn duration(object: &Map<String, Value>, name: &str) -> Option<u64> {
    count(object, name).or_else(|| count(object, &format!("{name}_ms")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_to_the_millisecond() {
        let record = r#"{"schema_version_id":"V_1_0","bucket_arn":"arn:aws:s3:::b","bucket_name":"b",
            "request_time":"2026-11-30T01:25:30.578Z","remote_ip":"192.0.2.3","requester":null,"request_id":"3E57427F3EXAMPLE",
            "operation":"REST.PUT.OBJECT","key_name":"k","request_uri":"PUT /k?x-run=r-1&X-Amz-Signature=aeeed9bb HTTP/1.1",
            "http_status":403,"error_code":"AccessDenied","bytes_sent":243,"object_size":null,"total_time":41,
            "turn_around_time":7}"#;
        let object = serde_json::from_str(record).unwrap();
        assert!(is_it(&object));
        let Entry { target, row, .. } = entry(&object).unwrap();
        assert_eq!(target.query[0], ("x-run".to_owned(), "r-1".to_owned()));
        assert_eq!(row.request_at.unwrap().to_string(), "2026-11-30T01:25:30.578000Z");
        assert_eq!((row.precision_us, row.status, row.total_ms), (Some(1000), Some(403), Some(41)));
        assert_eq!((row.turnaround_ms, row.bytes_out), (Some(7), Some(243)));
        assert_eq!(row.error_code.as_deref(), Some("AccessDenied"));
    }
}
