//! The multipart uploads that parts are sent to.

use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::primitives::SdkBody;

use super::refusal::Refusal;
use super::sign::set_headers;
use super::{Store, preflight};
use crate::experiment::extras::Bearer;
use crate::s3::object_key::ObjectKey;

impl Store {
    /// Begins a multipart upload; returns S3's name for it.
    ///
    /// # Errors
    /// S3's refusal, in words.
    pub async fn begin_upload(&self, key: &ObjectKey) -> Result<String, String> {
        self.try_begin_upload(key).await.map_err(|refused| refused.0)
    }

    /// [`begin_upload`](Self::begin_upload), with what was answered.
    ///
    /// # Errors
    /// The refusal in words, and the answer if there was one.
    pub(crate) async fn try_begin_upload(&self, key: &ObjectKey) -> Result<String, Box<(String, Option<Refusal>)>> {
        let headers = self.extras.headers_of(Bearer::Begin);
        let begin = self.control.create_multipart_upload().bucket(&self.bucket).key(key.as_str());
        match begin.customize().mutate_request(move |request| set_headers(request, &headers)).send().await {
            Ok(begun) => begun
                .upload_id
                .ok_or_else(|| Box::new((format!("CreateMultipartUpload {key}: the answer has no upload id"), None))),
            Err(error) => answered_otherwise(&error).ok_or_else(|| {
                let words = format!("CreateMultipartUpload {key}: {}", preflight::words(&error));
                Box::new((words, Refusal::of_error(&error)))
            }),
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
