//! Whose links a testbed takes, and in whose words it refuses them.
//!
//! Each vendor has a file of its own here: how its links are read and verified, what an expired one is told, and what its answers
//! have beside S3's. Nothing outside of this folder knows any of them. They speak as far as expiry goes: objects are put and got as
//! in S3, each path begins with the bucket, and other requests than links stay S3's.

mod azure;
mod cloudfront;
mod gcs;
mod oss;
mod post;
mod rsa;
mod s3;
mod sigv2;

use std::fmt;
use std::str::FromStr;

use http::request::Parts;
use http::{Response, StatusCode};
use s3s::Body;
use time::OffsetDateTime;

use crate::s3::errors::Failure;
use crate::s3::link::is_signing_parameter;
use crate::s3::presigned::{FoundLink, Head, Presigned, SignOff};
use crate::s3::query::decode;

/// Whose links a testbed takes, and in whose words it refuses them.
#[derive(Clone, Copy)]
pub struct Dialect(&'static Vendor);

/// What is known of a vendor.
struct Vendor {
    /// Its word on the command line.
    word: &'static str,
    /// What it takes, for those who choose.
    takes: &'static str,
    /// Reads the link in a request; `None` if there is none of this vendor's.
    read: fn(&Head<'_>) -> FoundLink,
    /// Gives an answer what all of this vendor's have.
    sign_off: fn(&mut Response<Body>, &SignOff<'_>),
}

const VENDORS: [&Vendor; 7] =
    [&s3::VENDOR, &sigv2::VENDOR, &post::VENDOR, &gcs::VENDOR, &azure::VENDOR, &cloudfront::VENDOR, &oss::VENDOR];

impl Dialect {
    /// The words for them.
    pub const WORDS: &'static [&'static str] = &{
        let mut words = [""; VENDORS.len()];
        let mut at = 0;
        while at < VENDORS.len() {
            words[at] = VENDORS[at].word;
            at += 1;
        }
        words
    };

    /// The word.
    pub const fn as_str(self) -> &'static str {
        self.0.word
    }

    /// Each word with what it takes.
    pub fn explained() -> impl Iterator<Item = (&'static str, &'static str)> {
        VENDORS.iter().map(|vendor| (vendor.word, vendor.takes))
    }

    pub(crate) fn read(self, head: &Head<'_>) -> FoundLink {
        let link = (self.0.read)(head)?;
        // The service behind would take it for what it is in S3.
        if link.is_none() && head.query.names().any(is_signing_parameter) {
            return Err(Failure::new(
                StatusCode::BAD_REQUEST,
                "InvalidRequest",
                format!("This testbed takes other links: {}", self.0.takes),
            ));
        }
        Ok(link)
    }

    pub(crate) fn sign_off(self, response: &mut Response<Body>, with: &SignOff<'_>) {
        (self.0.sign_off)(response, with);
    }
}

impl Default for Dialect {
    fn default() -> Self {
        Self(&s3::VENDOR)
    }
}

impl PartialEq for Dialect {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Dialect {}

impl fmt::Debug for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dialect({self})")
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is none of [`Dialect::WORDS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected one of {}", Dialect::WORDS.join(", "))]
pub struct DialectError;

impl FromStr for Dialect {
    type Err = DialectError;

    fn from_str(text: &str) -> Result<Self, DialectError> {
        VENDORS.into_iter().find(|vendor| vendor.word == text).map(Self).ok_or(DialectError)
    }
}

/// Takes a link's parameters off a request, for the service behind, which then sees a request without a signature.
pub(crate) fn strip(parts: &mut Parts, link: &dyn Presigned) {
    let query = without(parts.uri.query(), |name| link.has(name));
    let path = parts.uri.path();
    let target = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
    parts.uri = target.parse().expect("a part of a valid target is one");
}

/// A query, as it was sent, without the parameters of certain names.
fn without(query: Option<&str>, is_out: impl Fn(&str) -> bool) -> String {
    let kept = query.unwrap_or_default().split('&');
    let kept = kept.filter(|pair| !is_out(&decode(pair.split('=').next().unwrap_or_default())));
    kept.collect::<Vec<_>>().join("&")
}

/// Seconds since 1970, without a sign or leading zeros.
fn epoch(text: &str) -> Option<OffsetDateTime> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    OffsetDateTime::from_unix_timestamp(text.parse().ok().filter(|_| is_plain)?).ok()
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod testing;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_is_a_dialect_and_reads_back_as_itself() {
        for word in Dialect::WORDS {
            assert_eq!(word.parse::<Dialect>().unwrap().to_string(), *word);
        }
        assert_eq!(Dialect::default().to_string(), "s3");
        assert!("aws".parse::<Dialect>().unwrap_err().to_string().contains("s3, sigv2, post, gcs"));
    }
}
