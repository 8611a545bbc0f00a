//! What real clients say of transfers that a store refused or cut, measured by `just clients`: [`docs/clients.csv`](table).
//!
//! [`explain`](explain::explain) goes from a text to what it can mean; [`said`] goes from what happened to the texts. Neither
//! makes a probability of it: the counts say how often a client said this *when that was done to it*, and how often it is done
//! to anybody is known to no table.

mod cause;
pub mod explain;
mod features;
pub mod said;
mod table;

pub use cause::Cause;
pub use table::{Said, table};
