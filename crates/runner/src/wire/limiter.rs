//! The bandwidth cap's arithmetic: a generic cell rate algorithm (GCRA) on tokio's clock.
//!
//! Bytes go at the *end* of their slot, so a body of n bytes at r bits a second takes at least 8n/r seconds from its
//! first byte's reservation. Slots are handed out in the order of asking and each sender waits for one at a time, so
//! senders that always have something to send get equal shares.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;
use ttlsweep_record::BitRate;

use super::cap_use::CapUse;

use crate::lock::lock;

/// A cap that one or many senders share.
#[derive(Debug)]
pub struct Limiter {
    rate: BitRate,
    quantum: u32,
    /// When the last slot handed out ends: the theoretical arrival time of the GCRA.
    booked_until: Mutex<Option<Instant>>,
    used: Arc<CapUse>,
}

/// A stretch of the cap's time that belongs to one sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot {
    /// When the bytes may go.
    pub ends: Instant,
    /// How many.
    pub bytes: u32,
}

/// A late timer may be made good by sending at once what should have gone meanwhile, up to this far back, or a quantum's
/// time where that is longer: a reader that found only part of a slot's bytes is behind by the rest of the slot. It bounds
/// the burst after a stall of this machine; tokio's timers alone are up to 2 ms late.
const CATCH_UP: Duration = Duration::from_millis(10);

const SMALLEST_QUANTUM: u64 = 1 << 10;
const LARGEST_QUANTUM: u64 = 16 << 10;

impl Limiter {
    /// A cap of `rate` that `senders` share. The quantum is what one of them sends in about 20 ms, from 1 to 16 KiB.
    pub fn new(rate: BitRate, senders: u32) -> Self {
        let fair_share = rate.bits_per_second() / 8 / 50 / u64::from(senders.max(1));
        let quantum = fair_share.clamp(SMALLEST_QUANTUM, LARGEST_QUANTUM) as u32;
        Self { rate, quantum, booked_until: Mutex::new(None), used: Arc::default() }
    }

    /// Counts what the cap costs in `used`, which limiters may share.
    pub(crate) fn counted_in(self, used: Arc<CapUse>) -> Self {
        Self { used, ..self }
    }

    /// What the cap costs.
    pub(crate) fn used(&self) -> &CapUse {
        &self.used
    }

    /// Books a slot for `wanted` bytes or the quantum, whichever is less.
    ///
    /// `previous` is the end of the slot that this sender used just before, where it had more to send ever since: its
    /// timer's lateness since then is not lost.
    pub(crate) fn book(&self, wanted: usize, previous: Option<Instant>) -> Slot {
        let now = Instant::now();
        let bytes = u32::try_from(wanted).unwrap_or(u32::MAX).min(self.quantum);
        let mut booked_until = lock(&self.booked_until);
        let catch_up = CATCH_UP.max(self.cost(self.quantum));
        let earliest = previous.map_or(now, |end| end.max(now - catch_up).min(now));
        let starts = booked_until.map_or(earliest, |end| end.max(earliest));
        let ends = starts + self.cost(bytes);
        *booked_until = Some(ends);
        Slot { ends, bytes }
    }

    /// Gives back `bytes` of a slot that will not be used: the connection broke, or the socket took less.
    pub(crate) fn give_back(&self, bytes: u32) {
        let mut booked_until = lock(&self.booked_until);
        *booked_until = booked_until.and_then(|end| end.checked_sub(self.cost(bytes)));
    }

    /// How long `bytes` occupy the cap.
    pub(crate) fn cost(&self, bytes: u32) -> Duration {
        Duration::from_nanos(self.rate.nanos_for(u64::from(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(bits_per_second: u64, senders: u32) -> Limiter {
        Limiter::new(BitRate::new(bits_per_second).unwrap(), senders)
    }

    #[tokio::test(start_paused = true)]
    async fn the_quantum_shrinks_with_the_share_of_each_sender() {
        assert_eq!(limiter(1_000_000_000, 1).quantum, 16 << 10);
        assert_eq!(limiter(4_000_000, 4).quantum, 2500);
        assert_eq!(limiter(1_000_000, 100).quantum, 1 << 10);
    }

    #[tokio::test(start_paused = true)]
    async fn slots_follow_one_another_at_the_rate() {
        let limiter = limiter(8_000, 1);
        let start = Instant::now();
        let first = limiter.book(1000, None);
        let second = limiter.book(1000, None);
        assert_eq!(first.ends - start, Duration::from_secs(1));
        assert_eq!(second.ends - start, Duration::from_secs(2));
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_cap_saves_nothing_up() {
        let limiter = limiter(8_000, 1);
        limiter.book(1000, None);
        tokio::time::sleep(Duration::from_secs(100)).await;
        assert_eq!(limiter.book(1000, None).ends - Instant::now(), Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_timer_is_made_good() {
        let limiter = limiter(8_000_000, 1);
        let first = limiter.book(1000, None);
        tokio::time::sleep_until(first.ends + Duration::from_millis(5)).await;
        assert_eq!(limiter.book(1000, Some(first.ends)).ends - first.ends, Duration::from_millis(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slot_given_back_goes_to_the_next() {
        let limiter = limiter(8_000, 1);
        let start = Instant::now();
        limiter.book(1000, None);
        let broken = limiter.book(1000, None);
        limiter.give_back(broken.bytes);
        assert_eq!(limiter.book(1000, None).ends - start, Duration::from_secs(2));
    }
}
