//! Presigned URLs: what a link says of itself, and whether its signature holds.
//!
//! Links are read and verified here, in front of the S3 service. The service's own check has a clock of its own, calls
//! a link good for one more instant at its very expiry, and refuses expired links whatever the policy; a testbed whose
//! truth is known needs one check, at one instant, by one rule.

use http::StatusCode;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::request::Parts;
use time::{Duration, OffsetDateTime, PrimitiveDateTime};

use crate::s3::errors::{Failure, SIGNATURE_MISMATCH};
use crate::s3::headers::{amz_headers, header};
use crate::s3::keys::Keys;
use crate::s3::presigned::{Head, Presigned};
use crate::s3::query::Query;
use crate::s3::sigv2;
pub(crate) use crate::s3::sigv4::AMZ_DATE;
use crate::s3::sigv4::{ALGORITHM, Scope, SignedRequest, UNSIGNED_PAYLOAD};
use crate::s3::subject::Subject;

/// A presigned URL, as far as it could be read; nothing of it is true before [`Link::verify`].
#[derive(Debug)]
pub(crate) struct Link {
    access_key: String,
    signature: String,
    expires_at: OffsetDateTime,
    scheme: Scheme,
}

/// What a link says of itself beyond that, by the version of its signature.
#[derive(Debug)]
enum Scheme {
    V2 {
        /// `Expires` as it stands in the link.
        expires: String,
    },
    V4 {
        credential_scope: String,
        amz_date: String,
        signed_headers: Vec<String>,
        /// `X-Amz-Date`.
        signed_at: OffsetDateTime,
        /// `X-Amz-Expires`.
        ttl_s: u64,
    },
}

impl Link {
    /// Reads the link in a query; `None` if there is none.
    pub(crate) fn read(query: &Query) -> Result<Option<Self>, Failure> {
        if query.names().any(|name| SIGNING_PARAMETERS_V4.contains(&name)) {
            return Self::read_v4(query).map(Some);
        }
        if query.names().any(|name| matches!(name, "AWSAccessKeyId" | "Signature")) {
            return Self::read_v2(query).map(Some);
        }
        Ok(None)
    }

    fn read_v2(query: &Query) -> Result<Self, Failure> {
        let need = |name| {
            query.get(name).ok_or_else(|| {
                Failure::forbidden(
                    "AccessDenied",
                    "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters",
                )
            })
        };
        let (access_key, signature, expires) = (need("AWSAccessKeyId")?, need("Signature")?, need("Expires")?);
        let expires_at = digits(expires)
            .and_then(|seconds| i64::try_from(seconds).ok())
            .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
            .ok_or_else(|| {
                Failure::forbidden("AccessDenied", format!("Invalid date (should be seconds since epoch): {expires}"))
            })?;
        Ok(Self {
            access_key: access_key.to_owned(),
            signature: signature.to_owned(),
            expires_at,
            scheme: Scheme::V2 { expires: expires.to_owned() },
        })
    }

    fn read_v4(query: &Query) -> Result<Self, Failure> {
        // Which of two is meant nobody can tell, and not both are signed.
        let is_twice = |name: &&&str| query.names().filter(|found| found == *name).count() > 1;
        if let Some(name) = SIGNING_PARAMETERS_V4.iter().find(is_twice) {
            return Err(malformed(format!("{name} must be given once.")));
        }
        if need(query, "X-Amz-Algorithm")? != ALGORITHM {
            return Err(malformed(format!("X-Amz-Algorithm only supports {ALGORITHM}.")));
        }
        let amz_date = need(query, "X-Amz-Date")?.to_owned();
        let no_date = || malformed("X-Amz-Date must be in the ISO8601 Long Format yyyyMMdd'T'HHmmss'Z'.");
        let signed_at = PrimitiveDateTime::parse(&amz_date, AMZ_DATE).map_err(|_| no_date())?.assume_utc();
        let ttl_s = digits(need(query, "X-Amz-Expires")?)
            .filter(|ttl_s| (1..=WEEK_S).contains(ttl_s))
            .ok_or_else(|| malformed("X-Amz-Expires must be between 1 second and a week (604800 seconds)."))?;
        // The last days that can be written have no week behind them.
        let expires_at = signed_at.checked_add(Duration::seconds(ttl_s as i64)).ok_or_else(no_date)?;
        let credential = need(query, "X-Amz-Credential")?;
        let (access_key, credential_scope) = credential
            .split_once('/')
            .ok_or_else(|| malformed("X-Amz-Credential must be an access key with a credential scope."))?;
        let mut signed_headers: Vec<String> =
            need(query, "X-Amz-SignedHeaders")?.split(';').map(str::to_ascii_lowercase).collect();
        signed_headers.sort();
        if !signed_headers.iter().any(|name| name == "host") {
            return Err(malformed("X-Amz-SignedHeaders must contain host."));
        }
        Ok(Self {
            access_key: access_key.to_owned(),
            signature: need(query, "X-Amz-Signature")?.to_owned(),
            expires_at,
            scheme: Scheme::V4 {
                credential_scope: credential_scope.to_owned(),
                amz_date,
                signed_headers,
                signed_at,
                ttl_s,
            },
        })
    }

