//! Opening a connection by hand: name, TCP, TLS and hyper's handshake, each step an instant.
//!
//! [`reach`] comes as far as an open socket: [`resolve`] looks names up, [`race`] tries the addresses, [`proxy`] asks for a
//! tunnel. What is here puts the layers of [`crate::wire`] and TLS on it.

pub(crate) mod ask;
pub(crate) mod no_tls;
pub(crate) mod proxy;
pub(crate) mod race;
pub(crate) mod reach;
pub(crate) mod resolve;
pub(crate) mod short_buffer;

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::io::Interest;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::{TlsConnector, rustls};
use ttlsweep_record::{Cell, EventKind, Phase};

use crate::dial::no_tls::plainer;
use crate::dial::reach::Route;
use crate::dial::short_buffer::ShortBuffer;
use crate::wire::body::RequestBody;
use crate::wire::cap::RateLimited;
use crate::wire::endpoint::Endpoint;
use crate::wire::hold::HeldErrors;
use crate::wire::http::HttpMarked;
use crate::wire::kernel::{self, TcpInfo};
use crate::wire::limiter::Limiter;
use crate::wire::marks::{Confirms, HttpMarks};
use crate::wire::socket::Socket;
use crate::wire::stamp::Timestamped;
use crate::wire::tape::Tape;
use crate::wire::tls::MaybeTls;
use crate::wire::{Side, SocketStats};

/// How to open connections to one endpoint: shared by all transfers of a trial or of one user.
#[derive(Debug, Clone)]
pub struct Dialer {
    /// Where to.
    pub endpoint: Endpoint,
    /// TLS's settings; nothing for plain TCP.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// The bandwidth cap and the direction that it holds for.
    pub cap: Option<(Arc<Limiter>, Side)>,
    /// What is set on each socket before it is connected.
    pub socket: SocketOptions,
    /// Numbers the run's connections.
    pub ids: Arc<AtomicU64>,
    /// Who looks the endpoint's name up, and which proxies stand between.
    pub route: Route,
}

/// What is set on a socket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SocketOptions {
    /// Bytes a second that this end reads, if it is capped: see `ShortBuffer`.
    pub reads_per_s: Option<u64>,
    /// The congestion control; `None` for the kernel's own choice.
    pub congestion: Option<String>,
}

impl SocketOptions {
    /// What `cell` sets, whatever its trial adds.
    pub(crate) fn of(cell: &Cell) -> Self {
        Self { reads_per_s: None, congestion: cell.congestion.clone() }
    }
}

type Stack = HttpMarked<HeldErrors<RateLimited<Timestamped<Socket>>>>;

/// An open connection with everything that is known of it.
pub struct Connection {
    /// Its number within the run.
    pub id: u64,
    /// This end.
    pub local: Option<SocketAddr>,
    /// The peer's end; the proxy's where one stands between.
    pub remote: SocketAddr,
    /// `TLSv1.3` or `TLSv1.2`; nothing over plain TCP.
    pub tls_version: Option<&'static str>,
    /// What the layers on the socket noted.
    pub stats: Arc<SocketStats>,
    /// Where the exchange under way stands.
    pub marks: Arc<HttpMarks>,
    /// How many transfers used it so far.
    pub transfers: u32,
    pub(crate) sender: http1::SendRequest<RequestBody>,
    pub(crate) http: Pin<Box<http1::Connection<TokioIo<Stack>, RequestBody>>>,
    pub(crate) kernel: KernelView,
}

/// Asks the kernel about one connection.
#[derive(Debug, Clone)]
pub(crate) struct KernelView {
    socket: Socket,
    acked_before: u64,
    /// The receive buffer, if it was shortened for a capped reader.
    short_buffer: Option<Arc<ShortBuffer>>,
}

impl KernelView {
    /// Whether its receive buffer was shortened for a capped reader.
    pub(crate) fn has_short_buffer(&self) -> bool {
        self.short_buffer.is_some()
    }

