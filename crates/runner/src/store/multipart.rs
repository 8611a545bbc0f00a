//! The multipart uploads that parts are sent to.

use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::primitives::SdkBody;

use super::{Store, preflight};
use crate::object_key::ObjectKey;

impl Store {
    /// Begins a multipart upload; returns S3's name for it.
    ///
    /// # Errors
    /// S3's refusal, in words.
    pub async fn begin_upload(&self, key: &ObjectKey) -> Result<String, String> {
        match self.control.create_multipart_upload().bucket(&self.bucket).key(key.as_str()).send().await {
            Ok(begun) => {
                begun.upload_id.ok_or_else(|| format!("CreateMultipartUpload {key}: the answer has no upload id"))
            }
            Err(error) => answered_otherwise(&error)
                .ok_or_else(|| format!("CreateMultipartUpload {key}: {}", preflight::words(&error))),
        }
    }
}

/// The upload's name in a successful answer that the SDK refuses: its root has to be `InitiateMultipartUploadResult`, and
/// rclone's is not.
pub(super) fn answered_otherwise<E>(error: &SdkError<E>) -> Option<String> {
    let response = error.raw_response().filter(|response| response.status().is_success())?;
    upload_id(response.body())
}

fn upload_id(body: &SdkBody) -> Option<String> {
    let document = std::str::from_utf8(body.bytes()?).ok()?;
    let (_, rest) = document.split_once("<UploadId>")?;
    let (id, _) = rest.split_once("</UploadId>")?;
    let id = quick_xml::escape::unescape(id).ok()?;
    (!id.is_empty() && id.len() <= LONGEST_ID).then(|| id.into_owned())
}

/// S3's own have some 130 bytes; this one becomes a part of every link.
const LONGEST_ID: usize = 1 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_goes_on_under_the_id_of_an_answer_with_another_root() {
        let rclone = "<?xml version=\"1.0\"?>\n<InitiateMultipartUpload><Bucket>b</Bucket><Key>k</Key>\
                      <UploadId>17&amp;3</UploadId></InitiateMultipartUpload>";
        assert_eq!(upload_id(&SdkBody::from(rclone)).as_deref(), Some("17&3"));
        for none in ["", "<UploadId></UploadId>", "<UploadId>17", "<Error><Code>NoSuchBucket</Code></Error>"] {
            assert_eq!(upload_id(&SdkBody::from(none)), None, "{none}");
        }
    }
}
