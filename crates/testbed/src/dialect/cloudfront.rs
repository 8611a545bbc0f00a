//! CloudFront: signed URLs with a canned or a custom policy, by the testbed's RSA key, whose id is the access key. Of a custom policy,
//! the resource and the dates are held against a request, and addresses are not.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use serde_json::Value;
use time::OffsetDateTime;

use super::rsa::{Hash, holds};
use super::{Vendor, epoch, without};
use crate::s3::errors::Failure;
use crate::s3::headers::header;
use crate::s3::presigned::{Head, Presigned};

pub(super) const VENDOR: Vendor = Vendor {
    word: "cloudfront",
    takes: "signed URLs of CloudFront with a canned or a custom policy, by the testbed's RSA key",
    read: |head| {
        let is_signed = head.query.names().any(|name| ["Key-Pair-Id", "Policy"].contains(&name));
        if is_signed { Ok(Some(Box::new(Link::read(head)?))) } else { Ok(None) }
    },
    sign_off: |response, with| {
        let is_error = response.status().is_client_error() || response.status().is_server_error();
        let headers = response.headers_mut();
        headers.insert("x-amz-cf-id", HeaderValue::from_str(&with.ids.host_id).expect("ids are plain ASCII"));
        let cache = if is_error { "Error from cloudfront" } else { "Miss from cloudfront" };
        headers.insert("x-cache", HeaderValue::from_static(cache));
        if is_error {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/xml"));
        }
    },
};

#[derive(Debug)]
struct Link {
    key_pair_id: String,
    hash: Hash,
    signature: Vec<u8>,
    /// What is signed.
    policy: String,
    /// The URLs that the policy is for, where it may have wildcards.
    resource: Option<String>,
    begins_at: Option<OffsetDateTime>,
    expires_at: OffsetDateTime,
}

impl Link {
    fn read(head: &Head<'_>) -> Result<Self, Failure> {
        let need = |name: &str| {
            let missing = || missing(&format!("Missing {name} query parameter or cookie value"));
            head.query.get(name).filter(|value| !value.is_empty()).ok_or_else(missing)
        };
        let key_pair_id = need("Key-Pair-Id")?.to_owned();
        let signature = STANDARD.decode(standard(need("Signature")?)).map_err(|_| malformed())?;
        let hash = match head.query.get("Hash-Algorithm") {
            None | Some("SHA1") => Hash::Sha1,
            Some("SHA256") => Hash::Sha256,
            Some(_) => return Err(malformed()),
        };
        let Some(policy) = head.query.get("Policy") else {
            let expires = need("Expires")?;
            let expires_at = epoch(expires).ok_or_else(malformed)?;
            let policy = format!(
                "{{\"Statement\":[{{\"Resource\":\"{}\",\"Condition\":{{\"DateLessThan\":{{\"AWS:EpochTime\":{expires}}}}}}}]}}",
                url(head)
            );
            return Ok(Self { key_pair_id, hash, signature, policy, resource: None, begins_at: None, expires_at });
        };
        let policy = STANDARD.decode(standard(policy)).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let policy = policy.ok_or_else(malformed)?;
        let document: Value = serde_json::from_str(&policy).map_err(|_| malformed())?;
        let statement = &document["Statement"][0];
        let date = |name: &str| {
            let seconds = statement["Condition"][name]["AWS:EpochTime"].as_i64()?;
            OffsetDateTime::from_unix_timestamp(seconds).ok()
        };
        Ok(Self {
            key_pair_id,
            hash,
            signature,
            resource: Some(statement["Resource"].as_str().unwrap_or("*").to_owned()),
            begins_at: date("DateGreaterThan"),
            expires_at: date("DateLessThan").ok_or_else(malformed)?,
            policy,
        })
    }
}

impl Presigned for Link {
    fn expires_at(&self) -> OffsetDateTime {
        self.expires_at
    }

