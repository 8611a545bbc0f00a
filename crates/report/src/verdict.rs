//! Which mechanism explains the failures, and how sure that is: drawn from what a client could see, and from nothing else.
//!
//! The way of the data: `evidence` takes from the runs what may be known; `target` parts it by target, fixes δ and the
//! durations needed, and makes each transfer a `flight` on the server's clock; `learned` takes from the controls how the
//! target words expiry and what the store's own answers look like, `enforcement` whether it enforces expiry; `cause` says what
//! a failure counts toward, `reported` how such failures ended; `cut`, `completion`, `network`, `alive` and `named` each test
//! mechanisms on the trials; `decide` puts it together into a `ruling`, `headline` says it, `file` writes it. `view` shows charts each target's transfers as the tests see them.

mod cause;
mod census;
mod decide;
mod evidence;
mod file;
mod finding;
mod headline;
pub(crate) mod mechanism;
mod ruling;
mod seen;
mod target;
mod view;
mod waited;

pub use cause::enforcement::Enforces;
pub(crate) use cause::enforcement::ExpiredStarts;
pub(crate) use decide::{TestedTarget, conclude, tested};
pub use decide::{decide, decide_in};
pub use evidence::clock_steps::Whose;
pub use evidence::clocks::{Beside, Clocks};
pub use evidence::{Evidence, Trial, late_us};
pub(crate) use file::FILE;
pub(crate) use file::json;
pub use finding::{Detail, Finding as Judged};
pub use headline::Answer as TargetAnswer;
pub(crate) use headline::TakeAway;
pub use mechanism::cut::WindowTest;
pub use mechanism::window::TrialEnds;
pub use ruling::Ruling;
pub(crate) use ruling::{Again, TargetRuling};
pub(crate) use view::{Sight, View, Way};

pub(crate) use ttlsweep_record::decision::ALPHA;
