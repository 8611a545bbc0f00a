//! Where bars are drawn: on stderr, by way of the one place that prints, so that a terminal which is held (Ctrl-S) or gone
//! holds up nobody who moves a bar.

use std::fmt::Write;
use std::io::{self, IsTerminal};
use std::sync::{Mutex, PoisonError};

use indicatif::{ProgressDrawTarget, TermLike};
use ttlsweep_console::say;

/// A terminal on stderr, or nothing if stderr is not one.
pub(crate) fn draw_target() -> ProgressDrawTarget {
    match io::stderr().is_terminal() {
        true => ProgressDrawTarget::term_like_with_hz(Box::new(Screen::default()), REFRESHES_A_SECOND),
        false => ProgressDrawTarget::hidden(),
    }
}

/// A terminal that is written to a drawing at a time.
#[derive(Debug, Default)]
struct Screen(Mutex<String>);

impl Screen {
    fn add(&self, text: std::fmt::Arguments<'_>) -> io::Result<()> {
        let _ = self.0.lock().unwrap_or_else(PoisonError::into_inner).write_fmt(text);
        Ok(())
    }

    /// Moves the cursor, if at all: a move by none is one by one to a terminal.
    fn go(&self, cells: usize, direction: char) -> io::Result<()> {
        if cells == 0 { Ok(()) } else { self.add(format_args!("\u{1b}[{cells}{direction}")) }
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        terminal_size::terminal_size_of(io::stderr()).map_or(80, |(width, _)| width.0)
    }

    fn height(&self) -> u16 {
        terminal_size::terminal_size_of(io::stderr()).map_or(24, |(_, height)| height.0)
    }

    fn move_cursor_up(&self, lines: usize) -> io::Result<()> {
        self.go(lines, 'A')
    }

    fn move_cursor_down(&self, lines: usize) -> io::Result<()> {
        self.go(lines, 'B')
    }

    fn move_cursor_right(&self, cells: usize) -> io::Result<()> {
        self.go(cells, 'C')
    }

    fn move_cursor_left(&self, cells: usize) -> io::Result<()> {
        self.go(cells, 'D')
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.add(format_args!("{text}\n"))
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.add(format_args!("{text}"))
    }

    fn clear_line(&self) -> io::Result<()> {
        self.add(format_args!("\r\u{1b}[2K"))
    }

    fn flush(&self) -> io::Result<()> {
        let drawn = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        if !drawn.is_empty() {
            say::drawing(&drawn);
        }
        Ok(())
    }
}

const REFRESHES_A_SECOND: u8 = 10;
