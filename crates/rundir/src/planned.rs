//! `plan.json`: what a dry run leaves of a plan beside its `cells.csv`, for those who ask what will come of it before it runs.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use ttlsweep_record::{Cell, names, schema};

use crate::csv_file::RowWriter;
use crate::{disk, environment};

/// The file's name within the plan's folder.
pub const FILE: &str = "plan.json";

/// A plan, and what it takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedRun {
    /// The version of this file's meaning.
    #[serde(deserialize_with = "schema::known")]
    pub schema_version: u32,
    /// The experiment's name.
    #[serde(deserialize_with = "names::experiment")]
    pub experiment: String,
    /// SHA-256 over the plan in canonical form.
    #[serde(deserialize_with = "names::hash")]
    pub plan_hash: String,
    /// Blocks.
    pub blocks: u32,
    /// What one transfer of each cell takes when nothing stops it, in microseconds.
    pub needed_us: BTreeMap<String, u64>,
    /// The rate in bits a second that was assumed where no cap is set; `None` if there is a cap everywhere.
    pub assumed_bps: Option<u64>,
    /// Whether the server's clock is asked for before the first trial.
    pub probes_clock: bool,
    /// What all blocks take.
    pub takes: Takes,
    /// What one more block takes.
    pub each_block: Takes,
}

/// What a plan takes if nothing stops its transfers.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Takes {
    /// Transfers.
    pub transfers: u64,
    /// Requests, those that are no transfers included.
    pub requests: u64,
    /// Bytes of bodies sent.
    pub bytes_up: u64,
    /// Bytes of bodies received.
    pub bytes_down: u64,
    /// From the first trial to the last.
    pub duration_us: u64,
    /// US dollars at AWS's list price; `None` if it is not AWS that is asked.
    pub usd: Option<f64>,
}

impl PlannedRun {
    /// Reads the file from a plan's folder.
    ///
    /// # Errors
    /// It is not there or is not such a file; the message names it.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let path = folder.join(FILE);
        let in_file = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let text = disk::read_to_string(&path).map_err(|error| io::Error::new(error.kind(), in_file(&error)))?;
        serde_json::from_str(&text).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, in_file(&error)))
    }

    /// Writes the file and `cells.csv` into `folder`, in place of those of an earlier dry run.
    ///
    /// # Errors
    /// The folder holds a run, or cannot be written; the message names the file.
    pub fn write(&self, folder: &Path, cells: &[Cell]) -> io::Result<()> {
        if disk::is_there(&folder.join(environment::FILE)) {
            let words = format!("{} holds a run; name another folder for the plan", folder.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, words));
        }
        fs::create_dir_all(folder).map_err(|error| disk::unwritable(folder, &error))?;
        RowWriter::replace(folder, cells).map_err(|error| disk::unwritable(folder, &error))?;
        let path = folder.join(FILE);
        let text = serde_json::to_string_pretty(self).map_err(io::Error::other)?;
        disk::write_whole(&path, (text + "\n").as_bytes()).map_err(|error| disk::unwritable(&path, &error))
    }
}
