//! The rows: one type per CSV file, each field a column in the file's order.

mod cell;
mod comparison;
mod event;
mod harness;
mod object;
mod sample;
mod summary;
mod transfer;
mod trial;

pub use cell::Cell;
pub use comparison::ComparisonRecord;
pub use event::EventRecord;
pub use harness::HarnessRecord;
pub use object::ObjectRecord;
pub use sample::SampleRecord;
pub use summary::SummaryRecord;
pub use transfer::TransferRecord;
pub use trial::TrialRecord;

/// The version of the columns' meaning; it grows when a column changes or goes, not when one is added at the end.
pub const SCHEMA_VERSION: u32 = 1;
