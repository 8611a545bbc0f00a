//! The held error: the heart of the tool.
//!
//! hyper's HTTP/1 loop reads, then writes, and its first failed write ends the connection. A server that answers 403 and
//! closes with unread data makes the client's next write fail (RST), while the answer still waits in the receive queue,
//! where Linux keeps it: plain hyper then reports a broken connection and the answer is never read. This layer, which
//! sits below TLS, keeps the first ECONNRESET or EPIPE of a write back: the write is pending, the task is woken once, and
//! hyper's loop reads first. Once the read side has ended too there is nothing more to learn, and the write fails for
//! good; without that, or without the deadline, the connection's task would hang.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::SocketStats;

/// How long a write error is held while nothing more is read. The kernel has all that will ever come by the time at which
/// a write fails, so this bounds only a stream whose read side never ends.
pub(crate) const DEADLINE: Duration = Duration::from_secs(1);

/// A stream whose first write error waits until the read side has ended.
#[derive(Debug)]
pub(crate) struct HeldErrors<S> {
    inner: S,
    stats: Arc<SocketStats>,
    state: State,
}

#[derive(Debug)]
enum State {
    Clear,
    Holding { error: io::Error, deadline: Pin<Box<Sleep>> },
    Failed(io::ErrorKind),
}

impl<S> HeldErrors<S> {
    /// Holds back the first write error of `inner`.
    pub(crate) fn new(inner: S, stats: Arc<SocketStats>) -> Self {
        Self { inner, stats, state: State::Clear }
    }

    /// What a write answers while an error is held or has become final; `None` if writes go through.
    fn poll_held(&mut self, cx: &mut Context<'_>) -> Option<Poll<io::Error>> {
        match &mut self.state {
            State::Clear => None,
            State::Failed(kind) => Some(Poll::Ready((*kind).into())),
            State::Holding { deadline, .. } => match deadline.as_mut().poll(cx) {
                Poll::Pending => Some(Poll::Pending),
                Poll::Ready(()) => self.give_up().map(Poll::Ready),
            },
        }
    }

    /// Makes a held error final.
    fn give_up(&mut self) -> Option<io::Error> {
        let State::Holding { error, .. } = &self.state else { return None };
        let kind = error.kind();
        match std::mem::replace(&mut self.state, State::Failed(kind)) {
            State::Holding { error, .. } => Some(error),
            State::Clear | State::Failed(_) => None,
        }
    }

    fn hold(&mut self, error: io::Error, cx: &mut Context<'_>) {
        self.stats.note_held();
        let mut deadline = Box::pin(tokio::time::sleep(DEADLINE));
        // Registers the task with the timer; a fresh sleep of a second is pending.
        let _ = deadline.as_mut().poll(cx);
        self.state = State::Holding { error, deadline };
        // hyper has already read in this turn of its loop; without this it would not come back to reading.
        cx.waker().wake_by_ref();
    }

