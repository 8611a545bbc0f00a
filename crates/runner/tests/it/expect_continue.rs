//! `Expect: 100-continue`: the body waits for the 100, for a final answer in its place, or for three seconds.

use std::time::Duration;

use ttlsweep_record::{EventKind, Outcome, Phase};
use ttlsweep_runner::testing::transfer::drive::CONTINUE_WAIT;

use crate::client::Client;
use crate::server::{FORBIDDEN, OK, Peer, Server};

const MIB: usize = 1 << 20;
const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";

#[tokio::test]
async fn the_body_follows_the_100() {
    for tls in [false, true] {
        let mut server = Server::start(tls, async |mut peer: Peer| {
            let head = peer.head().await.unwrap();
            assert!(head.to_ascii_lowercase().contains("expect: 100-continue"), "{head}");
            // Whoever sends the body unasked has it here by now.
            tokio::time::sleep(Duration::from_millis(100)).await;
            let unasked = peer.unread();
            peer.say(CONTINUE).await;
            peer.body(MIB).await;
            peer.say(OK).await;
            peer.rest().await;
            unasked
        })
        .await;
        let mut client = expecting(&server);
        let story = client.put(MIB).await;
        drop(client);
        assert_eq!(server.reported().await, 0, "bytes of the body came before the 100");
        let row = &story.row;
        assert_eq!(story.end(), (Outcome::Completed, Phase::Done), "{row:?}");
        assert_eq!((row.status, row.early_response), (Some(200), Some(false)), "a 100 is not an early response");
        let continued = row.continue_us.unwrap();
        assert!(continued >= 100_000, "{row:?}");
        let first_body_byte = story.event(EventKind::FirstBodyByteWritten).unwrap().t_us;
        assert!(continued <= first_body_byte && first_body_byte <= row.response_start_us.unwrap(), "{row:?}");
    }
}

#[tokio::test]
async fn a_final_answer_in_place_of_the_100_is_early_and_keeps_the_body_back() {
    for tls in [false, true] {
        let mut server = Server::start(tls, async |mut peer: Peer| {
            peer.head().await;
            peer.say(FORBIDDEN).await;
            peer.rest().await;
            peer.body_read
        })
        .await;
        let mut client = expecting(&server);
        let story = client.put(MIB).await;
        drop(client);
        assert_eq!(server.reported().await, 0);
        let row = &story.row;
        assert_eq!(story.end(), (Outcome::Rejected, Phase::Wait), "{row:?}");
        assert_eq!((row.status, row.early_response), (Some(403), Some(true)));
        assert_eq!((row.continue_us, row.body_bytes_written), (None, 0));
        assert!(story.event(EventKind::FirstBodyByteWritten).is_none());
    }
}

#[tokio::test]
async fn a_slow_final_answer_in_place_of_the_100_keeps_the_body_back_too() {
    let (release, hold) = tokio::sync::watch::channel(false);
    let mut server = Server::start(false, move |mut peer: Peer| {
        let mut hold = hold.clone();
        async move {
            peer.head().await;
            let (first, second) = FORBIDDEN.split_at(FORBIDDEN.len() - 5);
            peer.say(first).await;
            let _ = hold.wait_for(|released| *released).await;
            peer.say(second).await;
            peer.rest().await;
            peer.body_read
        }
    })
    .await;
    let mut client = expecting(&server);
    let releasing = async {
        tokio::time::sleep(CONTINUE_WAIT + Duration::from_millis(200)).await;
        release.send_replace(true);
    };
    let (story, ()) = tokio::join!(client.put(MIB), releasing);
    drop(client);
    assert_eq!(server.reported().await, 0);
    assert_eq!(story.end(), (Outcome::Rejected, Phase::Wait), "{:?}", story.row);
}

#[tokio::test]
async fn without_a_100_the_body_is_sent_after_all() {
    let mut server = Server::start(false, async |mut peer: Peer| {
        peer.head().await;
        peer.body(MIB).await;
        peer.say(OK).await;
    })
    .await;
    let story = expecting(&server).put(MIB).await;
    server.reported().await;
    let row = &story.row;
    assert_eq!(story.end(), (Outcome::Completed, Phase::Done), "{row:?}");
    assert_eq!((row.continue_us, row.body_bytes_written), (None, MIB as u64));
    let waited = Duration::from_micros(story.event(EventKind::FirstBodyByteWritten).unwrap().t_us);
    assert!(waited >= CONTINUE_WAIT && waited < CONTINUE_WAIT + Duration::from_millis(500), "{waited:?}");
}

#[tokio::test]
async fn a_1xx_that_nobody_asked_for_is_no_early_response() {
    for informational in [CONTINUE, "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"] {
        let mut server = Server::start(false, move |mut peer: Peer| async move {
            peer.head().await;
            peer.say(informational).await;
            peer.body(16 * MIB).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
            peer.say(OK).await;
        })
        .await;
        let story = Client::of(&server).put(16 * MIB).await;
        server.reported().await;
        let row = &story.row;
        assert_eq!(story.end(), (Outcome::Completed, Phase::Done), "{row:?}");
        assert_eq!(row.early_response, Some(false), "{row:?}");
        assert!(row.wait_us.is_some_and(|waited| waited >= 100_000), "{row:?}");
    }
}

#[tokio::test]
async fn a_connection_that_ends_in_place_of_the_100_ends_in_wait() {
    let mut server = Server::start(false, async |mut peer: Peer| {
        peer.head().await;
        peer.reset();
    })
    .await;
    let story = expecting(&server).put(MIB).await;
    server.reported().await;
    assert_eq!(story.end(), (Outcome::Reset, Phase::Wait), "{:?}", story.row);
    assert_eq!(story.row.body_bytes_written, 0);
}

fn expecting<T>(server: &Server<T>) -> Client
where
    T: Send + 'static,
{
    let mut client = Client::of(server);
    client.expect_continue = true;
    client
}
