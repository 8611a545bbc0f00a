//! HTTP Archive 1.2 of recorded transfers, for browsers' developer tools.
//!
//! It is made from the rows, which hold no signature, no key and no header; so the archive holds none either.
//! Format: <http://www.softwareishard.com/blog/har-12-spec/>.

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use ttlsweep_record::{Cell, TransferRecord};

use crate::experiment::extras::{Bearer, Extras};

/// The archive of `rows`; `cells` say how each bucket is addressed.
pub(crate) fn archive(rows: &[TransferRecord], cells: &[Cell]) -> Value {
    let entries: Vec<_> =
        rows.iter().map(|row| entry(row, cells.iter().find(|cell| cell.cell_id == row.cell_id))).collect();
    json!({
        "log": {
            "version": "1.2",
            "creator": { "name": "ttlsweep", "version": env!("CARGO_PKG_VERSION") },
            "entries": entries,
        }
    })
}

fn entry(row: &TransferRecord, cell: Option<&Cell>) -> Value {
    let millis = |micros: Option<u64>| micros.map_or(-1.0, |micros| micros as f64 / 1e3);
    // The format counts TLS as part of connect.
    let connect = row.connect_us.map(|connect| connect + row.tls_us.unwrap_or(0));
    // An early response leaves no time between the last byte sent and the first one read.
    let send = row.send_us.or_else(|| sending_until_the_end(row)).unwrap_or(0);
    let wait = row.wait_us.unwrap_or(0);
    let receive = row.receive_us.unwrap_or(0);
    let parts = [row.dns_us, connect, Some(send), Some(wait), Some(receive)];
    let time: u64 = parts.into_iter().flatten().sum();
    let method = if row.method.is_upload() { "PUT" } else { "GET" };
    let extras = cell.map(Extras::of).unwrap_or_default();
    let url = extras.named(&format!("{}{}", row.endpoint, path(row, cell)), Bearer::of(row.method), &row.transfer_id);
    let (address, query) = url.split_once('?').unwrap_or((&url, ""));
    // What is signed in headers has those there.
    let is_sent = |pair: &&str| !pair.is_empty() && (row.expires_at.is_some() || !pair.starts_with("x-amz-"));
    let signature = row.expires_at.map(|_| "X-Amz-Signature=REDACTED");
    let parameters: Vec<_> = query.split('&').filter(is_sent).chain(signature).collect();
    let url = if parameters.is_empty() { address.to_owned() } else { format!("{address}?{}", parameters.join("&")) };
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let pairs = parameters.iter().filter_map(|pair| pair.split_once('='));
    let query: Vec<_> = pairs.map(|(name, value)| json!({ "name": name, "value": decoded(value) })).collect();
    json!({
        "startedDateTime": row.started_at.to_string(),
        "time": time as f64 / 1e3,
        "request": {
            "method": method,
            "url": url,
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": [],
            "queryString": query,
            "headersSize": -1,
            "bodySize": row.body_bytes_written,
        },
        "response": {
            // Zero is the format's word for a response that never came.
            "status": row.status.unwrap_or(0),
            "statusText": row.s3_code.clone().unwrap_or_default(),
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": response_headers(row),
            "content": content(row),
            "redirectURL": "",
            "headersSize": -1,
            "bodySize": row.response_bytes,
        },
        "cache": {},
        "timings": {
            "blocked": -1,
            "dns": millis(row.dns_us),
            "connect": millis(connect),
            "ssl": millis(row.tls_us),
            "send": send as f64 / 1e3,
            "wait": wait as f64 / 1e3,
            "receive": receive as f64 / 1e3,
        },
        "serverIPAddress": row.remote_addr.as_deref().and_then(|addr| addr.rsplit_once(':')).map_or("", |(ip, _)| ip),
        "connection": row.connection_id.map(|id| id.to_string()).unwrap_or_default(),
        "comment": comment(row),
        "_outcome": row.outcome,
        "_phase": row.phase,
        "_expires_at": row.expires_at,
        "_margin_us": row.margin_us,
        "_body_bytes_acked": row.body_bytes_acked,
    })
}

