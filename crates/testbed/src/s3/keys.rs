//! What signatures are held against.

use crate::s3::errors::Failure;
use crate::s3::secret::Secret;

/// The access key of a testbed that was told of no other.
pub const DEFAULT_ACCESS_KEY: &str = "ttlsweep-testbed";

/// The secret key that belongs to it: no secret at all, since anyone who reads this file knows it.
pub const DEFAULT_SECRET_KEY: &str = "ttlsweep-testbed-secret";

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
