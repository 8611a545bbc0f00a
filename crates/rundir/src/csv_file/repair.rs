//! What a killed process, or a full disk, left of a file's end.
//!
//! A row is a line, because the writer puts no line break into a cell. So what can be torn is the last line, and never more
//! than that: whatever looks like more was done by something else, and is refused with its line.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::bounded::{LONGEST_ROW, TOO_LONG};
use super::error::ReadError;
use crate::disk;
use ttlsweep_record::row::Row;

/// A last line that was written in part only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TornEnd {
    path: PathBuf,
    /// The line, from 1, the header included.
    line: u64,
    offset: u64,
    length: u64,
}

impl TornEnd {
    /// Where it begins, in bytes from the file's beginning.
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// Cuts the line off and keeps its bytes in a file of their own beside the other one, which is on the disk before. Returns
    /// what was done, in words.
    ///
    /// # Errors
    /// The files cannot be written, or the file has changed since it was looked at.
    pub fn set_aside(&self) -> io::Result<String> {
        let mut file = disk::open_to_change(&self.path)?;
        if file.metadata()?.len() != self.offset + self.length {
            return Err(io::Error::other("the file has changed meanwhile"));
        }
        file.seek(SeekFrom::Start(self.offset))?;
        let mut bytes = Vec::new();
        (&mut file).take(self.length).read_to_end(&mut bytes)?;
        let aside = keep(&self.path, &bytes)?;
        file.set_len(self.offset)?;
        file.sync_all()?;
        Ok(format!(
            "{} line {}: the line was written in part only; its {} bytes were moved to {}",
            self.path.display(),
            self.line,
            self.length,
            aside.display()
        ))
    }
}

/// Writes the bytes into a file beside `path` whose name is not taken.
fn keep(path: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    for number in 1.. {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".cut-{number}"));
        let aside = path.with_file_name(name);
        match File::create_new(&aside) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
            Ok(mut file) => {
                file.write_all(bytes)?;
                file.sync_all()?;
                disk::sync_folder(disk::parent_of(path))?;
                return Ok(aside);
            }
        }
    }
    unreachable!("an endless range ends only by returning")
}

/// Looks whether a file of `R`'s rows ends with a line that was written in part. Nothing is written.
///
/// # Errors
/// The file cannot be read, or has what no torn write leaves: a quote that is out of place or hides further lines, several rows
/// without a line break between them, or a beginning that is not the header's. The message names the line.
pub fn torn_end<R: Row>(path: &Path) -> Result<Option<TornEnd>, ReadError> {
    let unreadable = |source| ReadError::Open { path: path.to_owned(), source };
    let bad = |line, problem: &str| ReadError::BadLine { path: path.to_owned(), line, problem: problem.to_owned() };
    let mut scan = Scan::default();
    let mut reader = BufReader::with_capacity(1 << 20, disk::open(path).map_err(unreadable)?);
    let mut piece = vec![0; 1 << 16];
    loop {
        let read = reader.read(&mut piece).map_err(unreadable)?;
        if read == 0 {
            break;
        }
        piece[..read].iter().for_each(|byte| scan.take(*byte));
        if scan.offset - scan.row_end > LONGEST_ROW {
            return Err(bad(scan.row_line, TOO_LONG));
        }
    }
    if let Some(line) = scan.stray {
        return Err(bad(
            line,
            "a quote is out of place, so that nobody can tell where its cell ends; take it out again",
        ));
    }
    if scan.row_end == scan.offset {
        return Ok(None);
    }
    if scan.line > scan.row_line {
        return Err(match scan.state {
            State::Quoted => bad(
                scan.quote_line,
                "a quote is opened there and never closed, so that it hides the lines behind it; take it out again",
            ),
            _ => bad(scan.row_line, "the last row has a line break in a cell and none at its end; put that one back"),
        });
    }
    if scan.row_end == 0 {
        // Not even the header is whole.
        let begins = disk::read(path).map_err(unreadable)?;
        if !R::header().join(",").as_bytes().starts_with(&begins) {
            return Err(bad(
                1,
                &format!("it does not begin with the header of a {}; bring the file back as it was written", R::FILE),
            ));
        }
    } else if scan.fields > scan.columns {
        return Err(bad(
            scan.row_line,
            "the file ends with a line that holds more than one row; put the line breaks between its rows back",
        ));
    }
    let (line, offset) = (scan.row_line, scan.row_end);
    Ok(Some(TornEnd { path: path.to_owned(), line, offset, length: scan.offset - offset }))
}

