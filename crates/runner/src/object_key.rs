//! Keys: every object that a run makes lies below a prefix that this run has to itself.

use std::fmt;
use std::sync::Arc;

/// What the keys of one run begin with: `<prefix>/<experiment>/<run>/`.
///
/// Only a prefix makes an [`ObjectKey`], and whatever puts or deletes asks for one: no other key is ever written or deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunPrefix(Arc<str>);

/// The key of an object below a run's prefix.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey(String);

impl RunPrefix {
    /// The prefix of a run. An experiment or run that is no name of its own, as in a record that somebody edited, is made one,
    /// so that the prefix is never shorter than its parts.
    pub fn new(prefix: &str, experiment: &str, run_id: &str) -> Self {
        let prefix = prefix.trim_matches('/');
        let separator = if prefix.is_empty() { "" } else { "/" };
        Self(format!("{prefix}{separator}{}/{}/", segment(experiment), segment(run_id)).into())
    }

    /// The key of this name below the prefix.
    pub fn key(&self, name: impl fmt::Display) -> ObjectKey {
        ObjectKey(format!("{}{}", self.0, segment(&name.to_string())))
    }

    /// A key that was read somewhere, such as in a run's record or in a store's listing; nothing where this run cannot have
    /// made it.
    pub fn recorded(&self, key: &str) -> Option<ObjectKey> {
        let name = key.strip_prefix(&*self.0)?;
        (segment(name) == name).then(|| ObjectKey(key.to_owned()))
    }

    /// The prefix, ending with `/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ObjectKey {
    /// The key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One level of a key: never empty, never one that a store which keeps files would take for a step upwards.
fn segment(name: &str) -> String {
    let name: String = name.chars().map(|char| if char == '/' || char.is_control() { '-' } else { char }).collect();
    match name.as_str() {
        "" | "." | ".." => "-".to_owned(),
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_lies_below_its_runs_prefix_whatever_its_name() {
        let prefix = RunPrefix::new("ttlsweep/", "grid", "20261124T193700Z-1a2b3c4d");
        assert_eq!(prefix.as_str(), "ttlsweep/grid/20261124T193700Z-1a2b3c4d/");
        assert_eq!(prefix.key("b01-c001").as_str(), "ttlsweep/grid/20261124T193700Z-1a2b3c4d/b01-c001");
        for name in ["", ".", "..", "/", "../../other", "a/b", "a\nb", "%2e%2e"] {
            let key = prefix.key(name);
            let below = key.as_str().strip_prefix(prefix.as_str()).unwrap();
            assert!(!below.is_empty() && below != ".." && !below.contains('/'), "{key}");
            assert_eq!(prefix.recorded(key.as_str()), Some(key));
        }
    }

    #[test]
    fn a_key_that_the_run_cannot_have_made_is_none_of_its() {
        let prefix = RunPrefix::new("ttlsweep/", "grid", "run");
        for key in [
            "",
            "payroll.xlsx",
            "ttlsweep/grid/run",
            "ttlsweep/grid/run/",
            "ttlsweep/grid/run2/a",
            "ttlsweep/grid/run/../../payroll.xlsx",
            "ttlsweep/grid/run/..",
            "ttlsweep/grid/run/deeper/a",
            "/ttlsweep/grid/run/a",
            "TTLSWEEP/grid/run/a",
        ] {
            assert_eq!(prefix.recorded(key), None, "{key}");
        }
        assert!(prefix.recorded("ttlsweep/grid/run/a").is_some());
    }

    #[test]
    fn a_record_without_names_reaches_no_further_than_one_with_them() {
        assert_eq!(RunPrefix::new("ttlsweep/", "", "").as_str(), "ttlsweep/-/-/");
        assert_eq!(RunPrefix::new("", "..", "a/b").as_str(), "-/a-b/");
        assert_eq!(RunPrefix::new("ttlsweep", "grid", "../other").recorded("ttlsweep/other/a"), None);
    }
}
