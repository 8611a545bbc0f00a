use std::time::Duration;

use super::{UnitError, scale_exactly, split_number};

/// Whole microseconds; more than fit are as many as fit.
pub fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// As [`micros`], to be added to or taken from an instant.
pub fn signed_micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// Reads `10s`, `250ms`, `1h`, `1h30m`; the units are us, ms, s, m, h, d.
///
/// # Errors
/// A missing or unknown unit, a space, or a value that is not a whole number of microseconds.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    let mut rest = text.trim();
    let mut micros = 0u64;
    if rest.is_empty() {
        return Err(UnitError::new("an empty text is not a duration", EXPECTED));
    }
    while !rest.is_empty() {
        let (number, tail) = split_number(rest);
        let unit_end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, after) = tail.split_at(unit_end);
        if number.is_empty() {
            return Err(UnitError::new(format!("`{text}` is not a duration"), EXPECTED));
        }
        if unit.is_empty() {
            return Err(UnitError::new(format!("`{text}` has no unit"), format!("write `{number}s` for seconds")));
        }
        let Some(&(_, scale)) = SCALES.iter().find(|(name, _)| *name == unit) else {
            let spaced = unit.starts_with(char::is_whitespace) || unit.ends_with(char::is_whitespace);
            let problem = if spaced {
                format!("`{text}` has a space in it")
            } else {
                format!("`{text}` has the unknown unit `{unit}`")
            };
            let expected = meant(text).map_or_else(|| EXPECTED.to_owned(), |meant| format!("write `{meant}`"));
            return Err(UnitError::new(problem, expected));
        };
        let part = scale_exactly(number, scale)
            .ok_or_else(|| UnitError::new(format!("`{text}` is not a whole number of microseconds"), EXPECTED))?;
        micros = micros
            .checked_add(part)
            .ok_or_else(|| UnitError::new(format!("`{text}` is longer than can be counted"), EXPECTED))?;
        rest = after;
    }
    Ok(Duration::from_micros(micros))
}

/// What was meant by a duration whose units are spelled in another way, such as `1 hour` or `90 min`.
fn meant(text: &str) -> Option<String> {
    let mut rest = text.trim();
    let mut meant = String::new();
    while !rest.is_empty() {
        let (number, tail) = split_number(rest);
        let tail = tail.trim_start();
        let unit_end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (word, after) = tail.split_at(unit_end);
        let word = word.trim_end_matches([' ', ',', '.']).trim_end_matches(" and").trim().to_lowercase();
        let (unit, _) = SPELLINGS.iter().find(|(unit, others)| word == *unit || others.contains(&word.as_str()))?;
        meant.push_str(number);
        meant.push_str(unit);
        rest = after;
    }
    parse_duration(&meant).is_ok().then_some(meant)
}

/// A duration for people: `812µs`, `48.2ms`, `9.98s`, `2m05s`, `3h20m`.
pub fn format_micros(micros: u64) -> String {
    let seconds = micros / 1_000_000;
    match micros {
        0..1_000 => format!("{micros}µs"),
        1_000..1_000_000 => format!("{:.1}ms", micros as f64 / 1e3),
        1_000_000..60_000_000 => format!("{:.2}s", micros as f64 / 1e6),
        60_000_000..3_600_000_000 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// A time for people, no more exact than an estimate is: `50 s`, `18 min`, `2 h 10 min`.
pub fn round_time(time: Duration) -> String {
    match time.as_secs() + u64::from(time.subsec_nanos() > 0) {
        seconds @ 0..10 => format!("{seconds} s"),
        seconds @ 10..90 => format!("{} s", seconds.next_multiple_of(5)),
        seconds @ 90..5_400 => format!("{} min", seconds.div_ceil(60)),
        seconds => {
            let minutes = seconds.div_ceil(600) * 10;
            match minutes % 60 {
                0 => format!("{} h", minutes / 60),
                rest => format!("{} h {rest} min", minutes / 60),
            }
        }
    }
}

const EXPECTED: &str = "expected a number with one of the units us, ms, s, m, h, d, for example `10s` or `1h30m`";

const SCALES: &[(&str, u64)] =
    &[("us", 1), ("ms", 1_000), ("s", 1_000_000), ("m", 60_000_000), ("h", 3_600_000_000), ("d", 86_400_000_000)];

/// How else the units are written.
const SPELLINGS: &[(&str, &[&str])] = &[
    ("us", &["µs", "μs", "usec", "usecs", "microsecond", "microseconds"]),
    ("ms", &["msec", "msecs", "millis", "millisecond", "milliseconds"]),
    ("s", &["sec", "secs", "second", "seconds"]),
    ("m", &["min", "mins", "minute", "minutes"]),
    ("h", &["hr", "hrs", "hour", "hours"]),
    ("d", &["day", "days"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_add_up() {
        assert_eq!(parse_duration("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(parse_duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse_duration("0.25s"), Ok(Duration::from_millis(250)));
        assert_eq!(parse_duration("0s"), Ok(Duration::ZERO));
        assert_eq!(parse_duration("7d"), Ok(Duration::from_secs(604_800)));
    }

    #[test]
    fn a_bare_number_is_refused() {
        let say = |text: &str| parse_duration(text).unwrap_err().to_string();
        assert_eq!(say("10"), "`10` has no unit; write `10s` for seconds");
        assert_eq!(say("10 s"), "`10 s` has a space in it; write `10s`");
        assert_eq!(say("10min"), "`10min` has the unknown unit `min`; write `10m`");
        assert!(say("10 parsecs").contains("has a space in it; expected a number"));
        assert!(say("-1s").contains("is not a duration"));
    }

    #[test]
    fn units_that_are_spelled_in_another_way_are_understood_and_refused() {
        for (text, meant) in [
            ("1 hour", "1h"),
            ("90 Sec", "90s"),
            ("1 h 30 min", "1h30m"),
            ("1 hour and 30 minutes", "1h30m"),
            ("250 milliseconds", "250ms"),
            ("7days", "7d"),
            ("10S", "10s"),
            ("5 µs", "5us"),
        ] {
            assert_eq!(parse_duration(text).unwrap_err().expected, format!("write `{meant}`"), "{text}");
        }
    }

    #[test]
    fn times_are_as_round_as_an_estimate_is_exact() {
        for (seconds, words) in [
            (0, "0 s"),
            (7, "7 s"),
            (48, "50 s"),
            (100, "2 min"),
            (1_070, "18 min"),
            (7_700, "2 h 10 min"),
            (7_200, "2 h"),
        ] {
            assert_eq!(round_time(Duration::from_secs(seconds)), words);
        }
    }

    #[test]
    fn people_read_three_digits() {
        assert_eq!(format_micros(812), "812µs");
        assert_eq!(format_micros(48_210), "48.2ms");
        assert_eq!(format_micros(9_980_000), "9.98s");
        assert_eq!(format_micros(125_000_000), "2m05s");
    }
}
