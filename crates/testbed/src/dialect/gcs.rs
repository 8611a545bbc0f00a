//! Google Cloud Storage: signed URLs of versions 4 and 2, by an HMAC key (whose id is the access key) or by the testbed's RSA key.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{Duration, OffsetDateTime, PrimitiveDateTime};

use super::rsa::{Hash, holds};
use super::{Vendor, epoch};
use crate::s3::errors::{Failure, SIGNATURE_MISMATCH};
use crate::s3::headers::{header, headers_with_prefix};
use crate::s3::link::{AMZ_DATE, MAX_SKEW};
use crate::s3::presigned::{Head, Presigned};
use crate::s3::query::Query;
use crate::s3::sigv4::{SignedRequest, UNSIGNED_PAYLOAD, hex, hmac_sha256, sha256_hex};
use crate::s3::subject::Subject;

pub(super) const VENDOR: Vendor = Vendor {
    word: "gcs",
    takes: "signed URLs of Google Cloud Storage, versions 4 and 2, by an HMAC key or the testbed's RSA key",
    read: |head| {
        let query = head.query;
        if query.names().any(|name| name.to_ascii_lowercase().starts_with("x-goog-")) {
            return Ok(Some(Box::new(V4::read(query)?)));
        }
        if query.get("GoogleAccessId").is_some() {
            return Ok(Some(Box::new(V2::read(query)?)));
        }
        Ok(None)
    },
    sign_off: |response, with| {
        let id = HeaderValue::from_str(&with.ids.host_id.replace(['+', '/', '='], "_"));
        response.headers_mut().insert("x-guploader-uploadid", id.expect("ids are plain ASCII"));
        if response.status().is_client_error() {
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/xml; charset=UTF-8"));
        }
    },
};

#[derive(Debug)]
struct V4 {
    algorithm: String,
    access_id: String,
    /// `DATE/LOCATION/storage/goog4_request`
    scope: String,
    date: String,
    signed_at: OffsetDateTime,
    expires_at: OffsetDateTime,
    signed_headers: Vec<String>,
    signature: String,
}

impl V4 {
    fn read(query: &Query) -> Result<Self, Failure> {
        let need = |name: &'static str| query.get_in_any_case(name).ok_or_else(|| malformed(name, "is missing"));
        let date = need("X-Goog-Date")?.to_owned();
        let signed_at =
            PrimitiveDateTime::parse(&date, AMZ_DATE).map_err(|_| malformed("X-Goog-Date", "is not a date"));
        let signed_at = signed_at?.assume_utc();
        let ttl_s = need("X-Goog-Expires")?.parse().ok().filter(|ttl_s| (1..=WEEK_S).contains(ttl_s));
        let ttl_s = ttl_s.ok_or_else(|| malformed("X-Goog-Expires", "must be between 1 and 604800 seconds"))?;
        let expires_at = signed_at.checked_add(Duration::seconds(ttl_s));
        let (access_id, scope) = need("X-Goog-Credential")?
            .split_once('/')
            .ok_or_else(|| malformed("X-Goog-Credential", "is not a credential"))?;
        let mut signed_headers: Vec<String> =
            need("X-Goog-SignedHeaders")?.split(';').map(str::to_ascii_lowercase).collect();
        signed_headers.sort();
        Ok(Self {
            algorithm: need("X-Goog-Algorithm")?.to_owned(),
            access_id: access_id.to_owned(),
            scope: scope.to_owned(),
            date,
            signed_at,
            expires_at: expires_at.ok_or_else(|| malformed("X-Goog-Date", "is not a date"))?,
            signed_headers,
            signature: need("X-Goog-Signature")?.to_owned(),
        })
    }

    fn string_to_sign(&self, canonical: &str) -> String {
        format!("{}\n{}\n{}\n{}", self.algorithm, self.date, self.scope, sha256_hex(canonical.as_bytes()))
    }

