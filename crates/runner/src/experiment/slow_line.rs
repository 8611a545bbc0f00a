//! What makes the slow line that a cell is behind.

use std::time::Duration;

use ttlsweep_path::cli::LineOptions;
use ttlsweep_path::queue::Discipline;
use ttlsweep_record::{Cell, QueueDiscipline};

/// The line that a cell's users share; `None` if there is none but what this process is on.
pub(crate) fn of(cell: &Cell) -> Option<LineOptions> {
    Some(LineOptions {
        rate: cell.path_rate_bps?,
        down_rate: None,
        queue: cell.path_queue_bytes?,
        delay: Duration::from_micros(cell.path_delay_us.unwrap_or_default()),
        loss: cell.path_loss_ppm.unwrap_or_default(),
        discipline: match cell.path_discipline {
            None | Some(QueueDiscipline::TailDrop) => Discipline::TailDrop,
            Some(QueueDiscipline::CoDel) => Discipline::CoDel,
        },
    })
}
