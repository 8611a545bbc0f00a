//! The four policies and the three cuts, seen from the client.

use std::time::Duration;

use futures_util::future::join_all;
use time::OffsetDateTime;
use tokio::io::AsyncReadExt;
use tokio::time::sleep;
use ttlsweep_record::words::{Cut, EarlyClose, ExpiryPolicy};
use ttlsweep_testbed::{Disposition, TestbedConfig};

use crate::client::{End, PIECE_BYTES, Rig, Seen, Wire};
use crate::lag;

const NOT_YET: time::Duration = time::Duration::ZERO;
const LONG_AGO: time::Duration = time::Duration::seconds(100);

fn config(expiry: ExpiryPolicy, tls: bool) -> TestbedConfig {
    TestbedConfig { expiry, tls, ..TestbedConfig::default() }
}

fn cutting(cut: Cut, tls: bool) -> TestbedConfig {
    TestbedConfig { cut, ..config(ExpiryPolicy::InFlight, tls) }
}

/// How long after the link's expiry, in milliseconds.
fn lateness_ms(at: OffsetDateTime, expires_at: OffsetDateTime) -> f64 {
    (at - expires_at).as_seconds_f64() * 1e3
}

#[tokio::test]
async fn an_expired_link_is_refused_at_the_head_in_s3s_words() {
    for expiry in [ExpiryPolicy::OnRequest, ExpiryPolicy::InFlight, ExpiryPolicy::OnCompletion] {
        let rig = Rig::start(config(expiry, true)).await;
        let link = rig.link("PUT", "late", 10, LONG_AGO);
        let mut wire = rig.connect().await;
        // Not a byte of the body is sent, so the answer cannot have waited for any.
        wire.send(&link.head(1_000_000, "")).await;
        let refused = wire.response().await;
        assert_eq!(refused.status, 403, "{expiry}");
        assert_eq!(refused.element("Code"), Some("AccessDenied"));
        assert_eq!(refused.element("Message"), Some("Request has expired"));
        assert_eq!(refused.element("X-Amz-Expires"), Some("10"));
        assert!(refused.element("Expires") < refused.element("ServerTime"));
        assert_eq!(refused.element("RequestId"), refused.header("x-amz-request-id"));
        assert_eq!(refused.element("HostId"), refused.header("x-amz-id-2"));
        assert_eq!(refused.header("server"), Some(concat!("testbed/", env!("CARGO_PKG_VERSION"), " (ttlsweep)")));
        assert!(refused.header("date").is_some());

        let request = rig.request(0).await;
        assert_eq!((request.disposition, request.status), (Disposition::RefusedAtHead, Some(403)));
        assert_eq!(Some(request.request_id.as_str()), refused.header("x-amz-request-id"));
        assert_eq!(request.expires_at, Some(link.expires_at));
        assert!(request.head_arrived_at >= link.expires_at && request.body_bytes == 0);
    }
}

#[tokio::test]
async fn never_accepts_an_expired_link_but_no_forged_one() {
    let rig = Rig::start(config(ExpiryPolicy::Never, false)).await;
    let link = rig.link("PUT", "late", 10, LONG_AGO);
    assert_eq!(rig.connect().await.ask(&link, b"hello").await.status, 200);
    let forged = rig.link_signed_with("PUT", "/ttlsweep/late", &[], 10, LONG_AGO, "another secret");
    assert_eq!(rig.connect().await.ask(&forged, b"hello").await.status, 403);
}

#[tokio::test]
async fn on_request_lets_an_upload_outlive_its_link() {
    let rig = Rig::start(config(ExpiryPolicy::OnRequest, true)).await;
    let link = rig.short_link("PUT", "slow");
    let seen = rig.connect().await.trickle(link.head(23 * PIECE_BYTES, ""), 23, Duration::from_millis(100)).await;
    assert_eq!(seen.status(), 200);
    // 23 pauses of 0.1 s against at most 1.4 s of life.
    assert!(seen.at - link.expires_at >= time::Duration::milliseconds(800));
    assert_eq!(rig.ask("GET", "slow", b"").await.body.len(), 23 * PIECE_BYTES);
    let request = rig.testbed.requests().remove(0);
    assert_eq!((request.disposition, request.body_bytes), (Disposition::Answered, 23 * PIECE_BYTES as u64));
    assert!(request.answered_at.unwrap() > link.expires_at);
}

