//! Putting something that is not measured.

use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::primitives::ByteStream;

use sha2::{Digest, Sha256};
use ttlsweep_record::text::ServerText;

use super::Store;
use super::preflight::{may_pass, words};
use super::sign::set_headers;
use crate::experiment::extras::Bearer;
use crate::s3::object_key::ObjectKey;

/// Why something was not put.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("PutObject {key}: {why}")]
pub(crate) struct PutError {
    key: ObjectKey,
    why: ServerText,
    may_pass: bool,
}

impl PutError {
    /// Whether the same may work soon.
    pub(crate) fn may_pass(&self) -> bool {
        self.may_pass
    }
}

impl Store {
    /// Puts a text, signed in headers.
    ///
    /// # Errors
    /// Nobody answered, or the store refused it.
    pub(crate) async fn put_text(&self, key: &ObjectKey, text: &str) -> Result<(), PutError> {
        let body = ByteStream::from(text.as_bytes().to_vec());
        let put = self.control.put_object().bucket(&self.bucket).key(key.as_str()).content_type("text/plain");
        let digest = Sha256::digest(text);
        let headers = if self.extras.headers.want_digest() {
            self.extras.of_body(&digest).headers_of(Bearer::Put)
        } else {
            self.extras.headers_of(Bearer::Begin)
        };
        let put = put.body(body).customize().mutate_request(move |request| set_headers(request, &headers));
        let Err(error) = put.send().await else { return Ok(()) };
        let passes = match &error {
            SdkError::ServiceError(service) => may_pass(service.raw().status().as_u16()),
            // A store that does not answer would take a timeout each time.
            _ => false,
        };
        Err(PutError { key: key.clone(), why: words(&error), may_pass: passes })
    }
}
