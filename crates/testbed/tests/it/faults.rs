//! Every fault as it arrives on the wire, and when.

use std::io::ErrorKind;
use std::time::Duration;

use futures_util::future::join_all;
use time::OffsetDateTime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::rustls;
use ttlsweep_record::FaultKind;
use ttlsweep_record::words::{Cut, EarlyClose, ExpiryPolicy};
use ttlsweep_testbed::{Disposition, FaultRecord, RequestRecord, Testbed, TestbedConfig, TestbedError};

use crate::client::{End, Heard, Link, PIECE_BYTES, Rig, Seen, Signed, Wire};
use crate::lag;

/// What a trickled upload sends, in 0.5 s.
const PIECES: usize = 25;
const BODY_BYTES: usize = PIECES * PIECE_BYTES;
const PAUSE: Duration = Duration::from_millis(20);
/// Long enough for whatever is to come at once, and for silence to be believed.
const A_WHILE: Duration = Duration::from_millis(200);

fn config(fault: &str, tls: bool) -> TestbedConfig {
    TestbedConfig { fault: Some(fault.parse().unwrap()), tls, ..TestbedConfig::default() }
}

/// Sends a body steadily over 0.5 s, or until the connection breaks.
async fn upload(rig: &Rig, link: &Link) -> Seen {
    rig.connect().await.trickle(link.head(BODY_BYTES, ""), PIECES, PAUSE).await
}

/// Asks for the object and reads all that comes.
async fn download(rig: &Rig, link: &Link) -> (Wire, Heard) {
    let mut wire = rig.connect().await;
    wire.send(&link.head(0, "")).await;
    let heard = wire.hear(Duration::from_secs(3)).await;
    (wire, heard)
}

/// The record of the newest request, whose fault must be the one that was asked for.
async fn fault_request(rig: &Rig, seen: usize, fault: &str) -> RequestRecord {
    let request = rig.request(seen).await;
    assert_eq!(request.disposition.to_string(), format!("fault-{}", fault.split('@').next().unwrap()));
    assert_eq!(Disposition::Fault(request.fault.unwrap().kind), request.disposition);
    request
}

/// A FIN; over TLS, without close_notify.
fn bare_fin(tls: bool) -> Option<End> {
    Some(if tls { End::BareEof } else { End::Eof })
}

/// Within 50 ms; what the machine itself was late by meanwhile does not count.
fn assert_near(what: &str, at: OffsetDateTime, expected: OffsetDateTime) {
    let late_ms = (at - expected).as_seconds_f64() * 1e3;
    let lag_ms = lag::ms();
    assert!((-50.0..50.0 + lag_ms).contains(&late_ms), "{what}: {late_ms:.1} ms after it was due, lag {lag_ms:.1} ms");
}

/// When the fault was due, by its place.
fn due(fault: &str, request: &RequestRecord) -> OffsetDateTime {
    let millis = |text: &str| Duration::from_millis(text.trim_end_matches("ms").parse().unwrap());
    match fault.split_once('@').map_or("head", |(_, place)| place) {
        "head" => request.head_arrived_at,
        "expiry" => request.expires_at.unwrap(),
        // How long a client takes to send the half is its own affair.
        "50%" => {
            let FaultRecord { at, body_bytes, .. } = request.fault.unwrap();
            let half = BODY_BYTES as u64 / 2;
            assert!((half..half + 64 * 1024).contains(&body_bytes), "{body_bytes} bytes are not half");
            at
        }
        place => match place.strip_prefix("expiry") {
            None => request.head_arrived_at + millis(&place[1..]),
            Some(offset) if offset.starts_with('-') => request.expires_at.unwrap() - millis(&offset[1..]),
            Some(offset) => request.expires_at.unwrap() + millis(&offset[1..]),
        },
    }
}

#[tokio::test]
async fn a_reset_comes_at_its_place_in_an_upload() {
    let faults = ["reset", "reset@50%", "reset@+150ms", "reset@expiry", "reset@expiry+100ms", "reset@expiry-100ms"];
    of_each(faults, 0, async |rig, fault, _tls| {
        let link = rig.short_transfer("PUT", "key");
        let wire = rig.connect().await;
        let seen = wire.trickle(link.head(BODY_BYTES * 4, ""), PIECES * 4, PAUSE).await;
        assert!(seen.response.is_none() && seen.still_sending, "{fault}");
        assert_eq!(seen.end, Some(End::Reset), "{fault}");
        let request = fault_request(&rig, 0, fault).await;
        assert_near(fault, seen.at, request.fault.unwrap().at);
        if !fault.ends_with('%') {
            assert_near(fault, request.fault.unwrap().at, due(fault, &request));
        }
        assert_eq!((request.status, request.answered_at, request.run.as_deref()), (None, None, Some("t-1")));
        assert_eq!(rig.ask_beside("GET", "key").await.element("Code"), Some("NoSuchKey"));
    })
    .await;
}

