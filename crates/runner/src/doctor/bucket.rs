//! Where the bucket is, whether requests reach it without a redirect, and whether it logs them.

use ttlsweep_record::text::ServerText;

use super::{Finding, Level};
use crate::clock::{Clock, SystemClock};
use crate::s3::log_service::LogServiceError;
use crate::s3::{BucketAnswer, Store};

/// Asks the bucket.
pub(crate) async fn check(store: &Store) -> Vec<Finding> {
    let mut findings = vec![judge(&store.head_bucket().await, store.bucket(), store.region())];
    let keeps_versions = store.keeps_versions().await;
    if keeps_versions == Some(true) {
        findings.push(Finding::new(
            Level::Warning,
            SUBJECT,
            "it keeps old versions, so that what is deleted is stored and billed on",
            "use a bucket without versioning, or the lifecycle rule below, which deletes old versions, too",
        ));
    }
    // A store that cannot tell of the one is not asked about the other.
    if keeps_versions.is_some()
        && let Some(log) = store.access_log().await
    {
        let groups = match store.has_log_service() {
            true => Some(store.log_groups(&store.log_endpoint(), SystemClock.wall()).await),
            false => None,
        };
        findings.push(logged(log.as_ref(), groups, store.bucket()));
    }
    findings
}

/// A run needs no log, but a log answers what a broken connection cannot. `groups` is `None` at a store that has no CloudWatch Logs.
fn logged(log: Option<&ServerText>, groups: Option<Result<Vec<String>, LogServiceError>>, bucket: &str) -> Finding {
    let mut found = Vec::new();
    if let Some(place) = log {
        found.push(format!(
            "it goes to s3://{place}, mostly within hours: fetch it, and `ttlsweep join` it with the run"
        ));
    }
    match &groups {
        Some(Ok(groups)) => found.extend(groups.iter().map(|group| {
            format!("it goes to CloudWatch Logs: `ttlsweep logs RUN` fetches a run's lines from the group {group}")
        })),
        Some(Err(error)) => found.push(format!(
            "whether it goes to CloudWatch Logs is not known ({error}); the key would need logs:DescribeDeliverySources, \
             logs:DescribeDeliveries and logs:DescribeDeliveryDestinations"
        )),
        None => {}
    }
    let is_off = log.is_none() && !matches!(&groups, Some(Ok(groups)) if !groups.is_empty());
    if is_off {
        let logs = if groups.is_some() { ", and CloudWatch Logs can have it, too" } else { "" };
        found.insert(
            0,
            format!(
                "it goes to no bucket; `aws s3api put-bucket-logging --bucket {bucket} …` before the run lets `ttlsweep join` \
                 tell what the store saw{logs} (docs/server-logs.md)"
            ),
        );
    }
    Finding::ok("access log", found.join("; "))
}

fn judge(answer: &BucketAnswer, bucket: &str, signed_for: &str) -> Finding {
    if let Some(region) = answer.region.as_ref().filter(|region| region.raw() != signed_for) {
        return Finding::new(
            Level::Error,
            SUBJECT,
            format!("`{bucket}` is in {region}, and links would be signed for {signed_for}"),
            format!("add `--region {region}`"),
        );
    }
    let refusal = answer.refusal.clone().unwrap_or_default();
    match answer.status {
        Some(200..300) => Finding::ok(
            SUBJECT,
            match &answer.region {
                Some(region) => format!("`{bucket}` is in {region}, which links are signed for"),
                None => format!("`{bucket}` answers and names no region; links are signed for {signed_for}"),
            },
        ),
        Some(status @ 300..=399) => Finding::new(
            Level::Error,
            SUBJECT,
            format!(
                "`{bucket}` redirects ({status}: {refusal}), and a signed request that follows a redirect is refused"
            ),
            "name the bucket's own region with `--region`, or its endpoint with `--endpoint`; a new bucket redirects for \
             some hours; a gateway or portal that wants a login redirects, too",
        ),
        Some(401 | 403) => Finding::new(
            Level::Warning,
            SUBJECT,
            format!("the key may not ask about `{bucket}` (HeadBucket: {refusal})"),
            "nothing needs to be done if `put` is ok",
        ),
        Some(429 | 500 | 502..=504) => {
            Finding::new(Level::Unreachable, SUBJECT, format!("`{bucket}`: {refusal}"), "try again later")
        }
        // Not every store knows the question; whether there is a bucket, the put below tells.
        Some(400 | 404 | 405 | 501) => Finding::new(
            Level::Warning,
            SUBJECT,
            format!("nothing is said of `{bucket}` (HeadBucket: {refusal})"),
            "nothing needs to be done if `put` is ok; else check bucket and endpoint",
        ),
        Some(_) => Finding::new(Level::Error, SUBJECT, format!("`{bucket}`: {refusal}"), "check bucket and endpoint"),
        None => Finding::new(Level::Unreachable, SUBJECT, format!("`{bucket}`: {refusal}"), "try again later"),
    }
}

const SUBJECT: &str = "bucket";

#[cfg(test)]
mod tests {
    use super::*;

    fn level(status: Option<u16>, region: Option<&str>) -> Level {
        let answer = BucketAnswer { status, region: region.map(Into::into), refusal: Some("no".into()) };
        judge(&answer, "b", "us-east-1").level
    }

    #[test]
    fn another_region_and_a_redirect_are_errors() {
        assert_eq!(level(Some(200), Some("us-east-1")), Level::Ok);
        assert_eq!(level(Some(200), None), Level::Ok);
        // S3 gives the region with its redirects and refusals, too.
        assert_eq!(level(Some(301), Some("eu-west-1")), Level::Error);
        assert_eq!(level(Some(403), Some("eu-west-1")), Level::Error);
        assert_eq!(level(Some(307), Some("us-east-1")), Level::Error);
        assert_eq!(level(Some(403), None), Level::Warning);
        assert_eq!(level(Some(407), None), Level::Error);
        assert_eq!(level(Some(503), None), Level::Unreachable);
        // A store that does not know HeadBucket may take puts, and without a bucket none is taken.
        assert_eq!(level(Some(404), None), Level::Warning);
        assert_eq!(level(Some(501), None), Level::Warning);
        assert_eq!(level(None, None), Level::Unreachable);
    }
}