#[tokio::test]
async fn on_completion_refuses_after_the_body_and_keeps_no_object() {
    let rig = Rig::start(config(ExpiryPolicy::OnCompletion, true)).await;
    let link = rig.short_link("PUT", "slow");
    let seen = rig.connect().await.trickle(link.head(16 * PIECE_BYTES, ""), 16, Duration::from_millis(100)).await;
    assert_eq!(seen.status(), 403);
    assert_eq!(seen.response.as_ref().unwrap().element("Message"), Some("Request has expired"));
    assert!(!seen.still_sending);
    let request = rig.request(0).await;
    assert_eq!((request.disposition, request.body_bytes), (Disposition::RefusedOnCompletion, 16 * PIECE_BYTES as u64));
    assert_eq!(rig.ask("GET", "slow", b"").await.element("Code"), Some("NoSuchKey"));

    // What arrives in time is kept, and a download is checked at its head alone.
    assert_eq!(rig.ask("PUT", "quick", b"hello").await.status, 200);
    assert_eq!(rig.ask("GET", "quick", b"").await.body, b"hello");
}

/// Uploads over a link that expires meanwhile, and checks when that was noticed.
async fn upload_that_is_cut(rig: &Rig) -> Seen {
    let link = rig.short_link("PUT", "cut");
    let seen = rig.connect().await.trickle(link.head(100 * PIECE_BYTES, ""), 100, Duration::from_millis(20)).await;
    let late = lateness_ms(seen.at, link.expires_at);
    assert!((0.0..50.0 + lag::ms()).contains(&late), "noticed {late} ms after expiry");
    assert!(seen.still_sending);
    let request = rig.request(0).await;
    let late = lateness_ms(request.ended_at, link.expires_at);
    assert!((0.0..50.0 + lag::ms()).contains(&late), "done {late} ms after expiry");
    assert!((1..100 * PIECE_BYTES as u64).contains(&request.body_bytes));
    assert_eq!(rig.ask("GET", "cut", b"").await.element("Code"), Some("NoSuchKey"));
    seen
}

#[tokio::test]
async fn a_cut_by_reset_arrives_as_a_reset() {
    for_both(async |tls| {
        let rig = Rig::start(cutting(Cut::Reset, tls)).await;
        let seen = upload_that_is_cut(&rig).await;
        assert!(seen.response.is_none());
        assert_eq!(seen.end, Some(End::Reset));
        assert_eq!(rig.testbed.requests()[0].disposition, Disposition::Cut(Cut::Reset));
    })
    .await;
}

#[tokio::test]
async fn a_cut_by_close_arrives_as_end_of_file() {
    for_both(async |tls| {
        let rig = Rig::start(cutting(Cut::Close, tls)).await;
        let seen = upload_that_is_cut(&rig).await;
        assert!(seen.response.is_none());
        assert_eq!(seen.end, Some(if tls { End::BareEof } else { End::Eof }));
        assert_eq!(rig.testbed.requests()[0].disposition, Disposition::Cut(Cut::Close));
        assert_eq!(rig.testbed.requests()[0].status, None);
    })
    .await;
}

