//! Signature Version 4: canonical requests and their signatures, for the side that signs and the side that verifies.
//!
//! Written from the published algorithm, apart from both the SDK that the runner signs with and the S3 library that
//! serves the operations, so that each is checked by code that it doesn't share.

use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::{Digest, Sha256};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};

/// What stands for the payload's hash where the payload is not signed.
pub const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// The only algorithm that is known.
pub const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The parts of a request that a signature covers.
#[derive(Debug, Clone)]
pub struct SignedRequest<'a> {
    /// The method, in capitals.
    pub method: &'a str,
    /// The path as it stands in the request line, percent-encoded.
    pub path: &'a str,
    /// Query parameters, decoded, in any order, without `X-Amz-Signature`.
    pub query: Vec<(String, String)>,
    /// The signed headers, names in lower case, sorted by name.
    pub headers: Vec<(String, String)>,
    /// The payload's SHA-256 in hex, or [`UNSIGNED_PAYLOAD`].
    pub payload: &'a str,
}

impl SignedRequest<'_> {
    /// The canonical request: the one text to which both sides reduce a request.
    pub fn canonical(&self) -> String {
        self.canonical_with_path(&encode_path(&percent_decode_str(self.path).collect::<Vec<_>>()))
    }

    /// The canonical request with its path written in a certain way.
    pub(crate) fn canonical_with_path(&self, path: &str) -> String {
        let mut query: Vec<(String, String)> =
            self.query.iter().map(|(name, value)| (encode(name), encode(value))).collect();
        query.sort();
        let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let headers: String = self
            .headers
            .iter()
            .map(|(name, value)| {
                // Runs of blanks count as one.
                format!("{name}:{}\n", value.split_ascii_whitespace().collect::<Vec<_>>().join(" "))
            })
            .collect();
        format!("{}\n{path}\n{}\n{headers}\n{}\n{}", self.method, query.join("&"), self.signed_headers(), self.payload)
    }

    /// The names of the signed headers as they stand in `X-Amz-SignedHeaders`.
    pub fn signed_headers(&self) -> String {
        self.headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(";")
    }
}

/// When and for which region a signature counts.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The time of signing, `YYYYMMDD'T'HHMMSS'Z'`.
    pub amz_date: &'a str,
    /// The region.
    pub region: &'a str,
}

impl Scope<'_> {
    /// The credential scope, as it follows the access key in `X-Amz-Credential`.
    pub fn credential(&self) -> String {
        format!("{}/{}/{SERVICE}/aws4_request", self.day(), self.region)
    }

    /// The text that is signed.
    pub fn string_to_sign(&self, canonical_request: &str) -> String {
        format!("{ALGORITHM}\n{}\n{}\n{}", self.amz_date, self.credential(), sha256_hex(canonical_request.as_bytes()))
    }

    /// The signature of a string to sign, in hex.
    pub fn signature(&self, secret_key: &str, string_to_sign: &str) -> String {
        let mut key = format!("AWS4{secret_key}").into_bytes();
        for part in [self.day(), self.region, SERVICE, "aws4_request", string_to_sign] {
            key = hmac_sha256(&key, part.as_bytes());
        }
        hex(&key)
    }

    fn day(&self) -> &str {
        self.amz_date.get(..8).unwrap_or(self.amz_date)
    }
}

/// Whoever holds a key and makes links with it.
#[derive(Clone, Copy)]
pub struct Presigner<'a> {
    /// The access key, which the link names.
    pub access_key: &'a str,
    /// The secret that signs.
    pub secret_key: &'a str,
    /// The region that the link is made for.
    pub region: &'a str,
}

