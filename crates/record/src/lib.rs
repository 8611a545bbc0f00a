//! The ground floor of ttlsweep: what the CSV files hold, and in which words and units. Nothing here reads or writes.
//!
//! Runner and report share nothing but these files, so this crate is the contract between them. Start with [`rows`] (one
//! type per file), then [`words`] (the closed vocabularies of their columns) and [`units`] (sizes, rates, instants).
//! [`fault`] is the notation of the testbed's faults, [`share`] that of what one process runs of a plan that several run
//! together. [`names`] and [`schema`] say which names and versions are accepted, [`text`] keeps others' text harmless,
//! [`redact`] keeps secrets out of it, and [`decision`] says what it takes to decide, for the plan and for the verdict.

pub mod decision;
pub mod fault;
pub mod names;
pub mod redact;
pub mod row;
pub mod rows;
pub mod schema;
pub mod share;
pub mod text;
pub mod units;
pub mod words;

pub use fault::{Fault, FaultKind, FaultPlace};
pub use rows::{
    Cell, ClockRecord, ComparisonRecord, DecisionRecord, EventRecord, HarnessRecord, ObjectRecord, SCHEMA_VERSION,
    SampleRecord, ServerRecord, SummaryRecord, TransferRecord, TrialRecord, Ttls, sent_after,
};
pub use share::{Portion, Share};
pub use units::{BitRate, ByteCount, Timestamp};
pub use words::*;
