//! What the store refuses beside S3's own rules, because it was told to: a bucket's policy, and a store's gaps.

mod terms;

use http::request::Parts;
use http::{Method, StatusCode};
use time::OffsetDateTime;

use crate::s3::errors::Failure;
use crate::s3::presigned::Presigned;
use crate::s3::query::Query;
use crate::s3::subject::Subject;

pub use terms::{RequiredHeader, RequiredHeaderError, UnknownParameters, UnknownParametersError};

/// Everything that is demanded.
#[derive(Debug)]
pub(crate) struct Demands {
    pub(crate) required_headers: Vec<RequiredHeader>,
    pub(crate) refuse_links: bool,
    pub(crate) link_age: Option<time::Duration>,
    pub(crate) unknown_parameters: UnknownParameters,
    pub(crate) list_v2: bool,
}

impl Demands {
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
        link: Option<&dyn Presigned>,
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
        // A checksum is of a body, of which a multipart upload has one in each part.
        let has_body = subject.is_object && parts.method == Method::PUT;
        let is_asked = |header: &&RequiredHeader| if is_checksum(header) { has_body } else { begins_object };
        if !self.required_headers.iter().filter(is_asked).all(|header| carries(parts, query, header)) {
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

/// Whether a request carries the header. S3 takes headers whose names begin with `x-amz-` from a link's query as well.
fn carries(parts: &Parts, query: &Query, header: &RequiredHeader) -> bool {
    let fits = |given: &[u8]| header.value.as_ref().is_none_or(|value| value.as_bytes() == given);
    parts.headers.get_all(&header.name).iter().any(|given| fits(given.as_bytes()))
        || (header.name.as_str().starts_with("x-amz-")
            && query.get_in_any_case(header.name.as_str()).is_some_and(|given| fits(given.as_bytes())))
}

fn is_checksum(header: &RequiredHeader) -> bool {
    // `x-amz-checksum-algorithm` begins an upload, and is not one.
    header.name.as_str().starts_with("x-amz-checksum-") && header.name != "x-amz-checksum-algorithm"
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
}
