//! Reading a response: all of its bytes are counted, only the beginning of an error document is kept.

use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::Instant;

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
    /// The body's beginning, where it is an error's.
    pub document: Vec<u8>,
    /// Whether it was read to its end.
    pub whole: bool,
}

/// A response that is being read.
#[derive(Debug)]
pub struct ResponseReader {
    body: Incoming,
    response: Response,
}

impl ResponseReader {
    /// Begins with the head that hyper had read whole at `head_at`.
    pub fn new(head: http::Response<Incoming>, head_at: Instant) -> Self {
        let (head, body) = head.into_parts();
        let response = Response {
            status: head.status,
            headers: head.headers,
            head_at,
            body_bytes: 0,
            document: Vec::new(),
            whole: hyper::body::Body::is_end_stream(&body),
        };
        Self { body, response }
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.response.status
    }

    /// Whether it has been read to its end.
    pub fn is_whole(&self) -> bool {
        self.response.whole
    }

    /// Reads the next piece; pending for good where there is no response or nothing is left of it.
    ///
    /// # Errors
    /// The connection ended in mid-body, or the body makes no sense.
    pub async fn read_on(reader: Option<&mut Self>) -> Result<(), hyper::Error> {
        let Some(reader) = reader.filter(|reader| !reader.is_whole()) else { return std::future::pending().await };
        let response = &mut reader.response;
        match reader.body.frame().await {
            None => response.whole = true,
            Some(frame) => {
                if let Ok(data) = frame?.into_data() {
                    response.body_bytes += data.len() as u64;
                    if !response.status.is_success() {
                        let room = LARGEST_DOCUMENT - response.document.len();
                        response.document.extend_from_slice(&data[..data.len().min(room)]);
                    }
                }
                response.whole = hyper::body::Body::is_end_stream(&reader.body);
            }
        }
        Ok(())
    }

    /// What came of it.
    pub fn finish(self) -> Response {
        self.response
    }
}

/// S3's error documents are below 2 KiB; more than this is no error document.
const LARGEST_DOCUMENT: usize = 64 << 10;
