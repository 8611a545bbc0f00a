//! What every presigned link is to the testbed, whosever it is.

use std::fmt;

use http::Method;
use http::request::Parts;
use time::OffsetDateTime;

use crate::s3::errors::Failure;
use crate::s3::ids::RequestIds;
use crate::s3::keys::Keys;
use crate::s3::query::Query;

/// The link in a request; `None` if there is none.
pub(crate) type FoundLink = Result<Option<Box<dyn Presigned>>, Failure>;

/// A request's head, and what its link is held against.
pub(crate) struct Head<'a> {
    pub(crate) parts: &'a Parts,
    pub(crate) query: &'a Query,
    pub(crate) keys: &'a Keys,
    /// Whether the request came over TLS.
    pub(crate) tls: bool,
    /// When it came.
    pub(crate) now: OffsetDateTime,
}

/// A link as far as it could be read; nothing of it is true before [`Presigned::verify`].
pub(crate) trait Presigned: fmt::Debug + Send + Sync {
    /// The instant from which on it is expired.
    fn expires_at(&self) -> OffsetDateTime;

    /// When it was signed, if it says so.
    fn signed_at(&self) -> Option<OffsetDateTime> {
        None
    }

    /// Checks everything but the expiry. Tells the SHA-256 (in hex) that the body must have, if the signature covers one.
    fn verify(&self, head: &Head<'_>) -> Result<Option<String>, Failure>;

    /// What a request with this link is told once it has expired.
    fn expired(&self, now: OffsetDateTime) -> Failure;

    /// Whether a query parameter is a part of the link, and says nothing to the service behind.
    fn has(&self, parameter: &str) -> bool;
}

/// What an answer is given before it leaves.
pub(crate) struct SignOff<'a> {
    pub(crate) method: &'a Method,
    pub(crate) ids: &'a RequestIds,
    pub(crate) now: OffsetDateTime,
}