/// Reads CSV byte by byte, as far as rows, cells and quotes go.
#[derive(Debug, Default)]
struct Scan {
    state: State,
    offset: u64,
    last: u8,
    line: u64,
    /// The current row's first line, less one.
    row_line: u64,
    /// Where the last whole row ends.
    row_end: u64,
    /// Fields of the current row, and of the first one.
    fields: usize,
    columns: usize,
    /// Where the last cell in quotes begins.
    quote_line: u64,
    /// A quote within the current row that is out of place, and the first one in a row that is whole.
    suspect: Option<u64>,
    stray: Option<u64>,
}

#[derive(Debug, Default, Clone, Copy)]
enum State {
    #[default]
    Begin,
    Bare,
    Quoted,
    QuoteInQuoted,
}

impl Scan {
    fn take(&mut self, byte: u8) {
        if self.offset == 0 {
            (self.line, self.row_line, self.fields) = (1, 1, 1);
        }
        self.offset += 1;
        let breaks = matches!(byte, b'\n' | b'\r');
        // CR and LF together break one line.
        let second = byte == b'\n' && self.last == b'\r';
        self.line += u64::from(breaks && !second);
        self.last = byte;
        self.state = match (self.state, byte) {
            (State::Quoted, b'"') => State::QuoteInQuoted,
            (State::Quoted, _) => State::Quoted,
            (_, b'\n' | b'\r') => {
                if !second {
                    self.end_row();
                }
                (self.row_end, self.row_line) = (self.offset, self.line);
                State::Begin
            }
            (_, b',') => {
                self.fields += 1;
                State::Begin
            }
            (State::QuoteInQuoted, b'"') => State::Quoted,
            (State::Begin, b'"') => {
                self.quote_line = self.line;
                State::Quoted
            }
            (State::Bare, b'"') => {
                self.suspect = self.suspect.or(Some(self.line));
                State::Bare
            }
            (State::QuoteInQuoted, _) => {
                self.suspect = self.suspect.or(Some(self.quote_line));
                State::Bare
            }
            // The mark of byte order.
            (State::Begin, 0xef | 0xbb | 0xbf) if self.offset <= 3 => State::Begin,
            (State::Begin | State::Bare, _) => State::Bare,
        };
    }

