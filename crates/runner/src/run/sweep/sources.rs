//! The bodies' sources of a run: one block for all generated bodies, one open file for each body file.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use ttlsweep_record::Cell;
use ttlsweep_rundir::disk;

use crate::wire::body::{Block, BodyFile, Source};

/// Opens each source once.
#[derive(Debug)]
pub(crate) struct Sources {
    block: Block,
    files: HashMap<String, Arc<BodyFile>>,
}

/// A body file that cannot be used any more.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It cannot be opened.
    #[error("the body file {path} cannot be opened: {source}")]
    Open {
        /// The file.
        path: String,
        /// Why not.
        source: io::Error,
    },
    /// It has another size than the plan says.
    #[error("the body file {path} has {found} bytes now, but the plan was made for {planned}; bring the old file back")]
    Changed {
        /// The file.
        path: String,
        /// Its size now.
        found: u64,
        /// Its size in the plan.
        planned: u64,
    },
}

impl Sources {
    /// Sources whose generated bodies follow from `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self { block: Block::new(seed), files: HashMap::new() }
    }

    /// The source of a cell's bodies.
    ///
    /// # Errors
    /// The cell's body file cannot be opened, or has changed its size.
    pub(crate) fn of(&mut self, cell: &Cell) -> Result<Source, SourceError> {
        let len = cell.size_bytes.0;
        let Some(path) = &cell.size_file else { return Ok(Source::Generated { block: self.block.clone(), len }) };
        let file = match self.files.get(path) {
            Some(file) => Arc::clone(file),
            None => {
                let open = |source| SourceError::Open { path: path.clone(), source };
                let file = disk::open_named(Path::new(path)).and_then(BodyFile::new).map_err(open)?;
                let found = file.len();
                if found != len {
                    return Err(SourceError::Changed { path: path.clone(), found, planned: len });
                }
                let file = Arc::new(file);
                self.files.insert(path.clone(), Arc::clone(&file));
                file
            }
        };
        Ok(Source::File { file, len })
    }
}
