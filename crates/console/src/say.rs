//! The one place that prints: words to stderr, data to stdout, and a reader that has gone, or reads no more, ends nothing.
//!
//! `println!` and `eprintln!` panic where their stream cannot be written: the reader of a pipe has ended, a terminal was
//! closed, a disk is full. A run costs hours and money, its rows are on the disk, and a signal's task that panics while it
//! talks stops nothing any more. So all printing goes through here (clippy's `print_stdout` and `print_stderr` deny it
//! elsewhere), and nothing here returns an error or panics. What cannot be shown is lost; only where *data* is lost for
//! another cause than a reader that went away does stderr say so, once.
//!
//! A terminal finds nothing in it to obey, no matter who wrote the text, but our own colours and drawings; nor does a pipeline.
//!
//! A reader that lives and reads nothing, such as a pager or a terminal after Ctrl-S, holds nobody up either: words wait for
//! him in a thread of their own. Data waits for him in its place, since the reader of a pipe counts on all of it, until
//! [`give_up`] says that the process is to end. Each `main` ends with [`exit::finish`](crate::exit::finish).

#![allow(clippy::disallowed_methods, reason = "this is where stdout is written")]

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::obeyed::{coloured, plain, unannotated};
use crate::voice::Voice;

/// Writes a line of words to stderr; takes what `format!` takes.
#[macro_export]
macro_rules! say {
    ($($arguments:tt)*) => { $crate::say::words(::std::format_args!($($arguments)*)) };
}

/// Writes a line of data to stdout; takes what `format!` takes.
#[macro_export]
macro_rules! data {
    () => { $crate::say::data(::std::format_args!("")) };
    ($($arguments:tt)*) => { $crate::say::data(::std::format_args!($($arguments)*)) };
}

/// A line of words to stderr; [`say!`](crate::say!) is shorter.
pub fn words(line: fmt::Arguments<'_>) {
    STDERR.say(line_of_words(&line.to_string()).as_bytes());
}

fn line_of_words(text: &str) -> String {
    if IS_JSON.load(Ordering::Relaxed) {
        plain(&format!("{}\n", serde_json::json!({ "kind": "words", "text": text }))).into_owned()
    } else {
        coloured(&unannotated(&format!("{text}\n"))).into_owned()
    }
}

/// A question to stderr, without an end of line.
pub fn question(text: fmt::Arguments<'_>) {
    if IS_JSON.load(Ordering::Relaxed) {
        return words(text);
    }
    STDERR.say(coloured(&text.to_string()).as_bytes());
}

/// Rows that stand below all words on a terminal; none takes them away.
pub(crate) fn rows(rows: &[String]) {
    // A row may name what an experiment of others names.
    let shown: Vec<String> = rows.iter().map(|row| coloured(&row.replace('\n', "␊")).into_owned()).collect();
    STDERR.show(&shown);
}

/// From now on stderr is for programs: each line is one JSON object with a `kind`, which is `words` for what people read.
pub fn in_json() {
    IS_JSON.store(true, Ordering::Relaxed);
}

/// A line of JSON to stderr.
pub fn json(object: &str) {
    STDERR.say(plain(&format!("{object}\n")).as_bytes());
}

/// Whether words are written as JSON.
pub fn is_in_json() -> bool {
    IS_JSON.load(Ordering::Relaxed)
}

static IS_JSON: AtomicBool = AtomicBool::new(false);

/// A line of data to stdout; [`data!`](crate::data!) is shorter.
pub fn data(line: fmt::Arguments<'_>) {
    to_stdout(plain(&unannotated(&format!("{line}\n"))).as_bytes());
}

/// The name of a file or folder as a line of data: its own bytes, whether or not they are UTF-8, so that the next program
/// finds it. A terminal is shown it.
pub fn path(path: &Path) {
    if is_terminal() {
        return data(format_args!("{}", path.display()));
    }
    let mut line = path.as_os_str().as_encoded_bytes().to_vec();
    line.push(b'\n');
    to_stdout(&line);
}

/// Whether stdout is a terminal.
pub fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Gives a slow reader time to read what is still to be written. Returns whether a signal ended the wait for a reader of data.
pub(crate) fn finish() -> bool {
    STDERR.finish(PATIENCE);
    STDOUT.was_abandoned()
}

/// Lets nobody wait any longer for a reader who reads nothing: the process is to end.
pub fn give_up() {
    STDOUT.give_up();
    STDERR.give_up();
}

fn to_stdout(bytes: &[u8]) {
    // On a terminal, what was said before stands before.
    STDERR.keep_up();
    if let Err(error) = STDOUT.tell(bytes)
        && !is_lost_reader(&error)
        && !DATA_LOSS_REPORTED.swap(true, Ordering::Relaxed)
    {
        words(format_args!("warning: stdout cannot be written: {error}; what would stand there is lost"));
    }
}

static STDERR: Voice = Voice::new(
    "words",
    |bytes| io::stderr().write_all(bytes),
    |lines| line_of_words(&format!("({lines} lines are missing here: nobody read them)")),
);

static STDOUT: Voice = Voice::new(
    "data",
    |bytes| {
        let mut out = io::stdout().lock();
        out.write_all(bytes).and_then(|()| out.flush())
    },
    // Data waits, so that none is missing.
    |_| String::new(),
);

/// As long as a reader may read nothing at the end.
const PATIENCE: Duration = Duration::from_secs(5);

static DATA_LOSS_REPORTED: AtomicBool = AtomicBool::new(false);

/// Whether an error of a stream says that nobody reads it any more: the reader of a pipe has ended, or a terminal was closed.
fn is_lost_reader(error: &io::Error) -> bool {
    /// What Linux and the BSDs answer to a write to a terminal that has gone.
    const EIO: i32 = 5;
    error.kind() == io::ErrorKind::BrokenPipe || error.raw_os_error() == Some(EIO)
}

/// A writer to stderr that never fails, for libraries that panic or print where theirs does.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if IS_JSON.load(Ordering::Relaxed) {
            let text = String::from_utf8_lossy(bytes);
            text.lines().filter(|line| !line.is_empty()).for_each(|line| words(format_args!("{line}")));
        } else {
            STDERR.say(coloured(&String::from_utf8_lossy(bytes)).as_bytes());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A writer of data to stdout whose errors are returned, but for those of a reader who has gone: he wants no more, and all else
/// goes on. Texts are written whole.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stdout;

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        unless_lost(io::stdout().write_all(plain(&String::from_utf8_lossy(bytes)).as_bytes()))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        unless_lost(io::stdout().flush())
    }
}

fn unless_lost(result: io::Result<()>) -> io::Result<()> {
    result.or_else(|error| if is_lost_reader(&error) { Ok(()) } else { Err(error) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_pipe_and_a_closed_terminal_are_lost_readers_and_a_full_disk_is_none() {
        assert!(is_lost_reader(&io::ErrorKind::BrokenPipe.into()));
        assert!(is_lost_reader(&io::Error::from_raw_os_error(5)));
        assert!(!is_lost_reader(&io::ErrorKind::StorageFull.into()));
    }
}
