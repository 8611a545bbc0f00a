//! A download counts as completed if it is the object that was put: its length and its bytes. What HTTP calls whole tells
//! nothing, since the server itself says where it ends.

use std::fs::File;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use ttlsweep_record::{Outcome, PeerClose, Phase};
use ttlsweep_runner::testing::wire::body::{BodyFile, Source};

use crate::client::{BLOCK, Client, Story};
use crate::server::{Peer, Server};

const LEN: usize = 600_000;
const HALF: usize = LEN / 2;

fn generated() -> Source {
    Source::Generated { block: BLOCK.clone(), len: LEN as u64 }
}

/// What `source` puts for the client's key.
async fn bytes_of(source: &Source) -> Vec<u8> {
    let (mut content, mut bytes) = (source.open("key"), Vec::new());
    while let Some(chunk) = std::future::poll_fn(|cx| content.poll_chunk(cx)).await {
        bytes.extend_from_slice(&chunk.unwrap());
    }
    bytes
}

/// One download of `source` from a server that sends `answer` and closes.
async fn answered(tls: bool, source: &Source, answer: Vec<u8>) -> Story {
    let server = Server::start(tls, move |mut peer: Peer| {
        let answer = answer.clone();
        async move {
            peer.head().await;
            let _ = peer.try_send(&answer).await;
            let _ = peer.say_goodbye().await;
            peer.rest().await;
        }
    })
    .await;
    Client::of(&server).get_object(source).await
}

fn with(head: &str, body: &[u8]) -> Vec<u8> {
    [head.as_bytes(), b"\r\n\r\n", body].concat()
}

fn sized(body: &[u8]) -> Vec<u8> {
    with(&format!("HTTP/1.1 200 OK\r\ncontent-length: {}", body.len()), body)
}

fn chunked(body: &[u8]) -> Vec<u8> {
    let mut framed = Vec::new();
    for piece in body.chunks(50_000) {
        framed.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        framed.extend_from_slice(piece);
        framed.extend_from_slice(b"\r\n");
    }
    framed.extend_from_slice(b"0\r\n\r\n");
    with("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked", &framed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_object_is_completed_however_it_is_framed() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&bytes_of(&generated()).await).unwrap();
    let of_file =
        Source::File { file: Arc::new(File::open(file.path()).and_then(BodyFile::new).unwrap()), len: LEN as u64 };
    for source in [generated(), of_file] {
        let object = bytes_of(&source).await;
        let range =
            format!("HTTP/1.1 206 Partial Content\r\ncontent-length: {LEN}\r\ncontent-range: bytes 0-599999/{LEN}");
        for answer in [sized(&object), chunked(&object), with("HTTP/1.0 200 OK", &object), with(&range, &object)] {
            let story = answered(false, &source, answer).await;
            assert_eq!(story.end(), (Outcome::Completed, Phase::Done), "{:?}", story.row);
            assert_eq!((story.row.response_bytes, story.row.body_bytes), (LEN as u64, LEN as u64));
            assert_eq!((story.row.error, story.row.answer, story.kept), (None, None, 0));
        }
    }
}

