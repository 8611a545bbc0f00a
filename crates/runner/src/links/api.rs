//! Links of an HTTP API: each is asked for by a POST of its own, with the line as the body.

use std::env;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Uri, header};
use http_body_util::Full;
use tokio::time::Instant;
use tokio_rustls::rustls;

use super::answer::without_queries;
use super::unanswered::{MOST_BYTES, Unanswered};
use crate::dial::Dialer;
use crate::dial::ask::{NoAnswer, ask};
use crate::dial::reach::Route;
use crate::s3::error_document::reported;
use crate::secret::{Secret, remember};
use crate::wire::endpoint::Endpoint;

/// Asks the API.
pub(super) struct Api {
    uri: Uri,
    dialer: Dialer,
    authorization: Option<Secret<HeaderValue>>,
}

impl Api {
    /// One that is reached as transfers are. `TTLSWEEP_MINT_AUTHORIZATION` of the environment is its `Authorization`.
    ///
    /// # Errors
    /// The URL or the variable cannot be used; in words.
    pub(super) fn new(url: &str, route: Route, tls: Arc<rustls::ClientConfig>) -> Result<Self, String> {
        let uri: Uri = url.parse().map_err(|error| format!("the minter's URL cannot be used: {error}"))?;
        let endpoint = Endpoint::of(&uri).map_err(|error| error.to_string())?;
        let tls = endpoint.is_secure().then_some(tls);
        let authorization = match env::var(AUTHORIZATION).ok().filter(|text| !text.is_empty()) {
            None => None,
            Some(text) => {
                remember([text.as_str(), text.rsplit(' ').next().unwrap_or_default()]);
                let value = HeaderValue::from_str(&text);
                Some(Secret::new(value.map_err(|_| format!("{AUTHORIZATION} cannot be the value of a header"))?))
            }
        };
        Ok(Self { uri, dialer: Dialer { route, ..Dialer::new(endpoint, tls) }, authorization })
    }

    /// The answer's body.
    pub(super) async fn ask(&self, line: &str, within: Duration) -> Result<String, Unanswered> {
        let answered = ask(&self.dialer, self.request(line)?, MOST_BYTES, Instant::now() + within).await;
        let (status, body) = answered.map_err(|error| match error {
            NoAnswer::TooLong(_) => Unanswered::Wrong(error.to_string()),
            NoAnswer::Unreached(_) | NoAnswer::Broken(_) => Unanswered::Unreachable(error.to_string()),
        })?;
        let text = String::from_utf8_lossy(&body).into_owned();
        if status.is_success() {
            return Ok(text);
        }
        let said: String = reported(&without_queries(text.trim())).chars().take(SHOWN).collect();
        let said = if said.is_empty() { said } else { format!(": {said}") };
        let refusal = format!("it answered {status}{said}");
        Err(if status.is_server_error() { Unanswered::Unreachable(refusal) } else { Unanswered::Wrong(refusal) })
    }

    fn request(&self, line: &str) -> Result<Request<Full<Bytes>>, Unanswered> {
        let path = self.uri.path_and_query().map_or("/", |path| path.as_str());
        let host = self.uri.authority().map_or("", |authority| authority.as_str());
        let mut request = Request::post(path)
            .header(header::HOST, host)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json");
        if let Some(authorization) = &self.authorization {
            request = request.header(header::AUTHORIZATION, authorization.expose());
        }
        let request = request.body(Full::new(Bytes::copy_from_slice(line.as_bytes())));
        request.map_err(|error| Unanswered::Wrong(format!("it cannot be asked: {error}")))
    }
}

/// The variable of the environment that has the `Authorization`.
const AUTHORIZATION: &str = "TTLSWEEP_MINT_AUTHORIZATION";
/// Characters of a refusal that are shown.
const SHOWN: usize = 200;
