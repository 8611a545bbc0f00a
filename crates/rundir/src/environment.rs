//! `environment.json`: the plan's identity and the machine that ran it.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::disk;
use ttlsweep_record::names;
use ttlsweep_record::schema;
use ttlsweep_record::share::{Portion, Share};
use ttlsweep_record::units::Timestamp;

/// The file's name within a run's folder.
pub const FILE: &str = "environment.json";

/// What must be known about a run beside its rows. A value that could not be found is empty, never guessed.
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

/// A bracket around a server clock's offset from this machine's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockOffset {
    /// The smallest offset that all responses allow, in microseconds.
    pub low_us: i64,
    /// The largest offset that all responses allow, in microseconds.
    pub high_us: i64,
    /// How many responses narrowed it.
    pub responses: u64,
}

impl ClockOffset {
    /// What one answer allows. Its `date`, cut to whole seconds, was read from the server's clock some time between `asked` and
    /// `answered`, both by this machine's clock.
    pub fn of_answer(date: Timestamp, asked: Timestamp, answered: Timestamp) -> Self {
        Self { low_us: date.micros_since(answered), high_us: date.micros_since(asked) + SECOND_US, responses: 1 }
    }

    /// What this and `other` both allow. If they contradict each other, the low end is above the high one.
    #[must_use]
    pub fn met_with(self, other: Self) -> Self {
        Self {
            low_us: self.low_us.max(other.low_us),
            high_us: self.high_us.min(other.high_us),
            responses: self.responses + other.responses,
        }
    }

    /// What either of the two allows, and all between.
    #[must_use]
    pub fn hull(self, other: Self) -> Self {
        Self {
            low_us: self.low_us.min(other.low_us),
            high_us: self.high_us.max(other.high_us),
            responses: self.responses + other.responses,
        }
    }

    /// The same against a clock that is behind this one by `by_us`.
    #[must_use]
    pub fn moved(self, by_us: i64) -> Self {
        Self { low_us: self.low_us + by_us, high_us: self.high_us + by_us, ..self }
    }

    /// The offset in the middle.
    pub fn middle_us(self) -> i64 {
        i64::midpoint(self.low_us, self.high_us)
    }
}

const SECOND_US: i64 = 1_000_000;

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
