//! Presigned URLs: what a link says of itself, and whether its signature holds.
//!
//! Links are read and verified here, in front of the S3 service. The service's own check has a clock of its own, calls
//! a link good for one more instant at its very expiry, and refuses expired links whatever the policy; a testbed whose
//! truth is known needs one check, at one instant, by one rule.

use http::StatusCode;
use http::header::AUTHORIZATION;
use http::request::Parts;
use percent_encoding::percent_decode_str;
use time::macros::format_description;
use time::{Duration, OffsetDateTime, PrimitiveDateTime};

use crate::config::Secret;
use crate::errors::{Failure, SIGNATURE_MISMATCH};
use crate::sigv4::{ALGORITHM, Scope, SignedRequest, UNSIGNED_PAYLOAD};

/// A request's query, decoded.
#[derive(Debug)]
pub(crate) struct Query {
    parameters: Vec<(String, String)>,
}

impl Query {
    pub(crate) fn read(parts: &Parts) -> Self {
        let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
        let query = parts.uri.query().unwrap_or_default();
        let parameters = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                (decode(name), decode(value))
            })
            .collect();
        Self { parameters }
    }

    /// The transfer id that the client put into the link.
    pub(crate) fn run(&self) -> Option<&str> {
        self.get("x-run")
    }

    /// Every parameter's name.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.parameters.iter().map(|(name, _)| name.as_str())
    }

    /// A parameter's value, whichever case its name is written in.
    pub(crate) fn get_in_any_case(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// A parameter's value.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    fn need(&self, name: &str) -> Result<&str, Failure> {
        self.get(name).ok_or_else(|| malformed(format!("A presigned URL needs the query parameter {name}.")))
    }
}

/// A presigned URL, as far as it could be read; nothing of it is true before [`Link::verify`].
#[derive(Debug)]
pub(crate) struct Link {
    access_key: String,
    credential_scope: String,
    amz_date: String,
    signed_headers: Vec<String>,
    signature: String,
    /// `X-Amz-Date`.
    pub(crate) signed_at: OffsetDateTime,
    /// `X-Amz-Expires`.
    pub(crate) ttl_s: u64,
}

impl Link {
    /// Reads the link in a query; `None` if there is none.
    pub(crate) fn read(query: &Query) -> Result<Option<Self>, Failure> {
        if query.get("AWSAccessKeyId").is_some() {
            return Err(Failure::new(
                StatusCode::BAD_REQUEST,
                "InvalidRequest",
                "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
            ));
        }
        if !query.parameters.iter().any(|(name, _)| SIGNING_PARAMETERS.contains(&name.as_str())) {
            return Ok(None);
        }
        if query.need("X-Amz-Algorithm")? != ALGORITHM {
            return Err(malformed(format!("X-Amz-Algorithm only supports {ALGORITHM}.")));
        }
        let amz_date = query.need("X-Amz-Date")?.to_owned();
        let signed_at = PrimitiveDateTime::parse(&amz_date, AMZ_DATE)
            .map_err(|_| malformed("X-Amz-Date must be in the ISO8601 Long Format yyyyMMdd'T'HHmmss'Z'."))?
            .assume_utc();
        let ttl_s = query
            .need("X-Amz-Expires")?
            .parse()
            .ok()
            .filter(|ttl_s| (1..=WEEK_S).contains(ttl_s))
            .ok_or_else(|| malformed("X-Amz-Expires must be between 1 second and a week (604800 seconds)."))?;
        let credential = query.need("X-Amz-Credential")?;
        let (access_key, credential_scope) = credential
            .split_once('/')
            .ok_or_else(|| malformed("X-Amz-Credential must be an access key with a credential scope."))?;
        let mut signed_headers: Vec<String> =
            query.need("X-Amz-SignedHeaders")?.split(';').map(str::to_ascii_lowercase).collect();
        signed_headers.sort();
        if !signed_headers.iter().any(|name| name == "host") {
            return Err(malformed("X-Amz-SignedHeaders must contain host."));
        }
        Ok(Some(Self {
            access_key: access_key.to_owned(),
            credential_scope: credential_scope.to_owned(),
            amz_date,
            signed_headers,
            signature: query.need("X-Amz-Signature")?.to_owned(),
            signed_at,
            ttl_s,
        }))
    }