    fn poll_write_with(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>>
    where
        S: Unpin,
    {
        if let Some(held) = self.poll_held(cx) {
            return held.map(Err);
        }
        match write(Pin::new(&mut self.inner), cx) {
            Poll::Ready(Err(error)) if is_peers_doing(&error) => {
                self.hold(error, cx);
                Poll::Pending
            }
            result => result,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for HeldErrors<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let (before, room) = (buf.filled().len(), buf.remaining());
        let result = Pin::new(&mut self.inner).poll_read(cx, buf);
        let ended = match &result {
            Poll::Ready(Ok(())) => room > 0 && buf.filled().len() == before,
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        };
        if ended && self.give_up().is_some() {
            cx.waker().wake_by_ref();
        }
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for HeldErrors<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_with(cx, |inner, cx| inner.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_with(cx, |inner, cx| inner.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.poll_held(cx) {
            Some(held) => held.map(Err),
            None => Pin::new(&mut self.inner).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.state {
            State::Clear => Pin::new(&mut self.inner).poll_shutdown(cx),
            // There is nothing left to shut down on a connection that the peer broke.
            State::Holding { .. } | State::Failed(_) => Poll::Ready(Ok(())),
        }
    }
}

/// Whether a write error says that the peer ended the connection; anything else is not held.
fn is_peers_doing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::VecDeque;
    use std::future::poll_fn;

    use tokio::io::AsyncReadExt;
    use tokio::time::Instant;

    use super::*;

    /// A stream that plays back results; without any more it is pending for good.
    pub(in crate::wire) struct Script {
        writes: VecDeque<Result<usize, io::ErrorKind>>,
        reads: VecDeque<Result<&'static [u8], io::ErrorKind>>,
    }

    impl Script {
        pub(in crate::wire) fn new(
            writes: Vec<Result<usize, io::ErrorKind>>,
            reads: Vec<Result<&'static [u8], io::ErrorKind>>,
        ) -> Self {
            Self { writes: writes.into(), reads: reads.into() }
        }
    }

    impl AsyncRead for Script {
        fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            match self.reads.pop_front() {
                Some(Ok(bytes)) => {
                    buf.put_slice(bytes);
                    Poll::Ready(Ok(()))
                }
                Some(Err(kind)) => Poll::Ready(Err(kind.into())),
                None => Poll::Pending,
            }
        }
    }

    impl AsyncWrite for Script {
        fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            match self.writes.pop_front() {
                Some(Ok(bytes)) => Poll::Ready(Ok(bytes)),
                Some(Err(kind)) => Poll::Ready(Err(kind.into())),
                None => Poll::Pending,
            }
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn held(
        writes: Vec<Result<usize, io::ErrorKind>>,
        reads: Vec<Result<&'static [u8], io::ErrorKind>>,
    ) -> (HeldErrors<Script>, Arc<SocketStats>) {
        let stats = Arc::new(SocketStats::new());
        (HeldErrors::new(Script::new(writes, reads), Arc::clone(&stats)), stats)
    }

    async fn write_once(stream: &mut HeldErrors<Script>) -> Poll<io::Result<usize>> {
        poll_fn(|cx| Poll::Ready(Pin::new(&mut *stream).poll_write(cx, b"body"))).await
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_behind_a_write_error_is_read_before_the_write_fails() {
        let (mut stream, stats) = held(
            vec![Err(io::ErrorKind::ConnectionReset)],
            vec![Ok(b"HTTP/1.1 403"), Err(io::ErrorKind::ConnectionReset)],
        );
        assert!(write_once(&mut stream).await.is_pending());
        assert!(stats.held().is_some());
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 403");
        assert!(write_once(&mut stream).await.is_pending(), "the read side has not ended yet");
        assert_eq!(stream.read_u8().await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        let Poll::Ready(Err(error)) = write_once(&mut stream).await else { panic!("the write must fail for good") };
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }

    #[tokio::test(start_paused = true)]
    async fn a_bare_end_of_file_makes_the_held_error_final() {
        let (mut stream, _) = held(vec![Err(io::ErrorKind::BrokenPipe)], vec![Ok(b"")]);
        assert!(write_once(&mut stream).await.is_pending());
        assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
        let Poll::Ready(Err(error)) = write_once(&mut stream).await else { panic!("the write must fail for good") };
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_side_that_never_ends_holds_the_error_for_a_second_and_no_longer() {
        let (mut stream, _) = held(vec![Err(io::ErrorKind::BrokenPipe)], vec![]);
        let before = Instant::now();
        let error = poll_fn(|cx| Pin::new(&mut stream).poll_write(cx, b"body")).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(before.elapsed(), DEADLINE);
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_of_this_machine_is_not_held() {
        let (mut stream, stats) = held(vec![Err(io::ErrorKind::OutOfMemory)], vec![]);
        assert!(matches!(write_once(&mut stream).await, Poll::Ready(Err(_))));
        assert_eq!(stats.held(), None);
    }
}
