//! Azure Storage's shared access signatures: `se`, and `st` for the beginning, in ISO 8601. One that is signed with a user
//! delegation key dies with the key, which `ske` tells.

use time::macros::format_description;
use time::{Date, PrimitiveDateTime, Time};
use ttlsweep_record::Timestamp;

use super::query::Query;
use super::{Form, Life};

pub(super) const FORM: Form = Form {
    name: "an Azure SAS",
    looks_for: "se",
    times: &["se", "st", "ske", "skt"],
    read: |query| {
        let is_sas = query.has(&["se"]) || (query.has(&["sig"]) && query.has(&["sv", "si"]));
        is_sas.then(|| life(query))
    },
};

fn life(query: &Query) -> Result<Life, String> {
    if !query.has(&["se"]) && query.has(&["si"]) {
        return Err(
            "it names a stored access policy (`si`) that has the expiry: let the minter answer with expires_at"
                .to_owned(),
        );
    }
    let instant = |name: &str| {
        let read =
            |text: &str| parse(text).ok_or_else(|| format!("its `{name}` is not a date such as 2026-11-30T12:00:00Z"));
        query.value(name)?.map(read).transpose()
    };
    let expires = instant("se")?.ok_or("it has no `se`")?;
    let key_ends = instant("ske")?.unwrap_or(expires);
    Ok(Life { made: None, begins: instant("st")?, expires: expires.min(key_ends) })
}

/// The forms that the service takes: a day, minutes, seconds, or up to seven decimals of one.
fn parse(text: &str) -> Option<Timestamp> {
    let day = format_description!("[year]-[month]-[day]");
    if let Ok(date) = Date::parse(text, day) {
        let midnight = PrimitiveDateTime::new(date, Time::MIDNIGHT).assume_utc();
        return Some(Timestamp::from_unix_micros(midnight.unix_timestamp() * 1_000_000));
    }
    let minutes = format_description!("[year]-[month]-[day]T[hour]:[minute]Z");
    match PrimitiveDateTime::parse(text, minutes) {
        Ok(date) => Some(Timestamp::from_unix_micros(date.assume_utc().unix_timestamp() * 1_000_000)),
        Err(_) => text.parse().ok(),
    }
}
