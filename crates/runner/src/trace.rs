//! One transfer for a reader: its timeline on a terminal and as a HAR file.

pub(crate) mod har;
pub(crate) mod waterfall;
