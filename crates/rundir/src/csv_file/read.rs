use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use csv::ByteRecord;

use super::bounded::{Bounded, READ_AHEAD};
use super::error::ReadError;
use super::lines;
use super::repair::torn_end;
use crate::disk;
use ttlsweep_record::row::Row;
use ttlsweep_record::text::unguarded;
use ttlsweep_record::{names, schema};

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
    let mut rows = Vec::new();
    read_each(RowFile::open::<R>(path)?, |_, row| rows.push(row))?;
    Ok(rows)
}

/// Reads all rows of the row type's file in `folder`, each with its line: from 1, the header included.
///
/// # Errors
/// As for [`read_rows`].
pub fn read_numbered_rows<R: Row>(folder: &Path) -> Result<Vec<(u64, R)>, ReadError> {
    let path = folder.join(R::FILE);
    let (mut offsets, mut rows) = (Vec::new(), Vec::new());
    read_each(RowFile::open::<R>(&path)?, |file, row| {
        offsets.push(file.offset());
        rows.push(row);
    })?;
    let numbers = lines::numbers(&path, &offsets).map_err(|source| ReadError::Open { path, source })?;
    Ok(numbers.into_iter().zip(rows).collect())
}

/// Reads the rows of a file of the row type that a killed process may have left with a last line that is written in part: all
/// but that one.
///
/// # Errors
/// As for [`read_rows`] and [`torn_end`].
pub fn read_rows_before_torn_end<R: Row>(path: &Path) -> Result<Vec<R>, ReadError> {
    let mut rows = Vec::new();
    if let Some(file) = RowFile::open_before_torn_end::<R>(path)? {
        read_each(file, |_, row| rows.push(row))?;
    }
    Ok(rows)
}

fn read_each<R: Row>(mut file: RowFile, mut take: impl FnMut(&RowFile, R)) -> Result<(), ReadError> {
    for column in R::COLUMNS.iter().filter(|column| !R::ADDED_COLUMNS.contains(&column.name)) {
        file.place::<R>(column.name)?;
    }
    while file.next_row()? {
        take(&file, file.row()?);
    }
    Ok(())
}

/// A CSV file that is read row by row. A mark of byte order, line ends of Windows, rows of empty cells and `TRUE` for `true`
/// are no obstacle; what a spreadsheet or an editor can do to a file beyond that is named. A version of the columns that is not
/// known and names that cannot be any are refused, by every reader.
#[derive(Debug)]
pub struct RowFile {
    path: PathBuf,
    csv: csv::Reader<Bounded>,
    header: ByteRecord,
    record: ByteRecord,
    ends_with_newline: bool,
    /// Where the rows end that are read, in bytes.
    end: u64,
    /// Where the columns stand whose cells are looked at in every row.
    flags: Vec<usize>,
    names: Vec<usize>,
    optional_names: Vec<usize>,
    schema: Option<usize>,
}

impl RowFile {
    /// Opens a file of `R`'s rows and reads its header.
    ///
    /// # Errors
    /// It cannot be read, or is not a table with commas between its cells.
    pub fn open<R: Row>(path: &Path) -> Result<Self, ReadError> {
        let unreadable = |source| ReadError::Open { path: path.to_owned(), source };
        let mut file = disk::open(path).map_err(unreadable)?;
        let ends_with_newline = ends_with_newline(&mut file).map_err(unreadable)?;
        // Rows of the wrong length are looked at here, where the end of the file is known.
        let mut csv =
            csv::ReaderBuilder::new().flexible(true).buffer_capacity(READ_AHEAD).from_reader(Bounded::new(file));
        let header = csv.byte_headers().map_err(|error| unreadable_row(path, 0, error))?.clone();
        match problem_of_header(&header, R::FILE) {
            Some(problem) => Err(ReadError::NoTable { path: path.to_owned(), problem }),
            None => Ok(Self {
                path: path.to_owned(),
                csv,
                record: ByteRecord::new(),
                ends_with_newline,
                end: u64::MAX,
                flags: places(&header, R::COLUMNS.iter().filter(|column| column.is_flag).map(|column| column.name)),
                names: name_places::<R>(&header, false),
                optional_names: name_places::<R>(&header, true),
                schema: places(&header, R::header().into_iter().filter(|name| *name == "schema_version")).pop(),
                header,
            }),
        }
    }

