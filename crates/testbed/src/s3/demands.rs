//! What the store refuses beside S3's own rules, because it was told to: a bucket's policy, and a store's gaps.

use std::fmt;
use std::str::FromStr;

use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use time::OffsetDateTime;

use crate::config::TestbedConfig;
use crate::s3::errors::Failure;
use crate::s3::link::{Link, Query};
use crate::s3::subject::Subject;

/// A header that each upload must carry, as a bucket's policy demands it: `NAME: VALUE`, or `NAME` for any value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequiredHeader {
    name: HeaderName,
    value: Option<HeaderValue>,
}

impl RequiredHeader {
    /// Whether a request carries it. S3 takes headers whose names begin with `x-amz-` from a link's query as well.
    fn is_met(&self, parts: &Parts, query: &Query) -> bool {
        let fits = |given: &[u8]| self.value.as_ref().is_none_or(|value| value.as_bytes() == given);
        parts.headers.get_all(&self.name).iter().any(|given| fits(given.as_bytes()))
            || (self.name.as_str().starts_with("x-amz-")
                && query.get_in_any_case(self.name.as_str()).is_some_and(|given| fits(given.as_bytes())))
    }
}

impl FromStr for RequiredHeader {
    type Err = RequiredHeaderError;

    fn from_str(text: &str) -> Result<Self, RequiredHeaderError> {
        let wrong = || RequiredHeaderError { text: text.to_owned() };
        let (name, value) = match text.split_once(':') {
            Some((name, value)) => (name, Some(HeaderValue::from_str(value.trim()).map_err(|_| wrong())?)),
            None => (text, None),
        };
        Ok(Self { name: name.trim().parse().map_err(|_| wrong())?, value })
    }
}

impl fmt::Display for RequiredHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name.as_str())?;
        match &self.value {
            Some(value) => write!(f, ": {}", String::from_utf8_lossy(value.as_bytes())),
            None => Ok(()),
        }
    }
}

/// A text that is not a header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a header; write for example `x-amz-server-side-encryption: aws:kms`, or the name alone for any value"
)]
pub struct RequiredHeaderError {
    /// The text.
    pub text: String,
}

/// What the store does with a query parameter that S3 does not have, such as `x-run`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnknownParameters {
    /// Ignores it, as S3 does.
    #[default]
    Ignore,
    /// Answers 501 NotImplemented, as strict stores do.
    Refuse,
}

impl UnknownParameters {
    /// Every word, in this order.
    pub const WORDS: &[&str] = &["ignore", "refuse"];
}

impl FromStr for UnknownParameters {
    type Err = UnknownParametersError;

    fn from_str(text: &str) -> Result<Self, UnknownParametersError> {
        match text {
            "ignore" => Ok(Self::Ignore),
            "refuse" => Ok(Self::Refuse),
            _ => Err(UnknownParametersError { text: text.to_owned() }),
        }
    }
}

/// A text that names no way to treat unknown parameters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not known; write `ignore` or `refuse`")]
pub struct UnknownParametersError {
    /// The text.
    pub text: String,
}

/// Everything that is demanded.
#[derive(Debug)]
pub(crate) struct Demands {
    required_headers: Vec<RequiredHeader>,
    refuse_links: bool,
    link_age: Option<time::Duration>,
    unknown_parameters: UnknownParameters,
    list_v2: bool,
}

impl Demands {
    pub(crate) fn of(config: &TestbedConfig) -> Self {
        Self {
            required_headers: config.required_headers.clone(),
            refuse_links: config.refuse_links,
            link_age: config.link_age.map(|age| time::Duration::try_from(age).unwrap_or(time::Duration::MAX)),
            unknown_parameters: config.unknown_parameters,
            list_v2: config.list_v2,
        }
    }

