use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufWriter};
use std::marker::PhantomData;
use std::path::Path;

use super::error::ReadError;
use super::read::RowFile;
use ttlsweep_record::row::Row;
use ttlsweep_record::text::visible;

/// Copies rows of one type from several files into one, cell by cell as they stand, so that what is guarded stays guarded
/// and nothing is rounded. The columns are the row type's, in its order; those that came later are empty if a file lacks
/// them, and further ones stay behind.
#[derive(Debug)]
pub(crate) struct RowCopier<R> {
    csv: csv::Writer<BufWriter<File>>,
    rows: PhantomData<fn(R)>,
}

/// Where the row type's columns stand in a file that is copied from.
#[derive(Debug)]
pub(crate) struct Places(Vec<Option<usize>>);

impl<R: Row> RowCopier<R> {
    /// Creates the row type's file in `folder`, with its header.
    ///
    /// # Errors
    /// The file exists already, or cannot be written.
    pub(crate) fn create(folder: &Path) -> io::Result<Self> {
        let file = BufWriter::with_capacity(1 << 20, File::create_new(folder.join(R::FILE))?);
        let mut csv = csv::WriterBuilder::new().has_headers(false).from_writer(file);
        csv.write_record(R::header())?;
        Ok(Self { csv, rows: PhantomData })
    }

    /// Where the columns stand in `file`.
    ///
    /// # Errors
    /// It lacks one.
    pub(crate) fn places(file: &RowFile) -> Result<Places, ReadError> {
        let place = |column: &'static str| match file.place::<R>(column) {
            Err(ReadError::MissingColumn { .. }) if R::ADDED_COLUMNS.contains(&column) => Ok(None),
            other => other.map(Some),
        };
        R::COLUMNS.iter().map(|column| place(column.name)).collect::<Result<_, _>>().map(Places)
    }

    /// Adds the current row of `file`, of which `places` were asked.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn copy(&mut self, file: &RowFile, places: &Places) -> io::Result<()> {
        let cells = places.0.iter().map(|place| place.map_or(Cow::Borrowed(&b""[..]), |place| line(file.field(place))));
        self.csv.write_record(cells).map_err(io::Error::from)
    }

    /// Writes what is left and waits until all of it is on the disk.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn finish(self) -> io::Result<()> {
        let file = self.csv.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
        file.into_inner().map_err(|error| io::Error::other(error.to_string()))?.sync_all()
    }
}

/// The cell without line breaks: a row is a line in every file that this program writes.
fn line(cell: &[u8]) -> Cow<'_, [u8]> {
    if !cell.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
        return Cow::Borrowed(cell);
    }
    Cow::Owned(visible(&String::from_utf8_lossy(cell)).into_owned().into_bytes())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use ttlsweep_record::row::row;

    row! {
        "copied.csv",
        added = [note],
        /// Some row.
        #[allow(unreachable_pub)]
        pub struct Copied {
            /// A number.
            pub count: u64,
            /// Text.
            pub said: String,
            /// Text that earlier versions did not have.
            pub note: Option<String>,
        }
    }

    #[test]
    fn cells_are_copied_as_they_stand_but_for_line_breaks_whatever_the_order_of_the_columns() {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("from.csv");
        let into = folder.path().join("into");
        fs::create_dir(&into).unwrap();
        let mut copier = RowCopier::<Copied>::create(&into).unwrap();
        for contents in ["said,count\n\"'=1+1, \"\"x\"\"\",007\n", "more,note,said,count\nz,n,\"s\nt\",1e3\n"] {
            fs::write(&from, contents).unwrap();
            let mut file = RowFile::open::<Copied>(&from).unwrap();
            let places = RowCopier::<Copied>::places(&file).unwrap();
            while file.next_row().unwrap() {
                copier.copy(&file, &places).unwrap();
            }
        }
        copier.finish().unwrap();
        let text = fs::read_to_string(into.join("copied.csv")).unwrap();
        assert_eq!(text, "count,said,note\n007,\"'=1+1, \"\"x\"\"\",\n1e3,s␊t,n\n");
        fs::write(&from, "note\nx\n").unwrap();
        let lacking = RowCopier::<Copied>::places(&RowFile::open::<Copied>(&from).unwrap()).unwrap_err();
        assert!(lacking.to_string().contains("lacks the column `count`"), "{lacking}");
    }
}
