//! The run's transfers, as a log can name them.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use ttlsweep_record::row::Row;
use ttlsweep_record::{Cell, Method, TransferRecord};
use ttlsweep_rundir::csv_file::{RowFile, read_rows};

use super::entry::Entry;
use super::meaning::Seen;
use crate::load::check_run;

use super::error::JoinError;

/// The transfers of a run, by the names under which logs have them.
#[derive(Debug, Default)]
pub(super) struct Transfers {
    all: HashMap<String, Known>,
    /// The name of the transfer that was answered with a request id.
    by_request_id: HashMap<String, String>,
    /// The name of the only transfer that uploaded to a key.
    by_upload: HashMap<String, Option<String>>,
    /// The query parameters that carry names.
    parameters: BTreeSet<String>,
}

#[derive(Debug)]
struct Known {
    /// The place of its folder.
    folder: usize,
    seen: Seen,
}

impl Transfers {
    /// Reads those of the folders of one run.
    pub(super) fn read(folders: &[PathBuf]) -> Result<Self, JoinError> {
        let mut transfers = Self::default();
        for (at, folder) in folders.iter().enumerate() {
            check_run(folder)?;
            let cells: Vec<Cell> = read_rows(folder)?;
            transfers.parameters.extend(cells.iter().filter_map(Cell::name_parameter).map(str::to_owned));
            let mut file = RowFile::open::<TransferRecord>(&folder.join(TransferRecord::FILE))?;
            while file.next_row()? {
                transfers.add(file.row()?, at);
            }
        }
        Ok(transfers)
    }

    fn add(&mut self, row: TransferRecord, folder: usize) {
        let seen = Seen::of(&row);
        if let Some(id) = row.request_id {
            self.by_request_id.insert(id, row.transfer_id.clone());
        }
        if row.method == Method::Put {
            let name = row.transfer_id.clone();
            self.by_upload.entry(row.object_key).and_modify(|only| *only = None).or_insert(Some(name));
        }
        self.all.insert(row.transfer_id, Known { folder, seen });
    }

    /// How many there are.
    pub(super) fn len(&self) -> u64 {
        self.all.len() as u64
    }

    /// Which one an entry is about: its name and the place of its folder.
    pub(super) fn of(&self, entry: &Entry) -> Option<(&str, usize)> {
        let named = entry.target.query.iter().filter(|(name, _)| self.parameters.contains(name));
        let named = named.map(|(_, value)| value).find(|value| self.all.contains_key(*value));
        let answered = || entry.row.request_id.as_ref().and_then(|id| self.by_request_id.get(id));
        let uploaded = || self.by_upload.get(entry.target.uploaded.as_ref()?)?.as_ref();
        let (name, known) = self.all.get_key_value(named.or_else(answered).or_else(uploaded)?)?;
        Some((name, known.folder))
    }

    /// What this side saw of one.
    pub(super) fn seen(&self, name: &str) -> Option<&Seen> {
        self.all.get(name).map(|known| &known.seen)
    }
}