    fn is_signed(&self, string_to_sign: &str, secret_key: &str) -> bool {
        match self.algorithm.as_str() {
            HMAC => {
                let parts = self.scope.split('/').chain([string_to_sign]);
                let key = parts
                    .fold(format!("GOOG4{secret_key}").into_bytes(), |key, part| hmac_sha256(&key, part.as_bytes()));
                hex(&key) == self.signature
            }
            _ => unhex(&self.signature)
                .is_some_and(|signature| holds(Hash::Sha256, string_to_sign.as_bytes(), &signature)),
        }
    }
}

impl Presigned for V4 {
    fn expires_at(&self) -> OffsetDateTime {
        self.expires_at
    }

    fn signed_at(&self) -> Option<OffsetDateTime> {
        Some(self.signed_at)
    }

    fn verify(&self, head: &Head<'_>) -> Result<Option<String>, Failure> {
        let scope: Vec<_> = self.scope.split('/').collect();
        if !matches!(scope[..], [day, _, "storage", "goog4_request"] if self.date.starts_with(day)) {
            return Err(malformed("X-Goog-Credential", "must end with DATE/LOCATION/storage/goog4_request"));
        }
        if ![HMAC, RSA].contains(&self.algorithm.as_str()) {
            return Err(malformed("X-Goog-Algorithm", "must be GOOG4-HMAC-SHA256 or GOOG4-RSA-SHA256"));
        }
        known(&self.access_id, head)?;
        if self.signed_at - head.now > MAX_SKEW {
            return Err(Failure::of_code(StatusCode::FORBIDDEN, "RequestTimeTooSkewed"));
        }
        let hash = header(head.parts, "x-goog-content-sha256");
        let is_signed = self.signed_headers.iter().any(|name| name == "x-goog-content-sha256");
        let signed = head.query.parameters().iter().filter(|(name, _)| !name.eq_ignore_ascii_case("X-Goog-Signature"));
        let request = SignedRequest {
            method: head.parts.method.as_str(),
            path: head.parts.uri.path(),
            query: signed.cloned().collect(),
            headers: self.signed_headers.iter().map(|name| (name.clone(), header(head.parts, name))).collect(),
            payload: if is_signed { &hash } else { UNSIGNED_PAYLOAD },
        };
        let canonical = request.canonical();
        let string_to_sign = self.string_to_sign(&canonical);
        if !self.is_signed(&string_to_sign, head.keys.secret_key.expose()) {
            return Err(mismatch(&string_to_sign).with("CanonicalRequest", canonical));
        }
        Ok(is_signed.then_some(hash).filter(|hash| hash.len() == 64))
    }

    fn expired(&self, _: OffsetDateTime) -> Failure {
        let at = self.expires_at.format(ISO8601).unwrap_or_default();
        expired(format!("Request signature expired at: {at}"))
    }

    fn has(&self, parameter: &str) -> bool {
        parameter.to_ascii_lowercase().starts_with("x-goog-")
    }
}

#[derive(Debug)]
struct V2 {
    access_id: String,
    expires: String,
    expires_at: OffsetDateTime,
    signature: String,
}

impl V2 {
    fn read(query: &Query) -> Result<Self, Failure> {
        let need = |name: &'static str| query.get(name).ok_or_else(|| malformed(name, "is missing"));
        let expires = need("Expires")?.to_owned();
        Ok(Self {
            access_id: need("GoogleAccessId")?.to_owned(),
            expires_at: epoch(&expires).ok_or_else(|| malformed("Expires", "is not a number of seconds since 1970"))?,
            expires,
            signature: need("Signature")?.to_owned(),
        })
    }
}

impl Presigned for V2 {
    fn expires_at(&self) -> OffsetDateTime {
        self.expires_at
    }

    fn verify(&self, head: &Head<'_>) -> Result<Option<String>, Failure> {
        known(&self.access_id, head)?;
        // As S3's of that version, with extension headers of another name, and without any part of the query.
        let request = crate::s3::sigv2::SignedRequest {
            method: head.parts.method.as_str(),
            host_bucket: Subject::of(head.parts).host_bucket,
            path: head.parts.uri.path(),
            query: &[],
            content_md5: &header(head.parts, "content-md5"),
            content_type: &header(head.parts, CONTENT_TYPE.as_str()),
            date: &self.expires,
            amz_headers: &headers_with_prefix(head.parts, "x-goog-"),
        };
        let string_to_sign = request.string_to_sign();
        let by_rsa = || {
            let signature = STANDARD.decode(&self.signature).unwrap_or_default();
            holds(Hash::Sha256, string_to_sign.as_bytes(), &signature)
        };
        if request.signature(head.keys.secret_key.expose()) == self.signature || by_rsa() {
            return Ok(None);
        }
        Err(mismatch(&string_to_sign))
    }

