//! For the tests and examples of this repository only: what they reach into, under the names that it has inside. No other
//! program may count on anything here.

pub mod chart {
    pub use crate::chart::{ALL, Chart};
}

pub mod compare {
    pub mod hosts {
        pub use crate::compare::hosts::{HostComparison, compare_hosts, sentence};
    }
    pub mod runs {
        pub use crate::compare::runs::Compared;
    }
}

pub mod forecast {
    pub use crate::forecast::cases::{Case, cases};
    pub use crate::forecast::power::{Power, Simulation, Tally};
    pub use crate::forecast::recorded::Recorded;
    pub use crate::forecast::subject::Subject;
}

pub mod load {
    pub use crate::load::{LeftOut, Runs, load};
    pub mod transfer {
        pub use crate::load::transfer::{Answer, Asked, Condition, Dictionary, LogPlace, Micros, Timeout, Transfer};
    }
}

pub mod page {
    pub use crate::page::{Contents, Drawings, Repeat, render};
}

pub mod stats {
    pub use crate::stats::{Interval, Wealth, clopper_pearson, mixed};
}

pub mod summary {
    pub use crate::summary::{CellSummary, summarize};
    pub mod axes {
        pub use crate::summary::axes::Axes;
    }
    pub mod table {
        pub use crate::summary::table::{left_out_lines, table};
    }
}

pub mod ttl {
    pub use crate::ttl::simulate::{Coverage, World, coverage};
}

pub mod verdict {
    pub use crate::verdict::{
        Beside, Clocks, Detail, Enforces, Evidence, Judged, Ruling, TargetAnswer, Trial, TrialEnds, Whose, WindowTest,
        decide, decide_in, late_us,
    };
}
