//! The ends of a run's files, as a killed process or a loss of power left them: looked at first, all of them, and mended only
//! if every one of them can be.

use std::io;
use std::path::{Path, PathBuf};

use ttlsweep_record::row::Row;
use ttlsweep_record::rows::ObjectRecord;

use crate::csv_file::{ReadError, TornEnd};
use crate::disk;
use crate::files::{self, Needed, RunFile};

/// What is to be done about the files of a folder.
#[derive(Debug, Default)]
pub struct Mending(Vec<File>);

/// What is to be done about one file.
#[derive(Debug)]
struct File {
    path: PathBuf,
    /// The line that was written in part.
    torn: Option<TornEnd>,
    /// The file that it is to be, if not even its header is there.
    head: Option<&'static RunFile>,
}

impl Mending {
    /// Looks at every file that is written row by row. Nothing is written.
    ///
    /// # Errors
    /// A file is gone, or has what no torn write leaves, or columns that no row can be added to.
    pub fn of_run(folder: &Path) -> Result<Self, ReadError> {
        Self::of(folder, files::written_by_run())
    }

    /// Looks at `objects.csv` alone. Nothing is written.
    ///
    /// # Errors
    /// As for [`Self::of_run`].
    pub fn of_objects(folder: &Path) -> Result<Self, ReadError> {
        Self::of(folder, files::ROWS.iter().filter(|file| file.name == ObjectRecord::FILE))
    }

    /// Does what is to be done, and returns what that was, a line each. What a torn row stood for is not lost: the journal has
    /// the transfer, its trial is run again, and the bytes are kept beside the file.
    ///
    /// # Errors
    /// A file cannot be written; the message names it.
    pub fn carry_out(self) -> io::Result<Vec<String>> {
        let mut reported = Vec::new();
        for File { path, torn, head } in self.0 {
            let unwritable = |error: io::Error| disk::unwritable(&path, &error);
            if let Some(torn) = torn {
                reported.push(torn.set_aside().map_err(unwritable)?);
            }
            if let Some(head) = head {
                head.clear(&path).map_err(unwritable)?;
            }
        }
        Ok(reported)
    }

    fn of(folder: &Path, files: impl Iterator<Item = &'static RunFile>) -> Result<Self, ReadError> {
        files.map(|file| look(file, folder.join(file.name))).collect::<Result<_, _>>().map(Self)
    }
}

fn look(file: &'static RunFile, path: PathBuf) -> Result<File, ReadError> {
    if !disk::is_there(&path) {
        if file.needed != Needed::Never {
            // To make it again would have all that it held run again.
            let problem = "is gone, though a run has it from its beginning; bring it back from where it is now";
            return Err(ReadError::NoTable { path, problem: problem.to_owned() });
        }
        return Ok(File { path, torn: None, head: Some(file) });
    }
    let torn = file.torn_end(&path)?;
    let length = disk::open(&path).and_then(|file| file.metadata()).map(|meta| meta.len());
    let length = length.map_err(|source| ReadError::Open { path: path.clone(), source })?;
    let headless = length == 0 || torn.as_ref().is_some_and(|torn| torn.offset() == 0);
    if !headless {
        file.check_columns(&path)?;
    }
    Ok(File { path, torn, head: headless.then_some(file) })
}
