//! Prints the data dictionary; `just dictionary` keeps it as `docs/data-dictionary.md`.

#![allow(clippy::print_stdout)]

fn main() {
    print!("{}", ttlsweep_rundir::dictionary::markdown());
}
