//! Ceph's object gateway: its ops log, an object per request, in a file (an object per line) or from a socket (an array that is never
//! closed).

use serde_json::{Map, Value};
use ttlsweep_record::LogSource;

use super::entry::{Entry, Target, status, word};
use super::members::{count, text};
use super::times::iso;

/// Whether an object is such a record.
pub(super) fn is_it(object: &Map<String, Value>) -> bool {
    ["uri", "http_status", "operation", "remote_addr"].iter().all(|name| object.contains_key(*name))
}

/// # Errors
/// Its time cannot be read.
pub(super) fn entry(object: &Map<String, Value>) -> Result<Entry, &'static str> {
    let mut entry = Entry::of(LogSource::Ceph);
    let (at, unit) = text(object, "time").and_then(iso).ok_or("its time cannot be read")?;
    (entry.row.request_at, entry.row.precision_us) = (Some(at), Some(unit.max(TICK_US)));
    entry.target = Target::of(text(object, "uri").unwrap_or_default(), false);
    entry.row.request_id = text(object, "trans_id").and_then(word);
    entry.row.operation = text(object, "operation").and_then(word);
    entry.row.status = text(object, "http_status").and_then(status);
    entry.row.error_code = text(object, "error_code").and_then(word);
    entry.row.bytes_in = count(object, "bytes_received");
    entry.row.bytes_out = count(object, "bytes_sent");
    entry.row.total_ms = count(object, "total_time");
    Ok(entry)
}

/// The gateway asks the kernel's coarse clock, which moves this seldom at most.
const TICK_US: u64 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read() {
        let record = r#"{"bucket":"b","object":"k","time":"2026-11-30T01:25:30.578123Z","time_local":"2026-11-30T02:25:30.578123+0100",
            "remote_addr":"192.0.2.3","user":"field","operation":"put_obj","uri":"PUT /b/k?x-run=r-1&X-Amz-Signature=aeeed9bb HTTP/1.1",
            "http_status":"403","error_code":"AccessDenied","bytes_sent":243,"bytes_received":0,"object_size":0,"total_time":41,
            "user_agent":"ttlsweep","referrer":"","trans_id":"tx0000012-default"}"#;
        let object = serde_json::from_str(record).unwrap();
        assert!(is_it(&object));
        let Entry { target, row, .. } = entry(&object).unwrap();
        assert_eq!(target.query[0].1, "r-1");
        assert_eq!(row.request_at.unwrap().to_string(), "2026-11-30T01:25:30.578123Z");
        assert_eq!(
            (row.precision_us, row.status, row.total_ms, row.bytes_in),
            (Some(TICK_US), Some(403), Some(41), Some(0))
        );
        assert_eq!(row.request_id.as_deref(), Some("tx0000012-default"));
    }

    /// Written by Ceph 16.2 to its socket.
    const LINES: &str = include_str!("../../tests/data/logs/ceph.json");

    #[test]
    fn real_records_are_read() {
        let records: Vec<Entry> = LINES
            .lines()
            .map(|line| {
                let object = serde_json::from_str(line.trim_start_matches('[').trim_end_matches(',')).unwrap();
                assert!(is_it(&object));
                entry(&object).unwrap()
            })
            .collect();
        let operations: Vec<_> = records.iter().map(|record| record.row.operation.as_deref().unwrap()).collect();
        assert_eq!(operations, ["create_bucket", "list_bucket", "put_obj", "get_obj"]);
        let put = &records[2];
        // Its URI has the query twice.
        let names = put.target.query.iter().filter(|(name, _)| name == "x-run").map(|(_, value)| value);
        assert!(names.clone().count() == 2 && names.clone().all(|name| name.ends_with("-s1")), "{:?}", put.target);
        assert_eq!((put.row.status, put.row.bytes_in), (Some(200), Some(150_000)));
        assert!(put.row.request_id.as_ref().unwrap().ends_with("-default"), "{put:?}");
    }
}
