use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::set::ShardSet;
use crate::stops::Stops;
use ttlsweep_record::rows::{Cell, TrialRecord};
use ttlsweep_record::share::{Portion, Share};
use ttlsweep_record::words::TrialState;

/// What the plan has and the folders do not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    words: (&'static str, &'static str),
    of: u32,
    /// The numbers of the shards or parts that no folder holds.
    pub numbers: Vec<u32>,
    /// Folders of these that have been begun and not been ended.
    pub begun: Vec<PathBuf>,
    /// Blocks of shards that are there of which no trial is whole.
    pub blocks: Vec<u32>,
    /// Trials of other blocks that are not whole, as block, cell and, of a run that was divided by users, part.
    pub trials: Vec<(u32, String, Option<Share>)>,
}

impl Missing {
    pub(super) fn of(set: &ShardSet, cells: &[Cell], rows: &[TrialRecord], stops: &Stops) -> Self {
        let numbers = set.missing_numbers();
        let whole: BTreeSet<(u32, &str, Option<Share>)> = rows
            .iter()
            .filter(|row| row.state == TrialState::Whole)
            .map(|row| (row.block, row.cell_id.as_str(), row.part))
            .collect();
        let mut blocks = Vec::new();
        let mut trials = Vec::new();
        for block in (1..=set.first().repetitions).filter(|block| stops.needs(*block)) {
            let expected = expected(set, cells, block, &numbers);
            let missing: Vec<_> =
                expected.iter().filter(|(cell, part)| !whole.contains(&(block, *cell, *part))).collect();
            if !expected.is_empty() && missing.len() == expected.len() {
                blocks.push(block);
            } else {
                trials.extend(missing.into_iter().map(|(cell, part)| (block, (*cell).to_owned(), *part)));
            }
        }
        let begun = begun(set, &numbers);
        Self { words: (set.kind(), set.kinds()), of: set.of(), numbers, begun, blocks, trials }
    }

    /// Whether nothing is.
    pub const fn is_nothing(&self) -> bool {
        self.numbers.is_empty() && self.blocks.is_empty() && self.trials.is_empty()
    }

    /// What is missing in words, a line for each kind.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if !self.numbers.is_empty() {
            let (word, are) = if self.numbers.len() == 1 { (self.words.0, "is") } else { (self.words.1, "are") };
            lines.push(format!("{word} {} of {} {are} missing", ranges(&self.numbers), self.of));
        }
        for folder in self.begun.iter().take(MOST_NAMED) {
            lines.push(format!("{} has been begun and is not whole: start it again to finish it", folder.display()));
        }
        if !self.blocks.is_empty() {
            let (word, have) = if self.blocks.len() == 1 { ("block", "has") } else { ("blocks", "have") };
            lines.push(format!("{word} {} {have} no whole trial", ranges(&self.blocks)));
        }
        if !self.trials.is_empty() {
            let named = self.trials.iter().take(MOST_NAMED).map(|(block, cell, part)| {
                let part = part.map(|part| format!(", part {part}")).unwrap_or_default();
                format!("block {block}, cell {cell}{part}")
            });
            let named = named.collect::<Vec<_>>().join("; ");
            let more = self.trials.len().saturating_sub(MOST_NAMED);
            let more = if more > 0 { format!("; and {more} more") } else { String::new() };
            let (word, are) = if self.trials.len() == 1 { ("trial", "is") } else { ("trials", "are") };
            lines.push(format!("{} {word} of blocks that are there {are} not whole: {named}{more}", self.trials.len()));
        }
        lines
    }
}

/// What a block must have in the folders that are there: of a trial that is divided by users every part.
fn expected<'a>(set: &ShardSet, cells: &'a [Cell], block: u32, missing: &[u32]) -> Vec<(&'a str, Option<Share>)> {
    let is_there = |number: u32| missing.binary_search(&number).is_err();
    if !set.is_of_parts() {
        let shard = (block - 1) % set.of() + 1;
        let cells = cells.iter().filter(|_| is_there(shard));
        return cells.map(|cell| (cell.cell_id.as_str(), None)).collect();
    }
    let parts =
        (1..=set.of()).filter(|number| is_there(*number)).filter_map(|number| Share::new(number, set.of()).ok());
    let parts: Vec<Share> = parts.collect();
    cells.iter().flat_map(|cell| parts.iter().map(|part| (cell.cell_id.as_str(), Some(*part)))).collect()
}

/// What is being written lies beside the others, under another name.
fn begun(set: &ShardSet, missing: &[u32]) -> Vec<PathBuf> {
    let parents: BTreeSet<&Path> = set.folders().iter().filter_map(|folder| folder.path.parent()).collect();
    let portion = |number: &u32| {
        let share = Share::new(*number, set.of()).ok()?;
        Some(if set.is_of_parts() { Portion::Part(share) } else { Portion::Shard(share) })
    };
    let names: Vec<String> = missing.iter().filter_map(portion).map(Portion::partial_name).collect();
    let places = names.iter().flat_map(|name| parents.iter().map(move |parent| parent.join(name)));
    places.filter(|path| path.is_dir()).collect()
}

/// `1, 4 to 7 and 9`; the numbers in ascending order.
fn ranges(numbers: &[u32]) -> String {
    let runs = numbers.chunk_by(|one, next| next - one == 1).flat_map(|run| match run {
        [] => Vec::new(),
        [one] => vec![one.to_string()],
        [one, other] => vec![one.to_string(), other.to_string()],
        [first, .., last] => vec![format!("{first} to {last}")],
    });
    let runs: Vec<String> = runs.collect();
    match runs.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}

/// More names help nobody.
const MOST_NAMED: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_a_row_are_said_as_a_range() {
        assert_eq!(ranges(&[3]), "3");
        assert_eq!(ranges(&[3, 4]), "3 and 4");
        assert_eq!(ranges(&[1, 4, 5, 6, 7, 9]), "1, 4 to 7 and 9");
    }
}
