//! A bucket's access log as AWS delivers it to CloudWatch Logs, by FilterLogEvents of
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html>.

use serde::Deserialize;
use serde_json::json;
use ttlsweep_record::Timestamp;

use super::Store;
use super::log_service::LogServiceError;

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

impl Store {
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
    ) -> Result<Page, LogServiceError> {
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
        self.ask_logs(endpoint, "FilterLogEvents", &question, at).await
    }
}