    /// Opens a file of `R`'s rows whose last line may be written in part: that line is not read. `None` if not even the header
    /// is whole.
    ///
    /// # Errors
    /// As for [`Self::open`] and [`torn_end`].
    pub fn open_before_torn_end<R: Row>(path: &Path) -> Result<Option<Self>, ReadError> {
        let torn = torn_end::<R>(path)?;
        let end = torn.as_ref().map_or(u64::MAX, |torn| torn.offset());
        let length = disk::open(path).and_then(|file| file.metadata()).map(|meta| meta.len());
        let length = length.map_err(|source| ReadError::Open { path: path.to_owned(), source })?;
        if end == 0 || length == 0 {
            return Ok(None);
        }
        Ok(Some(Self { end, ..Self::open::<R>(path)? }))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The header's names.
    pub(crate) fn columns(&self) -> Vec<String> {
        self.header.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect()
    }

    /// Where in each row the column stands.
    ///
    /// # Errors
    /// The header lacks it.
    pub fn place<R: Row>(&self, column: &'static str) -> Result<usize, ReadError> {
        let place = self.header.iter().position(|found| found == column.as_bytes());
        place.ok_or_else(|| ReadError::MissingColumn { path: self.path.clone(), column, expected: R::FILE })
    }

    /// Goes on to the next row; false at the file's end. Rows of nothing but empty cells, as spreadsheets leave them, are none.
    ///
    /// # Errors
    /// The file cannot be read, the row has not as many fields as the header, or it is of a version that is not known.
    pub fn next_row(&mut self) -> Result<bool, ReadError> {
        loop {
            let begins = self.csv.position().byte();
            self.csv.get_mut().begin_row(begins);
            let more = match self.csv.read_byte_record(&mut self.record) {
                Ok(more) => more,
                Err(error) => return Err(unreadable_row(&self.path, begins, error)),
            };
            if !more || self.csv.position().byte() > self.end {
                return Ok(false);
            }
            if self.record.as_slice().iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            if self.record.len() != self.header.len() {
                return Err(self.wrong_length());
            }
            self.check()?;
            return Ok(true);
        }
    }

    /// Holds the row against what every reader relies on, and writes `true` for the spreadsheets' `TRUE`.
    fn check(&mut self) -> Result<(), ReadError> {
        if let Some(place) = self.schema
            && let Err(unknown) = schema::check_cell(&self.record[place])
        {
            return Err(self.bad(place, unknown.to_string()));
        }
        let given = |place: &&usize| !self.record[**place].is_empty();
        for place in self.names.iter().chain(self.optional_names.iter().filter(given)) {
            if let Err(bad) = names::check_cell(&self.record[*place]) {
                return Err(self.bad(*place, bad.to_string()));
            }
        }
        let shouted = |place: &usize| {
            let cell = &self.record[*place];
            [&b"true"[..], b"false"].iter().any(|word| cell.eq_ignore_ascii_case(word) && cell != *word)
        };
        if self.flags.iter().any(shouted) {
            let position = self.record.position().cloned();
            let quiet = |(at, cell): (usize, &[u8])| {
                if self.flags.contains(&at) { cell.to_ascii_lowercase() } else { cell.to_owned() }
            };
            self.record = self.record.iter().enumerate().map(quiet).collect();
            self.record.set_position(position);
        }
        Ok(())
    }

    /// The field of the current row at `place`, as it stands there.
    pub fn field(&self, place: usize) -> &[u8] {
        &self.record[place]
    }

    /// The current row's first line, from 1, the header included: as an editor or a spreadsheet counts it.
    ///
    /// The file is read again for it, so that lines are counted where one is reported, and nowhere else.
    pub fn line(&self) -> u64 {
        // The csv crate's own number lags behind by the line breaks that it passes over before a row.
        let counted = lines::numbers(&self.path, &[self.offset()]).ok();
        let known = counted.and_then(|numbers| numbers.first().copied());
        known.unwrap_or_else(|| self.record.position().map_or(0, csv::Position::line))
    }

    /// Whether the file's last line ends with a line break.
    pub(crate) const fn ends_with_line_break(&self) -> bool {
        self.ends_with_newline
    }

    /// Where in the file the current row begins, in bytes.
    pub fn offset(&self) -> u64 {
        self.record.position().map_or(0, csv::Position::byte)
    }

    /// Lets the row that begins at byte `offset` be the next one.
    ///
    /// # Errors
    /// The file cannot be read there.
    pub fn seek(&mut self, offset: u64) -> Result<(), ReadError> {
        let mut position = csv::Position::new();
        position.set_byte(offset);
        let sought = self.csv.seek(position);
        sought.map_err(|error| ReadError::Open { path: self.path.clone(), source: io::Error::from(error) })
    }

    /// The error that names this row's field at `place`.
    pub fn bad(&self, place: usize, problem: String) -> ReadError {
        let column = self.header.get(place).map_or_else(|| "?".into(), String::from_utf8_lossy);
        let column = column.into_owned();
        ReadError::BadField { path: self.path.clone(), line: self.line(), column, problem }
    }

    /// The current row, with the guards of its text taken off.
    ///
    /// # Errors
    /// A field does not hold what its column holds.
    pub fn row<R: Row>(&self) -> Result<R, ReadError> {
        let unguarded = without_guards(&self.record);
        let record = unguarded.as_ref().unwrap_or(&self.record);
        record.deserialize(Some(&self.header)).map_err(|error| match error.kind() {
            csv::ErrorKind::Deserialize { err, .. } => {
                let place = place_of(err, record);
                let found = record.get(place).map(String::from_utf8_lossy).unwrap_or_default();
                self.bad(place, problem_of_field(err.kind(), &found))
            }
            _ => ReadError::NoTable { path: self.path.clone(), problem: error.to_string() },
        })
    }

    fn wrong_length(&mut self) -> ReadError {
        let (path, line) = (self.path.clone(), self.line());
        let (found, expected) = (self.record.len(), self.header.len());
        let is_last = !self.csv.read_byte_record(&mut self.record).unwrap_or(false);
        if is_last && !self.ends_with_newline {
            ReadError::Truncated { path, line, found, expected }
        } else {
            ReadError::Uneven { path, line, found, expected }
        }
    }
}

/// Why `text` is not a number, in words.
pub fn number_problem(text: &str) -> String {
    let rounded =
        text.contains(['E', 'e', '.', ',']) && text.starts_with(|char: char| char.is_ascii_digit() || char == '-');
    match text {
        "" => "is empty".to_owned(),
        _ if rounded => format!("`{text}` is not a whole number; {SPREADSHEET}"),
        _ => format!("`{text}` is not a number; {SPREADSHEET}"),
    }
}

/// Why `text` is neither true nor false, in words.
pub fn flag_problem(text: &str) -> String {
    format!("`{text}` is neither `true` nor `false`; {SPREADSHEET}")
}

/// Why a text is not an instant: `error` with what may have rewritten it.
pub fn instant_problem(error: impl std::fmt::Display) -> String {
    format!("{error}; {SPREADSHEET}")
}

const SPREADSHEET: &str = "spreadsheets rewrite cells when they save: go back to the file as ttlsweep wrote it";

fn problem_of_header(header: &ByteRecord, file: &str) -> Option<String> {
    let first = header.get(0).unwrap_or_default();
    if first.starts_with(b"\xff\xfe") || first.starts_with(b"\xfe\xff") {
        return Some("is UTF-16; save it as \"CSV UTF-8\"".to_owned());
    }
    if header.is_empty() {
        return Some(format!("is empty, without even a header; a run begins its {file} with one"));
    }
    for (separator, name) in [(b';', "semicolons"), (b'\t', "tabs")] {
        if header.len() == 1 && first.contains(&separator) {
            return Some(format!(
                "has {name} between its cells, as spreadsheets write in some languages; save it with commas"
            ));
        }
    }
    if first.starts_with(b"sep=") {
        return Some("begins with a line `sep=…`, which only spreadsheets read: delete that line".to_owned());
    }
    // A spreadsheet may leave columns without a name, and nothing in them.
    let mut named = header.iter().enumerate().filter(|(_, name)| !name.is_empty());
    let twice = named.find(|(at, name)| header.iter().take(*at).any(|earlier| earlier == *name));
    twice.map(|(_, name)| {
        format!("has the column `{}` twice; delete the one that does not belong there", String::from_utf8_lossy(name))
    })
}

/// Where the columns stand whose cells are names, either those that may be empty or the others.
fn name_places<R: Row>(header: &ByteRecord, optional: bool) -> Vec<usize> {
    let columns = R::COLUMNS.iter().filter(|column| column.is_optional == optional);
    places(header, columns.map(|column| column.name).filter(|name| names::COLUMNS.contains(name)))
}

/// Where the columns of these names stand in the header, those that are there.
fn places<'n>(header: &ByteRecord, names: impl Iterator<Item = &'n str>) -> Vec<usize> {
    names.filter_map(|name| header.iter().position(|found| found == name.as_bytes())).collect()
}

