use std::time::Duration;

use super::{UnitError, scale_exactly, split_number};

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
        if unit.starts_with(char::is_whitespace) || unit.ends_with(char::is_whitespace) {
            let joined: String = text.split_whitespace().collect();
            return Err(UnitError::new(format!("`{text}` has a space in it"), format!("write `{joined}`")));
        }
        let Some(&(_, scale)) = SCALES.iter().find(|(name, _)| *name == unit) else {
            return Err(UnitError::new(format!("`{text}` has the unknown unit `{unit}`"), EXPECTED));
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

const EXPECTED: &str = "expected a number with one of the units us, ms, s, m, h, d, for example `10s` or `1h30m`";

const SCALES: &[(&str, u64)] =
    &[("us", 1), ("ms", 1_000), ("s", 1_000_000), ("m", 60_000_000), ("h", 3_600_000_000), ("d", 86_400_000_000)];

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
        assert!(say("10min").contains("unknown unit `min`"));
        assert!(say("-1s").contains("is not a duration"));
    }

    #[test]
    fn people_read_three_digits() {
        assert_eq!(format_micros(812), "812µs");
        assert_eq!(format_micros(48_210), "48.2ms");
        assert_eq!(format_micros(9_980_000), "9.98s");
        assert_eq!(format_micros(125_000_000), "2m05s");
    }
}
