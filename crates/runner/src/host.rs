//! The machine that runs the experiment: what it is, what a trial used of it, and how late it woke its tasks.

pub mod lag;
pub mod machine;
pub mod usage;
