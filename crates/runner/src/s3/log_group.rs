//! A bucket's access log as AWS delivers it to CloudWatch Logs, by FilterLogEvents of
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html>.

use std::time::Duration;

use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http::{Request, StatusCode, Uri, header};
use http_body_util::Full;
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, timeout_at};
use ttlsweep_record::Timestamp;

use super::Store;
use super::connect::chain;
use super::error_document::reported;
use crate::dial::Dialer;
use crate::dial::ask::{NoAnswer, ask};
use crate::wire::endpoint::Endpoint;

/// Which events are wanted.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// The group's name.
    pub(crate) group: String,
    /// A word that stands in each of them.
    pub(crate) word: String,
    /// Not before.
    pub(crate) from: Timestamp,
    /// Not after.
    pub(crate) to: Timestamp,
}

/// What one request brings.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Page {
    #[serde(default)]
    pub(crate) events: Vec<Event>,
    /// What to ask for next; `None` at the end.
    pub(crate) next_token: Option<String>,
}

/// A line of the log. It holds the links' signatures.
#[derive(Deserialize)]
pub(crate) struct Event {
    pub(crate) message: String,
}

impl std::fmt::Debug for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Event(..)")
    }
}

/// Why CloudWatch Logs gave no page.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogGroupError {
    /// The same request may be answered a little later.
    #[error("CloudWatch Logs at {host} is asked too often or is not well: {said}")]
    Busy { host: String, said: String },
    /// It may work later.
    #[error("CloudWatch Logs at {host}: {why}")]
    Unreachable { host: String, why: String },
    /// No retry mends it.
    #[error("CloudWatch Logs at {host} refuses: {said}")]
    Refused { host: String, said: String },
    /// The request cannot be made.
    #[error("CloudWatch Logs cannot be asked: {0}")]
    Unasked(String),
}

impl Store {
    /// Where CloudWatch Logs is for this bucket's region.
    pub(crate) fn log_endpoint(&self) -> String {
        let domain = if self.region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        format!("https://logs.{}.{domain}", self.region)
    }

    /// Asks the service at `endpoint` for the events that are wanted, from where `token` says on.
    ///
    /// # Errors
    /// It cannot be asked, does not answer, or refuses.
    pub(crate) async fn log_events(
        &self,
        endpoint: &str,
        wanted: &Wanted,
        token: Option<&str>,
        at: Timestamp,
    ) -> Result<Page, LogGroupError> {
        let unasked = |error: &dyn std::error::Error| LogGroupError::Unasked(chain(error));
        let uri: Uri = format!("{}/", endpoint.trim_end_matches('/')).parse().map_err(|error| unasked(&error))?;
        let server = Endpoint::of(&uri).map_err(|error| unasked(&error))?;
        let tls = server.is_secure().then(|| self.tls.clone());
        let dialer = Dialer { route: self.route.clone(), ..Dialer::new(server, tls) };
        let request = self.signed_question(&uri, wanted, token, at).await?;
        let deadline = Instant::now() + PATIENCE;
        let answered = timeout_at(deadline, ask(&dialer, request, MOST_BYTES, deadline)).await;
        let host = uri.host().unwrap_or_default().to_owned();
        let (status, body) = match answered {
            Ok(Ok(answer)) => answer,
            Ok(Err(error @ (NoAnswer::Unreached(_) | NoAnswer::Broken(_) | NoAnswer::TooLong(_)))) => {
                return Err(LogGroupError::Unreachable { host, why: error.to_string() });
            }
            Err(_) => {
                return Err(LogGroupError::Unreachable { host, why: format!("no answer within {PATIENCE:?}") });
            }
        };
        if status.is_success() {
            let wrong = |error| LogGroupError::Refused { host, said: format!("its answer cannot be read: {error}") };
            return serde_json::from_slice(&body).map_err(wrong);
        }
        Err(refusal(status, &body, host))
    }

    async fn signed_question(
        &self,
        uri: &Uri,
        wanted: &Wanted,
        token: Option<&str>,
        at: Timestamp,
    ) -> Result<Request<Full<Bytes>>, LogGroupError> {
        let failed = |error: &dyn std::error::Error| LogGroupError::Unasked(chain(error));
        let mut question = json!({
            "logGroupName": wanted.group,
            // Quoted, or its hyphens would exclude.
            "filterPattern": format!("\"{}\"", wanted.word),
            "startTime": wanted.from.unix_micros() / 1000,
            "endTime": wanted.to.unix_micros() / 1000,
        });
        if let Some(token) = token {
            question["nextToken"] = token.into();
        }
        let body = question.to_string();
        let host = uri.authority().map(|host| host.as_str().to_owned()).unwrap_or_default();
        let headers = [
            (header::HOST.as_str(), host.as_str()),
            (header::CONTENT_TYPE.as_str(), "application/x-amz-json-1.1"),
            ("x-amz-target", "Logs_20140328.FilterLogEvents"),
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

/// What the service says in place of events.
fn refusal(status: StatusCode, body: &[u8], host: String) -> LogGroupError {
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
    if is_busy { LogGroupError::Busy { host, said } } else { LogGroupError::Refused { host, said } }
}

/// Longer than a page takes, short enough for someone who waits at a terminal.
const PATIENCE: Duration = Duration::from_secs(30);

/// A page has 1 MB of events, in which JSON may take up to six bytes for one.
const MOST_BYTES: usize = 16 << 20;

/// Characters of a refusal that are shown.
const SHOWN: usize = 300;
