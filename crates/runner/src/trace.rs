//! One transfer for a reader: its timeline on a terminal and as a HAR file.

pub mod har;
pub mod waterfall;
