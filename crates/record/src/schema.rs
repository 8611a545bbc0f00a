//! Which versions of the files are read.

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use crate::rows::SCHEMA_VERSION;

/// The versions that are read: columns that came later are empty in files of an earlier one.
pub const KNOWN: [u32; 2] = [1, SCHEMA_VERSION];

/// Files whose words and columns may mean something else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "schema version {0} is not known; this version of ttlsweep reads 1 and {SCHEMA_VERSION}; \
     use the version that wrote these files"
)]
pub struct UnknownSchema(
    /// The version as it stands there.
    pub String,
);

/// Holds that a version is one of those that are read.
///
/// # Errors
/// It is another.
pub fn check(found: u32) -> Result<u32, UnknownSchema> {
    if KNOWN.contains(&found) { Ok(found) } else { Err(UnknownSchema(found.to_string())) }
}

/// The version in a row's cell.
///
/// # Errors
/// It is not one of those that are read.
pub fn check_cell(cell: &[u8]) -> Result<(), UnknownSchema> {
    let number = std::str::from_utf8(cell).ok().and_then(|text| text.parse::<u32>().ok());
    let unknown = || UnknownSchema(String::from_utf8_lossy(cell).into_owned());
    number.map_or_else(|| Err(unknown()), |number| check(number).map(drop))
}

/// Reads the version of `environment.json`.
pub fn known<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    check(u32::deserialize(deserializer)?).map_err(D::Error::custom)
}
