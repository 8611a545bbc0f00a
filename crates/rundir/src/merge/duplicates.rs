use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;

use crate::csv_file::{ReadError, RowFile};
use ttlsweep_record::rows::TransferRecord;

/// A line of a file, from 1, the header included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The file.
    pub path: PathBuf,
    /// The line.
    pub line: u64,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} line {}", self.path.display(), self.line)
    }
}

/// A transfer that is there twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duplicate {
    /// The transfer.
    pub transfer_id: String,
    /// Where it stands first.
    pub first: Line,
    /// Where it stands again.
    pub second: Line,
}

impl fmt::Display for Duplicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: the transfer {} is there twice, first on ", self.second, self.transfer_id)?;
        if self.first.path == self.second.path {
            return write!(f, "line {}, and would be counted twice; delete one of the two", self.first.line);
        }
        write!(f, "{}, and would be counted twice; one of the two does not belong to this run", self.first)
    }
}

/// Finds names of transfers that are there twice, at eight bytes a name: ten million take 80 MB.
#[derive(Debug, Default)]
pub struct Duplicates {
    hashes: Vec<u64>,
    hasher: RandomState,
}

impl Duplicates {
    /// Takes note of a transfer's name.
    pub fn note(&mut self, transfer_id: &[u8]) {
        self.hashes.push(self.hasher.hash_one(transfer_id));
    }

    /// The first transfer that is there twice, if there is one. Hashes only raise the suspicion; the names are then read
    /// once more from `files`, the `transfers.csv` that they came from, so that two names of one hash accuse nobody.
    ///
    /// # Errors
    /// A file cannot be read again.
    pub fn find(mut self, files: &[PathBuf]) -> Result<Option<Duplicate>, ReadError> {
        self.hashes.sort_unstable();
        let mut met: HashMap<u64, Vec<(Vec<u8>, Line)>> =
            self.hashes.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| (pair[0], Vec::new())).collect();
        if met.is_empty() {
            return Ok(None);
        }
        for path in files {
            let mut file = RowFile::open::<TransferRecord>(path)?;
            let place = file.place::<TransferRecord>("transfer_id")?;
            while file.next_row()? {
                let name = file.field(place);
                let Entry::Occupied(mut suspects) = met.entry(self.hasher.hash_one(name)) else { continue };
                let here = Line { path: path.clone(), line: file.line() };
                if let Some((_, first)) = suspects.get().iter().find(|(known, _)| known == name) {
                    let transfer_id = String::from_utf8_lossy(name).into_owned();
                    return Ok(Some(Duplicate { transfer_id, first: first.clone(), second: here }));
                }
                suspects.get_mut().push((name.to_owned(), here));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn files(folder: &std::path::Path, names: &[&[&str]]) -> Vec<PathBuf> {
        let write = |(at, names): (usize, &&[&str])| {
            let path = folder.join(format!("{at}.csv"));
            fs::write(&path, format!("transfer_id\n{}\n", names.join("\n"))).unwrap();
            path
        };
        names.iter().enumerate().map(write).collect()
    }

    fn found(names: &[&[&str]]) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let files = files(folder.path(), names);
        let mut duplicates = Duplicates::default();
        names.iter().flat_map(|names| names.iter()).for_each(|name| duplicates.note(name.as_bytes()));
        let base = format!("{}/", folder.path().display());
        duplicates.find(&files).unwrap().map(|duplicate| duplicate.to_string().replace(&base, ""))
    }

    #[test]
    fn a_name_that_is_there_twice_is_found_with_both_its_places() {
        assert_eq!(found(&[&["a", "b"], &["c", "d"]]), None);
        let across = found(&[&["a", "b"], &["c", "b"]]).unwrap();
        assert!(
            across.starts_with("1.csv line 3: the transfer b is there twice, first on 0.csv line 3, and"),
            "{across}"
        );
        let within = found(&[&["a"], &["b", "c", "b"]]).unwrap();
        assert!(within.starts_with("1.csv line 4: the transfer b is there twice, first on line 2, and"), "{within}");
    }

    #[test]
    fn two_names_of_one_hash_accuse_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let files = files(folder.path(), &[&["a"], &["b"]]);
        let mut duplicates = Duplicates::default();
        duplicates.note(b"a");
        duplicates.note(b"a");
        assert_eq!(duplicates.find(&files).unwrap(), None);
    }
}
