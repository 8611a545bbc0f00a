//! What is drawn on a terminal: a bar, what is beside the grid, and the grid.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use ttlsweep_console::board::{Board, has_colours, size};

use super::deciding::Deciding;
use super::table::Table;
use crate::experiment::Experiment;

/// It is drawn when it changes, and twice a second for the time that goes by.
#[derive(Debug)]
pub(super) struct Drawn(Arc<Mutex<View>>);

/// What is to be seen.
#[derive(Debug)]
pub(super) struct View {
    /// `None` once it is over.
    board: Option<Board>,
    started: Instant,
    /// How much of the estimated time is done, from 0 to 1.
    pub(super) share: f64,
    /// What stands beside the bar.
    pub(super) words: String,
    /// Counts of what is not the grid's.
    pub(super) beside: String,
    pub(super) deciding: Deciding,
    pub(super) table: Table,
}

impl Drawn {
    /// Begins with nothing done; `None` if there is no terminal to draw on.
    pub(super) fn begin(experiment: &Experiment) -> Option<Self> {
        let view = Arc::new(Mutex::new(View {
            board: Some(Board::open()?),
            started: Instant::now(),
            share: 0.0,
            words: String::new(),
            beside: String::new(),
            deciding: Deciding::default(),
            table: Table::of(experiment),
        }));
        let shown = Arc::downgrade(&view);
        let draw_again = move || {
            while let Some(view) = shown.upgrade() {
                view.lock().unwrap_or_else(PoisonError::into_inner).draw();
                drop(view);
                thread::sleep(EVERY);
            }
        };
        // Without a thread to spare it is drawn when it changes.
        let _ = thread::Builder::new().name("progress".to_owned()).spawn(draw_again);
        Some(Self(view))
    }

    /// Changes it, and draws it again.
    pub(super) fn change(&self, change: impl FnOnce(&mut View)) {
        let mut view = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut view);
        view.draw();
    }
}

impl Drop for Drawn {
    fn drop(&mut self) {
        // The thread may hold the rest for a moment longer.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).board = None;
    }
}

impl View {
    fn draw(&self) {
        if let Some(board) = &self.board {
            let (width, height) = size();
            // The last line is the shell's, and that before the first one belongs to what was said before.
            board.show(&self.lines((width, height.saturating_sub(2)), has_colours()));
        }
    }

    fn lines(&self, (width, height): (usize, usize), colours: bool) -> Vec<String> {
        let seconds = self.started.elapsed().as_secs();
        let done = ((self.share.clamp(0.0, 1.0) * BAR as f64) as usize).min(BAR);
        let bar = format!("{}{}", "=".repeat(done), if done < BAR { ">" } else { "" });
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        let percent = (self.share.clamp(0.0, 1.0) * 100.0) as u32;
        let first = format!("{hours:02}:{minutes:02}:{seconds:02} [{bar:<BAR$}] {percent}% {}", self.words);
        let second =
            format!("failed of transfers{}; {}", if self.table.has_ttls() { ", by ttl" } else { "" }, self.beside);
        let mut lines = vec![cut(&first, width), cut(&second, width)];
        lines.extend(self.table.lines((width, height.saturating_sub(2)), colours, |name| self.deciding.brief(name)));
        lines.truncate(height.max(1));
        lines
    }
}

/// The text, or as much of it as there is room for.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        text.to_owned()
    } else {
        text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
    }
}

const BAR: usize = 20;
const EVERY: Duration = Duration::from_millis(500);
