use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

use super::UnitError;
use super::signed_micros;

/// A wall-clock instant: microseconds since 1970-01-01T00:00:00Z, written as RFC 3339 UTC with six decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Timestamp(i64);

impl Timestamp {
    /// The instant `micros` microseconds after the Unix epoch.
    pub const fn from_unix_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// The instant of a system clock's reading, cut to microseconds.
    pub fn from_system_time(time: SystemTime) -> Self {
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Self(signed_micros(after)),
            Err(before) => Self(-signed_micros(before.duration())),
        }
    }

    /// Microseconds since the Unix epoch.
    pub const fn unix_micros(self) -> i64 {
        self.0
    }

    /// `self − earlier` in microseconds; negative where `earlier` is in fact later.
    pub const fn micros_since(self, earlier: Self) -> i64 {
        self.0 - earlier.0
    }

    /// This instant moved by `micros`, which may be negative.
    #[must_use]
    pub const fn plus_micros(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// The same instant for the standard library.
    pub fn to_system_time(self) -> SystemTime {
        if self.0 >= 0 {
            UNIX_EPOCH + Duration::from_micros(self.0.unsigned_abs())
        } else {
            UNIX_EPOCH - Duration::from_micros(self.0.unsigned_abs())
        }
    }

    /// `20261124T193700Z`: fit for a folder's name, cut to seconds.
    pub fn compact(self) -> String {
        self.to_utc().format(COMPACT).unwrap_or_else(|_| self.0.to_string())
    }

    fn to_utc(self) -> OffsetDateTime {
        // The years 1 to 9999 are far inside the range of i64 microseconds; anything beyond is shown as the epoch.
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1000).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.to_utc().format(MICROS).map_err(|_| fmt::Error)?)
    }
}

impl FromStr for Timestamp {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let parsed = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| {
            UnitError::new(
                format!("`{text}` is not an instant"),
                "expected RFC 3339 in UTC, for example `2026-11-24T19:37:00.000000Z`",
            )
        })?;
        Ok(Self((parsed.unix_timestamp_nanos() / 1000) as i64))
    }
}

impl From<Timestamp> for String {
    fn from(value: Timestamp) -> Self {
        value.to_string()
    }
}

impl TryFrom<String> for Timestamp {
    type Error = UnitError;

    fn try_from(text: String) -> Result<Self, UnitError> {
        text.parse()
    }
}

const MICROS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");

const COMPACT: &[BorrowedFormatItem<'_>] = format_description!("[year][month][day]T[hour][minute][second]Z");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn microseconds_survive_the_round_trip() {
        let instant = Timestamp::from_unix_micros(1_764_013_020_000_042);
        assert_eq!(instant.to_string(), "2025-11-24T19:37:00.000042Z");
        assert_eq!("2025-11-24T19:37:00.000042Z".parse(), Ok(instant));
        assert_eq!(instant.compact(), "20251124T193700Z");
    }

    #[test]
    fn a_margin_before_expiry_is_negative() {
        let expiry = Timestamp::from_unix_micros(10_000_000);
        let end = Timestamp::from_unix_micros(9_950_000);
        assert_eq!(end.micros_since(expiry), -50_000);
    }
}
