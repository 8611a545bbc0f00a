//! A bucket for what runs wrote: the files of a shard are put there once it is whole, and brought back to be merged.
//!
//! None of this is a measured transfer, so that the SDK may do what it is good at: retry, and add checksums that the store
//! holds against what came. Where the bucket is and who may use it is found as every AWS tool finds it, endpoint included
//! (`AWS_ENDPOINT_URL_S3`, or the profile's `endpoint_url`): it need not be the store that is measured.

mod get;
mod put;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use ttlsweep_record::text::ServerText;

use super::answer_limit::{AnswerLimit, RefusalLimit};
use super::connect::{Configured, client_config};
use super::control::ControlPlane;
use super::overheard::Overheard;
use super::preflight::{UNTRUSTED, is_untrusted, words};
use super::{StoreError, StoreSettings};
use crate::dial::reach::Route;

/// A place in a bucket: `s3://bucket/prefix`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultsUrl {
    bucket: String,
    /// Without slashes at its ends; empty for the bucket itself.
    prefix: String,
}

/// A text that names no place in a bucket.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no place in a bucket; expected s3://bucket/prefix")]
pub struct NoResultsUrl(String);

/// The place, with the client that asks it.
#[derive(Debug, Clone)]
pub(crate) struct Results {
    client: aws_sdk_s3::Client,
    /// Lists what is there, which takes no longer than any other small answer.
    listing: aws_sdk_s3::Client,
    /// Brings files, whose bytes are counted as they come; what the other one is answered is read whole.
    bringing: aws_sdk_s3::Client,
    url: ResultsUrl,
}

/// Why results were not put or brought.
#[derive(Debug, thiserror::Error)]
pub enum ResultsError {
    /// Nobody answers, or the store has failed itself: it may work later.
    #[error("{what}: {why}")]
    Unreachable {
        /// What was asked of which object.
        what: ServerText,
        /// The innermost cause.
        why: ServerText,
    },
    /// The store's certificate is not trusted: no retry will mend that.
    #[error("{what}: {why}; {UNTRUSTED}")]
    Untrusted {
        /// What was asked of which object.
        what: ServerText,
        /// What is wrong with it.
        why: ServerText,
    },
    /// The store refuses: no retry will mend that.
    #[error("{what}: {why}")]
    Refused {
        /// What was asked of which object.
        what: ServerText,
        /// What it said.
        why: ServerText,
    },
    /// An object's bytes are not those that were put.
    #[error("{0} is not what was put there: its SHA-256 differs")]
    Damaged(ServerText),
    /// A file on this side.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
}

impl ResultsUrl {
    /// Whether a text is meant to be such a place rather than a folder.
    pub(crate) fn is_meant_by(text: &str) -> bool {
        text.starts_with(SCHEME)
    }

    /// The bucket.
    pub(crate) fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Whether it lies in `bucket` below the keys that begin with `prefix`, which ends with a slash.
    pub(crate) fn is_below(&self, bucket: &str, prefix: &str) -> bool {
        self.bucket == bucket && format!("{}/", self.prefix).starts_with(prefix)
    }

    /// The same place's `name` below it.
    #[must_use]
    pub(crate) fn below(&self, name: &str) -> Self {
        let prefix = if self.prefix.is_empty() { name.to_owned() } else { format!("{}/{name}", self.prefix) };
        Self { bucket: self.bucket.clone(), prefix }
    }

    /// What is left of a key of this bucket below this place.
    fn name_of<'a>(&self, key: &'a str) -> Option<&'a str> {
        if self.prefix.is_empty() { Some(key) } else { key.strip_prefix(&self.prefix)?.strip_prefix('/') }
    }
}

impl FromStr for ResultsUrl {
    type Err = NoResultsUrl;

    fn from_str(text: &str) -> Result<Self, NoResultsUrl> {
        let rest = text.strip_prefix(SCHEME).ok_or_else(|| NoResultsUrl(text.to_owned()))?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        // An empty step would be a folder without a name.
        let prefix = prefix.trim_end_matches('/');
        if bucket.is_empty() || prefix.starts_with('/') || prefix.contains("//") {
            return Err(NoResultsUrl(text.to_owned()));
        }
        Ok(Self { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }
}

impl fmt::Display for ResultsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slash = if self.prefix.is_empty() { "" } else { "/" };
        write!(f, "{SCHEME}{}{slash}{}", self.bucket, self.prefix)
    }
}

