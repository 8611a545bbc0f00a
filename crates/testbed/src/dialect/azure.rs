//! Azure Blob Storage: service shared access signatures by the account's key. The account is the access key, the container the bucket,
//! and the key the secret in base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Method, StatusCode};
use percent_encoding::percent_decode_str;
use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime, PrimitiveDateTime, Time};

use super::Vendor;
use crate::s3::errors::{ErrorCode, Failure, amend};
use crate::s3::presigned::{Head, Presigned};
use crate::s3::query::Query;
use crate::s3::sigv4::hmac_sha256;

pub(super) const VENDOR: Vendor = Vendor {
    word: "azure",
    takes: "service shared access signatures (SAS) of Azure Blob Storage by the account's key",
    read: |head| match head.query.get("sig") {
        Some(signature) => Ok(Some(Box::new(Sas::read(head.query, signature)?))),
        None => Ok(None),
    },
    sign_off: |response, with| {
        let id = with.ids.request_id.to_ascii_lowercase();
        let id = format!("{}-{}-{}-0000-000000000000", &id[..8], &id[8..12], &id[12..16]);
        let as_header = |text: &str| HeaderValue::from_str(text).expect("ids and codes are plain ASCII");
        response.headers_mut().insert("x-ms-request-id", as_header(&id));
        if *with.method == Method::PUT && response.status() == StatusCode::OK {
            *response.status_mut() = StatusCode::CREATED;
        }
        if let Some(ErrorCode(code)) = response.extensions().get() {
            let code = as_header(code);
            response.headers_mut().insert("x-ms-error-code", code);
        }
        let time = with.now.format(&Rfc3339).unwrap_or_default();
        amend(response, |xml| {
            *xml =
                format!("\u{feff}{xml}").replacen("</Message>", &format!("\nRequestId:{id}\nTime:{time}</Message>"), 1);
        });
    },
};

#[derive(Debug)]
struct Sas {
    /// The parameters that are signed, by their names.
    fields: Vec<(String, String)>,
    begins_at: Option<OffsetDateTime>,
    expires_at: OffsetDateTime,
    signature: String,
}

impl Sas {
    fn read(query: &Query, signature: &str) -> Result<Self, Failure> {
        let instant = |name: &str| match query.get(name).map(parse) {
            Some(None) => Err(unauthenticated(format!("{name} is not a date"))),
            read => Ok(read.flatten()),
        };
        for name in ["sv", "sr", "sp", "se"] {
            if query.get(name).is_none_or(str::is_empty) {
                return Err(unauthenticated(format!("{name} is mandatory. Cannot be empty")));
            }
        }
        Ok(Self {
            fields: query.parameters().to_vec(),
            begins_at: instant("st")?,
            expires_at: instant("se")?.unwrap_or(OffsetDateTime::UNIX_EPOCH),
            signature: signature.to_owned(),
        })
    }

    fn field(&self, name: &str) -> &str {
        self.fields.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
    }

    /// The text that is signed, by the version that the link names.
    fn string_to_sign(&self, account: &str, path: &str) -> String {
        let path = percent_decode_str(path).decode_utf8_lossy();
        let container = path.trim_start_matches('/').split('/').next().unwrap_or_default();
        let resource = match self.field("sr") {
            "c" => format!("/blob/{account}/{container}"),
            _ => format!("/blob/{account}{path}"),
        };
        let mut lines: Vec<&str> = ["sp", "st", "se"].map(|name| self.field(name)).to_vec();
        lines.push(&resource);
        lines.extend(["si", "sip", "spr", "sv"].map(|name| self.field(name)));
        if self.field("sv") >= "2018-11-09" {
            // Of a snapshot, its instant.
            lines.extend([self.field("sr"), ""]);
        }
        if self.field("sv") >= "2020-12-06" {
            lines.push(self.field("ses"));
        }
        lines.extend(["rscc", "rscd", "rsce", "rscl", "rsct"].map(|name| self.field(name)));
        lines.join("\n")
    }
}

impl Presigned for Sas {
    fn expires_at(&self) -> OffsetDateTime {
        self.expires_at
    }

    fn verify(&self, head: &Head<'_>) -> Result<Option<String>, Failure> {
        let string_to_sign = self.string_to_sign(&head.keys.access_key, head.parts.uri.path());
        let key = head.keys.secret_key.expose().as_bytes();
        if STANDARD.encode(hmac_sha256(key, string_to_sign.as_bytes())) != self.signature {
            let detail = format!("Signature did not match. String to sign used was {string_to_sign}");
            return Err(unauthenticated(detail));
        }
        if self.begins_at.is_some_and(|begins_at| head.now < begins_at) {
            return Err(unauthenticated(self.time_frame(head.now)));
        }
        if self.field("spr") == "https" && !head.tls {
            return Err(unauthorized("AuthorizationProtocolMismatch", "protocol"));
        }
        let permissions: &[char] = if head.parts.method == Method::PUT { &['w', 'c'] } else { &['r'] };
        if !self.field("sp").contains(permissions) {
            return Err(unauthorized("AuthorizationPermissionMismatch", "permission"));
        }
        let bad = |code, message: &str| Err(Failure::new(StatusCode::BAD_REQUEST, code, message));
        if head.query.get("comp").or_else(|| head.query.get("restype")).is_some() {
            let message = "One of the query parameters specified in the request URI is not supported.";
            return bad("UnsupportedQueryParameter", message);
        }
        if head.parts.method == Method::PUT && !head.parts.headers.contains_key("x-ms-blob-type") {
            return bad("MissingRequiredHeader", "An HTTP header that's mandatory for this request is not specified.");
        }
        Ok(None)
    }

