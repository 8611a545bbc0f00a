//! The handle on one connection: what anybody who holds it can do to the connection, whatever HTTP is about to do.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::exchange::Exchange;

/// One connection: its socket, the request that it is busy with, and how it shall end.
///
/// The socket lives in here, not in the HTTP connection, so that a reset leaves at once, before anything is tidied up.
#[derive(Debug)]
pub(crate) struct Handle {
    pub(crate) number: u64,
    socket: Mutex<Option<TcpStream>>,
    exchange: Mutex<Option<Arc<Exchange>>>,
    ending: Mutex<Ending>,
    deadline: watch::Sender<Option<Deadline>>,
}

/// How a connection ends once HTTP has nothing more to say on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Ending {
    /// FIN, then close.
    #[default]
    Plain,
    /// FIN, then read and discard for a while, then close.
    Linger,
    /// Close without a FIN of its own and without reading what is there, so that the kernel sends a RST.
    Abrupt,
}

/// An instant at which the connection is cut, unless it is disarmed before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deadline {
    pub(crate) at: Instant,
    pub(crate) cut: HardCut,
}

/// A way of cutting a connection that needs no HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HardCut {
    /// A bare RST.
    Reset,
    /// A FIN, without close_notify even over TLS.
    Close,
}

impl Handle {
    pub(crate) fn new(number: u64, socket: TcpStream) -> Arc<Self> {
        Arc::new(Self {
            number,
            socket: Mutex::new(Some(socket)),
            exchange: Mutex::default(),
            ending: Mutex::default(),
            deadline: watch::Sender::new(None),
        })
    }

    /// The connection is now busy with this request. The one before is over as far as the socket is concerned.
    pub(crate) fn begin(&self, exchange: Arc<Exchange>) {
        *lock(&self.exchange) = Some(exchange);
    }

    /// Sets how the connection ends; [`Ending::Abrupt`] stops reading from the socket at once.
    pub(crate) fn end_with(&self, ending: Ending) {
        *lock(&self.ending) = ending;
    }

    pub(crate) fn ending(&self) -> Ending {
        *lock(&self.ending)
    }

    /// Arms the connection: it is cut at the deadline unless the answer is out before.
    pub(crate) fn arm(&self, deadline: Deadline) {
        self.deadline.send_replace(Some(deadline));
    }

    /// For the connection's task, to learn of deadlines.
    pub(crate) fn deadlines(&self) -> watch::Receiver<Option<Deadline>> {
        self.deadline.subscribe()
    }

    /// Everything written so far has been given to the kernel.
    fn flushed(&self) {
        if lock(&self.exchange).as_ref().is_some_and(|exchange| exchange.flushed()) {
            self.deadline.send_replace(None);
        }
    }

    /// The request that the connection is busy with, or was last.
    pub(crate) fn exchange(&self) -> Option<Arc<Exchange>> {
        lock(&self.exchange).clone()
    }

    /// Sends a bare RST, whatever is unsent or unread.
    pub(crate) fn reset(&self) {
        if let Some(socket) = self.take() {
            // If it fails, the peer has closed before, and nothing that is sent would reach it.
            let _ = SockRef::from(&socket).set_linger(Some(Duration::ZERO));
        }
    }

    /// Sends a FIN behind what has been sent; from now on nothing more is.
    pub(crate) fn finish(&self) {
        if let Some(socket) = lock(&self.socket).as_ref() {
            // As above: it fails only where the peer is gone.
            let _ = SockRef::from(socket).shutdown(std::net::Shutdown::Write);
        }
    }

    /// Takes the socket out: for HTTP the connection is then broken.
    pub(crate) fn take(&self) -> Option<TcpStream> {
        lock(&self.socket).take()
    }
}

/// The lower end of the stack, below TLS: the socket, by way of its handle.
#[derive(Debug)]
pub(crate) struct Lower(pub(crate) Arc<Handle>);

impl Lower {
    fn with<T>(&self, act: impl FnOnce(Pin<&mut TcpStream>) -> Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match lock(&self.0.socket).as_mut() {
            Some(socket) => act(Pin::new(socket)),
            None => Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
        }
    }
}

impl AsyncRead for Lower {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.0.ending() == Ending::Abrupt {
            // HTTP looks once more for the body's end before it closes, and would read what shall stay unread.
            return Poll::Pending;
        }
        self.with(|socket| socket.poll_read(cx, buf))
    }
}

impl AsyncWrite for Lower {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.with(|socket| socket.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.with(|socket| socket.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A TCP socket has nothing to flush.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.0.ending() != Ending::Abrupt {
            self.0.finish();
        }
        Poll::Ready(Ok(()))
    }
}

/// The upper end of the stack, between TLS and HTTP: notices when all that HTTP wrote has passed through.
#[derive(Debug)]
pub(crate) struct Upper<S> {
    pub(crate) inner: S,
    pub(crate) handle: Arc<Handle>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Upper<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Upper<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.inner).poll_flush(cx))?;
        self.handle.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
