//! The response's body on its way out.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame, SizeHint};

use crate::http::control::{ConnectionAction, ConnectionControl, Direction, Ending};
use crate::http::exchange::Exchange;
use crate::http::upload::Upload;

/// A response's body. When the HTTP layer has taken all of it and drops it, the exchange learns of it, and an upload that
/// the answer overtook meets its end.
pub(crate) struct AnswerBody {
    inner: s3s::Body,
    exchange: Arc<Exchange>,
    unread: Option<UnreadBody>,
    action: Option<MidBodyAction>,
    /// What lies behind the place of the action, in the piece that it fell into.
    behind: Option<Bytes>,
}

/// An answer, and what a fault makes follow from it.
pub(crate) struct Reply {
    pub(crate) response: Response<s3s::Body>,
    /// What is done within its body, and behind how many bytes.
    pub(crate) within: Option<(u64, ConnectionAction)>,
    /// What is done when it is out, and how long after.
    pub(crate) after: Option<(Duration, ConnectionAction)>,
    /// Who reads the request's body on, although it has been answered.
    pub(crate) reader: Option<Serving>,
}

impl From<Response<s3s::Body>> for Reply {
    fn from(response: Response<s3s::Body>) -> Self {
        Self { response, within: None, after: None, reader: None }
    }
}

/// A request's body that was not read to its end when the answer was ready.
pub(crate) struct UnreadBody {
    pub(crate) upload: Upload,
    pub(crate) rest: OnUnread,
}

/// What becomes of the rest of a body that was not read before its answer.
pub(crate) enum OnUnread {
    /// It is read and thrown away.
    Drained,
    /// Whoever reads it reads on.
    Served(Serving),
    /// The HTTP layer stops reading, and the connection ends like this.
    Unread(Ending),
}

/// A request that is being served.
pub(crate) type Serving = Pin<Box<dyn Future<Output = Response<s3s::Body>> + Send>>;

/// What a fault does within a response's body.
pub(crate) struct MidBodyAction {
    pub(crate) control: Arc<ConnectionControl>,
    /// Bytes up to its place.
    pub(crate) left: u64,
    /// What it does there; nothing once that has been ordered.
    pub(crate) action: Option<ConnectionAction>,
}

impl MidBodyAction {
    /// Takes from `data` what lies behind the place.
    fn split(&mut self, data: &mut Bytes) -> Option<Bytes> {
        let here = data.len() as u64;
        let behind = (here > self.left).then(|| data.split_off(self.left as usize));
        self.left -= here.min(self.left);
        behind
    }

    /// Orders the act if its place has been reached.
    fn order(&mut self) {
        if self.left == 0
            && let Some(action) = self.action.take()
        {
            self.control.schedule_when_flushed(action);
        }
    }

    /// Whether the act is done, and was one that lets the body go on.
    fn is_past(&self) -> bool {
        self.action.is_none() && self.control.rate(Direction::Writing).is_some()
    }
}

impl AnswerBody {
    pub(crate) fn new(
        inner: s3s::Body,
        exchange: Arc<Exchange>,
        unread: Option<UnreadBody>,
        action: Option<MidBodyAction>,
    ) -> Self {
        Self { inner, exchange, unread, action, behind: None }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = s3s::StdError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, s3s::StdError>>> {
        let this = &mut *self;
        if let Some(action) = this.action.as_mut().filter(|action| action.left == 0) {
            action.order();
            if !action.is_past() {
                // The act ends the connection, or its task comes back to this when it is done.
                return Poll::Pending;
            }
            this.action = None;
        }
        let mut frame = match this.behind.take() {
            Some(behind) => Some(Ok(Frame::data(behind))),
            None => ready!(Pin::new(&mut this.inner).poll_frame(cx)),
        };
        match &mut frame {
            Some(Ok(frame)) => {
                if let (Some(action), Some(data)) = (&mut this.action, frame.data_mut()) {
                    this.behind = action.split(data);
                    // Not only when more is asked for: behind the last byte, nobody asks.
                    action.order();
                }
                this.exchange.sent(frame.data_ref().map_or(0, Bytes::len));
            }
            Some(Err(_)) => this.exchange.failed(),
            None => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.action.is_none() && self.behind.is_none() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        // Asked before the first piece.
        self.inner.size_hint()
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        self.exchange.handed_over();
        let Some(UnreadBody { upload, rest }) = self.unread.take() else { return };
        let serving = match rest {
            OnUnread::Unread(_) => return upload.give_up(),
            OnUnread::Drained => None,
            OnUnread::Served(serving) => Some(serving),
        };
        let exchange = self.exchange.clone();
        // Without a runtime everything is going down, and there is nobody left to read from.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        // Not before now: reading a body before the head of its answer is out would send a 100 Continue.
        runtime.spawn(async move {
            if let Some(serving) = serving {
                serving.await;
            }
            upload.drain().await;
            exchange.drained();
        });
    }
}
