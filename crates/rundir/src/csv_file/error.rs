use std::io;
use std::path::PathBuf;

/// What can go wrong when a file of rows is read: what, where, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be opened or read.
    #[error("cannot read {}: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file as a whole is none of ours, or not any more.
    #[error("{} {problem}", path.display())]
    NoTable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        problem: String,
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
    /// The file ends in the middle of a row.
    #[error(
        "{} line {line}: the file ends in the middle of a row ({found} of {expected} fields); \
         complete or delete that line",
        path.display()
    )]
    Truncated {
        /// The file.
        path: PathBuf,
        /// The line, from 1, the header included.
        line: u64,
        /// Fields in the row.
        found: usize,
        /// Fields in the header.
        expected: usize,
    },
    /// A row has more or fewer fields than the header.
    #[error(
        "{} line {line}: {found} fields, but the header has {expected}; some spreadsheets leave out empty cells at a row's end: \
         go back to the file as ttlsweep wrote it",
        path.display()
    )]
    Uneven {
        /// The file.
        path: PathBuf,
        /// The line, from 1, the header included.
        line: u64,
        /// Fields in the row.
        found: usize,
        /// Fields in the header.
        expected: usize,
    },
    /// A line cannot be read as a row of its own.
    #[error("{} line {line}: {problem}", path.display())]
    BadLine {
        /// The file.
        path: PathBuf,
        /// The line, from 1, the header included.
        line: u64,
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// A field does not hold what its column holds.
    #[error("{} line {line}, column `{column}`: {problem}", path.display())]
    BadField {
        /// The file.
        path: PathBuf,
        /// The line, from 1, the header included.
        line: u64,
        /// The column.
        column: String,
        /// What is wrong with it.
        problem: String,
    },
}
