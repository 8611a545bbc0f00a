//! Which mechanism explains the failures, and how sure that is: drawn from what a client could see, and from nothing else.
//!
//! The way of the data: `evidence` takes from the runs what may be known; `target` parts it by target, fixes δ and the
//! durations needed, and makes each observation a `flight` on the server's clock; `cause` says what a failure counts
//! toward; `cut`, `completion`, `network` and `named` each test mechanisms on the trials; `decide` puts it together,
//! `file` writes it. `view` shows charts each target's transfers as the tests see them.

mod by_host;
mod cause;
mod completion;
mod cut;
mod decide;
mod evidence;
mod file;
mod finding;
mod flight;
mod groups;
mod named;
mod needed;
mod network;
mod prose;
mod standstill;
mod stray;
mod support;
mod target;
mod timed;
mod unjudged;
mod view;
mod waited;
mod window;

pub use decide::{Detail, Judged, Ruling, TargetRuling, decide, decide_in, decide_watched};
pub use evidence::{Evidence, Trial, late_us};
pub use file::FILE;
pub(crate) use file::json;
pub use view::{Sight, View};

/// The family-wise error over all mechanisms and targets of a report.
pub const ALPHA: f64 = 0.01;
