//! The grid while it runs: a row for each combination of what varies but the TTL, a column for each TTL, and in it how many of its
//! transfers failed so far.

use std::collections::HashMap;

use ttlsweep_record::Cell;
use ttlsweep_record::text::visible;

use super::Failed;
use crate::experiment::Experiment;
use crate::plan::outlook::target_name;

/// The grid's cells, counted.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// What varies but the TTL.
    keys: Vec<&'static str>,
    /// The TTLs, if they vary.
    ttls: Vec<String>,
    rows: Vec<Row>,
    /// Row and column of each cell.
    places: HashMap<String, (usize, usize)>,
}

#[derive(Debug, Clone)]
struct Row {
    target: String,
    /// A value for each key.
    values: Vec<String>,
    /// A count for each TTL; without any, one.
    cells: Vec<Failed>,
}

impl Table {
    /// The grid of an experiment, nothing counted yet.
    pub(super) fn of(experiment: &Experiment) -> Self {
        let axes = &experiment.axes;
        let ttls = axes.iter().find(|axis| axis.key == TTL).map(|axis| axis.values.clone()).unwrap_or_default();
        let keys = axes.iter().map(|axis| axis.key).filter(|key| *key != TTL).collect();
        let mut table = Self { keys, ttls: ttls.iter().map(|ttl| bare(ttl)).collect(), ..Self::default() };
        let grid: Vec<&Cell> = experiment.cells.iter().filter(|cell| cell.control.is_none()).collect();
        for (index, cell) in grid.iter().enumerate() {
            let (mut values, mut column) = (Vec::new(), 0);
            // The first axis varies slowest.
            let (mut left, mut rest) = (grid.len(), index);
            for axis in axes {
                left /= axis.values.len();
                match axis.key {
                    TTL => column = rest / left,
                    _ => values.push(bare(&axis.values[rest / left])),
                }
                rest %= left;
            }
            let known = table.rows.iter().position(|row| row.values == values);
            let row = known.unwrap_or_else(|| {
                let cells = vec![Failed::default(); table.ttls.len().max(1)];
                table.rows.push(Row { target: target_name(cell), values, cells });
                table.rows.len() - 1
            });
            table.places.insert(cell.cell_id.clone(), (row, column));
        }
        table
    }

    /// Whether the TTL varies.
    pub(super) fn has_ttls(&self) -> bool {
        !self.ttls.is_empty()
    }

    /// Counts a trial's transfers.
    pub(super) fn add(&mut self, cell: &Cell, failed: u64, transfers: u64) {
        if let Some((row, column)) = self.places.get(&cell.cell_id) {
            self.rows[*row].cells[*column].add(failed, transfers);
        }
    }

    /// The lines for a terminal of `width` columns in which there is room for `most` of them. `decided` says of a target whether
    /// enough of it is done to be decided.
    pub(super) fn lines(
        &self,
        (width, most): (usize, usize),
        colours: bool,
        decided: impl Fn(&str) -> String,
    ) -> Vec<String> {
        let whole = self.rows.len() < most;
        let mut heads: Vec<String> =
            if whole { self.keys.iter().map(|key| (*key).to_owned()).collect() } else { vec!["target".to_owned()] };
        let names = heads.len();
        match self.ttls.as_slice() {
            [] => heads.push("failed".to_owned()),
            ttls => heads.extend(ttls.iter().cloned()),
        }
        heads.push("decided?".to_owned());
        let mut rows = vec![heads];
        let mut last = None;
        for row in if whole { self.rows.clone() } else { self.by_target() } {
            let mut fields = row.values;
            fields.extend(row.cells.iter().map(Failed::brief));
            let is_new = last.as_ref() != Some(&row.target);
            fields.push(if is_new { decided(&row.target) } else { String::new() });
            last = Some(row.target);
            rows.push(fields);
        }
        let columns = rows[0].len();
        // Counts grow, and should not move what stands right of them.
        let least = |at: usize| if (names..columns - 1).contains(&at) { "12/12".len() } else { 0 };
        let width_of = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0).max(least(at));
        let widths: Vec<usize> = (0..columns).map(width_of).collect();
        let hidden = rows.len().saturating_sub(most);
        let shown = if hidden > 0 { most.saturating_sub(1) } else { rows.len() };
        let mut lines: Vec<String> = Vec::new();
        for fields in &rows[..shown] {
            let (mut line, mut room) = (String::new(), width);
            for (at, field) in fields.iter().enumerate() {
                let needed = widths[at] + 2;
                if needed > room {
                    break;
                }
                room -= needed;
                let is_failed = at >= names && field.contains('/') && !field.starts_with("0/");
                let padding = " ".repeat(needed - field.chars().count());
                line += &if is_failed && colours {
                    format!("\u{1b}[1;31m{field}\u{1b}[0m{padding}")
                } else {
                    field.clone() + &padding
                };
            }
            lines.push(line.trim_end().to_owned());
        }
        if hidden > 0 && most > 0 {
            lines.push(format!("and {} rows more", hidden + 1));
        }
        lines
    }

    /// All rows of a target as one.
    fn by_target(&self) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::new();
        for row in &self.rows {
            match rows.iter_mut().find(|known| known.target == row.target) {
                Some(known) => {
                    known.cells.iter_mut().zip(&row.cells).for_each(|(sum, more)| sum.add(more.failed, more.transfers))
                }
                None => rows.push(Row {
                    target: row.target.clone(),
                    values: vec![visible(&row.target).into_owned()],
                    cells: row.cells.clone(),
                }),
            }
        }
        rows
    }
}

