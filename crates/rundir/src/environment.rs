//! `environment.json`: the plan's identity and the machine that ran it.

mod clock_offset;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::disk;
use ttlsweep_record::names;
use ttlsweep_record::schema;
use ttlsweep_record::share::{Portion, Share};
use ttlsweep_record::units::Timestamp;

pub use clock_offset::ClockOffset;

/// The file's name within a run's folder.
pub const FILE: &str = "environment.json";

/// What must be known about a run beside its rows. A value that could not be found is empty, never guessed.
///
/// The fields stand flat, as in the file. Parts of their own, flattened by serde, would lose the line of a wrong value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// The version of this file's meaning.
    #[serde(deserialize_with = "schema::known")]
    pub schema_version: u32,
    /// Names the run.
    #[serde(deserialize_with = "names::run_id")]
    pub run_id: String,
    /// The experiment's name.
    #[serde(deserialize_with = "names::experiment")]
    pub experiment: String,
    /// The experiment's question.
    pub question: String,
    /// SHA-256 over the plan in canonical form: runs with the same hash may be merged.
    #[serde(deserialize_with = "names::hash")]
    pub plan_hash: String,
    /// The seed that order, object keys and bodies follow from.
    pub seed: u64,
    /// Blocks.
    pub repetitions: u32,
    /// Trials in the plan, controls included; those of the whole plan also where this is a shard of it.
    pub trials: u64,
    /// Which shard of the plan's blocks this is, as `2/4`; `None` if it is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Share>,
    /// Which part of every trial's users this is, as `2/4`; `None` if all users are here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Share>,
    /// When the first trial begins on all machines, where its users are spread over several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_at: Option<Timestamp>,
    /// The time from one trial's start to the next, in microseconds, where it does not follow from the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_every_us: Option<u64>,
    /// When the run began (UTC).
    pub started_at: Timestamp,
    /// The command line, credentials never being part of it.
    pub command: Vec<String>,
    /// ttlsweep's version.
    #[serde(deserialize_with = "names::version")]
    pub version: String,
    /// The revision of ttlsweep's sources, with `-dirty` where they had changes.
    #[serde(default, deserialize_with = "names::revision")]
    pub git_revision: Option<String>,
    /// `release` or `debug`.
    #[serde(deserialize_with = "names::version")]
    pub build_profile: String,
    /// The machine's name.
    #[serde(deserialize_with = "names::host")]
    pub host: String,
    /// The operating system and its kernel's version.
    #[serde(deserialize_with = "names::os")]
    pub os: String,
    /// Logical processors.
    pub cpus: u32,
    /// Memory in bytes.
    pub memory_bytes: Option<u64>,
    /// The limit on open descriptors.
    pub descriptor_limit: Option<u64>,
    /// The kernel's TCP settings by name (Linux only).
    pub tcp_sysctls: BTreeMap<String, String>,
    /// The endpoints asked, each with the addresses that it resolved to.
    pub endpoints: BTreeMap<String, Vec<String>>,
    /// The region that is signed for, by endpoint; empty in files of schema 1.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub regions: BTreeMap<String, String>,
    /// The proxy that stands between, by endpoint; an endpoint that was asked directly is not here. What the kernel tells of
    /// a connection (`remote_addr`, bytes acknowledged, round-trip times) is then about the connection to the proxy.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub proxies: BTreeMap<String, ProxyUse>,
    /// The variables that name a proxy and were followed for no endpoint, as `HTTPS_PROXY=http://proxy:3128: why not`, without
    /// user and password.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proxies_ignored: Vec<String>,
    /// The slow line that all of it ran behind, as the options of `ttlsweep path`; `None` if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Microseconds that the server's clock was ahead at the end of the run, by endpoint.
    pub clock_offset: BTreeMap<String, ClockOffset>,
    /// Of a run that was merged, its machines; empty for any other. Above, host, system and endpoints are then those of all
    /// of them, processors, memory and descriptors the fewest of any, TCP settings those that are the same everywhere, a
    /// clock's offset what holds for all, and the command that of the first shard.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<HostEnvironment>,
}

/// A proxy on the way to an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxyUse {
    /// The proxy, as `http://host:port`, without user and password.
    pub url: String,
    /// The variable of the environment that names it.
    pub variable: String,
}

/// A machine that ran shards of a merged run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HostEnvironment {
    /// The machine's name.
    #[serde(deserialize_with = "names::host")]
    pub host: String,
    /// The operating system and its kernel's version.
    #[serde(deserialize_with = "names::os")]
    pub os: String,
    /// Logical processors.
    pub cpus: u32,
    /// Memory in bytes.
    pub memory_bytes: Option<u64>,
    /// The limit on open descriptors.
    pub descriptor_limit: Option<u64>,
    /// The kernel's TCP settings by name (Linux only).
    pub tcp_sysctls: BTreeMap<String, String>,
    /// The shards that it ran.
    pub shards: Vec<ShardEnvironment>,
}

