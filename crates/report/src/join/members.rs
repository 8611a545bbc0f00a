//! Members of a JSON object, as logs write them.

use serde_json::{Map, Value};

/// A member's text.
pub(super) fn text<'o>(object: &'o Map<String, Value>, name: &str) -> Option<&'o str> {
    object.get(name)?.as_str()
}

/// A member's number, which some logs write as text.
pub(super) fn count(object: &Map<String, Value>, name: &str) -> Option<u64> {
    match object.get(name)? {
        Value::Number(number) => {
            number.as_u64().or_else(|| number.as_f64().filter(|number| *number >= 0.0).map(|number| number as u64))
        }
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}