/// The store that sends half an object as if it were all of it has not let the transfer through.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_answer_with_less_than_the_object_is_truncated() {
    let source = generated();
    let object = bytes_of(&source).await;
    let half = &object[..HALF];
    for tls in [false, true] {
        for (answer, came) in [
            (with("HTTP/1.0 200 OK\r\nconnection: close", half), HALF),
            (chunked(half), HALF),
            (sized(half), HALF),
            (with(&format!("HTTP/1.1 206 Partial Content\r\ncontent-length: {HALF}"), half), HALF),
            (sized(&object[..1]), 1),
            (sized(&object[..LEN - 1]), LEN - 1),
            (sized(b""), 0),
            (chunked(b""), 0),
            (with("HTTP/1.0 200 OK", b""), 0),
            (b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(), 0),
        ] {
            let story = answered(tls, &source, answer).await;
            assert_eq!(story.end(), (Outcome::Truncated, Phase::ResponseBody), "{:?}", story.row);
            assert_eq!(story.row.error.as_deref(), Some(&*format!("{came} of {LEN} bytes")));
            assert_eq!(story.row.response_bytes, came as u64);
            assert!(matches!(story.row.status, Some(200 | 204 | 206)) && story.row.errno.is_none(), "{:?}", story.row);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_truncated_download_ended_at_its_last_byte_not_at_the_close() {
    let source = generated();
    let object = bytes_of(&source).await;
    let mut server = Server::start(false, move |mut peer: Peer| {
        let half = object[..HALF].to_vec();
        async move {
            peer.head().await;
            peer.try_send(&with("HTTP/1.0 200 OK", &half)).await.unwrap();
            tokio::time::sleep(Duration::from_millis(600)).await;
            let closed = Instant::now();
            peer.finish();
            peer.rest().await;
            closed
        }
    })
    .await;
    let story = Client::of(&server).get_object(&source).await;
    let closed = server.reported().await;
    assert_eq!(story.row.outcome, Outcome::Truncated, "{:?}", story.row);
    assert!(closed - story.ended > Duration::from_millis(300), "{:?} before the close", closed - story.ended);
    assert_eq!(story.row.peer_close, Some(PeerClose::Fin));
}

/// A store that goes on with zeros, or with the text of a refusal, after expiry has ended the object then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_altered_download_ended_where_the_other_bytes_began() {
    let source = generated();
    let object = bytes_of(&source).await;
    let mut server = Server::start(false, move |mut peer: Peer| {
        let half = object[..HALF].to_vec();
        async move {
            peer.head().await;
            peer.try_send(&with(&format!("HTTP/1.1 200 OK\r\ncontent-length: {LEN}"), &half)).await.unwrap();
            tokio::time::sleep(Duration::from_millis(200)).await;
            let turned = Instant::now();
            peer.try_send(&vec![0; HALF / 2]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(600)).await;
            peer.try_send(&vec![0; HALF / 2]).await.unwrap();
            turned
        }
    })
    .await;
    let story = Client::of(&server).get_object(&source).await;
    let turned = server.reported().await;
    assert_eq!(story.end(), (Outcome::Altered, Phase::ResponseBody), "{:?}", story.row);
    assert_eq!(story.row.response_bytes, LEN as u64, "all of it is read and counted");
    let after = story.ended.saturating_duration_since(turned);
    assert!(story.ended >= turned && after < Duration::from_millis(300), "{after:?} after the other bytes were sent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_bytes_than_the_objects_are_altered_whatever_their_number() {
    let source = generated();
    let object = bytes_of(&source).await;
    let flipped = |at: usize| {
        let mut other = object.clone();
        other[at] ^= 0x80;
        other
    };
    let page = b"<html>login</html>";
    let long_page = format!("<html><title>Sign in</title>{}</html>", "x ".repeat(LEN)).into_bytes();
    let gzip = [b"\x1f\x8b\x08\x00".as_slice(), &object[1000..200_000]].concat();
    let zipped = format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}", gzip.len());
    let later = &object[HALF..];
    let range =
        format!("HTTP/1.1 206 Partial Content\r\ncontent-range: bytes {HALF}-599999/{LEN}\r\ncontent-length: {HALF}");
    let longer = [object.as_slice(), b"more"].concat();
    for (answer, reported) in [
        (sized(page), "from the first one on: 18 bytes came, the object has 600000"),
        (with("HTTP/1.0 200 OK", page), "from the first one on: 18 bytes came"),
        (sized(&long_page), "the object has 600000"),
        (sized(&flipped(0)), "from the first one on: 600000 bytes came"),
        (sized(&flipped(400_000)), "from byte 400000 (counted from 0) on: 600000 bytes came"),
        (chunked(&flipped(LEN - 1)), "from byte 599999 (counted from 0) on"),
        (sized(&longer), "the whole object came, and more behind it: 600004 bytes came"),
        (with(&range, later), "300000 bytes came"),
        (with(&zipped, &gzip), "; Content-Encoding: gzip"),
        (sized(&vec![0; LEN]), "600000 bytes came, the object has 600000"),
    ] {
        let story = answered(false, &source, answer).await;
        assert_eq!(story.end(), (Outcome::Altered, Phase::ResponseBody), "{reported}: {:?}", story.row);
        let error = story.row.error.clone().unwrap();
        assert!(error.contains(reported), "{error}");
    }
}

/// The page of a portal begins with a byte that is the object's in one of 256 objects.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_came_in_the_objects_place_is_quoted_if_it_is_text() {
    let source = generated();
    let object = bytes_of(&source).await;
    let page = [&object[..1], b"html><title>Hotel WLAN</title><body>Please log in</body></html>"].concat();
    let story = answered(false, &source, sized(&page)).await;
    let answer = story.row.answer.clone().unwrap_or_default();
    assert!(answer.contains("Hotel WLAN") && answer.contains("Please log in"), "{:?}", story.row);
    // A server that fails in mid-body, and says so there.
    let appended = [&object[..HALF], b"<html><h1>504 Gateway Time-out</h1></html>"].concat();
    let story = answered(false, &source, sized(&appended)).await;
    assert_eq!(story.row.answer.as_deref(), Some("504 Gateway Time-out"), "{:?}", story.row);
    // S3's own words have columns of their own.
    let document = "<Error><Code>InternalError</Code><Message>We failed</Message></Error>";
    let story = answered(false, &source, sized(document.as_bytes())).await;
    assert_eq!(story.row.outcome, Outcome::Altered);
    assert_eq!((story.row.s3_code.as_deref(), story.row.answer), (Some("InternalError"), None));
    // Other bytes are not text.
    let story = answered(false, &source, sized(&object[1..])).await;
    assert_eq!((story.row.outcome, story.row.answer), (Outcome::Altered, None));
}