impl Failed {
    /// `3/5`, or a dot before anything is known.
    pub(super) fn brief(&self) -> String {
        if self.transfers == 0 { "·".to_owned() } else { format!("{}/{}", self.failed, self.transfers) }
    }
}

/// A value without the quotes of its notation.
fn bare(value: &str) -> String {
    visible(value.trim_matches('"')).into_owned()
}

const TTL: &str = "ttl";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::{LoadOptions, load};

    fn table() -> (Table, Vec<Cell>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("e.toml");
        let text = "experiment.name = \"e\"\ntarget.expiry = [\"on-request\", \"in-flight\"]\n\
                    grid = { users = [1, 4], ttl = [\"1s\", \"8s\"], size = \"1MB\" }\n";
        std::fs::write(&path, text).unwrap();
        let experiment = load(&path, &LoadOptions::default()).unwrap().experiment;
        (Table::of(&experiment), experiment.cells)
    }

    fn decided(target: &str) -> String {
        format!("{} of 5", target.len())
    }

    #[test]
    fn each_cell_has_its_failures_in_the_row_of_its_settings_below_its_ttl() {
        let (mut table, cells) = table();
        let of = |users, ttl_s| {
            cells.iter().rfind(|cell| (cell.users, cell.ttl_s, cell.control) == (users, Some(ttl_s), None)).unwrap()
        };
        table.add(of(4, 1), 3, 4);
        table.add(of(4, 1), 4, 4);
        table.add(of(1, 8), 0, 1);
        let control = cells.iter().find(|cell| cell.control.is_some()).unwrap();
        table.add(control, 9, 9);
        assert_eq!(
            table.lines((80, 20), false, decided),
            [
                "expiry      users  1s     8s     decided?",
                "on-request  1      ·      ·      19 of 5",
                "on-request  4      ·      ·",
                "in-flight   1      ·      0/1    18 of 5",
                "in-flight   4      7/8    ·",
            ]
        );
        assert!(table.lines((80, 20), true, decided)[4].contains("\u{1b}[1;31m7/8\u{1b}[0m"));
    }

    #[test]
    fn on_a_low_terminal_a_target_has_one_row_and_on_a_narrow_one_columns_are_left_out() {
        let (mut table, cells) = table();
        cells.iter().filter(|cell| cell.control.is_none()).for_each(|cell| table.add(cell, 1, 2));
        let low = table.lines((80, 4), false, decided);
        assert_eq!(low.len(), 3);
        assert_eq!(low[2], "testbed, in-flight   2/4    2/4    18 of 5");
        assert_eq!(table.lines((80, 2), false, decided)[1], "and 2 rows more");
        assert!(table.lines((25, 20), false, decided).iter().all(|line| line.chars().count() <= 25));
    }
}
