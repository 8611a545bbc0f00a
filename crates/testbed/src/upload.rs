//! The request's body on its way in: counted, watched for its end, and within reach after the service let go of it.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::sync::Notify;

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
    mark: Mark,
}

/// A place in the body that a fault waits for.
#[derive(Debug)]
struct Mark {
    /// Bytes of the body up to it.
    at: AtomicU64,
    /// Whether the body ends there for whoever reads it, who waits for more in vain.
    withholds: AtomicBool,
    reached: Notify,
}

impl Upload {
    pub(crate) fn new(incoming: Incoming) -> Self {
        let whole = AtomicBool::new(incoming.is_end_stream());
        Self {
            shared: Arc::new(Shared {
                incoming: Mutex::new(Some(incoming)),
                bytes: AtomicU64::new(0),
                polled: AtomicBool::new(false),
                whole,
                late: AtomicBool::new(false),
                mark: Mark { at: AtomicU64::new(u64::MAX), withholds: AtomicBool::new(false), reached: Notify::new() },
            }),
        }
    }

    /// The body for the service to read. If its end is reached at `deadline` or later, the body fails instead of ending,
    /// so that nothing is stored, and [`Self::is_late`] tells why.
    pub(crate) fn body(&self, deadline: Option<Instant>) -> UploadBody {
        UploadBody { upload: self.clone(), deadline }
    }

    /// How long the body is to be, where the request says so; asked before anything of it is read.
    pub(crate) fn length(&self) -> Option<u64> {
        self.body(None).size_hint().exact()
    }

    /// Watches for so many bytes to be read. With `withhold`, nothing more is read from then on.
    pub(crate) fn watch_for(&self, bytes: u64, withhold: bool) {
        self.shared.mark.at.store(bytes, Ordering::Relaxed);
        self.shared.mark.withholds.store(withhold, Ordering::Relaxed);
    }

    /// Waits until the bytes that are watched for have been read.
    pub(crate) async fn reached(&self) {
        self.shared.mark.reached.notified().await;
    }

    /// Bytes read so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.shared.bytes.load(Ordering::Relaxed)
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

    /// Reads the rest and throws it away.
    pub(crate) async fn drain(&self) {
        self.watch_for(u64::MAX, false);
        let mut body = self.body(None);
        while let Some(Ok(_)) = body.frame().await {}
    }

    /// Lets go of the body, so that the HTTP layer stops reading it.
    pub(crate) fn give_up(&self) {
        self.shared.incoming.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// See [`Upload::body`].
#[derive(Debug)]
pub(crate) struct UploadBody {
    upload: Upload,
    deadline: Option<Instant>,
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
        let mut slot = shared.incoming.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(incoming) = slot.as_mut() else {
            return Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())));
        };
        // Of a body that its answer has overtaken, hyper tells the end with the next request, and not before.
        let frame = if incoming.is_end_stream() { None } else { ready!(Pin::new(&mut *incoming).poll_frame(cx)) };
        match &frame {
            Some(Ok(frame)) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
                let before = shared.bytes.fetch_add(bytes, Ordering::Relaxed);
                if before < mark && before + bytes >= mark {
                    shared.mark.reached.notify_one();
                    if withholds && incoming.is_end_stream() {
                        shared.whole.store(true, Ordering::Relaxed);
                    }
                }
            }
            Some(Err(_)) => {}
            None => {
                shared.whole.store(true, Ordering::Relaxed);
                if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                    shared.late.store(true, Ordering::Relaxed);
                    return Poll::Ready(Some(Err(io::ErrorKind::TimedOut.into())));
                }
            }
        }
        Poll::Ready(frame.map(|frame| frame.map_err(io::Error::other)))
    }

    // `is_end_stream` stays at its default, false: whoever reads must come to the end, where the deadline is checked.

    fn size_hint(&self) -> SizeHint {
        let slot = self.upload.shared.incoming.lock().unwrap_or_else(PoisonError::into_inner);
        slot.as_ref().map_or_else(SizeHint::default, Body::size_hint)
    }
}
