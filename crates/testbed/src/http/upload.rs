//! The request's body on its way in: counted, watched for its end, and within reach after the service let go of it.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use tokio::sync::Notify;

use crate::lock::lock;
use crate::s3::form::{Form, FormFields};
use crate::s3::sigv4::hex;

/// A request's body. Clones are the same body.
#[derive(Debug, Clone)]
pub(crate) struct Upload {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    incoming: Mutex<Option<Incoming>>,
    bytes: AtomicU64,
    polled: AtomicBool,
    whole: AtomicBool,
    late: AtomicBool,
    /// The instant from which on the body's end comes too late.
    deadline: Mutex<Option<Instant>>,
    /// What the body must be, and what it has been so far.
    digest: Mutex<Option<Expected>>,
    differs: AtomicBool,
    /// The form in the body, until its fields have passed.
    form: Mutex<Option<Form>>,
    expiry: OnceLock<OffsetDateTime>,
    fields: OnceLock<FormFields>,
    form_read: Notify,
    /// The piece that ended the form's fields, until it is read once more.
    held: Mutex<Option<Frame<Bytes>>>,
    mark: Mark,
}

/// The SHA-256 that a body was signed with.
#[derive(Debug)]
struct Expected {
    /// In lower-case hex.
    sha256: String,
    so_far: Sha256,
}

/// A place in the body that a fault waits for.
#[derive(Debug)]
struct Mark {
    /// Bytes of the body up to it.
    at: AtomicU64,
    /// Whether the body ends there for anyone who reads it, who waits for more in vain.
    withholds: AtomicBool,
    /// Whether the body's end counts as the place, in place of a number of bytes.
    at_end: AtomicBool,
    reached: Notify,
}

impl Upload {
    pub(crate) fn new(incoming: Incoming, form: Option<Form>) -> Self {
        let whole = AtomicBool::new(incoming.is_end_stream());
        Self {
            shared: Arc::new(Shared {
                incoming: Mutex::new(Some(incoming)),
                bytes: AtomicU64::new(0),
                polled: AtomicBool::new(false),
                whole,
                late: AtomicBool::new(false),
                deadline: Mutex::default(),
                digest: Mutex::default(),
                differs: AtomicBool::new(false),
                form: Mutex::new(form),
                expiry: OnceLock::new(),
                fields: OnceLock::new(),
                form_read: Notify::new(),
                held: Mutex::default(),
                mark: Mark {
                    at: AtomicU64::new(u64::MAX),
                    withholds: AtomicBool::new(false),
                    at_end: AtomicBool::new(false),
                    reached: Notify::new(),
                },
            }),
        }
    }

    /// The body for the service to read.
    pub(crate) fn body(&self) -> UploadBody {
        UploadBody { upload: self.clone() }
    }

    /// If the body's end is reached at `deadline` or later, the body fails instead of ending, so that nothing is stored, and
    /// [`Self::is_late`] tells why.
    pub(crate) fn complete_before(&self, deadline: Instant) {
        *lock(&self.shared.deadline) = Some(deadline);
    }

    /// If the body turns out to have another SHA-256 than this (in hex), it fails instead of ending, so that nothing is
    /// stored, and [`Self::differs`] tells why.
    pub(crate) fn expect(&self, sha256: &str) {
        *lock(&self.shared.digest) = Some(Expected { sha256: sha256.to_ascii_lowercase(), so_far: Sha256::new() });
    }

    /// When the policy of the form in the body expires, if it has been read.
    pub(crate) fn known_form_expiry(&self) -> Option<OffsetDateTime> {
        self.shared.expiry.get().copied()
    }

    /// Completes when the policy of the form in the body has been read, with the instant at which it expires.
    pub(crate) async fn form_expiry(&self) -> OffsetDateTime {
        loop {
            let read = self.shared.form_read.notified();
            if let Some(expiry) = self.known_form_expiry() {
                return expiry;
            }
            read.await;
        }
    }

    /// Completes when the fields of the form in the body have been read, and its file has begun.
    pub(crate) async fn form_fields(&self) -> &FormFields {
        loop {
            let read = self.shared.form_read.notified();
            if let Some(fields) = self.shared.fields.get() {
                return fields;
            }
            read.await;
        }
    }

    /// How long the body is to be, where the request says so.
    pub(crate) fn length(&self) -> Option<u64> {
        // What is still to come; of a form, some has been read.
        Some(self.body().size_hint().exact()? + self.bytes())
    }

    /// Watches for so many bytes to be read. With `withhold`, nothing more is read from then on.
    pub(crate) fn watch_for(&self, bytes: u64, withhold: bool) {
        self.shared.mark.at.store(bytes, Ordering::Relaxed);
        self.shared.mark.withholds.store(withhold, Ordering::Relaxed);
    }

    /// Watches for the body's end to be read, and withholds it.
    pub(crate) fn watch_for_end(&self) {
        self.shared.mark.at_end.store(true, Ordering::Relaxed);
    }

    /// Waits until the bytes that are watched for have been read.
    pub(crate) async fn reached(&self) {
        self.shared.mark.reached.notified().await;
    }

    /// Whether they have been.
    pub(crate) fn is_at_mark(&self) -> bool {
        self.bytes() >= self.shared.mark.at.load(Ordering::Relaxed)
    }

