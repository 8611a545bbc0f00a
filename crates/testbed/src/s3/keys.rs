//! What signatures are held against.

use crate::config::secret::Secret;
use crate::s3::errors::Failure;

/// The one key pair, and the region, that signatures are held against.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    pub(crate) access_key: String,
    pub(crate) secret_key: Secret,
    pub(crate) region: String,
}

impl Keys {
    pub(crate) fn unknown(&self, access_key: &str) -> Failure {
        Failure::forbidden("InvalidAccessKeyId", UNKNOWN_KEY).with("AWSAccessKeyId", access_key)
    }
}

pub(crate) const UNKNOWN_KEY: &str = "The AWS Access Key Id you provided does not exist in our records.";
