//! How a connection ends after an answer that overtook the request's body.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::time::sleep;
use ttlsweep_record::words::EarlyClose;
use ttlsweep_testbed::{DEFAULT_SECRET_KEY, Disposition, TestbedConfig};

use crate::client::{End, PIECE_BYTES, Rig};

const BODY_BYTES: usize = 400_000;
const NOT_YET: time::Duration = time::Duration::ZERO;
const LONG_AGO: time::Duration = time::Duration::seconds(100);

async fn rig(early_close: EarlyClose, tls: bool) -> Rig {
    Rig::start(TestbedConfig { early_close, tls, ..TestbedConfig::default() }).await
}

#[tokio::test]
async fn drain_reads_on_and_keeps_the_connection() {
    for tls in [false, true] {
        let rig = rig(EarlyClose::Drain, tls).await;
        let mut wire = rig.connect().await;
        wire.send(&rig.link("PUT", "late", 1, LONG_AGO).head(BODY_BYTES, "")).await;
        let refused = wire.response().await;
        assert_eq!((refused.status, refused.header("connection")), (403, None));
        wire.send(&vec![b'x'; BODY_BYTES]).await;
        assert_eq!(wire.ask(&rig.link("PUT", "good", 60, NOT_YET), b"hello").await.status, 200);

        // The rest of the body may be counted a moment after the next request has been answered.
        rig.request(1).await;
        let mut requests = rig.testbed.requests();
        requests.sort_by_key(|request| request.head_arrived_at);
        assert_eq!((requests[0].disposition, requests[0].body_bytes), (Disposition::RefusedAtHead, BODY_BYTES as u64));
        assert_eq!((requests[1].disposition, requests[1].connection), (Disposition::Answered, requests[0].connection));
    }
}

#[tokio::test]
async fn linger_ends_the_answer_with_a_fin_and_lets_the_client_send_on() {
    for tls in [false, true] {
        let rig = rig(EarlyClose::Linger, tls).await;
        let link = rig.link("PUT", "late", 1, LONG_AGO);
        let wire = rig.connect().await;
        let seen = wire.trickle(link.head(BODY_BYTES, ""), 20, Duration::from_millis(20)).await;
        assert_eq!(seen.status(), 403);
        assert_eq!(seen.response.unwrap().header("connection"), Some("close"));
        assert!(seen.still_sending);
        // 0.4 s of sending against a closed half, and not one write fails.
        let writer = seen.writing.end().await.expect("no write fails");
        let mut wire = crate::client::Wire { reader: seen.reader, writer };
        assert_eq!(wire.end().await, End::Eof);
    }
}

#[tokio::test]
async fn linger_gives_up_after_two_seconds() {
    let rig = rig(EarlyClose::Linger, false).await;
    let link = rig.link("PUT", "late", 1, LONG_AGO);
    let start = Instant::now();
    let seen = rig.connect().await.trickle(link.head(BODY_BYTES, ""), 1000, Duration::from_millis(20)).await;
    assert_eq!(seen.status(), 403);
    assert!(seen.writing.end().await.is_err());
    let lasted = start.elapsed();
    assert!((Duration::from_millis(1950)..Duration::from_millis(2500)).contains(&lasted), "{lasted:?}");
}

#[tokio::test]
async fn close_answers_and_resets_what_it_did_not_read() {
    for tls in [false, true] {
        for _ in 0..20 {
            let rig = rig(EarlyClose::Close, tls).await;
            let link = rig.link("PUT", "late", 1, LONG_AGO);
            let mut wire = rig.connect().await;
            let mut bytes = link.head(BODY_BYTES, "");
            bytes.resize(bytes.len() + BODY_BYTES, b'x');
            // A write may already meet the reset; the answer lies before it anyway.
            let _ = wire.writer.write_all(&bytes).await;
            let refused = wire.response().await;
            assert_eq!((refused.status, refused.header("connection")), (403, Some("close")));
            let end = wire.end().await;
            // Over TLS the answer is followed by close_notify, where the client's TLS stops reading.
            assert!(end == End::Reset || tls && end == End::Eof, "{end:?}");
        }
    }
}

#[tokio::test]
async fn close_is_a_fin_where_nothing_is_unread() {
    for tls in [false, true] {
        let rig = rig(EarlyClose::Close, tls).await;
        let mut wire = rig.connect().await;
        wire.send(&rig.link("PUT", "late", 1, LONG_AGO).head(BODY_BYTES, "")).await;
        assert_eq!(wire.response().await.status, 403);
        assert_eq!(wire.end().await, End::Eof);
    }
}

#[tokio::test]
async fn fin_rst_ends_the_answer_with_a_fin_and_resets_at_the_next_data() {
    for tls in [false, true] {
        for _ in 0..5 {
            let rig = rig(EarlyClose::FinRst, tls).await;
            let mut wire = rig.connect().await;
            wire.send(&rig.link("PUT", "late", 1, LONG_AGO).head(BODY_BYTES, "")).await;
            let refused = wire.response().await;
            assert_eq!((refused.status, refused.header("connection")), (403, Some("close")));
            assert_eq!(wire.end().await, End::Eof);
            sleep(Duration::from_millis(20)).await;
            // The first one still finds a connection, and is what the reset answers.
            wire.send(&[b'x'; PIECE_BYTES]).await;
            sleep(Duration::from_millis(20)).await;
            let error = wire.writer.write_all(&[b'x'; PIECE_BYTES]).await.and(wire.writer.flush().await).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{error:?}");
        }
    }
}

