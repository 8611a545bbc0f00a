//! That it is an S3 at all: storing, serving, listing, and the errors in between.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use ttlsweep_testbed::{Disposition, Secret, Testbed, TestbedConfig, TestbedError};

use crate::client::{PIECE_BYTES, Response, Rig, Signed};

const NOT_YET: time::Duration = time::Duration::ZERO;

async fn rig() -> Rig {
    Rig::start(TestbedConfig::default()).await
}

async fn ask(rig: &Rig, method: &str, path: &str, query: &[(&str, &str)], body: &[u8]) -> Response {
    let secret = TestbedConfig::default().secret_key;
    let link = rig.link_signed_with(method, path, query, 60, NOT_YET, secret.expose());
    rig.connect().await.ask(&link, body).await
}

#[tokio::test]
async fn what_is_put_is_got() {
    for tls in [false, true] {
        let rig = Rig::start(TestbedConfig { tls, ..TestbedConfig::default() }).await;
        let body: Vec<u8> = (0..1_000_000_u32).map(|n| n as u8).collect();
        let put = rig.ask("PUT", "a/key%20with%2Bsigns", &body).await;
        assert_eq!(put.status, 200);
        assert_eq!(put.header("etag"), Some("\"5c725cbc2dbbe1148159e9d9cf90648f\""));
        assert_eq!(put.header("x-amz-request-id").unwrap().len(), 16);
        let got = rig.ask("GET", "a/key%20with%2Bsigns", b"").await;
        assert!(got.body == body);
        assert_eq!(got.header("etag"), put.header("etag"));

        let link = rig.link("GET", "a/key%20with%2Bsigns", 60, NOT_YET);
        let mut wire = rig.connect().await;
        wire.send(&link.head(0, "range: bytes=256-258\r\n")).await;
        let part = wire.response().await;
        assert_eq!((part.status, part.body.as_slice()), (206, &[0, 1, 2][..]));
        assert_eq!(part.header("content-range"), Some("bytes 256-258/1000000"));
    }
}

