//! What a bucket says of itself: where it is, whether it keeps what is deleted, and where its access log goes.

use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::types::BucketVersioningStatus;
use ttlsweep_record::text::ServerText;

use super::Store;
use super::preflight::words;

/// The answer to HeadBucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BucketAnswer {
    /// The status; `None` if nobody answered.
    pub status: Option<u16>,
    /// The bucket's region (`x-amz-bucket-region`), which S3 gives with refusals, too.
    pub region: Option<ServerText>,
    /// The refusal in words.
    pub refusal: Option<ServerText>,
}

impl Store {
    /// Asks the bucket where it is.
    pub(crate) async fn head_bucket(&self) -> BucketAnswer {
        match self.control.head_bucket().bucket(&self.bucket).send().await {
            Ok(head) => {
                BucketAnswer { status: Some(200), region: head.bucket_region().map(ServerText::from), refusal: None }
            }
            Err(error) => {
                let response = match &error {
                    SdkError::ServiceError(service) => Some(service.raw()),
                    SdkError::ResponseError(response) => Some(response.raw()),
                    _ => None,
                };
                let region = response.and_then(|response| response.headers().get("x-amz-bucket-region"));
                BucketAnswer {
                    status: response.map(|response| response.status().as_u16()),
                    region: region.map(ServerText::from),
                    refusal: Some(words(&error)),
                }
            }
        }
    }

    /// Whether the bucket keeps old versions of what is deleted; `None` if that cannot be found out.
    pub(crate) async fn keeps_versions(&self) -> Option<bool> {
        let versioning = self.control.get_bucket_versioning().bucket(&self.bucket).send().await.ok()?;
        Some(versioning.status() == Some(&BucketVersioningStatus::Enabled))
    }

    /// Where its access log goes, `bucket/prefix`, or that it has none; `None` if that cannot be found out.
    pub(crate) async fn access_log(&self) -> Option<Option<ServerText>> {
        let logging = self.control.get_bucket_logging().bucket(&self.bucket).send().await.ok()?;
        Some(logging.logging_enabled().map(|log| format!("{}/{}", log.target_bucket(), log.target_prefix()).into()))
    }
}
