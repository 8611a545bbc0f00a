//! Links that stand in a file, one a line; each is given once, in their order.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use ttlsweep_rundir::disk;

use super::answer::Answer;
use super::unanswered::MOST_BYTES;

/// The links of a file.
pub(super) struct Links {
    all: Vec<Answer>,
    given: AtomicUsize,
}

impl Links {
    /// Reads all of them. Empty lines, and those that begin with `#`, are passed over.
    ///
    /// # Errors
    /// The file cannot be read, has a line that is not a link, or has none; in words.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let unreadable = |error: std::io::Error| format!("it cannot be read: {error}");
        let mut lines = BufReader::new(disk::open_named(path).map_err(unreadable)?);
        let (mut all, mut line) = (Vec::new(), Vec::new());
        for number in 1.. {
            line.clear();
            let read = std::io::Read::take(&mut lines, MOST_BYTES as u64).read_until(b'\n', &mut line);
            if read.map_err(unreadable)? == 0 {
                break;
            }
            if line.len() == MOST_BYTES {
                return Err(format!("line {number} is longer than {MOST_BYTES} bytes"));
            }
            let text = String::from_utf8_lossy(&line);
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            all.push(Answer::parse(text).map_err(|problem| format!("line {number}: {problem}"))?);
        }
        if all.is_empty() {
            return Err("it has no links".to_owned());
        }
        Ok(Self { all, given: AtomicUsize::new(0) })
    }

    /// All of them.
    pub(super) fn all(&self) -> &[Answer] {
        &self.all
    }

    /// The next one.
    ///
    /// # Errors
    /// All have been given; in words.
    pub(super) fn next(&self) -> Result<Answer, String> {
        let place = self.given.fetch_add(1, Relaxed);
        self.all.get(place).cloned().ok_or_else(|| {
            format!(
                "all of its {} links have been used; each is used once, so that the plan needs more",
                self.all.len()
            )
        })
    }
}
