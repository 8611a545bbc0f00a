//! Which program a test runs.

use std::env;
use std::path::{Path, PathBuf};

const FOLDER: &str = "TTLSWEEP_PROGRAMS";

/// The program that was built with the tests; or the one of its name in the folder that `TTLSWEEP_PROGRAMS` names, so that
/// today's tests can be held against an earlier version.
pub(crate) fn chosen(built: &str) -> PathBuf {
    match env::var_os(FOLDER) {
        Some(folder) => Path::new(&folder).join(Path::new(built).file_name().unwrap()),
        None => built.into(),
    }
}

/// Whether it is another one than was built with the tests.
#[allow(dead_code)]
pub(crate) fn is_another() -> bool {
    env::var_os(FOLDER).is_some()
}
