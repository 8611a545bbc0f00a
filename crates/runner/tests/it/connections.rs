//! Kept-alive connections: used again while they stand, and never mistaken for a cut when they do not.

use std::time::Duration;

use tokio::sync::watch;
use ttlsweep_record::{EventKind, Outcome, Phase};

use crate::client::{Client, Story};
use crate::server::{OK, Peer, Server};

const KIB: usize = 1 << 10;

#[tokio::test]
async fn the_second_transfer_uses_the_first_ones_connection() {
    for tls in [false, true] {
        let mut server = Server::start(tls, answer_all).await;
        let mut client = Client::of(&server);
        let (first, second) = (client.put(100 * KIB).await, client.put(100 * KIB).await);
        drop(client);
        assert_eq!(server.reported().await, 2);
        assert!(!first.row.reused_connection && first.row.connect_us.is_some());
        assert_eq!(first.row.tls_us.is_some(), tls);
        let row = &second.row;
        assert_eq!(second.end(), (Outcome::Completed, Phase::Done), "{row:?}");
        assert!(row.reused_connection);
        assert_eq!((row.dns_us, row.connect_us, row.tls_us), (None, None, None));
        assert_eq!((row.connection_id, &row.local_addr), (first.row.connection_id, &first.row.local_addr));
        assert_eq!((row.body_bytes_written, row.body_bytes_acked), (100 << 10, Some(100 << 10)), "{row:?}");
        assert!(row.head_written_at > Some(row.started_at) && row.head_acked_at.is_some(), "{row:?}");
    }
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_is_an_event_and_no_failure() {
    for tls in [false, true] {
        for reset in [false, true] {
            let (release, hold) = watch::channel(false);
            let mut server = Server::start(tls, move |mut peer: Peer| {
                let mut hold = hold.clone();
                async move {
                    peer.head().await;
                    peer.body(KIB).await;
                    peer.say(OK).await;
                    hold.wait_for(|released| *released).await.unwrap();
                    if reset {
                        peer.reset();
                    }
                }
            })
            .await;
            let mut client = Client::of(&server);
            let first = client.put(KIB).await;
            release.send_replace(true);
            server.reported().await;
            let second = client.put(KIB).await;
            assert_eq!((first.row.outcome, second.row.outcome), (Outcome::Completed, Outcome::Completed));
            assert!(second.event(EventKind::StaleConnection).is_some(), "{:?}", second.events);
            assert!(!second.row.reused_connection && second.row.connect_us.is_some());
            assert_ne!(first.row.connection_id, second.row.connection_id);
            // The second connection is reset as well, maybe before the client has put it aside.
            assert!(second.row.errno.is_none() || reset, "{:?}", second.row);
        }
    }
}

#[tokio::test]
async fn after_connection_close_the_next_transfer_dials_anew_and_nothing_is_stale() {
    for tls in [false, true] {
        let mut server = Server::start(tls, async |mut peer: Peer| {
            peer.head().await;
            peer.body(KIB).await;
            peer.say("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n").await;
            peer.say_goodbye().await;
            peer.rest().await;
        })
        .await;
        let mut client = Client::of(&server);
        let (first, second) = (client.put(KIB).await, client.put(KIB).await);
        assert_eq!((first.row.outcome, second.row.outcome), (Outcome::Completed, Outcome::Completed));
        assert!(!second.row.reused_connection && second.row.connect_us.is_some());
        assert_ne!(first.row.connection_id, second.row.connection_id);
        assert!(second.event(EventKind::StaleConnection).is_none(), "the close was announced: {:?}", second.events);
        server.reported().await;
    }
}

/// What a connection did for one transfer must not be reported of the next.
#[tokio::test]
async fn the_second_transfers_numbers_are_its_own() {
    let mut server = Server::start(false, answer_all).await;
    let mut client = Client::of(&server);
    client.limits.idle = Duration::from_millis(400);
    let first = client.put(900 * KIB).await;
    // Longer than the idle timeout, which is about a transfer and not about the rest between two.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let second = client.put(KIB).await;
    drop(client);
    server.reported().await;
    assert_eq!(second.end(), (Outcome::Completed, Phase::Done), "{:?}", second.row);
    assert_eq!(second.row.body_bytes_written, KIB as u64);
    assert_eq!(second.row.body_bytes_acked, Some(KIB as u64));
    assert!(second.row.total_us < 400_000, "{:?}", second.row);
    assert_in_order(&first);
    assert_in_order(&second);
    let download = Client::of(&server).get().await;
    assert_in_order(&download);
}

/// The stamps of a completed transfer are in the order of nature.
fn assert_in_order(story: &Story) {
    let row = &story.row;
    assert_eq!(story.end(), (Outcome::Completed, Phase::Done), "{row:?}");
    assert!(row.send_us.is_some() && row.wait_us.is_some() && row.receive_us.is_some(), "{row:?}");
    assert_eq!(row.ended_at.micros_since(row.started_at), i64::try_from(row.total_us).unwrap());
    let mut kinds = vec![EventKind::FirstByteWritten, EventKind::HeadWritten];
    if row.body_bytes > 0 {
        kinds.extend([EventKind::FirstBodyByteWritten, EventKind::LastBodyByteWritten]);
    }
    kinds.extend([EventKind::FirstByteRead, EventKind::ResponseHead, EventKind::LastByteRead, EventKind::End]);
    let times: Vec<_> = kinds.iter().map(|kind| story.event(*kind).unwrap().t_us).collect();
    assert!(times.is_sorted(), "{:?}", story.events);
    let positions = kinds.iter().map(|kind| story.events.iter().position(|event| event.event == *kind).unwrap());
    assert!(positions.is_sorted(), "{:?}", story.events);
}

/// Answers every request with 200, and tells how many there were.
async fn answer_all(mut peer: Peer) -> usize {
    let mut requests = 0;
    while let Some(head) = peer.head().await {
        let length = head.to_ascii_lowercase();
        let length = length.lines().find_map(|line| line.strip_prefix("content-length: "));
        peer.body(length.map_or(0, |length| length.parse().unwrap())).await;
        peer.say(OK).await;
        requests += 1;
    }
    requests
}

/// What fills the uplink's queue, and how long a head waited in it, are facts of the row and of its tape.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn congestion_control_and_the_round_trips_of_the_head_are_recorded() {
    let server = Server::start(false, answer_all).await;
    let chosen = Client::of(&server).with_congestion("reno").put(100 * KIB).await;
    assert_eq!(chosen.row.congestion.as_deref(), Some("reno"), "{:?}", chosen.row);
    let default = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_congestion_control").unwrap();
    let left = Client::of(&server).put(100 * KIB).await;
    assert_eq!(left.row.congestion.as_deref(), Some(default.trim()));
    let value = left.event(EventKind::HeadAcked).and_then(|event| event.value.clone()).unwrap();
    let (rtt, least) = value.strip_prefix("rtt_us=").and_then(|rest| rest.split_once(" min_rtt_us=")).unwrap();
    assert!(rtt.parse::<u32>().unwrap() > 0 && least.parse::<u32>().unwrap() > 0, "{value}");
}
