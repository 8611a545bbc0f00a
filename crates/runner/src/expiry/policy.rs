//! The policy of an upload by an HTML form, which S3, Google Cloud Storage and OSS have alike: `expiration`, in JSON in base64, and a
//! date of signing in a field of its own.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::Life;
use super::query::basic_date;

pub(super) const NAME: &str = "a form with a POST policy";

pub(super) const LOOKS_FOR: &str = "expiration of the policy";

pub(super) fn life<'a>(field: impl Fn(&str) -> Option<&'a str>) -> Result<Life, String> {
    let policy = field("policy").ok_or("it has no `policy`")?;
    let document: Option<Value> = STANDARD.decode(policy).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let document = document.ok_or("its `policy` is not base64 of JSON")?;
    let expires = document["expiration"].as_str().and_then(|text| text.parse().ok());
    let expires = expires.ok_or("its `policy` has no `expiration` such as 2026-11-30T12:00:00Z")?;
    let made = DATES.iter().find_map(|name| field(name)).and_then(basic_date);
    Ok(Life { made, begins: None, expires })
}

const DATES: [&str; 3] = ["x-amz-date", "x-goog-date", "x-oss-date"];

#[cfg(test)]
mod tests {
    use super::*;

    fn read(policy: Option<&str>) -> Result<Life, String> {
        let policy = policy.map(|policy| STANDARD.encode(policy));
        life(|name| match name {
            "policy" => policy.as_deref(),
            "x-amz-date" => Some("20261130T115900Z"),
            _ => None,
        })
    }

    #[test]
    fn a_forms_policy_says_when_it_expires_and_a_field_when_it_was_signed() {
        let life = read(Some(r#"{"expiration":"2026-11-30T12:00:00.500Z","conditions":[]}"#)).unwrap();
        assert_eq!(life.expires.to_string(), "2026-11-30T12:00:00.500000Z");
        assert_eq!(life.made.unwrap().to_string(), "2026-11-30T11:59:00.000000Z");
        assert_eq!(read(None).unwrap_err(), "it has no `policy`");
        assert_eq!(read(Some("hush")).unwrap_err(), "its `policy` is not base64 of JSON");
        assert!(read(Some("{}")).unwrap_err().starts_with("its `policy` has no `expiration`"));
    }
}