    /// When the link was signed, if it says so.
    pub(crate) fn signed_at(&self) -> Option<OffsetDateTime> {
        Some(self.signed_at)
    }

    /// The instant from which on the link is expired.
    pub(crate) fn expires_at(&self) -> OffsetDateTime {
        self.signed_at + Duration::seconds(self.ttl_s as i64)
    }

    /// Checks everything but the expiry.
    pub(crate) fn verify(&self, parts: &Parts, query: &Query, keys: &Keys, now: OffsetDateTime) -> Result<(), Failure> {
        if parts.headers.contains_key(AUTHORIZATION) {
            return Err(Failure::new(
                StatusCode::BAD_REQUEST,
                "InvalidArgument",
                "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string \
                 parameter or the Authorization header should be specified",
            ));
        }
        if self.access_key != keys.access_key {
            return Err(keys.unknown(&self.access_key));
        }
        let scope = Scope { amz_date: &self.amz_date, region: &keys.region };
        if self.credential_scope != scope.credential() {
            return Err(malformed(format!(
                "Error parsing the X-Amz-Credential parameter; the credential scope must be '{}'.",
                scope.credential()
            )));
        }
        if self.signed_at - now > MAX_SKEW {
            return Err(Failure::forbidden("AccessDenied", "Request is not yet valid"));
        }
        // S3 leaves the payload of a link unsigned, unless the client signs a hash of it along.
        let mut payloads = vec![UNSIGNED_PAYLOAD];
        if let Some(hash) = parts.headers.get("x-amz-content-sha256").and_then(|hash| hash.to_str().ok()) {
            if hash.starts_with("STREAMING-") {
                return Err(Failure::new(
                    StatusCode::NOT_IMPLEMENTED,
                    "NotImplemented",
                    "A presigned URL cannot be used with a payload signed in chunks.",
                ));
            }
            payloads.push(hash);
        }
        let mut told = None;
        for payload in payloads {
            let canonical = self.signed_request(parts, query, payload).canonical();
            let string_to_sign = scope.string_to_sign(&canonical);
            if scope.signature(keys.secret_key.expose(), &string_to_sign) == self.signature {
                return Ok(());
            }
            told.get_or_insert((canonical, string_to_sign));
        }
        let (canonical, string_to_sign) = told.unwrap_or_default();
        Err(Failure::forbidden("SignatureDoesNotMatch", SIGNATURE_MISMATCH)
            .with("AWSAccessKeyId", &self.access_key)
            .with("StringToSign", string_to_sign)
            .with("SignatureProvided", &self.signature)
            .with("CanonicalRequest", canonical))
    }

    fn signed_request<'a>(&self, parts: &'a Parts, query: &Query, payload: &'a str) -> SignedRequest<'a> {
        let headers = self
            .signed_headers
            .iter()
            .map(|name| {
                let values: Vec<_> =
                    parts.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
                (name.clone(), values.join(","))
            })
            .collect();
        let query = query.parameters.iter().filter(|(name, _)| name != "X-Amz-Signature").cloned().collect();
        SignedRequest { method: parts.method.as_str(), path: parts.uri.path(), query, headers, payload }
    }
}

/// Takes the signing parameters off a request, for the service behind, which then sees a request without a signature.
pub(crate) fn strip(parts: &mut Parts) {
    let kept: Vec<&str> = parts
        .uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !SIGNING_PARAMETERS.contains(&pair.split('=').next().unwrap_or_default()))
        .collect();
    let path = parts.uri.path();
    let target = if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) };
    parts.uri = target.parse().expect("a part of a valid target is one");
}

/// The one key pair, and the region, that signatures are held against.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    pub(crate) access_key: String,
    pub(crate) secret_key: Secret,
    pub(crate) region: String,
}

impl Keys {
    pub(crate) fn unknown(&self, access_key: &str) -> Failure {
        Failure::forbidden("InvalidAccessKeyId", UNKNOWN_KEY).with("AWSAccessKeyId", access_key)
    }
}

