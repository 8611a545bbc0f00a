//! What no honest client sends, sent to the program itself.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::Duration;

use time::OffsetDateTime;
use time::macros::format_description;
use tokio::time::timeout;
use ttlsweep_testbed::sigv4::{ALGORITHM, Scope, SignedRequest, UNSIGNED_PAYLOAD, sha256_hex};
use ttlsweep_testbed::{DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY, TestbedConfig};

use crate::client::{Response, Signed, There};
use crate::program::testbed;

/// The program; it ends when this is dropped.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn serve() -> (Served, There) {
    let mut program = testbed().args(["--no-tls"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut endpoint = String::new();
    BufReader::new(program.stdout.take().unwrap()).read_line(&mut endpoint).unwrap();
    let addr = endpoint.trim().strip_prefix("http://").unwrap().parse().unwrap();
    (Served(program), There { addr, ca_pem: None, config: TestbedConfig { tls: false, ..TestbedConfig::default() } })
}

/// Status and code of an answer.
fn reported(response: &Response) -> (u16, Option<&str>) {
    (response.status, response.element("Code"))
}

#[tokio::test]
async fn a_signature_in_the_headers_must_name_the_region() {
    let (_served, there) = serve();
    let elsewhere = Signed { region: "eu-west-3", ..Signed::new("PUT", "/ttlsweep/key") };
    let refused = elsewhere.ask(&there, b"hello").await;
    assert_eq!(reported(&refused), (400, Some("AuthorizationHeaderMalformed")));
    assert_eq!(refused.element("Region"), Some("us-east-1"));
}

#[tokio::test]
async fn a_body_other_than_the_one_that_the_link_was_signed_for_is_not_stored() {
    let (_served, there) = serve();
    for (hash, status) in [(sha256_hex(b"hello"), 200), (sha256_hex(b"other"), 400)] {
        let key = format!("key-{status}");
        let link = there.link_with_headers("PUT", &key, &[("x-amz-content-sha256", &hash)]);
        let mut wire = there.connect().await;
        wire.send(&link.head(5, &format!("x-amz-content-sha256: {hash}\r\n"))).await;
        wire.send(b"hello").await;
        let answer = wire.response().await;
        assert_eq!(answer.status, status, "{}", answer.text());
        assert_eq!(answer.element("Code"), (status == 400).then_some("XAmzContentSHA256Mismatch"));
        assert_eq!(there.ask("GET", &key, b"").await.status, if status == 200 { 200 } else { 404 });
    }
}

#[tokio::test]
async fn a_ttl_or_date_that_no_signer_writes_is_refused_though_it_is_signed_and_hurts_nobody() {
    let (_served, there) = serve();
    let mut wire = there.connect().await;
    let today = today();
    let next_year = format!("{}{}", today[..4].parse::<u32>().unwrap() + 1, &today[4..]);
    for (date, ttl) in [(today.as_str(), "+10"), (&today, "010"), ("99991231T235959Z", "10"), (&next_year, "10")] {
        wire.send(&signed(&there, date, ttl)).await;
        // The connection lives on.
        let answer = wire.response().await;
        let expected =
            if date == next_year { (403, "AccessDenied") } else { (400, "AuthorizationQueryParametersError") };
        assert_eq!(reported(&answer), (expected.0, Some(expected.1)), "{date} {ttl}");
    }
    let head = String::from_utf8(signed(&there, &today, "10")).unwrap();
    for twice in ["X-Amz-Signature=0", "X-Amz-Expires=604800"] {
        wire.send(head.replacen(" HTTP/1.1", &format!("&{twice} HTTP/1.1"), 1).as_bytes()).await;
        let answer = wire.response().await;
        assert_eq!(reported(&answer), (400, Some("AuthorizationQueryParametersError")), "{twice}");
    }
    wire.send(head.as_bytes()).await;
    assert_eq!(wire.response().await.status, 200, "the hand that signs these is right");
}

/// Now, as a link says it.
fn today() -> String {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    OffsetDateTime::now_utc().format(format).unwrap()
}

/// The head of an empty upload by a link that says exactly this, with the signature that belongs to it.
fn signed(there: &There, amz_date: &str, ttl: &str) -> Vec<u8> {
    let (scope, host) = (Scope { amz_date, region: "us-east-1" }, there.addr.to_string());
    let credential = format!("{DEFAULT_ACCESS_KEY}/{}", scope.credential());
    let query = [
        ("X-Amz-Algorithm", ALGORITHM),
        ("X-Amz-Credential", &credential),
        ("X-Amz-Date", amz_date),
        ("X-Amz-Expires", ttl),
        ("X-Amz-SignedHeaders", "host"),
    ];
    let request = SignedRequest {
        method: "PUT",
        path: "/ttlsweep/key",
        query: query.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        headers: vec![("host".to_owned(), host.clone())],
        payload: UNSIGNED_PAYLOAD,
    };
    let signature = scope.signature(DEFAULT_SECRET_KEY, &scope.string_to_sign(&request.canonical()));
    let query =
        query.map(|(name, value)| format!("{name}={}", value.replace('/', "%2F").replace('+', "%2B"))).join("&");
    let target = format!("/ttlsweep/key?{query}&X-Amz-Signature={signature}");
    format!("PUT {target} HTTP/1.1\r\nhost: {host}\r\ncontent-length: 0\r\n\r\n").into_bytes()
}

const HALF: &[u8] = b"PUT /ttlsweep/key HTTP/1.1\r\nhost: x\r\n";

/// Half a head costs its sender nothing, and its receiver a connection for as long as he keeps it.
#[tokio::test]
#[ignore = "slow"]
async fn heads_that_are_never_finished_do_not_pile_up() {
    let (_served, there) = serve();
    let mut halves = Vec::new();
    for number in 0..100 {
        let mut half = there.connect().await;
        half.send(&HALF[..HALF.len() - number % HALF.len()]).await;
        halves.push(half);
    }
    let all = async {
        for half in &mut halves {
            half.end().await;
        }
    };
    timeout(Duration::from_secs(40), all).await.expect("a connection with half a head is still open");
    assert_eq!(there.ask("PUT", "key", b"hello").await.status, 200);
}
