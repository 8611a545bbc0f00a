//! What the layers on the socket noted, shared between them and the transfer that reads it.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::Instant;

use crate::lock::lock;

/// One connection's notes. Counters are atomics and only rare events take the lock: this is on the path of every byte.
#[derive(Debug)]
pub struct SocketStats {
    origin: Instant,
    written: AtomicU64,
    read: AtomicU64,
    /// Nanoseconds after `origin`, plus one; zero = never.
    last_write: AtomicU64,
    first_read: AtomicU64,
    last_read: AtomicU64,
    /// What had passed when the exchange that is under way began.
    written_before: AtomicU64,
    read_before: AtomicU64,
    rare: Mutex<Rare>,
}

#[derive(Debug, Default)]
struct Rare {
    first_error: Option<SocketError>,
    end_of_file: Option<Instant>,
    held: Option<Instant>,
    broken: Option<Instant>,
}

/// A socket error as it was first met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketError {
    /// When.
    pub at: Instant,
    /// In which direction.
    pub side: Side,
    /// The operating system's number.
    pub errno: Option<i32>,
    /// The standard library's kind.
    pub kind: io::ErrorKind,
    /// In words.
    pub message: String,
}

/// A direction on the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Towards this machine.
    Read,
    /// Towards the peer.
    Write,
}

impl SocketStats {
    /// Notes that begin now.
    pub fn new() -> Self {
        Self {
            origin: Instant::now(),
            written: AtomicU64::new(0),
            read: AtomicU64::new(0),
            last_write: AtomicU64::new(0),
            first_read: AtomicU64::new(0),
            last_read: AtomicU64::new(0),
            written_before: AtomicU64::new(0),
            read_before: AtomicU64::new(0),
            rare: Mutex::default(),
        }
    }

    /// Bytes that the socket took so far, TLS included.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Relaxed)
    }

    /// Bytes that were read from the socket so far, TLS included.
    pub fn read(&self) -> u64 {
        self.read.load(Relaxed)
    }

    /// From here on bytes are another exchange's.
    pub(crate) fn begin_exchange(&self) {
        self.written_before.store(self.written(), Relaxed);
        self.read_before.store(self.read(), Relaxed);
        self.first_read.store(0, Relaxed);
    }

    /// Bytes that the socket took since the exchange began, TLS included.
    pub(crate) fn written_in_exchange(&self) -> u64 {
        self.written() - self.written_before.load(Relaxed)
    }

    /// Bytes that were read from the socket since the exchange began, TLS included.
    pub(crate) fn read_in_exchange(&self) -> u64 {
        self.read() - self.read_before.load(Relaxed)
    }

    /// When the first bytes since the exchange began were read from the socket. Under TLS this is before any of them can be
    /// known: a record opens only once it is there whole.
    pub(crate) fn first_read(&self) -> Option<Instant> {
        self.instant(&self.first_read)
    }

    /// When the socket last took bytes.
    pub(crate) fn last_write(&self) -> Option<Instant> {
        self.instant(&self.last_write)
    }

    /// When bytes were last read from the socket.
    pub(crate) fn last_read(&self) -> Option<Instant> {
        self.instant(&self.last_read)
    }

    /// The last moment at which a byte moved in either direction; the connection's beginning before the first one.
    pub(crate) fn last_activity(&self) -> Instant {
        self.last_write().max(self.last_read()).unwrap_or(self.origin)
    }

    /// The first error that a read or a write met.
    pub(crate) fn first_error(&self) -> Option<SocketError> {
        self.rare().first_error.clone()
    }

    /// When the end of the peer's bytes was read.
    pub(crate) fn end_of_file(&self) -> Option<Instant> {
        self.rare().end_of_file
    }

    /// When a write error was first held back.
    pub(crate) fn held(&self) -> Option<Instant> {
        self.rare().held
    }

    /// When the kernel was first known to hold an error for the connection, which may be long before a capped reader gets
    /// to it: behind a RST, what had come before still waits to be read.
    pub(crate) fn broken(&self) -> Option<Instant> {
        self.rare().broken
    }

    /// Notes that the kernel holds an error for the connection.
    pub(crate) fn note_broken(&self) {
        self.rare().broken.get_or_insert_with(Instant::now);
    }

    pub(super) fn note_written(&self, bytes: usize) {
        self.written.fetch_add(bytes as u64, Relaxed);
        self.last_write.store(self.nanos(), Relaxed);
    }

    pub(super) fn note_read(&self, bytes: usize) {
        self.read.fetch_add(bytes as u64, Relaxed);
        let now = self.nanos();
        self.last_read.store(now, Relaxed);
        if self.first_read.load(Relaxed) == 0 {
            self.first_read.store(now, Relaxed);
        }
    }

    pub(super) fn note_end_of_file(&self) {
        self.rare().end_of_file.get_or_insert_with(Instant::now);
    }

    pub(super) fn note_error(&self, side: Side, error: &io::Error) {
        self.rare().first_error.get_or_insert_with(|| SocketError {
            at: Instant::now(),
            side,
            errno: error.raw_os_error(),
            kind: error.kind(),
            message: error.to_string(),
        });
    }

    pub(super) fn note_held(&self) {
        self.rare().held.get_or_insert_with(Instant::now);
    }

    fn rare(&self) -> MutexGuard<'_, Rare> {
        lock(&self.rare)
    }

    fn nanos(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX - 1) + 1
    }

    fn instant(&self, nanos: &AtomicU64) -> Option<Instant> {
        let nanos = nanos.load(Relaxed).checked_sub(1)?;
        Some(self.origin + Duration::from_nanos(nanos))
    }
}

impl Default for SocketStats {
    fn default() -> Self {
        Self::new()
    }
}
