//! Pages of other origins: the answers of a bucket that lets each of them do everything.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use s3s::Body;

use crate::s3::errors::Failure;

/// What a browser asks before it lets a page send its request; `None` if this is not such a question. A preflight carries no
/// signature, whatever the request behind it carries.
pub(crate) fn preflight(parts: &Parts) -> Option<Response<Body>> {
    if parts.method != Method::OPTIONS {
        return None;
    }
    let lacks = |what| Failure::new(StatusCode::BAD_REQUEST, "BadRequest", what).into_response();
    if !parts.headers.contains_key(ORIGIN) {
        return Some(lacks("Insufficient information. Origin request header needed."));
    }
    let Some(method) = parts.headers.get(ACCESS_CONTROL_REQUEST_METHOD) else {
        return Some(lacks("Invalid Access-Control-Request-Method: null"));
    };
    if !METHODS.split(", ").any(|known| known.as_bytes() == method.as_bytes()) {
        return Some(
            Failure::forbidden("AccessForbidden", "CORSResponse: This CORS request is not allowed.").into_response(),
        );
    }
    Some(Response::new(Body::empty()))
}

/// The request's headers that decide which of these an answer carries.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    /// The headers that a preflight asks for.
    asked: Option<HeaderValue>,
    is_preflight: bool,
}

impl Page {
    /// `None` if the request does not come from a page of another origin.
    pub(crate) fn of(parts: &Parts) -> Option<Self> {
        parts.headers.contains_key(ORIGIN).then(|| Self {
            asked: parts.headers.get(ACCESS_CONTROL_REQUEST_HEADERS).cloned(),
            is_preflight: parts.method == Method::OPTIONS,
        })
    }

    /// Lets the page read an answer, refusals included.
    pub(crate) fn admit(self, headers: &mut HeaderMap) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
        headers.insert(
            VARY,
            HeaderValue::from_static("Origin, Access-Control-Request-Headers, Access-Control-Request-Method"),
        );
        if self.is_preflight {
            headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("3000"));
            if let Some(asked) = self.asked {
                headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked);
            }
        }
    }
}

/// What a bucket can allow.
const METHODS: &str = "GET, PUT, POST, DELETE, HEAD";

/// What a page may read beside what every page may.
const EXPOSED: &str = "ETag, x-amz-request-id, x-amz-id-2, Content-Length, Content-Range, Accept-Ranges, Date, Server";