    fn verify(&self, head: &Head<'_>) -> Result<Option<String>, Failure> {
        if self.key_pair_id != head.keys.access_key {
            return Err(Failure::forbidden("InvalidKey", "Unknown Key"));
        }
        let is_for_this = self.resource.as_ref().is_none_or(|resource| fits(resource.as_bytes(), url(head).as_bytes()));
        let has_begun = self.begins_at.is_none_or(|begins_at| begins_at <= head.now);
        if is_for_this && has_begun && holds(self.hash, self.policy.as_bytes(), &self.signature) {
            return Ok(None);
        }
        Err(denied())
    }

    fn expired(&self, _: OffsetDateTime) -> Failure {
        denied()
    }

    fn has(&self, parameter: &str) -> bool {
        is_own(parameter)
    }
}

fn is_own(parameter: &str) -> bool {
    ["Expires", "Policy", "Signature", "Key-Pair-Id", "Hash-Algorithm"].contains(&parameter)
}

/// The URL as it was before it was signed.
fn url(head: &Head<'_>) -> String {
    let scheme = if head.tls { "https" } else { "http" };
    let query = without(head.parts.uri.query(), is_own);
    let question = if query.is_empty() { "" } else { "?" };
    format!("{scheme}://{}{}{question}{query}", header(head.parts, "host"), head.parts.uri.path())
}

/// Whether a pattern fits a text: `*` stands for any characters, `?` for one.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => (0..=text.len()).any(|from| fits(rest, &text[from..])),
        ([b'?', rest @ ..], [_, text @ ..]) => fits(rest, text),
        ([wanted, rest @ ..], [found, text @ ..]) => wanted == found && fits(rest, text),
        _ => false,
    }
}

/// Its alphabet has `-_~` where others have `+=/`.
fn standard(text: &str) -> String {
    text.replace('-', "+").replace('_', "=").replace('~', "/")
}

/// What is said to an expired link, and to a wrong signature.
fn denied() -> Failure {
    Failure::forbidden("AccessDenied", "Access denied")
}

fn missing(message: &str) -> Failure {
    Failure::forbidden("MissingKey", message)
}

