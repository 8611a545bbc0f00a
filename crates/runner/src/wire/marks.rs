//! Where one request and its response stand: the notes that the topmost layer takes and the transfer reads.

use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use tokio::time::Instant;

use super::SocketStats;

use crate::lock::lock;

/// The marks of the exchange that is under way on one connection, shared with the transfer that reads them.
#[derive(Debug)]
pub struct HttpMarks {
    stats: Arc<SocketStats>,
    kernel: Option<Box<dyn Confirms>>,
    progress: Mutex<HttpProgress>,
}

/// Knows how far the peer's kernel has confirmed what was written.
pub(crate) trait Confirms: std::fmt::Debug + Send + Sync {
    /// Confirmed bytes, counted from the first that was written to the socket; `None` if this is not known.
    fn bytes_acked(&self) -> Option<u64>;
}

/// Where one request and its response stand.
#[derive(Debug, Clone, Default)]
pub struct HttpProgress {
    /// The body's length, as announced.
    pub body_len: u64,
    /// When the first byte of the request was accepted.
    pub first_byte_written: Option<Instant>,
    /// When the socket had taken the head's last byte.
    pub head_written: Option<Instant>,
    /// When the first byte of the body was accepted.
    pub first_body_byte_written: Option<Instant>,
    /// When the socket had taken the body's last byte.
    pub last_body_byte_written: Option<Instant>,
    /// When the 100 Continue was read.
    pub continued: Option<Instant>,
    /// When the first byte of the final response was read.
    pub first_byte_read: Option<Instant>,
    /// Whether the peer's kernel had confirmed all that was written by then. Each segment of an answer also says how far the
    /// request has come, so an answer that confirms less was given before the rest was there, however much of it the local
    /// socket had taken.
    pub confirmed_by_first_byte: Option<bool>,
    /// When bytes were last read.
    pub last_byte_read: Option<Instant>,
    /// When the peer's bytes ended at this level; under TLS that is its close_notify.
    pub end_of_file: Option<Instant>,
    /// A read error that TLS, not the socket, raised: an alert, a missing close_notify, a broken record.
    pub tls_error: Option<(Instant, String)>,
    /// The head's length in bytes, once its end has passed.
    pub head_len: Option<u64>,
    /// Where in the socket's stream the head ended.
    pub head_ends_at: Option<u64>,
    scan: HeadEnd,
    accepted: u64,
    /// How many accepted bytes stood at which count of the socket, when both were last known to agree.
    settled: (u64, u64),
    body_may_go: bool,
    waits_for_continue: bool,
    body_waker: Option<Waker>,
    /// How many 1xx were read since a turn was last given to others.
    informational: u32,
}

/// Finds the empty line that ends a head, however the writes are cut.
#[derive(Debug, Clone, Copy, Default)]
struct HeadEnd {
    matched: u8,
}

impl HttpMarks {
    /// Marks for a connection whose socket notes in `stats`.
    pub fn new(stats: Arc<SocketStats>) -> Self {
        Self { stats, kernel: None, progress: Mutex::default() }
    }

    /// Marks that also ask the kernel what the peer has confirmed.
    pub(crate) fn asking(stats: Arc<SocketStats>, kernel: impl Confirms + 'static) -> Self {
        Self { kernel: Some(Box::new(kernel)), ..Self::new(stats) }
    }

    /// Begins a new exchange whose request has a body of `body_len` bytes.
    pub(crate) fn begin(&self, body_len: u64, waits_for_continue: bool) {
        self.stats.begin_exchange();
        let settled = (0, self.stats.written());
        *self.lock() = HttpProgress { body_len, waits_for_continue, settled, ..HttpProgress::default() };
    }

    /// A copy of where the exchange stands.
    pub(crate) fn progress(&self) -> HttpProgress {
        let mut progress = self.lock().clone();
        progress.body_waker = None;
        progress
    }

    /// Where in the socket's stream the head ended.
    pub(crate) fn head_ends_at(&self) -> Option<u64> {
        self.lock().head_ends_at
    }

    /// Bytes of the request's body that the socket took; under TLS by the length of whole records.
    pub(crate) fn body_written(&self) -> u64 {
        self.lock().body_written(self.stats.written())
    }

    /// Bytes of the request's body within the first `acked` bytes of the socket's stream, rounded down.
    pub(crate) fn body_within(&self, acked: u64) -> u64 {
        let progress = self.lock();
        let written = self.stats.written();
        let (Some(head), body) = (progress.head_ends_at, progress.body_written(written)) else { return 0 };
        let (acked, sent) = (acked.saturating_sub(head), written.saturating_sub(head));
        if acked >= sent {
            return body;
        }
        (u128::from(body) * u128::from(acked) / u128::from(sent)) as u64
    }

