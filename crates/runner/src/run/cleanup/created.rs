//! What a run makes in a bucket, and has to delete again.

use std::fmt;

use ttlsweep_record::text::{ServerText, visible};

use crate::s3::object_key::ObjectKey;
use crate::secret::redacted;

/// Something that a run made in the bucket.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CreatedObject {
    /// Its key.
    pub key: ObjectKey,
    /// The multipart upload, as the store named it; nothing for an object.
    pub upload_id: Option<ServerText>,
}

impl CreatedObject {
    /// The upload's name as it may be written: a store may name it by a secret of the request. It is found again by listing then.
    pub(crate) fn written_id(&self) -> Option<String> {
        self.upload_id.as_ref().map(|id| redacted(id.raw()).into_owned())
    }
}

/// One line, whatever the store calls the upload.
impl fmt::Display for CreatedObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.written_id().map(ServerText::new) {
            None => write!(f, "{}", visible(self.key.as_str())),
            Some(upload_id) => write!(f, "{} (multipart upload {upload_id})", visible(self.key.as_str())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3::object_key::RunPrefix;

    #[test]
    fn a_store_that_names_an_upload_by_the_requests_token_has_it_written_nowhere() {
        let secret = "FwoGZXIvYXdzEBYaDJk3examplesecret0123";
        let named = |id: &str| CreatedObject {
            key: RunPrefix::new("", "probe", "probe").key("c1"),
            upload_id: Some(ServerText::new(id)),
        };
        let upload = named(&format!("x-amz-security-token={secret}"));
        for written in [upload.written_id().unwrap(), upload.to_string()] {
            assert!(!written.contains(secret), "{written}");
        }
        let honest = "VXBsb2FkIElEIGZvciA2aWWpbmcncyBteS1tb3ZpZS5tMnRzIHVwbG9hZA";
        assert_eq!(named(honest).written_id().as_deref(), Some(honest));
    }
}
