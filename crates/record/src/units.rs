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