#[tokio::test]
async fn the_run_in_the_link_ends_up_in_the_deed() {
    let rig = rig().await;
    ask(&rig, "PUT", "/ttlsweep/key", &[("x-run", "run-7/transfer 3")], b"hello").await;
    let request = rig.request(0).await;
    assert_eq!(request.run.as_deref(), Some("run-7/transfer 3"));
    assert_eq!((request.method.as_str(), request.path.as_str()), ("PUT", "/ttlsweep/key"));
    assert_eq!((request.disposition, request.status, request.body_bytes), (Disposition::Answered, Some(200), 5));
    let answered_at = request.answered_at.unwrap();
    assert!(request.head_arrived_at <= answered_at && answered_at <= request.ended_at);
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_no_object() {
    let rig = rig().await;
    let mut wire = rig.connect().await;
    wire.send(&rig.link("PUT", "half", 60, NOT_YET).head(PIECE_BYTES, "")).await;
    wire.send(&[b'x'; PIECE_BYTES / 2]).await;
    wire.writer.shutdown().await.unwrap();
    drop(wire);
    let request = rig.request(0).await;
    assert_eq!((request.disposition, request.body_bytes), (Disposition::Broken, PIECE_BYTES as u64 / 2));
    assert_eq!(rig.ask("GET", "half", b"").await.element("Code"), Some("NoSuchKey"));
}

#[tokio::test]
async fn buckets_come_and_go() {
    let rig = rig().await;
    assert_eq!(ask(&rig, "GET", "/new-bucket", &[], b"").await.element("Code"), Some("NoSuchBucket"));
    assert_eq!(ask(&rig, "PUT", "/new-bucket", &[], b"").await.status, 200);
    assert_eq!(ask(&rig, "PUT", "/new-bucket", &[], b"").await.element("Code"), Some("BucketAlreadyOwnedByYou"));
    assert!(ask(&rig, "GET", "/", &[], b"").await.text().contains("<Name>new-bucket</Name>"));
    assert_eq!(ask(&rig, "PUT", "/new-bucket/key", &[], b"x").await.status, 200);
    assert_eq!(ask(&rig, "DELETE", "/new-bucket", &[], b"").await.element("Code"), Some("BucketNotEmpty"));
    assert_eq!(ask(&rig, "DELETE", "/new-bucket/key", &[], b"").await.status, 204);
    assert_eq!(ask(&rig, "DELETE", "/new-bucket", &[], b"").await.status, 204);
    assert_eq!(ask(&rig, "GET", "/new-bucket/key", &[], b"").await.status, 404);
}

#[tokio::test]
async fn objects_are_listed_and_deleted_together() {
    let rig = rig().await;
    for key in ["a/1", "a/2", "b"] {
        assert_eq!(rig.ask("PUT", key, key.as_bytes()).await.status, 200);
    }
    let listing = ask(&rig, "GET", "/ttlsweep", &[("list-type", "2"), ("delimiter", "/")], b"").await;
    assert_eq!(listing.element("KeyCount"), Some("2"));
    assert!(listing.text().contains("<CommonPrefixes><Prefix>a/</Prefix></CommonPrefixes>"));
    let page = ask(&rig, "GET", "/ttlsweep", &[("list-type", "2"), ("max-keys", "2")], b"").await;
    let token = page.element("NextContinuationToken").unwrap();
    let query = [("list-type", "2"), ("continuation-token", token)];
    assert_eq!(ask(&rig, "GET", "/ttlsweep", &query, b"").await.element("Key"), Some("b"));

    for kind in [("list-type", "2"), ("encoding-type", "url"), ("versions", "")] {
        let refused = ask(&rig, "GET", "/ttlsweep", &[kind, ("max-keys", "-1")], b"").await;
        assert_eq!((refused.status, refused.element("Code")), (400, Some("InvalidArgument")), "{kind:?}");
    }

    let versions = ask(&rig, "GET", "/ttlsweep", &[("versions", ""), ("max-keys", "2")], b"").await;
    assert_eq!((versions.element("VersionId"), versions.element("NextKeyMarker")), (Some("null"), Some("a/2")));

    let delete = b"<Delete><Object><Key>a/1</Key></Object><Object><Key>b</Key></Object></Delete>";
    assert_eq!(ask(&rig, "POST", "/ttlsweep", &[("delete", "")], delete).await.status, 200);
    let left = ask(&rig, "GET", "/ttlsweep", &[("list-type", "2")], b"").await;
    assert_eq!((left.element("KeyCount"), left.element("Key")), (Some("1"), Some("a/2")));
}

#[tokio::test]
async fn parts_become_one_object() {
    let rig = rig().await;
    let begun = ask(&rig, "POST", "/ttlsweep/parted", &[("uploads", "")], b"").await;
    let id = begun.element("UploadId").unwrap();
    let mut list = String::from("<CompleteMultipartUpload>");
    for (number, body) in [("1", "hello "), ("2", "world")] {
        let query = [("partNumber", number), ("uploadId", id)];
        let part = ask(&rig, "PUT", "/ttlsweep/parted", &query, body.as_bytes()).await;
        let e_tag = part.header("etag").unwrap();
        list.push_str(&format!("<Part><PartNumber>{number}</PartNumber><ETag>{e_tag}</ETag></Part>"));
    }
    list.push_str("</CompleteMultipartUpload>");
    assert!(ask(&rig, "GET", "/ttlsweep/parted", &[("uploadId", id)], b"").await.text().contains("<Size>5</Size>"));
    let done = ask(&rig, "POST", "/ttlsweep/parted", &[("uploadId", id)], list.as_bytes()).await;
    assert_eq!(done.status, 200, "{}", done.text());
    assert_eq!(rig.ask("GET", "parted", b"").await.text(), "hello world");
    let again = ask(&rig, "POST", "/ttlsweep/parted", &[("uploadId", id)], list.as_bytes()).await;
    assert_eq!(again.element("Code"), Some("NoSuchUpload"));
}

#[tokio::test]
async fn an_aborted_upload_is_gone() {
    let rig = rig().await;
    let begun = ask(&rig, "POST", "/ttlsweep/parted", &[("uploads", "")], b"").await;
    let id = begun.element("UploadId").unwrap();
    assert!(ask(&rig, "GET", "/ttlsweep", &[("uploads", "")], b"").await.text().contains(id));
    assert_eq!(ask(&rig, "DELETE", "/ttlsweep/parted", &[("uploadId", id)], b"").await.status, 204);
    let part = ask(&rig, "PUT", "/ttlsweep/parted", &[("partNumber", "1"), ("uploadId", id)], b"x").await;
    assert_eq!(part.element("Code"), Some("NoSuchUpload"));
}

#[tokio::test]
async fn requests_signed_in_headers_are_verified_and_unsigned_ones_denied() {
    let config =
        TestbedConfig { access_key: "AK".to_owned(), secret_key: Secret::from("SK"), ..TestbedConfig::default() };
    let rig = Rig::start(config).await;
    for (access_key, secret_key, code) in [
        ("AK", "SK", None),
        ("AK", "no", Some("SignatureDoesNotMatch")),
        ("no", "SK", Some("InvalidAccessKeyId")),
        ("", "", Some("AccessDenied")),
    ] {
        let response = Signed { access_key, secret_key, ..Signed::new("GET", "/") }.ask(&rig, b"").await;
        assert_eq!(response.element("Code"), code, "{}", response.text());
        if code.is_some() {
            assert_eq!(response.element("RequestId"), response.header("x-amz-request-id"));
            assert_eq!(response.element("HostId"), response.header("x-amz-id-2"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_uploads_at_once_all_arrive() {
    let rig = rig().await;
    let body = vec![b'x'; 1_000_000];
    let uploads = (0..200).map(|n| {
        let (rig, body) = (&rig, &body);
        async move { rig.ask("PUT", &format!("many/{n}"), body).await.status }
    });
    let statuses = futures_util::future::join_all(uploads).await;
    assert!(statuses.iter().all(|status| *status == 200));
}

#[tokio::test]
async fn a_port_in_use_and_a_name_that_is_none_are_reported_with_a_way_out() {
    let rig = rig().await;
    let config = TestbedConfig { listen: rig.testbed.addr(), ..TestbedConfig::default() };
    let error = Testbed::start(config).await.unwrap_err();
    assert!(error.to_string().contains("choose another port"), "{error}");
    let config = TestbedConfig { buckets: vec!["No".to_owned()], ..TestbedConfig::default() };
    assert!(matches!(Testbed::start(config).await, Err(TestbedError::BucketName(_))));
}

#[tokio::test]
async fn a_testbed_that_was_shut_down_answers_no_more() {
    let rig = rig().await;
    let addr = rig.testbed.addr();
    let mut wire = rig.connect().await;
    tokio::time::timeout(Duration::from_secs(1), rig.testbed.shutdown()).await.unwrap();
    wire.end().await;
    assert!(tokio::net::TcpStream::connect(addr).await.is_err());
}
