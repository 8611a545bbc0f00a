//! The experiment files of the tests.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;
use ttlsweep_runner::testing::experiment::{Experiment, LoadOptions, load};

use crate::program::Lab;

/// An experiment file: one upload of 20 kB with a link of a minute, without jitter and controls, until told otherwise.
///
/// Tests whose subject is the text itself write it out: `bad_input.rs` and `terminal.rs` here, and those in `src`.
#[derive(Debug, Clone)]
pub(crate) struct Toml(BTreeMap<String, Value>);

impl Toml {
    pub(crate) fn named(name: &str) -> Self {
        let toml = Self(BTreeMap::new()).set("experiment.name", name).set("grid.ttl", "60s").set("grid.size", "20kB");
        let toml = toml.set("transfer.jitter", "0s").set("controls.long_ttl", false);
        toml.set("controls.header_signed", false).set("controls.expired_start", false)
    }

    /// Sets a key of a section. It may be one of a table, which then takes the place of the plain value: `grid.ttl.random`.
    pub(crate) fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.retain(|known, _| !key.starts_with(&format!("{known}.")));
        self.0.insert(key.to_owned(), value.into());
        self
    }

    /// Leaves a key, or a whole section, to the program's defaults.
    pub(crate) fn unset(mut self, key: &str) -> Self {
        self.0.retain(|known, _| known != key && !known.starts_with(&format!("{key}.")));
        self
    }

    /// Writes it as `name.toml`.
    pub(crate) fn write(&self, lab: &Lab) {
        lab.write(&format!("{}.toml", self.0["experiment.name"].as_str().unwrap()), self.to_string());
    }

    /// A folder with it as `name.toml`.
    pub(crate) fn lab(&self) -> Lab {
        let lab = Lab::new();
        self.write(&lab);
        lab
    }

    /// What the program makes of it.
    pub(crate) fn load(&self) -> Experiment {
        let lab = Lab::with("any.toml", self.to_string());
        load(&lab.path("any.toml"), &LoadOptions::default()).unwrap().experiment
    }
}

impl fmt::Display for Toml {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines: Vec<_> = self.0.iter().map(|(key, value)| (key.split_once('.').unwrap(), value)).collect();
        lines.sort_by_key(|((section, _), _)| *section != "experiment");
        for section in lines.chunk_by(|one, next| one.0.0 == next.0.0) {
            writeln!(f, "[{}]", section[0].0.0)?;
            // JSON's text of what stands here is TOML's, too.
            section.iter().try_for_each(|((_, key), value)| writeln!(f, "{key} = {value}"))?;
        }
        Ok(())
    }
}
