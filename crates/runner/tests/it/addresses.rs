//! A name with several addresses, some of which are dead: the transfer takes one that lives, and says which did not.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};
use ttlsweep_record::{EventKind, Outcome, Phase};
use ttlsweep_runner::testing::dial::reach::Route;
use ttlsweep_runner::testing::dial::resolve::{Resolve, Resolving};

use crate::client::{Client, Story};
use crate::server::{OK, Peer, Server};

const KIB: usize = 1 << 10;

/// An address that takes no packets: its listener's queue is full, so that the kernel drops every further SYN.
struct BlackHole {
    address: SocketAddr,
    listener: Socket,
    filling: Vec<Socket>,
}

impl BlackHole {
    fn at(ip: impl Into<std::net::IpAddr>) -> Self {
        let ip = ip.into();
        let domain = Domain::for_address(SocketAddr::new(ip, 0));
        let listener = Socket::new(domain, Type::STREAM, None).unwrap();
        listener.bind(&SocketAddr::new(ip, 0).into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let filling = (0..4).map(|_| {
            let socket = Socket::new(domain, Type::STREAM, None).unwrap();
            socket.set_nonblocking(true).unwrap();
            // The first ones are taken into the queue; the last ones show that it is full.
            let _ = socket.connect(&address.into());
            socket
        });
        let filling = filling.collect();
        Self { address, listener, filling }
    }

    /// How many connections were ever made to it by others than itself, after it has taken all that wait.
    fn strangers(self) -> usize {
        let own: Vec<_> = self.filling.iter().filter_map(|socket| socket.local_addr().ok()?.as_socket()).collect();
        self.listener.set_nonblocking(true).unwrap();
        let until = Instant::now() + Duration::from_millis(2500);
        let mut strangers = 0;
        // A SYN that is not answered is sent again after one second.
        while Instant::now() < until {
            match self.listener.accept() {
                Ok((_, peer)) => strangers += usize::from(!own.contains(&peer.as_socket().unwrap())),
                Err(_) => std::thread::sleep(Duration::from_millis(10)),
            }
        }
        strangers
    }
}

/// An address on which nobody listens: the kernel refuses at once.
fn refusing() -> SocketAddr {
    let free = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    free.local_addr().unwrap()
}

#[derive(Debug)]
struct Table(Vec<SocketAddr>);

impl Resolve for Table {
    fn resolve<'a>(&'a self, _: &'a str, _: u16) -> Resolving<'a> {
        Box::pin(async { Ok(self.0.clone()) })
    }
}

/// A client of a name that has these addresses.
fn client(addresses: &[SocketAddr]) -> Client {
    let resolver = Arc::new(Table(addresses.to_vec()));
    Client::named("store.test:80", None).on(Route { resolver, ..Route::default() })
}

async fn living() -> Server<()> {
    Server::start(false, async |mut peer: Peer| {
        peer.head().await;
        peer.body(KIB).await;
        peer.say(OK).await;
        peer.rest().await;
    })
    .await
}

fn values(story: &Story, kind: EventKind) -> Vec<&str> {
    story.events.iter().filter(|event| event.event == kind).filter_map(|event| event.value.as_deref()).collect()
}

#[tokio::test]
async fn behind_a_dead_ipv6_address_the_ipv4_one_is_taken_after_250_ms_and_the_dead_one_is_named() {
    let (dead, server) = (BlackHole::at(Ipv6Addr::LOCALHOST), living().await);
    let story = client(&[dead.address, server.addr]).put(KIB).await;
    let row = &story.row;
    assert_eq!(story.end(), (Outcome::Completed, Phase::Done), "{row:?}");
    assert_eq!(row.remote_addr, Some(server.addr.to_string()));
    let connect_us = row.connect_us.unwrap();
    assert!((250_000..1_000_000).contains(&connect_us), "{row:?}");
    assert_eq!(values(&story, EventKind::AddressTried), [dead.address.to_string(), server.addr.to_string()]);
    let failed = values(&story, EventKind::AddressFailed);
    assert!(
        failed.len() == 1 && failed[0].starts_with(&format!("{} did not answer in 25", dead.address)),
        "{failed:?}"
    );
    let error = row.error.as_deref().unwrap();
    assert!(error.contains(&dead.address.to_string()), "{error}");
    assert!(error.ends_with(&format!("connected to {}", server.addr)), "{error}");
    // The winner's own handshake is on the tape, and the steps fill the time up to the head.
    let tried = story.events.iter().rfind(|event| event.event == EventKind::AddressTried).unwrap().t_us;
    let connected = story.event(EventKind::Connect).unwrap().t_us;
    assert!(connected - tried < 200_000 && tried >= 250_000, "{:?}", story.events);
    let head = story.event(EventKind::HeadWritten).unwrap().t_us;
    let steps = row.dns_us.unwrap() + connect_us;
    assert!(steps <= head && head - steps < 100_000, "{row:?}");
}

#[tokio::test]
async fn two_dead_addresses_of_one_family_cost_two_turns() {
    let dead = [BlackHole::at([127, 0, 0, 1]), BlackHole::at([127, 0, 0, 2])];
    let server = living().await;
    let story = client(&[dead[0].address, dead[1].address, server.addr]).put(KIB).await;
    assert_eq!(story.end(), (Outcome::Completed, Phase::Done), "{:?}", story.row);
    assert!((500_000..1_500_000).contains(&story.row.connect_us.unwrap()), "{:?}", story.row);
    assert_eq!(values(&story, EventKind::AddressTried).len(), 3);
    assert_eq!(values(&story, EventKind::AddressFailed).len(), 2);
}

#[tokio::test]
async fn an_address_that_refuses_costs_no_turn() {
    let server = living().await;
    let refusing = refusing();
    let story = client(&[refusing, server.addr]).put(KIB).await;
    assert_eq!(story.end(), (Outcome::Completed, Phase::Done), "{:?}", story.row);
    assert!(story.row.connect_us.unwrap() < 200_000, "{:?}", story.row);
    let failed = values(&story, EventKind::AddressFailed);
    assert!(failed.len() == 1 && failed[0].contains("refused"), "{failed:?}");
    assert_eq!(story.row.errno, None, "the transfer itself met no error");
}

#[tokio::test]
async fn where_the_first_address_answers_nothing_else_is_tried_or_reported() {
    let (server, dead) = (living().await, BlackHole::at([127, 0, 0, 1]));
    let story = client(&[server.addr, dead.address]).put(KIB).await;
    assert_eq!(story.end(), (Outcome::Completed, Phase::Done), "{:?}", story.row);
    assert_eq!(values(&story, EventKind::AddressTried), [server.addr.to_string()]);
    assert_eq!((&story.row.error, story.event(EventKind::AddressFailed)), (&None, None));
}

#[tokio::test]
async fn where_all_are_dead_the_timeout_names_each_of_them() {
    let dead = [BlackHole::at(Ipv6Addr::LOCALHOST), BlackHole::at([127, 0, 0, 1])];
    let mut client = client(&[dead[0].address, dead[1].address]);
    client.limits.connect = Duration::from_millis(1200);
    let story = client.put(KIB).await;
    assert_eq!(story.end(), (Outcome::TimedOut, Phase::Connect), "{:?}", story.row);
    assert!((1_200_000..1_800_000).contains(&story.row.total_us), "{:?}", story.row);
    let error = story.row.error.as_deref().unwrap();
    assert!(error.starts_with("this side's connect_timeout of ") && error.contains(" ran out: "), "{error}");
    for hole in &dead {
        assert!(error.contains(&format!("{} did not answer", hole.address)), "{error}");
    }
    assert_eq!(values(&story, EventKind::AddressFailed).len(), 2);
}

#[tokio::test]
async fn where_all_refuse_the_row_has_each_refusal() {
    let addresses = [refusing(), refusing()];
    let story = client(&addresses).put(KIB).await;
    assert_eq!(story.end(), (Outcome::Unconnected, Phase::Connect), "{:?}", story.row);
    assert_eq!(story.row.errno.as_deref(), Some("ECONNREFUSED"));
    let error = story.row.error.as_deref().unwrap();
    assert!(addresses.iter().all(|address| error.contains(&address.to_string())), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_lost_is_let_go_of_and_never_connected_to_later() {
    let (dead, server) = (BlackHole::at([127, 0, 0, 1]), living().await);
    let story = client(&[dead.address, server.addr]).put(KIB).await;
    assert_eq!(story.end(), (Outcome::Completed, Phase::Done), "{:?}", story.row);
    let strangers = tokio::task::spawn_blocking(|| dead.strangers()).await.unwrap();
    assert_eq!(strangers, 0, "the attempt went on behind the winner's back");
}