#[tokio::test]
async fn a_close_and_a_close_notify_end_an_upload_with_a_fin() {
    of_each(["close", "close@50%", "close-notify@50%"], 0, async |rig, fault, tls| {
        let end = if fault.starts_with("close-notify") { Some(End::Eof) } else { bare_fin(tls) };
        let seen = upload(&rig, &rig.transfer("PUT", "key", 60)).await;
        assert!(seen.response.is_none() && seen.still_sending, "{fault}");
        assert_eq!(seen.end, end, "{fault}");
        let request = fault_request(&rig, 0, fault).await;
        assert_near(fault, seen.at, due(fault, &request));
    })
    .await;
}

#[tokio::test]
async fn an_uploaded_part_is_an_upload() {
    of_each(["reset@50%"], 0, async |rig, fault, _tls| {
        let config = TestbedConfig::default();
        let ask = async |method: &str, query: &[(&str, &str)]| {
            let age = time::Duration::ZERO;
            rig.link_signed_with(method, "/ttlsweep/parted", query, 60, age, config.secret_key.expose())
        };
        let begin = ask("POST", &[("uploads", "")]).await;
        let begun = rig.connect().await.ask(&begin, b"").await;
        let id = begun.element("UploadId").unwrap();
        let part = ask("PUT", &[("partNumber", "1"), ("uploadId", id), ("x-run", "t-1")]).await;
        let seen = upload(&rig, &part).await;
        assert_eq!(seen.end, Some(End::Reset));
        assert_near(fault, seen.at, due(fault, &fault_request(&rig, 1, fault).await));
        let list = ask("GET", &[("uploadId", id)]).await;
        assert!(!rig.connect().await.ask(&list, b"").await.text().contains("<PartNumber>"));
    })
    .await;
}

#[tokio::test]
async fn a_download_breaks_off_behind_exactly_its_share() {
    let faults = ["close@50%", "close-notify@25%", "truncated-body", "truncated-body@0%", "close@100%"];
    of_each(faults, 400_000, async |rig, fault, tls| {
        let (end, bytes) = match fault {
            "close-notify@25%" => (Some(End::Eof), 100_000),
            "truncated-body@0%" => (bare_fin(tls), 0),
            "close@100%" => (bare_fin(tls), 400_000),
            _ => (bare_fin(tls), 200_000),
        };
        let (_, heard) = download(&rig, &rig.transfer("GET", "object", 60)).await;
        let (head, body) = heard.parts();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("content-length: 400000\r\n"), "{head}");
        assert_eq!((body.len(), heard.end), (bytes, end), "{fault}");
        let request = fault_request(&rig, 1, fault).await;
        assert_eq!((request.response_bytes, request.status, request.answered_at), (bytes as u64, Some(200), None));
        assert_near(fault, heard.at, request.fault.unwrap().at);
    })
    .await;
}

#[tokio::test]
async fn a_download_that_is_read_slowly_is_cut_at_its_time() {
    let faults = ["reset@+200ms", "close@expiry", "truncated-body@expiry-100ms"];
    of_each(faults, 8_000_000, async |rig, fault, tls| {
        let end = if fault.starts_with("reset") { Some(End::Reset) } else { bare_fin(tls) };
        let link = rig.short_transfer("GET", "object");
        let mut wire = rig.connect().await;
        wire.send(&link.head(0, "")).await;
        // Of 8 MB, so much stays with the testbed that the end cannot hide behind it.
        let mut bin = [0; 10_000];
        let mut requests = rig.testbed.requests();
        while requests.len() < 2 {
            let _ = timeout(Duration::from_millis(5), wire.reader.read(&mut bin)).await;
            sleep(Duration::from_millis(15)).await;
            requests = rig.testbed.requests();
        }
        assert_eq!(Some(wire.end().await), end, "{fault}");
        let request = fault_request(&rig, 1, fault).await;
        assert_near(fault, request.fault.unwrap().at, due(fault, &request));
        assert!(request.response_bytes < 8_000_000);
    })
    .await;
}

#[tokio::test]
async fn a_reset_without_a_response_is_all_that_a_download_gets_at_the_head() {
    of_each(["reset", "close", "close-notify"], 1000, async |rig, fault, tls| {
        let end = match fault {
            "reset" => Some(End::Reset),
            "close" => bare_fin(tls),
            _ => Some(End::Eof),
        };
        let (_, heard) = download(&rig, &rig.transfer("GET", "object", 60)).await;
        assert_eq!((heard.bytes.len(), heard.end), (0, end), "{fault}");
        assert_near(fault, heard.at, fault_request(&rig, 1, fault).await.head_arrived_at);
    })
    .await;
}