/// The csv crate knows the column of its own errors alone; those of our types quote the field.
fn place_of(error: &csv::DeserializeError, record: &ByteRecord) -> usize {
    let quotes = |field: &[u8]| error.to_string().contains(&format!("`{}`", String::from_utf8_lossy(field)));
    let known = error.field().and_then(|place| usize::try_from(place).ok());
    known.or_else(|| record.iter().position(quotes)).unwrap_or(usize::MAX)
}

fn problem_of_field(kind: &csv::DeserializeErrorKind, found: &str) -> String {
    match kind {
        csv::DeserializeErrorKind::ParseInt(_) | csv::DeserializeErrorKind::ParseFloat(_) => number_problem(found),
        csv::DeserializeErrorKind::ParseBool(_) => flag_problem(found),
        csv::DeserializeErrorKind::InvalidUtf8(_) => "is no UTF-8 text; save the file as \"CSV UTF-8\"".to_owned(),
        csv::DeserializeErrorKind::Message(message) if message.contains("is not an instant") => {
            instant_problem(message)
        }
        csv::DeserializeErrorKind::Message(message) => message.clone(),
        other => other.to_string(),
    }
}

/// `None` if there is no guard, as in nearly all rows.
fn without_guards(record: &ByteRecord) -> Option<ByteRecord> {
    if !record.as_slice().contains(&b'\'') {
        return None;
    }
    let fields = record.iter().map(|field| match std::str::from_utf8(field) {
        Ok(text) => unguarded(text).into_owned().into_bytes(),
        Err(_) => field.to_owned(),
    });
    Some(fields.collect())
}

