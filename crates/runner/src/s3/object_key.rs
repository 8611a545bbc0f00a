//! Keys: every object that a run makes lies below a prefix that this run has to itself.

use std::fmt;
use std::sync::Arc;

use ttlsweep_record::Portion;

/// What the keys of one run begin with: `<prefix>/<experiment>/<run>/`, and behind that `shard-2-of-4/` where several
/// processes run it together, so that none of them deletes what another one still needs.
///
/// Only a prefix makes an [`ObjectKey`], and whatever puts or deletes asks for one: no other key is ever written or deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunPrefix {
    text: Arc<str>,
    is_whole_runs: bool,
}

/// The key of an object below a run's prefix.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey(String);

impl RunPrefix {
    /// The prefix of a run. An experiment or run that is not a name of its own, as in a record that somebody edited, is made one,
    /// so that the prefix is never shorter than its parts.
    pub fn new(prefix: &str, experiment: &str, run_id: &str) -> Self {
        let prefix = prefix.trim_matches('/');
        let separator = if prefix.is_empty() { "" } else { "/" };
        let text = format!("{prefix}{separator}{}/{}/", segment(experiment), segment(run_id));
        Self { text: text.into(), is_whole_runs: true }
    }

    /// What the keys of a portion of the run begin with.
    #[must_use]
    pub(crate) fn of_portion(self, portion: Option<Portion>) -> Self {
        match portion {
            None => self,
            Some(portion) => Self { text: format!("{self}{}/", portion.folder_name()).into(), is_whole_runs: false },
        }
    }

    /// The key of this name below the prefix.
    pub fn key(&self, name: impl fmt::Display) -> ObjectKey {
        ObjectKey(format!("{self}{}", segment(&name.to_string())))
    }

    /// A key that was read somewhere, such as in a run's record or in a store's listing; `None` if this run cannot have
    /// made it. What the portions of a run made is the run's.
    pub fn recorded(&self, key: &str) -> Option<ObjectKey> {
        let name = key.strip_prefix(&*self.text)?;
        let name = match name.split_once('/') {
            Some((folder, name)) if self.is_whole_runs && is_portions(folder) => name,
            _ => name,
        };
        (segment(name) == name).then(|| ObjectKey(key.to_owned()))
    }

    /// The prefix, ending with `/`.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for RunPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
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

/// Whether this level of a key is a portion's.
fn is_portions(folder: &str) -> bool {
    Portion::of_folder_name(folder).is_some_and(|portion| portion.folder_name() == folder)
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
    use ttlsweep_record::Share;

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
    fn what_a_portion_made_is_its_own_and_the_runs_and_no_other_portions() {
        let run = RunPrefix::new("ttlsweep/", "grid", "run");
        let shard = |number| run.clone().of_portion(Some(Portion::Shard(Share::new(number, 4).unwrap())));
        let key = shard(2).key("b02-c001");
        assert_eq!(key.as_str(), "ttlsweep/grid/run/shard-2-of-4/b02-c001");
        assert_eq!(run.recorded(key.as_str()), Some(key.clone()));
        assert_eq!(shard(2).recorded(key.as_str()), Some(key.clone()));
        assert_eq!(shard(3).recorded(key.as_str()), None);
        assert_eq!(run.recorded("ttlsweep/grid/run/shard-2-of-4/deeper/a"), None);
        assert_eq!(run.recorded("ttlsweep/grid/run/.shard-2-of-4.partial/a"), None);
        assert_eq!(shard(2).recorded("ttlsweep/grid/run/shard-2-of-4/shard-2-of-4/a"), None);
    }

    #[test]
    fn a_record_without_names_reaches_no_further_than_one_with_them() {
        assert_eq!(RunPrefix::new("ttlsweep/", "", "").as_str(), "ttlsweep/-/-/");
        assert_eq!(RunPrefix::new("", "..", "a/b").as_str(), "-/a-b/");
        assert_eq!(RunPrefix::new("ttlsweep", "grid", "../other").recorded("ttlsweep/other/a"), None);
    }
}
