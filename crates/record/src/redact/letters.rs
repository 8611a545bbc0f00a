//! Bytes written as letters that stand for a few bits each: base64 of any alphabet, and base32.

use std::ops::Range;

use super::REDACTED;
use super::squeezed;
use super::stretch::{Readable, runs};
use super::view::View;

/// An alphabet.
pub(super) struct Letters {
    /// What it is called.
    pub(super) name: &'static str,
    /// For how many bits a letter stands.
    bits: usize,
    /// After how many letters bytes begin at a letter again.
    pub(super) period: usize,
    /// The value of each letter; [`NONE`] for what is none.
    values: [u8; 256],
    /// Shorter stretches hold no secret.
    least: usize,
}

/// Either alphabet of base64, and CloudFront's, which writes a tilde.
pub(super) static BASE64: Letters = Letters {
    name: "base64",
    bits: 6,
    period: 4,
    values: values(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", b"-_", b"-~"),
    least: 12,
};

/// As in RFC 4648 §6, in letters of either kind.
pub(super) static BASE32: Letters = Letters {
    name: "base32",
    bits: 5,
    period: 8,
    values: values(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"", b""),
    least: 20,
};

/// `last` are other letters for the last values.
const fn values(letters: &[u8], last: &[u8], also_last: &[u8]) -> [u8; 256] {
    let mut values = [NONE; 256];
    let has_one_case = letters.len() < 52;
    let mut at = 0;
    while at < letters.len() {
        values[letters[at] as usize] = at as u8;
        if has_one_case {
            values[letters[at].to_ascii_lowercase() as usize] = at as u8;
        }
        at += 1;
    }
    let others = [last, also_last];
    let mut other = 0;
    while other < others.len() {
        let mut at = 0;
        while at < others[other].len() {
            values[others[other][at] as usize] = (letters.len() - others[other].len() + at) as u8;
            at += 1;
        }
        other += 1;
    }
    values
}

const NONE: u8 = u8::MAX;

impl Letters {
    fn has(&self, byte: u8) -> bool {
        self.values[usize::from(byte)] != NONE
    }

    /// Stretches that may be of this alphabet and are long enough to hold a secret. Blanks must be gone. What was put in a
    /// secret's place ends one.
    pub(super) fn runs(&self, packed: &[u8]) -> Vec<Range<usize>> {
        let mut parted = Vec::new();
        for run in runs(packed, |byte| self.has(byte), self.least) {
            let mut start = run.start;
            let places = packed[run.clone()].windows(REDACTED.len()).enumerate();
            for (at, _) in places.filter(|(_, window)| *window == REDACTED.as_bytes()) {
                parted.push(start..(run.start + at).max(start));
                start = run.start + at + REDACTED.len();
            }
            parted.push(start.min(run.end)..run.end);
        }
        parted.retain(|run| run.len() >= self.least);
        parted
    }

    /// What such a stretch says if it begins at its start.
    pub(super) fn decoded(&self, packed: &View, run: Range<usize>) -> View {
        let mut inner = View::with_capacity(run.len() * self.bits / 8);
        self.each_byte(&packed.bytes[run.clone()], |byte, number, last| {
            let first = number * 8 / self.bits;
            inner.push(byte, packed, run.start + first..run.start + last + 1);
            false
        });
        inner
    }

    /// Whether such a stretch says anything, or may if it is decompressed, without keeping what.
    pub(super) fn speaks(&self, run: &[u8]) -> bool {
        let (mut row, mut last) = (Readable::default(), 0_u32);
        self.each_byte(run, |byte, _, _| {
            last = last << 8 | u32::from(byte);
            row.is_long_with(byte) || squeezed::begins(last)
        })
    }

    /// Calls `found` with each byte, its number and the letter in which it ends, until it returns `true`; returns whether it did.
    fn each_byte(&self, letters: &[u8], mut found: impl FnMut(u8, usize, usize) -> bool) -> bool {
        let (mut value, mut bits, mut number) = (0_u32, 0, 0);
        for (at, letter) in letters.iter().enumerate() {
            value = value << self.bits | u32::from(self.values[usize::from(*letter)]);
            bits += self.bits;
            if bits >= 8 {
                bits -= 8;
                if found((value >> bits) as u8, number, at) {
                    return true;
                }
                number += 1;
            }
        }
        false
    }
}