#[tokio::test]
async fn a_cut_by_response_answers_while_the_client_sends() {
    for_both(async |tls| {
        join_all([EarlyClose::Close, EarlyClose::Linger].map(async |early_close| {
            let rig = Rig::start(TestbedConfig { early_close, ..cutting(Cut::Respond, tls) }).await;
            let seen = upload_that_is_cut(&rig).await;
            assert_eq!(seen.status(), 403);
            assert_eq!(seen.response.unwrap().element("Message"), Some("Request has expired"));
            assert_eq!(rig.testbed.requests()[0].disposition, Disposition::Cut(Cut::Respond));
        }))
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_cut_by_response_that_drains_keeps_the_connection() {
    for_both(async |tls| {
        let rig = Rig::start(TestbedConfig { early_close: EarlyClose::Drain, ..cutting(Cut::Respond, tls) }).await;
        let link = rig.short_link("PUT", "cut");
        let seen = rig.connect().await.trickle(link.head(80 * PIECE_BYTES, ""), 80, Duration::from_millis(20)).await;
        assert_eq!(seen.status(), 403);
        assert!(seen.still_sending && (0.0..50.0 + lag::ms()).contains(&lateness_ms(seen.at, link.expires_at)));
        let mut wire = Wire { reader: seen.reader, writer: seen.writing.end().await.expect("no write fails") };
        let missing = wire.ask(&rig.link("GET", "cut", 60, NOT_YET), b"").await;
        assert_eq!(missing.element("Code"), Some("NoSuchKey"));
        rig.request(1).await;
        let mut requests = rig.testbed.requests();
        requests.sort_by_key(|request| request.head_arrived_at);
        assert_eq!(
            (requests[0].disposition, requests[0].body_bytes),
            (Disposition::Cut(Cut::Respond), 80 * PIECE_BYTES as u64)
        );
        assert_eq!(requests[1].connection, requests[0].connection);
    })
    .await;
}

#[tokio::test]
async fn a_download_is_cut_while_the_client_still_reads() {
    let body = vec![b'x'; 12_000_000];
    for_both(async |tls| {
        for (cut, end) in [
            (Cut::Reset, End::Reset),
            // A response that has begun cannot be taken back.
            (Cut::Respond, if tls { End::BareEof } else { End::Eof }),
        ] {
            let rig = Rig::start(cutting(cut, tls)).await;
            assert_eq!(rig.ask("PUT", "big", &body).await.status, 200);
            let link = rig.short_link("GET", "big");
            let mut wire = rig.connect().await;
            wire.send(&link.head(0, "")).await;
            let mut bin = [0; 10_000];
            let mut bytes = 0;
            while OffsetDateTime::now_utc() < link.expires_at {
                bytes += wire.reader.read(&mut bin).await.expect("whole until expiry");
                sleep(Duration::from_millis(20)).await;
            }
            assert!(bytes < body.len());
            assert_eq!(wire.end().await, end, "{cut}");
            let request = rig.request(1).await;
            assert_eq!(request.disposition, Disposition::Cut(if cut == Cut::Respond { Cut::Close } else { cut }));
            assert!((0.0..50.0 + lag::ms()).contains(&lateness_ms(request.ended_at, link.expires_at)));
            assert!(request.answered_at.is_none() && request.status == Some(200));
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_done_in_time_is_not_cut() {
    let rig = Rig::start(cutting(Cut::Reset, true)).await;
    let link = rig.short_link("PUT", "quick");
    let mut wire = rig.connect().await;
    assert_eq!(wire.ask(&link, b"hello").await.status, 200);
    sleep(Duration::try_from(link.expires_at - OffsetDateTime::now_utc()).unwrap() + Duration::from_millis(100)).await;
    // The connection outlives the link that was used on it.
    assert_eq!(wire.ask(&rig.link("GET", "quick", 60, NOT_YET), b"").await.body, b"hello");
    assert!(
        rig.testbed
            .requests()
            .iter()
            .all(|request| request.disposition == Disposition::Answered && request.connection == 0)
    );
}

/// Not a test but a measurement: how long after expiry the client meets the reset, over 100 cuts.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement: run by hand, on an idle machine, for its figures"]
async fn measure_the_lateness_of_cuts() {
    let rig = Rig::start(cutting(Cut::Reset, true)).await;
    let mut seen_ms = Vec::new();
    for _ in 0..25 {
        let uploads = (0..4).map(|_| async {
            let link = rig.short_link("PUT", "cut");
            let wire = rig.connect().await;
            let seen = wire.trickle(link.head(1000 * PIECE_BYTES, ""), 1000, Duration::from_millis(20)).await;
            assert_eq!(seen.end, Some(End::Reset));
            lateness_ms(seen.at, link.expires_at)
        });
        seen_ms.extend(join_all(uploads).await);
    }
    let mut done_ms: Vec<f64> = rig
        .testbed
        .requests()
        .iter()
        .map(|request| lateness_ms(request.ended_at, request.expires_at.unwrap()))
        .collect();
    for (what, times) in [("server", &mut done_ms), ("client", &mut seen_ms)] {
        times.sort_by(f64::total_cmp);
        let n = times.len();
        println!(
            "{what}: n {n}, least {:.3}, median {:.3}, p90 {:.3}, p99 {:.3}, most {:.3} ms after expiry",
            times[0],
            times[n / 2],
            times[n * 9 / 10],
            times[n * 99 / 100],
            times[n - 1]
        );
        // A tenth of a millisecond: the clocks of both ends are read at different instants.
        assert!(times[0] > -0.1, "{what}: {} ms before expiry", -times[0]);
        assert!(times[n * 99 / 100] <= 50.0, "{what}: a cut that late is none at expiry");
    }
}

/// Tells the same story over TCP and over TLS, side by side.
async fn for_both(story: impl AsyncFn(bool)) {
    tokio::join!(story(false), story(true));
}
