//! One question before the first transfer: is the bucket there, and does the key open it? A typo must not become a
//! thousand rows.

use std::borrow::Cow;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use ttlsweep_record::text::ServerText;

use super::Store;
use crate::secret::redacted_answer;

/// Why a target cannot be swept.
#[derive(Debug, thiserror::Error)]
pub enum PreflightError {
    /// Nobody answered: it may work later.
    #[error("the target cannot be reached: {0}")]
    Unreachable(ServerText),
    /// It answered that it cannot serve now: it may work later.
    #[error("the target cannot serve now: {0}; try again later")]
    Unwell(ServerText),
    /// Its certificate is not trusted: no retry will mend that.
    #[error("the target's certificate is not trusted: {0}; {UNTRUSTED}")]
    Untrusted(ServerText),
    /// It answered and refused: no retry will mend that.
    #[error("the target refuses: {0}")]
    Refused(ServerText),
}

impl Store {
    /// Lists at most one key. A key that may not list is no obstacle: uploads need no such right.
    ///
    /// # Errors
    /// Nobody answers, or only with a 429 or a 5xx of a kind that passes; the bucket does not exist, or the signature or key is refused.
    pub async fn preflight(&self) -> Result<(), PreflightError> {
        let Err(error) = self.control.list_objects_v2().bucket(&self.bucket).max_keys(1).send().await else {
            return Ok(());
        };
        let bucket = &self.bucket;
        match &error {
            SdkError::ServiceError(service) if may_pass(service.raw().status().as_u16()) => {
                Err(PreflightError::Unwell(words(&error)))
            }
            SdkError::ServiceError(service) => {
                let code = service.err().code().unwrap_or_default().to_owned();
                let advice = match code.as_str() {
                    "AccessDenied" => {
                        tracing::warn!("the key may not list `{bucket}`; uploads and downloads may still be allowed");
                        return Ok(());
                    }
                    "NoSuchBucket" | "NotFound" => {
                        format!("there is no bucket `{bucket}`; create it, or name another with `--bucket`")
                    }
                    "SignatureDoesNotMatch" => "the secret key does not belong to the access key; check \
                         AWS_SECRET_ACCESS_KEY, or the profile"
                        .to_owned(),
                    "InvalidAccessKeyId" => {
                        "the access key is unknown there; check AWS_ACCESS_KEY_ID, the profile, and the endpoint"
                            .to_owned()
                    }
                    "ExpiredToken" | "TokenRefreshRequired" => "the session token has expired; log in again".to_owned(),
                    "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException" => {
                        format!("`{bucket}` is in another region; name it with `--region`")
                    }
                    "RequestTimeTooSkewed" => "this machine's clock is wrong; set it, for example by NTP".to_owned(),
                    _ => "see the answer above".to_owned(),
                };
                Err(PreflightError::Refused(format!("{}: {advice}", words(&error)).into()))
            }
            _ if is_untrusted(&error) => Err(PreflightError::Untrusted(words(&error))),
            SdkError::DispatchFailure(_) | SdkError::TimeoutError(_) | SdkError::ResponseError(_) => {
                Err(PreflightError::Unreachable(words(&error)))
            }
            _ => Err(PreflightError::Refused(words(&error))),
        }
    }
}

/// What to do about a certificate that is not trusted.
pub(super) const UNTRUSTED: &str = "if it is signed by an authority of your own, or by itself, name a PEM file with that \
     authority's certificate in AWS_CA_BUNDLE; if it has expired or is for another name, have it renewed, or check the \
     endpoint and this machine's clock";

/// Whether nothing was sent because the server's certificate is not trusted: expired, not yet valid, for another name or use,
/// or signed by nobody who is known.
pub(super) fn is_untrusted<E, R>(error: &SdkError<E, R>) -> bool
where
    E: std::error::Error + 'static,
    R: std::fmt::Debug,
{
    if !matches!(error, SdkError::DispatchFailure(_)) {
        return false;
    }
    std::error::Error::source(error).is_some_and(says_untrusted)
}

/// Whether an error or one of its causes is rustls's refusal of a certificate. By its own words: it is handed on as boxes
/// within boxes.
pub(super) fn says_untrusted(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(|error| {
        let text = error.to_string();
        text.contains("invalid peer certificate") || text.contains("peer sent no certificates")
    })
}

/// Whether a status tells of a state that passes by itself: too many requests, or a server or gateway in trouble. A 501 (not implemented) stays.
pub(super) fn may_pass(status: u16) -> bool {
    matches!(status, 429 | 500 | 502 | 503 | 504)
}

/// What a failed request says, in one line: S3's code and message where it has them.
pub(super) fn words<E, R>(error: &SdkError<E, R>) -> ServerText
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    let told = error.as_service_error().map(|service| (service.code(), service.message()));
    if let Some((code, message)) = told
        && (code.is_some() || message.is_some())
    {
        let text = format!("{}, \"{}\"", code.unwrap_or("no code"), message.unwrap_or("no message"));
        // The text is the server's, and some repeat the request in it.
        return redacted_answer(&text).into();
    }
    // No answer, or one that is no S3 answer: the innermost cause says why.
    let mut text = String::new();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = inner.to_string();
        cause = inner.source();
    }
    if text.is_empty() {
        return error.to_string().into();
    }
    redacted_answer(&format!("{error}: {}", plainer(&text))).into()
}

/// rustls reports a plain-text answer to its greeting as bytes that make no TLS record.
pub(crate) fn plainer(error: &str) -> Cow<'_, str> {
    if error.contains("InvalidContentType") || error.contains("corrupt message") {
        Cow::Borrowed("this is no TLS; if the store speaks plain HTTP, write http:// instead of https://")
    } else {
        Cow::Borrowed(error)
    }
}