fn sending_until_the_end(row: &TransferRecord) -> Option<u64> {
    u64::try_from(row.ended_at.micros_since(row.head_written_at?)).ok()
}

fn path(row: &TransferRecord, cell: Option<&Cell>) -> String {
    let by_path = |cell: &&Cell| match cell.addressing {
        Some(addressing) => addressing == ttlsweep_record::Addressing::Path,
        None => cell.endpoint.is_some() || cell.tls.is_some(),
    };
    match cell.filter(by_path) {
        Some(cell) => format!("/{}/{}", cell.bucket, row.object_key),
        None => format!("/{}", row.object_key),
    }
}

fn response_headers(row: &TransferRecord) -> Vec<Value> {
    let known = [
        ("x-amz-request-id", &row.request_id),
        ("x-amz-id-2", &row.host_id),
        ("server", &row.server),
        ("via", &row.via),
        ("content-type", &row.content_type),
    ];
    known
        .into_iter()
        .filter_map(|(name, value)| value.as_ref().map(|value| json!({ "name": name, "value": value })))
        .collect()
}

/// The body, of which there is text if it is an answer that is not S3's.
fn content(row: &TransferRecord) -> Value {
    let mut content = json!({
        "size": row.response_bytes,
        "mimeType": row.content_type.as_deref().unwrap_or_default(),
    });
    if let Some(answer) = &row.answer {
        content["text"] = json!(answer);
        content["comment"] = json!("its text, white space folded, of 200 characters at most");
    }
    content
}

fn comment(row: &TransferRecord) -> String {
    let error = [&row.error, &row.s3_message, &row.answer].into_iter().flatten().next().map_or("", String::as_str);
    format!("{} in phase {}: {error}", row.outcome, row.phase)
}

#[cfg(test)]
mod tests {
    use ttlsweep_record::*;

    use super::*;

    #[test]
    fn who_answered_and_what_is_in_the_archive() {
        let cell = crate::experiment::example_cell();
        let row = TransferRecord {
            status: Some(413),
            outcome: Outcome::Rejected,
            server: Some("nginx".into()),
            content_type: Some("text/html".into()),
            answer: Some("413 Request Entity Too Large".into()),
            ..TransferRecord::begun(&cell, Timestamp::from_unix_micros(0))
        };
        let archive = archive(&[row], &[cell]);
        let response = &archive["log"]["entries"][0]["response"];
        assert_eq!(response["headers"][0], json!({ "name": "server", "value": "nginx" }));
        assert_eq!(response["content"]["mimeType"], "text/html");
        assert_eq!(response["content"]["text"], "413 Request Entity Too Large");
        let comment = archive["log"]["entries"][0]["comment"].as_str().unwrap();
        assert!(comment.ends_with("413 Request Entity Too Large"), "{comment}");
    }

    #[test]
    fn the_parts_of_an_entry_add_up_and_no_signature_is_in_it() {
        let cell = crate::experiment::example_cell();
        let row = TransferRecord {
            transfer_id: "t1".into(),
            endpoint: "https://127.0.0.1:9".into(),
            expires_at: Some(Timestamp::from_unix_micros(1)),
            connect_us: Some(1_000),
            tls_us: Some(2_000),
            send_us: Some(30_000),
            wait_us: Some(4_000),
            receive_us: Some(500),
            status: Some(200),
            ..TransferRecord::begun(&cell, Timestamp::from_unix_micros(0))
        };
        let archive = archive(&[row], &[cell]);
        let entry = &archive["log"]["entries"][0];
        assert_eq!(entry["time"], 37.5);
        assert_eq!(entry["timings"]["connect"], 3.0);
        assert_eq!(entry["timings"]["dns"], -1.0);
        let url = entry["request"]["url"].as_str().unwrap();
        assert!(url.ends_with("&X-Amz-Signature=REDACTED"), "{url}");
    }
}
