//! Signatures beside the links that the runner makes: Version 2, `Date` headers, and what is refused as S3 refuses it.

use std::time::Duration;

use time::OffsetDateTime;
use ttlsweep_record::words::{Cut, ExpiryPolicy};
use ttlsweep_testbed::{DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY, Disposition, TestbedConfig, sigv2};

use crate::client::{End, Link, PIECE_BYTES, Response, Rig, Signed};

const NOW: time::Duration = time::Duration::ZERO;

async fn rig() -> Rig {
    Rig::start(TestbedConfig { tls: false, ..TestbedConfig::default() }).await
}

fn reported(response: &Response) -> (u16, Option<&str>) {
    (response.status, response.element("Code"))
}

/// What a link of Version 2 is made of.
struct V2<'a> {
    method: &'a str,
    /// The bucket, if the host names it.
    host_bucket: Option<&'a str>,
    path: &'a str,
    query: &'a [(&'a str, &'a str)],
    content_type: &'a str,
    amz_headers: &'a [(&'a str, &'a str)],
}

impl V2<'_> {
    fn link(&self, rig: &Rig, expires: &str) -> Link {
        let owned = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let query = owned(self.query);
        let request = sigv2::SignedRequest {
            method: self.method,
            host_bucket: self.host_bucket,
            path: self.path,
            query: &query,
            content_md5: "",
            content_type: self.content_type,
            date: expires,
            amz_headers: &owned(self.amz_headers),
        };
        let signature =
            request.signature(DEFAULT_SECRET_KEY).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        let mut target =
            format!("{}?AWSAccessKeyId={DEFAULT_ACCESS_KEY}&Signature={signature}&Expires={expires}", self.path);
        for (name, value) in self.query {
            target.push_str(&format!("&{name}={}", value.replace('/', "%2F").replace(' ', "%20")));
        }
        let port = rig.testbed.addr().port();
        let host = match self.host_bucket {
            Some(bucket) => format!("{bucket}.localhost:{port}"),
            None => rig.testbed.addr().to_string(),
        };
        let expires_at = expires.parse().ok().and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok());
        Link {
            method: self.method.to_owned(),
            target,
            host,
            expires_at: expires_at.unwrap_or(OffsetDateTime::UNIX_EPOCH),
        }
    }
}

const PUT: V2<'_> =
    V2 { method: "PUT", host_bucket: None, path: "/ttlsweep/key", query: &[], content_type: "", amz_headers: &[] };

fn in_seconds(seconds: i64) -> String {
    (OffsetDateTime::now_utc().unix_timestamp() + seconds).to_string()
}

#[tokio::test]
async fn a_link_of_version_2_puts_and_gets_by_path_and_by_host() {
    let rig = rig().await;
    let ask = async |link: &Link, headers: &str, body: &[u8]| {
        let mut wire = rig.connect().await;
        wire.send(&link.head(body.len(), headers)).await;
        wire.send(body).await;
        wire.response().await
    };
    assert_eq!(ask(&PUT.link(&rig, &in_seconds(60)), "", b"hello").await.status, 200);
    let by_host = V2 { host_bucket: Some("ttlsweep"), path: "/other", ..PUT };
    assert_eq!(ask(&by_host.link(&rig, &in_seconds(60)), "", b"hello").await.status, 200);
    let signed = V2 { content_type: "text/plain", amz_headers: &[("x-amz-meta-a", "b")], ..PUT };
    let headers = "content-type: text/plain\r\nx-amz-meta-a: b\r\n";
    assert_eq!(ask(&signed.link(&rig, &in_seconds(60)), headers, b"hello").await.status, 200);
    assert_eq!(
        reported(&ask(&signed.link(&rig, &in_seconds(60)), "", b"hello").await),
        (403, Some("SignatureDoesNotMatch"))
    );
    // A header may stand in the query, as some SDKs put it there.
    let hoisted = V2 { amz_headers: &[("x-amz-acl", "private")], ..PUT };
    let mut link = hoisted.link(&rig, &in_seconds(60));
    link.target.push_str("&x-amz-acl=private");
    assert_eq!(ask(&link, "", b"hello").await.status, 200);

    let get = V2 { method: "GET", query: &[("response-content-type", "text/x y")], ..PUT };
    let got = ask(&get.link(&rig, &in_seconds(60)), "", b"").await;
    assert_eq!((got.status, got.text(), got.header("content-type")), (200, "hello", Some("text/x y")));
    let parts = V2 { method: "POST", path: "/ttlsweep/parted", query: &[("uploads", "")], ..PUT };
    assert_eq!(ask(&parts.link(&rig, &in_seconds(60)), "", b"").await.status, 200);
}

