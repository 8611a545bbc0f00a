use crate::ttl::Advice;
use crate::ttl::sentences::{Said, how};

/// The section "Which TTL?".
#[derive(Debug)]
pub(super) struct Section {
    /// What is said of each cell.
    pub(super) cells: Vec<Said>,
    /// Cells that there is no room for.
    pub(super) more: usize,
    /// What a reader must know of all of them.
    pub(super) notes: Vec<String>,
}

pub(super) fn section(advice: &Advice) -> Section {
    let mut cells = advice.said();
    let more = cells.len().saturating_sub(MOST_CELLS);
    cells.truncate(MOST_CELLS);
    let notes = advice.fitted().into_iter().chain([how(advice.risk)]).chain(advice.notes.iter().cloned());
    Section { cells, more, notes: notes.collect() }
}

const MOST_CELLS: usize = 12;
