//! Bytes on disk: one file without a name for all uploads, so that others cannot read it and nothing of it stays, however
//! the program ends.
//!
//! The file is divided into blocks. An upload takes blocks as it comes, and they are free again with the last that refers to
//! it: the file is as long as the most that was ever stored at once.
//!
//! Blocks are written and read without leaving the runtime's thread. A piece is at most some tens of KiB and goes to the
//! page cache, which takes less time than handing it to another thread would, and a thousand uploads need no thousand
//! buffers.

use std::fs::{File, Permissions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use md5::{Digest, Md5};
use s3s::dto::StreamingBlob;
use s3s::{S3Error, S3ErrorCode, S3Result};
use sha2::Sha256;

use crate::lock::lock;

/// A file in the system's temporary folder that has no name there; it is gone with the last that refers to it.
#[derive(Debug, Clone)]
pub(crate) struct Spool {
    disk: Arc<Disk>,
}

/// The file, and which of its blocks are taken.
#[derive(Debug)]
struct Disk {
    file: File,
    blocks: Mutex<Blocks>,
}

#[derive(Debug, Default)]
struct Blocks {
    /// How many blocks the file has.
    count: u64,
    /// Those that hold nothing; the last one is taken next, since the page cache still has it.
    free: Vec<u64>,
}

impl Disk {
    fn take_block(&self) -> u64 {
        let mut blocks = self.lock();
        blocks.free.pop().unwrap_or_else(|| {
            blocks.count += 1;
            blocks.count - 1
        })
    }

    fn free_blocks(&self, freed: &mut Vec<u64>) {
        self.lock().free.append(freed);
    }

    fn lock(&self) -> MutexGuard<'_, Blocks> {
        lock(&self.blocks)
    }
}

impl Spool {
    pub(crate) fn new() -> io::Result<Self> {
        let file = tempfile::tempfile()?;
        // What has no name can still be found by the descriptor.
        file.set_permissions(Permissions::from_mode(0o600))?;
        Ok(Self { disk: Arc::new(Disk { file, blocks: Mutex::default() }) })
    }

    /// Writes a body to the file as it comes, and takes its SHA-256 if that is wanted. If the body breaks off, its blocks are free
    /// again.
    pub(crate) async fn receive(&self, body: Option<StreamingBlob>, wants_sha256: bool) -> S3Result<Received> {
        // From here on the blocks are freed when this goes.
        let mut segment = Segment { disk: self.disk.clone(), blocks: Vec::new(), bytes: 0 };
        let mut md5 = Md5::new();
        let mut sha256 = wants_sha256.then(Sha256::new);
        if let Some(mut body) = body {
            while let Some(piece) = body.next().await {
                let piece = piece.map_err(|error| S3Error::with_source(S3ErrorCode::IncompleteBody, error))?;
                md5.update(&piece);
                if let Some(sha256) = &mut sha256 {
                    sha256.update(&piece);
                }
                segment.append(&piece).map_err(S3Error::internal_error)?;
            }
        }
        Ok(Received { segment, md5: md5.finalize().into(), sha256: sha256.map(|sha256| sha256.finalize().into()) })
    }
}

/// A body that has arrived whole.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) segment: Segment,
    pub(crate) md5: [u8; 16],
    pub(crate) sha256: Option<[u8; 32]>,
}

/// One upload's bytes.
#[derive(Debug)]
pub(crate) struct Segment {
    disk: Arc<Disk>,
    /// The numbers of its blocks, all of them full but the last.
    blocks: Vec<u64>,
    bytes: u64,
}

impl Segment {
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    fn append(&mut self, mut piece: &[u8]) -> io::Result<()> {
        while !piece.is_empty() {
            let within = self.bytes % BLOCK_BYTES;
            if within == 0 {
                self.blocks.push(self.disk.take_block());
            }
            let block = self.blocks[self.blocks.len() - 1];
            let (now, later) = piece.split_at(piece.len().min((BLOCK_BYTES - within) as usize));
            self.disk.file.write_all_at(now, block * BLOCK_BYTES + within)?;
            self.bytes += now.len() as u64;
            piece = later;
        }
        Ok(())
    }

    /// Reads from `offset` on, up to the end of a block, of the segment or of `piece`; 0 at the segment's end.
    fn read_at(&self, offset: u64, piece: &mut [u8]) -> io::Result<usize> {
        let within = offset % BLOCK_BYTES;
        let here = (BLOCK_BYTES - within).min(self.bytes.saturating_sub(offset)).min(piece.len() as u64) as usize;
        if here > 0 {
            let block = self.blocks[(offset / BLOCK_BYTES) as usize];
            self.disk.file.read_exact_at(&mut piece[..here], block * BLOCK_BYTES + within)?;
        }
        Ok(here)
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        self.disk.free_blocks(&mut self.blocks);
    }
}

/// A range of the bytes of some segments, read as they are asked for.
pub(crate) struct SegmentReader {
    segments: Vec<Arc<Segment>>,
    /// The segment that is being read.
    current: usize,
    /// Where in it the next byte is.
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
        Self { segments, current, offset, left: range.end - range.start }
    }

    fn read(&mut self) -> io::Result<Option<Bytes>> {
        while self.left > 0 {
            let Some(segment) = self.segments.get(self.current) else {
                return Err(io::ErrorKind::UnexpectedEof.into());
            };
            let mut piece = BytesMut::zeroed(PIECE_BYTES.min(usize::try_from(self.left).unwrap_or(PIECE_BYTES)));
            let bytes = segment.read_at(self.offset, &mut piece)?;
            if bytes > 0 {
                piece.truncate(bytes);
                self.offset += bytes as u64;
                self.left -= bytes as u64;
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

/// Small enough that a small object wastes little, large enough that a list of them is short.
const BLOCK_BYTES: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    async fn segment(spool: &Spool, text: &str) -> Arc<Segment> {
        let body = futures_util::stream::iter([Ok::<_, io::Error>(Bytes::copy_from_slice(text.as_bytes()))]);
        Arc::new(spool.receive(Some(StreamingBlob::wrap(body)), false).await.unwrap().segment)
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
    async fn a_range_runs_across_blocks_that_others_have_used_before() {
        let spool = Spool::new().unwrap();
        drop(segment(&spool, &"old".repeat(50_000)).await);
        let text: String = (0..40_000).map(|number| format!("{number:05}")).collect();
        let other = segment(&spool, "between").await;
        let object = segment(&spool, &text).await;
        assert_eq!(read(std::slice::from_ref(&object), 0..200_000), text);
        assert_eq!(read(&[object, other], 65_530..131_080), text[65_530..131_080]);
    }

    #[tokio::test]
    async fn what_breaks_off_or_goes_leaves_its_room_to_others() {
        let spool = Spool::new().unwrap();
        for _ in 0..3 {
            let pieces = [Ok(Bytes::from_static(b"half")), Err(io::Error::from(io::ErrorKind::ConnectionReset))];
            let body = Some(StreamingBlob::wrap(futures_util::stream::iter(pieces)));
            assert_eq!(*spool.receive(body, false).await.unwrap_err().code(), S3ErrorCode::IncompleteBody);
            drop(segment(&spool, "whole").await);
        }
        assert_eq!(spool.disk.lock().count, 1);
    }

    #[tokio::test]
    async fn the_file_is_private_and_has_no_name() {
        let spool = Spool::new().unwrap();
        let _object = segment(&spool, "secret").await;
        let file = spool.disk.file.metadata().unwrap();
        assert_eq!((file.mode() & 0o777, file.nlink()), (0o600, 0));
    }
}
