//! What the parts of a report take on a run, in seconds: `phases DIR`. Beside `synthetic_run`, to measure the report with.

// Said to the person who runs it by hand, not to a user.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::path::PathBuf;
use std::time::Instant;

use ttlsweep_report::report::report;
use ttlsweep_report::testing::load::load;
use ttlsweep_report::testing::summary::summarize;
use ttlsweep_report::testing::verdict::{Evidence, decide};

fn main() {
    let Some(folder) = std::env::args().nth(1).map(PathBuf::from) else {
        eprintln!("usage: phases DIR");
        std::process::exit(2);
    };
    let folders = [folder];
    let mut last = Instant::now();
    let mut lap = |what: &str| {
        println!("{what:<28}{:8.2} s", last.elapsed().as_secs_f64());
        last = Instant::now();
    };
    {
        let runs = load(&folders).expect("a run's folder");
        lap("rows to columns (csv)");
        summarize(&runs).expect("the frame can be counted");
        lap("counting cells (polars)");
        decide(&Evidence::of(&runs));
        lap("verdict");
    }
    report(&folders, None).expect("a report");
    lap("whole report, from the start");
}
