//! Links of Signature Version 2, by which boto3 presigns unless it is told otherwise, and which the SDK here does not make. Only links:
//! requests that are signed in headers are of Version 4.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, Method, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha1::Sha1;

/// Who signs, and for whom.
pub(super) struct Signer<'a> {
    pub(super) access_key: &'a str,
    pub(super) secret_key: &'a str,
    pub(super) token: Option<&'a str>,
    pub(super) bucket: &'a str,
}

impl Signer<'_> {
    /// `uri` as a link that expires at `expires`, in seconds since 1970. `headers` have to be sent with it; `None` if they cannot
    /// be signed.
    pub(super) fn link(&self, method: &Method, uri: &Uri, headers: &HeaderMap, expires: i64) -> Option<Uri> {
        let text = self.string_to_sign(method, uri, headers, expires)?;
        let mut mac = Hmac::<Sha1>::new_from_slice(self.secret_key.as_bytes()).ok()?;
        mac.update(text.as_bytes());
        let signature = STANDARD.encode(mac.finalize().into_bytes());
        let mut link = uri.to_string();
        link.push(if uri.query().is_some() { '&' } else { '?' });
        link.push_str(&format!("AWSAccessKeyId={}&Expires={expires}", encoded(self.access_key)));
        if let Some(token) = self.token {
            link.push_str(&format!("&{TOKEN}={}", encoded(token)));
        }
        link.push_str(&format!("&Signature={}", encoded(&signature)));
        link.parse().ok()
    }

    fn string_to_sign(&self, method: &Method, uri: &Uri, headers: &HeaderMap, expires: i64) -> Option<String> {
        let header = |name: &str| headers.get(name).map_or(Some(""), |value| value.to_str().ok());
        let mut amz = Vec::new();
        for (name, value) in headers.iter().filter(|(name, _)| name.as_str().starts_with("x-amz-")) {
            amz.push((name.as_str(), value.to_str().ok()?));
        }
        amz.extend(self.token.map(|token| (TOKEN, token)));
        amz.sort_unstable();
        let mut text = format!("{method}\n{}\n{}\n{expires}\n", header("content-md5")?, header("content-type")?);
        amz.iter().for_each(|(name, value)| text.extend([name, ":", value.trim(), "\n"]));
        // A bucket that the host names is signed as if the path named it.
        let host = uri.host().unwrap_or_default();
        if host.strip_prefix(self.bucket).is_some_and(|rest| rest.starts_with('.')) {
            text.extend(["/", self.bucket]);
        }
        text.push_str(uri.path());
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let pairs = uri.query().unwrap_or_default().split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let mut covered: Vec<_> = pairs.map(|(name, value)| (decoded(name), decoded(value))).collect();
        covered.retain(|(name, _)| COVERED.contains(&name.as_str()));
        covered.sort_unstable();
        for (place, (name, value)) in covered.iter().enumerate() {
            text.extend([if place == 0 { "?" } else { "&" }, name, if value.is_empty() { "" } else { "=" }, value]);
        }
        Some(text)
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, &RESERVED).to_string()
}

const TOKEN: &str = "x-amz-security-token";

/// The query parameters of puts, gets and parts that the signature covers; a transfer's name is not among them.
const COVERED: [&str; 9] = [
    "partNumber",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "uploadId",
    "versionId",
];

const RESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

#[cfg(test)]
mod tests {
    use super::*;

    /// What botocore 1.44 signs for the same requests at the same instant.
    #[test]
    fn the_signatures_are_botocores() {
        let path = "http://127.0.0.1:9/bucket/a%20key/x";
        let part = "http://127.0.0.1:9/bucket/a%20key/x?uploadId=U&partNumber=3&x-run=t-1";
        let host = "http://bucket.s3.test:9/a%20key/x";
        let policy = [("content-type", "a/b"), ("x-amz-acl", "private")];
        for (method, uri, headers, token, signature) in [
            (Method::GET, path, &[][..], None, "9HEG%2B7RCmrtigyLXEp8DjF8IgVA%3D"),
            (Method::PUT, path, &[], None, "ZcbPERrsKwBxU0Nalnj11paUOeI%3D"),
            (Method::PUT, path, &[], Some("to/ken=="), "Fh%2BWfbVb3dqNe%2Fsm268wSz3kfCE%3D"),
            (Method::PUT, path, &policy[..], None, "w%2F3ML9EdGZVJv6Z2X36L632Rk7k%3D"),
            (Method::PUT, part, &[], None, "nlKA0nTEaaS6IeYHbCCbSg1K0RQ%3D"),
            (Method::GET, host, &[], None, "9HEG%2B7RCmrtigyLXEp8DjF8IgVA%3D"),
        ] {
            let signer = Signer { access_key: "AK", secret_key: "SK", token, bucket: "bucket" };
            let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
            let link = signer.link(&method, &uri.parse().unwrap(), &headers, 1_764_000_010).unwrap();
            let query = link.query().unwrap();
            assert!(query.ends_with(&format!("&Signature={signature}")), "{method} {uri}: {query}");
            assert!(query.contains("AWSAccessKeyId=AK&Expires=1764000010&"), "{query}");
            assert_eq!(query.contains("x-amz-security-token=to%2Fken%3D%3D"), token.is_some(), "{query}");
        }
    }
}