    fn expired(&self, now: OffsetDateTime) -> Failure {
        unauthenticated(match self.begins_at {
            Some(_) => self.time_frame(now),
            None => {
                let (expiry, now) = (http_date(self.expires_at), http_date(now));
                format!("Signed expiry time [{expiry}] must be after signed start time [{now}]")
            }
        })
    }

    fn has(&self, parameter: &str) -> bool {
        OWN.contains(&parameter)
    }
}

impl Sas {
    fn time_frame(&self, now: OffsetDateTime) -> String {
        let begins_at = self.begins_at.map(http_date).unwrap_or_default();
        let (expiry, now) = (http_date(self.expires_at), http_date(now));
        format!(
            "Signature not valid in the specified time frame: Start [{begins_at}] - Expiry [{expiry}] - Current [{now}]"
        )
    }
}

fn unauthenticated(detail: String) -> Failure {
    Failure::forbidden(
        "AuthenticationFailed",
        "Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly \
         including the signature.",
    )
    .with("AuthenticationErrorDetail", detail)
}

fn unauthorized(code: &'static str, by: &str) -> Failure {
    Failure::forbidden(code, format!("This request is not authorized to perform this operation using this {by}."))
}

/// A day, minutes, or seconds with or without decimals.
fn parse(text: &str) -> Option<OffsetDateTime> {
    let day = || Date::parse(text, DAY).ok().map(|day| PrimitiveDateTime::new(day, Time::MIDNIGHT).assume_utc());
    let minutes = || PrimitiveDateTime::parse(text, MINUTES).ok().map(PrimitiveDateTime::assume_utc);
    OffsetDateTime::parse(text, &Rfc3339).ok().or_else(day).or_else(minutes)
}

fn http_date(at: OffsetDateTime) -> String {
    at.format(HTTP_DATE).unwrap_or_default()
}

const DAY: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");
const MINUTES: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]T[hour]:[minute]Z");
const HTTP_DATE: &[BorrowedFormatItem<'_>] =
    format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");

const OWN: [&str; 16] =
    ["sp", "st", "se", "si", "sip", "spr", "sv", "sr", "ses", "sig", "rscc", "rscd", "rsce", "rscl", "rsct", "sdd"];

#[cfg(test)]
pub(super) mod tests {
    use super::super::testing::{code, verified};
    use super::*;

    // Signed by azure-storage-blob 12.31 with the testbed's key.
    pub(in crate::dialect) const BLOB: &str = "/ttlsweep/dir/a%20b.bin?se=2026-12-01T10%3A00%3A00Z&sp=rcw&sv=2026-10-06&sr=b&sig=6C3DvoneSwZqB\
         U0zyq/AUPCCOePOv8/udlvoWfPSLVE%3D";
    pub(in crate::dialect) const READ: &str = "/ttlsweep/key?st=2026-12-01T09%3A00%3A00Z&se=2026-12-01T10%3A00%3A00Z&sp=r&spr=https%2Chttp&sv=\
         2026-10-06&sr=b&rsct=a/b&sig=wkcyU73LEUYt/KmK%2BQCCKcjEcYOq/IvtjkM5denufyw%3D";
    pub(in crate::dialect) const CONTAINER: &str = "/ttlsweep/key?se=2026-12-01T10%3A00%3A00Z&sp=w&sv=2026-10-06&sr=c&sig=UOSHTEyEhIz5tGodStRTNETNv\
         WUUeUdp0qj240/OdP8%3D";
    pub(in crate::dialect) const TYPE: (&str, &str) = ("x-ms-blob-type", "BlockBlob");

    #[test]
    fn what_azures_own_library_signs_is_let_in() {
        for (method, link) in [("PUT", BLOB), ("GET", BLOB), ("GET", READ), ("PUT", CONTAINER)] {
            let read = verified("azure", method, link, &[TYPE]).unwrap_or_else(|failure| panic!("{failure:?}: {link}"));
            assert_eq!(read.expires_at(), time::macros::datetime!(2026-12-01 10:00 UTC));
        }
    }

    #[test]
    fn what_was_not_signed_so_is_refused_as_by_azure() {
        let other = |link: &str, from: &str, to: &str| {
            assert!(link.contains(from));
            link.replace(from, to)
        };
        for (method, link, refused) in [
            ("PUT", other(BLOB, "b.bin", "c.bin"), "AuthenticationFailed"),
            ("PUT", other(BLOB, "T10", "T11"), "AuthenticationFailed"),
            ("PUT", other(BLOB, "&sp=rcw", ""), "AuthenticationFailed"),
            ("PUT", READ.to_owned(), "AuthorizationPermissionMismatch"),
            ("GET", CONTAINER.to_owned(), "AuthorizationPermissionMismatch"),
            ("PUT", format!("{BLOB}&comp=block&blockid=MQ%3D%3D"), "UnsupportedQueryParameter"),
        ] {
            assert_eq!(code(verified("azure", method, &link, &[TYPE])), refused, "{link}");
        }
        assert_eq!(code(verified("azure", "PUT", BLOB, &[])), "MissingRequiredHeader");
    }

    #[test]
    fn an_expiry_may_be_a_day_or_a_minute() {
        for text in ["2026-12-01", "2026-12-01T00:00Z", "2026-12-01T00:00:00Z", "2026-12-01T00:00:00.0000000Z"] {
            assert_eq!(parse(text), Some(time::macros::datetime!(2026-12-01 00:00 UTC)), "{text}");
        }
        assert_eq!(parse("tomorrow"), None);
    }
}
