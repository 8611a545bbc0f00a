//! From the rows of one or many runs to a summary and charts. Nothing here knows of the runner: the files are all it sees.
//!
//! The way of the data: [`load`] reads run folders and keeps the [`whole_attempts`]; [`summary`] counts each cell's
//! transfers; [`chart`] and [`table`] show it, naming cells by their [`axes`]. [`verdict`] concludes, from [`observation`]s
//! alone, whether the target enforces expiry at all and which mechanism is at work; [`stats`] holds
//! the formulas. While a target is judged, `collect` takes from it what its charts show; [`comparison`] holds runs and targets
//! against each other, [`hosts`] the machines. [`report`] puts it together and [`page`] tells it to people; [`case`] makes a bundle of it that may be
//! handed on. [`cli`] is what was asked for.

pub mod case;
pub mod chart;
pub mod cli;
pub mod compare;
pub mod figures;
pub mod load;
pub mod page;
mod printable;
pub mod report;
pub mod stats;
pub mod summary;
pub mod verdict;
pub mod verify;
