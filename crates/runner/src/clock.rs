//! Time: a monotonic clock for durations, a wall clock for instants that are compared with a link's expiry.
//!
//! Durations and timers run on tokio's clock, so that a paused runtime drives them in tests. The wall clock is behind
//! [`Clock`]; an [`Anchor`] ties both together for one transfer, so that a step of the wall clock in mid-transfer moves
//! no instant of it.

pub(crate) mod offset;
pub(crate) mod wall_steps;

use std::fmt::Debug;
use std::time::SystemTime;

use tokio::time::Instant;
use ttlsweep_record::Timestamp;
use ttlsweep_record::units::signed_micros;

/// A source of wall-clock time.
pub trait Clock: Debug + Send + Sync {
    /// The wall clock's reading now.
    fn wall(&self) -> Timestamp;

    /// A pair of simultaneous readings of both clocks.
    fn anchor(&self) -> Anchor {
        // Between two readings this thread may lose its processor: the pair that was closest together is kept.
        let pair = || {
            let before = Instant::now();
            let wall = self.wall();
            let apart = before.elapsed();
            (apart, Anchor { instant: before + apart / 2, wall })
        };
        let mut best = pair();
        for _ in 0..4 {
            if best.0 <= std::time::Duration::from_micros(20) {
                break;
            }
            let again = pair();
            if again.0 < best.0 {
                best = again;
            }
        }
        best.1
    }
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn wall(&self) -> Timestamp {
        Timestamp::from_system_time(SystemTime::now())
    }
}

/// The same moment on the monotonic and on the wall clock.
#[derive(Debug, Clone, Copy)]
pub struct Anchor {
    /// On the monotonic clock.
    pub instant: Instant,
    /// On the wall clock.
    pub wall: Timestamp,
}

impl Anchor {
    /// What the wall clock would show at `instant` had it not been stepped since.
    pub(crate) fn wall_at(&self, instant: Instant) -> Timestamp {
        let micros = match instant.checked_duration_since(self.instant) {
            Some(after) => signed_micros(after),
            None => -signed_micros(self.instant - instant),
        };
        self.wall.plus_micros(micros)
    }

    /// The monotonic instant at which the wall clock will show `wall`; the anchor itself where that is long past.
    pub(crate) fn instant_at(&self, wall: Timestamp) -> Instant {
        let ahead = wall.micros_since(self.wall);
        let distance = std::time::Duration::from_micros(ahead.unsigned_abs());
        if ahead >= 0 { self.instant + distance } else { self.instant.checked_sub(distance).unwrap_or(self.instant) }
    }
}

/// Reads a `Date` header: `Tue, 24 Nov 2026 19:37:00 GMT`.
pub(crate) fn http_date(text: &str) -> Option<Timestamp> {
    let format = time::macros::format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    let date = time::PrimitiveDateTime::parse(text, format).ok()?;
    plausible(Timestamp::from_unix_micros(date.assume_utc().unix_timestamp() * 1_000_000))
}

/// What a server says the time is, if it is one that can be counted with: links are signed by it, and behind the year 9999 there
/// is none that can be written.
pub(crate) fn plausible(time: Timestamp) -> Option<Timestamp> {
    /// The first instant of the year 9999.
    const TOO_LATE_US: i64 = 253_370_764_800_000_000;
    (0..TOO_LATE_US).contains(&time.unix_micros()).then_some(time)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A wall clock that follows tokio's clock from a fixed beginning, so that virtual time moves both.
    #[derive(Debug, Clone, Copy)]
    struct VirtualClock(Anchor);

    impl VirtualClock {
        /// A clock that shows `wall` now.
        fn starting_at(wall: Timestamp) -> Self {
            Self(Anchor { instant: Instant::now(), wall })
        }
    }

    impl Clock for VirtualClock {
        fn wall(&self) -> Timestamp {
            self.0.wall_at(Instant::now())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_virtual_wall_clock_moves_with_the_paused_one() {
        let clock = VirtualClock::starting_at(Timestamp::from_unix_micros(5_000_000));
        let anchor = clock.anchor();
        tokio::time::sleep(Duration::from_millis(1500)).await;
        assert_eq!(clock.wall(), Timestamp::from_unix_micros(6_500_000));
        assert_eq!(anchor.wall_at(Instant::now()), clock.wall());
        assert_eq!(anchor.instant_at(clock.wall()), Instant::now());
    }

    #[test]
    fn a_date_header_is_read() {
        let date = http_date("Tue, 24 Nov 2026 19:37:00 GMT").unwrap();
        assert_eq!(date.to_string(), "2026-11-24T19:37:00.000000Z");
        assert_eq!(http_date("yesterday"), None);
        assert_eq!(http_date("Fri, 31 Dec 9999 23:59:59 GMT"), None);
    }
}
