//! Bytes on disk: one file for each upload, deleted with the last that refers to it.
//!
//! Files are written and read without leaving the runtime's thread (only their deletion is left to another). A piece is at most some tens of KiB and goes to the
//! page cache, which takes less time than handing it to another thread would, and a thousand uploads need no thousand
//! buffers.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use md5::{Digest, Md5};
use s3s::dto::StreamingBlob;
use s3s::{S3Error, S3ErrorCode, S3Result};
use tempfile::TempDir;

/// A directory of its own below the system's temporary one, deleted with the last of its files.
#[derive(Debug)]
pub(crate) struct Spool {
    directory: Arc<TempDir>,
    next: AtomicU64,
}

impl Spool {
    pub(crate) fn new() -> io::Result<Self> {
        let directory = Arc::new(tempfile::Builder::new().prefix("ttlsweep-testbed-").tempdir()?);
        Ok(Self { directory, next: AtomicU64::new(0) })
    }

    /// Writes a body to a file as it comes. If the body breaks off, nothing is left of it.
    pub(crate) async fn receive(&self, body: Option<StreamingBlob>) -> S3Result<Received> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let path = self.directory.path().join(number.to_string());
        let mut file = File::create_new(&path).map_err(S3Error::internal_error)?;
        // From here on the file goes when this does.
        let mut segment = Segment { path, bytes: 0, _directory: self.directory.clone() };
        let mut md5 = Md5::new();
        if let Some(mut body) = body {
            while let Some(piece) = body.next().await {
                let piece = piece.map_err(|error| S3Error::with_source(S3ErrorCode::IncompleteBody, error))?;
                md5.update(&piece);
                file.write_all(&piece).map_err(S3Error::internal_error)?;
                segment.bytes += piece.len() as u64;
            }
        }
        Ok(Received { segment, md5: md5.finalize().into() })
    }
}

/// A body that has arrived whole.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) segment: Segment,
    pub(crate) md5: [u8; 16],
}

/// One file of the spool.
#[derive(Debug)]
pub(crate) struct Segment {
    path: PathBuf,
    bytes: u64,
    _directory: Arc<TempDir>,
}

impl Segment {
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        let path = std::mem::take(&mut self.path);
        // An error leaves the file to the directory, which takes it along in the end.
        let remove = move || drop(fs::remove_file(path));
        // Freeing a large file takes milliseconds, for which the cuts of other connections must not wait.
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(remove)),
            Err(_) => remove(),
        }
    }
}

/// A range of the bytes of some segments, read as they are asked for.
pub(crate) struct SegmentReader {
    segments: Vec<Arc<Segment>>,
    /// The segment that is being read, and its file if that is open.
    current: usize,
    file: Option<File>,
    /// Where in the current segment reading starts.
    offset: u64,
    /// Bytes still to be read, over all segments.
    left: u64,
}

impl SegmentReader {
    /// `range` counts from the first byte of the first segment and lies within them all.
    pub(crate) fn new(segments: Vec<Arc<Segment>>, range: Range<u64>) -> Self {
        let mut offset = range.start;
        let mut current = 0;
        while segments.get(current).is_some_and(|segment| segment.bytes() <= offset) {
            offset -= segments[current].bytes();
            current += 1;
        }
        Self { segments, current, file: None, offset, left: range.end - range.start }
    }

    fn read(&mut self) -> io::Result<Option<Bytes>> {
        while self.left > 0 {
            let Some(segment) = self.segments.get(self.current) else {
                return Err(io::ErrorKind::UnexpectedEof.into());
            };
            let mut file = match self.file.take() {
                Some(file) => file,
                None => {
                    let mut file = File::open(&segment.path)?;
                    file.seek(SeekFrom::Start(self.offset))?;
                    file
                }
            };
            let mut piece = BytesMut::zeroed(PIECE_BYTES.min(usize::try_from(self.left).unwrap_or(PIECE_BYTES)));
            let bytes = file.read(&mut piece)?;
            if bytes > 0 {
                piece.truncate(bytes);
                self.left -= bytes as u64;
                self.file = Some(file);
                return Ok(Some(piece.freeze()));
            }
            self.current += 1;
            self.offset = 0;
        }
        Ok(None)
    }
}

impl Stream for SegmentReader {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        Poll::Ready(self.read().transpose())
    }
}

const PIECE_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    async fn segment(spool: &Spool, text: &'static str) -> Arc<Segment> {
        let body = futures_util::stream::iter([Ok::<_, io::Error>(Bytes::from_static(text.as_bytes()))]);
        Arc::new(spool.receive(Some(StreamingBlob::wrap(body))).await.unwrap().segment)
    }

    fn read(segments: &[Arc<Segment>], range: Range<u64>) -> String {
        let mut reader = SegmentReader::new(segments.to_vec(), range);
        let mut text = String::new();
        while let Some(piece) = reader.read().unwrap() {
            text.push_str(std::str::from_utf8(&piece).unwrap());
        }
        text
    }

    #[tokio::test]
    async fn a_range_runs_across_segments() {
        let spool = Spool::new().unwrap();
        let segments = [segment(&spool, "abc").await, segment(&spool, "").await, segment(&spool, "defg").await];
        assert_eq!(read(&segments, 0..7), "abcdefg");
        assert_eq!(read(&segments, 2..5), "cde");
        assert_eq!(read(&segments, 4..4), "");
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_leaves_no_file() {
        let spool = Spool::new().unwrap();
        let pieces = [Ok(Bytes::from_static(b"half")), Err(io::Error::from(io::ErrorKind::ConnectionReset))];
        let error = spool.receive(Some(StreamingBlob::wrap(futures_util::stream::iter(pieces)))).await.unwrap_err();
        assert_eq!(*error.code(), S3ErrorCode::IncompleteBody);
        let files = || fs::read_dir(spool.directory.path()).unwrap().count();
        for _ in 0..200 {
            if files() == 0 {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        panic!("the file is still there after 1 s");
    }

    #[tokio::test]
    async fn nothing_is_left_when_the_last_object_goes() {
        let spool = Spool::new().unwrap();
        let object = segment(&spool, "abc").await;
        let path = spool.directory.path().to_owned();
        drop(spool);
        assert!(path.exists());
        drop(object);
        assert!(!path.exists());
    }
}
