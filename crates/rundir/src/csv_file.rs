//! Writing and reading a run's CSV files: RFC 4180, UTF-8, header always, one flush a batch of rows.
//!
//! [`RowWriter`] guards the text in its cells ([`ttlsweep_record::text`]), [`read_rows`] takes the guard off again. [`RowFile`] reads
//! row by row, and names what is wrong with a file that was edited by its line and column; `RowCopier` copies from several
//! such files into one. [`torn_end`] finds what a killed process wrote in part, and sets it aside.

mod added_columns;
mod bounded;
mod cells;
mod copy;
mod counted;
mod error;
mod lines;
mod read;
mod repair;

use std::fs::File;
use std::io::{self, BufWriter};
use std::marker::PhantomData;
use std::path::Path;

pub use bounded::Bounded;
use cells::Cells;
pub(crate) use copy::RowCopier;
use counted::Counted;
pub use error::ReadError;
pub use read::{
    RowFile, flag_problem, instant_problem, number_problem, read_numbered_rows, read_rows, read_rows_before_torn_end,
    read_rows_from,
};
pub use repair::{TornEnd, torn_end};

use crate::disk::{self, Watched};
use ttlsweep_record::row::Row;

/// A CSV file that rows are appended to.
///
/// The header is written when the file is created, before the first row, so that a run that dies early leaves files
/// that still can be read.
#[derive(Debug)]
pub struct RowWriter<R> {
    csv: csv::Writer<BufWriter<Counted>>,
    /// The file under its name.
    watched: Watched,
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
    pub(crate) fn create_as(path: &Path) -> io::Result<Self> {
        let mut writer = Self::over(File::create_new(path)?, path)?;
        writer.write_header()?;
        Ok(writer)
    }

    /// Writes the row type's file in `folder` again with these rows: whole or not at all, and on the disk in the end.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn replace(folder: &Path, rows: &[R]) -> io::Result<()> {
        Self::replace_as(&folder.join(R::FILE), rows)
    }

    /// As [`Self::replace`], for a file under another name.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn replace_as(path: &Path, rows: &[R]) -> io::Result<()> {
        disk::write_whole_with(path, |file| {
            let mut writer = Self::over(file.try_clone()?, path)?;
            writer.write_header()?;
            rows.iter().try_for_each(|row| writer.write(row))?;
            writer.flush()
        })
    }

    /// Opens the row type's file in `folder` to go on writing at its end.
    ///
    /// # Errors
    /// The file is not there or cannot be written.
    pub fn append_to(folder: &Path) -> io::Result<Self> {
        Self::append_as(&folder.join(R::FILE))
    }

    /// Opens a file of the row type under another name to go on writing at its end. Where an earlier version wrote it, it is
    /// given the columns that came later.
    ///
    /// # Errors
    /// The file is not there, has other columns than this program writes, or cannot be written.
    pub fn append_as(path: &Path) -> io::Result<Self> {
        added_columns::add_columns::<R>(path)?;
        Self::over(disk::open_to_append(path)?, path)
    }

    /// Adds a row; it reaches the file at the next [`flush`](Self::flush) at the latest.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&mut self, row: &R) -> io::Result<()> {
        row.serialize(&mut Cells(&mut self.csv)).map_err(io::Error::from)
    }

    /// Hands all rows so far to the operating system.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.csv.flush()
    }

    /// Waits until all rows so far are on the disk, where they outlast a loss of power.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn sync(&mut self) -> io::Result<()> {
        self.flush()?;
        self.csv.get_ref().get_ref().sync()
    }

    /// Holds that nobody else wrote to the file or took it away: it is as long as what was there and what was flushed since.
    /// Writing to a file that was deleted succeeds, and all of it is lost with the last handle.
    ///
    /// # Errors
    /// Somebody did; the message names the file.
    pub fn unchanged(&self) -> io::Result<()> {
        self.watched.holds(self.csv.get_ref().get_ref().bytes())
    }

    fn write_header(&mut self) -> io::Result<()> {
        self.csv.write_record(R::header())?;
        self.flush()
    }

    fn over(file: File, path: &Path) -> io::Result<Self> {
        let watched = Watched::new(path, &file)?;
        let csv = csv::WriterBuilder::new().has_headers(false).from_writer(BufWriter::new(Counted::new(file)?));
        Ok(Self { csv, watched, rows: PhantomData })
    }
}

