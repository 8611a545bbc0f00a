//! Stretches of bytes: those that may be text, and those of one alphabet.

use std::ops::Range;

/// Whether bytes may be a text: some characters in a row can be read, zeros and line breaks left aside, as UTF-16 has them.
pub(super) fn speaks(bytes: &[u8]) -> bool {
    let mut row = Readable::default();
    bytes.iter().any(|byte| row.is_long_with(*byte))
}

/// How many characters that can be read came in a row.
#[derive(Default)]
pub(super) struct Readable(usize);

impl Readable {
    pub(super) fn is_long_with(&mut self, byte: u8) -> bool {
        match byte {
            0 | b'\n' | b'\r' | b'\t' => {}
            b' '..=b'~' => self.0 += 1,
            _ => self.0 = 0,
        }
        self.0 >= LEAST_READABLE
    }
}

/// Stretches of bytes that belong, of at least this length.
pub(super) fn runs(bytes: &[u8], belongs: impl Fn(u8) -> bool, least: usize) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    for at in 0..=bytes.len() {
        if bytes.get(at).is_some_and(|byte| belongs(*byte)) {
            continue;
        }
        if at - start >= least {
            found.push(start..at);
        }
        start = at + 1;
    }
    found
}

const LEAST_READABLE: usize = 6;
