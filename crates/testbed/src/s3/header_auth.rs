//! Signatures in the `Authorization` header: verified here, so that a request is refused at its head before a fault meets
//! it, by the region that was configured and with S3's own words. The service behind verifies them once more, since it
//! needs them for bodies that are signed in chunks.

use http::header::{AUTHORIZATION, CONTENT_TYPE, DATE};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use time::format_description::well_known::Rfc2822;
use time::{OffsetDateTime, PrimitiveDateTime};

use crate::s3::errors::Failure;
use crate::s3::headers::{amz_headers, header};
use crate::s3::keys::Keys;
use crate::s3::link::{AMZ_DATE, MAX_SKEW, mismatch};
use crate::s3::query::Query;
use crate::s3::sigv4::{ALGORITHM, Scope, SignedRequest};
use crate::s3::subject::Subject;
use crate::s3::{sigv2, sigv4};

/// Whether a request is signed in its headers.
pub(crate) fn is_signed(parts: &Parts) -> bool {
    parts.headers.contains_key(AUTHORIZATION)
}

/// Verifies the signature in the headers, if there is one. A request without one is left to the service behind.
pub(crate) fn verify(parts: &Parts, query: &Query, keys: &Keys, now: OffsetDateTime) -> Result<(), Failure> {
    let Some(authorization) = parts.headers.get(AUTHORIZATION) else { return Ok(()) };
    let authorization = authorization.to_str().unwrap_or_default().trim();
    let Some((scheme, rest)) = authorization.split_once(' ') else {
        return Err(unsupported());
    };
    match scheme {
        ALGORITHM => verify_v4(rest, parts, query, keys, now),
        "AWS" => verify_v2(rest, parts, query, keys, now),
        _ => Err(unsupported()),
    }
}

/// Readies a request for the service behind. True if that has nothing left to verify: Version 2 does not sign bodies.
///
/// A request of Version 4 whose time of signing is in `Date` alone gets the header that the service reads it from. No
/// signature covers headers that it does not name, so that this one still holds.
pub(crate) fn complete(parts: &mut Parts) -> bool {
    let authorization = header(parts, AUTHORIZATION.as_str());
    if authorization.trim_start().starts_with("AWS ") {
        parts.headers.remove(AUTHORIZATION);
        return true;
    }
    if authorization.starts_with(ALGORITHM)
        && let Some(amz_date) = signed_at(parts).map(amz_date)
        && let Ok(amz_date) = HeaderValue::try_from(amz_date)
    {
        parts.headers.insert("x-amz-date", amz_date);
    }
    false
}

fn verify_v4(credentials: &str, parts: &Parts, query: &Query, keys: &Keys, now: OffsetDateTime) -> Result<(), Failure> {
    let field = |name: &str| {
        let found = credentials.split(',').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='));
        found.ok_or_else(|| malformed(format!("the authorization header requires {name}")))
    };
    let (credential, signed_headers, signature) = (field("Credential")?, field("SignedHeaders")?, field("Signature")?);
    let (access_key, scope_given) = credential.split_once('/').ok_or_else(|| {
        malformed("the Credential is malformed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\"")
    })?;
    if access_key != keys.access_key {
        return Err(keys.unknown(access_key));
    }
    let signed_at = check_time(parts, now)?;
    let amz_date = amz_date(signed_at);
    let scope = Scope { amz_date: &amz_date, region: &keys.region };
    if scope_given != scope.credential() {
        return Err(match scope_given.split('/').collect::<Vec<_>>()[..] {
            [_, region, _, _] if region != keys.region => {
                malformed(format!("the region '{region}' is wrong; expecting '{}'", keys.region))
                    .with("Region", &keys.region)
            }
            _ => malformed(format!("the credential scope must be '{}'", scope.credential())),
        });
    }
    let payload = header(parts, "x-amz-content-sha256");
    if payload.is_empty() {
        return Err(Failure::new(
            StatusCode::BAD_REQUEST,
            "InvalidRequest",
            "Missing required header for this request: x-amz-content-sha256",
        ));
    }
    let mut headers: Vec<_> =
        signed_headers.split(';').map(|name| (name.to_ascii_lowercase(), header(parts, name))).collect();
    headers.sort();
    let request = SignedRequest {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: query.parameters().to_vec(),
        headers,
        payload: &payload,
    };
    // Some clients sign reserved characters in the path as they send them.
    let canonical = request.canonical();
    let as_sent = request.canonical_with_path(parts.uri.path());
    let holds =
        |canonical: &str| scope.signature(keys.secret_key.expose(), &scope.string_to_sign(canonical)) == signature;
    if holds(&canonical) || holds(&as_sent) {
        return Ok(());
    }
    Err(mismatch(access_key, &scope.string_to_sign(&canonical), signature).with("CanonicalRequest", canonical))
}

