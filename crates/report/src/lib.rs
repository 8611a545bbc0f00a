//! From the rows of one or many runs to a summary and charts. Nothing here knows of the runner: the files are all it sees.
//!
//! The way of the data: `load` reads run folders and keeps the attempts that are whole; `summary` counts each cell's
//! transfers and names cells by the settings that vary. `verdict` concludes, from what a client could see alone, whether
//! the target enforces expiry at all and which mechanism is at work; `stats` has the formulas. `figures` takes from the
//! verdict what charts show, `chart` draws it. `compare` holds runs, targets and machines against each other.
//! [`report`] puts it together, [`terminal`] and `page` tell it to people; [`case`] makes a bundle of it that may be handed on.
//! [`join`] puts what servers' own logs say beside the transfers. [`interim`] tells a runner between blocks whether each target is decided. [`ttl`] says which TTL the transfers need, [`forecast`] what a plan would decide. [`cli`] is what was asked for, [`gate`] what a pipeline demands of the answer, and `format` how it is reported to programs.

pub mod case;
mod chart;
pub mod cli;
mod compare;
mod figures;
pub mod forecast;
mod format;
pub mod gate;
pub mod interim;
pub mod join;
mod load;
mod markdown;
mod minting;
mod names;
mod page;
mod printable;
mod prose;
pub mod report;
mod said;
mod stats;
mod summary;
pub mod terminal;
#[doc(hidden)]
#[allow(missing_docs, reason = "the names stand where they are defined, with their documents")]
pub mod testing;
pub mod ttl;
mod unbroken;
mod verdict;
pub mod verify;