    /// Gives a capped reader, who has read `read` bytes so far, a longer receive buffer if it turns out to need one.
    pub(crate) fn look_at_buffer(&self, read: u64) {
        if let Some(buffer) = &self.short_buffer {
            buffer.look(&self.socket, read);
        }
    }

    /// The kernel's view now, with `bytes_acked` counted from the first byte that was written to the socket.
    pub(crate) fn tcp_info(&self) -> Option<TcpInfo> {
        let info = kernel::tcp_info(self.socket.stream())?;
        // The kernel counts the SYN as a byte, too.
        Some(TcpInfo { bytes_acked: info.bytes_acked.saturating_sub(self.acked_before), ..info })
    }

    /// The connection's congestion control; `None` if this system does not tell.
    pub(crate) fn congestion(&self) -> Option<String> {
        kernel::congestion(self.socket.stream())
    }

    /// Waits until the kernel holds an error for the connection, such as a RST, whatever is still to be read before it.
    pub(crate) async fn broken(&self) {
        if self.socket.stream().ready(Interest::ERROR).await.is_err() {
            // Only a runtime that is on its way out refuses.
            std::future::pending().await
        }
    }
}

impl Confirms for KernelView {
    fn bytes_acked(&self) -> Option<u64> {
        Some(self.tcp_info()?.bytes_acked)
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("id", &self.id).field("remote", &self.remote).finish_non_exhaustive()
    }
}

/// How long the steps of one connection took; absent where they did not happen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Steps {
    /// The step that was begun last.
    pub begun: Option<Phase>,
    /// The name's look-up.
    pub dns: Option<Duration>,
    /// From the first attempt at an address to the handshake that won, and through a proxy to its tunnel.
    pub connect: Option<Duration>,
    /// The TLS handshake.
    pub tls: Option<Duration>,
    /// Which addresses did not answer before the one that did, in words; `None` if the first one answered.
    pub detour: Option<String>,
}

/// Why no connection came about.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct DialError {
    /// In which step.
    pub phase: Phase,
    /// When.
    pub at: Instant,
    /// The operating system's error.
    pub errno: Option<i32>,
    /// Whether the deadline passed.
    pub timed_out: bool,
    /// Whether it will be the same at every try: a proxy that refuses.
    pub lasting: bool,
    /// In words.
    pub message: String,
}

impl Dialer {
    /// Goes straight to `endpoint`, uncapped, with TLS if there are settings for it; its first connection has the number 1.
    pub fn new(endpoint: Endpoint, tls: Option<Arc<rustls::ClientConfig>>) -> Self {
        Self {
            endpoint,
            tls,
            cap: None,
            socket: SocketOptions::default(),
            ids: Arc::default(),
            route: Route::default(),
        }
    }

    /// Opens a connection before `deadline`; notes each step on the tape and in `steps`.
    ///
    /// # Errors
    /// The step that failed, with the operating system's error where it has one.
    pub(crate) async fn dial(
        &self,
        deadline: Instant,
        steps: &mut Steps,
        tape: &mut Tape,
    ) -> Result<Connection, DialError> {
        let stats = Arc::new(SocketStats::new());
        let reached = self.route.reach(&self.endpoint, &self.socket, deadline, steps, tape).await;
        let (socket, remote) = reached?;
        let local = socket.stream().local_addr().ok();
        let acked_before = kernel::tcp_info(socket.stream()).map_or(0, |info| info.bytes_acked);
        let short_buffer = self.socket.reads_per_s.and_then(|rate| ShortBuffer::of(&socket, rate)).map(Arc::new);
        let kernel = KernelView { socket: socket.clone(), acked_before, short_buffer };

        let stamped = Timestamped::new(socket, Arc::clone(&stats));
        let held = HeldErrors::new(RateLimited::new(stamped, self.cap.clone()), Arc::clone(&stats));
        let stream = match &self.tls {
            None => MaybeTls::Plain(held),
            Some(config) => self.secure(held, config, deadline, steps, tape).await?,
        };
        let tls_version = match &stream {
            MaybeTls::Plain(_) => None,
            MaybeTls::Tls(stream) => stream.get_ref().1.protocol_version().map(version_name),
        };

        let marks = Arc::new(HttpMarks::asking(Arc::clone(&stats), kernel.clone()));
        let marked = HttpMarked::new(stream, Arc::clone(&marks));
        let (sender, http) = http1::Builder::new()
            .max_buf_size(READ_BUFFER)
            .handshake(TokioIo::new(marked))
            .await
            .map_err(|error| failed(Phase::Connect, None, format!("hyper: {error}")))?;
        let id = self.ids.fetch_add(1, Relaxed) + 1;
        let http = Box::pin(http);
        Ok(Connection { id, local, remote, tls_version, stats, marks, transfers: 0, sender, http, kernel })
    }

