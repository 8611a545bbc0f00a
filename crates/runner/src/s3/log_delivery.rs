//! Which log groups AWS delivers a bucket's access log to. A delivery pairs a source, which names the bucket, with a
//! destination, which names the group:
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateDelivery.html>.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use ttlsweep_record::Timestamp;

use super::Store;
use super::log_service::LogServiceError;

impl Store {
    /// Where CloudWatch Logs is for this bucket: as the AWS configuration says, else AWS's own for the region.
    pub(crate) fn log_endpoint(&self) -> String {
        let domain = if self.region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        self.log_endpoint.clone().unwrap_or_else(|| format!("https://logs.{}.{domain}", self.region))
    }

    /// Whether the bucket's access log can go to CloudWatch Logs: it is one of AWS's, or the configuration says where they are.
    pub(crate) fn has_log_service(&self) -> bool {
        self.has_log_service
    }

    /// The log groups that get the bucket's access log, by name; none if it is delivered to none.
    ///
    /// # Errors
    /// The service at `endpoint` cannot be asked, does not answer, or refuses.
    pub(crate) async fn log_groups(&self, endpoint: &str, at: Timestamp) -> Result<Vec<String>, LogServiceError> {
        let sources: Vec<Source> = self.described(endpoint, "DescribeDeliverySources", "deliverySources", at).await?;
        let of_bucket = format!(":s3:::{}", self.bucket);
        let is_ours = |source: &&Source| {
            source.log_type == LOG_TYPE && source.resource_arns.iter().any(|arn| arn.ends_with(&of_bucket))
        };
        let sources: Vec<&Source> = sources.iter().filter(is_ours).collect();
        if sources.is_empty() {
            return Ok(Vec::new());
        }
        let deliveries: Vec<Delivery> = self.described(endpoint, "DescribeDeliveries", "deliveries", at).await?;
        let destinations: Vec<Destination> =
            self.described(endpoint, "DescribeDeliveryDestinations", "deliveryDestinations", at).await?;
        let mut groups: Vec<String> = deliveries
            .iter()
            .filter(|delivery| sources.iter().any(|source| source.name == delivery.delivery_source_name))
            .filter_map(|delivery| destinations.iter().find(|there| there.arn == delivery.delivery_destination_arn))
            .filter_map(|there| group_of(&there.delivery_destination_configuration.destination_resource_arn))
            .map(str::to_owned)
            .collect();
        groups.sort();
        groups.dedup();
        Ok(groups)
    }

    /// All pages of what `action` lists under `name`.
    async fn described<T: DeserializeOwned>(
        &self,
        endpoint: &str,
        action: &str,
        name: &str,
        at: Timestamp,
    ) -> Result<Vec<T>, LogServiceError> {
        let mut all = Vec::new();
        let mut question = json!({});
        for _ in 0..MOST_PAGES {
            let mut page: serde_json::Value = self.ask_logs(endpoint, action, &question, at).await?;
            let wrong = |error: serde_json::Error| LogServiceError::Unread(format!("{action}: {error}"));
            all.extend(serde_json::from_value::<Vec<T>>(page[name].take()).map_err(wrong)?);
            match page["nextToken"].as_str() {
                Some(token) => question = json!({ "nextToken": token }),
                None => return Ok(all),
            }
        }
        Err(LogServiceError::Unread(format!("{action} has more than {MOST_PAGES} pages")))
    }
}

/// The name in `arn:aws:logs:eu-west-1:123456789012:log-group:NAME`, behind which `:*` may stand; `None` if it is another thing's.
fn group_of(arn: &str) -> Option<&str> {
    let (_, name) = arn.split_once(":log-group:")?;
    Some(name.strip_suffix(":*").unwrap_or(name))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Source {
    name: String,
    #[serde(default)]
    resource_arns: Vec<String>,
    #[serde(default)]
    log_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delivery {
    delivery_source_name: String,
    delivery_destination_arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Destination {
    arn: String,
    #[serde(default)]
    delivery_destination_configuration: Configuration,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Configuration {
    #[serde(default)]
    destination_resource_arn: String,
}

/// What a source of access logs is called:
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/sal-cw-enabling.html>.
const LOG_TYPE: &str = "S3_SERVER_ACCESS_LOGS";

/// An account has some hundred sources at most. A service that pages on for ever is no longer asked.
const MOST_PAGES: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_group_is_read_out_of_its_arn() {
        let group = "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/vendedlogs/s3/b:*";
        assert_eq!(group_of(group), Some("/aws/vendedlogs/s3/b"));
        assert_eq!(group_of("arn:aws:logs:us-east-1:1:log-group:plain"), Some("plain"));
        assert_eq!(group_of("arn:aws:s3:::my-logs"), None);
    }
}
