//! Reading a response: all of its bytes are counted and a download's are held against the object; only the beginning of
//! what is not the object is kept.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use hyper::body::{Body, Incoming};
use tokio::time::Instant;

use crate::wire::body::{Compared, Comparison};

/// A response as far as it came.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// When its head had been read whole.
    pub head_at: Instant,
    /// Bytes of its body.
    pub body_bytes: u64,
    /// How the body compares with the object; `None` if the status is not 2xx, or nobody knows what should come.
    pub compared: Option<Compared>,
    /// When the first byte came that is not the object's; `None` if there was none.
    pub differs_at: Option<Instant>,
    /// The beginning of what is not the object: of the whole body, or of what came behind the object's bytes.
    pub document: Vec<u8>,
    /// Whether it was read to its end.
    pub whole: bool,
}

/// A response that is being read.
#[derive(Debug)]
pub(crate) struct ResponseReader {
    body: Incoming,
    /// What was read and is still to be looked at: the file that it is held against may have to be read first.
    unseen: Bytes,
    comparison: Option<Comparison>,
    /// The body's first bytes, where it is compared.
    came_first: Bytes,
    response: Response,
}

/// Why a response cannot be read on.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// The connection ended in mid-body, or the body makes no sense.
    Connection(hyper::Error),
    /// What the body is held against cannot be had: this machine's fault, in words.
    Local(String),
}

impl Response {
    /// Whether it carries what a store's answer to an upload does: an ETag or a request id. Whatever answers in a store's place
    /// sends neither.
    pub(crate) fn is_of_a_store(&self) -> bool {
        ["etag", "x-amz-request-id"].iter().any(|name| self.headers.get(*name).is_some_and(|value| !value.is_empty()))
    }
}

impl ResponseReader {
    /// Begins with the head that hyper had read whole at `head_at`. The body of a 2xx is held against `comparison`.
    pub(crate) fn new(head: http::Response<Incoming>, head_at: Instant, comparison: Option<Comparison>) -> Self {
        let (head, body) = head.into_parts();
        let comparison = comparison.filter(|_| head.status.is_success());
        let response = Response {
            status: head.status,
            headers: head.headers,
            head_at,
            body_bytes: 0,
            compared: comparison.as_ref().map(Comparison::so_far),
            differs_at: None,
            document: Vec::new(),
            whole: body.is_end_stream(),
        };
        Self { body, unseen: Bytes::new(), comparison, came_first: Bytes::new(), response }
    }

    /// The status.
    pub(crate) fn status(&self) -> StatusCode {
        self.response.status
    }

    /// Whether it has been read to its end.
    pub(crate) fn is_whole(&self) -> bool {
        self.response.whole
    }

    /// Reads the next piece; pending for good if there is no response or nothing is left of it. A call that is given up
    /// loses nothing.
    ///
    /// # Errors
    /// The connection ended in mid-body, or the body makes no sense; or the object's file cannot be read.
    pub(crate) async fn read_on(reader: Option<&mut Self>) -> Result<(), ReadError> {
        let Some(reader) = reader.filter(|reader| !reader.is_whole()) else { return std::future::pending().await };
        std::future::poll_fn(|cx| reader.poll_on(cx)).await
    }

    fn poll_on(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ReadError>> {
        if self.unseen.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                None => {
                    self.response.whole = true;
                    return Poll::Ready(Ok(()));
                }
                Some(Ok(frame)) => self.unseen = frame.into_data().unwrap_or_default(),
                Some(Err(error)) => return Poll::Ready(Err(ReadError::Connection(error))),
            }
            self.response.body_bytes += self.unseen.len() as u64;
            if self.came_first.is_empty() && self.comparison.is_some() {
                self.came_first = self.unseen.slice(..self.unseen.len().min(BY_CHANCE));
            }
        }
        ready!(self.poll_look(cx)).map_err(ReadError::Local)?;
        self.response.whole = self.body.is_end_stream();
        Poll::Ready(Ok(()))
    }

    /// Looks at what was read, and keeps the beginning of what is not the object.
    fn poll_look(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        let document = &mut self.response.document;
        if let Some(comparison) = &mut self.comparison {
            let looked = comparison.poll_compare(&mut self.unseen, cx);
            let compared = comparison.so_far();
            self.response.compared = Some(compared);
            if compared.differs {
                self.response.differs_at.get_or_insert_with(Instant::now);
            }
            ready!(looked)?;
            // The object's first bytes may be those of another answer by chance.
            if compared.differs && document.is_empty() && compared.alike < BY_CHANCE as u64 {
                document.extend_from_slice(&self.came_first[..self.came_first.len().min(compared.alike as usize)]);
            }
        }
        let room = LARGEST_DOCUMENT - document.len();
        document.extend_from_slice(&self.unseen[..self.unseen.len().min(room)]);
        self.unseen.clear();
        Poll::Ready(Ok(()))
    }

    /// What came of it.
    pub(crate) fn finish(self) -> Response {
        self.response
    }
}

/// S3's error documents are below 2 KiB; more than this is not an error document.
const LARGEST_DOCUMENT: usize = 64 << 10;

/// So many bytes of an answer that is not the object are not the object's by chance.
const BY_CHANCE: usize = 8;
