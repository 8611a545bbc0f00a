//! Headers as signatures cover them.

use http::request::Parts;

/// A header's value, several of one name joined by commas; empty if it is not sent.
pub(crate) fn header(parts: &Parts, name: &str) -> String {
    let values = parts.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
    values.collect::<Vec<_>>().join(",")
}

/// The headers that Signature Version 2 covers by their names, sorted.
pub(crate) fn amz_headers(parts: &Parts) -> Vec<(String, String)> {
    headers_with_prefix(parts, "x-amz-")
}

/// The headers whose names begin so, sorted.
pub(crate) fn headers_with_prefix(parts: &Parts, prefix: &str) -> Vec<(String, String)> {
    let names = parts.headers.keys().map(http::HeaderName::as_str).filter(|name| name.starts_with(prefix));
    let mut headers: Vec<_> = names.map(|name| (name.to_owned(), header(parts, name))).collect();
    headers.sort();
    headers
}
