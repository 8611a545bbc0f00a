use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{UnitError, format_scaled, scale_exactly, split_number};

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ByteCount(pub u64);

impl FromStr for ByteCount {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (number, unit) = split_number(text.trim());
        if number.is_empty() {
            return Err(UnitError::new(format!("`{text}` is not a size"), EXPECTED));
        }
        let Some(&(scale, _)) = SCALES.iter().find(|(_, name)| *name == unit) else {
            return Err(unknown_unit(text, number, unit));
        };
        scale_exactly(number, scale)
            .map(Self)
            .ok_or_else(|| UnitError::new(format!("`{text}` is not a whole number of bytes below 2^64"), EXPECTED))
    }
}

impl fmt::Display for ByteCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let binary = self.0.is_multiple_of(1 << 10) && !self.0.is_multiple_of(1000);
        let units = if binary { BINARY } else { DECIMAL };
        f.pad(&format_scaled(self.0, units))
    }
}

fn unknown_unit(text: &str, number: &str, spaced: &str) -> UnitError {
    let unit = spaced.trim();
    let problem = match unit {
        "" => format!("`{text}` has no unit"),
        _ if unit.len() < spaced.len() => format!("`{text}` has a space between number and unit"),
        _ => format!("`{text}` has the unit `{unit}`, which is ambiguous or unknown"),
    };
    let exact = SCALES.iter().find(|(_, name)| *name == unit);
    // `mb` may be megabits; `mib` may not.
    let may_be_bits = unit.len() < 3 && unit.ends_with('b');
    let same_but_case = SCALES.iter().find(|(_, name)| name.eq_ignore_ascii_case(unit) && !may_be_bits);
    let spelled = SPELLINGS.iter().find(|(_, others)| others.contains(&unit.to_lowercase().as_str()));
    let known = exact.or(same_but_case).map(|(_, name)| *name);
    let known = known.or_else(|| spelled.map(|(name, _)| *name));
    let expected = match (known, unit) {
        (Some(name), _) => format!("write `{number}{name}`"),
        // A large number without a unit is one of bytes.
        (None, "") => match scale_exactly(number, 1).filter(|bytes| *bytes >= 1000) {
            Some(bytes) => format!("write `{}` for {bytes} bytes", ByteCount(bytes)),
            None => format!("write `{number}B`, `{number}MB` (10^6 bytes) or `{number}MiB` (2^20 bytes)"),
        },
        (None, _) => match prefix(unit) {
            Some((prefix, true)) => {
                let decimal = if prefix == 'K' { 'k' } else { prefix };
                format!("write `{number}{decimal}B` (power of ten) or `{number}{prefix}iB` (power of two)")
            }
            Some((_, false)) => {
                format!("sizes are bytes: write for example `{number}MB` (10^6 bytes) or `{number}MiB` (2^20 bytes)")
            }
            None => EXPECTED.to_owned(),
        },
    };
    UnitError::new(problem, expected)
}

/// The prefix of a unit that may be of bits (`mb`, `Mbit`), or that is a prefix alone, which is the second value.
fn prefix(unit: &str) -> Option<(char, bool)> {
    let first = unit.chars().next()?.to_ascii_uppercase();
    let rest = &unit[first.len_utf8()..];
    match (first, rest) {
        ('K' | 'M' | 'G' | 'T', "") => Some((first, true)),
        ('K' | 'M' | 'G' | 'T', "b" | "bit" | "bits") | ('B', "" | "it" | "its") => Some((first, false)),
        _ => None,
    }
}

const EXPECTED: &str = "expected a number with one of the units B, kB, MB, GB, TB (powers of ten) or KiB, MiB, GiB, TiB \
                        (powers of two), for example `40MB`";

const SCALES: &[(u64, &str)] = &[
    (1, "B"),
    (1_000, "kB"),
    (1_000_000, "MB"),
    (1_000_000_000, "GB"),
    (1_000_000_000_000, "TB"),
    (1 << 10, "KiB"),
    (1 << 20, "MiB"),
    (1 << 30, "GiB"),
    (1 << 40, "TiB"),
];

/// How else the units are written.
const SPELLINGS: &[(&str, &[&str])] = &[
    ("B", &["byte", "bytes"]),
    ("kB", &["kbyte", "kbytes", "kilobyte", "kilobytes"]),
    ("MB", &["mbyte", "mbytes", "megabyte", "megabytes"]),
    ("GB", &["gbyte", "gbytes", "gigabyte", "gigabytes"]),
    ("TB", &["tbyte", "tbytes", "terabyte", "terabytes"]),
];

const DECIMAL: &[(u64, &str)] =
    &[(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB"), (1, "B")];

const BINARY: &[(u64, &str)] = &[(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"), (1, "B")];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mb_is_a_power_of_ten_and_mib_a_power_of_two() {
        assert_eq!("1MB".parse(), Ok(ByteCount(1_000_000)));
        assert_eq!("2MiB".parse(), Ok(ByteCount(2 << 20)));
        assert_eq!("1.5kB".parse(), Ok(ByteCount(1500)));
        assert_eq!("0B".parse(), Ok(ByteCount(0)));
    }

    #[test]
    fn what_it_prints_it_also_reads() {
        for bytes in [0, 1, 999, 1000, 1024, 40_000_000, 1 << 20, 1536, 123_456_789, 5 << 30] {
            let text = ByteCount(bytes).to_string();
            assert_eq!(text.parse(), Ok(ByteCount(bytes)), "{text}");
        }
        assert_eq!(ByteCount(2 << 20).to_string(), "2MiB");
        assert_eq!(ByteCount(40_000_000).to_string(), "40MB");
    }

    #[test]
    fn ambiguous_sizes_say_what_to_write() {
        let say = |text: &str| text.parse::<ByteCount>().unwrap_err().to_string();
        assert_eq!(say("10 MB"), "`10 MB` has a space between number and unit; write `10MB`");
        assert!(say("10").contains("write `10B`, `10MB` (10^6 bytes) or `10MiB`"));
        assert!(say("10M").contains("write `10MB` (power of ten) or `10MiB`"));
        assert!(say("10mb").contains("sizes are bytes"));
        assert!(say("10 Mbit").contains("sizes are bytes"));
        assert!(say("10k").contains("write `10kB` (power of ten) or `10KiB`"));
        assert_eq!(say("40000000"), "`40000000` has no unit; write `40MB` for 40000000 bytes");
        assert!(say("40 megabytes").ends_with("write `40MB`"));
        assert!(say("40 parsecs").contains("expected a number with one of the units"));
        assert!(say("10mib").contains("write `10MiB`"));
        assert!(say("0.0001kB").contains("not a whole number of bytes"));
        assert!(say("-1MB").contains("is not a size"));
    }
}
