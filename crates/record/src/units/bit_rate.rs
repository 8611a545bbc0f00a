use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{UnitError, format_scaled, scale_exactly, split_number};

/// A rate in bits a second, never zero: a cap of zero would never end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BitRate(NonZeroU64);

impl BitRate {
    /// A rate of `bits_per_second`; `None` if that is zero.
    pub const fn new(bits_per_second: u64) -> Option<Self> {
        match NonZeroU64::new(bits_per_second) {
            Some(rate) => Some(Self(rate)),
            None => None,
        }
    }

    /// The rate in bits a second.
    pub const fn bits_per_second(self) -> u64 {
        self.0.get()
    }

    /// How long `bytes` take at this rate, in nanoseconds, rounded up.
    pub const fn nanos_for(self, bytes: u64) -> u64 {
        let nanos = (bytes as u128 * 8 * 1_000_000_000).div_ceil(self.0.get() as u128);
        if nanos > u64::MAX as u128 { u64::MAX } else { nanos as u64 }
    }
}

impl FromStr for BitRate {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (number, unit) = split_number(text.trim());
        if number.is_empty() {
            return Err(UnitError::new(format!("`{text}` is not a rate"), EXPECTED));
        }
        if unit.starts_with(char::is_whitespace) {
            let joined = format!("{number}{}", unit.trim_start());
            return Err(UnitError::new(
                format!("`{text}` has a space between number and unit"),
                format!("write `{joined}`"),
            ));
        }
        let Some(&(scale, _)) = SCALES.iter().find(|(_, name)| *name == unit) else {
            return Err(unknown_unit(text, number, unit));
        };
        let rate = scale_exactly(number, scale)
            .ok_or_else(|| UnitError::new(format!("`{text}` is not a whole number of bits a second"), EXPECTED))?;
        Self::new(rate).ok_or_else(|| {
            UnitError::new(
                format!("`{text}` is a cap of zero: nothing would ever move"),
                "write `unlimited` for no cap",
            )
        })
    }
}

impl fmt::Display for BitRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format_scaled(self.0.get(), SHOWN))
    }
}

fn unknown_unit(text: &str, number: &str, unit: &str) -> UnitError {
    let problem = format!("`{text}` has the unit `{unit}`, which is ambiguous or unknown");
    if unit.contains('B') && unit.contains("/s") {
        return UnitError::new(
            problem,
            format!("rates are bits a second: write for example `{number}Mbit/s` (1 MB/s is 8Mbit/s)"),
        );
    }
    UnitError::new(problem, format!("write for example `{number}Mbit/s`, or `unlimited`"))
}

const EXPECTED: &str =
    "expected a number with one of the units bit/s, kbit/s, Mbit/s, Gbit/s, for example `8Mbit/s`, or `unlimited`";

const SCALES: &[(u64, &str)] = &[(1, "bit/s"), (1_000, "kbit/s"), (1_000_000, "Mbit/s"), (1_000_000_000, "Gbit/s")];

const SHOWN: &[(u64, &str)] = &[(1_000_000_000, "Gbit/s"), (1_000_000, "Mbit/s"), (1_000, "kbit/s"), (1, "bit/s")];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_megabyte_at_eight_megabit_takes_a_second() {
        let rate: BitRate = "8Mbit/s".parse().unwrap();
        assert_eq!(rate.nanos_for(1_000_000), 1_000_000_000);
        assert_eq!(rate.nanos_for(1), 1000);
        assert_eq!(rate.to_string(), "8Mbit/s");
    }

    #[test]
    fn rates_that_could_mean_two_things_are_refused() {
        let say = |text: &str| text.parse::<BitRate>().unwrap_err().to_string();
        assert!(say("8MB/s").contains("rates are bits a second"));
        assert!(say("8").contains("write for example `8Mbit/s`"));
        assert!(say("0Mbit/s").contains("write `unlimited` for no cap"));
        assert!(say("8 Mbit/s").contains("write `8Mbit/s`"));
    }
}
