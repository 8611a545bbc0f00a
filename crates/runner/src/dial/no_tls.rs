//! What a failed TLS handshake says, in words that help.

use std::borrow::Cow;

/// rustls reports a plain-text answer to its greeting as bytes that make no TLS record.
pub(crate) fn plainer(error: &str) -> Cow<'_, str> {
    if error.contains("InvalidContentType") || error.contains("corrupt message") {
        Cow::Borrowed("this is no TLS; if the store speaks plain HTTP, write http:// instead of https://")
    } else {
        Cow::Borrowed(error)
    }
}
