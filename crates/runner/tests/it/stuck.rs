//! Servers that do not answer, and connections that do not come about: each ends in its own phase, by its own timeout.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::rustls::pki_types::CertificateDer;
use ttlsweep_record::{EventKind, Outcome, Phase};

use crate::client::Client;
use crate::server::{Peer, Server, trusting};

const BODY: usize = 16 << 20;
const MIB: usize = 1 << 20;
const SHORT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn a_server_that_never_answers_runs_into_the_idle_timeout() {
    for tls in [false, true] {
        let server = Server::start(tls, async |mut peer: Peer| {
            peer.head().await;
            peer.rest().await;
        })
        .await;
        let mut client = Client::of(&server);
        client.limits.idle = SHORT;
        let story = client.put(MIB).await;
        assert_eq!(story.end(), (Outcome::TimedOut, Phase::Wait), "{:?}", story.row);
        assert!(story.row.error.as_deref().is_some_and(|error| error.contains("idle_timeout")), "{:?}", story.row);
        assert!(story.row.total_us >= 300_000, "{:?}", story.row);
    }
}

#[tokio::test]
async fn a_server_that_stops_reading_runs_into_the_idle_timeout_in_the_body() {
    for tls in [false, true] {
        let server = Server::start(tls, async |mut peer: Peer| {
            peer.head().await;
            peer.body(MIB).await;
            std::future::pending::<()>().await;
        })
        .await;
        let mut client = Client::of(&server);
        client.limits.idle = SHORT;
        let story = client.put(BODY).await;
        assert_eq!(story.end(), (Outcome::TimedOut, Phase::RequestBody), "{:?}", story.row);
        assert!(story.row.error.as_deref().is_some_and(|error| error.contains("idle_timeout")), "{:?}", story.row);
        assert_eq!(story.event(EventKind::TimedOut).and_then(|event| event.value.as_deref()), Some("idle_timeout"));
        assert!(story.row.body_bytes_written >= MIB as u64 && story.row.body_bytes_written < BODY as u64);
    }
}

#[tokio::test]
async fn a_transfer_that_takes_too_long_names_the_timeout() {
    let server = Server::start(false, async |mut peer: Peer| {
        peer.head().await;
        peer.rest().await;
    })
    .await;
    let mut client = Client::of(&server).capped(1_000_000);
    client.limits.total = SHORT;
    let story = client.put(MIB).await;
    assert_eq!(story.end(), (Outcome::TimedOut, Phase::RequestBody), "{:?}", story.row);
    assert_eq!(story.row.error.as_deref(), Some("this side's timeout of 300 ms ran out"));
}

#[tokio::test]
async fn nobody_listening_is_a_refused_connection() {
    let free = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let addr = free.local_addr().unwrap();
    drop(free);
    let story = Client::at(addr, None).put(MIB).await;
    assert_eq!(story.end(), (Outcome::Unconnected, Phase::Connect), "{:?}", story.row);
    assert_eq!(story.row.errno.as_deref(), Some("ECONNREFUSED"));
    assert!(story.event(EventKind::ConnectFailed).is_some());
    assert_eq!((story.row.connection_id, story.row.head_written_at), (None, None));
}

/// RFC 1035 §2.3.4: a label has at most 63 characters, so the resolver refuses this name without asking anyone.
#[tokio::test]
async fn a_name_that_does_not_resolve_ends_in_dns() {
    let name = "n".repeat(64);
    let story = Client::named(&format!("{name}.invalid:80"), None).put(MIB).await;
    assert_eq!(story.end(), (Outcome::Unconnected, Phase::Dns), "{:?}", story.row);
    assert!(story.row.dns_us.is_some() && story.row.connect_us.is_none());
    assert!(story.row.error.as_deref().is_some_and(|error| error.contains(&name)), "{:?}", story.row);
}

#[tokio::test]
async fn a_name_that_resolves_has_its_look_up_timed() {
    let server = Server::start(false, async |mut peer: Peer| {
        peer.head().await;
        peer.say(crate::server::OK).await;
        peer.rest().await;
    })
    .await;
    let story = Client::named(&format!("localhost:{}", server.addr.port()), None).get().await;
    assert_eq!(story.end(), (Outcome::Completed, Phase::Done), "{:?}", story.row);
    assert!(story.row.dns_us.is_some() && story.row.connect_us.is_some());
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_ends_in_tls() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        // The header of the record that greets.
        socket.read_exact(&mut [0; 5]).await.unwrap();
        socket.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        socket.read_to_end(&mut Vec::new()).await
    });
    let story = Client::at(addr, Some(trusting(some_certificate()))).put(MIB).await;
    assert_eq!(story.end(), (Outcome::Unconnected, Phase::Tls), "{:?}", story.row);
    assert!(story.row.connect_us.is_some() && story.row.tls_us.is_some());
    let _ = server.await.unwrap();
}

#[tokio::test]
async fn a_certificate_that_nobody_trusts_ends_in_tls() {
    let server = Server::start(true, async |_: Peer| ()).await;
    let story = Client::at(server.addr, Some(trusting(some_certificate()))).put(MIB).await;
    assert_eq!(story.end(), (Outcome::Unconnected, Phase::Tls), "{:?}", story.row);
    assert!(story.row.error.as_deref().is_some_and(|error| error.contains("certificate")), "{:?}", story.row);
}

#[tokio::test]
async fn a_tls_handshake_that_never_completes_runs_into_the_connect_timeout() {
    // The kernel completes the TCP handshake; nobody accepts.
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let mut client = Client::at(listener.local_addr().unwrap(), Some(trusting(some_certificate())));
    client.limits.connect = SHORT;
    let story = client.put(MIB).await;
    assert_eq!(story.end(), (Outcome::TimedOut, Phase::Tls), "{:?}", story.row);
    let reported = "this side's connect_timeout of 300 ms ran out: 127.0.0.1 had not ended its TLS handshake";
    assert_eq!(story.row.error.as_deref(), Some(reported));
    assert!(story.row.connect_us.is_some() && story.row.tls_us.is_some());

    client.limits.connect = Duration::from_secs(10);
    client.limits.total = SHORT;
    let story = client.put(MIB).await;
    assert_eq!(story.end(), (Outcome::TimedOut, Phase::Tls), "{:?}", story.row);
    assert_eq!(
        story.row.error.as_deref(),
        Some("this side's timeout of 300 ms ran out: 127.0.0.1 had not ended its TLS handshake")
    );
}

#[tokio::test]
async fn what_is_stopped_says_where_it_stood() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let story = Client::at(addr, Some(trusting(some_certificate()))).stopped_after(SHORT).put(MIB).await;
    assert_eq!(story.end(), (Outcome::Cancelled, Phase::Tls), "{:?}", story.row);
    let story = Client::at(addr, None).stopped_after(SHORT).put(MIB).await;
    assert_eq!(story.end(), (Outcome::Cancelled, Phase::Wait), "the kernel took it all: {:?}", story.row);
    let story = Client::at(addr, None).stopped_after(SHORT).put(BODY).await;
    assert_eq!(story.end(), (Outcome::Cancelled, Phase::RequestBody), "{:?}", story.row);
    assert_eq!(story.row.error.as_deref(), Some("the trial's duration was over"));
    assert!(story.row.total_us >= 290_000, "{:?}", story.row);
}

fn some_certificate() -> CertificateDer<'static> {
    rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap().cert.der().clone()
}
