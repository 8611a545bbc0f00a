//! Sizes, rates, durations and instants: integers in one named unit inside, the field's notation outside.
//!
//! `MB` is 10^6 bytes and `MiB` 2^20; rates are bits a second in powers of ten; instants are UTC with microseconds.
//! A text that could mean two things (`10`, `10m`, `8MB/s`) is refused with the spelling that would be clear.

mod bit_rate;
mod byte_count;
mod duration;
mod timestamp;

pub use bit_rate::BitRate;
pub use byte_count::ByteCount;
pub use duration::{format_micros, micros, parse_duration, round_time, signed_micros};
pub use timestamp::Timestamp;

/// A quantity that could not be read, with what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}; {expected}")]
pub struct UnitError {
    /// What is wrong with the text.
    pub problem: String,
    /// What to write instead.
    pub expected: String,
}

impl UnitError {
    fn new(problem: impl Into<String>, expected: impl Into<String>) -> Self {
        Self { problem: problem.into(), expected: expected.into() }
    }
}

/// `1 transfer`, `12,345 transfers`.
pub fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(number))
}

/// `430 MB`: three digits are all that an estimate is good for, and anyone who reads a line on the terminal. [`ByteCount`] shows
/// every digit.
pub fn round_bytes(number: u64) -> String {
    let (scale, unit) = match number {
        0..1_000 => return format!("{number} B"),
        1_000..1_000_000 => (1e3, "kB"),
        1_000_000..1_000_000_000 => (1e6, "MB"),
        1_000_000_000..1_000_000_000_000 => (1e9, "GB"),
        _ => (1e12, "TB"),
    };
    let scaled = number as f64 / scale;
    let decimals = if scaled < 10.0 { 2 } else { usize::from(scaled < 100.0) };
    let text = format!("{scaled:.decimals$}");
    let text = if decimals > 0 { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text} {unit}")
}

/// A count for people: `12,345`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Splits `10MB` into `10` and `MB`; the unit is empty if there is none.
fn split_number(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_')).unwrap_or(text.len());
    text.split_at(end)
}

/// `number` × `scale`, exact: refuses what is not a whole number of the smallest unit.
fn scale_exactly(number: &str, scale: u64) -> Option<u64> {
    let number = number.replace('_', "");
    let (whole, fraction) = number.split_once('.').unwrap_or((&number, ""));
    if whole.is_empty() || fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let denominator = 10u128.pow(u32::try_from(fraction.len()).ok()?);
    let numerator: u128 = format!("{whole}{fraction}").parse().ok()?;
    let scaled = numerator.checked_mul(u128::from(scale))?;
    if scaled % denominator != 0 {
        return None;
    }
    u64::try_from(scaled / denominator).ok()
}

/// The value in the largest unit that shows it with at most three decimals.
fn format_scaled(value: u64, units: &[(u64, &str)]) -> String {
    for &(scale, unit) in units {
        if value >= scale && (value * 1000).is_multiple_of(scale) {
            let thousandths = value * 1000 / scale;
            let text = format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
            return format!("{}{unit}", text.trim_end_matches('0').trim_end_matches('.'));
        }
    }
    let (_, unit) = units[units.len() - 1];
    format!("{value}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_no_plural_and_thousands_are_grouped() {
        assert_eq!([1, 2, 12_345].map(|n| count(n, "transfer")), ["1 transfer", "2 transfers", "12,345 transfers"]);
    }

    #[test]
    fn rounded_sizes_have_three_digits() {
        let sizes = [16_080_000_000, 1_234_000, 430_400_000, 1_234_000_000, 900].map(round_bytes);
        assert_eq!(sizes, ["16.1 GB", "1.23 MB", "430 MB", "1.23 GB", "900 B"]);
    }
}
