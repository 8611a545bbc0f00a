//! Refusals in S3's words: the XML, its extra fields, and the headers that every response carries.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, SERVER};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use s3s::Body;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::s3::ids::RequestIds;

/// Why a request was refused, before it becomes a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    status: StatusCode,
    code: Cow<'static, str>,
    message: String,
    fields: Vec<(&'static str, String)>,
}

/// The code of an answer, beside it: its XML is on its way already.
#[derive(Debug, Clone)]
pub(crate) struct ErrorCode(pub(crate) String);

impl Failure {
    pub(crate) fn new(status: StatusCode, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into(), fields: Vec::new() }
    }

    pub(crate) fn forbidden(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, message)
    }

    /// What S3 says to an expired link.
    ///
    /// A link of Signature Version 2 has no TTL, only an end.
    pub(crate) fn expired(ttl_s: Option<u64>, expires_at: OffsetDateTime, now: OffsetDateTime) -> Self {
        let mut failure = Self::forbidden("AccessDenied", "Request has expired");
        if let Some(ttl_s) = ttl_s {
            failure = failure.with("X-Amz-Expires", ttl_s.to_string());
        }
        failure.with("Expires", iso8601(expires_at)).with("ServerTime", iso8601(now))
    }

    /// An error of any code, with S3's own words where they are known.
    pub(crate) fn of_code(status: StatusCode, code: &str) -> Self {
        Self::new(status, code.to_owned(), usual_message(code))
    }

    /// Adds a field to the XML, after those that are there.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    #[cfg(test)]
    pub(crate) fn code(&self) -> &str {
        &self.code
    }

    pub(crate) fn into_response(self) -> Response<Body> {
        let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>");
        let said = [("Code", self.code.as_ref()), ("Message", self.message.as_str())];
        for (name, value) in said.into_iter().chain(self.fields.iter().map(|(name, value)| (*name, value.as_str()))) {
            push_element(&mut xml, name, value);
        }
        xml.push_str(END);
        let mut response = Response::new(Body::from(Bytes::from(xml)));
        *response.status_mut() = self.status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
        response.extensions_mut().insert(ErrorCode(self.code.into_owned()));
        response
    }
}

/// Not the access key by default: what a server repeats of a key is taken out of everything that the runner writes.
const SERVER_NAME: &str = concat!("testbed/", env!("CARGO_PKG_VERSION"), " (ttlsweep)");

/// Gives a response the ids that all of S3's have, in its headers and in an error's XML.
pub(crate) fn sign_off(response: &mut Response<Body>, ids: &RequestIds) {
    let headers = response.headers_mut();
    for (name, id) in [(REQUEST_ID, &ids.request_id), (HOST_ID, &ids.host_id)] {
        headers.insert(name, HeaderValue::from_str(id).expect("ids are plain ASCII"));
    }
    amend(response, |xml| {
        if !xml.contains("<Message>") && xml.contains("<Code>SignatureDoesNotMatch</Code>") {
            // The library leaves it out, but clients show it.
            push_element(xml, "Message", SIGNATURE_MISMATCH);
        }
        push_element(xml, "RequestId", &ids.request_id);
        push_element(xml, "HostId", &ids.host_id);
    });
}

/// Names the server that answers, which is the testbed whatever it speaks.
pub(crate) fn name_server(response: &mut Response<Body>) {
    response.headers_mut().insert(SERVER, HeaderValue::from_static(SERVER_NAME));
}

/// Changes an error's XML, which `change` gets without its last tag.
pub(crate) fn amend(response: &mut Response<Body>, change: impl FnOnce(&mut String)) {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error() || status == StatusCode::TEMPORARY_REDIRECT) {
        return;
    }
    // Only what is in memory can be an error's XML; a stream is an object.
    if let Some(bytes) = response.body_mut().take_bytes() {
        let xml = std::str::from_utf8(&bytes).ok().and_then(|xml| xml.strip_suffix(END));
        let changed = xml.map(|xml| {
            let mut xml = xml.to_owned();
            change(&mut xml);
            xml.push_str(END);
            Bytes::from(xml)
        });
        response.headers_mut().remove(http::header::CONTENT_LENGTH);
        *response.body_mut() = Body::from(changed.unwrap_or(bytes));
    }
}