    /// Opens a connection that nobody watches, for requests that are not transfers.
    ///
    /// # Errors
    /// As for [`dial`](Self::dial).
    pub(crate) async fn open(
        &self,
        deadline: Instant,
        steps: &mut Steps,
        tape: &mut Tape,
    ) -> Result<MaybeTls<Socket>, DialError> {
        let (socket, _) = self.route.reach(&self.endpoint, &self.socket, deadline, steps, tape).await?;
        match &self.tls {
            None => Ok(MaybeTls::Plain(socket)),
            Some(config) => self.secure(socket, config, deadline, steps, tape).await,
        }
    }

    async fn secure<S>(
        &self,
        stream: S,
        config: &Arc<rustls::ClientConfig>,
        deadline: Instant,
        steps: &mut Steps,
        tape: &mut Tape,
    ) -> Result<MaybeTls<S>, DialError>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    {
        let host = self.endpoint.host();
        let name = ServerName::try_from(host.to_owned())
            .map_err(|error| failed(Phase::Tls, None, format!("`{host}` cannot be a certificate's name: {error}")))?;
        steps.begun = Some(Phase::Tls);
        let start = Instant::now();
        let secured = timeout_at(deadline, TlsConnector::from(Arc::clone(config)).connect(name, stream)).await;
        steps.tls = Some(start.elapsed());
        match secured {
            Err(_) => Err(timed_out(Phase::Tls, format!("{host} had not ended its TLS handshake"))),
            Ok(Err(error)) => {
                let message = format!("TLS with {host} failed: {}", plainer(&error.to_string()));
                Err(failed(Phase::Tls, Some(&error), message))
            }
            Ok(Ok(mut stream)) => {
                if let Some(version) = stream.get_ref().1.protocol_version() {
                    tape.note_with(EventKind::Tls, version_name(version));
                }
                if self.cap.is_some() {
                    // What is encrypted waits here for its slots, which take no more than this at once.
                    stream.get_mut().1.set_buffer_limit(Some(CAPPED_RECORDS));
                }
                Ok(MaybeTls::Tls(Box::new(stream)))
            }
        }
    }
}

fn failed(phase: Phase, error: Option<&io::Error>, message: String) -> DialError {
    let errno = error.and_then(io::Error::raw_os_error);
    DialError { phase, at: Instant::now(), errno, timed_out: false, lasting: false, message }
}

/// The deadline passed; `message` says what had not happened by then.
fn timed_out(phase: Phase, message: String) -> DialError {
    DialError { phase, at: Instant::now(), errno: None, timed_out: true, lasting: false, message }
}

fn version_name(version: rustls::ProtocolVersion) -> &'static str {
    match version {
        rustls::ProtocolVersion::TLSv1_2 => "TLSv1.2",
        rustls::ProtocolVersion::TLSv1_3 => "TLSv1.3",
        _ => "other",
    }
}

/// One TLS record. Four, which is what rustls holds by default, are 48 KiB more for each user who waits for the cap.
const CAPPED_RECORDS: usize = 16 << 10;

/// hyper's largest read buffer: enough for any sane response head, and bounds what a hostile one can take.
const READ_BUFFER: usize = 64 << 10;
