//! Where an access log is written, and in which of S3's formats.

use std::path::PathBuf;
use std::str::FromStr;

/// Where an access log goes, and how it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessLogConfig {
    /// The file. What is in it stays.
    pub path: PathBuf,
    /// How it is written.
    pub format: AccessLogFormat,
}

/// How an access log is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AccessLogFormat {
    /// As S3 delivers it to a bucket: text of 27 fields, times in whole seconds.
    #[default]
    S3,
    /// As S3 delivers it to CloudWatch Logs: an object of JSON per line, times in milliseconds.
    S3Json,
}

impl AccessLogFormat {
    /// The words for them, as on the command line and as in the `source` of `server.csv`.
    pub const WORDS: &'static [&'static str] = &["s3", "s3-json"];
}

/// A word that is none of [`AccessLogFormat::WORDS`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected s3 or s3-json")]
pub struct AccessLogFormatError;

impl FromStr for AccessLogFormat {
    type Err = AccessLogFormatError;

    fn from_str(text: &str) -> Result<Self, AccessLogFormatError> {
        match text {
            "s3" => Ok(Self::S3),
            "s3-json" => Ok(Self::S3Json),
            _ => Err(AccessLogFormatError),
        }
    }
}
