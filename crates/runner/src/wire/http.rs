//! The topmost layer, between hyper and TLS: where in the request and the response the bytes belong, and when.
//!
//! It finds the end of the request's head in what hyper writes, and keeps the body back until the socket has taken the
//! head whole (and, with `Expect: 100-continue`, until the 100 came): so the instant at which the head was written is
//! exact, with and without TLS, and its last byte's place in the socket's stream is known, against which the kernel's
//! count of confirmed bytes can be held. What it finds goes into the [`HttpMarks`].

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::marks::HttpMarks;
use super::tls::MaybeTls;

/// A stream that keeps the [`HttpMarks`] of the exchanges on it.
#[derive(Debug)]
pub(crate) struct HttpMarked<S> {
    inner: MaybeTls<S>,
    marks: Arc<HttpMarks>,
    unflushed: bool,
}

impl<S> HttpMarked<S> {
    /// Marks what passes through `inner`.
    pub(crate) fn new(inner: MaybeTls<S>, marks: Arc<HttpMarks>) -> Self {
        Self { inner, marks, unflushed: false }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> HttpMarked<S> {
    /// Under TLS one write at a time: what was accepted must reach the socket before more is, or the session's buffer
    /// would run ahead of the cap and "written" would be a word for it.
    fn poll_settled(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.unflushed && self.inner.is_tls() {
            ready!(Pin::new(&mut self.inner).poll_flush(cx))?;
            self.unflushed = false;
            self.marks.note_flushed();
        }
        Poll::Ready(Ok(()))
    }

    fn accepted(&mut self, bufs: &[IoSlice<'_>], accepted: usize) {
        self.marks.note_accepted(bufs, accepted);
        if self.inner.is_tls() {
            self.unflushed = true;
        } else {
            self.marks.note_flushed();
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for HttpMarked<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.marks.must_pause() {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let (before, room) = (buf.filled().len(), buf.remaining());
        let result = Pin::new(&mut self.inner).poll_read(cx, buf);
        self.marks.note_read(&result, buf.filled().len() - before, room);
        result
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for HttpMarked<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_settled(cx))?;
        let accepted = ready!(Pin::new(&mut self.inner).poll_write(cx, buf))?;
        self.accepted(&[IoSlice::new(buf)], accepted);
        Poll::Ready(Ok(accepted))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_settled(cx))?;
        let accepted = ready!(Pin::new(&mut self.inner).poll_write_vectored(cx, bufs))?;
        self.accepted(bufs, accepted);
        Poll::Ready(Ok(accepted))
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_settled(cx))?;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