#[tokio::test]
async fn rst_answers_and_resets_whatever_was_read() {
    for tls in [false, true] {
        for turn in 0..20 {
            let rig = rig(EarlyClose::Rst, tls).await;
            let mut wire = rig.connect().await;
            let mut bytes = rig.link("PUT", "late", 1, LONG_AGO).head(BODY_BYTES, "");
            bytes.resize(bytes.len() + turn % 2 * BODY_BYTES, b'x');
            // A write may already meet the reset; the answer lies before it anyway.
            let _ = wire.writer.write_all(&bytes).await.and(wire.writer.flush().await);
            let refused = wire.response().await;
            assert_eq!((refused.status, refused.header("connection")), (403, Some("close")));
            let start = Instant::now();
            // Neither FIN nor close_notify comes before it.
            assert_eq!(wire.end().await, End::Reset);
            assert!(start.elapsed() < Duration::from_millis(500), "{:?}", start.elapsed());
        }
    }
}

#[tokio::test]
async fn a_refused_head_gets_no_100_continue_and_an_accepted_one_does() {
    for early_close in [EarlyClose::Drain, EarlyClose::Linger, EarlyClose::Close] {
        let rig = rig(early_close, true).await;
        let expect = "expect: 100-continue\r\n";
        let mut wire = rig.connect().await;
        wire.send(&rig.link("PUT", "late", 1, LONG_AGO).head(BODY_BYTES, expect)).await;
        let refused = wire.response().await;
        assert_eq!((refused.status, refused.header("connection")), (403, Some("close")));
        assert_eq!(wire.end().await, End::Eof);

        let mut wire = rig.connect().await;
        wire.send(&rig.link("PUT", "good", 60, NOT_YET).head(PIECE_BYTES, expect)).await;
        assert_eq!(wire.response().await.status, 100);
        wire.send(&[b'x'; PIECE_BYTES]).await;
        assert_eq!(wire.response().await.status, 200);
    }
}

#[tokio::test]
async fn any_refusal_overtakes_the_body_not_only_an_expired_link() {
    let rig = rig(EarlyClose::Close, false).await;
    let secret = TestbedConfig::default().secret_key;
    for (path, secret, code) in
        [("/ttlsweep/key", "wrong", "SignatureDoesNotMatch"), ("/no-such-bucket/key", secret.expose(), "NoSuchBucket")]
    {
        let link = rig.link_signed_with("PUT", path, &[], 60, NOT_YET, secret);
        let mut wire = rig.connect().await;
        wire.send(&link.head(BODY_BYTES, "")).await;
        let refused = wire.response().await;
        assert_eq!(refused.element("Code"), Some(code));
        assert_eq!(refused.element("RequestId"), refused.header("x-amz-request-id"));
        assert_eq!(refused.header("connection"), Some("close"));
    }
    assert!(rig.testbed.requests().iter().all(|request| request.disposition == Disposition::Answered));
}

#[tokio::test]
async fn a_lost_answer_is_a_bare_reset_and_its_deed_says_what_was_meant() {
    for tls in [false, true] {
        let rig = rig(EarlyClose::Lost, tls).await;
        let late = rig.link("PUT", "late", 1, LONG_AGO);
        let seen = rig.connect().await.trickle(late.head(BODY_BYTES, ""), 40, Duration::from_millis(10)).await;
        assert!(seen.response.is_none() && seen.still_sending);
        assert_eq!(seen.end, Some(End::Reset));
        let request = rig.request(0).await;
        assert_eq!(
            (request.disposition, request.status, request.answered_at),
            (Disposition::RefusedAtHead, Some(403), None)
        );
        assert!(request.answer_lost);
        let missing = rig.link_signed_with("PUT", "/no-bucket/key", &[], 60, NOT_YET, DEFAULT_SECRET_KEY);
        let seen = rig.connect().await.trickle(missing.head(BODY_BYTES, ""), 40, Duration::from_millis(10)).await;
        assert_eq!(seen.end, Some(End::Reset));
        let request = rig.request(1).await;
        assert_eq!(
            (request.disposition, request.status, request.answer_lost),
            (Disposition::Answered, Some(404), true)
        );
    }
}

#[tokio::test]
async fn an_answer_is_not_lost_where_nothing_is_unread() {
    let rig = rig(EarlyClose::Lost, true).await;
    // A client that waits for its 100 reads the refusal, which tells it from a network that resets.
    let mut wire = rig.connect().await;
    wire.send(&rig.link("PUT", "late", 1, LONG_AGO).head(BODY_BYTES, "expect: 100-continue\r\n")).await;
    assert_eq!(wire.response().await.status, 403);
    assert!(!rig.request(0).await.answer_lost);
    assert_eq!(rig.ask("PUT", "good", b"hello").await.status, 200);
    assert_eq!(rig.ask("GET", "good", b"").await.text(), "hello");
}
