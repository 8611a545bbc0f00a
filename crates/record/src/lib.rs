//! The ground floor of ttlsweep: what the CSV files hold, and in which words and units.
//!
//! Runner and report share nothing but these files, so this crate is the contract between them: no async, no HTTP, no
//! data frames. Start with [`rows`] (one type per file), then [`words`] (the closed vocabularies of their columns) and
//! [`units`] (sizes, rates, instants); [`fault`] is the notation of the testbed's faults, [`share`] that of what one process
//! runs of a plan that several run together. [`csv_file`] writes and reads the files ([`disk`] opens them and puts them in their place), and [`shards`] joins those of several
//! processes; [`text`] is what keeps others' text harmless in them; [`dictionary`] prints their documentation.
//! [`mod@say`] is the one place that prints, for all programs.

pub mod csv_file;
pub mod dictionary;
pub mod disk;
pub mod environment;
pub mod fault;
pub mod names;
pub mod redact;
pub mod row;
pub mod rows;
pub mod say;
pub mod schema;
pub mod shards;
pub mod share;
pub mod signals;
pub mod text;
pub mod units;
pub mod verify;
pub mod words;

pub use fault::{Fault, FaultKind, FaultPlace};
pub use rows::{
    Cell, ClockRecord, ComparisonRecord, EventRecord, HarnessRecord, ObjectRecord, SCHEMA_VERSION, SampleRecord,
    SummaryRecord, TransferRecord, TrialRecord,
};
pub use share::{Portion, Share};
pub use units::{BitRate, ByteCount, Timestamp};
pub use words::*;