    fn expired(&self, _: OffsetDateTime) -> Failure {
        expired(format!("Request has expired: {}", self.expires))
    }

    fn has(&self, parameter: &str) -> bool {
        ["GoogleAccessId", "Expires", "Signature"].contains(&parameter)
    }
}

/// The word for an expired link, which S3 has for tokens.
fn expired(details: String) -> Failure {
    Failure::of_code(StatusCode::BAD_REQUEST, "ExpiredToken").with("Details", details)
}

fn known(access_id: &str, head: &Head<'_>) -> Result<(), Failure> {
    if access_id == head.keys.access_key {
        return Ok(());
    }
    Err(Failure::forbidden("InvalidSecurity", "The provided security credentials are not valid."))
}

fn mismatch(string_to_sign: &str) -> Failure {
    Failure::forbidden("SignatureDoesNotMatch", "Access denied.")
        .with("Details", SIGNATURE_MISMATCH)
        .with("StringToSign", string_to_sign)
}

fn malformed(parameter: &'static str, problem: &str) -> Failure {
    Failure::new(StatusCode::BAD_REQUEST, "MalformedSecurityHeader", "Your request has a malformed header.")
        .with("ParameterName", parameter)
        .with("Details", format!("{parameter} {problem}"))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok());
    pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect()
}

const HMAC: &str = "GOOG4-HMAC-SHA256";
const RSA: &str = "GOOG4-RSA-SHA256";
const WEEK_S: i64 = 604_800;
const ISO8601: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]+00:00");

#[cfg(test)]
pub(super) mod tests {
    use super::super::testing::{code, verified};

