//! One question before the first transfer: is the bucket there, and does the key open it? A typo must not become a
//! thousand rows.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use ttlsweep_record::text::ServerText;

use super::Store;
use super::refusal::{Asked, Refusal, innermost};
use crate::dial::no_tls::plainer;
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
    /// A proxy stands between that refuses: no retry will mend that.
    #[error("{0}")]
    Proxy(ServerText),
    /// It answered and refused: no retry will mend that.
    #[error("the target refuses: {0}")]
    Refused(ServerText),
}

impl Store {
    /// Lists at most one key. A store that cannot list, and a key that may not, are no obstacle: transfers need no such right.
    ///
    /// # Errors
    /// Nobody answers, or only with a 429 or a 5xx of a kind that passes; something else answers in the store's place; the
    /// bucket does not exist, or the signature or key is refused.
    pub async fn preflight(&self) -> Result<(), PreflightError> {
        let Err(error) = self.control.list_objects_v2().bucket(&self.bucket).max_keys(1).send().await else {
            return Ok(());
        };
        if let Some(refusal) = Refusal::of_error(&error) {
            return self.judge(&refusal);
        }
        match &error {
            _ if is_untrusted(&error) => Err(PreflightError::Untrusted(words(&error))),
            SdkError::DispatchFailure(failure) if failure.is_user() => Err(PreflightError::Proxy(words(&error))),
            SdkError::DispatchFailure(_) | SdkError::TimeoutError(_) | SdkError::ResponseError(_) => {
                Err(PreflightError::Unreachable(words(&error)))
            }
            _ => Err(PreflightError::Refused(words(&error))),
        }
    }

    fn judge(&self, refusal: &Refusal) -> Result<(), PreflightError> {
        let refused = || {
            let causes = refusal.causes(Asked::Listing, None);
            Err(PreflightError::Refused(format!("{refusal}: {causes}").into()))
        };
        let bucket = &self.bucket;
        match (refusal.status, refusal.code.as_deref()) {
            (_, Some(code)) if NO_RETRY_MENDS.contains(&code) => refused(),
            (status, _) if may_pass(status) => Err(PreflightError::Unwell(refusal.to_string().into())),
            // A store has its own page for what it does not know; nothing else says that it may not be asked.
            (status, _) if refusal.is_of_a_gateway() && !matches!(status, 400 | 404 | 405 | 501) => refused(),
            (401 | 403, _) => {
                tracing::warn!(
                    "the key may not list `{bucket}` ({refusal}); uploads and downloads may still be allowed"
                );
                Ok(())
            }
            (200..300, _) if refusal.is_unread() => Err(PreflightError::Unreachable(refusal.to_string().into())),
            (200..300, _) if refusal.is_not_of_a_store() => refused(),
            _ => {
                tracing::warn!(
                    "the store does not list `{bucket}` ({refusal}); uploads and downloads may work, and what a run leaves is \
                     found by its own record alone"
                );
                Ok(())
            }
        }
    }
}

/// The codes after which no transfer could be let in.
const NO_RETRY_MENDS: [&str; 10] = [
    "NoSuchBucket",
    "SignatureDoesNotMatch",
    "InvalidAccessKeyId",
    "InvalidToken",
    "ExpiredToken",
    "TokenRefreshRequired",
    "PermanentRedirect",
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
    "RequestTimeTooSkewed",
];

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

/// What a failed request says, in one line: S3's code and message if it has them, else what the server that answered says; the status
/// and who that was.
pub(super) fn words<E>(error: &SdkError<E>) -> ServerText
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    if let Some(refusal) = Refusal::of_error(error) {
        // The text is the server's, and some repeat the request in it.
        return refusal.to_string().into();
    }
    // No answer: the innermost cause says why.
    match innermost(error) {
        Some(text) => redacted_answer(&format!("{error}: {}", plainer(&text))).into(),
        None => error.to_string().into(),
    }
}
