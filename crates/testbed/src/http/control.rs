//! The control of one connection: what anybody who holds it can do to the connection, whatever HTTP is about to do.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Sleep;
use ttlsweep_record::{BitRate, Fault};

use crate::http::exchange::Exchange;
use crate::lock::lock;

/// One connection: its socket, the request that it is busy with, and how it shall end.
///
/// The socket lives in here, not in the HTTP connection, so that a reset leaves at once, before anything is tidied up.
#[derive(Debug)]
pub(crate) struct ConnectionControl {
    pub(crate) number: u64,
    socket: Mutex<Option<TcpStream>>,
    exchange: Mutex<Option<Arc<Exchange>>>,
    ending: Mutex<Ending>,
    deadline: watch::Sender<Option<Deadline>>,
    /// What goes wrong with the transfers on this connection, if anything does.
    pub(crate) fault: Option<Fault>,
    scheduled: watch::Sender<Option<ScheduledAction>>,
    /// What is done when everything written so far is out, as a part of an answer.
    when_flushed: Mutex<Option<ConnectionAction>>,
    /// What is done after the answer is out, and how long after.
    after_answer: Mutex<Option<(Duration, ConnectionAction)>>,
    /// The slowest that either direction has to be.
    slow: Mutex<Slow>,
    mutes_continue: AtomicBool,
    /// Since when a head has been coming that is not whole yet.
    half_head: watch::Sender<Option<Instant>>,
}

/// The rates that hold on a connection, in each direction.
#[derive(Debug, Clone, Copy, Default)]
struct Slow {
    reading: Option<BitRate>,
    writing: Option<BitRate>,
}

/// A direction of the bytes on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Reading,
    Writing,
}

/// An instant at which a fault acts on the connection.
#[derive(Debug, Clone)]
pub(crate) struct ScheduledAction {
    pub(crate) at: Instant,
    pub(crate) action: ConnectionAction,
}

/// What a fault does to its connection, by the connection's own task.
#[derive(Debug, Clone)]
pub(crate) enum ConnectionAction {
    /// Sends a bare RST.
    Reset,
    /// Sends a bare RST in place of an answer that was ready, which is not a fault's doing.
    LoseAnswer,
    /// Says this in place of whatever HTTP was about to say, then ends with a FIN.
    Say {
        bytes: Bytes,
        /// Whether TLS says close_notify before the FIN.
        notify: bool,
    },
    /// Reads and sends nothing more until the peer has gone.
    Hold,
    /// Lets nothing through any faster.
    Slow(Direction, BitRate),
    /// Closes the connection as soon as it is idle.
    CloseWhenIdle,
}

/// How a connection ends once HTTP has nothing more to say on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Ending {
    /// FIN, then close.
    #[default]
    Plain,
    /// FIN, then read and discard for this long, then close.
    Linger(Duration),
    /// Close without a FIN of its own and without reading what is there, so that the kernel sends a RST.
    Abrupt,
    /// FIN, then close a moment later without reading what is there, so that the kernel sends a RST then.
    FinRst,
    /// RST a moment later, without FIN or close_notify, whatever is there.
    Rst,
}

impl Ending {
    /// Whether nothing more is read once the answer is given.
    const fn leaves_unread(self) -> bool {
        matches!(self, Self::Abrupt | Self::FinRst | Self::Rst)
    }
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

impl ConnectionControl {
    pub(crate) fn new(number: u64, socket: TcpStream, fault: Option<Fault>) -> Arc<Self> {
        Arc::new(Self {
            number,
            socket: Mutex::new(Some(socket)),
            exchange: Mutex::default(),
            ending: Mutex::default(),
            deadline: watch::Sender::new(None),
            fault,
            scheduled: watch::Sender::new(None),
            when_flushed: Mutex::default(),
            after_answer: Mutex::default(),
            slow: Mutex::default(),
            mutes_continue: AtomicBool::new(false),
            half_head: watch::Sender::new(None),
        })
    }

    /// The connection is now busy with this request. The one before is over as far as the socket is concerned, and so is
    /// what a fault had in mind for it.
    pub(crate) fn begin(&self, exchange: Arc<Exchange>) {
        let before = lock(&self.exchange).replace(exchange);
        let closing = self.scheduled.send_replace(None);
        if let (Some(before), Some(_)) = (before, closing) {
            // It was to be followed by something that this request has forestalled.
            before.ended();
        }
        *lock(&self.when_flushed) = None;
        *lock(&self.after_answer) = None;
        *lock(&self.slow) = Slow::default();
        self.mutes_continue.store(false, Ordering::Relaxed);
        self.half_head.send_replace(None);
    }