    /// What a store refuses because it has no such thing, before it looks at a signature.
    pub(crate) fn check_request(&self, query: &Query) -> Result<(), Failure> {
        if self.unknown_parameters == UnknownParameters::Refuse
            && let Some(name) = query.names().find(|name| !is_known(name))
        {
            return Err(Failure::new(
                StatusCode::NOT_IMPLEMENTED,
                "NotImplemented",
                "A query parameter that you provided implies functionality that is not implemented.",
            )
            .with("Parameter", name));
        }
        Ok(())
    }

    /// What the bucket's policy refuses, once it is known who asks: an expired link has been refused before.
    pub(crate) fn check_access(
        &self,
        parts: &Parts,
        query: &Query,
        link: Option<&Link>,
        now: OffsetDateTime,
    ) -> Result<(), Failure> {
        let denied = || Err(Failure::forbidden("AccessDenied", "Access Denied"));
        if let Some(link) = link {
            if self.refuse_links {
                return denied();
            }
            // A link of Version 2 does not say when it was signed.
            if let (Some(limit), Some(signed_at)) = (self.link_age, link.signed_at())
                && now - signed_at > limit
            {
                return denied();
            }
        }
        let subject = Subject::of(parts);
        // S3 holds a part against what its upload was begun with.
        let begins_object = subject.is_object
            && match parts.method {
                Method::PUT => query.get("uploadId").is_none(),
                Method::POST => query.get("uploads").is_some(),
                _ => false,
            };
        if begins_object && !self.required_headers.iter().all(|header| header.is_met(parts, query)) {
            return denied();
        }
        if !self.list_v2
            && parts.method == Method::GET
            && !subject.is_object
            && query.get("list-type").is_some_and(|version| version == "2")
        {
            return Err(Failure::new(
                StatusCode::NOT_IMPLEMENTED,
                "NotImplemented",
                "ListObjectsV2 is not implemented by this store.",
            ));
        }
        Ok(())
    }
}

/// Whether a query parameter is one of S3's.
fn is_known(name: &str) -> bool {
    let is_amazons = name.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("x-amz-"));
    is_amazons || KNOWN_PARAMETERS.binary_search(&name).is_ok()
}

/// S3's query parameters, in the order of their bytes, without those that begin with `x-amz-`.
const KNOWN_PARAMETERS: [&str; 70] = [
    "AWSAccessKeyId",
    "Expires",
    "Signature",
    "abac",
    "accelerate",
    "acl",
    "allow-unordered",
    "analytics",
    "attributes",
    "bucket-region",
    "continuation-token",
    "cors",
    "defaultObjectAcl",
    "delete",
    "delimiter",
    "encoding-type",
    "encryption",
    "fetch-owner",
    "id",
    "intelligent-tiering",
    "inventory",
    "key-marker",
    "legal-hold",
    "lifecycle",
    "list-type",
    "location",
    "logging",
    "marker",
    "max-buckets",
    "max-keys",
    "max-parts",
    "max-uploads",
    "metadataConfiguration",
    "metadataTable",
    "metrics",
    "notification",
    "object-lock",
    "ownershipControls",
    "part-number-marker",
    "partNumber",
    "policy",
    "policyStatus",
    "prefix",
    "publicAccessBlock",
    "renameObject",
    "replication",
    "requestPayment",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "retention",
    "select",
    "select-type",
    "session",
    "start-after",
    "tagging",
    "torrent",
    "upload-id-marker",
    "uploadId",
    "uploads",
    "version-id-marker",
    "versionId",
    "versioning",
    "versions",
    "website",
    "x-id",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_parameters_can_be_searched() {
        assert!(KNOWN_PARAMETERS.is_sorted());
        assert!(is_known("X-Amz-Signature") && is_known("x-id") && is_known("uploadId"));
        assert!(!is_known("x-run") && !is_known("x-am"));
    }

    #[test]
    fn a_required_header_reads_back_as_itself() {
        for text in ["x-amz-server-side-encryption: aws:kms", "x-amz-acl"] {
            assert_eq!(text.parse::<RequiredHeader>().unwrap().to_string(), text);
        }
        assert!("a b: c".parse::<RequiredHeader>().unwrap_err().to_string().contains("`a b: c`"));
    }
}
