//! Prints the data dictionary; `just dictionary` keeps it as `docs/data-dictionary.md`.

fn main() {
    print!("{}", ttlsweep_record::dictionary::markdown());
}