    fn verify_v2(&self, expires: &str, parts: &Parts, query: &Query, keys: &Keys) -> Result<(), Failure> {
        let sent = amz_headers(parts);
        let (content_md5, content_type) = (header(parts, "content-md5"), header(parts, CONTENT_TYPE.as_str()));
        let request = sigv2::SignedRequest {
            method: parts.method.as_str(),
            host_bucket: Subject::of(parts).host_bucket,
            path: parts.uri.path(),
            query: query.parameters(),
            content_md5: &content_md5,
            content_type: &content_type,
            date: expires,
            amz_headers: &sent,
        };
        // Some clients put the headers that they signed into the query, where they stand for headers.
        let mut with_query = sent.clone();
        for (name, value) in query.parameters() {
            let name = name.to_ascii_lowercase();
            if name.starts_with("x-amz-") && !sent.iter().any(|(found, _)| *found == name) {
                with_query.push((name, value.clone()));
            }
        }
        with_query.sort();
        let or_of_query = |sent: &str, name| {
            if sent.is_empty() { query.get_in_any_case(name).unwrap_or_default().to_owned() } else { sent.to_owned() }
        };
        let of_query = sigv2::SignedRequest {
            content_md5: &or_of_query(&content_md5, "content-md5"),
            content_type: &or_of_query(&content_type, "content-type"),
            amz_headers: &with_query,
            ..request.clone()
        };
        let secret = keys.secret_key.expose();
        if [&request, &of_query].iter().any(|request| request.is_signed_as(&self.signature, secret)) {
            return Ok(());
        }
        Err(mismatch(&self.access_key, &request.string_to_sign(), &self.signature))
    }

    fn verify_v4(
        &self,
        scope: Scope<'_>,
        signed_headers: &[String],
        parts: &Parts,
        query: &Query,
        keys: &Keys,
    ) -> Result<Option<String>, Failure> {
        // S3 leaves the payload of a link unsigned, unless the client signs a hash of it along.
        let hash = header(parts, "x-amz-content-sha256");
        if hash.starts_with("STREAMING-") {
            return Err(Failure::new(
                StatusCode::NOT_IMPLEMENTED,
                "NotImplemented",
                "A presigned URL cannot be used with a payload signed in chunks.",
            ));
        }
        let headers: Vec<_> = signed_headers.iter().map(|name| (name.clone(), header(parts, name))).collect();
        let signed = query.parameters().iter().filter(|(name, _)| name != "X-Amz-Signature").cloned();
        let mut request = SignedRequest {
            method: parts.method.as_str(),
            path: parts.uri.path(),
            query: signed.collect(),
            headers,
            payload: UNSIGNED_PAYLOAD,
        };
        let is_signed_header = signed_headers.iter().any(|name| name == "x-amz-content-sha256");
        let canonical = request.canonical();
        let string_to_sign = scope.string_to_sign(&canonical);
        let secret = keys.secret_key.expose();
        if scope.signature(secret, &string_to_sign) == self.signature {
            return Ok((is_signed_header && is_sha256(&hash)).then_some(hash));
        }
        if !hash.is_empty() {
            request.payload = &hash;
            if scope.signature(secret, &scope.string_to_sign(&request.canonical())) == self.signature {
                return Ok(is_sha256(&hash).then_some(hash));
            }
        }
        Err(mismatch(&self.access_key, &string_to_sign, &self.signature).with("CanonicalRequest", canonical))
    }
}

impl Presigned for Link {
    fn expires_at(&self) -> OffsetDateTime {
        self.expires_at
    }

