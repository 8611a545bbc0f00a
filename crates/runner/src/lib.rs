//! From a question to rows.
pub mod estimate;
pub mod experiment;
pub mod plan;
