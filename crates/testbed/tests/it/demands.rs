//! What a bucket's policy or a store's gaps refuse, while everything else goes on.

use std::time::Duration;

use ttlsweep_testbed::{DEFAULT_SECRET_KEY, Disposition, TestbedConfig, UnknownParameters};

use crate::client::{Response, Rig, Signed};

const NOW: time::Duration = time::Duration::ZERO;

async fn rig(config: TestbedConfig) -> Rig {
    Rig::start(TestbedConfig { tls: false, ..config }).await
}

/// Status and code of an answer.
fn reported(response: &Response) -> (u16, Option<&str>) {
    (response.status, response.element("Code"))
}

const DENIED: (u16, Option<&str>) = (403, Some("AccessDenied"));

#[tokio::test]
async fn a_put_without_the_header_that_the_policy_demands_is_denied() {
    let required_headers = ["x-amz-server-side-encryption: aws:kms", "x-amz-acl"].map(|text| text.parse().unwrap());
    let rig = rig(TestbedConfig { required_headers: required_headers.to_vec(), ..TestbedConfig::default() }).await;
    let put = async |headers: &str| {
        let mut wire = rig.connect().await;
        wire.send(&rig.link("PUT", "key", 60, NOW).head(5, headers)).await;
        wire.send(b"hello").await;
        wire.response().await
    };
    let both = "x-amz-server-side-encryption: aws:kms\r\nx-amz-acl: private\r\n";
    assert_eq!(reported(&put("").await), DENIED);
    assert_eq!(reported(&put("x-amz-server-side-encryption: aws:kms\r\n").await), DENIED);
    assert_eq!(reported(&put(&both.replace("aws:kms", "AES256")).await), DENIED);
    assert_eq!(put(both).await.status, 200);
    // Those that read are not asked, and those that sign in headers are.
    assert_eq!(rig.ask("GET", "key", b"").await.text(), "hello");
    let mut signed = Signed::new("PUT", "/ttlsweep/key");
    assert_eq!(reported(&signed.ask(&rig, b"hello").await), DENIED);
    signed.headers = vec![("x-amz-server-side-encryption", "aws:kms".to_owned()), ("x-amz-acl", "private".to_owned())];
    assert_eq!(signed.ask(&rig, b"hello").await.status, 200);
    assert!(rig.testbed.requests().iter().all(|request| request.disposition == Disposition::Answered));
}

#[tokio::test]
async fn a_checksum_is_held_against_the_body() {
    let required_headers = vec!["x-amz-checksum-sha256".parse().unwrap()];
    let rig = rig(TestbedConfig { required_headers, ..TestbedConfig::default() }).await;
    // Of `hello`, of nothing, and of no checksum at all.
    let sums = [
        ("LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=", 200, None),
        ("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", 400, Some("BadDigest")),
        ("hello", 400, Some("InvalidRequest")),
    ];
    for (sum, status, code) in sums {
        let mut wire = rig.connect().await;
        wire.send(&rig.link("PUT", "key", 60, NOW).head(5, &format!("x-amz-checksum-sha256: {sum}\r\n"))).await;
        wire.send(b"hello").await;
        assert_eq!(reported(&wire.response().await), (status, code), "{sum}");
    }
    assert_eq!(reported(&rig.ask("PUT", "key", b"hello").await), DENIED);
    assert_eq!(rig.ask("GET", "key", b"").await.text(), "hello");
}

#[tokio::test]
async fn an_upload_in_parts_is_asked_when_it_is_begun() {
    let required_headers = vec!["x-amz-acl: private".parse().unwrap()];
    let rig = rig(TestbedConfig { required_headers, ..TestbedConfig::default() }).await;
    let ask = async |method: &str, query: &[(&str, &str)], headers: &str| {
        let link = rig.link_signed_with(method, "/ttlsweep/parted", query, 60, NOW, DEFAULT_SECRET_KEY);
        let mut wire = rig.connect().await;
        wire.send(&link.head(0, headers)).await;
        wire.response().await
    };
    assert_eq!(reported(&ask("POST", &[("uploads", "")], "").await), DENIED);
    let begun = ask("POST", &[("uploads", "")], "x-amz-acl: private\r\n").await;
    let part = [("partNumber", "1"), ("uploadId", begun.element("UploadId").unwrap())];
    assert_eq!(ask("PUT", &part, "").await.status, 200);
}

#[tokio::test]
async fn links_can_be_refused_while_headers_are_served() {
    let rig = rig(TestbedConfig { refuse_links: true, ..TestbedConfig::default() }).await;
    assert_eq!(reported(&rig.ask("PUT", "key", b"hello").await), DENIED);
    assert_eq!(Signed::new("PUT", "/ttlsweep/key").ask(&rig, b"hello").await.status, 200);
    assert_eq!(Signed::new("GET", "/ttlsweep/key").ask(&rig, b"").await.text(), "hello");
    // An expired link is told that first, as by S3, which finds out who asks before what they may.
    let expired = rig.link("PUT", "key", 1, time::Duration::seconds(9));
    let response = rig.connect().await.ask(&expired, b"hello").await;
    assert_eq!(response.element("Message"), Some("Request has expired"));
}

#[tokio::test]
async fn a_link_can_be_too_old_before_it_expires() {
    let rig = rig(TestbedConfig { link_age: Some(Duration::from_secs(4)), ..TestbedConfig::default() }).await;
    for (age_s, status) in [(0, 200), (2, 200), (6, 403)] {
        let link = rig.link("PUT", "key", 3600, time::Duration::seconds(age_s));
        let response = rig.connect().await.ask(&link, b"hello").await;
        assert_eq!(response.status, status, "{age_s} s");
    }
    assert_eq!(Signed::new("PUT", "/ttlsweep/key").ask(&rig, b"hello").await.status, 200);
}

#[tokio::test]
async fn a_strict_store_does_not_take_parameters_that_it_does_not_know() {
    let unknown_parameters = UnknownParameters::Refuse;
    let rig = rig(TestbedConfig { unknown_parameters, ..TestbedConfig::default() }).await;
    let response = rig.connect().await.ask(&rig.transfer("PUT", "key", 60), b"hello").await;
    assert_eq!((reported(&response), response.element("Parameter")), ((501, Some("NotImplemented")), Some("x-run")));
    assert_eq!(rig.ask("PUT", "key", b"hello").await.status, 200);
    let known = [("response-content-type", "text/plain"), ("x-id", "GetObject"), ("X-Amz-Meta-A", "b")];
    let link = rig.link_signed_with("GET", "/ttlsweep/key", &known, 60, NOW, DEFAULT_SECRET_KEY);
    assert_eq!(rig.connect().await.ask(&link, b"").await.status, 200);
    let signed = Signed { query: &[("colour", "blue")], ..Signed::new("GET", "/ttlsweep/key") };
    assert_eq!(signed.ask(&rig, b"").await.status, 501);
}

#[tokio::test]
async fn a_store_may_know_one_way_of_listing_only() {
    let rig = rig(TestbedConfig { list_v2: false, ..TestbedConfig::default() }).await;
    let list = Signed { query: &[("list-type", "2")], ..Signed::new("GET", "/ttlsweep") };
    assert_eq!(reported(&list.ask(&rig, b"").await), (501, Some("NotImplemented")));
    let list = Signed::new("GET", "/ttlsweep").ask(&rig, b"").await;
    assert_eq!((list.status, list.element("Name")), (200, Some("ttlsweep")));
}
