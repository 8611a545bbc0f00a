//! What a store can demand or lack beside S3's own rules.

use std::fmt;
use std::str::FromStr;

use http::{HeaderName, HeaderValue};

/// A header that each upload must carry, as a bucket's policy demands it: `NAME: VALUE`, or `NAME` for any value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequiredHeader {
    pub(crate) name: HeaderName,
    pub(crate) value: Option<HeaderValue>,
}

impl FromStr for RequiredHeader {
    type Err = RequiredHeaderError;

    fn from_str(text: &str) -> Result<Self, RequiredHeaderError> {
        let wrong = || RequiredHeaderError { text: text.to_owned() };
        let (name, value) = match text.split_once(':') {
            Some((name, value)) => (name, Some(HeaderValue::from_str(value.trim()).map_err(|_| wrong())?)),
            None => (text, None),
        };
        Ok(Self { name: name.trim().parse().map_err(|_| wrong())?, value })
    }
}

impl fmt::Display for RequiredHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name.as_str())?;
        match &self.value {
            Some(value) => write!(f, ": {}", String::from_utf8_lossy(value.as_bytes())),
            None => Ok(()),
        }
    }
}

/// A text that is not a header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a header; write for example `x-amz-server-side-encryption: aws:kms`, or the name alone for any value"
)]
pub struct RequiredHeaderError {
    /// The text.
    pub text: String,
}

/// What the store does with a query parameter that S3 does not have, such as `x-run`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnknownParameters {
    /// Ignores it, as S3 does.
    #[default]
    Ignore,
    /// Answers 501 NotImplemented, as strict stores do.
    Refuse,
}

impl UnknownParameters {
    /// Every word, in this order.
    pub const WORDS: &[&str] = &["ignore", "refuse"];
}

impl FromStr for UnknownParameters {
    type Err = UnknownParametersError;

    fn from_str(text: &str) -> Result<Self, UnknownParametersError> {
        match text {
            "ignore" => Ok(Self::Ignore),
            "refuse" => Ok(Self::Refuse),
            _ => Err(UnknownParametersError { text: text.to_owned() }),
        }
    }
}

/// A text that names no way to treat unknown parameters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not known; write `ignore` or `refuse`")]
pub struct UnknownParametersError {
    /// The text.
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_required_header_reads_back_as_itself() {
        for text in ["x-amz-server-side-encryption: aws:kms", "x-amz-acl"] {
            assert_eq!(text.parse::<RequiredHeader>().unwrap().to_string(), text);
        }
        assert!("a b: c".parse::<RequiredHeader>().unwrap_err().to_string().contains("`a b: c`"));
    }
}
