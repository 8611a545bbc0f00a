//! Signature Version 2, which some SDKs still presign with by default: what is signed, and the signature.
//!
//! Written from the published description, like [`sigv4`](crate::s3::sigv4), and for both sides of a request as well.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

/// The parts of a request that a signature of Version 2 covers.
#[derive(Debug, Clone)]
pub struct SignedRequest<'a> {
    /// The method, in capitals.
    pub method: &'a str,
    /// The bucket that the host names; `None` if the path names it.
    pub host_bucket: Option<&'a str>,
    /// The path as it stands in the request line, percent-encoded.
    pub path: &'a str,
    /// Query parameters, decoded, in any order. Only those that name a part of S3's interface are covered.
    pub query: &'a [(String, String)],
    /// `Content-MD5`; empty if it is not sent.
    pub content_md5: &'a str,
    /// `Content-Type`; empty if it is not sent.
    pub content_type: &'a str,
    /// `Expires` of a link, in seconds since 1970; of a request signed in headers its `Date`, which is empty if there is
    /// an `x-amz-date`.
    pub date: &'a str,
    /// The headers whose names begin with `x-amz-`, names in lower case, sorted by name.
    pub amz_headers: &'a [(String, String)],
}

impl SignedRequest<'_> {
    /// The text that is signed.
    pub fn string_to_sign(&self) -> String {
        let Self { method, content_md5, content_type, date, .. } = self;
        let mut text = format!("{method}\n{content_md5}\n{content_type}\n{date}\n");
        for (name, value) in self.amz_headers {
            text.extend([name.as_str(), ":", value.trim(), "\n"]);
        }
        if let Some(bucket) = self.host_bucket {
            text.extend(["/", bucket]);
        }
        text.push_str(self.path);
        let mut covered: Vec<_> =
            self.query.iter().filter(|(name, _)| COVERED_PARAMETERS.contains(&name.as_str())).collect();
        covered.sort();
        for (number, (name, value)) in covered.into_iter().enumerate() {
            text.extend([if number == 0 { "?" } else { "&" }, name]);
            if !value.is_empty() {
                text.extend(["=", value]);
            }
        }
        text
    }

    /// Whether this is the request's signature. Of a bucket that the path names, clients sign the path with or without its
    /// last slash, whichever they send.
    pub(crate) fn is_signed_as(&self, signature: &str, secret_key: &str) -> bool {
        if self.signature(secret_key) == signature {
            return true;
        }
        let is_bucket = self.host_bucket.is_none() && self.path.trim_matches('/').split('/').count() == 1;
        let other = match self.path.strip_suffix('/') {
            Some(path) => path.to_owned(),
            None => format!("{}/", self.path),
        };
        is_bucket && SignedRequest { path: &other, ..self.clone() }.signature(secret_key) == signature
    }

    /// The signature, in base64.
    pub fn signature(&self, secret_key: &str) -> String {
        signature(secret_key, &self.string_to_sign())
    }
}

/// The signature of a string to sign, in base64. Of a form, its policy is that string.
pub fn signature(secret_key: &str, string_to_sign: &str) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret_key.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(string_to_sign.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// The query parameters that are signed along.
const COVERED_PARAMETERS: [&str; 36] = [
    "accelerate",
    "acl",
    "analytics",
    "cors",
    "defaultObjectAcl",
    "delete",
    "encryption",
    "inventory",
    "lifecycle",
    "location",
    "logging",
    "metrics",
    "notification",
    "object-lock",
    "partNumber",
    "policy",
    "replication",
    "requestPayment",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "select",
    "select-type",
    "storageClass",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
];

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    const REQUEST: SignedRequest<'_> = SignedRequest {
        method: "GET",
        host_bucket: Some("awsexamplebucket1"),
        path: "/photos/puppy.jpg",
        query: &[],
        content_md5: "",
        content_type: "",
        date: "Tue, 27 Mar 2007 19:36:42 +0000",
        amz_headers: &[],
    };

    /// The examples "Object GET", "Object PUT" and "Fetch" in AWS's "Signing and Authenticating REST Requests".
    #[test]
    fn awss_published_examples_come_out_to_the_letter() {
        assert_eq!(REQUEST.signature(SECRET), "qgk2+6Sv9/oM7G3qLEjTH1a1l1g=");
        let put = SignedRequest {
            method: "PUT",
            content_type: "image/jpeg",
            date: "Tue, 27 Mar 2007 21:15:45 +0000",
            ..REQUEST
        };
        assert_eq!(put.signature(SECRET), "iqRzw+ileNPu1fhspnRs8nOjjIA=");
        let query = [("acl".to_owned(), String::new()), ("x-run".to_owned(), "1".to_owned())];
        let fetch = SignedRequest { path: "/", query: &query, date: "Tue, 27 Mar 2007 19:44:46 +0000", ..REQUEST };
        assert_eq!(fetch.signature(SECRET), "82ZHiFIjc+WbcwFKGUVEQspPn+0=");
    }

    #[test]
    fn a_bucket_may_be_signed_with_a_slash_behind_its_name() {
        let bucket = SignedRequest { host_bucket: None, path: "/bucket", ..REQUEST };
        let signed = SignedRequest { path: "/bucket/", ..bucket.clone() }.signature(SECRET);
        assert!(bucket.is_signed_as(&signed, SECRET) && bucket.is_signed_as(&bucket.signature(SECRET), SECRET));
        let key = SignedRequest { path: "/bucket/key", ..bucket.clone() };
        assert!(!key.is_signed_as(&SignedRequest { path: "/bucket/key/", ..bucket }.signature(SECRET), SECRET));
    }

    #[test]
    fn overrides_are_signed_decoded_and_in_order() {
        let query = [("response-content-type", "text/plain"), ("Expires", "1"), ("partNumber", "1")];
        let query = query.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let request = SignedRequest { host_bucket: None, query: &query, ..REQUEST };
        assert!(request.string_to_sign().ends_with("/photos/puppy.jpg?partNumber=1&response-content-type=text/plain"));
    }
}
