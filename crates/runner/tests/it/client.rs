//! The transfer under test: `transfer::run` against any address, and the rows that come of it.

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use http::HeaderMap;
use tokio::time::Instant;
use tokio_rustls::rustls::ClientConfig;
use ttlsweep_record::{
    BitRate, ByteCount, Cell, EventKind, EventRecord, Method, Outcome, Phase, Timestamp, TransferRecord,
};
use ttlsweep_runner::testing::clock::{Clock, SystemClock};
use ttlsweep_runner::testing::dial::reach::Route;
use ttlsweep_runner::testing::dial::{Connection, Dialer};
use ttlsweep_runner::testing::s3::link::{MadeBy, SignedRequest};
use ttlsweep_runner::testing::secret::Secret;
use ttlsweep_runner::testing::stop::{Stop, StopSwitch};
use ttlsweep_runner::testing::transfer::judge::judge;
use ttlsweep_runner::testing::transfer::{self, Limits, Payload, Task, record};
use ttlsweep_runner::testing::wire::Side;
use ttlsweep_runner::testing::wire::body::{Block, Source};
use ttlsweep_runner::testing::wire::endpoint::Endpoint;
use ttlsweep_runner::testing::wire::limiter::Limiter;

use crate::experiment::Toml;
use crate::server::Server;

/// One user's client: it keeps its connection from one transfer to the next.
pub(crate) struct Client {
    endpoint: String,
    dialer: Dialer,
    kept: Option<Connection>,
    stop: Stop,
    stopped_after: Option<Duration>,
    switch: StopSwitch,
    pub(crate) limits: Limits,
    pub(crate) expect_continue: bool,
    /// What stands in the link behind the transfer's name.
    pub(crate) query: String,
}

/// What the runner would have written of one transfer.
#[derive(Debug)]
pub(crate) struct Story {
    pub(crate) row: TransferRecord,
    pub(crate) events: Vec<EventRecord>,
    /// When it ended, on the clock that the servers tell by, too.
    pub(crate) ended: Instant,
    /// Bytes of the response's body that were kept.
    pub(crate) kept: usize,
}

impl Story {
    /// The outcome, and where.
    pub(crate) fn end(&self) -> (Outcome, Phase) {
        (self.row.outcome, self.row.phase)
    }

    /// The value of the first event of this kind; `None` if it did not happen.
    pub(crate) fn event(&self, kind: EventKind) -> Option<&EventRecord> {
        self.events.iter().find(|event| event.event == kind)
    }
}

impl Client {
    /// A client of `server`, with TLS where it speaks TLS.
    pub(crate) fn of<T>(server: &Server<T>) -> Self {
        Self::at(server.addr, server.tls.clone())
    }

    /// A client of the server that listens at `addr`.
    pub(crate) fn at(addr: SocketAddr, tls: Option<Arc<ClientConfig>>) -> Self {
        Self::named(&addr.to_string(), tls)
    }

    /// A client of a `host:port`.
    pub(crate) fn named(authority: &str, tls: Option<Arc<ClientConfig>>) -> Self {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let endpoint = format!("{scheme}://{authority}");
        let switch = StopSwitch::new();
        Self {
            dialer: Dialer::new(Endpoint::of(&endpoint.parse().unwrap()).unwrap(), tls),
            endpoint,
            kept: None,
            stop: switch.listen(None),
            stopped_after: None,
            switch,
            limits: Limits { total: Duration::from_secs(20), ..Limits::all(Duration::from_secs(10)) },
            expect_continue: false,
            query: String::new(),
        }
    }

    /// On another way to its endpoint.
    pub(crate) fn on(mut self, route: Route) -> Self {
        self.dialer.route = route;
        self
    }

    /// Caps what it uploads.
    pub(crate) fn capped(mut self, bits_per_second: u64) -> Self {
        let rate = BitRate::new(bits_per_second).unwrap();
        self.dialer.cap = Some((Arc::new(Limiter::new(rate, 1)), Side::Write));
        self
    }

    /// Caps what it downloads.
    pub(crate) fn download_capped(mut self, bits_per_second: u64) -> Self {
        let rate = BitRate::new(bits_per_second).unwrap();
        self.dialer.cap = Some((Arc::new(Limiter::new(rate, 1)), Side::Read));
        self.dialer.socket.reads_per_s = Some(bits_per_second / 8);
        self
    }

    /// Chooses the congestion control of its connections.
    pub(crate) fn with_congestion(mut self, name: &str) -> Self {
        self.dialer.socket.congestion = Some(name.to_owned());
        self
    }

    /// Stops it after `time`, as the end of a trial's duration does.
    pub(crate) fn stopped_after(mut self, time: Duration) -> Self {
        self.stopped_after = Some(time);
        self
    }

    /// Uploads `len` bytes.
    pub(crate) async fn put(&mut self, len: usize) -> Story {
        let source = Source::Generated { block: BLOCK.clone(), len: len as u64 };
        self.transfer(Method::Put, Payload::Upload(&source), len).await
    }

    /// Downloads whatever comes.
    pub(crate) async fn get(&mut self) -> Story {
        self.transfer(Method::Get, Payload::Unknown, 0).await
    }

    /// Downloads the object that was made of `source` for the key `key`.
    pub(crate) async fn get_object(&mut self, source: &Source) -> Story {
        let len = usize::try_from(source.len()).unwrap();
        self.transfer(Method::Get, Payload::Download(source), len).await
    }

    async fn transfer(&mut self, method: Method, payload: Payload<'_>, len: usize) -> Story {
        let request = SignedRequest {
            method: if method.is_upload() { http::Method::PUT } else { http::Method::GET },
            uri: Secret::new(format!("{}/bucket/key?x-run=t1{}", self.endpoint, self.query).parse().unwrap()),
            headers: Secret::new(HeaderMap::new()),
            form: None,
            presigned_at: None,
            expires_at: None,
            made_by: MadeBy::Us,
        };
        let task = Task {
            transfer_id: "t1",
            expect_continue: self.expect_continue,
            sample_every: Duration::from_millis(100),
            ..Task::new(&request, payload, "key", self.limits)
        };
        if let Some(time) = self.stopped_after {
            self.stop = self.switch.listen(Some(Instant::now() + time));
        }
        let anchor = SystemClock.anchor();
        let observed = transfer::run(&task, &self.dialer, &mut self.kept, anchor, &mut self.stop).await;
        let ended = judge(&observed).ended;
        let kept = observed.response.as_ref().map_or(0, |response| response.document.len());
        let rows = record::complete(begun(method, len, anchor.wall), observed, &request);
        Story { row: rows.transfer, events: rows.events, ended, kept }
    }
}

/// The row as it is before anything has happened.
fn begun(method: Method, len: usize, now: Timestamp) -> TransferRecord {
    let size_bytes = ByteCount(len as u64);
    let row = TransferRecord::begun(&CELL, now);
    TransferRecord { transfer_id: "t1".to_owned(), method, size_bytes, body_bytes: size_bytes.0, ..row }
}

/// Any cell: what a transfer does is said by its client.
static CELL: LazyLock<Cell> = LazyLock::new(|| Toml::named("any").load().cells[0].clone());

/// What all generated bodies are cut from: it takes a moment to make.
pub(crate) static BLOCK: LazyLock<Block> = LazyLock::new(|| Block::new(7));
