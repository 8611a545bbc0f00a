//! The query of a link, decoded, and what stands in it.

use http::Uri;
use percent_encoding::percent_decode_str;
use time::PrimitiveDateTime;
use time::macros::format_description;
use ttlsweep_record::Timestamp;

/// Names and values.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn of(uri: &Uri) -> Self {
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let pairs = uri.query().unwrap_or_default().split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        Self(pairs.map(|(name, value)| (decoded(name), decoded(value))).collect())
    }

    /// Whether one of these parameters is there. Case does not matter, here and below: some libraries write names in small
    /// letters.
    pub(super) fn has(&self, names: &[&str]) -> bool {
        self.0.iter().any(|(name, _)| names.iter().any(|wanted| name.eq_ignore_ascii_case(wanted)))
    }

    /// The value of a parameter; `None` without it.
    ///
    /// # Errors
    /// It is there twice, with two values: which of them holds, only the store knows.
    pub(super) fn value(&self, name: &str) -> Result<Option<&str>, String> {
        let mut values = self.0.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        let Some(first) = values.next() else { return Ok(None) };
        if values.any(|other| other != first) {
            return Err(format!("its `{name}` stands there twice, with two values"));
        }
        Ok(Some(first))
    }

    /// The value of a parameter that has to be there.
    ///
    /// # Errors
    /// It is not, or twice.
    pub(super) fn needed(&self, name: &str) -> Result<&str, String> {
        self.value(name)?.ok_or_else(|| format!("it has no `{name}`"))
    }

    /// A parameter that holds seconds since 1970.
    ///
    /// # Errors
    /// It is not there, or holds something else.
    pub(super) fn epoch(&self, name: &str) -> Result<Timestamp, String> {
        let value = self.needed(name)?;
        epoch(value.parse().ok()).ok_or_else(|| format!("its `{name}` is not a number of seconds since 1970"))
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(_, value)| value.as_str())
    }
}

/// An instant by its seconds since 1970. Milliseconds are taken for what they are: a mistake.
pub(super) fn epoch(seconds: Option<i64>) -> Option<Timestamp> {
    let seconds = seconds.filter(|seconds| (0..LATEST).contains(seconds))?;
    Some(Timestamp::from_unix_micros(seconds * 1_000_000))
}

/// `20261124T193700Z`.
pub(super) fn basic_date(text: &str) -> Option<Timestamp> {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    let date = PrimitiveDateTime::parse(text, format).ok()?.assume_utc();
    epoch(Some(date.unix_timestamp()))
}

/// The year 10000.
const LATEST: i64 = 253_402_300_800;