/// What a shard of a merged run had to itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShardEnvironment {
    /// Which one, where each holds whole blocks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Share>,
    /// Which one, where each holds some of the users of every trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Share>,
    /// When it began (UTC).
    pub started_at: Timestamp,
    /// The command line.
    pub command: Vec<String>,
    /// The endpoints asked, each with the addresses that it resolved to there.
    pub endpoints: BTreeMap<String, Vec<String>>,
    /// Microseconds that the server's clock was ahead of the host's, by endpoint.
    pub clock_offset: BTreeMap<String, ClockOffset>,
}

impl Environment {
    /// What this is of a plan that several processes run together; `None` if one process runs all of it.
    pub fn portion(&self) -> Option<Portion> {
        self.shard.map(Portion::Shard).or_else(|| self.part.map(Portion::Part))
    }

    /// Reads the file from a run's folder. Its version is known, and its names are fit to be names.
    ///
    /// # Errors
    /// It is not there or is not such a file; the message names it.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let path = folder.join(FILE);
        let in_file = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let text = disk::read_to_string(&path).map_err(|error| io::Error::new(error.kind(), in_file(&error)))?;
        Self::parse(&text).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, in_file(&error)))
    }

    /// Reads the file's text.
    ///
    /// # Errors
    /// It is not such a file, is of a version that is not known, or has names that cannot be any.
    pub(crate) fn parse(text: &str) -> serde_json::Result<Self> {
        /// Of a version that is not known all else may have changed, and is no reason to speak of anything but the version.
        #[derive(Deserialize)]
        struct Version {
            #[serde(deserialize_with = "schema::known", rename = "schema_version")]
            _known: u32,
        }
        serde_json::from_str::<Version>(text)?;
        serde_json::from_str(text)
    }

    /// Writes the file into a run's folder, whole or not at all, and on the disk in the end.
    ///
    /// # Errors
    /// The folder cannot be written; the message names the file.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        let path = folder.join(FILE);
        let text = serde_json::to_string_pretty(self).map_err(io::Error::other)?;
        // Otherwise the new name might outlast a loss of power and the text not.
        disk::write_whole(&path, (text + "\n").as_bytes()).map_err(|error| disk::unwritable(&path, &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE_OF_TWO: &str = r#"{
  "schema_version": 2,
  "run_id": "20260102T030405Z-0123abcd",
  "experiment": "grid",
  "question": "?",
  "plan_hash": "0123abcd",
  "seed": 7,
  "repetitions": 3,
  "trials": 12,
  "started_at": "2026-01-02T03:04:05.000006Z",
  "command": [
    "ttlsweep",
    "run"
  ],
  "version": "0.1.0",
  "git_revision": null,
  "build_profile": "release",
  "host": "ash, birch",
  "os": "Linux 6.18",
  "cpus": 2,
  "memory_bytes": 18446744073709551615,
  "descriptor_limit": null,
  "tcp_sysctls": {
    "ipv4.tcp_sack": "1"
  },
  "endpoints": {
    "http://127.0.0.1:9000": [
      "127.0.0.1"
    ]
  },
  "clock_offset": {
    "http://127.0.0.1:9000": {
      "low_us": -3,
      "high_us": 4,
      "responses": 5
    }
  },
  "hosts": [
    {
      "host": "ash",
      "os": "Linux 6.18",
      "cpus": 2,
      "memory_bytes": 1,
      "descriptor_limit": 2,
      "tcp_sysctls": {},
      "shards": [
        {
          "shard": "1/2",
          "started_at": "2026-01-02T03:04:05.000006Z",
          "command": [],
          "endpoints": {},
          "clock_offset": {}
        }
      ]
    }
  ]
}"#;

    #[test]
    fn the_file_keeps_every_byte_when_it_is_read_and_written() {
        let read = Environment::parse(FILE_OF_TWO).unwrap();
        assert_eq!((read.cpus, read.hosts[0].host.as_str()), (2, "ash"));
        assert_eq!(serde_json::to_string_pretty(&read).unwrap(), FILE_OF_TWO);
    }

    #[test]
    fn a_wrong_value_is_told_by_its_line() {
        for (from, to, line) in [
            (r#""host": "ash, birch""#, r#""host": "\u001b""#, 18),
            (r#""cpus": 2"#, r#""cpus": "two""#, 20),
            (r#""seed": 7"#, r#""seed": -7"#, 7),
        ] {
            let error = Environment::parse(&FILE_OF_TWO.replacen(from, to, 1)).unwrap_err();
            assert_eq!(error.line(), line, "{error}");
        }
    }
}
