//! The lowest layer: counts what passes and keeps the first error and the end of file, each with its instant.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Side, SocketStats};

/// A stream whose traffic is noted in a [`SocketStats`].
#[derive(Debug)]
pub(crate) struct Timestamped<S> {
    inner: S,
    stats: Arc<SocketStats>,
}

impl<S> Timestamped<S> {
    /// Notes what passes through `inner`.
    pub(crate) fn new(inner: S, stats: Arc<SocketStats>) -> Self {
        Self { inner, stats }
    }

    fn note_write(&self, result: &Poll<io::Result<usize>>) {
        match result {
            Poll::Ready(Ok(bytes)) => self.stats.note_written(*bytes),
            Poll::Ready(Err(error)) => self.stats.note_error(Side::Write, error),
            Poll::Pending => {}
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Timestamped<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let (before, room) = (buf.filled().len(), buf.remaining());
        let result = Pin::new(&mut self.inner).poll_read(cx, buf);
        match &result {
            Poll::Ready(Ok(())) => match buf.filled().len() - before {
                0 if room > 0 => self.stats.note_end_of_file(),
                bytes => self.stats.note_read(bytes),
            },
            Poll::Ready(Err(error)) => self.stats.note_error(Side::Read, error),
            Poll::Pending => {}
        }
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Timestamped<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.note_write(&result);
        result
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.note_write(&result);
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn every_byte_is_counted_and_the_end_of_file_noted() {
        let (near, mut far) = tokio::io::duplex(64);
        let stats = Arc::new(SocketStats::new());
        let mut stream = Timestamped::new(near, Arc::clone(&stats));
        stream.write_all(b"seven..").await.unwrap();
        far.write_all(b"four").await.unwrap();
        drop(far);
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.unwrap();
        assert_eq!((stats.written(), stats.read()), (7, 4));
        assert!(stats.end_of_file().is_some());
        assert_eq!(stats.first_error(), None);
    }

    #[tokio::test]
    async fn only_the_first_error_is_kept() {
        let stats = Arc::new(SocketStats::new());
        let script = tokio_test_stream();
        let mut stream = Timestamped::new(script, Arc::clone(&stats));
        assert!(stream.write_all(b"x").await.is_err());
        assert!(stream.read_u8().await.is_err());
        let first = stats.first_error().unwrap();
        assert_eq!((first.side, first.kind), (Side::Write, io::ErrorKind::BrokenPipe));
    }

    /// A stream that fails each write with a broken pipe and each read with a reset.
    fn tokio_test_stream() -> impl AsyncRead + AsyncWrite + Unpin {
        crate::wire::hold::tests::Script::new(
            vec![Err(io::ErrorKind::BrokenPipe)],
            vec![Err(io::ErrorKind::ConnectionReset)],
        )
    }
}