/// Holds that rows can be added to a file, as [`RowWriter::append_as`] would: nothing is written.
///
/// # Errors
/// It cannot be read, or has other columns than this program writes; the message says which.
pub(crate) fn check_columns<R: Row>(path: &Path) -> Result<(), ReadError> {
    added_columns::header::<R>(path).map(drop)
}

/// The row's cells as text, in the order of its columns, for words about it.
pub fn fields<R: Row>(row: &R) -> Vec<String> {
    let mut csv = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    let written = row.serialize(&mut Cells(&mut csv)).is_ok();
    let bytes = csv.into_inner().unwrap_or_default();
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(bytes.as_slice());
    let record = reader.records().flatten().next().filter(|_| written).unwrap_or_default();
    record.iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use ttlsweep_record::row::row;
    use ttlsweep_record::rows::EventRecord;
    use ttlsweep_record::words::EventKind;

    fn event(value: Option<&str>) -> EventRecord {
        EventRecord { transfer_id: "t1".into(), t_us: 42, event: EventKind::Connect, value: value.map(str::to_owned) }
    }

    #[test]
    fn rows_read_back_as_written_whatever_their_text() {
        let folder = tempfile::tempdir().unwrap();
        let rows = [event(Some("a,b \"quoted\"")), event(None), event(Some("ünï")), event(Some("=1+1;'-2"))];
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
        let text = fs::read_to_string(folder.path().join("events.csv")).unwrap();
        assert_eq!(text, "transfer_id,t_us,event,value\n");
        let again = RowWriter::<EventRecord>::create(folder.path()).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
    }

    row! {
        "grown.csv",
        added = [part],
        /// A row that has grown.
        #[allow(unreachable_pub)]
        pub struct Grown {
            /// A number.
            pub count: u64,
            /// What earlier versions did not write.
            pub part: Option<String>,
        }
    }

    #[test]
    fn a_file_of_an_earlier_version_is_given_the_columns_that_came_later_before_rows_are_added() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(Grown::FILE);
        fs::write(&path, "count\n1\n").unwrap();
        for count in [2, 3] {
            let mut writer = RowWriter::append_to(folder.path()).unwrap();
            writer.write(&Grown { count, part: Some("1/2".into()) }).unwrap();
            writer.flush().unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "count,part\n1,\n2,1/2\n3,1/2\n");
    }

    /// Rows of today would stand under the wrong names, and rewriting the file would lose what a hand added.
    #[test]
    fn rows_are_not_added_to_a_file_with_other_columns() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(Grown::FILE);
        for (header, said) in [
            ("count,part,note", "has the column `note`, which ttlsweep does not write"),
            ("part,count", "has its columns in another order"),
            ("part", "lacks the column `count`"),
        ] {
            fs::write(&path, format!("{header}\n")).unwrap();
            let refused = RowWriter::<Grown>::append_to(folder.path()).unwrap_err().to_string();
            assert!(refused.contains(said), "{refused}");
            assert_eq!(fs::read_to_string(&path).unwrap(), format!("{header}\n"));
        }
    }

    row! {
        "mixed.csv",
        /// A number and texts.
        #[allow(unreachable_pub)]
        pub struct Mixed {
            /// A number.
            pub margin_us: Option<i64>,
            /// Text.
            pub code: Option<String>,
            /// More text.
            pub message: String,
        }
    }

    #[test]
    fn numbers_stay_numbers_and_text_is_guarded() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = RowWriter::create(folder.path()).unwrap();
        let row = Mixed { margin_us: Some(-5), code: Some("=A1&\"x\"".into()), message: "-5\r\n\0;@".into() };
        writer.write(&row).unwrap();
        writer.flush().unwrap();
        let text = fs::read_to_string(folder.path().join(Mixed::FILE)).unwrap();
        assert_eq!(text, "margin_us,code,message\n-5,\"'=A1&\"\"x\"\"\",'-5␍␊␀;'@\n");
        assert_eq!(read_rows::<Mixed>(folder.path()).unwrap(), [Mixed { message: "-5␍␊␀;@".into(), ..row }]);
    }
}
