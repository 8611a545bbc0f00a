//! For the tests and examples of this repository only: what they reach into, under the names that it has inside. No other
//! program may count on anything here, and whatever is not here is private, so that the compiler finds what nobody uses.

pub mod clock {
    pub use crate::clock::{Clock, SystemClock};
    pub mod offset {
        pub use crate::clock::offset::OffsetBracket;
    }
}

pub mod dial {
    pub use crate::dial::{Connection, Dialer, SocketOptions};
    pub mod proxy {
        pub use crate::dial::proxy::Proxies;
    }
    pub mod reach {
        pub use crate::dial::reach::Route;
    }
    pub mod resolve {
        pub use crate::dial::resolve::{Resolve, Resolving};
    }
}

pub mod experiment {
    pub use crate::experiment::{Experiment, LoadOptions, Loaded, ProfileEndpoint, load, reference_markdown};
}

pub mod host {
    pub mod lag {
        pub use crate::host::lag::LagProbe;
    }
    pub mod machine {
        pub use crate::host::machine::raise_descriptor_limit;
    }
}

pub mod plan {
    pub use crate::plan::{Plan, Trial};
    pub mod estimate {
        pub use crate::plan::estimate::Estimate;
    }
    pub mod outlook {
        pub use crate::plan::outlook::Outlook;
    }
}

pub mod run {
    pub use crate::run::Run;
    pub mod cleanup {
        pub use crate::run::cleanup::{Cleaner, CreatedObject, PendingCleanup};
    }
    pub mod environment {
        pub use crate::run::environment::of_new_run;
    }
    pub mod files {
        pub use crate::run::files::{Files, create};
    }
    pub mod sweep {
        pub use crate::run::sweep::{Earlier, run};
    }
    pub mod trial {
        pub use crate::run::trial::TrialRun;
    }
}

pub mod s3 {
    pub use crate::s3::{Access, FoundObject, Operation, PreflightError, Store, StoreSettings, Trust};
    pub use crate::transfer::target::{Maker, Target};
    pub mod error_document {
        pub use crate::s3::error_document::S3Error;
    }
    pub mod link {
        pub use crate::s3::link::{MadeBy, SignedRequest, expiry_of};
    }
    pub mod object_key {
        pub use crate::s3::object_key::{ObjectKey, RunPrefix};
    }
}

pub mod secret {
    pub use crate::secret::Secret;
}

pub mod stop {
    pub use crate::stop::{Stop, StopSwitch};
}

pub mod target {
    pub use crate::target::Targets;
}

pub mod transfer {
    pub use crate::transfer::{Limits, Payload, Task, run};
    pub mod clock_probe {
        pub use crate::transfer::clock_probe::{Answer, Effort, Round, patient, round};
    }
    pub mod drive {
        pub use crate::transfer::drive::CONTINUE_WAIT;
    }
    pub mod judge {
        pub use crate::transfer::judge::judge;
    }
    pub mod one_off {
        pub use crate::transfer::one_off::OneOff;
    }
    pub mod record {
        pub use crate::transfer::record::complete;
    }
}

pub mod wire {
    pub use crate::wire::{Side, SocketStats};
    pub mod body {
        pub use crate::wire::body::{Block, BodyFile, RequestBody, Source};
    }
    pub mod endpoint {
        pub use crate::wire::endpoint::Endpoint;
    }
    pub mod limiter {
        pub use crate::wire::limiter::Limiter;
    }
    pub mod marks {
        pub use crate::wire::marks::HttpMarks;
    }
    pub mod tls {
        pub use crate::wire::tls::MaybeTls;
    }
}
