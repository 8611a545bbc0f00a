//! What a trial's cap costs and how well it keeps its own slots.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use ttlsweep_record::units::micros;

/// Counts over all streams that one trial caps.
#[derive(Debug, Default)]
pub(crate) struct CapUse {
    spent_ns: AtomicU64,
    latest_us: AtomicU64,
}

impl CapUse {
    /// The cap's own code took this long.
    pub(crate) fn spent(&self, time: Duration) {
        self.spent_ns.fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    /// Bytes went this long after their slot's end.
    pub(crate) fn late(&self, by: Duration) {
        self.latest_us.fetch_max(micros(by), Relaxed);
    }

    /// Time spent in the cap's own code, in microseconds.
    pub(crate) fn spent_us(&self) -> u64 {
        self.spent_ns.load(Relaxed) / 1000
    }

    /// The longest time by which bytes went later than their slot, in microseconds.
    pub(crate) fn latest_us(&self) -> u64 {
        self.latest_us.load(Relaxed)
    }
}
