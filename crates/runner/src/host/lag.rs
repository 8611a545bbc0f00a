//! Is it us? A probe that sleeps in short steps and notes by how much the runtime woke it too late.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;
use ttlsweep_record::units::micros;

/// A probe that runs until it is dropped.
#[derive(Debug)]
pub struct LagProbe {
    longest_us: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl LagProbe {
    /// Starts probing.
    pub fn start() -> Self {
        let longest_us = Arc::new(AtomicU64::new(0));
        let noted = Arc::clone(&longest_us);
        let task = tokio::spawn(async move {
            loop {
                let due = Instant::now() + STEP;
                tokio::time::sleep_until(due).await;
                let late = micros(due.elapsed());
                noted.fetch_max(late, Relaxed);
            }
        });
        Self { longest_us, task }
    }

    /// The longest lateness so far in microseconds; tokio's timer steps of a millisecond are part of it.
    pub fn longest_us(&self) -> u64 {
        self.longest_us.load(Relaxed)
    }

    /// Whether the machine was so short of processor time that the trial's instants are not to be trusted: later than the
    /// smallest window that the report lays around an expiry.
    pub(crate) fn starved(&self) -> bool {
        self.longest_us() > STARVED_US
    }
}

impl Drop for LagProbe {
    fn drop(&mut self) {
        self.task.abort();
    }
}

const STEP: Duration = Duration::from_millis(10);

/// 50 ms: the report's smallest δ.
const STARVED_US: u64 = 50_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_blocked_runtime_is_noticed() {
        let probe = LagProbe::start();
        tokio::time::sleep(Duration::from_millis(30)).await;
        // Blocks the only thread, as a starved machine would.
        std::thread::sleep(Duration::from_millis(120));
        tokio::time::sleep(Duration::from_millis(30)).await;
        assert!(probe.longest_us() >= 100_000, "{}", probe.longest_us());
        assert!(probe.starved());
    }
}
