//! A token (JWT) in some parameter, as Supabase and many backends of one's own have it: `exp`, and `iat` and `nbf` where they are.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::query::Query;
use super::{Form, Life};

pub(super) const FORM: Form = Form {
    name: "a link with a token (JWT)",
    looks_for: "exp of a token (JWT)",
    times: &[],
    read: |query| query.values().find_map(claims).map(|claims| life(&claims, query)),
};

fn life(claims: &Value, query: &Query) -> Result<Life, String> {
    if query.values().filter_map(self::claims).count() > 1 {
        return Err("it has two tokens: let the minter answer with expires_at".to_owned());
    }
    let instant = |name: &str| match &claims[name] {
        Value::Null => Ok(None),
        // Part of a second may be there.
        date => match date.as_f64().and_then(super::seconds) {
            Some(instant) => Ok(Some(instant)),
            None => Err(format!("the `{name}` of its token is not a number of seconds since 1970")),
        },
    };
    let expires = instant("exp")?.ok_or("its token has no `exp`")?;
    Ok(Life { made: instant("iat")?, begins: instant("nbf")?, expires })
}

/// What a token says; `None` if the text is not one.
fn claims(text: &str) -> Option<Value> {
    let mut parts = text.split('.');
    let (Some(header), Some(claims), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return None;
    };
    let object = |part: &str| -> Option<Value> {
        let bytes = URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()?;
        serde_json::from_slice(&bytes).ok().filter(Value::is_object)
    };
    object(header).and_then(|_| object(claims))
}
