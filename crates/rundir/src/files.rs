//! The files of a run: one list of what they are called, which columns they have, and who cannot do without them.
//!
//! Beside them a run has its [`environment.json`](crate::environment).

use std::io;
use std::path::Path;

use ttlsweep_record::row::{Column, Row};
use ttlsweep_record::rows::{
    Cell, ClockRecord, DecisionRecord, EventRecord, HarnessRecord, ObjectRecord, SampleRecord, ServerRecord,
    TransferRecord, TrialRecord,
};

use crate::csv_file::{ReadError, RowWriter, TornEnd, check_columns, torn_end};

/// The frozen experiment.
pub const EXPERIMENT: &str = "experiment.toml";

/// A row for each transfer that has started, with the columns of `transfers.csv`; there until the run is whole.
pub const JOURNAL: &str = "journal.csv";

/// A file of rows.
#[derive(Debug)]
pub struct RunFile {
    /// Its name within the run's folder.
    pub name: &'static str,
    /// Its columns in order.
    pub columns: &'static [Column],
    /// What a row stands for, in a sentence.
    pub about: &'static str,
    /// Who cannot do without it.
    pub needed: Needed,
    create: fn(&Path) -> io::Result<()>,
    clear: fn(&Path) -> io::Result<()>,
    torn_end: fn(&Path) -> Result<Option<TornEnd>, ReadError>,
    check_columns: fn(&Path) -> Result<(), ReadError>,
}

/// Who cannot do without a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needed {
    /// Everyone who reads a run.
    Always,
    /// Only what goes on with the run: a run has it from its beginning, and what it held would be run again.
    ToResume,
    /// Nobody: runs of earlier versions have none.
    Never,
    /// Nobody: it is written once the run is over, if at all.
    Later,
}

/// Everything that stays in the folder of a run.
pub static ROWS: [RunFile; 10] = [
    RunFile::of::<TransferRecord>("One row per transfer.", Needed::Always),
    RunFile::of::<TrialRecord>("One row per attempt at a trial.", Needed::Always),
    RunFile::of::<HarnessRecord>("Is it us? One row per attempt that was not killed.", Needed::Never),
    RunFile::of::<Cell>("One row per cell or control.", Needed::Always),
    RunFile::of::<EventRecord>("The tape of each transfer.", Needed::ToResume),
    RunFile::of::<SampleRecord>("The kernel's view of each transfer.", Needed::Never),
    RunFile::of::<ClockRecord>("The server's clock against this machine's, and steps of either.", Needed::Never),
    RunFile::of::<DecisionRecord>("What was decided between two blocks, where that ends the run.", Needed::Never),
    RunFile::of::<ObjectRecord>("What was made in the bucket and deleted again.", Needed::Never),
    RunFile::of::<ServerRecord>("What servers' own logs say of the transfers, by `ttlsweep join`.", Needed::Later),
];

/// What is there beside them until the run is whole.
pub(crate) static STARTED: RunFile =
    RunFile { name: JOURNAL, ..RunFile::of::<TransferRecord>("One row per transfer that has started.", Needed::Never) };

impl RunFile {
    const fn of<R: Row>(about: &'static str, needed: Needed) -> Self {
        Self {
            name: R::FILE,
            columns: R::COLUMNS,
            about,
            needed,
            create: |path| RowWriter::<R>::create_as(path)?.sync(),
            clear: |path| RowWriter::<R>::replace_as(path, &[]),
            torn_end: torn_end::<R>,
            check_columns: check_columns::<R>,
        }
    }

    /// Writes its header over what is in `path`, or makes it.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn clear(&self, path: &Path) -> io::Result<()> {
        (self.clear)(path)
    }

    /// The line at the end of `path` that was written in part; see [`torn_end`].
    pub(crate) fn torn_end(&self, path: &Path) -> Result<Option<TornEnd>, ReadError> {
        (self.torn_end)(path)
    }

    /// Holds that rows can be added to `path`; see [`check_columns`].
    pub(crate) fn check_columns(&self, path: &Path) -> Result<(), ReadError> {
        (self.check_columns)(path)
    }
}

/// What a run writes row by row. The cells are written whole, before the folder has its name.
pub(crate) fn written_by_run() -> impl Iterator<Item = &'static RunFile> {
    let by_run = |file: &&RunFile| file.name != Cell::FILE && file.needed != Needed::Later;
    ROWS.iter().chain([&STARTED]).filter(by_run)
}

/// Creates every file of a new run in `folder` with its header, and `cells.csv` whole, on the disk.
///
/// # Errors
/// A file is there already, or cannot be written; the message names it.
pub fn create(folder: &Path, cells: &[Cell]) -> io::Result<()> {
    for file in written_by_run() {
        named(file.name, (file.create)(&folder.join(file.name)))?;
    }
    named(Cell::FILE, write_cells(folder, cells))
}

fn write_cells(folder: &Path, cells: &[Cell]) -> io::Result<()> {
    let mut writer = RowWriter::create(folder)?;
    cells.iter().try_for_each(|cell| writer.write(cell))?;
    writer.sync()
}

/// An error of the file system says which file it is about.
///
/// # Errors
/// The given one.
pub fn named<T>(name: &str, result: io::Result<T>) -> io::Result<T> {
    result.map_err(|error| io::Error::new(error.kind(), format!("{name}: {error}")))
}
