//! What names may look like that are read from files: a folder may have been made by somebody else, and names become those of
//! files and folders, parts of keys, and words of a page.

use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// A name that cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` cannot be {what}; expected {expected}", crate::text::visible(&shortened(.found)))]
pub struct BadName {
    found: String,
    what: &'static str,
    expected: &'static str,
}

/// Holds that `name` can name a run: the rule of `--run-id`. It names a folder, and is part of every object's key and every
/// transfer's name.
///
/// # Errors
/// It cannot.
pub fn check_run_id(name: &str) -> Result<&str, BadName> {
    let expected = "at most 64 letters, digits, `-`, `_` and `.`, beginning with a letter, a digit or `_`";
    check(name, "a run's name", expected, is_plain(name.as_bytes(), 64))
}

/// Holds that a cell of a column of names (a run's, a trial's, a transfer's, a cell's) holds one.
///
/// # Errors
/// It does not.
pub fn check_cell(cell: &[u8]) -> Result<(), BadName> {
    if is_plain(cell, LONGEST_NAME) {
        return Ok(());
    }
    let expected = "letters, digits, `-`, `_` and `.`, beginning with a letter, a digit or `_`";
    check(&String::from_utf8_lossy(cell), "a name", expected, false).map(drop)
}

/// The columns whose cells are names.
pub const COLUMNS: [&str; 4] = ["run_id", "trial_id", "transfer_id", "cell_id"];

fn is_plain(name: &[u8], longest: usize) -> bool {
    let fit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !name.is_empty() && name.len() <= longest && !matches!(name[0], b'.' | b'-') && name.iter().all(fit)
}

fn check<'n>(name: &'n str, what: &'static str, expected: &'static str, fits: bool) -> Result<&'n str, BadName> {
    if fits { Ok(name) } else { Err(BadName { found: name.to_owned(), what, expected }) }
}

fn shortened(text: &str) -> String {
    text.chars().take(100).collect()
}

macro_rules! readers {
    ($($(#[$doc:meta])* $name:ident($what:literal, $expected:literal) = $fits:expr;)+) => {
        $(
            $(#[$doc])*
            pub fn $name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
                let text = String::deserialize(deserializer)?;
                let fits: fn(&str) -> bool = $fits;
                check(&text, $what, $expected, fits(&text)).map_err(D::Error::custom)?;
                Ok(text)
            }
        )+
    };
}

readers! {
    /// A machine's name, or several divided by commas: any text that a terminal shows as it is.
    host("a machine's name", "text without control characters") = |text| is_shown(text, 10_000);
    /// The name of an operating system.
    os("the name of a system", "text without control characters") = |text| is_shown(text, 1_000);
    /// An experiment's name, which is also that of its folder.
    experiment("an experiment's name", "letters, digits, `-`, `_` and `.`, beginning with a letter, a digit or `_`") =
        |text| is_plain(text.as_bytes(), LONGEST_NAME);
    /// A plan's hash.
    hash("a plan's hash", "letters and digits") =
        |text| text.len() <= 200 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b':');
    /// A version of this program, or the name of a build.
    version("a version", "letters, digits, `.`, `-` and `+`") = is_version;
}

/// A run's name.
pub fn run_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    check_run_id(&text).map_err(D::Error::custom)?;
    Ok(text)
}

/// A revision of this program's sources.
pub fn revision<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    if let Some(text) = &text {
        check(text, "a revision", "letters, digits, `.`, `-` and `+`", is_version(text)).map_err(D::Error::custom)?;
    }
    Ok(text)
}

fn is_version(text: &str) -> bool {
    let fit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'+');
    text.len() <= 100 && text.bytes().all(fit)
}

fn is_shown(text: &str, longest: usize) -> bool {
    text.len() <= longest && crate::text::visible(text) == text
}

/// A transfer's name holds those of its run and its trial.
const LONGEST_NAME: usize = 300;

/// The name of a transfer: of which run, trial and attempt it is, by which user, and which one of that user's.
pub fn transfer_id(run_id: &str, trial_id: &str, attempt: u32, user: u32, sequence: u32) -> String {
    format!("{run_id}-{trial_id}-a{attempt}-u{user}-s{sequence}")
}

/// The trial and the attempt that a [`transfer_id`] of this run tells of.
pub fn attempt_of<'n>(transfer_id: &'n str, run_id: &str) -> Option<(&'n str, u32)> {
    let mut parts = transfer_id.strip_prefix(run_id)?.strip_prefix('-')?.rsplitn(4, '-');
    let (_sequence, _user, attempt, trial_id) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    Some((trial_id, attempt.strip_prefix('a')?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_named_so_that_its_name_can_be_a_folder_and_leads_nowhere() {
        for fit in ["4711", "night.2", "plan-65d1a6210587", "a_B-1", "20261124T193700Z-1a2b3c4d"] {
            assert_eq!(check_run_id(fit), Ok(fit));
        }
        let long = "x".repeat(65);
        for unfit in ["", ".", "..", ".hidden", "-x", "a/b", "/../../../elsewhere", "a b", "ü", "a\n", "a\0", &long] {
            assert!(check_run_id(unfit).is_err(), "{unfit}");
        }
        let said = check_run_id("a\x1b[2J").unwrap_err().to_string();
        assert!(said.starts_with("`a␛[2J` cannot be a run's name; expected at most 64 letters"), "{said}");
    }

    #[test]
    fn a_transfers_name_tells_its_attempt() {
        let name = transfer_id("20261124T1-ab", "c001-b2", 3, 10, 4);
        assert_eq!(name, "20261124T1-ab-c001-b2-a3-u10-s4");
        assert_eq!(attempt_of(&name, "20261124T1-ab"), Some(("c001-b2", 3)));
        assert_eq!(attempt_of("another-c001-b2-a3-u10-s4", "20261124T1-ab"), None);
        assert_eq!(attempt_of("20261124T1-ab-download", "20261124T1-ab"), None);
    }
}