    // Signed by google-cloud-storage 3.17 with the testbed's RSA key, and by `experiments/vendors/gcs.py` with its HMAC key.
    pub(in crate::dialect) const V4_RSA: &str = "/ttlsweep/dir/a%20b.bin?X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Credential=ttlsweep-testbed%2F\
         20261201%2Fauto%2Fstorage%2Fgoog4_request&X-Goog-Date=20261201T090000Z&X-Goog-Expires=3600&X-Go\
         og-SignedHeaders=host%3Bx-goog-meta-a&X-Goog-Signature=59af9396c429fa453f302ac9f857c3aec13a8295\
         0063ad4cc61b10e4b0c70e35997237dbf74042fc0bfbae03f4e891f1962e4ad4f6bb71888d02e0ec6b71bade307a0af\
         948839710e3055c065bb45d15b3508d557f3ba07bd41e5ad2e356fe046a625930c8d3a34818d679ecce601c3a9db271\
         89eb4745c040308b88f4db9feb0cf652e99cb03c25e68b9e37ccd9956ae10f20bb9276be3e3fb04358cfdd566819bb3\
         8a776c1598b2d45c18f7026ac9caa5fc09de837a42de35c791a5da022ded7cd1a6532112de654d6ef695add343a609d\
         1ce43274933f89ddb98a25c348ab1d14af8226aed2b4914fcb25651bf95f014e6e2aa45a1d2cdf3ac7ea93919120";
    pub(in crate::dialect) const V2_RSA: &str = "/ttlsweep/dir/a%20b.bin?Expires=1796119200&GoogleAccessId=ttlsweep-testbed&Signature=Il8iYuO42l\
         Rqnl%2BohKK%2FhlPTFPsXdCp4jc1UJth%2B%2BzyJWgD9LVUcOpBvsMg3do9qey6QOB0JagktJH9Yc%2FiPL9%2BTjH%2F\
         wHx1a29%2FuzLeKrocnc2g2XD%2F7%2BLO8wPuRPdNKoKNUcMGyJ%2BEiL9J47VkR1V8%2FuTxnV9IyjP7urqhlKqFnkDgu\
         hMKr3ZOZ8rCnvf4pSbou2sB1yEJvQChVX6XaHV1w8q8ef9c8pLp5RZS3oJQWLOtyFnmW%2BdvWjGxpUYeb4eUenYiu9qD1x\
         3N7pWWPioPCef531bOPe80%2FBHcGme1ShaY6pwVwXQYSlsxPkI%2BSa7qoO6vjnV7g%2BmnEv9jLGg%3D%3D";
    pub(in crate::dialect) const V2_HEADERS: &str = "/ttlsweep/key?Expires=1796119200&GoogleAccessId=ttlsweep-testbed&Signature=Ce%2BCcYZqrVGCDmyWQz\
         PNBfgDAGspz8SPUVim%2BCE9frNS%2BJ%2BJ1kqxzv4iOZqbWQIBFwjeT2ic8I6bAQNKLhb54qAFVVlXXfsMMrKTqidO7Q9\
         vwxUPKS90y3SZaVTzm4fIGvaG9jRY2o32TTzI%2FcCQ9zEr53BjKYm9xhfmg5bcz0f4Mr9PuoYw6GgeeleT7FUNtrg9%2Bd\
         4pt7tzmCoFvvyrj6Zn6THmxe1nogAJogYFmoFwpQUPfOJRtQq82DgjaPyaVt0mXzwD4yen10YUdsHd1FmtePTx8sZU11E7%\
         2FPHZe7PraG%2B0GsF5MKsDPw%2B55o3d7iz91qA78%2FJNK9rx%2FqToQA%3D%3D";
    pub(in crate::dialect) const V4_HMAC: &str = "/ttlsweep/dir/a%20b.bin?X-Goog-Algorithm=GOOG4-HMAC-SHA256&X-Goog-Credential=ttlsweep-testbed%2\
         F20261201%2Fauto%2Fstorage%2Fgoog4_request&X-Goog-Date=20261201T090000Z&X-Goog-Expires=3600&X-G\
         oog-SignedHeaders=host&X-Goog-Signature=c2f1f0dcb850de4a798a4905f4e7c859ea5dbc81be474d02d356007\
         77ac963c0";
    pub(in crate::dialect) const META: (&str, &str) = ("x-goog-meta-a", "b");

    #[test]
    fn what_googles_own_library_signs_is_let_in() {
        let until = time::macros::datetime!(2026-12-01 10:00 UTC);
        let type_and_meta = [("content-type", "text/plain"), META];
        for (link, headers) in [(V4_RSA, &[META][..]), (V2_RSA, &[]), (V2_HEADERS, &type_and_meta[..]), (V4_HMAC, &[])]
        {
            let read = verified("gcs", "PUT", link, headers).unwrap_or_else(|failure| panic!("{failure:?}: {link}"));
            assert_eq!(read.expires_at(), until);
        }
    }

    #[test]
    fn what_was_not_signed_so_is_refused_as_by_google() {
        let other = |link: &str, from: &str, to: &str| {
            assert!(link.contains(from));
            link.replace(from, to)
        };
        for (link, refused) in [
            (other(V4_RSA, "b.bin", "c.bin"), "SignatureDoesNotMatch"),
            (other(V4_HMAC, "Expires=3600", "Expires=3601"), "SignatureDoesNotMatch"),
            (other(V2_RSA, "1796119200", "1796119201"), "SignatureDoesNotMatch"),
            (other(V2_RSA, "ttlsweep-testbed", "somebody"), "InvalidSecurity"),
            (other(V4_RSA, "ttlsweep-testbed", "somebody"), "InvalidSecurity"),
            (other(V4_RSA, "Expires=3600", "Expires=604801"), "MalformedSecurityHeader"),
            (other(V4_RSA, "goog4_request", "aws4_request"), "MalformedSecurityHeader"),
            (other(V4_RSA, "&X-Goog-Signature=", "&X-Goog-Unsigned="), "MalformedSecurityHeader"),
        ] {
            assert_eq!(code(verified("gcs", "PUT", &link, &[META])), refused, "{link}");
        }
        assert_eq!(code(verified("gcs", "GET", V4_HMAC, &[])), "SignatureDoesNotMatch");
    }
}
