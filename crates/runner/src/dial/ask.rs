//! One request and its answer, both small, on a connection of their own: for what is neither a transfer nor the SDK's.

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::Instant;

use super::{DialError, Dialer, Steps};
use crate::wire::tape::Tape;

/// Why nobody answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAnswer {
    #[error("it cannot be reached: {0}")]
    Unreached(#[from] DialError),
    #[error("it broke off: {0}")]
    Broken(#[from] hyper::Error),
    #[error("its answer is longer than {0} bytes")]
    TooLong(usize),
}

/// Sends `request` over a connection that is open before `deadline`, and reads an answer of at most `most` bytes.
pub(crate) async fn ask(
    dialer: &Dialer,
    request: Request<Full<Bytes>>,
    most: usize,
    deadline: Instant,
) -> Result<(StatusCode, Bytes), NoAnswer> {
    let stream = dialer.open(deadline, &mut Steps::default(), &mut Tape::default()).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let exchange = async {
        let response = sender.send_request(request).await?;
        let status = response.status();
        match Limited::new(response.into_body(), most).collect().await {
            Ok(body) => Ok((status, body.to_bytes())),
            Err(error) => Err(error.downcast().map_or(NoAnswer::TooLong(most), |error| NoAnswer::Broken(*error))),
        }
    };
    tokio::pin!(exchange, connection);
    tokio::select! {
        biased;
        answered = &mut exchange => answered,
        // What it had sent before it closed is still to be read.
        _ = &mut connection => exchange.await,
    }
}
