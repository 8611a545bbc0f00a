//! Where a request goes before it is signed. The SDK says it once; then only keys and parts differ.

use std::time::Duration;

use aws_sdk_s3::presigning::PresigningConfig;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ttlsweep_record::Method;

use super::{Operation, SignError, Store};

impl Store {
    /// The address of what `operation` is about, with the parameters that name the operation, as the SDK's own link has them.
    ///
    /// # Errors
    /// The SDK makes no link, or one that does not end with its key.
    pub(super) async fn address(&self, operation: &Operation) -> Result<String, SignError> {
        let root = self.root.get_or_try_init(|| self.resolved_root()).await?;
        let key = utf8_percent_encode(operation.key.as_str(), ESCAPED_IN_PATH);
        let parameters = match (operation.method, &operation.part) {
            (Method::Get, _) => "x-id=GetObject".to_owned(),
            (Method::UploadPart, Some(part)) => {
                let upload = utf8_percent_encode(&part.upload_id, ESCAPED);
                format!("x-id=UploadPart&partNumber={}&uploadId={upload}", part.number)
            }
            (Method::Put | Method::UploadPart, _) => "x-id=PutObject".to_owned(),
        };
        Ok(format!("{root}{key}?{parameters}"))
    }

    async fn resolved_root(&self) -> Result<String, SignError> {
        let config = PresigningConfig::expires_in(Duration::from_secs(60)).map_err(|error| SignError::of(&error))?;
        let asked = self.client.get_object().bucket(&self.bucket).key(STAND_IN).presigned(config).await;
        let link = asked.map_err(|error| SignError::of(&error))?;
        let address = link.uri().split('?').next().unwrap_or_default();
        let root = address.strip_suffix(STAND_IN).filter(|root| root.ends_with('/'));
        root.map(str::to_owned).ok_or_else(|| SignError::of(&UnknownAddress))
    }
}

/// An SDK that writes links in another way.
#[derive(Debug, thiserror::Error)]
#[error("the SDK's link does not end with its key")]
struct UnknownAddress;

/// Any key that no URL has to escape.
const STAND_IN: &str = "k";
/// What stands for itself in a URL (RFC 3986, section 2.3); S3's signature escapes all else.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
const ESCAPED_IN_PATH: &AsciiSet = &ESCAPED.remove(b'/');
