//! The machine that runs the experiment: what it is, what a trial used of it, and how late it woke its tasks.

pub(crate) mod lag;
pub(crate) mod machine;
pub(crate) mod usage;
