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
    let problem = match unit.trim() {
        "" => format!("`{text}` has no unit"),
        trimmed if trimmed.len() < unit.len() => format!("`{text}` has a space between number and unit"),
        _ => format!("`{text}` has the unit `{unit}`, which is ambiguous or unknown"),
    };
    let expected = match meant(number, unit.trim()) {
        Some((rate, Of::Bits)) => format!("write `{rate}`"),
        Some((rate, Of::Bytes)) => format!("rates are bits a second, 8 to a byte: write `{rate}`"),
        None => format!("write for example `{number}Mbit/s`, or `unlimited`"),
    };
    UnitError::new(problem, expected)
}

/// What a rate counts.
enum Of {
    Bits,
    Bytes,
}

/// What was meant by a rate that is spelled in another way, such as `1Gbps` or `1 MB/s`.
fn meant(number: &str, unit: &str) -> Option<(BitRate, Of)> {
    if unit.is_empty() {
        // A large number without a unit is one of bits; a small one would be a cap that nothing gets through.
        let bits = scale_exactly(number, 1).filter(|bits| *bits >= 1000)?;
        return Some((BitRate::new(bits)?, Of::Bits));
    }
    let prefix = unit.chars().next()?.to_ascii_lowercase();
    let power = ['k', 'm', 'g', 't'].iter().position(|known| *known == prefix);
    let rest = if power.is_some() { &unit[1..] } else { unit };
    let (rest, base) = match rest.strip_prefix(['i', 'I']) {
        Some(rest) if power.is_some() => (rest, 1024u64),
        _ => (rest, 1000),
    };
    let rest = rest.replace(' ', "");
    let what = rest.trim_end_matches("/second").trim_end_matches("/sec").trim_end_matches("persecond");
    let what = what.trim_end_matches("ps").trim_end_matches("/s");
    let (of, bits_each) = match what {
        "" if power.is_some() => (Of::Bits, 1),
        "b" | "bit" | "bits" | "Bit" | "Bits" => (Of::Bits, 1),
        "B" | "byte" | "bytes" | "Byte" | "Bytes" => (Of::Bytes, 8),
        _ => return None,
    };
    let scale = base.checked_pow(power.map_or(0, |power| power as u32 + 1))?.checked_mul(bits_each)?;
    Some((BitRate::new(scale_exactly(number, scale)?)?, of))
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
        assert!(say("8").contains("write for example `8Mbit/s`"));
        assert!(say("8parsecs").contains("write for example `8Mbit/s`"));
        assert!(say("0Mbit/s").contains("write `unlimited` for no cap"));
        assert_eq!(say("8 Mbit/s"), "`8 Mbit/s` has a space between number and unit; write `8Mbit/s`");
    }

    #[test]
    fn rates_that_are_spelled_in_another_way_are_understood_and_refused() {
        for (text, meant) in [
            ("1Gbps", "1Gbit/s"),
            ("1 gbps", "1Gbit/s"),
            ("100mbps", "100Mbit/s"),
            ("100Mb/s", "100Mbit/s"),
            ("100Mbit", "100Mbit/s"),
            ("100M", "100Mbit/s"),
            ("1MB/s", "8Mbit/s"),
            ("1.5 MB/s", "12Mbit/s"),
            ("500KBps", "4Mbit/s"),
            ("1MiB/s", "8388.608kbit/s"),
            ("10 MByte/sec", "80Mbit/s"),
            ("8000000", "8Mbit/s"),
        ] {
            let said = text.parse::<BitRate>().unwrap_err().expected;
            assert!(said.ends_with(&format!("write `{meant}`")), "{text}: {said}");
            assert_eq!(said.contains("8 to a byte"), text.contains('B'), "{text}: {said}");
        }
    }
}
