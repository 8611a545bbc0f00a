//! CloudTrail's data events of S3: what was asked for and the bytes in both directions, with no status and no duration.

use serde_json::{Map, Value};
use ttlsweep_record::LogSource;

use super::entry::{Entry, word};
use super::members::{count, text};
use super::times::iso;

/// Whether an object is an event.
pub(super) fn is_it(object: &Map<String, Value>) -> bool {
    ["eventSource", "eventName", "eventTime"].iter().all(|name| object.contains_key(*name))
}

/// # Errors
/// Its time cannot be read.
pub(super) fn entry(object: &Map<String, Value>) -> Result<Entry, &'static str> {
    let mut entry = Entry::of(LogSource::CloudTrail);
    let (at, unit) = text(object, "eventTime").and_then(iso).ok_or("its eventTime cannot be read")?;
    (entry.row.request_at, entry.row.precision_us) = (Some(at), Some(unit));
    entry.row.request_id = text(object, "requestID").and_then(word);
    entry.row.operation = text(object, "eventName").and_then(word);
    entry.row.error_code = text(object, "errorCode").and_then(word);
    if let Some(Value::Object(bytes)) = object.get("additionalEventData") {
        entry.row.bytes_in = count(bytes, "bytesTransferredIn");
        entry.row.bytes_out = count(bytes, "bytesTransferredOut");
    }
    let is_of_s3 = text(object, "eventSource") == Some("s3.amazonaws.com");
    if let Some(Value::Object(parameters)) = object.get("requestParameters").filter(|_| is_of_s3) {
        // Parameters of the query stand among those of the operation.
        let texts = parameters.iter().filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
        entry.target.query = texts.collect();
        let is_upload = text(object, "eventName") == Some("PutObject");
        entry.target.uploaded = text(parameters, "key").filter(|_| is_upload).map(str::to_owned);
    }
    Ok(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_names_the_key_of_an_upload() {
        let event = |name: &str| {
            format!(
                r#"{{"eventVersion":"1.11","eventTime":"2026-11-30T01:25:30Z","eventSource":"s3.amazonaws.com",
                "eventName":"{name}","errorCode":"AccessDenied","requestID":"3E57427F3EXAMPLE",
                "requestParameters":{{"bucketName":"b","key":"p/k","X-Amz-Expires":"10","x-run":"r-1"}},
                "additionalEventData":{{"bytesTransferredIn":4096.0,"bytesTransferredOut":243,"x-amz-id-2":"s9"}}}}"#
            )
        };
        let object = serde_json::from_str(&event("PutObject")).unwrap();
        assert!(is_it(&object));
        let Entry { target, row, .. } = entry(&object).unwrap();
        assert_eq!((row.bytes_in, row.bytes_out, row.status), (Some(4096), Some(243), None));
        assert_eq!((row.precision_us, row.error_code.as_deref()), (Some(1_000_000), Some("AccessDenied")));
        assert_eq!(target.uploaded.as_deref(), Some("p/k"));
        assert!(target.query.contains(&("x-run".to_owned(), "r-1".to_owned())));
        let deleted = serde_json::from_str(&event("DeleteObject")).unwrap();
        assert_eq!(entry(&deleted).unwrap().target.uploaded, None);
    }
}