    /// Bytes read so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.shared.bytes.load(Ordering::Relaxed)
    }

    /// Asks for the body, so that the client is told to send it, and lets it wait.
    pub(crate) fn invite(&self) {
        let mut context = Context::from_waker(std::task::Waker::noop());
        // Nothing has come of a body that waits to be asked for.
        let _ = Pin::new(&mut self.body()).poll_frame(&mut context);
    }

    /// Whether anybody has asked for the body: from then on the client may have been told to send it (100 Continue).
    pub(crate) fn is_invited(&self) -> bool {
        self.shared.polled.load(Ordering::Relaxed)
    }

    /// Whether the body has been read to its end.
    pub(crate) fn is_whole(&self) -> bool {
        self.shared.whole.load(Ordering::Relaxed)
    }

    /// Whether the body's end came at the deadline or later.
    pub(crate) fn is_late(&self) -> bool {
        self.shared.late.load(Ordering::Relaxed)
    }

    /// Whether the body had come whole, and was not what was signed.
    pub(crate) fn differs(&self) -> bool {
        self.shared.differs.load(Ordering::Relaxed)
    }

    /// Reads the rest and throws it away.
    pub(crate) async fn drain(&self) {
        self.watch_for(u64::MAX, false);
        self.shared.mark.at_end.store(false, Ordering::Relaxed);
        let mut body = self.body();
        while let Some(Ok(_)) = body.frame().await {}
    }

    /// Lets go of the body, so that the HTTP layer stops reading it.
    pub(crate) fn give_up(&self) {
        lock(&self.shared.incoming).take();
    }
}

/// See [`Upload::body`].
#[derive(Debug)]
pub(crate) struct UploadBody {
    upload: Upload,
}

impl Shared {
    /// Looks at a piece of the body as it comes. True if the fields of the form in the body end with it.
    fn comes(&self, piece: &[u8]) -> bool {
        if let Some(expected) = lock(&self.digest).as_mut() {
            expected.so_far.update(piece);
        }
        let mut form = lock(&self.form);
        let Some(found) = form.as_mut().map(|form| form.read(piece)) else { return false };
        if let Some(expiry) = found.expiry() {
            // Only the first policy counts.
            let _ = self.expiry.set(expiry);
        }
        let is_whole = found.is_whole;
        if is_whole {
            *form = None;
            let _ = self.fields.set(found);
        }
        self.form_read.notify_one();
        is_whole
    }

    /// Counts bytes of the body that have come.
    fn count(&self, bytes: u64, is_end: bool) {
        let mark = self.mark.at.load(Ordering::Relaxed);
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if before < mark && before + bytes >= mark {
            self.mark.reached.notify_one();
            if is_end && self.mark.withholds.load(Ordering::Relaxed) {
                self.whole.store(true, Ordering::Relaxed);
            }
        }
    }

    /// Why the body may not end now, although it has come whole.
    fn fails_at_end(&self) -> Option<io::ErrorKind> {
        if lock(&self.deadline).is_some_and(|deadline| Instant::now() >= deadline) {
            self.late.store(true, Ordering::Relaxed);
            return Some(io::ErrorKind::TimedOut);
        }
        let expected = lock(&self.digest).take()?;
        if hex(&expected.so_far.finalize()) == expected.sha256 {
            return None;
        }
        self.differs.store(true, Ordering::Relaxed);
        Some(io::ErrorKind::InvalidData)
    }
}

impl Body for UploadBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let shared = &self.upload.shared;
        shared.polled.store(true, Ordering::Relaxed);
        let mark = shared.mark.at.load(Ordering::Relaxed);
        let withholds = shared.mark.withholds.load(Ordering::Relaxed);
        if withholds && shared.bytes.load(Ordering::Relaxed) >= mark {
            // The fault that waits for this mark ends whatever waits here.
            return Poll::Pending;
        }
        let mut slot = lock(&shared.incoming);
        let Some(incoming) = slot.as_mut() else {
            return Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())));
        };
        let held = lock(&shared.held).take();
        let is_new = held.is_none();
        let frame = match held {
            Some(frame) => Some(Ok(frame)),
            // Of a body that its answer has left unread, hyper tells the end with the next request, and not before.
            None if incoming.is_end_stream() => None,
            None => ready!(Pin::new(&mut *incoming).poll_frame(cx)),
        };
        let new = frame.as_ref().and_then(|frame| frame.as_ref().ok()).filter(|_| is_new);
        let ends_fields = new.is_some_and(|frame| {
            let data: &[u8] = frame.data_ref().map_or(&[], |data| data);
            shared.count(data.len() as u64, incoming.is_end_stream());
            shared.comes(data)
        });
        if ends_fields {
            // Whoever goes by the fields has a turn before the service, which may be done with a small form at once.
            *lock(&shared.held) = frame.and_then(Result::ok);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        match &frame {
            // A form is not read beyond the line that ends it.
            Some(Ok(_)) if shared.expiry.get().is_some() && incoming.is_end_stream() => {
                shared.whole.store(true, Ordering::Relaxed);
                if let Some(failure) = shared.fails_at_end() {
                    return Poll::Ready(Some(Err(failure.into())));
                }
            }
            Some(_) => {}
            None => {
                shared.whole.store(true, Ordering::Relaxed);
                if shared.mark.at_end.load(Ordering::Relaxed) {
                    // As above.
                    shared.mark.reached.notify_one();
                    return Poll::Pending;
                }
                if let Some(failure) = shared.fails_at_end() {
                    return Poll::Ready(Some(Err(failure.into())));
                }
            }
        }
        Poll::Ready(frame.map(|frame| frame.map_err(io::Error::other)))
    }

    // `is_end_stream` stays at its default, false: anyone who reads must come to the end, where the deadline is checked.

    fn size_hint(&self) -> SizeHint {
        let slot = lock(&self.upload.shared.incoming);
        slot.as_ref().map_or_else(SizeHint::default, Body::size_hint)
    }
}
