//! The response's body on its way out.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::exchange::Exchange;
use crate::upload::Upload;

/// A response's body. When the HTTP layer has taken all of it and drops it, the exchange learns of it, and an upload that
/// the answer overtook meets its end.
pub(crate) struct AnswerBody {
    inner: s3s::Body,
    exchange: Arc<Exchange>,
    overtaken: Option<Overtaken>,
}

/// A request's body that was not read to its end when the answer was ready.
pub(crate) struct Overtaken {
    pub(crate) upload: Upload,
    /// Whether to read the rest; otherwise the HTTP layer stops reading.
    pub(crate) drain: bool,
}

impl AnswerBody {
    pub(crate) fn new(inner: s3s::Body, exchange: Arc<Exchange>, overtaken: Option<Overtaken>) -> Self {
        Self { inner, exchange, overtaken }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = s3s::StdError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, s3s::StdError>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => self.exchange.sent(frame.data_ref().map_or(0, Bytes::len)),
            Some(Err(_)) => self.exchange.failed(),
            None => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        self.exchange.handed_over();
        match self.overtaken.take() {
            // Not before now: reading a body before the head of its answer is out would send a 100 Continue.
            Some(Overtaken { upload, drain: true }) => {
                let exchange = self.exchange.clone();
                // Without a runtime everything is going down, and there is nobody left to read from.
                if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                    runtime.spawn(async move {
                        upload.drain().await;
                        exchange.drained();
                    });
                }
            }
            Some(Overtaken { upload, drain: false }) => upload.give_up(),
            None => {}
        }
    }
}
