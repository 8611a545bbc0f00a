//! Request bodies: generated ones that follow from the seed and differ from key to key, and files, streamed.
//!
//! A generated body costs no memory and no processor time a user: it is a window that slides round one shared block of
//! pseudo-random bytes, from a place that the key chooses, behind 32 bytes that only this key has.

use std::fs::File;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use rand::SeedableRng;
use rand::rand_core::Rng;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};
use tokio::task::JoinHandle;

use crate::wire::marks::HttpMarks;

/// Where the bytes of a cell's bodies come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// Made up from the seed.
    Generated {
        /// The shared block.
        block: Block,
        /// The body's length.
        len: u64,
    },
    /// Read from a file on disk, the same bytes for every key.
    File {
        /// The file, open for reading at any place.
        file: Arc<BodyFile>,
        /// The body's length: the file's size when the experiment was loaded.
        len: u64,
    },
}

impl Source {
    /// The body's length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Generated { len, .. } | Self::File { len, .. } => *len,
        }
    }

    /// Whether the body has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The SHA-256 of the body that is sent for `key`. Reads it whole.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) async fn sha256(&self, key: &str) -> io::Result<[u8; 32]> {
        let (mut content, mut sha256) = (self.open(key), Sha256::new());
        while let Some(chunk) = std::future::poll_fn(|cx| content.poll_chunk(cx)).await {
            sha256.update(chunk?);
            // Others are in mid-transfer on this thread.
            tokio::task::yield_now().await;
        }
        Ok(sha256.finalize().into())
    }

    /// The body that is sent for `key`.
    pub fn open(&self, key: &str) -> Content {
        match self {
            Self::Generated { block, len } => Content::Generated(block.window(key, *len)),
            Self::File { file, len } => {
                Content::File(FileContent { file: Arc::clone(file), position: 0, len: *len, reading: None })
            }
        }
    }
}

/// A file that bodies are read from.
#[derive(Debug)]
pub struct BodyFile {
    file: File,
    len: u64,
    modified: Option<SystemTime>,
}

impl BodyFile {
    /// The file as it is now.
    ///
    /// # Errors
    /// The operating system does not tell its size.
    pub fn new(file: File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self { file, len: metadata.len(), modified: metadata.modified().ok() })
    }

    /// Its size in bytes when it was opened.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Whether somebody has written to it since it was opened; `false` if the operating system does not say.
    fn has_changed(&self) -> bool {
        let now = self.file.metadata().ok();
        now.is_some_and(|now| now.len() != self.len || now.modified().ok() != self.modified)
    }
}

/// The shared block of pseudo-random bytes.
#[derive(Debug, Clone)]
pub struct Block {
    bytes: Bytes,
    seed: u64,
}

impl Block {
    /// The block that `seed` makes: ChaCha8, the same on every machine.
    pub fn new(seed: u64) -> Self {
        let mut bytes = vec![0; BLOCK];
        ChaCha8Rng::seed_from_u64(seed).fill_bytes(&mut bytes);
        Self { bytes: bytes.into(), seed }
    }

    fn window(&self, key: &str, len: u64) -> Window {
        let digest = Sha256::new().chain_update(self.seed.to_be_bytes()).chain_update(key).finalize();
        let offset = u64::from_be_bytes(std::array::from_fn(|index| digest[index])) as usize % BLOCK;
        let prologue = Bytes::copy_from_slice(&digest).slice(..digest.len().min(len as usize));
        Window { block: self.bytes.clone(), prologue, position: offset, left: len }
    }
}

/// The bytes of one body, as they are still to be sent.
#[derive(Debug)]
pub enum Content {
    /// From the shared block.
    Generated(Window),
    /// From a file.
    File(FileContent),
    /// One with something around it.
    Framed(Box<Framed>),
}

/// A body between two pieces.
#[derive(Debug)]
pub struct Framed {
    before: Bytes,
    content: Option<Content>,
    after: Bytes,
}

/// A generated body.
#[derive(Debug)]
pub struct Window {
    block: Bytes,
    prologue: Bytes,
    position: usize,
    left: u64,
}

