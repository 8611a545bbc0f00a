//! The rows: one type per CSV file, each field a column in the file's order.

mod cell;
mod clock;
mod comparison;
mod decision;
mod event;
mod harness;
mod object;
mod sample;
mod server;
mod summary;
mod transfer;
mod trial;

pub use cell::{Cell, Ttls};
pub use clock::ClockRecord;
pub use comparison::ComparisonRecord;
pub use decision::DecisionRecord;
pub use event::EventRecord;
pub use harness::HarnessRecord;
pub use object::ObjectRecord;
pub use sample::SampleRecord;
pub use server::ServerRecord;
pub use summary::SummaryRecord;
pub use transfer::{TransferRecord, sent_after};
pub use trial::TrialRecord;

/// The version of the columns' meaning and of their words. Files of version 1 lack the columns that came later: they are empty.
pub const SCHEMA_VERSION: u32 = 2;
