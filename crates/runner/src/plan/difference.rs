//! What has changed between the plan that a run was made for and another one, in words.

use std::collections::HashMap;

use ttlsweep_record::row::Row;
use ttlsweep_record::{Cell, text};
use ttlsweep_rundir::csv_file::fields;
use ttlsweep_rundir::environment::Environment;

use super::Plan;

/// One line for each setting that differs, of which the first few are listed one by one. `cells` and `environment` are the
/// run's own files.
pub(crate) fn differences(cells: &[Cell], environment: &Environment, plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    let numbers = [
        ("seed", environment.seed, plan.seed),
        ("repetitions", environment.repetitions.into(), plan.repetitions.into()),
    ];
    for (name, was, is) in numbers.into_iter().filter(|(_, was, is)| was != is) {
        lines.push(format!("{name} was {was} and is {is}"));
    }
    let now: HashMap<&str, &Cell> = plan.cells.iter().map(|cell| (cell.cell_id.as_str(), cell)).collect();
    for cell in cells {
        match now.get(cell.cell_id.as_str()) {
            None => lines.push(format!("the cell {} is gone", cell.cell_id)),
            Some(other) => lines.extend(of_cell(cell, other)),
        }
    }
    let new = plan.cells.iter().filter(|cell| !cells.iter().any(|old| old.cell_id == cell.cell_id));
    lines.extend(new.map(|cell| format!("the cell {} is new", cell.cell_id)));
    if lines.len() > MOST_LISTED {
        let more = lines.len() - MOST_LISTED;
        lines.truncate(MOST_LISTED);
        lines.push(format!("and {more} more"));
    }
    lines
}

fn of_cell(was: &Cell, is: &Cell) -> Vec<String> {
    let named = |value: &str| if value.is_empty() { "empty".to_owned() } else { text::unguarded(value).into_owned() };
    let pairs = fields(was).into_iter().zip(fields(is));
    let differing = Cell::header().into_iter().zip(pairs).filter(|(_, (was, is))| was != is);
    differing
        .map(|(column, (old, new))| format!("{}: {column} was {} and is {}", was.cell_id, named(&old), named(&new)))
        .collect()
}

/// A grid whose sizes were changed differs in every cell.
const MOST_LISTED: usize = 12;
