//! Inputs for fuzzing: what is valid, damaged. Random bytes alone never come past the first check.

use std::time::Duration;

use arbtest::arbitrary::{Result, Unstructured};

/// One of `corpus`, with up to eight pieces taken out, doubled, overwritten, replaced by one of `tokens`, or by a piece of
/// another of the corpus.
pub(crate) fn mutated(u: &mut Unstructured<'_>, corpus: &[Vec<u8>], tokens: &[&[u8]]) -> Result<Vec<u8>> {
    let mut text = u.choose(corpus)?.clone();
    for _ in 0..u.int_in_range(0..=8)? {
        let from = u.int_in_range(0..=text.len())?;
        let len = u.int_in_range(0..=(text.len() - from).min(64))?;
        let piece: Vec<u8> = match u.int_in_range(0..=5)? {
            0 => Vec::new(),
            1 => text[from..from + len].repeat(u.int_in_range(2..=50)?),
            2 => {
                let random = u.int_in_range(0..=16)?;
                u.bytes(random.min(u.len()))?.to_vec()
            }
            3 => {
                let other = u.choose(corpus)?;
                let start = u.int_in_range(0..=other.len())?;
                other[start..other.len().min(start + 200)].to_vec()
            }
            _ => u.choose(tokens)?.to_vec(),
        };
        text.splice(from..from + len, piece);
    }
    Ok(text)
}

/// How long each target is fuzzed: two seconds in the tests, and as long as `just fuzz` says.
pub(crate) fn budget() -> Duration {
    let asked = std::env::var("TTLSWEEP_FUZZ_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(asked.unwrap_or(2))
}
