//! Waking at an instant, more precisely than the runtime's timer, whose steps are a whole millisecond.
//!
//! One thread sleeps on a condition variable until the earliest sleeper is due, which the kernel honours to some 0.1 ms on
//! an idle machine. Nobody is woken early.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;
use std::{io, thread};

use tokio::sync::oneshot;

use crate::lock::lock;

/// The clock that all connections of a testbed are woken by; its thread ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Timer {
    shared: Arc<Shared>,
}

impl Timer {
    /// Starts the thread; an error means that the system refused one.
    pub(crate) fn start() -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let waker = shared.clone();
        thread::Builder::new().name("testbed-timer".to_owned()).spawn(move || waker.wake_when_due())?;
        Ok(Self { shared })
    }

    /// A future that completes at `instant`, or at once if that has passed.
    pub(crate) fn at(&self, instant: Instant) -> Sleep {
        let (wake, woken) = oneshot::channel();
        let mut state = self.shared.lock();
        let key = (instant, state.next);
        state.next += 1;
        state.sleepers.insert(key, wake);
        if state.sleepers.first_key_value().is_some_and(|(first, _)| *first == key) {
            self.shared.changed.notify_one();
        }
        drop(state);
        Sleep { shared: self.shared.clone(), key, woken }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        self.shared.changed.notify_one();
    }
}

/// See [`Timer::at`]. Dropping it takes it off the list, so that links which live for hours cost nothing afterwards.
#[derive(Debug)]
pub(crate) struct Sleep {
    shared: Arc<Shared>,
    key: Key,
    woken: oneshot::Receiver<()>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // An error means that the timer was stopped: nobody will be woken any more, and the testbed is on its way out.
        match Pin::new(&mut self.woken).poll(cx) {
            Poll::Ready(Ok(())) => Poll::Ready(()),
            Poll::Ready(Err(_)) | Poll::Pending => Poll::Pending,
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.shared.lock().sleepers.remove(&self.key);
    }
}

/// When, and in which order among those of one instant.
type Key = (Instant, u64);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    sleepers: BTreeMap<Key, oneshot::Sender<()>>,
    next: u64,
    stopped: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn wake_when_due(&self) {
        let mut state = self.lock();
        while !state.stopped {
            let Some(earliest) = state.sleepers.first_entry() else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let wait = earliest.key().0.saturating_duration_since(Instant::now());
            if wait.is_zero() {
                // Nobody may be waiting any more.
                let _ = earliest.remove().send(());
            } else {
                (state, _) = self.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner);
            }
        }
        state.sleepers.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn bells_ring_in_order_and_never_early() {
        let timer = Timer::start().unwrap();
        let start = Instant::now();
        let late = timer.at(start + Duration::from_millis(40));
        let early = timer.at(start + Duration::from_millis(10));
        early.await;
        assert!(start.elapsed() >= Duration::from_millis(10));
        late.await;
        assert!(start.elapsed() >= Duration::from_millis(40));
    }

    #[tokio::test]
    async fn a_dropped_bell_leaves_the_list() {
        let timer = Timer::start().unwrap();
        drop(timer.at(Instant::now() + Duration::from_secs(3600)));
        assert!(timer.shared.lock().sleepers.is_empty());
    }

    #[tokio::test]
    async fn what_has_passed_rings_at_once() {
        let timer = Timer::start().unwrap();
        timer.at(Instant::now()).await;
    }
}
