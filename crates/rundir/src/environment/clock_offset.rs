use serde::{Deserialize, Serialize};
use ttlsweep_record::units::Timestamp;

/// A bracket around a server clock's offset from this machine's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockOffset {
    /// The smallest offset that all responses allow, in microseconds.
    pub low_us: i64,
    /// The largest offset that all responses allow, in microseconds.
    pub high_us: i64,
    /// How many responses narrowed it.
    pub responses: u64,
}

impl ClockOffset {
    /// What one answer allows. Its `date`, cut to whole seconds, was read from the server's clock some time between `asked` and
    /// `answered`, both by this machine's clock.
    pub fn of_answer(date: Timestamp, asked: Timestamp, answered: Timestamp) -> Self {
        Self { low_us: date.micros_since(answered), high_us: date.micros_since(asked) + SECOND_US, responses: 1 }
    }

    /// What this and `other` both allow. If they contradict each other, the low end is above the high one.
    #[must_use]
    pub fn met_with(self, other: Self) -> Self {
        Self {
            low_us: self.low_us.max(other.low_us),
            high_us: self.high_us.min(other.high_us),
            responses: self.responses + other.responses,
        }
    }

    /// What either of the two allows, and all between.
    #[must_use]
    pub fn hull(self, other: Self) -> Self {
        Self {
            low_us: self.low_us.min(other.low_us),
            high_us: self.high_us.max(other.high_us),
            responses: self.responses + other.responses,
        }
    }

    /// The same against a clock that is behind this one by `by_us`.
    #[must_use]
    pub fn moved(self, by_us: i64) -> Self {
        Self { low_us: self.low_us + by_us, high_us: self.high_us + by_us, ..self }
    }

    /// The offset in the middle.
    pub fn middle_us(self) -> i64 {
        i64::midpoint(self.low_us, self.high_us)
    }
}

const SECOND_US: i64 = 1_000_000;