#[tokio::test]
async fn an_error_overtakes_the_body_at_its_place() {
    let faults =
        ["error:503:SlowDown", "error:503:SlowDown@50%", "error:503:SlowDown@+150ms", "error:503:SlowDown@expiry"];
    of_each(faults, 0, async |rig, fault, _tls| {
        let link = rig.short_transfer("PUT", "key");
        let wire = rig.connect().await;
        let seen = wire.trickle(link.head(BODY_BYTES * 4, ""), PIECES * 4, PAUSE).await;
        assert!(seen.still_sending, "{fault}");
        let response = seen.response.as_ref().unwrap();
        assert_eq!((response.status, response.element("Code")), (503, Some("SlowDown")), "{fault}");
        assert_eq!(response.element("Message"), Some("Please reduce your request rate."));
        assert_eq!(response.element("RequestId"), response.header("x-amz-request-id"));
        assert_eq!(response.header("connection"), Some("close"));
        let request = fault_request(&rig, 0, fault).await;
        assert_near(fault, seen.at, request.fault.unwrap().at);
        if !fault.ends_with('%') {
            assert_near(fault, request.fault.unwrap().at, due(fault, &request));
        }
        assert_eq!(request.status, Some(503));
        assert_eq!(rig.ask_beside("GET", "key").await.element("Code"), Some("NoSuchKey"));
    })
    .await;
}

#[tokio::test]
async fn an_error_behind_the_whole_body_is_not_early_and_keeps_the_connection() {
    of_each(["error:500:InternalError@100%"], 0, async |rig, _fault, _tls| {
        let mut wire = rig.connect().await;
        let refused = wire.ask(&rig.transfer("PUT", "key", 60), &[b'x'; 50_000]).await;
        assert_eq!((refused.status, refused.header("connection")), (500, None));
        assert_eq!(wire.ask(&listing(&rig), b"").await.element("KeyCount"), Some("0"));
        assert_eq!(rig.testbed.requests()[0].fault.unwrap().body_bytes, 50_000);
    })
    .await;
}