#[tokio::test]
async fn version_2_in_the_headers_makes_a_bucket_and_an_object() {
    let rig = rig().await;
    let put = async |path: &str, signed_path: &str, secret_key: &str| {
        let date = OffsetDateTime::now_utc().format(&time::format_description::well_known::Rfc2822).unwrap();
        let request = sigv2::SignedRequest {
            method: "PUT",
            host_bucket: None,
            path: signed_path,
            query: &[],
            content_md5: "",
            content_type: "",
            date: &date,
            amz_headers: &[],
        };
        let signature = request.signature(secret_key);
        let host = rig.testbed.addr();
        let mut wire = rig.connect().await;
        let head = format!(
            "PUT {path} HTTP/1.1\r\nhost: {host}\r\ndate: {date}\r\ncontent-length: 0\r\n\
             authorization: AWS {DEFAULT_ACCESS_KEY}:{signature}\r\n\r\n"
        );
        wire.send(head.as_bytes()).await;
        wire.response().await
    };
    // boto signs a bucket's path with a slash that it does not send.
    assert_eq!(put("/made-by-boto", "/made-by-boto/", DEFAULT_SECRET_KEY).await.status, 200);
    assert_eq!(put("/made-by-boto/key", "/made-by-boto/key", DEFAULT_SECRET_KEY).await.status, 200);
    let forged = put("/made-by-boto/key", "/made-by-boto/key", "no").await;
    assert_eq!(reported(&forged), (403, Some("SignatureDoesNotMatch")));
}

#[tokio::test]
async fn a_link_of_version_2_is_refused_as_by_s3() {
    let rig = rig().await;
    let ask = async |change: &dyn Fn(Link) -> Link| {
        let link = change(PUT.link(&rig, &in_seconds(60)));
        rig.connect().await.ask(&link, b"hello").await
    };
    let replaced = |from: &'static str, to: &'static str| {
        move |mut link: Link| {
            assert!(link.target.contains(from), "{}", link.target);
            link.target = link.target.replace(from, to);
            link
        }
    };
    let mismatch = ask(&replaced("/key", "/yek")).await;
    assert_eq!(reported(&mismatch), (403, Some("SignatureDoesNotMatch")));
    assert!(mismatch.element("StringToSign").unwrap().ends_with("/ttlsweep/yek"));
    assert_eq!(reported(&ask(&replaced("Expires=1", "Expires=2")).await), (403, Some("SignatureDoesNotMatch")));
    let other_key = replaced(DEFAULT_ACCESS_KEY, "somebody");
    assert_eq!(reported(&ask(&other_key).await), (403, Some("InvalidAccessKeyId")));
    for (from, to, message) in [
        ("Signature=", "signed=", "Query-string authentication requires the Signature, Expires and AWSAccessKeyId"),
        ("&Expires=1", "&expired=1", "Query-string authentication requires the Signature, Expires and AWSAccessKeyId"),
        ("&Expires=1", "&Expires=soon1", "Invalid date (should be seconds since epoch)"),
        ("&Expires=1", "&Expires=99999999999999999991", "Invalid date (should be seconds since epoch)"),
    ] {
        let refused = ask(&replaced(from, to)).await;
        assert_eq!(reported(&refused), (403, Some("AccessDenied")), "{to}");
        assert!(refused.element("Message").unwrap().starts_with(message), "{to}: {}", refused.text());
    }
    let expired = rig.connect().await.ask(&PUT.link(&rig, &in_seconds(-5)), b"hello").await;
    assert_eq!(
        (reported(&expired), expired.element("Message")),
        ((403, Some("AccessDenied")), Some("Request has expired"))
    );
    assert_eq!(expired.element("X-Amz-Expires"), None);
    assert_eq!(rig.testbed.requests().last().unwrap().disposition, Disposition::RefusedAtHead);
}