/// A body from a file: what the kernel has in memory at once, anything else ahead by one chunk on a thread of its own.
#[derive(Debug)]
pub struct FileContent {
    file: Arc<BodyFile>,
    position: u64,
    len: u64,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

impl Content {
    /// The next bytes, as many as suit the source; `None` after the last one.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        match self {
            Self::Generated(window) => Poll::Ready(window.next_chunk().map(Ok)),
            Self::File(file) => file.poll_chunk(cx),
            Self::Framed(framed) => framed.poll_chunk(cx),
        }
    }

    /// The same with `before` and `after` around it, neither of them empty.
    pub(crate) fn framed(self, before: Bytes, after: Bytes) -> Self {
        Self::Framed(Box::new(Framed { before, content: Some(self), after }))
    }
}

impl Framed {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if !self.before.is_empty() {
            return Poll::Ready(Some(Ok(std::mem::take(&mut self.before))));
        }
        if let Some(content) = &mut self.content {
            match ready!(content.poll_chunk(cx)) {
                None => self.content = None,
                chunk => return Poll::Ready(chunk),
            }
        }
        Poll::Ready(Some(std::mem::take(&mut self.after)).filter(|after| !after.is_empty()).map(Ok))
    }
}

impl Window {
    fn next_chunk(&mut self) -> Option<Bytes> {
        if self.left == 0 {
            return None;
        }
        let chunk = if self.prologue.is_empty() {
            let here = self.position % BLOCK;
            let end = BLOCK.min(here + CHUNK).min(here + usize::try_from(self.left).unwrap_or(CHUNK));
            self.position = end;
            self.block.slice(here..end)
        } else {
            std::mem::take(&mut self.prologue)
        };
        self.left -= chunk.len() as u64;
        Some(chunk)
    }
}

impl FileContent {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if self.position == self.len {
            return Poll::Ready(None);
        }
        let Self { file, position, len, reading } = self;
        if reading.is_none()
            && let Some(chunk) = file.chunk_in_memory(*position, *len)
        {
            *position += chunk.len() as u64;
            return Poll::Ready(Some(Ok(chunk)));
        }
        let task = reading.get_or_insert_with(|| read_chunk(file, *position, *len));
        let read = ready!(Pin::new(task).poll(cx)).unwrap_or_else(|error| Err(io::Error::other(error)));
        *reading = None;
        Poll::Ready(Some(read.inspect(|chunk| {
            *position += chunk.len() as u64;
            if *position < *len {
                *reading = Some(read_chunk(file, *position, *len));
            }
        })))
    }
}

impl BodyFile {
    /// The chunk at `position` if the kernel has it in memory: a thread to wait for a disk would cost more than the copy.
    #[cfg(target_os = "linux")]
    fn chunk_in_memory(&self, position: u64, len: u64) -> Option<Bytes> {
        use rustix::io::{ReadWriteFlags, preadv2};

        let mut chunk = vec![0; chunk_at(position, len)];
        let into = &mut [io::IoSliceMut::new(&mut chunk)];
        let read = preadv2(&self.file, into, position, ReadWriteFlags::NOWAIT).ok()?;
        (read == chunk.len()).then(|| chunk.into())
    }

    /// Nothing: other systems do not tell.
    #[cfg(not(target_os = "linux"))]
    fn chunk_in_memory(&self, _: u64, _: u64) -> Option<Bytes> {
        None
    }
}

fn chunk_at(position: u64, len: u64) -> usize {
    usize::try_from(len - position).unwrap_or(CHUNK).min(CHUNK)
}

fn read_chunk(file: &Arc<BodyFile>, position: u64, len: u64) -> JoinHandle<io::Result<Bytes>> {
    use std::os::unix::fs::FileExt;

    let file = Arc::clone(file);
    let size = chunk_at(position, len);
    tokio::task::spawn_blocking(move || {
        let mut chunk = vec![0; size];
        file.file.read_exact_at(&mut chunk, position)?;
        Ok(chunk.into())
    })
}

/// What hyper sends: nothing, or a body that waits until the request's head has been written.
///
/// Boxed, because hyper makes room for 32 requests a connection in the channel by which it takes one.
#[derive(Debug)]
pub struct RequestBody(Option<Box<Sending>>);

#[derive(Debug)]
struct Sending {
    content: Content,
    left: u64,
    marks: Arc<HttpMarks>,
    failure: Arc<OnceLock<String>>,
}

impl RequestBody {
    /// No body at all.
    pub(crate) fn empty() -> Self {
        Self(None)
    }

