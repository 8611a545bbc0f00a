//! How a command gets behind the slow lines that its experiment names.

use std::convert::Infallible;
use std::env;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use ttlsweep_console::say;
use ttlsweep_path::cli::LineOptions;
use ttlsweep_path::far;
use ttlsweep_record::Cell;

use crate::cli::siblings::PATH;
use crate::cmd::exit::Failure;
use crate::cmd::sibling::beside;
use crate::experiment::slow_line;

/// Begins this command again behind the lines that `cells` name, if they name any and this process is not behind them yet. What
/// is lost on them follows from the seed. To be called before anything is said, or held.
///
/// # Errors
/// This process is on another path, or the program that makes lines cannot be started.
pub(super) fn get_behind(cells: &[Cell], seed: u64) -> Result<(), Failure> {
    let lines = distinct(cells);
    let Some((first, more)) = lines.split_first() else { return Ok(()) };
    let here: Vec<_> = far::lines(|name| env::var(name).ok()).into_iter().map(|(_, line)| line).collect();
    if lines.iter().all(|line| here.contains(line)) {
        return Ok(());
    }
    if !here.is_empty() {
        return Err(Failure::usage(
            "the experiment has slow lines of its own below [path], and this is behind another one: run it without \
             `ttlsweep path`, or leave [path] out",
        ));
    }
    let path = beside(PATH)?;
    let Err(error) = again(Command::new(&path).arg0("ttlsweep path"), first, more, seed);
    Err(Failure::internal(format!("cannot start {}: {error}", path.display())))
}

fn again(path: &mut Command, first: &LineOptions, more: &[LineOptions], seed: u64) -> Result<Infallible, io::Error> {
    path.args(first.to_string().split(' '));
    for line in more {
        path.args(["--more", &line.to_string()]);
    }
    path.args(["--seed", &seed.to_string()]);
    if say::is_in_json() {
        path.arg("--quiet");
    }
    path.arg("--").arg(env::current_exe()?).args(env::args_os().skip(1));
    Err(path.exec())
}

/// The lines of the cells, each once, in their order.
fn distinct(cells: &[Cell]) -> Vec<LineOptions> {
    let mut lines = Vec::new();
    for line in cells.iter().filter_map(slow_line::of) {
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}
