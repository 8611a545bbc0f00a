//! The report as its users meet it: run folders in; terminal, page, charts, verdict and bundle out.
//!
//! All of it is one program, since each program would link polars again.

// Said to the person who runs a fuzz target by hand, not to a user.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod case;
mod causes;
mod charts;
mod common;
mod comparison;
mod edits;
mod errors;
mod forecast;
mod fuzz;
mod gate;
mod hosts;
mod interim;
mod join;
mod one_answer;
mod page;
mod shards;
mod summary;
mod together;
mod ttl;
mod verdict;

#[path = "../../../record/tests/common/mutate.rs"]
mod mutate;
#[path = "../../../record/tests/common/notations.rs"]
mod notations;
#[path = "../../../record/tests/common/programs.rs"]
mod programs;
#[path = "../../../record/tests/common/edits.rs"]
mod record_edits;
