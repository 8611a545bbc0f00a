//! The ends of a run's files, as a killed process or a loss of power left them: looked at first, all of them, and mended only
//! if every one of them can be.

use std::io;
use std::path::{Path, PathBuf};

use ttlsweep_record::row::Row;
use ttlsweep_record::{
    ClockRecord, EventRecord, HarnessRecord, ObjectRecord, SampleRecord, TransferRecord, TrialRecord,
};
use ttlsweep_rundir::csv_file::{ReadError, RowWriter, TornEnd, check_columns, torn_end};
use ttlsweep_rundir::disk;

use crate::run::files::JOURNAL;

/// What is to be done about the files of a folder.
#[derive(Debug, Default)]
pub struct Mending(Vec<File>);

/// What is to be done about one file.
#[derive(Debug)]
struct File {
    path: PathBuf,
    /// The line that was written in part.
    torn: Option<TornEnd>,
    /// Writes a header if there is none.
    head: Option<fn(&Path) -> io::Result<()>>,
}

impl Mending {
    /// Looks at every file that is written row by row. Nothing is written.
    ///
    /// # Errors
    /// A file is gone, or has what no torn write leaves, or columns that no row can be added to.
    pub fn of_run(folder: &Path) -> Result<Self, ReadError> {
        let mut mending = Self::default();
        mending.look::<TransferRecord>(folder.join(TransferRecord::FILE), Absent::WasRemoved)?;
        mending.look::<TrialRecord>(folder.join(TrialRecord::FILE), Absent::WasRemoved)?;
        mending.look::<EventRecord>(folder.join(EventRecord::FILE), Absent::WasRemoved)?;
        mending.look::<SampleRecord>(folder.join(SampleRecord::FILE), Absent::IsMade)?;
        mending.look::<HarnessRecord>(folder.join(HarnessRecord::FILE), Absent::IsMade)?;
        mending.look::<ObjectRecord>(folder.join(ObjectRecord::FILE), Absent::IsMade)?;
        mending.look::<ClockRecord>(folder.join(ClockRecord::FILE), Absent::IsMade)?;
        mending.look::<TransferRecord>(folder.join(JOURNAL), Absent::IsMade)?;
        Ok(mending)
    }

    /// Looks at `objects.csv` alone. Nothing is written.
    ///
    /// # Errors
    /// As for [`Self::of_run`].
    pub fn of_objects(folder: &Path) -> Result<Self, ReadError> {
        let mut mending = Self::default();
        mending.look::<ObjectRecord>(folder.join(ObjectRecord::FILE), Absent::IsMade)?;
        Ok(mending)
    }

    /// Does what is to be done, and returns what that was, a line each. What a torn row stood for is not lost: the journal has
    /// the transfer, its trial is run again, and the bytes are kept beside the file.
    ///
    /// # Errors
    /// A file cannot be written; the message names it.
    pub fn carry_out(self) -> io::Result<Vec<String>> {
        let mut told = Vec::new();
        for File { path, torn, head } in self.0 {
            let unwritable = |error: io::Error| disk::unwritable(&path, &error);
            if let Some(torn) = torn {
                told.push(torn.set_aside().map_err(unwritable)?);
            }
            if let Some(head) = head {
                head(&path).map_err(unwritable)?;
            }
        }
        Ok(told)
    }

    fn look<R: Row>(&mut self, path: PathBuf, absent: Absent) -> Result<(), ReadError> {
        let head: fn(&Path) -> io::Result<()> = |path| RowWriter::<R>::replace_as(path, &[]);
        if !disk::is_there(&path) {
            if let Absent::WasRemoved = absent {
                let problem = "is gone, though a run has it from its beginning; bring it back from where it is now";
                return Err(ReadError::NoTable { path, problem: problem.to_owned() });
            }
            self.0.push(File { path, torn: None, head: Some(head) });
            return Ok(());
        }
        let torn = torn_end::<R>(&path)?;
        let length = disk::open(&path).and_then(|file| file.metadata()).map(|meta| meta.len());
        let length = length.map_err(|source| ReadError::Open { path: path.clone(), source })?;
        let headless = length == 0 || torn.as_ref().is_some_and(|torn| torn.offset() == 0);
        if !headless {
            check_columns::<R>(&path)?;
        }
        self.0.push(File { path, torn, head: headless.then_some(head) });
        Ok(())
    }
}

/// What it means that a file is not there.
enum Absent {
    /// Runs of earlier versions have none, or a run that is whole has none: it is made.
    IsMade,
    /// A hand took it away. To make it again would have all that it held run again.
    WasRemoved,
}