    /// Pending until the body may be sent: the head is written, and the 100 came where one is waited for.
    pub(crate) fn poll_body_may_go(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut progress = self.lock();
        if progress.body_may_go {
            return Poll::Ready(());
        }
        progress.body_waker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Notes a 100 Continue: what was read so far was no part of the final response.
    pub(crate) fn note_continue(&self) {
        let mut progress = self.lock();
        progress.continued = progress.first_byte_read.or(progress.last_byte_read).or_else(|| Some(Instant::now()));
        progress.first_byte_read = None;
        progress.informational += 1;
        progress.release_body();
    }

    /// Notes another 1xx: what was read so far was no part of the final response.
    pub(crate) fn note_informational(&self) {
        let mut progress = self.lock();
        progress.first_byte_read = None;
        progress.informational += 1;
    }

    /// Whether so many 1xx were read in one turn that the transfer's timers must have theirs before more are: hyper reads on for
    /// as long as they come.
    pub(super) fn must_pause(&self) -> bool {
        let mut progress = self.lock();
        let many = progress.informational >= MANY;
        progress.informational *= u32::from(!many);
        many
    }

    /// Lets the body go although no 100 came: RFC 9110 §10.1.1 forbids to wait for ever.
    pub fn stop_waiting_for_continue(&self) {
        self.lock().release_body();
    }

    /// Notes that the final response's head was read whole; returns when. Its first byte may have come with the 100's last.
    pub(crate) fn note_response_head(&self) -> Instant {
        let mut progress = self.lock();
        let at = progress.last_byte_read.unwrap_or_else(Instant::now);
        progress.first_byte_read.get_or_insert(at);
        at
    }

    pub(super) fn note_accepted(&self, bufs: &[IoSlice<'_>], accepted: usize) {
        let mut progress = self.lock();
        if accepted == 0 {
            return;
        }
        // Where the socket has taken some of it already, its own stamp is the earlier one, and the head's end, which goes by
        // that stamp, must not come before its beginning.
        let taken = self.stats.last_write().filter(|_| self.stats.written() > progress.settled.1);
        let now = taken.unwrap_or_else(Instant::now);
        progress.first_byte_written.get_or_insert(now);
        if progress.head_len.is_none() {
            let before = progress.accepted;
            let head_end = progress.scan.find(bufs, accepted);
            progress.head_len = head_end.map(|end| before + end as u64);
        }
        progress.accepted += accepted as u64;
        if progress.head_len.is_some_and(|head| progress.accepted > head) {
            progress.first_body_byte_written.get_or_insert(now);
        }
    }

    /// Notes that all that was accepted has reached the socket.
    pub(super) fn note_flushed(&self) {
        let mut progress = self.lock();
        let Some(head) = progress.head_len else { return };
        let written = self.stats.written();
        progress.settled = (progress.accepted, written);
        let at = self.stats.last_write();
        if progress.head_written.is_none() {
            progress.head_written = at;
            // Stamped below this layer, so a little before the acceptance was.
            progress.first_byte_written = progress.first_byte_written.min(at);
            progress.head_ends_at = Some(written);
            if !progress.waits_for_continue {
                progress.release_body();
            }
        }
        if progress.body_len > 0 && progress.accepted >= head + progress.body_len {
            progress.last_body_byte_written = progress.last_body_byte_written.or(at);
        }
    }

    pub(super) fn note_read(&self, result: &Poll<io::Result<()>>, read: usize, room: usize) {
        match result {
            Poll::Pending => {}
            Poll::Ready(Ok(())) if read == 0 && room > 0 => {
                self.lock().end_of_file.get_or_insert_with(Instant::now);
            }
            Poll::Ready(Ok(())) => {
                let mut progress = self.lock();
                let now = Instant::now();
                progress.last_byte_read = Some(now);
                if progress.first_byte_read.is_none() {
                    progress.first_byte_read = Some(now);
                    let acked = self.kernel.as_ref().and_then(|kernel| kernel.bytes_acked());
                    progress.confirmed_by_first_byte = acked.map(|acked| acked >= self.stats.written());
                }
            }
            Poll::Ready(Err(error)) if error.raw_os_error().is_none() => {
                self.lock().tls_error.get_or_insert_with(|| (Instant::now(), error.to_string()));
            }
            // The layer on the socket has noted it.
            Poll::Ready(Err(_)) => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, HttpProgress> {
        lock(&self.progress)
    }
}

impl HttpProgress {
    /// Whether the whole request has been taken by the socket.
    pub(crate) fn request_sent(&self) -> bool {
        self.head_written.is_some() && (self.body_len == 0 || self.last_body_byte_written.is_some())
    }

    /// Whether the body is still kept back until a 100 Continue comes.
    pub(crate) fn waits_for_continue(&self) -> bool {
        self.waits_for_continue && !self.body_may_go
    }

    /// When the socket had taken the request's last byte.
    pub(crate) fn last_byte_written(&self) -> Option<Instant> {
        if self.body_len == 0 { self.head_written } else { self.last_body_byte_written }
    }

    fn body_written(&self, socket_written: u64) -> u64 {
        let Some(head) = self.head_len else { return 0 };
        let (settled, settled_at) = self.settled;
        let since = socket_written.saturating_sub(settled_at);
        // Since both counts last agreed at most one write was accepted. Under TLS its records are 16 KiB of plain text
        // and 22 bytes more; over TCP it is the count itself, which the limit by `accepted` makes exact.
        let plain = since - since.div_ceil(TLS_RECORD) * (TLS_RECORD - TLS_FRAGMENT).min(since);
        let reached = if self.accepted - settled == since { self.accepted } else { settled + plain };
        reached.min(self.accepted).saturating_sub(head).min(self.body_len)
    }

    fn release_body(&mut self) {
        self.body_may_go = true;
        if let Some(waker) = self.body_waker.take() {
            waker.wake();
        }
    }
}

/// No honest server sends as many for one request.
const MANY: u32 = 64;

const TLS_FRAGMENT: u64 = 16 << 10;
const TLS_RECORD: u64 = TLS_FRAGMENT + 22;

impl HeadEnd {
    /// Looks through the first `accepted` bytes of `bufs`; returns how many of them belong to the head, where it ends.
    fn find(&mut self, bufs: &[IoSlice<'_>], accepted: usize) -> Option<usize> {
        let bytes = bufs.iter().flat_map(|buf| buf.iter()).take(accepted);
        for (index, byte) in bytes.enumerate() {
            self.matched = match (self.matched, byte) {
                (0 | 2, b'\r') => self.matched + 1,
                (1 | 3, b'\n') => self.matched + 1,
                (_, b'\r') => 1,
                _ => 0,
            };
            if self.matched == 4 {
                return Some(index + 1);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heads_end_is_found_however_it_is_cut() {
        let head = b"PUT /k HTTP/1.1\r\nhost: x\r\n\r\n";
        for cut in 0..head.len() {
            let (first, second) = head.split_at(cut);
            let mut scan = HeadEnd::default();
            assert_eq!(scan.find(&[IoSlice::new(first)], first.len()), None, "cut at {cut}");
            assert_eq!(scan.find(&[IoSlice::new(second), IoSlice::new(b"body")], second.len() + 4), Some(second.len()));
        }
    }

    #[tokio::test]
    async fn over_tcp_the_body_is_counted_to_the_byte() {
        let marks = HttpMarks::new(Arc::new(SocketStats::new()));
        marks.begin(10, false);
        let head = b"PUT /k HTTP/1.1\r\n\r\n";
        marks.stats.note_written(head.len());
        marks.note_accepted(&[IoSlice::new(head)], head.len());
        marks.note_flushed();
        assert!(marks.progress().head_written.is_some());
        assert_eq!((marks.body_written(), marks.head_ends_at()), (0, Some(head.len() as u64)));
        marks.stats.note_written(7);
        marks.note_accepted(&[IoSlice::new(b"1234567")], 7);
        marks.note_flushed();
        assert_eq!(marks.body_written(), 7);
        assert_eq!(marks.body_within(head.len() as u64 + 3), 3);
        assert!(!marks.progress().request_sent());
    }

    #[derive(Debug)]
    struct Peer(u64);

    impl Confirms for Peer {
        fn bytes_acked(&self) -> Option<u64> {
            Some(self.0)
        }
    }

    #[tokio::test]
    async fn an_answer_that_confirms_less_than_was_written_is_told_apart() {
        for (acked, confirmed) in [(999, false), (1000, true)] {
            let marks = HttpMarks::asking(Arc::new(SocketStats::new()), Peer(acked));
            marks.begin(0, false);
            marks.stats.note_written(1000);
            marks.note_read(&Poll::Ready(Ok(())), 25, 100);
            // What is confirmed later says nothing about the answer's first byte.
            marks.stats.note_written(1000);
            marks.note_read(&Poll::Ready(Ok(())), 25, 100);
            assert_eq!(marks.progress().confirmed_by_first_byte, Some(confirmed), "{acked}");
        }
    }

    #[tokio::test]
    async fn a_final_response_that_follows_a_100_starts_after_it() {
        let marks = HttpMarks::new(Arc::new(SocketStats::new()));
        marks.begin(10, true);
        marks.note_read(&Poll::Ready(Ok(())), 25, 100);
        marks.note_continue();
        let progress = marks.progress();
        assert!(progress.continued.is_some());
        assert_eq!(progress.first_byte_read, None);
    }
}
