//! Deleting what a run made: objects in batches or one by one, and multipart uploads.
//!
//! These requests go by the SDK's own connections, never by one that carries a transfer.

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use ttlsweep_record::text::ServerText;

use super::Store;
use super::preflight::words;
use crate::s3::object_key::ObjectKey;
use crate::secret::redacted_answer;

/// Why something was not deleted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeleteError {
    /// The key may put, but not delete: neither this nor anything else of the kind.
    #[error("{0}")]
    Denied(ServerText),
    /// The store does not know the request.
    #[error("{0}")]
    Unknown(ServerText),
    /// Nobody answered, or the store failed; it may work later.
    #[error("{0}")]
    Failed(ServerText),
    /// The store took the request and did not answer in time: it may still be at it.
    #[error("{0}")]
    Hung(ServerText),
    /// It cannot be asked for, such as a listed upload with an empty id, or the store takes it for a bad request. That says
    /// nothing of others.
    #[error("{0}")]
    ThisOne(ServerText),
}

impl DeleteError {
    /// Whether the same may work later.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::Hung(_))
    }
}

impl Store {
    /// Deletes up to 1,000 objects by one request; returns those that are still there. One that was never there counts as
    /// deleted.
    ///
    /// # Errors
    /// The request as a whole was refused.
    pub(crate) async fn delete_objects(
        &self,
        keys: &[ObjectKey],
    ) -> Result<Vec<(ObjectKey, DeleteError)>, DeleteError> {
        let named = |error: &dyn std::fmt::Display| DeleteError::Failed(format!("DeleteObjects: {error}").into());
        let identifiers = keys.iter().map(|key| ObjectIdentifier::builder().key(key.as_str()).build());
        let identifiers = identifiers.collect::<Result<Vec<_>, _>>().map_err(|error| named(&error))?;
        let delete = Delete::builder().set_objects(Some(identifiers)).quiet(true).build();
        let delete = delete.map_err(|error| named(&error))?;
        let deleted = self.control.delete_objects().bucket(&self.bucket).delete(delete).send().await;
        let deleted = deleted.map_err(|error| reason("DeleteObjects", &error))?;
        let errors = deleted.errors().iter().filter_map(|error| {
            let key = keys.iter().find(|key| Some(key.as_str()) == error.key())?;
            let code = error.code().unwrap_or("no code");
            let message = redacted_answer(error.message().unwrap_or("no message"));
            let text = format!("DeleteObjects {key}: {code}, \"{message}\"");
            match code {
                "NoSuchKey" => None,
                "AccessDenied" => Some((key.clone(), DeleteError::Denied(text.into()))),
                _ => Some((key.clone(), DeleteError::Failed(text.into()))),
            }
        });
        Ok(errors.collect())
    }

    /// Deletes one object. One that was never there counts as deleted.
    ///
    /// # Errors
    /// It is still there.
    pub(crate) async fn delete_object(&self, key: &ObjectKey) -> Result<(), DeleteError> {
        match self.control.delete_object().bucket(&self.bucket).key(key.as_str()).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("NoSuchKey") => Ok(()),
            Err(error) => Err(reason(&format!("DeleteObject {key}"), &error)),
        }
    }

    /// Gives a multipart upload up, so that its parts are stored and billed no longer. One that is gone counts as given up.
    ///
    /// # Errors
    /// It is still there.
    pub(crate) async fn abort_upload(&self, key: &ObjectKey, upload_id: &str) -> Result<(), DeleteError> {
        let aborting = self.control.abort_multipart_upload().bucket(&self.bucket).key(key.as_str());
        match aborting.upload_id(upload_id).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("NoSuchUpload") => Ok(()),
            Err(error) => Err(reason(&format!("AbortMultipartUpload {key}"), &error)),
        }
    }
}

fn reason<E>(what: &str, error: &SdkError<E, HttpResponse>) -> DeleteError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let text = ServerText::new(format!("{what}: {}", words(error)));
    match error {
        SdkError::ConstructionFailure(_) => return DeleteError::ThisOne(text),
        SdkError::TimeoutError(_) => return DeleteError::Hung(text),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => return DeleteError::Hung(text),
        _ => {}
    }
    match error.raw_response().map(|response| response.status().as_u16()) {
        Some(401 | 403) => DeleteError::Denied(text),
        // Not implemented, or not allowed for any.
        Some(405 | 411 | 501) => DeleteError::Unknown(text),
        Some(status @ 400..=499) if !matches!(status, 408 | 429) => DeleteError::ThisOne(text),
        _ => DeleteError::Failed(text),
    }
}
