//! What moves on a terminal: a few rows on stderr that stand below all words and are drawn again and again. Only where stderr is
//! a terminal whose cursor can be moved.

use std::env;
use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicBool, Ordering};

use terminal_size::terminal_size_of;

use crate::say;

/// The rows; they go when it is dropped.
#[derive(Debug)]
pub struct Board(());

impl Board {
    /// A board without rows; `None` if there is no terminal for it, or another one stands there.
    pub fn open() -> Option<Self> {
        let is_dumb = env::var_os("TERM").is_none_or(|term| term == "dumb");
        let has_room = io::stderr().is_terminal() && !is_dumb;
        (has_room && !IS_UP.swap(true, Ordering::Relaxed)).then(|| Self(()))
    }

    /// Shows these rows in the place of the last ones. Those that the terminal is too low for are left out, and those that it is
    /// too narrow for end at its edge.
    pub fn show(&self, rows: &[String]) {
        say::rows(&rows[..rows.len().min(size().1)]);
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        say::rows(&[]);
        IS_UP.store(false, Ordering::Relaxed);
    }
}

/// How many columns and rows the terminal on stderr has; the usual ones if it does not say.
pub fn size() -> (usize, usize) {
    terminal_size_of(io::stderr()).map_or((80, 24), |(width, height)| (usize::from(width.0), usize::from(height.0)))
}

/// Whether what is drawn may have colours.
pub fn has_colours() -> bool {
    env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

static IS_UP: AtomicBool = AtomicBool::new(false);
