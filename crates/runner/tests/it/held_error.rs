//! The held error: an answer that lies behind a broken connection is read, and a bare break stays what it is.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use ttlsweep_record::{EventKind, Outcome, PeerClose, Phase};
use ttlsweep_runner::testing::host::lag::LagProbe;

use crate::client::Client;
use crate::server::{FORBIDDEN, OK, Peer, Server};

/// Enough that no socket's buffers take it whole.
const BODY: usize = 16 << 20;
const MIB: usize = 1 << 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_403_at_the_head_is_read_in_all_of_100_uploads_over_tcp() {
    a_403_at_the_head_is_read_in_all_of_100_uploads(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_403_at_the_head_is_read_in_all_of_100_uploads_over_tls() {
    a_403_at_the_head_is_read_in_all_of_100_uploads(true).await;
}

async fn a_403_at_the_head_is_read_in_all_of_100_uploads(tls: bool) {
    let mut server = Server::start(tls, refuse_at_the_head).await;
    for upload in 1..=100 {
        let story = Client::of(&server).put(BODY).await;
        let row = &story.row;
        assert_eq!(story.end(), (Outcome::Rejected, Phase::RequestBody), "upload {upload}: {row:?}");
        assert_eq!((row.status, row.early_response), (Some(403), Some(true)), "upload {upload}: {row:?}");
        assert_eq!(row.s3_code.as_deref(), Some("AccessDenied"));
        assert_eq!((row.request_id.as_deref(), row.host_id.as_deref()), (Some("R1"), Some("H1")));
        assert_eq!((row.send_us, row.wait_us), (None, None), "the body was not sent whole");
        server.reported().await;
    }
}

/// The local socket takes such a body at once, and most of it still waits there when the answer comes.
#[tokio::test]
async fn an_answer_to_a_body_that_was_written_and_had_not_arrived_is_early() {
    const LEN: usize = MIB;
    for tls in [false, true] {
        let mut server = Server::start(tls, async |mut peer: Peer| {
            peer.head().await;
            tokio::time::sleep(Duration::from_millis(50)).await;
            peer.say(FORBIDDEN).await;
        })
        .await;
        let row = Client::of(&server).put(LEN).await.row;
        server.reported().await;
        assert_eq!(row.body_bytes_written, LEN as u64, "the socket was to take all of it: {row:?}");
        assert!(row.body_bytes_acked < Some(LEN as u64), "{row:?}");
        assert_eq!((row.outcome, row.status), (Outcome::Rejected, Some(403)), "{row:?}");
        assert_eq!((row.phase, row.early_response), (Phase::RequestBody, Some(true)), "{row:?}");

        // The same answer to a body that had arrived is not.
        let mut server = Server::start(tls, async |mut peer: Peer| {
            peer.head().await;
            peer.body(LEN).await;
            peer.say(FORBIDDEN).await;
        })
        .await;
        let row = Client::of(&server).put(LEN).await.row;
        server.reported().await;
        assert_eq!((row.phase, row.early_response), (Phase::Wait, Some(false)), "{row:?}");
    }
}

/// The proof that holding matters: the same uploads through hyper on the bare socket.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plain_hyper_sees_the_same_403_at_most_as_often() {
    let mut server = Server::start(false, refuse_at_the_head).await;
    let body = Bytes::from(vec![7; BODY]);
    let (mut plain, mut ours) = (0, 0);
    for _ in 0..100 {
        let socket = TcpStream::connect(server.addr).await.unwrap();
        socket.set_nodelay(true).unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await.unwrap();
        let connection = tokio::spawn(connection);
        let request = http::Request::put("/bucket/key").header("host", "x").body(Full::new(body.clone())).unwrap();
        plain += u32::from(sender.send_request(request).await.is_ok_and(|response| response.status() == 403));
        drop(sender);
        // It ends one way or the other; an error is the very thing that is looked at.
        let _ = connection.await.unwrap();
        server.reported().await;
        ours += u32::from(Client::of(&server).put(BODY).await.row.status == Some(403));
        server.reported().await;
    }
    println!("of 100 early 403s plain hyper saw {plain}, with the held error {ours} were seen");
    assert_eq!(ours, 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bare_reset_in_mid_body_stays_a_reset_in_all_of_50_uploads() {
    for tls in [false, true] {
        let mut server = Server::start(tls, async |mut peer: Peer| {
            peer.head().await;
            peer.body(MIB).await;
            (peer.body_read as u64, peer.reset())
        })
        .await;
        let mut late = Vec::new();
        let probe = LagProbe::start();
        for upload in 1..=25 {
            let story = Client::of(&server).put(BODY).await;
            let (read, reset_at) = server.reported().await;
            let row = &story.row;
            assert_eq!(story.end(), (Outcome::Reset, Phase::RequestBody), "upload {upload}: {row:?}");
            assert_eq!(row.errno.as_deref(), Some("ECONNRESET"), "upload {upload}: {row:?}");
            assert_eq!(row.peer_close, Some(PeerClose::Rst), "upload {upload}: {row:?}");
            assert_eq!((row.status, row.early_response), (None, None));
            assert!(row.body_bytes_written >= read && row.body_bytes_written < BODY as u64, "{read} read: {row:?}");
            assert!(row.body_bytes_acked <= Some(row.body_bytes_written), "{row:?}");
            late.push(story.ended.saturating_duration_since(reset_at));
        }
        late.sort_unstable();
        let busy = Duration::from_micros(probe.longest_us());
        println!("TLS {tls}: a reset was met {:?} after it was sent (median), {:?} at most", late[12], late[24]);
        // No reset is met sooner than the machine wakes who waits for it.
        assert!(late[12] < Duration::from_millis(5) + busy, "{busy:?}: {late:?}");
        assert!(late[24] < Duration::from_millis(50) + busy, "{busy:?}: {late:?}");
    }
}

#[tokio::test]
async fn a_fin_in_mid_body_is_a_close_whether_the_server_reads_on_or_not() {
    for tls in [false, true] {
        for reads_on in [false, true] {
            let mut server = Server::start(tls, move |mut peer: Peer| async move {
                peer.head().await;
                peer.body(MIB).await;
                peer.finish();
                if reads_on {
                    peer.rest().await;
                }
            })
            .await;
            let story = Client::of(&server).put(BODY).await;
            assert_eq!(story.end(), (Outcome::Closed, Phase::RequestBody), "{:?}", story.row);
            let close = story.row.peer_close.unwrap();
            // Closing behind the FIN with unread data sends a RST, too, which may be met or not.
            assert!(close == PeerClose::Fin || (!reads_on && close == PeerClose::FinRst), "{:?}", story.row);
            assert!(story.row.error.is_some());
            assert!(story.event(EventKind::PeerClosed).is_some() || close == PeerClose::FinRst, "{:?}", story.events);
            drop(story);
            server.reported().await;
        }
    }
}

#[tokio::test]
async fn a_close_notify_in_mid_body_is_told_from_a_fin() {
    let server = Server::start(true, async |mut peer: Peer| {
        peer.head().await;
        peer.body(MIB).await;
        peer.say_goodbye().await;
        peer.rest().await;
    })
    .await;
    let story = Client::of(&server).put(BODY).await;
    assert_eq!(story.end(), (Outcome::Closed, Phase::RequestBody), "{:?}", story.row);
    assert_eq!(story.row.peer_close, Some(PeerClose::CloseNotify));
}

/// One thread, so that the client cannot look between the FIN and the RST behind it.
#[tokio::test]
async fn a_fin_with_a_reset_behind_it_is_a_close_and_says_both() {
    for tls in [false, true] {
        let server = Server::start(tls, async |mut peer: Peer| {
            peer.head().await;
            peer.body(MIB).await;
            peer.finish();
            peer.reset();
        })
        .await;
        let story = Client::of(&server).put(BODY).await;
        assert_eq!(story.end(), (Outcome::Closed, Phase::RequestBody), "{:?}", story.row);
        assert_eq!(story.row.peer_close, Some(PeerClose::FinRst), "{:?}", story.row);
        assert_eq!(story.row.errno.as_deref(), Some("EPIPE"), "{:?}", story.row);
    }
}

#[tokio::test]
async fn a_403_after_the_whole_body_is_not_early() {
    for tls in [false, true] {
        let mut server = Server::start(tls, async |mut peer: Peer| {
            peer.head().await;
            peer.body(4 * MIB).await;
            peer.say(FORBIDDEN).await;
            peer.rest().await;
            peer.body_read
        })
        .await;
        let mut client = Client::of(&server);
        let story = client.put(4 * MIB).await;
        drop(client);
        assert_eq!(server.reported().await, 4 * MIB);
        let row = &story.row;
        assert_eq!(story.end(), (Outcome::Rejected, Phase::Wait), "{row:?}");
        assert_eq!((row.status, row.early_response), (Some(403), Some(false)));
        assert_eq!((row.body_bytes_written, row.body_bytes_acked), (4 << 20, Some(4 << 20)), "{row:?}");
        assert!(row.send_us.is_some() && row.wait_us.is_some() && row.receive_us.is_some());
        assert_eq!((row.errno.as_deref(), row.peer_close), (None, None));
    }
}

/// The first bytes of a capped body wait for their slot: an answer to the head is still early.
#[tokio::test]
async fn a_403_before_the_first_byte_of_a_slow_body_is_early_in_the_body() {
    let mut server = Server::start(false, refuse_at_the_head).await;
    let story = Client::of(&server).capped(8_000).put(MIB).await;
    let row = &story.row;
    assert_eq!(story.end(), (Outcome::Rejected, Phase::RequestBody), "{row:?}");
    assert_eq!((row.status, row.early_response, row.body_bytes_written), (Some(403), Some(true), 0), "{row:?}");
    server.reported().await;
}

#[tokio::test]
async fn bytes_that_are_no_http_are_malformed() {
    for tls in [false, true] {
        let server = Server::start(tls, async |mut peer: Peer| {
            peer.head().await;
            peer.body(MIB).await;
            peer.say("\u{1}\u{2}this is no HTTP\r\n\r\n").await;
            peer.rest().await;
        })
        .await;
        let story = Client::of(&server).put(BODY).await;
        assert_eq!(story.row.outcome, Outcome::Malformed, "{:?}", story.row);
        assert_eq!(story.row.status, None);
    }
}

#[tokio::test]
async fn bytes_that_are_no_tls_are_malformed_too() {
    let server = Server::start(true, async |mut peer: Peer| {
        peer.head().await;
        peer.body(MIB).await;
        peer.say_below_tls("HTTP/1.1 403 Forbidden\r\n\r\n");
        peer.rest().await;
    })
    .await;
    let story = Client::of(&server).put(BODY).await;
    assert_eq!(story.end(), (Outcome::Malformed, Phase::RequestBody), "{:?}", story.row);
}

#[tokio::test]
async fn a_response_head_that_breaks_off_is_a_close_in_the_response_head() {
    for tls in [false, true] {
        let server = Server::start(tls, async |mut peer: Peer| {
            peer.head().await;
            peer.body(MIB).await;
            peer.say("HTTP/1.1 200 OK\r\nx-amz-req").await;
            peer.finish();
            peer.rest().await;
        })
        .await;
        let story = Client::of(&server).put(MIB).await;
        assert_eq!(story.end(), (Outcome::Closed, Phase::ResponseHead), "{:?}", story.row);
        assert_eq!((story.row.status, story.row.peer_close), (None, Some(PeerClose::Fin)));
    }
}

#[tokio::test]
async fn a_response_body_that_breaks_off_keeps_its_status() {
    for tls in [false, true] {
        let server = Server::start(tls, async |mut peer: Peer| {
            peer.head().await;
            peer.say("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nnot a thousand").await;
            peer.finish();
            peer.rest().await;
        })
        .await;
        let story = Client::of(&server).get().await;
        let row = &story.row;
        assert_eq!(story.end(), (Outcome::Closed, Phase::ResponseBody), "{row:?}");
        assert_eq!((row.status, row.response_bytes, row.peer_close), (Some(200), 14, Some(PeerClose::Fin)));
        assert_eq!(row.receive_us, None, "it was not read whole");
    }
}

#[tokio::test]
async fn a_download_that_is_reset_says_so() {
    let mut server = Server::start(false, async |mut peer: Peer| {
        peer.head().await;
        peer.say("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nnot a thousand").await;
        peer.reset()
    })
    .await;
    let story = Client::of(&server).get().await;
    let row = &story.row;
    assert_eq!(story.end(), (Outcome::Reset, Phase::ResponseBody), "{row:?}");
    assert_eq!((row.status, row.peer_close), (Some(200), Some(PeerClose::Rst)));
    server.reported().await;
}

/// Linux keeps what came before a RST, and a capped client reads it for a while: the end is when the RST came.
#[tokio::test]
async fn a_capped_download_that_is_reset_ended_when_it_was_reset() {
    for tls in [false, true] {
        let mut server = Server::start(tls, async |mut peer: Peer| {
            peer.head().await;
            peer.say("HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n").await;
            let body = "x".repeat(64 << 10);
            let end = tokio::time::Instant::now() + Duration::from_millis(500);
            while tokio::time::timeout_at(end, peer.try_say(&body)).await.is_ok() {}
            peer.reset()
        })
        .await;
        let story = Client::of(&server).download_capped(4_000_000).get().await;
        let reset_at = server.reported().await;
        assert_eq!(story.end(), (Outcome::Reset, Phase::ResponseBody), "{:?}", story.row);
        assert_eq!((story.row.errno.as_deref(), story.row.peer_close), (Some("ECONNRESET"), Some(PeerClose::Rst)));
        let late = story.ended.saturating_duration_since(reset_at);
        assert!(late < Duration::from_millis(50), "{late:?}");
    }
}

#[tokio::test]
async fn an_early_200_does_not_end_the_upload() {
    for tls in [false, true] {
        let mut server = Server::start(tls, async |mut peer: Peer| {
            peer.head().await;
            peer.body(MIB).await;
            peer.say(OK).await;
            peer.body(BODY).await;
            peer.body_read
        })
        .await;
        let story = Client::of(&server).put(BODY).await;
        assert_eq!(server.reported().await, BODY);
        assert_eq!(story.end(), (Outcome::Completed, Phase::Done), "{:?}", story.row);
        assert_eq!((story.row.early_response, story.row.body_bytes_written), (Some(true), BODY as u64));
    }
}

#[tokio::test]
async fn a_refusal_ends_the_transfer_although_the_server_reads_no_more() {
    for tls in [false, true] {
        let (release, hold) = tokio::sync::watch::channel(false);
        let server = Server::start(tls, move |mut peer: Peer| {
            let mut hold = hold.clone();
            async move {
                peer.head().await;
                peer.body(MIB).await;
                peer.say(FORBIDDEN).await;
                let _ = hold.wait_for(|released| *released).await;
            }
        })
        .await;
        let story = Client::of(&server).put(BODY).await;
        assert_eq!(story.end(), (Outcome::Rejected, Phase::RequestBody), "{:?}", story.row);
        assert!(story.row.total_us < 2_000_000, "hung for {} µs", story.row.total_us);
        release.send_replace(true);
    }
}

#[tokio::test]
async fn a_307_is_a_refusal_and_is_not_followed() {
    let mut server = Server::start(false, async |mut peer: Peer| {
        let mut requests = 0;
        while peer.head().await.is_some() {
            requests += 1;
            peer.body(1000).await;
            peer.say("HTTP/1.1 307 Temporary Redirect\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n").await;
        }
        requests
    })
    .await;
    let mut client = Client::of(&server);
    let story = client.put(1000).await;
    drop(client);
    assert_eq!(story.end(), (Outcome::Rejected, Phase::Wait), "{:?}", story.row);
    assert_eq!(story.row.status, Some(307));
    assert_eq!(server.reported().await, 1);
}

async fn refuse_at_the_head(mut peer: Peer) {
    peer.head().await;
    // The client may have broken the connection first, where a test has seen enough.
    let _ = peer.try_say(FORBIDDEN).await;
}
