//! Values that are secret, indexed so that many of them are looked for at once.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Range;
use std::sync::Arc;

use super::view::{Folded, View};
use super::{PIECE, SHORTEST, notation};

/// Values that are known to be secret. Those that pass, such as the signature of each link, are forgotten again after many
/// newer ones; credentials are kept.
#[derive(Default)]
pub struct Known {
    needles: HashMap<u64, Needle, Mixing>,
    /// Each whole block of eight characters of each needle, and where it stands in it: every piece of sixteen holds one.
    blocks: HashMap<u64, Vec<(u64, usize)>, Mixing>,
    /// Too short to have pieces: looked for as they are.
    short: VecDeque<(Arc<str>, Box<[u8]>)>,
    passing: VecDeque<u64>,
    next: u64,
    has_hex: bool,
}

struct Needle {
    name: Arc<str>,
    folded: Box<[u8]>,
}

impl Known {
    /// Nothing is known yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps a value for good. `name` says what it is, as in `the value of AWS_SESSION_TOKEN`. Values of less than
    /// [`SHORTEST`] bytes are not secrets.
    pub fn add(&mut self, name: &str, value: &str) {
        self.add_as(name, value, false);
    }

    /// Keeps a value until some thousands of newer ones have come. One with fewer letters and digits than a [`PIECE`] is not
    /// kept.
    pub fn add_passing(&mut self, name: &str, value: &str) {
        if !has_pieces(value) {
            return;
        }
        self.add_as(name, value, true);
        while self.passing.len() > MOST_PASSING {
            if let Some(oldest) = self.passing.pop_front() {
                self.forget(oldest);
            }
        }
    }

    fn add_as(&mut self, name: &str, value: &str, passes: bool) {
        let value = value.trim();
        if value.len() < SHORTEST {
            return;
        }
        self.add_one(name, value.as_bytes(), passes);
        // Texts are compared as they read without escapes, and so must this be.
        let read = notation::unescaped(View::of(value.as_bytes()));
        if read.bytes != value.as_bytes() {
            self.add_one(name, &read.bytes, passes);
        }
    }

    fn add_one(&mut self, name: &str, value: &[u8], passes: bool) {
        let folded = View::of(value).folded().bytes;
        if folded.len() < PIECE {
            if value.len() >= SHORTEST && !self.short.iter().any(|(_, known)| **known == *value) {
                self.short.push_back((name.into(), value.into()));
                if self.short.len() > MOST_SHORT {
                    self.short.pop_front();
                }
            }
            return;
        }
        if self.knows(&folded) {
            return;
        }
        self.has_hex |= folded.len() >= 2 * PIECE && folded.iter().all(u8::is_ascii_hexdigit);
        let id = self.next;
        self.next += 1;
        for (number, block) in folded.chunks_exact(BLOCK).enumerate() {
            self.blocks.entry(key(block)).or_default().push((id, number * BLOCK));
        }
        self.needles.insert(id, Needle { name: name.into(), folded: folded.into() });
        if passes {
            self.passing.push_back(id);
        }
    }

    fn knows(&self, folded: &[u8]) -> bool {
        let begin_alike = self.blocks.get(&key(&folded[..BLOCK]));
        begin_alike.is_some_and(|found| found.iter().any(|(id, at)| *at == 0 && *self.needles[id].folded == *folded))
    }

    fn forget(&mut self, id: u64) {
        let Some(needle) = self.needles.remove(&id) else { return };
        for block in needle.folded.chunks_exact(BLOCK).map(key) {
            if let Some(found) = self.blocks.get_mut(&block) {
                found.retain(|(other, _)| *other != id);
                if found.is_empty() {
                    self.blocks.remove(&block);
                }
            }
        }
    }

    pub(super) fn has_hex(&self) -> bool {
        self.has_hex
    }

    /// Pieces of known values, as places in the view that was folded.
    pub(super) fn pieces(&self, text: &Folded) -> Vec<(Range<usize>, String)> {
        let mut found: Vec<(Range<usize>, String)> = Vec::new();
        if self.needles.is_empty() {
            return found;
        }
        let bytes = &text.bytes;
        let mut window = 0;
        for (at, byte) in bytes.iter().enumerate() {
            window = window << 8 | u64::from(*byte);
            if at + 1 < BLOCK {
                continue;
            }
            let Some(known) = self.blocks.get(&window) else { continue };
            let start = at + 1 - BLOCK;
            for (id, place) in known {
                let needle = &self.needles[id];
                let before = common(bytes[..start].iter().rev(), needle.folded[..*place].iter().rev());
                let behind = common(bytes[start..].iter(), needle.folded[*place..].iter());
                if before + behind < PIECE {
                    continue;
                }
                let range = text.places[start - before]..text.places[start + behind - 1] + 1;
                // Each of its blocks finds it once more.
                if !found.iter().rev().take(8).any(|(known, _)| *known == range) {
                    found.push((range, needle.name.to_string()));
                }
            }
        }
        found
    }

    /// Where short values stand, as they are.
    pub(super) fn short_ones(&self, bytes: &[u8]) -> Vec<(Range<usize>, String)> {
        let mut found = Vec::new();
        for (name, value) in &self.short {
            let mut from = 0;
            while let Some(at) = find(&bytes[from..], value) {
                found.push((from + at..from + at + value.len(), name.to_string()));
                from += at + value.len();
            }
        }
        found
    }
}

/// The names alone.
impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.needles.values().map(|needle| &needle.name).chain(self.short.iter().map(|(name, _)| name));
        f.debug_list().entries(names).finish()
    }
}

/// Whether a value is long enough to be known by its pieces.
pub fn has_pieces(value: &str) -> bool {
    value.bytes().filter(u8::is_ascii_alphanumeric).count() >= PIECE
}

fn common<'a>(one: impl Iterator<Item = &'a u8>, other: impl Iterator<Item = &'a u8>) -> usize {
    one.zip(other).take_while(|(one, other)| one == other).count()
}

fn find(bytes: &[u8], value: &[u8]) -> Option<usize> {
    bytes.windows(value.len()).position(|window| window == value)
}

/// Eight characters as a number.
fn key(block: &[u8]) -> u64 {
    block.iter().fold(0, |key, byte| key << 8 | u64::from(*byte))
}

type Mixing = BuildHasherDefault<Mix>;

/// The keys are numbers that nobody can choose without knowing a secret: a multiplication spreads them well enough.
#[derive(Default)]
struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        let mixed = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ mixed >> 32;
    }
}

const BLOCK: usize = 8;
/// Values that pass: the links of the transfers under way, and as many that are over.
const MOST_PASSING: usize = 8192;
const MOST_SHORT: usize = 64;