    fn end_row(&mut self) {
        let suspect = self.suspect.take();
        self.stray = self.stray.or(suspect);
        if self.columns == 0 {
            self.columns = self.fields;
        }
        self.fields = 1;
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::csv_file::{RowWriter, read_rows, read_rows_before_torn_end};
    use ttlsweep_record::rows::EventRecord;
    use ttlsweep_record::words::EventKind;

    fn written(folder: &Path) -> (PathBuf, Vec<EventRecord>) {
        let values = [Some("plain"), Some("a \"quoted\", one"), None, Some("two\nlines\r\nof \"it\""), Some("last")];
        let row = |value: Option<&str>| {
            let value = value.map(str::to_owned);
            EventRecord { transfer_id: "t1".into(), t_us: 42, event: EventKind::Connect, value }
        };
        let rows = values.map(row).to_vec();
        let mut writer = RowWriter::create(folder).unwrap();
        rows.iter().for_each(|row| writer.write(row).unwrap());
        writer.flush().unwrap();
        let rows = read_rows(folder).unwrap();
        (folder.join(EventRecord::FILE), rows)
    }

    #[test]
    fn wherever_a_write_was_cut_short_the_last_line_goes_aside_and_no_other() {
        let base = tempfile::tempdir().unwrap();
        let (path, rows) = written(base.path());
        let whole = fs::read(&path).unwrap();
        assert_eq!(whole.iter().filter(|byte| **byte == b'\n').count(), 1 + rows.len(), "a row is a line");
        for cut in 0..=whole.len() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join(EventRecord::FILE);
            fs::write(&path, &whole[..cut]).unwrap();
            let lines = whole[..cut].iter().filter(|byte| **byte == b'\n').count();
            let kept = whole[..cut].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            let torn = torn_end::<EventRecord>(&path).unwrap();
            assert_eq!(
                torn.as_ref().map(|torn| (torn.line, torn.offset)),
                (kept < cut).then_some((lines as u64 + 1, kept as u64))
            );
            let before = read_rows_before_torn_end::<EventRecord>(&path).unwrap();
            assert_eq!(before, rows[..lines.saturating_sub(1)]);
            assert_eq!(fs::read(&path).unwrap(), whole[..cut], "looking writes nothing");
            let Some(torn) = torn else { continue };
            let reported = torn.set_aside().unwrap();
            let aside = folder.path().join("events.csv.cut-1");
            assert!(
                reported.contains(&format!("events.csv line {}", lines + 1)) && reported.ends_with("events.csv.cut-1"),
                "{reported}"
            );
            assert_eq!(
                (fs::read(&path).unwrap(), fs::read(&aside).unwrap()),
                (whole[..kept].to_vec(), whole[kept..cut].to_vec())
            );
        }
    }

    #[test]
    fn what_no_torn_write_leaves_is_refused_with_its_line_and_nothing_is_written() {
        let base = tempfile::tempdir().unwrap();
        let (path, _) = written(base.path());
        let whole = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = whole.lines().collect();
        let edited = |line: usize, text: &str| {
            let mut edited: Vec<&str> = lines.clone();
            edited[line - 1] = text;
            edited.join("\n") + "\n"
        };
        for (contents, line, said) in [
            (edited(2, "t1,42,connect,pl\"ain"), 2, "a quote is out of place"),
            (edited(4, "t1,42,connect,\"open"), 4, "a quote is"),
            (edited(4, "t1,42,connect,\"shut\"x"), 4, "a quote is out of place"),
            (edited(6, "t1,42,connect,\"open"), 6, "a quote is opened there and never closed"),
            (edited(2, "t1,42,connect,pl\"ain") + "torn", 2, "a quote is out of place"),
            (format!("{}\n{}", lines[0], lines[1..].join(" ")), 2, "more than one row"),
            (whole.replace('\n', " "), 1, "does not begin with the header"),
            (
                edited(6, "t1,42,connect,\"two\nlines\"").trim_end().to_owned(),
                6,
                "a line break in a cell and none at its end",
            ),
            (format!("{whole}t1,42,connect,{}", "x".repeat(2 << 20)), 7, "a row is longer than 1 MiB"),
            ("something else".to_owned(), 1, "does not begin with the header"),
        ] {
            fs::write(&path, &contents).unwrap();
            let refused = torn_end::<EventRecord>(&path).unwrap_err().to_string();
            assert!(
                refused.contains(&format!("events.csv line {line}: ")) && refused.contains(said),
                "{contents}: {refused}"
            );
            assert_eq!(fs::read_to_string(&path).unwrap(), contents);
        }
    }

    #[test]
    fn other_line_ends_and_a_line_break_in_a_cell_are_no_torn_end() {
        let folder = tempfile::tempdir().unwrap();
        let (path, _) = written(folder.path());
        let whole = fs::read_to_string(&path).unwrap();
        for contents in [
            whole.clone(),
            format!("\u{feff}{}", whole.replace('\n', "\r\n")),
            whole.replace('\n', "\r"),
            whole.replace("plain", "\"two\nlines\""),
            format!("{whole},,,\n"),
        ] {
            fs::write(&path, &contents).unwrap();
            assert_eq!(torn_end::<EventRecord>(&path).unwrap(), None, "{contents:?}");
            assert_eq!(read_rows::<EventRecord>(folder.path()).unwrap().len(), 5);
        }
    }
}
