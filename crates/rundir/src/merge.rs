//! Several folders of one run: its shards, each of whole blocks, or the parts of its trials, each of some of their users.
//!
//! The runner writes them, one a machine; who joins them finds here what both the runner's `merge` and the report need.
//! [`run_folders`] finds the folders, a [`ShardSet`] checks that they are of one run and puts them in the order of their
//! numbers, whatever the order in which they were named; [`Trials`] joins their `trials.csv`, refuses doubles and knows what
//! is [`Missing`]; [`Duplicates`] finds transfers that are there twice; [`merged_environment`] keeps by host what differs by
//! host; [`write`](write()) makes one ordinary run folder of it. Rows of transfers are never held in memory.

mod duplicates;
mod environment;
mod error;
mod folders;
mod missing;
mod parts;
mod set;
mod trials;
mod write;

pub use duplicates::{Duplicate, Duplicates, Line};
pub use environment::merged_environment;
pub use error::MergeError;
pub use folders::run_folders;
pub use missing::Missing;
pub use parts::tell_parts;
pub use set::{ShardFolder, ShardSet};
pub use trials::Trials;
pub use write::{Written, write};
