//! A text as it reads once it is decoded, each byte with the place where it came from.

use std::ops::Range;

/// Decoded bytes, and for each of them what it was in the text that was given.
#[derive(Debug, Default)]
pub(super) struct View {
    pub(super) bytes: Vec<u8>,
    places: Vec<(usize, usize)>,
}

/// Some bytes of a view, written otherwise, each with its place in the view.
#[derive(Debug, Default)]
pub(super) struct Folded {
    pub(super) bytes: Vec<u8>,
    pub(super) places: Vec<usize>,
}

impl View {
    /// A text as it is.
    pub(super) fn of(text: &[u8]) -> Self {
        Self { bytes: text.to_vec(), places: (0..text.len()).map(|at| (at, at + 1)).collect() }
    }

    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), places: Vec::with_capacity(bytes) }
    }

    /// Bytes that were made of `from` in `other` as a whole.
    pub(super) fn as_one(bytes: Vec<u8>, other: &Self, from: Range<usize>) -> Self {
        let place = (other.places[from.start].0, other.places[from.end - 1].1);
        let places = vec![place; bytes.len()];
        Self { bytes, places }
    }

    /// Adds a byte that stands for `from` in `other`.
    pub(super) fn push(&mut self, byte: u8, other: &Self, from: Range<usize>) {
        self.bytes.push(byte);
        self.places.push((other.places[from.start].0, other.places[from.end - 1].1));
    }

    /// What these bytes were in the text that was given; `None` for no bytes.
    pub(super) fn source(&self, range: Range<usize>) -> Option<Range<usize>> {
        (!range.is_empty()).then(|| self.places[range.start].0..self.places[range.end - 1].1)
    }

    /// Letters and digits alone, in lower case.
    pub(super) fn folded(&self) -> Folded {
        let mut folded = Folded::default();
        for (at, byte) in self.bytes.iter().enumerate().filter(|(_, byte)| byte.is_ascii_alphanumeric()) {
            folded.bytes.push(byte.to_ascii_lowercase());
            folded.places.push(at);
        }
        folded
    }

    /// Each byte as two digits.
    pub(super) fn as_hex(&self) -> Folded {
        let digit = |value: u8| b"0123456789abcdef"[usize::from(value)];
        let digits = self.bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
        Folded { bytes: digits.collect(), places: (0..self.bytes.len()).flat_map(|at| [at, at]).collect() }
    }

    /// The same without blanks, line breaks, control characters and whatever is not ASCII.
    pub(super) fn packed(&self) -> Self {
        self.filtered(|byte| byte.is_ascii_graphic())
    }

    /// The bytes that pass.
    pub(super) fn filtered(&self, keep: impl Fn(u8) -> bool) -> Self {
        let mut view = Self::with_capacity(self.bytes.len());
        for (byte, place) in self.bytes.iter().zip(&self.places).filter(|(byte, _)| keep(**byte)) {
            view.bytes.push(*byte);
            view.places.push(*place);
        }
        view
    }
}
