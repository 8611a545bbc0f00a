//! The fixtures' files: `#` lines say how the numbers were computed, then a header, then rows.

/// The rows of a fixture, each split at its commas.
pub(super) fn rows(text: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    text.lines().filter(|line| !line.starts_with('#')).skip(1).map(|line| line.split(',').collect())
}

/// The number in a field.
pub(super) fn number(field: &str) -> f64 {
    field.parse().unwrap()
}

/// The numbers in a field that holds several, a space between them.
pub(super) fn numbers(field: &str) -> Vec<f64> {
    field.split_whitespace().map(number).collect()
}

/// Holds where the two agree to `digits`, relative to the larger of the expected number and `floor`.
pub(super) fn assert_close(found: f64, expected: f64, tolerance: f64, floor: f64) {
    let scale = expected.abs().max(floor);
    assert!((found - expected).abs() <= tolerance * scale, "{found} is not {expected}");
}