/// HTTP itself says that it is not whole: that is a close, as ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_close_in_mid_body_stays_a_close_whatever_had_come() {
    let source = generated();
    let object = bytes_of(&source).await;
    let announced = format!("HTTP/1.1 200 OK\r\ncontent-length: {LEN}");
    let chunk = [format!("{LEN:x}\r\n").as_bytes(), &object[..HALF]].concat();
    for answer in [
        with(&announced, &object[..HALF]),
        with(&announced, &[7; HALF]),
        with("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked", &chunk),
    ] {
        let story = answered(false, &source, answer).await;
        assert_eq!(story.end(), (Outcome::Closed, Phase::ResponseBody), "{:?}", story.row);
        assert_eq!((story.row.status, story.row.response_bytes), (Some(200), HALF as u64));
    }
}

/// A machine cannot accuse a store by a file that it cannot read any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_changes_under_a_download_is_this_machines_fault() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&bytes_of(&generated()).await).unwrap();
    let body = BodyFile::new(File::open(file.path()).unwrap()).unwrap();
    let source = Source::File { file: Arc::new(body), len: LEN as u64 };
    let object = bytes_of(&source).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    std::fs::write(file.path(), vec![1; LEN]).unwrap();
    let story = answered(false, &source, sized(&object)).await;
    assert_eq!(story.row.outcome, Outcome::FailedLocally, "{:?}", story.row);
    assert!(story.row.error.as_deref().is_some_and(|error| error.contains("file was written to")), "{:?}", story.row);
    std::fs::write(file.path(), b"short").unwrap();
    let story = answered(false, &source, sized(&object)).await;
    assert_eq!(story.row.outcome, Outcome::FailedLocally, "{:?}", story.row);
}
