//! What a run made and did not delete, by its own record.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ttlsweep_record::row::Row;
use ttlsweep_record::text::ServerText;
use ttlsweep_record::{Cell, Method, ObjectChange, ObjectRecord, TransferRecord};
use ttlsweep_rundir::csv_file::{ReadError, read_rows_before_torn_end};
use ttlsweep_rundir::disk;
use ttlsweep_rundir::environment::Environment;
use ttlsweep_rundir::files::JOURNAL;

use super::created::CreatedObject;
use crate::s3::object_key::RunPrefix;

/// What lies in the bucket, as far as the run's files know.
#[derive(Debug, Default)]
pub(crate) struct Recorded {
    /// What each cell's target may still hold.
    pub by_cell: BTreeMap<String, BTreeSet<CreatedObject>>,
    /// Keys in the files that the run cannot have made, so that nobody may delete them in its name.
    pub foreign: Vec<String>,
}

impl Recorded {
    /// Reads the run's `transfers.csv`, journal and `objects.csv`; a last line that was written in part is passed over.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub(crate) fn read(folder: &Path, cells: &[Cell], environment: &Environment) -> Result<Self, ReadError> {
        let transfers: Vec<TransferRecord> = read_rows_before_torn_end(&folder.join(TransferRecord::FILE))?;
        let started: Vec<TransferRecord> = rows_if_there(&folder.join(JOURNAL))?;
        let objects: Vec<ObjectRecord> = rows_if_there(&folder.join(ObjectRecord::FILE))?;

        let mut found = Reading { cells, environment, recorded: Self::default() };
        for row in transfers.iter().chain(&started).filter(|row| row.method == Method::Put) {
            found.change(&row.cell_id, &row.object_key, None, ObjectChange::Made);
        }
        for row in objects {
            found.change(&row.cell_id, &row.object_key, row.upload_id, row.change);
        }
        Ok(found.recorded)
    }

    /// How many objects and uploads.
    pub(crate) fn len(&self) -> usize {
        self.by_cell.values().map(BTreeSet::len).sum()
    }

    /// Whether nothing is known to be left.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Rows of a file that a run may lack.
fn rows_if_there<R: Row>(path: &Path) -> Result<Vec<R>, ReadError> {
    if disk::is_there(path) { read_rows_before_torn_end(path) } else { Ok(Vec::new()) }
}

struct Reading<'a> {
    cells: &'a [Cell],
    environment: &'a Environment,
    recorded: Recorded,
}

impl Reading<'_> {
    fn change(&mut self, cell_id: &str, key: &str, upload_id: Option<String>, change: ObjectChange) {
        let cell = self.cells.iter().find(|cell| cell.cell_id == cell_id);
        let key_here = cell.and_then(|cell| prefix_of(cell, self.environment).recorded(key));
        let Some(key) = key_here else {
            if change == ObjectChange::Made {
                self.recorded.foreign.push(key.to_owned());
            }
            return;
        };
        let made = CreatedObject { key, upload_id: upload_id.map(ServerText::new) };
        match change {
            ObjectChange::Made => {
                self.recorded.by_cell.entry(cell_id.to_owned()).or_default().insert(made);
            }
            // Whichever of the cells it was noted with.
            ObjectChange::Deleted => self.recorded.by_cell.values_mut().for_each(|known| {
                known.remove(&made);
            }),
        }
    }
}

/// Where a cell's objects lie.
pub(crate) fn prefix_of(cell: &Cell, environment: &Environment) -> RunPrefix {
    RunPrefix::new(&cell.prefix, &environment.experiment, &environment.run_id).of_portion(environment.portion())
}
