//! The one place that prints: words to stderr, data to stdout, and a reader that has gone ends nothing.
//!
//! `println!` and `eprintln!` panic where their stream cannot be written: the reader of a pipe has ended, a terminal was
//! closed, a disk is full. A run costs hours and money, its rows are on the disk, and a signal's task that panics while it
//! talks stops nothing any more. So all printing goes through here (clippy's `print_stdout` and `print_stderr` deny it
//! elsewhere), and nothing here returns an error or panics. What cannot be shown is lost; only where *data* is lost for
//! another cause than a reader that went away does stderr say so, once.

use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

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
    if IS_JSON.load(Ordering::Relaxed) {
        return json(&serde_json::json!({ "kind": "words", "text": line.to_string() }).to_string());
    }
    // In one write, so that lines of several threads do not mix.
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// A question to stderr, without an end of line.
pub fn question(text: fmt::Arguments<'_>) {
    if IS_JSON.load(Ordering::Relaxed) {
        return words(text);
    }
    let _ = io::stderr().write_all(text.to_string().as_bytes());
}

/// From now on stderr is for programs: each line is one JSON object with a `kind`, which is `words` for what people read.
pub fn in_json() {
    IS_JSON.store(true, Ordering::Relaxed);
}

/// A line of JSON to stderr.
pub fn json(object: &str) {
    let _ = io::stderr().write_all(format!("{object}\n").as_bytes());
}

static IS_JSON: AtomicBool = AtomicBool::new(false);

/// A line of data to stdout; [`data!`](crate::data!) is shorter.
pub fn data(line: fmt::Arguments<'_>) {
    to_stdout(format!("{line}\n").as_bytes());
}

/// The name of a file or folder as a line of data: its own bytes, whether or not they are UTF-8, so that the next program
/// finds it.
pub fn path(path: &Path) {
    let mut line = path.as_os_str().as_encoded_bytes().to_vec();
    line.push(b'\n');
    to_stdout(&line);
}

fn to_stdout(bytes: &[u8]) {
    let mut out = io::stdout().lock();
    if let Err(error) = out.write_all(bytes).and_then(|()| out.flush())
        && !is_lost_reader(&error)
        && !DATA_LOSS_TOLD.swap(true, Ordering::Relaxed)
    {
        words(format_args!("warning: stdout cannot be written: {error}; what would stand there is lost"));
    }
}

static DATA_LOSS_TOLD: AtomicBool = AtomicBool::new(false);

/// Whether an error of a stream says that nobody reads it any more: the reader of a pipe has ended, or a terminal was closed.
pub fn is_lost_reader(error: &io::Error) -> bool {
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
            let _ = io::stderr().write_all(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
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
