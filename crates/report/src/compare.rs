//! Runs, targets and machines compared.

pub(crate) mod hosts;
pub(crate) mod runs;
