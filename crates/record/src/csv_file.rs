//! Writing and reading a run's CSV files: RFC 4180, UTF-8, header always, one flush a batch of rows.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use crate::row::Row;

/// A CSV file that rows are appended to.
///
/// The header is written when the file is created, before the first row, so that a run that dies early leaves files
/// that still can be read.
#[derive(Debug)]
pub struct RowWriter<R> {
    csv: csv::Writer<BufWriter<File>>,
    rows: PhantomData<fn(R)>,
}

impl<R: Row> RowWriter<R> {
    /// Creates the row type's file in `folder`, with its header.
    ///
    /// # Errors
    /// The file exists already (nothing is ever overwritten), or cannot be written.
    pub fn create(folder: &Path) -> io::Result<Self> {
        Self::create_as(&folder.join(R::FILE))
    }

    /// Creates a file of the row type under another name, with its header.
    ///
    /// # Errors
    /// The file exists already, or cannot be written.
    pub fn create_as(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        let mut writer = Self::over(file);
        writer.csv.write_record(R::header())?;
        writer.flush()?;
        Ok(writer)
    }

    /// Opens the row type's file in `folder` to go on writing at its end.
    ///
    /// # Errors
    /// The file is not there or cannot be written.
    pub fn append_to(folder: &Path) -> io::Result<Self> {
        Self::append_as(&folder.join(R::FILE))
    }

    /// Opens a file of the row type under another name to go on writing at its end.
    ///
    /// # Errors
    /// The file is not there or cannot be written.
    pub fn append_as(path: &Path) -> io::Result<Self> {
        Ok(Self::over(OpenOptions::new().append(true).open(path)?))
    }

    /// Adds a row; it reaches the file at the next [`flush`](Self::flush) at the latest.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&mut self, row: &R) -> io::Result<()> {
        self.csv.serialize(row).map_err(io::Error::other)
    }

    /// Hands all rows so far to the operating system.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.csv.flush()
    }

    fn over(file: File) -> Self {
        let csv = csv::WriterBuilder::new().has_headers(false).from_writer(BufWriter::new(file));
        Self { csv, rows: PhantomData }
    }
}

/// Cuts a file back to its last whole record, where a killed process or a full disk left a torn one; returns how many bytes
/// were cut off.
///
/// # Errors
/// The file cannot be read or written.
pub fn repair_end(path: &Path) -> io::Result<u64> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let (mut length, mut whole, mut quoted) = (0u64, 0u64, false);
    let mut chunk = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut chunk)?;
        if read == 0 {
            break;
        }
        for byte in &chunk[..read] {
            length += 1;
            match byte {
                // A doubled quote within a field leaves and enters it again.
                b'"' => quoted = !quoted,
                b'\n' if !quoted => whole = length,
                _ => {}
            }
        }
    }
    if whole < length {
        file.set_len(whole)?;
    }
    Ok(length - whole)
}

/// What can go wrong when a file of rows is read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be opened.
    #[error("cannot open {}: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The header is not the row type's.
    #[error("{} lacks the column `{column}`; is it a {expected} of this version?", path.display())]
    MissingColumn {
        /// The file.
        path: PathBuf,
        /// The column that was looked for.
        column: &'static str,
        /// The file's usual name.
        expected: &'static str,
    },
    /// A row cannot be read.
    #[error("{} line {line}: {message}", path.display())]
    BadRow {
        /// The file.
        path: PathBuf,
        /// The line, from 1, the header included.
        line: u64,
        /// What is wrong with it.
        message: String,
    },
}

/// Reads all rows of the row type's file in `folder`. Columns are found by name, and further ones are passed over.
///
/// # Errors
/// The file is not there, lacks a column, or has a row that does not fit the columns' types.
pub fn read_rows<R: Row>(folder: &Path) -> Result<Vec<R>, ReadError> {
    read_rows_from(&folder.join(R::FILE))
}

/// Reads all rows of a file of the row type under another name.
///
/// # Errors
/// As for [`read_rows`].
pub fn read_rows_from<R: Row>(path: &Path) -> Result<Vec<R>, ReadError> {
    let path = path.to_owned();
    let file = File::open(&path).map_err(|source| ReadError::Open { path: path.clone(), source })?;
    let mut reader = csv::Reader::from_reader(file);
    let bad = |error: &csv::Error| ReadError::BadRow {
        path: path.clone(),
        line: error.position().map_or(0, csv::Position::line),
        message: describe(error),
    };
    let header = reader.headers().map_err(|error| bad(&error))?;
    if let Some(missing) = R::COLUMNS.iter().find(|column| !header.iter().any(|name| name == column.name)) {
        return Err(ReadError::MissingColumn { path, column: missing.name, expected: R::FILE });
    }
    reader.deserialize().map(|row| row.map_err(|error| bad(&error))).collect()
}

fn describe(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::Deserialize { err, .. } => {
            let field = err.field().map(|field| format!(" in field {}", field + 1)).unwrap_or_default();
            format!("{}{field}", err.kind())
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::EventRecord;
    use crate::words::EventKind;

    fn event(value: Option<&str>) -> EventRecord {
        EventRecord { transfer_id: "t1".into(), t_us: 42, event: EventKind::Connect, value: value.map(str::to_owned) }
    }

    #[test]
    fn rows_read_back_as_written_whatever_their_text() {
        let folder = tempfile::tempdir().unwrap();
        let rows = [event(Some("a,b \"quoted\"\nsecond line")), event(None), event(Some("ünï"))];
        let mut writer = RowWriter::create(folder.path()).unwrap();
        for row in &rows {
            writer.write(row).unwrap();
        }
        writer.flush().unwrap();
        assert_eq!(read_rows::<EventRecord>(folder.path()).unwrap(), rows);
    }

    #[test]
    fn the_header_is_there_before_the_first_row_and_a_file_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let _writer = RowWriter::<EventRecord>::create(folder.path()).unwrap();
        let text = std::fs::read_to_string(folder.path().join("events.csv")).unwrap();
        assert_eq!(text, "transfer_id,t_us,event,value\n");
        let again = RowWriter::<EventRecord>::create(folder.path()).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn a_torn_end_is_cut_off_and_a_line_break_in_a_field_is_no_end() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = RowWriter::create(folder.path()).unwrap();
        let rows = [event(Some("two\nlines, \"quoted\"")), event(None)];
        rows.iter().for_each(|row| writer.write(row).unwrap());
        writer.flush().unwrap();
        let path = folder.path().join(EventRecord::FILE);
        let whole = std::fs::read(&path).unwrap();
        let first = whole.len() - "t1,42,connect,\n".len();
        for torn in first + 1..whole.len() {
            std::fs::write(&path, &whole[..torn]).unwrap();
            assert_eq!(repair_end(&path).unwrap(), (torn - first) as u64);
            assert_eq!(read_rows::<EventRecord>(folder.path()).unwrap(), rows[..1]);
        }
        std::fs::write(&path, &whole).unwrap();
        assert_eq!(repair_end(&path).unwrap(), 0);
        assert_eq!(std::fs::read(&path).unwrap(), whole);
    }

    #[test]
    fn a_bad_row_is_named_by_its_line() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join("events.csv"),
            "transfer_id,t_us,event,value\nt1,1,connect,\nt1,x,connect,\n",
        )
        .unwrap();
        let error = read_rows::<EventRecord>(folder.path()).unwrap_err().to_string();
        assert!(error.contains("line 3"), "{error}");
        assert!(error.contains("field 2"), "{error}");
    }
}