/// RFC 4180 lets the last row end without a line break, so its absence alone is not an error. A lone CR breaks a line as well.
fn ends_with_newline(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(matches!(last, [b'\n' | b'\r']))
}

/// Why the row that begins at this byte cannot be read, with its line if it is the row's fault.
fn unreadable_row(path: &Path, begins: u64, error: csv::Error) -> ReadError {
    let path = path.to_owned();
    let source = match error.into_kind() {
        csv::ErrorKind::Io(source) => source,
        other => io::Error::other(format!("{other:?}")),
    };
    match lines::numbers(&path, &[begins]).ok().and_then(|numbers| numbers.first().copied()) {
        Some(line) if source.kind() == io::ErrorKind::InvalidData => {
            ReadError::BadLine { path, line, problem: source.to_string() }
        }
        _ => ReadError::Open { path, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ttlsweep_record::row::row;
    use ttlsweep_record::units::Timestamp;

    row! {
        "some.csv",
        added = [note],
        /// Some row.
        #[allow(unreachable_pub)]
        pub struct Some_ {
            /// A number.
            pub count: u64,
            /// An instant.
            pub at: Timestamp,
            /// Text that earlier versions did not have.
            pub note: Option<String>,
        }
    }

    const ROW: &str = "7,2026-11-24T19:37:00.000000Z,x";

    fn read(contents: impl AsRef<[u8]>) -> Result<Vec<Some_>, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("some.csv"), contents).unwrap();
        read_rows(folder.path()).map_err(|error| error.to_string())
    }

    #[test]
    fn no_row_is_read_further_than_a_row_reaches() {
        let lines = format!("{ROW}\n").repeat(1000);
        let hidden = format!("count,at,note\n{ROW}\n7,2026-11-24T19:37:00.000000Z,\"open\n{}", lines.repeat(200));
        let said = read(&hidden).unwrap_err();
        assert!(said.contains("some.csv line 3: a row is longer than 1 MiB"), "{said}");
        let said = read(vec![0; 4 << 20]).unwrap_err();
        assert!(said.contains("some.csv line 1: a row is longer than 1 MiB"), "{said}");
        // A file may be as long as it likes.
        assert_eq!(read(format!("count,at,note\n{}", lines.repeat(200))).unwrap().len(), 200_000);
    }

    #[test]
    fn what_harms_nothing_is_read() {
        let expected = read(format!("count,at,note\n{ROW}\n")).unwrap();
        assert_eq!(expected.len(), 1);
        let bom = format!("\u{feff}count,at,note\n{ROW}\n");
        let windows = format!("count,at,note\r\n{ROW}\r\n");
        let order = "more,note,at,count\n1,x,2026-11-24T19:37:00.000000Z,7";
        for contents in [&bom, &windows, order] {
            assert_eq!(read(contents).as_ref(), Ok(&expected), "{contents:?}");
        }
        let older = read("count,at\n7,2026-11-24T19:37:00.000000Z\n").unwrap();
        assert_eq!(older, [Some_ { note: None, ..expected[0].clone() }]);
        assert_eq!(read("count,at,note\n"), Ok(Vec::new()));
    }

    #[test]
    fn rows_of_empty_cells_are_no_rows_and_lines_are_counted_as_an_editor_counts_them() {
        let expected = read(format!("count,at,note\n{ROW}\n{ROW}\n")).unwrap();
        let padded = format!("count,at,note\n,,\n{ROW}\n\n{ROW}\n,,\n , ,\n,,,,\n");
        assert_eq!(read(&padded).as_ref(), Ok(&expected));
        for (contents, line) in [
            (format!("count,at,note\nx{}\n", &ROW[1..]), 2),
            (format!("count,at,note\r\nx{}\r\n", &ROW[1..]), 2),
            (format!("count,at,note\r\n{ROW}\r\n{ROW}\r\nx{}\r\n", &ROW[1..]), 4),
            (format!("\u{feff}count,at,note\r\n{ROW}\r\n,,\r\n\r\nx{}\r\n", &ROW[1..]), 5),
            (format!("count,at,note\n{ROW}\n\n\nx{}\n", &ROW[1..]), 5),
            (format!("count,at,note\r{ROW}\rx{}\r", &ROW[1..]), 3),
            (format!("count,at,note\n7,2026-11-24T19:37:00.000000Z,\"a\nb\"\nx{}\n", &ROW[1..]), 4),
        ] {
            let error = read(&contents).unwrap_err();
            assert!(error.contains(&format!("some.csv line {line}, column `count`")), "{contents:?}: {error}");
        }
    }

    row! {
        "flags.csv",
        /// Flags and names.
        #[allow(unreachable_pub)]
        pub struct Flags {
            /// The version of these columns' meaning.
            pub schema_version: u32,
            /// The run.
            pub run_id: String,
            /// A flag.
            pub starved: bool,
            /// A flag that may be empty.
            pub early: Option<bool>,
            /// Text.
            pub said: String,
        }
    }

    fn flags(row: &str) -> Result<Vec<Flags>, String> {
        let folder = tempfile::tempdir().unwrap();
        let contents = format!("schema_version,run_id,starved,early,said\n{row}\n");
        std::fs::write(folder.path().join("flags.csv"), contents).unwrap();
        read_rows(folder.path()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_spreadsheets_true_is_true_and_text_stays_as_it_is() {
        let row = |starved, early| Flags { schema_version: 1, run_id: "r".into(), starved, early, said: "TRUE".into() };
        assert_eq!(flags("1,r,TRUE,False,TRUE").unwrap(), [row(true, Some(false))]);
        assert_eq!(flags("1,r,false,,TRUE").unwrap(), [row(false, None)]);
        let said = flags("1,r,WAHR,,x").unwrap_err();
        assert!(said.contains("line 2, column `starved`: `WAHR` is neither `true` nor `false`"), "{said}");
    }

    #[test]
    fn a_version_that_is_not_known_and_a_name_that_leads_elsewhere_are_refused() {
        assert!(flags("1,r,true,,x").is_ok() && flags("2,r,true,,x").is_ok());
        for version in ["0", "3", "999", "", "x", "-1"] {
            let said = flags(&format!("{version},r,true,,x")).unwrap_err();
            let expected = format!("line 2, column `schema_version`: schema version {version} is not known; this");
            assert!(said.contains(&expected) && said.contains("reads 1 and 2"), "{said}");
        }
        for name in ["/../x", "..", "", "a b", "\u{1b}[2J"] {
            let said = flags(&format!("2,{name},true,,x")).unwrap_err();
            assert!(said.contains("line 2, column `run_id`: `") && said.contains("cannot be a name"), "{said}");
        }
    }

    #[test]
    fn a_link_in_place_of_a_file_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = folder.path().join("elsewhere.csv");
        std::fs::write(&elsewhere, format!("count,at,note\n{ROW}\n")).unwrap();
        std::os::unix::fs::symlink(&elsewhere, folder.path().join("some.csv")).unwrap();
        let said = read_rows::<Some_>(folder.path()).unwrap_err().to_string();
        assert!(said.contains("some.csv: it is a link"), "{said}");
    }

    #[test]
    fn what_a_spreadsheet_or_an_editor_did_is_named() {
        let utf16: Vec<u8> = "\u{feff}count,at\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(read(utf16).unwrap_err().contains("is UTF-16; save it as"));
        for (contents, said) in [
            ("".to_owned(), "some.csv is empty, without even a header"),
            ("count;at;note\n".to_owned(), "has semicolons between its cells"),
            ("count\tat\tnote\n".to_owned(), "has tabs between its cells"),
            ("count,at,count\n".to_owned(), "has the column `count` twice"),
            (format!("sep=,\ncount,at,note\n{ROW}\n"), "begins with a line `sep=…`"),
            ("count,note\n".to_owned(), "lacks the column `at`"),
            (format!("count,at,note\n{ROW}\n7,2026"), "line 3: the file ends in the middle of a row (2 of 3 fields)"),
            (format!("count,at,note\n1,2\n{ROW}\n"), "line 2: 2 fields, but the header has 3"),
            (
                format!("count,at,note\n1.7E+12{}\n", &ROW[1..]),
                "line 2, column `count`: `1.7E+12` is not a whole number",
            ),
            (format!("count,at,note\nx{}\n", &ROW[1..]), "line 2, column `count`: `x` is not a number"),
            ("count,at,note\n7,24.11.2026 19:37,x\n".to_owned(), "column `at`: `24.11.2026 19:37` is not an instant"),
        ] {
            let error = read(&contents).unwrap_err();
            assert!(error.contains(said), "{contents:?}: {error}");
        }
        let unknown = read(format!("count,at,note\n{ROW}\n\n,,\n{ROW},\n"));
        assert!(unknown.unwrap_err().contains("some.csv line 5: 4 fields"), "blank lines count as lines");
        let latin = read(b"count,at,note\n7,2026-11-24T19:37:00.000000Z,\xfc\n").unwrap_err();
        assert!(latin.contains("column `note`: is no UTF-8 text"), "{latin}");
    }
}