    /// `len` bytes of `content`, once `marks` let them go. An error in reading it is kept in `failure`.
    pub fn new(content: Content, len: u64, marks: Arc<HttpMarks>, failure: Arc<OnceLock<String>>) -> Self {
        Self((len > 0).then(|| Box::new(Sending { content, left: len, marks, failure })))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let Some(sending) = &mut self.0 else { return Poll::Ready(None) };
        ready!(sending.marks.poll_body_may_go(cx));
        Poll::Ready(match ready!(sending.content.poll_chunk(cx)) {
            None => None,
            Some(Ok(chunk)) => {
                sending.left -= chunk.len() as u64;
                Some(Ok(Frame::data(chunk)))
            }
            Some(Err(error)) => {
                let _ = sending.failure.set(unreadable(&error));
                Some(Err(error))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(|sending| sending.left == 0)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.as_ref().map_or(0, |sending| sending.left))
    }
}

fn unreadable(error: &io::Error) -> String {
    format!("the body's file cannot be read: {error}")
}

/// A download's body, held against the object that was put, piece by piece as it comes. Nothing of it is kept, and what a
/// generated object is held against lies in memory already.
#[derive(Debug)]
pub(crate) struct Comparison {
    /// `None` if nothing but the object's length is known.
    content: Option<Content>,
    /// What comes next in the object, as far as it has been fetched.
    expected: Bytes,
    so_far: Compared,
}

/// How a download's body compares with the object that was put, as far as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compared {
    /// The object's length in bytes.
    pub object: u64,
    /// How many bytes of the body's beginning are the object's.
    pub alike: u64,
    /// Whether another byte than the object's came behind them, or one beyond the object's end.
    pub differs: bool,
}

impl Comparison {
    /// A comparison with the object that was made of `source` for `key`.
    pub(crate) fn new(source: &Source, key: &str) -> Self {
        let so_far = Compared { object: source.len(), alike: 0, differs: false };
        Self { content: Some(source.open(key)), expected: Bytes::new(), so_far }
    }

    /// A comparison with any object of this length.
    pub(crate) fn of_length(object: u64) -> Self {
        let so_far = Compared { object, alike: 0, differs: false };
        Self { content: None, expected: Bytes::new(), so_far }
    }

    /// Takes from `data`, which is what came next, all bytes that are the object's. What it leaves begins with the first
    /// difference. Pending while the object's file is read.
    ///
    /// # Errors
    /// The object's file cannot be read, or is not what it was when the object was put: this machine's fault, in words.
    pub(crate) fn poll_compare(&mut self, data: &mut Bytes, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        let Some(content) = &mut self.content else {
            let missing = self.so_far.object - self.so_far.alike;
            let len = data.len().min(usize::try_from(missing).unwrap_or(usize::MAX));
            data.advance(len);
            self.so_far.alike += len as u64;
            self.so_far.differs |= !data.is_empty();
            return Poll::Ready(Ok(()));
        };
        while !data.is_empty() && !self.so_far.differs {
            if self.expected.is_empty() {
                match ready!(content.poll_chunk(cx)) {
                    None => self.so_far.differs = true,
                    Some(Ok(chunk)) => self.expected = chunk,
                    Some(Err(error)) => return Poll::Ready(Err(unreadable(&error))),
                }
                continue;
            }
            let len = data.len().min(self.expected.len());
            let alike = if data[..len] == self.expected[..len] {
                len
            } else {
                self.so_far.differs = true;
                data.iter().zip(&self.expected).take_while(|(came, expected)| came == expected).count()
            };
            data.advance(alike);
            self.expected.advance(alike);
            self.so_far.alike += alike as u64;
        }
        match content {
            Content::File(content) if self.so_far.differs && content.file.has_changed() => Poll::Ready(Err(
                "the body's file was written to while the run went on, so that what comes cannot be held \
                                 against what was put; leave the file alone and run again"
                    .to_owned(),
            )),
            _ => Poll::Ready(Ok(())),
        }
    }

    /// How it stands.
    pub(crate) fn so_far(&self) -> Compared {
        self.so_far
    }
}

/// A prime number of bytes, so that no body repeats in step with a store's own block size.
const BLOCK: usize = 1_048_583;

const CHUNK: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn collect(mut window: Window) -> Vec<u8> {
        std::iter::from_fn(|| window.next_chunk()).flatten().collect()
    }