    fn signed_at(&self) -> Option<OffsetDateTime> {
        match self.scheme {
            Scheme::V2 { .. } => None,
            Scheme::V4 { signed_at, .. } => Some(signed_at),
        }
    }

    fn verify(&self, head: &Head<'_>) -> Result<Option<String>, Failure> {
        let Head { parts, query, keys, now, .. } = *head;
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
        match &self.scheme {
            Scheme::V2 { expires } => self.verify_v2(expires, parts, query, keys).map(|()| None),
            Scheme::V4 { credential_scope, amz_date, signed_headers, signed_at, .. } => {
                let scope = Scope { amz_date, region: &keys.region };
                if *credential_scope != scope.credential() {
                    return Err(malformed(format!(
                        "Error parsing the X-Amz-Credential parameter; the credential scope must be '{}'.",
                        scope.credential()
                    )));
                }
                if *signed_at - now > MAX_SKEW {
                    return Err(Failure::forbidden("AccessDenied", "Request is not yet valid"));
                }
                self.verify_v4(scope, signed_headers, parts, query, keys)
            }
        }
    }

    fn expired(&self, now: OffsetDateTime) -> Failure {
        let ttl_s = match self.scheme {
            Scheme::V2 { .. } => None,
            Scheme::V4 { ttl_s, .. } => Some(ttl_s),
        };
        Failure::expired(ttl_s, self.expires_at, now)
    }

    fn has(&self, parameter: &str) -> bool {
        is_signing_parameter(parameter)
    }
}

/// What S3 says to a wrong signature.
pub(crate) fn mismatch(access_key: &str, string_to_sign: &str, signature: &str) -> Failure {
    Failure::forbidden("SignatureDoesNotMatch", SIGNATURE_MISMATCH)
        .with("AWSAccessKeyId", access_key)
        .with("StringToSign", string_to_sign)
        .with("SignatureProvided", signature)
}

/// A number without a sign or leading zeros: `+10` and `010` are two ways to say what was not signed so by any SDK.
fn digits(text: &str) -> Option<u64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_plain)
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether a query parameter is a part of a link.
pub(crate) fn is_signing_parameter(name: &str) -> bool {
    SIGNING_PARAMETERS_V4.contains(&name) || SIGNING_PARAMETERS_V2.contains(&name)
}

fn need<'a>(query: &'a Query, name: &str) -> Result<&'a str, Failure> {
    query.get(name).ok_or_else(|| malformed(format!("A presigned URL needs the query parameter {name}.")))
}

fn malformed(message: impl Into<String>) -> Failure {
    Failure::new(StatusCode::BAD_REQUEST, "AuthorizationQueryParametersError", message)
}

const SIGNING_PARAMETERS_V2: [&str; 3] = ["AWSAccessKeyId", "Expires", "Signature"];

const SIGNING_PARAMETERS_V4: [&str; 7] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
    "X-Amz-Security-Token",
];

const WEEK_S: u64 = 7 * 24 * 3600;

/// How far ahead of this clock a link may have been signed, as with S3.
pub(crate) const MAX_SKEW: Duration = Duration::minutes(15);

#[cfg(test)]
mod tests {
    use http::Request;
    use time::macros::datetime;

    use super::*;
    use crate::s3::secret::Secret;
    use crate::s3::sigv4::Presigner;

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
        link.verify(&Head { parts, query: &query, keys: &keys(), tls: false, now: NOW }).map(|_| link)
    }

    fn strip(parts: &mut Parts) {
        let link = Link::read(&Query::read(parts)).unwrap().expect("there is a link");
        crate::dialect::strip(parts, &link);
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

        // A name may be written in any way that a signature still holds for.
        let mut parts = request("AK", "SK", 10);
        parts.uri = parts.uri.to_string().replace("X-Amz-S", "%58-Amz-%53").parse().unwrap();
        assert!(verify(&parts).is_ok());
        strip(&mut parts);
        assert_eq!(parts.uri.to_string(), "/bucket/a%20key%2Bplus?x-run=t%201%2F2");
    }

    #[test]
    fn a_request_without_a_link_has_none() {
        let parts = Request::get("/bucket?list-type=2").body(()).unwrap().into_parts().0;
        assert!(Link::read(&Query::read(&parts)).unwrap().is_none());
    }
}
