//! The grid: one cell for every combination of the axes' values.

use ttlsweep_record::Cell;

use super::resolve::Values;

/// The product of `axes` over `blank`; the first axis varies slowest.
pub(crate) fn product<'a>(blank: Cell, axes: impl IntoIterator<Item = &'a Values<Cell>>) -> Vec<Cell> {
    axes.into_iter().fold(vec![blank], |cells, axis| {
        let with_each_choice = |cell: &Cell| -> Vec<Cell> {
            let with = |choice: &super::settings::Choice<Cell>| {
                let mut cell = cell.clone();
                choice.apply(&mut cell);
                cell
            };
            axis.choices.iter().map(with).collect()
        };
        cells.iter().flat_map(with_each_choice).collect()
    })
}

/// Names cells `c001`, `c002`, …; the width grows with their number, so that names sort as they are numbered.
pub(crate) fn name(cells: &mut [Cell], letter: char) {
    let width = cells.len().to_string().len().max(3);
    for (index, cell) in cells.iter_mut().enumerate() {
        cell.cell_id = format!("{letter}{:0width$}", index + 1);
    }
}
