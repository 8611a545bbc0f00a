//! Wall clock and monotonic clock, read together.

use std::time::Instant;

use time::OffsetDateTime;

/// One instant on both clocks.
///
/// Links speak of the wall clock and timers of the monotonic one. Both are read once, when a request's head arrives, and
/// everything later in that request is converted through this pair, so that a stepped wall clock moves nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) wall: OffsetDateTime,
    pub(crate) mono: Instant,
}

impl Moment {
    pub(crate) fn now() -> Self {
        Self { wall: OffsetDateTime::now_utc(), mono: Instant::now() }
    }

    /// The monotonic instant at which the wall clock will show `wall`; this moment itself if that lies in the past.
    pub(crate) fn instant_of(&self, wall: OffsetDateTime) -> Instant {
        let ahead = std::time::Duration::try_from(wall - self.wall).unwrap_or_default();
        self.mono + ahead
    }

    /// What the wall clock shows now, by the time that has passed since this moment.
    pub(crate) fn wall_now(&self) -> OffsetDateTime {
        self.wall + self.mono.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn both_clocks_run_at_one_pace() {
        let moment = Moment::now();
        let later = moment.wall + Duration::from_millis(1500);
        assert_eq!(moment.instant_of(later) - moment.mono, Duration::from_millis(1500));
    }

    #[test]
    fn the_past_is_now() {
        let moment = Moment::now();
        assert_eq!(moment.instant_of(moment.wall - Duration::from_secs(9)), moment.mono);
    }
}
