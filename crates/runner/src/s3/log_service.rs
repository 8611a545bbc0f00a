//! CloudWatch Logs: one signed question in JSON, and its answer.

use std::time::Duration;

use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http::{Request, StatusCode, Uri, header};
use http_body_util::Full;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use ttlsweep_record::Timestamp;

use super::Store;
use super::connect::chain;
use super::error_document::reported;
use crate::dial::Dialer;
use crate::dial::ask::{NoAnswer, ask};
use crate::wire::endpoint::Endpoint;

/// Why CloudWatch Logs gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogServiceError {
    /// The same request may be answered a little later.
    #[error("CloudWatch Logs at {host} is asked too often or is not well: {said}")]
    Busy { host: String, said: String },
    /// It may work later.
    #[error("CloudWatch Logs at {host}: {why}")]
    Unreachable { host: String, why: String },
    /// No retry mends it.
    #[error("CloudWatch Logs at {host} refuses: {said}")]
    Refused { host: String, said: String },
    /// What it answers makes no sense.
    #[error("the answer of CloudWatch Logs cannot be used: {0}")]
    Unread(String),
    /// The request cannot be made.
    #[error("CloudWatch Logs cannot be asked: {0}")]
    Unasked(String),
}

impl Store {
    /// Asks the service at `endpoint` to do `action`, such as `FilterLogEvents`, with a body that is signed at `at`.
    ///
    /// # Errors
    /// It cannot be asked, does not answer, or refuses.
    pub(super) async fn ask_logs<A: DeserializeOwned>(
        &self,
        endpoint: &str,
        action: &str,
        question: &Value,
        at: Timestamp,
    ) -> Result<A, LogServiceError> {
        let unasked = |error: &dyn std::error::Error| LogServiceError::Unasked(chain(error));
        let uri: Uri = format!("{}/", endpoint.trim_end_matches('/')).parse().map_err(|error| unasked(&error))?;
        let server = Endpoint::of(&uri).map_err(|error| unasked(&error))?;
        let tls = server.is_secure().then(|| self.tls.clone());
        let dialer = Dialer { route: self.route.clone(), ..Dialer::new(server, tls) };
        let request = self.signed_question(&uri, action, question.to_string(), at).await?;
        let deadline = Instant::now() + PATIENCE;
        let answered = timeout_at(deadline, ask(&dialer, request, MOST_BYTES, deadline)).await;
        let host = uri.host().unwrap_or_default().to_owned();
        let (status, body) = match answered {
            Ok(Ok(answer)) => answer,
            Ok(Err(error @ (NoAnswer::Unreached(_) | NoAnswer::Broken(_) | NoAnswer::TooLong(_)))) => {
                return Err(LogServiceError::Unreachable { host, why: error.to_string() });
            }
            Err(_) => {
                return Err(LogServiceError::Unreachable { host, why: format!("no answer within {PATIENCE:?}") });
            }
        };
        if status.is_success() {
            let wrong = |error| LogServiceError::Refused { host, said: format!("its answer cannot be read: {error}") };
            return serde_json::from_slice(&body).map_err(wrong);
        }
        Err(refusal(status, &body, host))
    }

    async fn signed_question(
        &self,
        uri: &Uri,
        action: &str,
        body: String,
        at: Timestamp,
    ) -> Result<Request<Full<Bytes>>, LogServiceError> {
        let failed = |error: &dyn std::error::Error| LogServiceError::Unasked(chain(error));
        let host = uri.authority().map(|host| host.as_str().to_owned()).unwrap_or_default();
        let target = format!("{VERSION}.{action}");
        let headers = [
            (header::HOST.as_str(), host.as_str()),
            (header::CONTENT_TYPE.as_str(), "application/x-amz-json-1.1"),
            ("x-amz-target", target.as_str()),
        ];
        let identity = self.credentials.provide_credentials().await.map_err(|error| failed(&error))?.into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("logs")
            .time(at.to_system_time())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| failed(&error))?
            .into();
        let signable =
            SignableRequest::new("POST", uri.to_string(), headers.into_iter(), SignableBody::Bytes(body.as_bytes()))
                .map_err(|error| failed(&error))?;
        let (instructions, _) = sign(signable, &parameters).map_err(|error| failed(&error))?.into_parts();
        let mut request = Request::post("/");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let mut request = request.body(Full::from(body)).map_err(|error| failed(&error))?;
        instructions.apply_to_request_http1x(&mut request);
        Ok(request)
    }
}

/// What the service says in place of an answer.
fn refusal(status: StatusCode, body: &[u8], host: String) -> LogServiceError {
    #[derive(Default, Deserialize)]
    struct Document {
        #[serde(default, rename = "__type")]
        kind: String,
        #[serde(default, alias = "Message")]
        message: String,
    }
    let document: Document = serde_json::from_slice(body).unwrap_or_default();
    let kind = document.kind.rsplit('#').next().unwrap_or_default();
    let said: String = reported(format!("{status} {kind} {}", document.message).trim()).chars().take(SHOWN).collect();
    let is_busy = kind == "ThrottlingException" || kind == "ServiceUnavailableException" || status.is_server_error();
    if is_busy { LogServiceError::Busy { host, said } } else { LogServiceError::Refused { host, said } }
}

/// Longer than a page takes, short enough for someone who waits at a terminal.
const PATIENCE: Duration = Duration::from_secs(30);

/// A page has 1 MB of events, in which JSON may take up to six bytes for one.
const MOST_BYTES: usize = 16 << 20;

/// Characters of a refusal that are shown.
const SHOWN: usize = 300;

/// The version of the API, as its requests name it.
const VERSION: &str = "Logs_20140328";
