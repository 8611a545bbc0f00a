//! Starting, listening, and stopping.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use s3s::path::check_bucket_name;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use crate::config::TestbedConfig;
use crate::connection::serve;
use crate::deeds::{Deed, Deeds};
use crate::service::Server;
use crate::tls::{TlsError, make_identity};

/// A running S3 endpoint. It stops when it is dropped, or in an orderly way by [`Testbed::shutdown`].
#[derive(Debug)]
pub struct Testbed {
    addr: SocketAddr,
    ca_pem: Option<String>,
    deeds: Arc<Deeds>,
    accepting: JoinHandle<()>,
}

impl Testbed {
    /// Starts listening, on the runtime that this is called on.
    ///
    /// Fails if the address cannot be listened at, a bucket's name is none, or the system refuses what the testbed needs: a directory for its
    /// objects, a thread, a certificate.
    pub async fn start(config: TestbedConfig) -> Result<Self, TestbedError> {
        if let Some(name) = config.buckets.iter().find(|name| !check_bucket_name(name)) {
            return Err(TestbedError::BucketName(name.clone()));
        }
        let listener = listen(config.listen).map_err(|source| TestbedError::Listen {
            addr: config.listen,
            hint: hint(&source),
            source,
        })?;
        let addr = listener.local_addr().map_err(TestbedError::System)?;
        let identity = if config.tls { Some(make_identity(addr.ip(), &config.buckets)?) } else { None };
        let (acceptor, ca_pem) = identity.map(|identity| (identity.acceptor, identity.ca_pem)).unzip();
        let deeds = Arc::new(Deeds::new(config.deeds_kept));
        let server = Arc::new(Server::new(&config, deeds.clone()).map_err(TestbedError::System)?);
        let accepting = tokio::spawn(accept(listener, acceptor, server));
        Ok(Self { addr, ca_pem, deeds, accepting })
    }

    /// The address that is listened at.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The endpoint's URL as this machine can use it, for example `https://127.0.0.1:34567`, also where every address is
    /// listened at.
    ///
    /// Buckets are addressed in the path; at `localhost`, those that exist from the start are hosts as well
    /// (`https://ttlsweep.localhost:34567`).
    pub fn endpoint(&self) -> String {
        let scheme = if self.ca_pem.is_some() { "https" } else { "http" };
        let mut addr = self.addr;
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
    pub fn deeds(&self) -> Vec<Deed> {
        self.deeds.snapshot()
    }

    /// Stops listening, ends every connection as it stands, and deletes all objects.
    pub async fn shutdown(mut self) {
        self.accepting.abort();
        // It ends by the abort, which is no error here.
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for Testbed {
    fn drop(&mut self) {
        self.accepting.abort();
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
    /// A bucket's name is none.
    #[error("`{0}` cannot be a bucket's name: 3 to 63 lower-case letters, digits, dots and hyphens")]
    BucketName(String),
    /// The system refused a directory, a thread, or the like.
    #[error("cannot start the testbed: {0}")]
    System(io::Error),
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, server: Arc<Server>) {
    // The connections end with this set, and it with this function.
    let mut connections = JoinSet::new();
    let mut number = 0;
    loop {
        match listener.accept().await {
            Ok((socket, _)) => {
                connections.spawn(serve(socket, number, tls.clone(), server.clone()));
                number += 1;
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

fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    // A port whose last connections are still in TIME_WAIT is free.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
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