#[tokio::test]
async fn a_link_of_version_2_obeys_each_policy() {
    for (expiry, cut) in [
        (ExpiryPolicy::OnRequest, Cut::Reset),
        (ExpiryPolicy::InFlight, Cut::Reset),
        (ExpiryPolicy::InFlight, Cut::Respond),
        (ExpiryPolicy::OnCompletion, Cut::Reset),
        (ExpiryPolicy::Never, Cut::Reset),
    ] {
        let rig = Rig::start(TestbedConfig { tls: false, expiry, cut, ..TestbedConfig::default() }).await;
        let link = PUT.link(&rig, &in_seconds(2));
        let seen = rig.connect().await.trickle(link.head(150 * PIECE_BYTES, ""), 150, Duration::from_millis(20)).await;
        let request = rig.request(0).await;
        assert_eq!(request.expires_at, Some(link.expires_at));
        let (status, disposition) = match (expiry, cut) {
            (ExpiryPolicy::InFlight, Cut::Reset) => (None, Disposition::Cut(Cut::Reset)),
            (ExpiryPolicy::InFlight, cut) => (Some(403), Disposition::Cut(cut)),
            (ExpiryPolicy::OnCompletion, _) => (Some(403), Disposition::RefusedOnCompletion),
            _ => (Some(200), Disposition::Answered),
        };
        assert_eq!(
            (seen.response.as_ref().map(|response| response.status), request.disposition),
            (status, disposition),
            "{expiry}"
        );
        let late = rig.connect().await.ask(&PUT.link(&rig, &in_seconds(-5)), b"hello").await;
        assert_eq!(late.status, if expiry == ExpiryPolicy::Never { 200 } else { 403 }, "{expiry}");
    }
}

#[tokio::test]
async fn a_date_header_stands_in_for_x_amz_date() {
    let rig = rig().await;
    let dated = Signed { dated: true, ..Signed::new("PUT", "/ttlsweep/key") };
    assert_eq!(dated.ask(&rig, b"hello").await.status, 200);
    let late = Signed { dated: true, age: time::Duration::minutes(20), ..Signed::new("PUT", "/ttlsweep/key") };
    assert_eq!(reported(&late.ask(&rig, b"hello").await), (403, Some("RequestTimeTooSkewed")));
}

#[tokio::test]
async fn an_upload_that_says_nothing_of_its_length_is_refused() {
    let rig = rig().await;
    let link = rig.link("PUT", "key", 60, NOW);
    let head = format!("PUT {} HTTP/1.1\r\nhost: {}\r\ntransfer-encoding: chunked\r\n\r\n", link.target, link.host);
    let mut wire = rig.connect().await;
    wire.send(head.as_bytes()).await;
    wire.send(b"5\r\nhello\r\n0\r\n\r\n").await;
    assert_eq!(reported(&wire.response().await), (411, Some("MissingContentLength")));

    let mut wire = rig.connect().await;
    wire.send(&Signed::new("PUT", "/ttlsweep/key").head(&rig, "transfer-encoding: chunked\r\n")).await;
    assert_eq!(reported(&wire.response().await), (411, Some("MissingContentLength")));
}

#[tokio::test]
async fn a_head_that_is_never_finished_ends_its_connection() {
    for tls in [false, true] {
        let head_timeout = Duration::from_millis(300);
        let rig = Rig::start(TestbedConfig { tls, head_timeout, ..TestbedConfig::default() }).await;
        let mut half = rig.connect().await;
        half.send(b"PUT /ttlsweep/key HTT").await;
        let mut idle = rig.connect().await;
        assert_eq!(idle.ask(&rig.link("PUT", "key", 60, NOW), b"hello").await.status, 200);
        let mut again = rig.connect().await;
        assert_eq!(again.ask(&rig.link("GET", "key", 60, NOW), b"").await.status, 200);
        again.send(b"GET /").await;
        let end = if tls { End::BareEof } else { End::Eof };
        for wire in [&mut half, &mut again] {
            let heard = wire.hear(Duration::from_secs(3)).await;
            assert_eq!((heard.end, heard.bytes.len()), (Some(end), 0));
        }
        // A connection that is idle between two requests may be so for as long as it likes.
        assert_eq!(idle.ask(&rig.link("GET", "key", 60, NOW), b"").await.text(), "hello");
        // And so may a body take its time.
        let mut slow = rig.connect().await;
        slow.send(&rig.link("PUT", "slow", 60, NOW).head(2, "")).await;
        for _ in 0..2 {
            tokio::time::sleep(head_timeout).await;
            slow.send(b"x").await;
        }
        assert_eq!(slow.response().await.status, 200);
    }
}

#[tokio::test]
async fn a_handshake_that_is_never_finished_ends_its_connection() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    for fault in [None, Some("tls-alert".parse().unwrap())] {
        let head_timeout = Duration::from_millis(300);
        let rig = Rig::start(TestbedConfig { fault, head_timeout, ..TestbedConfig::default() }).await;
        // Nothing at all, and the head of a record that greets.
        for begun in [&b""[..], &[22, 3, 1, 2, 0]] {
            let mut half = tokio::net::TcpStream::connect(rig.testbed.addr()).await.unwrap();
            half.write_all(begun).await.unwrap();
            let ended = tokio::time::timeout(Duration::from_secs(3), half.read_to_end(&mut Vec::new())).await;
            assert!(ended.is_ok(), "{fault:?} {begun:?}");
        }
    }
}