impl Results {
    /// Resolves credentials and region. No request is sent to the store itself.
    ///
    /// # Errors
    /// One of these cannot be had; the message says what to do.
    pub(crate) async fn connect(url: ResultsUrl, settings: &StoreSettings) -> Result<Self, StoreError> {
        let tls = Arc::new(client_config(settings.trust.pem()?.as_deref())?);
        let control = ControlPlane::new(tls, Route::of_environment());
        let Configured { config, region, .. } = Configured::load(settings, control).await?;
        let elsewhere = settings.endpoint.is_some() || config.endpoint_url().is_some() || has_endpoint_of_its_own();
        let mut builder = aws_sdk_s3::config::Builder::from(&config)
            .region(region)
            .interceptor(Overheard)
            .force_path_style(elsewhere)
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .timeout_config(within(ATTEMPT, ALL_ATTEMPTS))
            .request_checksum_calculation(RequestChecksumCalculation::WhenSupported)
            // Those of objects that were put in parts are checksums of checksums, of which the SDK only warns.
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        if let Some(endpoint) = &settings.endpoint {
            builder = builder.endpoint_url(endpoint);
        }
        let bringing = aws_sdk_s3::Client::from_conf(builder.clone().interceptor(RefusalLimit).build());
        let builder = builder.interceptor(AnswerLimit);
        let listing = builder.clone().timeout_config(within(LISTING, ALL_LISTINGS)).build();
        let listing = aws_sdk_s3::Client::from_conf(listing);
        Ok(Self { client: aws_sdk_s3::Client::from_conf(builder.build()), listing, bringing, url })
    }

    /// Where it is.
    pub(crate) fn url(&self) -> &ResultsUrl {
        &self.url
    }

    /// The same bucket, at `name` below this place.
    #[must_use]
    pub(crate) fn below(&self, name: &str) -> Self {
        Self { url: self.url.below(name), ..self.clone() }
    }
}

impl ResultsError {
    /// What a failed request to `operation` about `url` says.
    fn of<E>(operation: &str, url: &ResultsUrl, error: &SdkError<E>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let (what, why) = (format!("{operation} {url}").into(), words(error));
        if is_untrusted(error) {
            return Self::Untrusted { what, why };
        }
        let failed = error.raw_response().is_none_or(|response| response.status().is_server_error());
        let throttled = matches!(error.code(), Some("SlowDown" | "RequestTimeout" | "ThrottlingException"));
        let never_sent = matches!(error, SdkError::ConstructionFailure(_));
        if (failed || throttled) && !never_sent { Self::Unreachable { what, why } } else { Self::Refused { what, why } }
    }
}

fn within(attempt: Duration, all: Duration) -> TimeoutConfig {
    TimeoutConfig::builder().operation_attempt_timeout(attempt).operation_timeout(all).build()
}

/// The SDK reads it and does not tell that it did: whether the bucket stands in the host's name hangs on it.
fn has_endpoint_of_its_own() -> bool {
    std::env::var_os("AWS_ENDPOINT_URL_S3").is_some_and(|url| !url.is_empty())
}

const SCHEME: &str = "s3://";

/// Of each request, with growing pauses between them: half a minute or so of an outage is sat out.
const ATTEMPTS: u32 = 6;

/// What all of them may take together. It would be 15 s otherwise, as for the target's control requests.
const ALL_ATTEMPTS: Duration = ATTEMPT.saturating_mul(ATTEMPTS);

/// What one attempt may take: a part at 1 Mbit/s takes 67 s.
const ATTEMPT: Duration = Duration::from_secs(120);

/// What one attempt at a list may take. An answer that never ends, for example in the size of a chunk, ends here.
const LISTING: Duration = Duration::from_secs(15);

/// What all of them may take, which leaves room for the pauses between attempts that are refused at once.
const ALL_LISTINGS: Duration = Duration::from_secs(45);

/// The object's SHA-256 as hexadecimal digits, which goes with it as metadata: what comes back is held against it, whatever
/// checksums the store has.
const SHA256: &str = "ttlsweep-sha256";

#[cfg(test)]
mod tests;
