//! How late a busy machine wakes the tasks of a test, so that this is not held against the testbed.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

thread_local! {
    /// By how much the runtime of this thread's test has woken up too late, at worst; `None` if nobody looks.
    static WORST: Cell<Option<Duration>> = const { Cell::new(None) };
}

/// Looks from now on, for as long as the test's runtime lives.
pub(crate) fn watch() {
    if WORST.get().is_none() {
        WORST.set(Some(Duration::ZERO));
        tokio::spawn(async {
            loop {
                let due = Instant::now() + Duration::from_millis(5);
                sleep_until(due).await;
                WORST.set(WORST.get().max(Some(due.elapsed())));
            }
        });
    }
}

/// The worst so far, in milliseconds. Only the thread of a test with one thread knows.
pub(crate) fn ms() -> f64 {
    WORST.get().unwrap_or_default().as_secs_f64() * 1e3
}
