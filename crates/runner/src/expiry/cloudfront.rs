//! CloudFront: `Expires` of a canned policy, or the dates of a custom one, which is JSON in a base64 of its own.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use ttlsweep_record::Timestamp;

use super::query::{Query, epoch};
use super::{Form, Life};

pub(super) const FORM: Form = Form {
    name: "CloudFront",
    looks_for: "Expires or Policy with Key-Pair-Id",
    times: &["Expires"],
    read: |query| query.has(&["Key-Pair-Id", "Policy"]).then(|| life(query)),
};

fn life(query: &Query) -> Result<Life, String> {
    let Some(policy) = query.value("Policy")? else { return query.epoch("Expires").map(Life::until) };
    let policy = decoded(policy).ok_or("its `Policy` is not base64 of JSON")?;
    let Some([statement]) = policy["Statement"].as_array().map(Vec::as_slice) else {
        return Err("its `Policy` has not exactly one `Statement`".to_owned());
    };
    let condition = &statement["Condition"];
    let ends = instant(&condition["DateLessThan"]).ok_or("its `Policy` has no `DateLessThan` in seconds since 1970")?;
    let begins = match &condition["DateGreaterThan"] {
        Value::Null => None,
        date => Some(instant(date).ok_or("the `DateGreaterThan` of its `Policy` is not in seconds since 1970")?),
    };
    Ok(Life { made: None, begins, expires: ends })
}

fn instant(date: &Value) -> Option<Timestamp> {
    epoch(date["AWS:EpochTime"].as_i64())
}

/// Its alphabet has `-_~` where others have `+=/`.
fn decoded(policy: &str) -> Option<Value> {
    let standard: String = policy
        .chars()
        .map(|char| match char {
            '-' => '+',
            '_' => '=',
            '~' => '/',
            other => other,
        })
        .collect();
    serde_json::from_slice(&STANDARD.decode(standard).ok()?).ok()
}