#[tokio::test]
async fn a_downloads_error_waits_for_its_time() {
    of_each(["error:403:ExpiredToken@+150ms"], 1000, async |rig, _fault, _tls| {
        let mut wire = rig.connect().await;
        let refused = wire.ask(&rig.transfer("GET", "object", 60), b"").await;
        let at = OffsetDateTime::now_utc();
        assert_eq!((refused.status, refused.element("Code")), (403, Some("ExpiredToken")));
        let request = fault_request(&rig, 1, "error:403:ExpiredToken").await;
        assert_near("error", at, request.head_arrived_at + Duration::from_millis(150));
        // Not early, so that the connection is still of use.
        assert_eq!(wire.ask(&listing(&rig), b"").await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn a_redirect_names_another_host_for_which_the_link_is_not_signed() {
    of_each(["redirect"], 1000, async |rig, _fault, tls| {
        for (method, body_bytes) in [("PUT", BODY_BYTES), ("GET", 0)] {
            let link = rig.transfer(method, "object", 60);
            let mut wire = rig.connect().await;
            wire.send(&link.head(body_bytes, "")).await;
            let redirected = wire.response().await;
            assert_eq!((redirected.status, redirected.element("Code")), (307, Some("TemporaryRedirect")));
            assert_eq!(redirected.element("RequestId"), redirected.header("x-amz-request-id"));
            let scheme = if tls { "https" } else { "http" };
            let elsewhere = format!("localhost:{}", rig.testbed.addr().port());
            assert_eq!(redirected.element("Endpoint"), Some(elsewhere.as_str()));
            let location = format!("{scheme}://{elsewhere}{}", link.target);
            assert_eq!(redirected.header("location"), Some(location.as_str()));
            assert_eq!(redirected.header("connection"), (method == "PUT").then_some("close"));

            let followed = Link { host: elsewhere, ..link };
            let refused = rig.connect().await.ask(&followed, b"").await;
            assert_eq!(refused.element("Code"), Some("SignatureDoesNotMatch"));
        }
    })
    .await;
}

#[tokio::test]
async fn a_stall_reads_and_sends_nothing_more_until_the_client_goes() {
    of_each(["stall", "stall@10%"], 400_000, async |rig, fault, _tls| {
        // More than the buffers of both kernels hold.
        let link = rig.transfer("PUT", "key", 60);
        let Wire { mut reader, mut writer } = rig.connect().await;
        writer.write_all(&link.head(40_000_000, "")).await.unwrap();
        let writing = timeout(A_WHILE * 2, writer.write_all(&vec![b'x'; 40_000_000])).await;
        assert!(writing.is_err(), "{fault}: all of it was written");
        let mut bin = [0; 10];
        assert!(timeout(A_WHILE, reader.read(&mut bin)).await.is_err(), "{fault}: something came");
        drop((reader, writer));
        let read = fault_request(&rig, 1, fault).await.body_bytes;
        assert!((0..4_100_000).contains(&read) && (read >= 4_000_000) == fault.ends_with('%'), "{fault}: {read}");

        let mut wire = rig.connect().await;
        wire.send(&rig.transfer("GET", "object", 60).head(0, "")).await;
        let heard = wire.hear(A_WHILE).await;
        assert_eq!(heard.end, None);
        let body_bytes = if heard.bytes.is_empty() { 0 } else { heard.parts().1.len() };
        assert_eq!(body_bytes, if fault.ends_with('%') { 40_000 } else { 0 });
        drop(wire);
        assert_eq!(fault_request(&rig, 2, fault).await.response_bytes, body_bytes as u64);
    })
    .await;
}

#[tokio::test]
async fn slow_takes_an_upload_at_its_pace() {
    of_each(["slow:800kbit/s", "slow:800kbit/s@50%"], 0, async |rig, fault, _tls| {
        // 800 kbit/s are 100 kB/s.
        let millis = if fault.ends_with('%') { 300 } else { 600 };
        let link = rig.transfer("PUT", "key", 60);
        let mut wire = rig.connect().await;
        wire.send(&link.head(60_000, "")).await;
        // Or the beginning would be read along with the head.
        sleep(Duration::from_millis(30)).await;
        let start = Instant::now();
        for _ in 0..2 {
            wire.send(&[b'x'; 30_000]).await;
            sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(wire.response().await.status, 200);
        let took_ms = start.elapsed().as_millis() as i64;
        assert!((took_ms - millis).abs() < 100 + lag::ms() as i64, "{fault}: {took_ms} ms");
        assert_eq!(fault_request(&rig, 0, fault).await.body_bytes, 60_000);
    })
    .await;
}

#[tokio::test]
async fn slow_sends_a_download_at_its_pace() {
    of_each(["slow:800kbit/s@50%"], 100_000, async |rig, _fault, _tls| {
        let mut wire = rig.connect().await;
        let start = Instant::now();
        wire.send(&rig.transfer("GET", "object", 60).head(0, "")).await;
        let first = wire.hear(Duration::from_millis(120)).await;
        let bytes = first.parts().1.len();
        assert!((50_000..65_000).contains(&bytes), "{bytes}");
        let mut rest = vec![0; 100_000 - bytes];
        wire.reader.read_exact(&mut rest).await.unwrap();
        let took_ms = start.elapsed().as_millis() as i64;
        assert!((took_ms - 500).abs() < 80 + lag::ms() as i64, "{took_ms} ms");
        let fault = fault_request(&rig, 1, "slow:800kbit/s").await.fault.unwrap();
        assert_eq!(fault.response_bytes, 50_000);
    })
    .await;
}

#[tokio::test]
async fn garbage_and_broken_heads_and_bodies_are_followed_by_a_fin() {
    of_each(["garbage", "truncated-head@50%", "truncated-body"], 0, async |rig, fault, tls| {
        let link = rig.transfer("PUT", "key", 60);
        let mut wire = rig.connect().await;
        wire.send(&link.head(100_000, "")).await;
        wire.send(&[b'x'; 60_000]).await;
        let heard = wire.hear(Duration::from_secs(2)).await;
        assert_eq!(heard.end, bare_fin(tls), "{fault}");
        let text = str::from_utf8(&heard.bytes).unwrap();
        let request = fault_request(&rig, 0, fault).await;
        match fault {
            "garbage" => assert_eq!(text, "220 mail.example.com ESMTP ready\r\n"),
            "truncated-body" => {
                let (head, body) = heard.parts();
                assert!(head.starts_with("HTTP/1.1 500 Internal Server Error\r\n"), "{head}");
                assert!(head.contains(&format!("x-amz-request-id: {}\r\n", request.request_id)));
                let length: usize = head.split_once("content-length: ").unwrap().1.trim().parse().unwrap();
                assert_eq!(body.len(), length / 2);
                assert_eq!((request.status, request.response_bytes), (Some(500), body.len() as u64));
            }
            _ => assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("\r\ncontent-le"), "{text}"),
        }
        assert_near(fault, heard.at, request.fault.unwrap().at);
    })
    .await;
    of_each(["garbage", "truncated-head@+100ms"], 1000, async |rig, fault, tls| {
        let (_, heard) = download(&rig, &rig.transfer("GET", "object", 60)).await;
        assert_eq!(heard.end, bare_fin(tls), "{fault}");
        assert!(!heard.bytes.is_empty() && !heard.bytes.ends_with(b"\r\n\r\n"));
        let request = fault_request(&rig, 1, fault).await;
        assert_near(fault, heard.at, due(fault, &request));
    })
    .await;
}

#[tokio::test]
async fn a_100_that_is_sent_first_goes_to_expired_links_too() {
    of_each(["continue-first"], 0, async |rig, _fault, _tls| {
        let expect = "expect: 100-continue\r\n";
        let said = async |age: time::Duration| {
            let mut wire = rig.connect().await;
            wire.send(&rig.link("PUT", "key", 10, age).head(PIECE_BYTES, expect)).await;
            let heard = wire.hear(A_WHILE).await;
            (wire, String::from_utf8_lossy(&heard.bytes).into_owned())
        };
        let (_, expired) = said(time::Duration::minutes(1)).await;
        assert!(expired.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 403"), "{expired}");
        let (mut wire, living) = said(time::Duration::ZERO).await;
        assert_eq!(living, "HTTP/1.1 100 Continue\r\n\r\n");
        wire.send(&[b'x'; PIECE_BYTES]).await;
        assert_eq!(wire.response().await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn a_head_that_is_read_late_is_refused_if_its_link_has_expired_meanwhile_and_gets_no_100() {
    of_each(["late-head:1500ms"], 0, async |rig, _fault, _tls| {
        let expect = "expect: 100-continue\r\n";
        let started = Instant::now();
        let mut wires = [rig.connect().await, rig.connect().await];
        // It lives for up to a second, which is over before it is read.
        wires[0].send(&rig.link("PUT", "key", 1, time::Duration::ZERO).head(PIECE_BYTES, expect)).await;
        wires[1].send(&rig.link("PUT", "key", 60, time::Duration::ZERO).head(PIECE_BYTES, expect)).await;
        let [late, living] = &mut wires;
        let (late, living) = tokio::join!(late.hear(Duration::from_secs(2)), living.hear(Duration::from_secs(2)));
        assert!(started.elapsed() >= Duration::from_millis(1500));
        let said = |heard: &Heard| String::from_utf8_lossy(&heard.bytes).into_owned();
        assert!(said(&late).starts_with("HTTP/1.1 403"), "{}", said(&late));
        assert_eq!(said(&living), "HTTP/1.1 100 Continue\r\n\r\n");
        wires[1].send(&[b'x'; PIECE_BYTES]).await;
        assert_eq!(wires[1].response().await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn the_100_never_comes_but_the_body_is_taken() {
    of_each(["no-continue"], 0, async |rig, _fault, _tls| {
        let mut wire = rig.connect().await;
        wire.send(&rig.transfer("PUT", "key", 60).head(PIECE_BYTES, "expect: 100-continue\r\n")).await;
        let heard = wire.hear(A_WHILE).await;
        assert!(heard.bytes.is_empty() && heard.end.is_none());
        wire.send(&[b'x'; PIECE_BYTES]).await;
        assert_eq!(wire.response().await.status, 200);
        assert_eq!(fault_request(&rig, 0, "no-continue").await.status, Some(200));
        // A client that asks for no 100 misses none, and a request that is not a transfer gets its own.
        assert_eq!(wire.ask(&rig.transfer("PUT", "key", 60), b"hello").await.status, 200);
        assert_eq!(rig.request(1).await.disposition, Disposition::Answered);
        let secret = TestbedConfig::default().secret_key;
        let deletion = [("delete", "")];
        let other = rig.link_signed_with("POST", "/ttlsweep", &deletion, 60, time::Duration::ZERO, secret.expose());
        wire.send(&other.head(5, "expect: 100-continue\r\n")).await;
        assert_eq!(wire.response().await.status, 100);
    })
    .await;
}

#[tokio::test]
async fn an_early_200_comes_at_its_place_and_the_body_is_stored() {
    of_each(["early-ok", "early-ok@50%", "early-ok@+150ms"], 0, async |rig, fault, _tls| {
        let seen = upload(&rig, &rig.transfer("PUT", "key", 60)).await;
        assert_eq!((seen.status(), seen.still_sending), (200, true), "{fault}");
        assert_eq!(seen.response.as_ref().unwrap().header("connection"), None);
        let writer = seen.writing.end().await.expect("no write fails");
        let request = fault_request(&rig, 0, fault).await;
        assert_eq!((request.status, request.body_bytes), (Some(200), BODY_BYTES as u64), "{fault}");
        assert_near(fault, seen.at, due(fault, &request));
        let mut wire = Wire { reader: seen.reader, writer };
        let size = BODY_BYTES.to_string();
        assert_eq!(wire.ask(&listing(&rig), b"").await.element("Size"), Some(size.as_str()));
    })
    .await;
}

#[tokio::test]
async fn after_a_whole_answer_nothing_more_is_read() {
    of_each(["stop-reading-after-answer"], 1000, async |rig, fault, _tls| {
        let Wire { mut reader, mut writer } = rig.connect().await;
        writer.write_all(&rig.transfer("PUT", "key", 60).head(40_000_000, "")).await.unwrap();
        let writing = tokio::spawn(async move {
            let stuck = timeout(A_WHILE * 2, writer.write_all(&vec![b'x'; 40_000_000])).await.is_err();
            (stuck, writer)
        });
        let mut answer = vec![0; 1000];
        let bytes = reader.read(&mut answer).await.unwrap();
        let answer = str::from_utf8(&answer[..bytes]).unwrap();
        assert!(answer.starts_with("HTTP/1.1 503") && answer.ends_with("</Error>"), "{answer}");
        assert!(!answer.contains("connection: close"));
        let (stuck, writer) = writing.await.unwrap();
        assert!(stuck, "all of it was written");
        let mut bin = [0; 10];
        assert!(timeout(A_WHILE, reader.read(&mut bin)).await.is_err(), "the connection stays open");
        drop((reader, writer));
        let request = fault_request(&rig, 1, fault).await;
        assert_eq!((request.status, request.answered_at.is_some()), (Some(503), true));

        let mut wire = rig.connect().await;
        let link = rig.transfer("GET", "object", 60);
        assert_eq!(wire.ask(&link, b"").await.body.len(), 1000);
        wire.send(&link.head(0, "")).await;
        let heard = wire.hear(A_WHILE).await;
        assert!(heard.bytes.is_empty() && heard.end.is_none());
        drop(wire);
        assert_eq!(fault_request(&rig, 2, fault).await.response_bytes, 1000);
    })
    .await;
}

#[tokio::test]
async fn an_idle_connection_is_closed_a_moment_after_the_answer() {
    of_each(["keep-alive-close"], 1000, async |rig, _fault, _tls| {
        let mut wire = rig.connect().await;
        let link = rig.transfer("GET", "object", 60);
        // Whoever is quick finds it open.
        for _ in 0..2 {
            let got = wire.ask(&link, b"").await;
            assert_eq!((got.status, got.header("connection")), (200, None));
            sleep(Duration::from_millis(30)).await;
        }
        assert_eq!(wire.ask(&rig.transfer("PUT", "key", 60), b"hello").await.status, 200);
        let answered = OffsetDateTime::now_utc();
        let heard = wire.hear(Duration::from_secs(2)).await;
        assert_eq!((heard.bytes.len(), heard.end), (0, Some(End::Eof)));
        assert_near("close", heard.at, answered + Duration::from_millis(100));
        let request = fault_request(&rig, 3, "keep-alive-close").await;
        assert_near("record", request.fault.unwrap().at, heard.at);
        assert_eq!((request.method.as_str(), request.status), ("PUT", Some(200)));
        assert_eq!(rig.testbed.requests()[1].disposition, Disposition::Answered);
    })
    .await;
}

#[tokio::test]
async fn an_answer_says_that_the_connection_closes_and_it_does() {
    of_each(["connection-close"], 1000, async |rig, _fault, _tls| {
        for (method, body) in [("PUT", b"hello".as_slice()), ("GET", b"")] {
            let mut wire = rig.connect().await;
            let answer = wire.ask(&rig.transfer(method, "object", 60), body).await;
            assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
            assert_eq!(wire.end().await, End::Eof);
        }
        assert_eq!(fault_request(&rig, 2, "connection-close").await.status, Some(200));
    })
    .await;
}

#[tokio::test]
async fn a_tls_handshake_ends_in_an_alert_or_in_a_fin() {
    for fault in ["tls-alert", "tls-close"] {
        let rig = Rig::start(config(fault, true)).await;
        let start = OffsetDateTime::now_utc();
        let error = rig.try_connect().await.map(drop).unwrap_err();
        let alert = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
        match fault {
            "tls-alert" => assert!(
                matches!(alert, Some(rustls::Error::AlertReceived(rustls::AlertDescription::HandshakeFailure))),
                "{error:?}"
            ),
            _ => assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{error:?}"),
        }
        let request = fault_request(&rig, 0, fault).await;
        assert_near(fault, request.fault.unwrap().at, start);
        assert_eq!((request.method.as_str(), request.run), ("", None));
        assert_eq!(status_at_control(&rig).await, 404);

        let error = Testbed::start(config(fault, false)).await.unwrap_err();
        assert!(matches!(error, TestbedError::NeedsTls(_)), "{error}");
    }
}

#[tokio::test]
async fn a_refused_connection_leaves_the_control_endpoint_open() {
    of_each(["refuse"], 0, async |rig, _fault, _tls| {
        assert_eq!(rig.try_connect().await.map(drop).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        assert_eq!(status_at_control(&rig).await, 404);
        assert_eq!(rig.testbed.requests().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_black_hole_accepts_and_says_nothing() {
    of_each(["blackhole"], 0, async |rig, _fault, tls| {
        let socket = tokio::net::TcpStream::connect(rig.testbed.addr()).await.unwrap();
        let mut wire = Wire::over(socket);
        wire.send(b"anything at all").await;
        let heard = wire.hear(A_WHILE).await;
        assert!(heard.bytes.is_empty() && heard.end.is_none());
        if tls {
            assert!(timeout(A_WHILE, rig.try_connect()).await.is_err());
        }
        assert_eq!(status_at_control(&rig).await, 404);
        let requests = rig.testbed.requests();
        assert_eq!(
            requests.iter().filter(|request| request.disposition == Disposition::Fault(FaultKind::Blackhole)).count(),
            1 + usize::from(tls)
        );
    })
    .await;
}

#[tokio::test]
async fn only_transfers_are_met_and_only_those_that_would_be_served() {
    of_each(["reset"], 1000, async |rig, _fault, _tls| {
        assert_eq!(rig.connect().await.ask(&listing(&rig), b"").await.element("Size"), Some("1000"));
        let secret = TestbedConfig::default().secret_key;
        let run = [("x-run", "t-1")];
        let ago = time::Duration::seconds(100);
        let expired = rig.link_signed_with("PUT", "/ttlsweep/key", &run, 1, ago, secret.expose());
        assert_eq!(rig.connect().await.ask(&expired, b"").await.element("Code"), Some("AccessDenied"));
        assert_eq!(rig.request(2).await.disposition, Disposition::RefusedAtHead);
        let forged = rig.link_signed_with("PUT", "/ttlsweep/key", &run, 60, time::Duration::ZERO, "no");
        assert_eq!(rig.connect().await.ask(&forged, b"").await.element("Code"), Some("SignatureDoesNotMatch"));
        let head = rig.transfer("HEAD", "object", 60);
        let mut wire = rig.connect().await;
        wire.send(&head.head(0, "")).await;
        assert!(wire.hear(A_WHILE).await.bytes.starts_with(b"HTTP/1.1 200"));
        assert!(rig.testbed.requests().iter().all(|request| request.fault.is_none()));
    })
    .await;
}

#[tokio::test]
async fn each_put_and_get_of_an_object_is_met_whichever_client_made_it() {
    of_each(["error:503:SlowDown"], 1000, async |rig, fault, _tls| {
        for method in ["PUT", "GET"] {
            // As other clients make links: without an `x-run`.
            let link = rig.link(method, "object", 60, time::Duration::ZERO);
            assert_eq!(rig.connect().await.ask(&link, b"").await.status, 503);
            let signed = Signed::new(method, "/ttlsweep/object");
            assert_eq!(signed.ask(&rig, b"").await.status, 503);
        }
        assert_eq!(fault_request(&rig, 4, fault.trim_end_matches("@head")).await.run, None);
    })
    .await;
}

#[tokio::test]
async fn a_forged_signature_in_the_headers_is_refused_and_not_met() {
    of_each(["reset"], 0, async |rig, _fault, _tls| {
        let forged = Signed { secret_key: "no", ..Signed::new("PUT", "/ttlsweep/object") };
        assert_eq!(forged.ask(&rig, b"").await.element("Code"), Some("SignatureDoesNotMatch"));
        let unsigned = Signed { access_key: "", ..Signed::new("PUT", "/ttlsweep/object") };
        assert_eq!(unsigned.ask(&rig, b"").await.element("Code"), Some("AccessDenied"));
        assert!(rig.testbed.requests().iter().all(|request| request.fault.is_none()));
    })
    .await;
}

/// An upload as the SDKs of AWS make it by default: in chunks, whose length is said in a header of its own.
async fn upload_in_chunks(rig: &Rig) -> (Option<u16>, Option<End>) {
    let mut signed = Signed::new("PUT", "/ttlsweep/chunked");
    signed.payload = "STREAMING-UNSIGNED-PAYLOAD-TRAILER".to_owned();
    let pieces = PIECES as u64;
    signed.headers = vec![
        ("content-encoding", "aws-chunked".to_owned()),
        ("x-amz-decoded-content-length", (pieces * 10_000).to_string()),
        ("x-amz-trailer", "x-amz-checksum-crc32".to_owned()),
    ];
    let Wire { mut reader, mut writer } = rig.connect().await;
    let head = signed.head(rig, "transfer-encoding: chunked\r\n");
    let writing = tokio::spawn(async move {
        writer.write_all(&head).await?;
        for _ in 0..pieces {
            // A chunk of AWS's within a chunk of HTTP's.
            let piece = [b"2710\r\n".as_slice(), &[b'x'; PIECE_BYTES], b"\r\n"].concat();
            writer.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).await?;
            writer.write_all(&piece).await?;
            writer.write_all(b"\r\n").await?;
            writer.flush().await?;
            sleep(PAUSE).await;
        }
        let end = b"0\r\nx-amz-checksum-crc32:TGUVAQ==\r\n\r\n";
        writer.write_all(format!("{:x}\r\n", end.len()).as_bytes()).await?;
        writer.write_all(end).await?;
        writer.write_all(b"\r\n0\r\n\r\n").await?;
        writer.flush().await?;
        std::io::Result::Ok(writer)
    });
    let mut wire =
        Wire { reader, writer: tokio::io::split(Box::new(tokio::io::empty()) as Box<dyn crate::client::Stream>).1 };
    let heard = wire.hear(Duration::from_secs(2)).await;
    reader = wire.reader;
    drop(reader);
    let end = match writing.await.unwrap() {
        Err(error) if error.kind() == ErrorKind::ConnectionReset => Some(End::Reset),
        _ => heard.end,
    };
    let status = str::from_utf8(&heard.bytes).unwrap().split(' ').nth(1).map(|status| status.parse().unwrap());
    (status, end)
}

#[tokio::test]
async fn a_share_of_an_upload_in_chunks_is_met() {
    let faults =
        ["reset@50%", "error:503:SlowDown@50%", "error:503:SlowDown@100%", "stall@50%", "close@50%", "early-ok@50%"];
    of_each(faults, 0, async |rig, fault, tls| {
        let (status, end) = upload_in_chunks(&rig).await;
        let expected = match fault {
            "reset@50%" => (None, Some(End::Reset)),
            "stall@50%" => (None, None),
            "close@50%" => (None, bare_fin(tls)),
            "error:503:SlowDown@50%" => (Some(503), end),
            "error:503:SlowDown@100%" => (Some(503), None),
            _ => (Some(200), None),
        };
        assert_eq!((status, end), expected, "{fault} TLS {tls}");
        let request = rig.request(0).await;
        assert_eq!(request.fault.map(|fault| fault.kind.as_str()), fault.split([':', '@']).next(), "{fault}");
        let share = if fault.ends_with("@100%") { BODY_BYTES as u64 } else { BODY_BYTES as u64 / 2 };
        let at = request.fault.unwrap().body_bytes;
        assert!((share..share + 64 * 1024).contains(&at), "{fault}: {at} bytes");
    })
    .await;
}

#[tokio::test]
async fn what_is_over_before_its_fault_is_answered() {
    of_each(["reset@+300ms", "error:503:SlowDown@expiry", "stall@+300ms"], 0, async |rig, _fault, _tls| {
        let mut wire = rig.connect().await;
        assert_eq!(wire.ask(&rig.transfer("PUT", "key", 60), b"hello").await.status, 200);
        sleep(Duration::from_millis(350)).await;
        assert_eq!(wire.ask(&listing(&rig), b"").await.element("Size"), Some("5"));
        assert!(
            rig.testbed
                .requests()
                .iter()
                .all(|request| request.disposition == Disposition::Answered && request.fault.is_none())
        );
    })
    .await;
}

#[tokio::test]
async fn a_cut_at_expiry_has_the_last_word_over_a_fault_that_lasts() {
    let config =
        |fault: &str, tls| TestbedConfig { expiry: ExpiryPolicy::InFlight, cut: Cut::Reset, ..config(fault, tls) };
    of_each_with(["stall@10%", "slow:64kbit/s"], config, 0, async |rig, fault, _tls| {
        let link = rig.short_transfer("PUT", "key");
        let wire = rig.connect().await;
        let seen = wire.trickle(link.head(BODY_BYTES * 4, ""), PIECES * 4, PAUSE).await;
        assert_eq!(seen.end, Some(End::Reset), "{fault}");
        assert_near(fault, seen.at, link.expires_at);
        let request = rig.request(0).await;
        assert_eq!(request.disposition, Disposition::Cut(Cut::Reset));
        assert!(request.fault.unwrap().at < link.expires_at);
    })
    .await;
}

#[tokio::test]
async fn an_error_closes_as_early_answers_do() {
    let leaving = EarlyClose::ALL.iter().filter(|early_close| **early_close != EarlyClose::Lost);
    join_all(leaving.map(async |&early_close| {
        let config = |fault: &str, tls| TestbedConfig { early_close, ..config(fault, tls) };
        of_each_with(["error:503:SlowDown@10%"], config, 0, async |rig, _fault, _tls| {
            let seen = upload(&rig, &rig.transfer("PUT", "key", 60)).await;
            assert_eq!((seen.status(), seen.still_sending), (503, true), "{early_close}");
            let keeps = matches!(early_close, EarlyClose::Drain | EarlyClose::Linger);
            assert_eq!(seen.writing.end().await.is_ok(), keeps, "{early_close}");
            let request = fault_request(&rig, 0, "error:503:SlowDown").await;
            assert_eq!(request.body_bytes == BODY_BYTES as u64, early_close == EarlyClose::Drain, "{early_close}");
        })
        .await;
    }))
    .await;
}

/// A request that is not a transfer, so that it does not meet a fault: lists the bucket.
fn listing(rig: &Rig) -> Link {
    let secret = TestbedConfig::default().secret_key;
    rig.link_signed_with("GET", "/ttlsweep", &[("list-type", "2")], 60, time::Duration::ZERO, secret.expose())
}

/// What the control endpoint answers to a download that is a transfer.
async fn status_at_control(rig: &Rig) -> u16 {
    rig.connect_to(rig.testbed.control_addr()).await.unwrap().ask(&rig.transfer("GET", "key", 60), b"").await.status
}

/// Tells the same story of every fault over TCP and over TLS, all side by side, once all their testbeds have started: that
/// takes the processor for longer than the stories may be late.
async fn of_each<const N: usize>(faults: [&str; N], object_bytes: usize, story: impl AsyncFn(Rig, &str, bool)) {
    of_each_with(faults, config, object_bytes, story).await;
}

async fn of_each_with<const N: usize>(
    faults: [&str; N],
    config: impl Fn(&str, bool) -> TestbedConfig,
    object_bytes: usize,
    story: impl AsyncFn(Rig, &str, bool),
) {
    let mut rigs = Vec::new();
    for tls in [false, true] {
        for fault in faults {
            let rig = Rig::start(config(fault, tls)).await;
            if object_bytes > 0 {
                // Where it does not meet the fault.
                let put = rig.link("PUT", "object", 60, time::Duration::ZERO);
                let body = vec![b'x'; object_bytes];
                let mut wire = rig.connect_to(rig.testbed.control_addr()).await.unwrap();
                assert_eq!(wire.ask(&put, &body).await.status, 200);
            }
            rigs.push((rig, fault, tls));
        }
    }
    join_all(rigs.into_iter().map(async |(rig, fault, tls)| story(rig, fault, tls).await)).await;
}