    /// Something has been read. Between two requests, that is the beginning of a head.
    fn heard(&self) {
        let is_idle = lock(&self.exchange).as_ref().is_none_or(|exchange| exchange.is_over());
        if is_idle {
            self.half_head.send_if_modified(|since| {
                let begins = since.is_none();
                since.get_or_insert_with(Instant::now);
                begins
            });
        }
    }

    /// For the connection's task, to learn since when a head has been coming that is not whole.
    pub(crate) fn half_heads(&self) -> watch::Receiver<Option<Instant>> {
        self.half_head.subscribe()
    }

    /// Lets a fault act on the connection at an instant, unless the answer is out before.
    pub(crate) fn schedule(&self, at: Instant, action: ConnectionAction) {
        self.scheduled.send_replace(Some(ScheduledAction { at, action }));
    }

    /// Lets a fault act as soon as everything written so far has been given to the kernel.
    pub(crate) fn schedule_when_flushed(&self, action: ConnectionAction) {
        *lock(&self.when_flushed) = Some(action);
    }

    /// Lets a fault act so long after the answer is out, unless another request comes before.
    pub(crate) fn schedule_after_answer(&self, delay: Duration, action: ConnectionAction) {
        *lock(&self.after_answer) = Some((delay, action));
    }

    /// For the connection's task, to learn what is scheduled.
    pub(crate) fn scheduled(&self) -> watch::Receiver<Option<ScheduledAction>> {
        self.scheduled.subscribe()
    }

    /// What was scheduled is done.
    pub(crate) fn action_done(&self) {
        self.scheduled.send_replace(None);
    }

    /// From now on until the next request, nothing passes faster in this direction.
    pub(crate) fn slow(&self, direction: Direction, rate: BitRate) {
        let mut slow = lock(&self.slow);
        match direction {
            Direction::Reading => slow.reading = Some(rate),
            Direction::Writing => slow.writing = Some(rate),
        }
    }

    /// The rate that holds in this direction.
    pub(crate) fn rate(&self, direction: Direction) -> Option<BitRate> {
        let slow = lock(&self.slow);
        match direction {
            Direction::Reading => slow.reading,
            Direction::Writing => slow.writing,
        }
    }

    /// Sends no 100 Continue for the request that the connection is busy with.
    pub(crate) fn mute_continue(&self) {
        self.mutes_continue.store(true, Ordering::Relaxed);
    }

    /// Sets how the connection ends; one that leaves data unread stops reading from the socket at once.
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
        let Some(exchange) = self.exchange() else { return };
        if let Some(action) = lock(&self.when_flushed).take() {
            self.schedule(Instant::now(), action);
        } else if exchange.flushed() {
            self.deadline.send_replace(None);
            let next = lock(&self.after_answer).take();
            self.scheduled
                .send_replace(next.map(|(delay, action)| ScheduledAction { at: Instant::now() + delay, action }));
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

    /// A second handle on the socket, to watch it by.
    pub(crate) fn watcher(&self) -> io::Result<TcpStream> {
        let socket = lock(&self.socket);
        let socket = socket.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        TcpStream::from_std(SockRef::from(socket).try_clone()?.into())
    }

    /// Takes the socket out: for HTTP the connection is then broken.
    pub(crate) fn take(&self) -> Option<TcpStream> {
        lock(&self.socket).take()
    }
}

/// The lower end of the stack, below TLS: the socket, by way of its control.
#[derive(Debug)]
pub(crate) struct ToSocket(pub(crate) Arc<ConnectionControl>);

impl ToSocket {
    fn with<T>(&self, action: impl FnOnce(Pin<&mut TcpStream>) -> Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match lock(&self.0.socket).as_mut() {
            Some(socket) => action(Pin::new(socket)),
            None => Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
        }
    }
}

impl AsyncRead for ToSocket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.0.ending().leaves_unread() {
            // HTTP looks once more for the body's end before it closes, and would read what shall stay unread.
            return Poll::Pending;
        }
        self.with(|socket| socket.poll_read(cx, buf))
    }
}