fn verify_v2(credentials: &str, parts: &Parts, query: &Query, keys: &Keys, now: OffsetDateTime) -> Result<(), Failure> {
    let Some((access_key, signature)) = credentials.trim().split_once(':') else {
        return Err(Failure::new(
            StatusCode::BAD_REQUEST,
            "InvalidArgument",
            "AWS authorization header is invalid.  Expected AwsAccessKeyId:signature",
        ));
    };
    if access_key != keys.access_key {
        return Err(keys.unknown(access_key));
    }
    check_time(parts, now)?;
    let date = if parts.headers.contains_key("x-amz-date") { String::new() } else { header(parts, DATE.as_str()) };
    let request = sigv2::SignedRequest {
        method: parts.method.as_str(),
        host_bucket: Subject::of(parts).host_bucket,
        path: parts.uri.path(),
        query: query.parameters(),
        content_md5: &header(parts, "content-md5"),
        content_type: &header(parts, CONTENT_TYPE.as_str()),
        date: &date,
        amz_headers: &amz_headers(parts),
    };
    if request.is_signed_as(signature, keys.secret_key.expose()) {
        return Ok(());
    }
    Err(mismatch(access_key, &request.string_to_sign(), signature))
}

/// When the request says that it was signed, which must be near enough to now.
fn check_time(parts: &Parts, now: OffsetDateTime) -> Result<OffsetDateTime, Failure> {
    let signed_at = signed_at(parts).ok_or_else(|| {
        Failure::forbidden("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header")
    })?;
    if (now - signed_at).abs() > MAX_SKEW {
        return Err(Failure::of_code(StatusCode::FORBIDDEN, "RequestTimeTooSkewed")
            .with("RequestTime", amz_date(signed_at))
            .with("ServerTime", amz_date(now))
            .with("MaxAllowedSkewMilliseconds", MAX_SKEW.whole_milliseconds().to_string()));
    }
    Ok(signed_at)
}

/// `x-amz-date`, or `Date` if that is not there; either may be written in each of the ways that S3 takes.
fn signed_at(parts: &Parts) -> Option<OffsetDateTime> {
    let name = if parts.headers.contains_key("x-amz-date") { "x-amz-date" } else { DATE.as_str() };
    let text = header(parts, name);
    let plain = PrimitiveDateTime::parse(&text, AMZ_DATE).map(PrimitiveDateTime::assume_utc);
    plain.or_else(|_| OffsetDateTime::parse(&text, &Rfc2822)).ok().map(|at| at.to_offset(time::UtcOffset::UTC))
}

fn amz_date(at: OffsetDateTime) -> String {
    sigv4::amz_date(at)
}

fn malformed(what: impl std::fmt::Display) -> Failure {
    Failure::new(
        StatusCode::BAD_REQUEST,
        "AuthorizationHeaderMalformed",
        format!("The authorization header is malformed; {what}."),
    )
}

fn unsupported() -> Failure {
    Failure::new(StatusCode::BAD_REQUEST, "InvalidArgument", "Unsupported Authorization Type")
}