pub(crate) const UNKNOWN_KEY: &str = "The AWS Access Key Id you provided does not exist in our records.";

fn malformed(message: impl Into<String>) -> Failure {
    Failure::new(StatusCode::BAD_REQUEST, "AuthorizationQueryParametersError", message)
}

const SIGNING_PARAMETERS: [&str; 7] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
    "X-Amz-Security-Token",
];

const AMZ_DATE: &[time::format_description::BorrowedFormatItem<'_>] =
    format_description!("[year][month][day]T[hour][minute][second]Z");

const WEEK_S: u64 = 7 * 24 * 3600;

/// How far ahead of this clock a link may have been signed, as with S3.
const MAX_SKEW: Duration = Duration::minutes(15);

#[cfg(test)]
mod tests {
    use http::Request;
    use time::macros::datetime;

    use super::*;
    use crate::sigv4::Presigner;

    const NOW: OffsetDateTime = datetime!(2026-11-24 10:00:05 UTC);

    fn keys() -> Keys {
        Keys { access_key: "AK".to_owned(), secret_key: Secret::from("SK"), region: "eu-west-1".to_owned() }
    }

    fn request(access_key: &str, secret_key: &str, ttl_s: u64) -> Parts {
        let signer = Presigner { access_key, secret_key, region: "eu-west-1" };
        let path = "/bucket/a%20key%2Bplus";
        let target = signer.presign("PUT", path, &[("x-run", "t 1/2")], &[("host", "h:1")], "20261124T100000Z", ttl_s);
        Request::put(target).header("host", "h:1").body(()).unwrap().into_parts().0
    }

    fn verify(parts: &Parts) -> Result<Link, Failure> {
        let query = Query::read(parts);
        let link = Link::read(&query)?.expect("there is a link");
        link.verify(parts, &query, &keys(), NOW).map(|()| link)
    }

    #[test]
    fn a_link_expires_at_its_date_plus_its_ttl() {
        let link = verify(&request("AK", "SK", 10)).unwrap();
        assert_eq!(link.expires_at(), datetime!(2026-11-24 10:00:10 UTC));
    }

    #[test]
    fn the_run_is_read_from_the_query() {
        assert_eq!(Query::read(&request("AK", "SK", 10)).run(), Some("t 1/2"));
    }

    #[test]
    fn a_wrong_secret_an_unknown_key_and_a_wild_ttl_are_told_apart() {
        assert_eq!(verify(&request("AK", "no", 10)).unwrap_err().code(), "SignatureDoesNotMatch");
        assert_eq!(verify(&request("no", "SK", 10)).unwrap_err().code(), "InvalidAccessKeyId");
        assert_eq!(verify(&request("AK", "SK", 604_801)).unwrap_err().code(), "AuthorizationQueryParametersError");
    }

    #[test]
    fn a_link_and_a_signature_in_the_headers_are_one_too_many() {
        let mut parts = request("AK", "SK", 10);
        parts.headers.insert(AUTHORIZATION, http::HeaderValue::from_static("AWS4-HMAC-SHA256 whatever"));
        assert_eq!(verify(&parts).unwrap_err().code(), "InvalidArgument");
    }

    #[test]
    fn a_changed_path_breaks_the_signature() {
        let mut parts = request("AK", "SK", 10);
        parts.uri = parts.uri.to_string().replace("plus", "minus").parse().unwrap();
        assert_eq!(verify(&parts).unwrap_err().code(), "SignatureDoesNotMatch");
    }

    #[test]
    fn stripping_leaves_what_the_service_needs() {
        let mut parts = request("AK", "SK", 10);
        strip(&mut parts);
        assert_eq!(parts.uri.to_string(), "/bucket/a%20key%2Bplus?x-run=t%201%2F2");
    }

    #[test]
    fn a_request_without_a_link_has_none() {
        let parts = Request::get("/bucket?list-type=2").body(()).unwrap().into_parts().0;
        assert!(Link::read(&Query::read(&parts)).unwrap().is_none());
    }
}
