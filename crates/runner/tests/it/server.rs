//! Servers written by hand, that do to a connection exactly what a story says, and tell what they did.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};

/// A server that plays one script on every connection; each script ends by telling what was true on its side.
pub(crate) struct Server<T> {
    pub(crate) addr: SocketAddr,
    /// How clients trust it; `None` if it speaks plain TCP.
    pub(crate) tls: Option<Arc<ClientConfig>>,
    reported: mpsc::UnboundedReceiver<T>,
    accepting: JoinHandle<()>,
}

impl<T: Send + 'static> Server<T> {
    /// Listens at a free port of loopback.
    pub(crate) async fn start<F, S>(tls: bool, script: F) -> Self
    where
        F: Fn(Peer) -> S + Send + Sync + 'static,
        S: Future<Output = T> + Send + 'static,
    {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (acceptor, client) = tls.then(identity).unzip();
        let (tell, reported) = mpsc::unbounded_channel();
        let script = Arc::new(script);
        let accepting = tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let (acceptor, script, tell) = (acceptor.clone(), Arc::clone(&script), tell.clone());
                tokio::spawn(async move {
                    if let Some(peer) = Peer::accept(socket, acceptor).await {
                        // Whoever has heard enough listens no more.
                        let _ = tell.send(script(peer).await);
                    }
                });
            }
        });
        Self { addr, tls: client, reported, accepting }
    }

    /// What the next script to end has reported.
    pub(crate) async fn reported(&mut self) -> T {
        self.reported.recv().await.unwrap()
    }
}

impl<T> Drop for Server<T> {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// One connection as its server sees it. Dropping it closes it: with unread data the kernel sends a RST.
pub(crate) struct Peer {
    stream: Box<dyn Stream>,
    /// The same socket once more, for what lies below TLS.
    socket: socket2::Socket,
    ahead: Vec<u8>,
    /// Bytes of the request's body that were read so far.
    pub(crate) body_read: usize,
}

pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

impl Peer {
    async fn accept(socket: TcpStream, tls: Option<TlsAcceptor>) -> Option<Self> {
        // Otherwise an answer may still wait for an acknowledgement when the connection is closed behind it.
        socket.set_nodelay(true).unwrap();
        let same = SockRef::from(&socket).try_clone().unwrap();
        let stream: Box<dyn Stream> = match tls {
            None => Box::new(socket),
            Some(tls) => Box::new(tls.accept(socket).await.ok()?),
        };
        Some(Self { stream, socket: same, ahead: Vec::new(), body_read: 0 })
    }

    /// Reads the request's head, whatever comes with it; `None` if the client closed instead.
    pub(crate) async fn head(&mut self) -> Option<String> {
        self.body_read = 0;
        loop {
            if let Some(end) = self.ahead.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                let body = self.ahead.split_off(end + 4);
                let head = std::mem::replace(&mut self.ahead, body);
                return Some(String::from_utf8(head).unwrap());
            }
            if self.stream.read_buf(&mut self.ahead).await.ok()? == 0 {
                return None;
            }
        }
    }

    /// Reads until `bytes` of the body are there in all.
    pub(crate) async fn body(&mut self, bytes: usize) {
        self.body_read += std::mem::take(&mut self.ahead).len();
        let mut bin = vec![0; 64 << 10];
        while self.body_read < bytes {
            let most = bin.len().min(bytes - self.body_read);
            let read = self.stream.read(&mut bin[..most]).await.unwrap();
            assert!(read > 0, "the client closed after {} of {bytes} bytes", self.body_read);
            self.body_read += read;
        }
    }

    /// Reads `bytes` of the body and keeps them.
    pub(crate) async fn take_body(&mut self, bytes: usize) -> Vec<u8> {
        let mut body = std::mem::take(&mut self.ahead);
        while body.len() < bytes {
            assert!(self.stream.read_buf(&mut body).await.unwrap() > 0, "the client closed after {} bytes", body.len());
        }
        self.ahead = body.split_off(bytes);
        body
    }

    /// Reads until the client closes, or breaks the connection.
    pub(crate) async fn rest(&mut self) {
        self.body_read += std::mem::take(&mut self.ahead).len();
        let mut bin = vec![0; 64 << 10];
        while let Ok(read @ 1..) = self.stream.read(&mut bin).await {
            self.body_read += read;
        }
    }

    /// Sends `text`.
    pub(crate) async fn say(&mut self, text: &str) {
        self.try_say(text).await.unwrap();
    }

    /// Sends `text` if the client still listens.
    pub(crate) async fn try_say(&mut self, text: &str) -> io::Result<()> {
        self.try_send(text.as_bytes()).await
    }

    /// Sends `bytes` if the client still listens.
    pub(crate) async fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// Sends `bytes` again and again for as long as the client listens.
    pub(crate) async fn repeat(&mut self, bytes: &[u8]) {
        while self.try_send(bytes).await.is_ok() {}
    }

    /// Sends `bytes` one by one, a while apart, for as long as the client listens.
    pub(crate) async fn trickle(&mut self, bytes: &[u8], apart: Duration) {
        for byte in bytes.iter().cycle() {
            if self.try_send(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(apart).await;
        }
    }

    /// How many bytes wait to be read: of the body in plain text, and whatever the socket holds.
    pub(crate) fn unread(&self) -> usize {
        let mut waiting = [std::mem::MaybeUninit::uninit(); 1024];
        // An error says that nothing waits.
        self.ahead.len() + self.socket.peek(&mut waiting).unwrap_or(0)
    }

    /// Sends `text` past TLS.
    pub(crate) fn say_below_tls(&self, text: impl AsRef<[u8]>) {
        self.socket.send(text.as_ref()).unwrap();
    }

    /// Sends close_notify, where there is TLS, and a FIN.
    pub(crate) async fn say_goodbye(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// Sends a FIN and nothing else, also below TLS.
    pub(crate) fn finish(&self) {
        self.socket.shutdown(std::net::Shutdown::Write).unwrap();
    }

    /// Sends a bare RST; returns when.
    pub(crate) fn reset(self) -> Instant {
        self.socket.set_linger(Some(Duration::ZERO)).unwrap();
        drop(self.stream);
        let at = Instant::now();
        drop(self.socket);
        at
    }
}

/// A certificate made for this one server, and a client that trusts nothing else.
fn identity() -> (TlsAcceptor, Arc<ClientConfig>) {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned(), "store.invalid".to_owned()]).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let certificate: CertificateDer<'static> = made.cert.der().clone();
    let server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    (TlsAcceptor::from(Arc::new(server)), trusting(certificate))
}

/// TLS's settings for a client that trusts one certificate.
pub(crate) fn trusting(certificate: CertificateDer<'static>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

/// A whole 403 as S3 words it, with a length.
pub(crate) const FORBIDDEN: &str = "HTTP/1.1 403 Forbidden\r\nx-amz-request-id: R1\r\nx-amz-id-2: H1\r\n\
    content-type: application/xml\r\ncontent-length: 78\r\n\r\n\
    <Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>";

/// A whole 200 without a body.
pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\nx-amz-request-id: R2\r\ncontent-length: 0\r\n\r\n";
