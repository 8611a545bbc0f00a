//! Starting, listening, and stopping.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use s3s::path::check_bucket_name;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use ttlsweep_record::{Fault, FaultKind};

use crate::config::TestbedConfig;
use crate::http::connection::{BUFFER_BYTES, serve};
use crate::http::service::Server;
use crate::http::tls::{TlsError, make_identity};
use crate::truth::access_log::AccessLog;
use crate::truth::request_log::RequestLog;
use crate::truth::request_record::RequestRecord;

/// A running S3 endpoint. It stops when it is dropped, or in an orderly way by [`Testbed::shutdown`].
#[derive(Debug)]
pub struct Testbed {
    addr: SocketAddr,
    control_addr: SocketAddr,
    ca_pem: Option<String>,
    request_log: Arc<RequestLog>,
    /// Aborted when it is dropped.
    accepting: JoinSet<()>,
    /// Keeps a port from everybody else, so that connections to it are refused.
    _refusing: Option<Socket>,
}

impl Testbed {
    /// Starts listening, on the runtime that this is called on.
    ///
    /// Fails if the address cannot be listened at, a bucket's name is none, the fault needs TLS if there is none, or the
    /// system refuses what the testbed needs: a directory for its objects, a thread, a certificate.
    pub async fn start(config: TestbedConfig) -> Result<Self, TestbedError> {
        if let Some(name) = config.buckets.iter().find(|name| !check_bucket_name(name)) {
            return Err(TestbedError::BucketName(name.clone()));
        }
        let fault = config.fault;
        if let Some(fault) = fault.filter(|fault| fault.kind().needs_tls() && !config.tls) {
            return Err(TestbedError::NeedsTls(fault));
        }
        let socket = bind(config.listen, fault).map_err(|source| TestbedError::Listen {
            addr: config.listen,
            hint: hint(&source),
            source,
        })?;
        let addr = local_addr(&socket).map_err(TestbedError::System)?;
        let control = match fault {
            Some(_) => Some(bind(SocketAddr::new(addr.ip(), 0), None).map_err(TestbedError::System)?),
            None => None,
        };
        let control_addr = control.as_ref().map_or(Ok(addr), local_addr).map_err(TestbedError::System)?;
        let identity = if config.tls { Some(make_identity(addr.ip(), &config.buckets)?) } else { None };
        let (acceptor, ca_pem) = identity.map(|identity| (identity.acceptor, identity.ca_pem)).unzip();
        let access_log = config.access_log.as_ref().map(|log| {
            let unwritable = |source| TestbedError::AccessLog { path: log.path.clone(), source };
            AccessLog::open(log, &config.region).map_err(unwritable)
        });
        let request_log = Arc::new(RequestLog::new(config.requests_kept, access_log.transpose()?));
        let server = Arc::new(Server::new(&config, request_log.clone()).map_err(TestbedError::System)?);
        let mut accepting = JoinSet::new();
        let mut serve_at = |socket, fault| {
            let listener = listen(socket).map_err(TestbedError::System)?;
            accepting.spawn(accept(listener, fault, acceptor.clone(), server.clone()));
            Ok::<_, TestbedError>(())
        };
        if let Some(control) = control {
            serve_at(control, None)?;
        }
        let refusing = match fault {
            Some(fault) if fault.kind() == FaultKind::Refuse => Some(socket),
            _ => {
                serve_at(socket, fault)?;
                None
            }
        };
        Ok(Self { addr, control_addr, ca_pem, request_log, accepting, _refusing: refusing })
    }

    /// The address that transfers go to.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The address of [`Self::control_endpoint`].
    pub fn control_addr(&self) -> SocketAddr {
        self.control_addr
    }

    /// The endpoint's URL as this machine can use it, for example `https://127.0.0.1:34567`, also where every address is
    /// listened at.
    ///
    /// Buckets are addressed in the path; at `localhost`, those that exist from the start are hosts as well
    /// (`https://ttlsweep.localhost:34567`).
    ///
    /// With a [`fault`](TestbedConfig::fault), this is where transfers meet it.
    pub fn endpoint(&self) -> String {
        self.url(self.addr)
    }

    /// Another endpoint of the same store, where nothing ever goes wrong: for whatever is asked beside the transfers, since
    /// some faults let no request through at all. Without a fault it is [`Self::endpoint`] itself.
    pub fn control_endpoint(&self) -> String {
        self.url(self.control_addr)
    }

    fn url(&self, mut addr: SocketAddr) -> String {
        let scheme = if self.ca_pem.is_some() { "https" } else { "http" };
        if addr.ip().is_unspecified() {
            addr.set_ip(if addr.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
        }
        format!("{scheme}://{addr}")
    }

    /// The certificate of the authority that a client must trust, as PEM; `None` without TLS.
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// What has been done with each request so far, in the order in which the requests ended.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.request_log.snapshot()
    }

    /// Stops listening, ends every connection as it stands, and deletes all objects.
    pub async fn shutdown(mut self) {
        self.accepting.shutdown().await;
    }
}

/// Why a testbed could not be started.
#[derive(Debug, thiserror::Error)]
pub enum TestbedError {
    /// The address could not be listened at.
    #[error("cannot listen at {addr}: {source}{hint}")]
    Listen {
        /// The address as it was asked for.
        addr: SocketAddr,
        /// What to do about it, if that is known; begins with a separator.
        hint: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// TLS could not be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// There is no handshake that the fault could happen in.
    #[error("the fault `{0}` happens in the TLS handshake; switch TLS on, or leave the fault out")]
    NeedsTls(Fault),
    /// The access log cannot be written.
    #[error("cannot write the access log {}: {source}", path.display())]
    AccessLog {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A bucket's name is none.
    #[error("`{0}` cannot be a bucket's name: 3 to 63 lower-case letters, digits, dots and hyphens")]
    BucketName(String),
    /// The system refused a directory, a thread, or similar.
    #[error("cannot start the testbed: {0}")]
    System(io::Error),
}

async fn accept(listener: TcpListener, fault: Option<Fault>, tls: Option<TlsAcceptor>, server: Arc<Server>) {
    // The connections end with this set, and it with this function.
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((socket, _)) => {
                connections.spawn(serve(socket, fault, tls.clone(), server.clone()));
            }
            Err(error) => {
                // Most likely out of descriptors; without a pause this would spin until one is free.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

/// Takes an address, for connections that meet the fault.
fn bind(addr: SocketAddr, fault: Option<Fault>) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    match fault {
        // A port that nobody listens at could otherwise be taken by somebody else.
        Some(fault) if fault.kind() == FaultKind::Refuse => {}
        // A port whose last connections are still in TIME_WAIT is free.
        _ => socket.set_reuse_address(true)?,
    }
    if fault.is_some() {
        // Connections inherit it. Of what is not read, no more than this hides in the kernel, so that the peer notices.
        socket.set_recv_buffer_size(BUFFER_BYTES)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    Ok(socket)
}

fn listen(socket: Socket) -> io::Result<TcpListener> {
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

fn local_addr(socket: &Socket) -> io::Result<SocketAddr> {
    socket.local_addr()?.as_socket().ok_or_else(|| io::ErrorKind::Unsupported.into())
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "; another program listens there: choose another port, or 0 for a free one",
        io::ErrorKind::AddrNotAvailable => "; this machine has no such address: use 127.0.0.1 or [::1]",
        io::ErrorKind::PermissionDenied => "; ports below 1024 are reserved: choose a higher one, or 0 for a free one",
        _ => "",
    }
}

/// A thousand users who connect at once must all find room; the kernel cuts this to its own limit.
const BACKLOG: i32 = 4096;
