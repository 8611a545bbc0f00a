//! Alibaba Cloud OSS: signed URLs of version 1, and of version 4 (`v4`).

mod v4;

use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use percent_encoding::percent_decode_str;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::{Vendor, epoch};
use crate::s3::errors::{Failure, SIGNATURE_MISMATCH, amend};
use crate::s3::headers::{header, headers_with_prefix};
use crate::s3::presigned::{Head, Presigned};
use crate::s3::sigv2::SignedRequest;
use crate::s3::subject::Subject;

pub(super) const VENDOR: Vendor = Vendor {
    word: "oss",
    takes: "signed URLs of Alibaba Cloud OSS, versions 4 and 1",
    read: |head| {
        let query = head.query;
        if let Some(link) = v4::Link::read(query)? {
            return Ok(Some(Box::new(link)));
        }
        let Some(access_key) = query.get("OSSAccessKeyId") else { return Ok(None) };
        let (Some(expires), Some(signature)) = (query.get("Expires"), query.get("Signature")) else {
            let message = "Query-string authentication requires the Signature, Expires and OSSAccessKeyId parameters";
            return Err(Failure::forbidden("AccessDenied", message));
        };
        let not_a_date = || {
            Failure::new(
                StatusCode::FORBIDDEN,
                "AccessDenied",
                format!("Invalid date (should be seconds since epoch): {expires}"),
            )
        };
        Ok(Some(Box::new(Link {
            access_key: access_key.to_owned(),
            expires_at: epoch(expires).ok_or_else(not_a_date)?,
            expires: expires.to_owned(),
            signature: signature.to_owned(),
        })))
    },
    sign_off: |response, with| {
        let id = with.ids.request_id.as_str();
        response.headers_mut().insert("x-oss-request-id", HeaderValue::from_str(id).expect("ids are plain ASCII"));
        amend(response, |xml| xml.push_str(&format!("<RequestId>{id}</RequestId><HostId>testbed</HostId>")));
    },
};

#[derive(Debug)]
struct Link {
    access_key: String,
    expires: String,
    expires_at: OffsetDateTime,
    signature: String,
}

impl Presigned for Link {
    fn expires_at(&self) -> OffsetDateTime {
        self.expires_at
    }

    fn verify(&self, head: &Head<'_>) -> Result<Option<String>, Failure> {
        known(&self.access_key, head)?;
        // As S3's of version 2, with headers of another name, and with the key as it reads decoded.
        let request = SignedRequest {
            method: head.parts.method.as_str(),
            host_bucket: Subject::of(head.parts).host_bucket,
            path: &percent_decode_str(head.parts.uri.path()).decode_utf8_lossy(),
            query: head.query.parameters(),
            content_md5: &header(head.parts, "content-md5"),
            content_type: &header(head.parts, CONTENT_TYPE.as_str()),
            date: &self.expires,
            amz_headers: &headers_with_prefix(head.parts, "x-oss-"),
        };
        if request.signature(head.keys.secret_key.expose()) == self.signature {
            return Ok(None);
        }
        Err(mismatch(&self.access_key, &self.signature, &request.string_to_sign()))
    }

    fn expired(&self, now: OffsetDateTime) -> Failure {
        expired(self.expires_at, now).with("EC", "0002-00000069")
    }

    fn has(&self, parameter: &str) -> bool {
        ["OSSAccessKeyId", "Expires", "Signature"].contains(&parameter)
    }
}

fn known(access_key: &str, head: &Head<'_>) -> Result<(), Failure> {
    if access_key == head.keys.access_key {
        return Ok(());
    }
    let message = "The OSS Access Key Id you provided does not exist in our records.";
    Err(Failure::forbidden("InvalidAccessKeyId", message).with("OSSAccessKeyId", access_key))
}

fn mismatch(access_key: &str, signature: &str, string_to_sign: &str) -> Failure {
    Failure::forbidden("SignatureDoesNotMatch", SIGNATURE_MISMATCH)
        .with("OSSAccessKeyId", access_key)
        .with("SignatureProvided", signature)
        .with("StringToSign", string_to_sign)
}

/// What is said to an expired link. No answer to one of version 4 was found that anyone published.
fn expired(expires_at: OffsetDateTime, now: OffsetDateTime) -> Failure {
    let text = |at: OffsetDateTime| at.format(ISO8601).unwrap_or_default();
    Failure::forbidden("AccessDenied", "Request has expired.")
        .with("Expires", text(expires_at))
        .with("ServerTime", text(now))
}

const ISO8601: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].000Z");

#[cfg(test)]
pub(super) mod tests {
    use super::super::testing::{code, verified};
    pub(in crate::dialect) use super::v4::tests as v4;

    // Signed by oss2 2.19 with the testbed's key.
    pub(in crate::dialect) const PUT: &str = "/ttlsweep/dir/a%20b.bin?OSSAccessKeyId=ttlsweep-testbed&Expires=1796119200&Signature=M4JzdCOTmI\
         lIbkr2ITR9nzYZfVk%3D";
    pub(in crate::dialect) const HEADERS: &str = "/ttlsweep/key?OSSAccessKeyId=ttlsweep-testbed&Expires=1796119200&Signature=9QejfBOf7n7O7CzopA78\
         lKxSK6Q%3D";

    #[test]
    fn what_alibabas_own_library_signs_is_let_in() {
        let headers = [("content-type", "text/plain"), ("x-oss-meta-a", "b")];
        for (link, headers) in [(PUT, &[][..]), (HEADERS, &headers[..])] {
            let read = verified("oss", "PUT", link, headers).unwrap_or_else(|failure| panic!("{failure:?}: {link}"));
            assert_eq!(read.expires_at(), time::macros::datetime!(2026-12-01 10:00 UTC));
        }
    }

    #[test]
    fn what_was_not_signed_so_is_refused_as_by_oss() {
        let other = |from: &str, to: &str| {
            assert!(PUT.contains(from));
            PUT.replace(from, to)
        };
        for (link, refused) in [
            (other("b.bin", "c.bin"), "SignatureDoesNotMatch"),
            (other("1796119200", "1796119201"), "SignatureDoesNotMatch"),
            (other("ttlsweep-testbed", "somebody"), "InvalidAccessKeyId"),
            (other("&Expires=", "&Expired="), "AccessDenied"),
            (other("Expires=1", "Expires=soon1"), "AccessDenied"),
        ] {
            assert_eq!(code(verified("oss", "PUT", &link, &[])), refused, "{link}");
        }
        assert_eq!(code(verified("oss", "PUT", HEADERS, &[])), "SignatureDoesNotMatch");
    }
}
