//! What readers know a target by: never a port of this machine.

use std::collections::BTreeSet;

use ttlsweep_record::{Cell, ExpiryPolicy, TargetKind};

use crate::load::Runs;
use crate::summary::axes::Axes;

/// `testbed, in-flight`, or `my-bucket at s3.eu-central-1.amazonaws.com`. `endpoints` and `cells` (places among the plan's) are
/// the target's own. Two targets may get one name: see [`told_apart`].
pub(crate) fn target_name(runs: &Runs, axes: &Axes, endpoints: &[String], cells: &[u32]) -> String {
    let own: Vec<&Cell> = cells.iter().map(|cell| &runs.cells[*cell as usize]).collect();
    let embedded = !own.is_empty() && own.iter().all(|cell| cell.target == TargetKind::Embedded);
    let (name, known): (String, &[&str]) = if embedded {
        let policies: BTreeSet<&str> =
            own.iter().filter_map(|cell| cell.expiry_policy).map(ExpiryPolicy::as_str).collect();
        let policies = policies.into_iter().collect::<Vec<_>>().join(" and ");
        (joined(["testbed".to_owned(), policies]), &["expiry"])
    } else {
        let buckets: BTreeSet<&str> = own.iter().map(|cell| cell.bucket.as_str()).collect();
        (store_name(endpoints, &buckets.into_iter().collect::<Vec<_>>().join(" and ")), &["bucket", "endpoint"])
    };
    joined([name, axes.of_target(&own, known)])
}

/// The names, each that is there twice with its endpoint behind it.
pub(crate) fn told_apart(named: Vec<(String, String)>) -> Vec<String> {
    let twice = |name: &str| named.iter().filter(|(other, _)| other == name).count() > 1;
    named.iter().map(|(name, at)| if twice(name) { format!("{name} ({at})") } else { name.clone() }).collect()
}

/// Bucket and host. Of several endpoints the first, and how many more.
fn store_name(endpoints: &[String], bucket: &str) -> String {
    let Some(first) = endpoints.first() else { return bucket.to_owned() };
    let host = first.split_once("://").map_or(first.as_str(), |(_, host)| host);
    let host = host.strip_prefix(bucket).and_then(|rest| rest.strip_prefix('.')).unwrap_or(host);
    let more = if endpoints.len() > 1 { format!(" and {} more", endpoints.len() - 1) } else { String::new() };
    if bucket.is_empty() { format!("{host}{more}") } else { format!("{bucket} at {host}{more}") }
}

fn joined<const N: usize>(parts: [String; N]) -> String {
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_known_by_bucket_and_host() {
        let name = |endpoint: &str| store_name(&[endpoint.to_owned()], "my-bucket");
        assert_eq!(
            name("https://my-bucket.s3.eu-central-1.amazonaws.com"),
            "my-bucket at s3.eu-central-1.amazonaws.com"
        );
        assert_eq!(name("http://127.0.0.1:9000"), "my-bucket at 127.0.0.1:9000");
        assert_eq!(store_name(&["https://links.example".to_owned()], ""), "links.example");
    }

    #[test]
    fn names_that_are_there_twice_have_their_endpoints() {
        let named = [("store", "a"), ("store", "b"), ("other", "c")].map(|(name, at)| (name.to_owned(), at.to_owned()));
        assert_eq!(told_apart(named.to_vec()), ["store (a)", "store (b)", "other"]);
    }
}
