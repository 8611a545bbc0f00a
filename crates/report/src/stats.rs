//! Statistics as small pure functions: numbers in, numbers out, nothing known of transfers or files.

mod wilson;

pub use wilson::{Interval, wilson};
