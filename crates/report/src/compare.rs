//! Runs, targets and machines compared.

pub mod hosts;
pub mod runs;