impl Presigner<'_> {
    /// Presigns a request: the path with its query, ready for a request line.
    ///
    /// `query` are further parameters, which the signature then covers, and `headers` are what the client promises to
    /// send, `host` among them. `ttl_s` is the link's life in seconds from `amz_date` on.
    pub fn presign(
        &self,
        method: &str,
        path: &str,
        query: &[(&str, &str)],
        headers: &[(&str, &str)],
        amz_date: &str,
        ttl_s: u64,
    ) -> String {
        let scope = Scope { amz_date, region: self.region };
        let owned = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let mut request =
            SignedRequest { method, path, query: owned(query), headers: owned(headers), payload: UNSIGNED_PAYLOAD };
        request.headers.sort();
        for (name, value) in [
            ("X-Amz-Algorithm", ALGORITHM.to_owned()),
            ("X-Amz-Credential", format!("{}/{}", self.access_key, scope.credential())),
            ("X-Amz-Date", amz_date.to_owned()),
            ("X-Amz-Expires", ttl_s.to_string()),
            ("X-Amz-SignedHeaders", request.signed_headers()),
        ] {
            request.query.push((name.to_owned(), value));
        }
        let signature = scope.signature(self.secret_key, &scope.string_to_sign(&request.canonical()));
        let query: Vec<String> =
            request.query.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        format!("{path}?{}&X-Amz-Signature={signature}", query.join("&"))
    }
}

/// An instant as `x-amz-date` writes it, in UTC.
pub(crate) fn amz_date(at: OffsetDateTime) -> String {
    at.to_offset(UtcOffset::UTC).format(AMZ_DATE).unwrap_or_default()
}

/// SHA-256 in hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

/// A name or a value, with everything encoded but unreserved characters.
pub(crate) fn encode(text: &str) -> String {
    utf8_percent_encode(text, &RESERVED).to_string()
}

/// A path likewise, whose slashes stay.
pub(crate) fn encode_path(path: &[u8]) -> String {
    percent_encoding::percent_encode(path, &RESERVED_IN_PATHS).to_string()
}

/// `YYYYMMDD'T'HHMMSS'Z'`.
pub(crate) const AMZ_DATE: &[BorrowedFormatItem<'_>] =
    format_description!("[year][month][day]T[hour][minute][second]Z");

const SERVICE: &str = "s3";

/// Everything but the unreserved characters of RFC 3986.
const RESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

const RESERVED_IN_PATHS: AsciiSet = RESERVED.remove(b'/');

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    const SCOPE: Scope<'_> = Scope { amz_date: "20130524T000000Z", region: "us-east-1" };

    /// The example in AWS's "Authenticating Requests: Using Query Parameters".
    #[test]
    fn awss_published_link_comes_out_to_the_digit() {
        let signer = Presigner { access_key: "AKIAIOSFODNN7EXAMPLE", secret_key: SECRET, region: SCOPE.region };
        let host = ("host", "examplebucket.s3.amazonaws.com");
        let link = signer.presign("GET", "/test.txt", &[], &[host], SCOPE.amz_date, 86400);
        assert_eq!(
            link,
            "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256\
             &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
             &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
             &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
        );
    }

    /// The "GET Object" example in AWS's "Authenticating Requests: Using the Authorization Header".
    #[test]
    fn awss_published_header_signature_comes_out_to_the_digit() {
        let nothing = sha256_hex(b"");
        let headers = [
            ("host", "examplebucket.s3.amazonaws.com"),
            ("range", "bytes=0-9"),
            ("x-amz-content-sha256", nothing.as_str()),
            ("x-amz-date", "20130524T000000Z"),
        ];
        let request = SignedRequest {
            method: "GET",
            path: "/test.txt",
            query: Vec::new(),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            payload: &nothing,
        };
        let signature = SCOPE.signature(SECRET, &SCOPE.string_to_sign(&request.canonical()));
        assert_eq!(signature, "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
    }

    #[test]
    fn anything_changed_changes_the_signature() {
        let signer = Presigner { access_key: "AK", secret_key: SECRET, region: SCOPE.region };
        let sign = |method, path, host, ttl_s| {
            signer
                .presign(method, path, &[("x-run", "1")], &[("host", host)], SCOPE.amz_date, ttl_s)
                .rsplit_once('=')
                .map(|(_, signature)| signature.to_owned())
        };
        let base = sign("GET", "/a", "h", 1);
        for other in
            [sign("PUT", "/a", "h", 1), sign("GET", "/b", "h", 1), sign("GET", "/a", "i", 1), sign("GET", "/a", "h", 2)]
        {
            assert_ne!(base, other);
        }
    }
}