    #[test]
    fn bodies_follow_from_the_seed_and_differ_from_key_to_key() {
        let block = Block::new(7);
        for len in [0, 1, 31, 32, 33, 3_000_000] {
            let body = collect(block.window("a", len));
            assert_eq!(body.len() as u64, len);
            assert_eq!(body, collect(Block::new(7).window("a", len)));
            if len > 0 {
                assert_ne!(body, collect(block.window("b", len)));
                assert_ne!(body, collect(Block::new(8).window("a", len)));
            }
        }
    }

    fn of_file(file: &tempfile::NamedTempFile, len: u64) -> Source {
        let file = File::open(file.path()).and_then(BodyFile::new).unwrap();
        Source::File { file: Arc::new(file), len }
    }

    /// Holds `pieces` against the object of `source`.
    async fn compared(source: &Source, pieces: &[&[u8]]) -> Result<Compared, String> {
        let mut comparison = Comparison::new(source, "k");
        for piece in pieces {
            let mut data = Bytes::copy_from_slice(piece);
            std::future::poll_fn(|cx| comparison.poll_compare(&mut data, cx)).await?;
        }
        Ok(comparison.so_far())
    }

    #[tokio::test]
    async fn what_comes_is_held_against_the_object_however_it_is_cut() {
        let block = Block::new(7);
        let object = collect(block.window("k", 200_000));
        let generated = Source::Generated { block, len: 200_000 };
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&object).unwrap();
        for source in [generated, of_file(&file, 200_000)] {
            let all = |alike, differs| Ok(Compared { object: 200_000, alike, differs });
            for piece in [7, 32, 1_000, 70_001, 200_000] {
                let pieces: Vec<_> = object.chunks(piece).collect();
                assert_eq!(compared(&source, &pieces).await, all(200_000, false), "pieces of {piece}");
            }
            assert_eq!(compared(&source, &[&object[..150_000]]).await, all(150_000, false));
            assert_eq!(compared(&source, &[]).await, all(0, false));
            assert_eq!(compared(&source, &[&object, b"x"]).await, all(200_000, true));
            for at in [0, 31, 32, 99_999, 199_999] {
                let mut other = object.clone();
                other[at] ^= 1;
                let pieces: Vec<_> = other.chunks(4_096).collect();
                assert_eq!(compared(&source, &pieces).await, all(at as u64, true), "the byte at {at}");
            }
        }
    }

    #[tokio::test]
    async fn where_the_length_alone_is_known_it_is_all_that_is_held_against_what_comes() {
        for (pieces, alike, differs) in [
            (&[&b"abc"[..], b"de"][..], 5, false),
            (&[b"abc"], 3, false),
            (&[b"abc", b"def"], 5, true),
            (&[], 0, false),
        ] {
            let mut comparison = Comparison::of_length(5);
            for piece in pieces {
                let mut data = Bytes::copy_from_slice(piece);
                std::future::poll_fn(|cx| comparison.poll_compare(&mut data, cx)).await.unwrap();
            }
            assert_eq!(comparison.so_far(), Compared { object: 5, alike, differs });
        }
    }

    /// Else a build that writes its product again would accuse the store.
    #[tokio::test]
    async fn a_file_that_was_written_to_accuses_nobody_else() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"old bytes").unwrap();
        let source = of_file(&file, 9);
        std::thread::sleep(std::time::Duration::from_millis(20));
        std::fs::write(file.path(), b"new bytes").unwrap();
        let reported = compared(&source, &[b"old bytes"]).await.unwrap_err();
        assert!(reported.contains("was written to while the run went on"), "{reported}");
    }

    #[tokio::test]
    async fn a_file_is_streamed_whole() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let bytes: Vec<u8> = (0..200_000u32).map(|index| (index % 251) as u8).collect();
        file.write_all(&bytes).unwrap();
        let source = of_file(&file, bytes.len() as u64);
        let Content::File(mut content) = source.open("any") else { panic!("a file's content comes from the file") };
        let mut got = Vec::new();
        while let Some(chunk) = std::future::poll_fn(|cx| content.poll_chunk(cx)).await {
            got.extend_from_slice(&chunk.unwrap());
        }
        assert_eq!(got, bytes);
    }

    #[tokio::test]
    async fn a_file_that_shrank_is_an_error_not_a_short_body() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"short").unwrap();
        let source = of_file(&file, 10);
        let Content::File(mut content) = source.open("any") else { panic!("a file's content comes from the file") };
        let first = std::future::poll_fn(|cx| content.poll_chunk(cx)).await.unwrap();
        assert_eq!(first.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
