//! The lifecycle rule that deletes what a run could not.

use std::collections::BTreeSet;

use serde_json::json;
use ttlsweep_record::Cell;

/// The prefixes that the rule is for, never an empty one: that would be the whole bucket.
pub(crate) fn prefixes(cells: &[&Cell], experiment: &str) -> BTreeSet<String> {
    let prefix = |cell: &&Cell| match cell.prefix.trim_matches('/') {
        "" => format!("{experiment}/"),
        prefix => format!("{prefix}/"),
    };
    cells.iter().map(prefix).collect()
}

/// A configuration as `aws s3api put-bucket-lifecycle-configuration` takes it: objects, old versions and multipart uploads
/// below the prefixes are gone after a day, which is S3's shortest time.
pub(crate) fn configuration(prefixes: &BTreeSet<String>) -> String {
    let rules: Vec<_> = prefixes
        .iter()
        .map(|prefix| {
            json!({
                "ID": format!("ttlsweep {prefix}"),
                "Status": "Enabled",
                "Filter": { "Prefix": prefix },
                "Expiration": { "Days": 1 },
                "NoncurrentVersionExpiration": { "NoncurrentDays": 1 },
                "AbortIncompleteMultipartUpload": { "DaysAfterInitiation": 1 },
            })
        })
        .collect();
    json!({ "Rules": rules }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_reaches_no_further_than_the_prefix() {
        let cell = |prefix: &str| Cell { prefix: prefix.to_owned(), ..crate::experiment::example_cell() };
        let cells = [cell("ttlsweep/"), cell("ttlsweep"), cell(""), cell("/")];
        let prefixes = prefixes(&cells.iter().collect::<Vec<_>>(), "grid");
        assert_eq!(prefixes.iter().collect::<Vec<_>>(), ["grid/", "ttlsweep/"]);
        let rules: serde_json::Value = serde_json::from_str(&configuration(&prefixes)).unwrap();
        for rule in rules["Rules"].as_array().unwrap() {
            assert!(!rule["Filter"]["Prefix"].as_str().unwrap().is_empty());
            assert_eq!(rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"], 1);
        }
    }
}