fn usual_message(code: &str) -> &'static str {
    match code {
        "AccessDenied" => "Access Denied",
        "ExpiredToken" => "The provided token has expired.",
        "InternalError" => INTERNAL_ERROR,
        "MissingContentLength" => "You must provide the Content-Length HTTP header.",
        "NoSuchBucket" => "The specified bucket does not exist",
        "NoSuchKey" => "The specified key does not exist.",
        "NoSuchUpload" => {
            "The specified upload does not exist. The upload ID may be invalid, or the upload may have been \
                           aborted or completed."
        }
        "RequestTimeout" => {
            "Your socket connection to the server was not read from or written to within the timeout \
                             period. Idle connections will be closed."
        }
        "RequestTimeTooSkewed" => "The difference between the request time and the current time is too large.",
        "ServiceUnavailable" => "Service is unable to handle request.",
        "SignatureDoesNotMatch" => SIGNATURE_MISMATCH,
        "XAmzContentSHA256Mismatch" => "The provided 'x-amz-content-sha256' header does not match what was computed.",
        "SlowDown" => "Please reduce your request rate.",
        _ => "The testbed was told to answer so.",
    }
}

fn push_element(xml: &mut String, name: &str, value: &str) {
    xml.extend(["<", name, ">"]);
    for character in value.chars() {
        match character {
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '&' => xml.push_str("&amp;"),
            other => xml.push(other),
        }
    }
    xml.extend(["</", name, ">"]);
}

fn iso8601(instant: OffsetDateTime) -> String {
    instant.format(ISO8601).expect("a UTC time has all the parts of this format")
}

const ISO8601: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");

/// What goes with `InternalError`.
pub(crate) const INTERNAL_ERROR: &str = "We encountered an internal error. Please try again.";

/// What goes with `SignatureDoesNotMatch`.
pub(crate) const SIGNATURE_MISMATCH: &str = "The request signature we calculated does not match the signature you \
    provided. Check your key and signing method.";

const END: &str = "</Error>";

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");
const HOST_ID: HeaderName = HeaderName::from_static("x-amz-id-2");

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn an_expired_link_is_reported_so_as_s3_does() {
        let failure =
            Failure::expired(Some(10), datetime!(2026-11-24 10:00:10 UTC), datetime!(2026-11-24 10:00:11.7 UTC));
        let mut response = failure.into_response();
        let ids = RequestIds { request_id: "0123456789ABCDEF".to_owned(), host_id: "a/b+c=".to_owned() };
        sign_off(&mut response, &ids);
        assert_eq!(response.status(), StatusCode::FORBIDDEN);
        assert_eq!(response.headers()["x-amz-request-id"], "0123456789ABCDEF");
        assert_eq!(
            response.body_mut().take_bytes().unwrap(),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <Error><Code>AccessDenied</Code><Message>Request has expired</Message>\
             <X-Amz-Expires>10</X-Amz-Expires><Expires>2026-11-24T10:00:10Z</Expires>\
             <ServerTime>2026-11-24T10:00:11Z</ServerTime>\
             <RequestId>0123456789ABCDEF</RequestId><HostId>a/b+c=</HostId></Error>"
        );
    }

    #[test]
    fn text_cannot_break_the_xml() {
        let mut response = Failure::forbidden("AccessDenied", "<&>").into_response();
        let xml = response.body_mut().take_bytes().unwrap();
        assert!(std::str::from_utf8(&xml).unwrap().contains("<Message>&lt;&amp;&gt;</Message>"));
    }
}