impl AsyncWrite for ToSocket {
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
        if !matches!(self.0.ending(), Ending::Abrupt | Ending::Rst) {
            self.0.finish();
        }
        Poll::Ready(Ok(()))
    }
}

/// The upper end of the stack, between TLS and HTTP: notices when all that HTTP wrote has passed through, and does to the
/// bytes what a fault asks for.
#[derive(Debug)]
pub(crate) struct ToHttp<S> {
    inner: S,
    control: Arc<ConnectionControl>,
    reading: Pace,
    writing: Pace,
}

impl<S> ToHttp<S> {
    pub(crate) fn new(inner: S, control: Arc<ConnectionControl>) -> Self {
        Self { inner, control, reading: Pace::default(), writing: Pace::default() }
    }

    /// What lies below.
    pub(crate) fn into_inner(self) -> S {
        self.inner
    }

    /// How many bytes of this that HTTP wants to write are to be swallowed.
    fn muted(&self, bytes: &[u8]) -> Option<usize> {
        let muted = self.control.mutes_continue.load(Ordering::Relaxed) && bytes.starts_with(CONTINUE);
        muted.then_some(CONTINUE.len())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ToHttp<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let Some(rate) = this.control.rate(Direction::Reading) else {
            let before = buf.filled().len();
            ready!(Pin::new(&mut this.inner).poll_read(cx, buf))?;
            if buf.filled().len() > before {
                this.control.heard();
            }
            return Poll::Ready(Ok(()));
        };
        let room = ready!(this.reading.poll_room(rate, cx)).min(buf.remaining());
        let mut piece = [0; Pace::LARGEST_PIECE];
        let mut piece = ReadBuf::new(&mut piece[..room]);
        ready!(Pin::new(&mut this.inner).poll_read(cx, &mut piece))?;
        buf.put_slice(piece.filled());
        this.reading.passed(rate, piece.filled().len());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ToHttp<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if let Some(swallowed) = this.muted(buf) {
            return Poll::Ready(Ok(swallowed));
        }
        let Some(rate) = this.control.rate(Direction::Writing) else {
            return Pin::new(&mut this.inner).poll_write(cx, buf);
        };
        let room = ready!(this.writing.poll_room(rate, cx)).min(buf.len());
        let written = ready!(Pin::new(&mut this.inner).poll_write(cx, &buf[..room]))?;
        this.writing.passed(rate, written);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = bufs.iter().find(|buf| !buf.is_empty()).map_or(&[] as &[u8], |buf| buf);
        if self.control.rate(Direction::Writing).is_some() || self.muted(first).is_some() {
            return self.poll_write(cx, first);
        }
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.inner).poll_flush(cx))?;
        self.control.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.control.ending() == Ending::Rst {
            // TLS would say close_notify, and the RST would not be a bare one.
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// Lets bytes pass in small pieces, no faster than a rate.
#[derive(Debug, Default)]
struct Pace {
    /// When the next piece may pass.
    free_at: Option<tokio::time::Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Pace {
    /// Completes with how many bytes may pass now.
    fn poll_room(&mut self, rate: BitRate, cx: &mut Context<'_>) -> Poll<usize> {
        let now = tokio::time::Instant::now();
        if let Some(free_at) = self.free_at.filter(|free_at| *free_at > now) {
            let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(free_at)));
            sleep.as_mut().reset(free_at);
            ready!(sleep.as_mut().poll(cx));
        }
        let piece = rate.bits_per_second() / 8 * Self::PIECE_MS / 1000;
        Poll::Ready(piece.clamp(1, Self::LARGEST_PIECE as u64) as usize)
    }

    fn passed(&mut self, rate: BitRate, bytes: usize) {
        let now = tokio::time::Instant::now();
        // The timer wakes late by up to a millisecond; what was lost by that is caught up with, and nothing else is.
        let earliest = now - Self::CATCH_UP;
        let from = self.free_at.map_or(now, |free_at| free_at.max(earliest));
        self.free_at = Some(from + Duration::from_nanos(rate.nanos_for(bytes as u64)));
    }

    /// A piece is as long as the rate lets pass in this time.
    const PIECE_MS: u64 = 20;
    const LARGEST_PIECE: usize = 4096;
    const CATCH_UP: Duration = Duration::from_millis(5);
}

/// What HTTP writes, and nothing else with it, when it asks for the body.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// How long `linger` reads on after its FIN.
pub(crate) const LINGER: Duration = Duration::from_secs(2);