fn malformed() -> Failure {
    Failure::forbidden("MalformedPolicy", "Malformed Policy")
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::testing::{code, verified};
    use super::*;

    #[test]
    fn a_resource_may_have_wildcards() {
        for (pattern, text, is_fit) in [
            ("http*://h/*", "https://h/a/b", true),
            ("http://h/?.bin", "http://h/a.bin", true),
            ("http://h/?.bin", "http://h/aa.bin", false),
            ("http://h/a", "http://h/ab", false),
            ("*", "", true),
        ] {
            assert_eq!(fits(pattern.as_bytes(), text.as_bytes()), is_fit, "{pattern} {text}");
        }
    }

    // Signed by botocore 1.44 with the testbed's RSA key.
    pub(in crate::dialect) const CANNED: &str = "/ttlsweep/dir/a%20b.bin?color=red&Expires=1796119200&Signature=a6J8Yio4bZfIXhIx-UUJ5QVkKu1gQsBS\
         ldri2vPHvtGnOFkQRgHDww2DtIV9qB~ZksMmR8LQNkGRRP8ePbT6M8bRVnGWpbZ-6T2CTUX-KNJdDN5XzLGtGd7fzxH8eF-\
         RLdIUB1p9dQPrNX79y1H5iOzubGCDcPNRLDahBWnl1zild1B1Vlg1VuN4oEB0QKny5jX9c51-4thwHgDwF0rPNmH6Q~oGJj\
         ze8up~mewoKtfIpvR09n7LpSIFQ0xp9zyHBu794iqreGWqKpB5TplY97cBdIPmZBvWqGextpQ0zpqrwUvl6oXf4LH5EWACO\
         g9XC7jlC9MgDqTbt1S2ug7J6Q__&Key-Pair-Id=ttlsweep-testbed";
    pub(in crate::dialect) const CUSTOM: &str = "/ttlsweep/dir/a%20b.bin?Policy=eyJTdGF0ZW1lbnQiOlt7IlJlc291cmNlIjoiaHR0cCo6Ly8xMjcuMC4wLjE6OTAw\
         MC90dGxzd2VlcC8qIiwiQ29uZGl0aW9uIjp7IkRhdGVMZXNzVGhhbiI6eyJBV1M6RXBvY2hUaW1lIjoxNzk2MTE5MjAwfSw\
         iSXBBZGRyZXNzIjp7IkFXUzpTb3VyY2VJcCI6IjAuMC4wLjAvMCJ9LCJEYXRlR3JlYXRlclRoYW4iOnsiQVdTOkVwb2NoVG\
         ltZSI6MTc5NjExNTYwMH19fV19&Signature=azpawmiecxp3Su5-FeuaHAECv30dBXaRqAvCAEJ-dS2knNKAdBcj5G2Gpa\
         Q8z6kku8SXR9v~I2l12BP4LwPu95kIFvdTvx2LCxbYUmrGkybQUkEHfdNJQwLzmebeVd~vutNcFIqydY7aj9H339yrkOLv8\
         7J2WwXhC7WB423hWSq9i~doew7X168dp8WWWm4mLUfdMAUVIgMebFz7IDYPacUby5OuTFEoWSFa43lgp9AYLRme95oBUSF1\
         3kXwbtR3nK8bic~BSRLFmbYMIVyDb5HqP9eKEDUTP2VjTV4dIOo0Z97-KmcXTE-4wpImCiyLr1TOxKAb7HkZ1qeLaXmhpg_\
         _&Key-Pair-Id=ttlsweep-testbed";
    pub(in crate::dialect) const SHA256: &str = "/ttlsweep/dir/a%20b.bin?Expires=1796119200&Signature=CDk3O0--v0o10rY60aanKvENLCbpcjrSOYYb6zBQPk\
         MV9yo5nY3Pa50iYT4WHuEPPUcxYRrdiSsLo0eZYldaYt15C4pecbjtChhgeaBfrQR73LlgjjAv8N3sYV3nvohX6luZU4F8e\
         jbK~4IbKcoI044KaLtfCWJjFEocIMu7nWVh8qigDme4zsDWWaulcsIwS-lWjaPCIfpmRo~1ICqSsILC4mZ40FuTdKvKXF3e\
         0TUuUXoVwnQIyLtRZ0rV0eutQrthMs8K~D~ugfZdBn5PCeGP27xacZ2Dt0mnOjESSd6SXP8noztW6y1UEWI18bEi48TjvTn\
         tDJaJ--vC8of3fw__&Key-Pair-Id=ttlsweep-testbed&Hash-Algorithm=SHA256";

    #[test]
    fn what_amazons_own_library_signs_is_let_in() {
        for link in [CANNED, CUSTOM, SHA256] {
            let read = verified("cloudfront", "GET", link, &[]).unwrap_or_else(|failure| panic!("{failure:?}: {link}"));
            assert_eq!(read.expires_at(), time::macros::datetime!(2026-12-01 10:00 UTC));
        }
    }

    #[test]
    fn what_was_not_signed_so_is_refused_as_by_cloudfront() {
        let other = |link: &str, from: &str, to: &str| {
            assert!(link.contains(from));
            link.replace(from, to)
        };
        for (link, refused) in [
            (other(CANNED, "b.bin", "c.bin"), "AccessDenied"),
            (other(CANNED, "color=red", "color=blue"), "AccessDenied"),
            (other(CANNED, "1796119200", "1796119201"), "AccessDenied"),
            (other(SHA256, "&Hash-Algorithm=SHA256", ""), "AccessDenied"),
            (other(CUSTOM, "/ttlsweep/", "/other/"), "AccessDenied"),
            (other(CUSTOM, "ttlsweep-testbed", "KSOMEBODY"), "InvalidKey"),
            (other(CANNED, "&Signature=", "&Signed="), "MissingKey"),
            (other(CUSTOM, "Policy=ey", "Policy=yy"), "MalformedPolicy"),
        ] {
            assert_eq!(code(verified("cloudfront", "GET", &link, &[])), refused, "{link}");
        }
    }
}
