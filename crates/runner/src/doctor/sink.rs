//! A server within the process that takes whatever is put, for the self-test of the rate.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};

/// Takes whatever is put, and answers 200. On a thread of its own; it ends when this is dropped.
pub(super) struct Sink {
    /// Where it listens.
    pub(super) address: SocketAddr,
    /// A client that trusts it; nothing over plain TCP.
    pub(super) trusted: Option<Arc<ClientConfig>>,
    _running: tokio::sync::oneshot::Sender<()>,
}

impl Sink {
    pub(super) fn start(tls: bool) -> io::Result<Self> {
        let (acceptor, trusted) = if tls { Some(identity().map_err(io::Error::other)?) } else { None }.unzip();
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (running, ended) = tokio::sync::oneshot::channel::<()>();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name("sink".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = ended => {}
                    result = accept(listener, acceptor) => if let Err(error) = result {
                        tracing::warn!("the self-test's sink: {error}");
                    }
                }
            });
        })?;
        Ok(Self { address, trusted, _running: running })
    }
}

async fn accept(listener: std::net::TcpListener, acceptor: Option<TlsAcceptor>) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let mut connections = JoinSet::new();
    loop {
        let (socket, _) = listener.accept().await?;
        let acceptor = acceptor.clone();
        // A connection that the other side closes at the deadline ends in an error, and that is its end.
        connections.spawn(async move { serve(socket, acceptor).await.unwrap_or_default() });
    }
}

async fn serve(socket: TcpStream, acceptor: Option<TlsAcceptor>) -> io::Result<()> {
    socket.set_nodelay(true)?;
    match acceptor {
        None => swallow(socket).await,
        Some(acceptor) => swallow(acceptor.accept(socket).await?).await,
    }
}

/// Every request has the same length of body, and no other part that matters.
async fn swallow(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    let mut filled = 0;
    loop {
        let head = loop {
            if let Some(end) = buffer[..filled].windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break end + 4;
            }
            match stream.read(&mut buffer[filled..]).await? {
                0 => return Ok(()),
                read => filled += read,
            }
        };
        let mut left = BODY.saturating_sub((filled - head) as u64);
        while left > 0 {
            match stream.read(&mut buffer).await? {
                0 => return Ok(()),
                read => left = left.saturating_sub(read as u64),
            }
        }
        filled = 0;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await?;
        stream.flush().await?;
    }
}

/// A certificate made for this one sink, and a client that trusts nothing else.
fn identity() -> Result<(TlsAcceptor, Arc<ClientConfig>), Box<dyn std::error::Error + Send + Sync>> {
    let made = rcgen::generate_simple_self_signed(vec![Ipv4Addr::LOCALHOST.to_string()])?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let certificate = made.cert.der().clone();
    let provider = Arc::new(ring::default_provider());
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)?;
    let mut roots = RootCertStore::empty();
    roots.add(certificate)?;
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok((TlsAcceptor::from(Arc::new(server)), Arc::new(client)))
}

/// The length of every body.
pub(super) const BODY: u64 = 8 << 20;
