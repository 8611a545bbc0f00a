//! Takes secrets out of texts that others wrote, in whatever notation they stand there.
//!
//! A server may repeat the request that it refuses, and with it a signature, a key or a session token. [`redacted`] replaces
//! them, and [`find`] tells where they are; the runner writes nothing that has not passed the one, and a bundle holds nothing
//! in which the other finds something. Both go the same way: a text is read as it would be after decoding (percent, JSON,
//! XML, backslashes; `notation`), then without case, blanks and punctuation, and then once more within each stretch of base64,
//! base32, hex or decimal bytes in it, and of what is compressed there. On each of these levels two things count as secrets:
//! - at least [`PIECE`] characters in a row of a value that is [`Known`], so that a token that was cut off is found, too;
//! - whatever stands behind a name such as `X-Amz-Signature` (`named`), whatever made it, and an access key's id by its shape.
//!
//! Every decoded byte remembers where it came from (`view`), so that only the secret is replaced, and the rest stays.

mod dump;
mod known;
mod letters;
mod named;
mod notation;
mod squeezed;
mod stretch;
mod view;

use std::borrow::Cow;
use std::ops::Range;

use letters::{BASE32, BASE64, Letters};
use view::View;

pub use known::{Known, has_pieces};

/// What stands in the place of a secret.
pub const REDACTED: &str = "REDACTED";

/// How many characters of a known secret in a row are one themselves; letters and digits count.
pub const PIECE: usize = 16;

/// A secret in a text. What it says is not in here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// Where it stands, in bytes of the text.
    pub at: Range<usize>,
    /// What it is, such as `a signature` or `the value of AWS_SESSION_TOKEN`.
    pub what: String,
    /// The notation that hides it, such as `base64`; `None` if it stands there as it is.
    pub notation: Option<&'static str>,
}

/// The text without the secrets that are in it, each replaced by [`REDACTED`].
pub fn redacted<'a>(text: &'a str, known: &Known) -> Cow<'a, str> {
    let hits = find(text.as_bytes(), known);
    if hits.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len());
    let mut kept = 0;
    for range in merged(text, &hits) {
        clean.push_str(&text[kept..range.start]);
        clean.push_str(REDACTED);
        kept = range.end;
    }
    clean.push_str(&text[kept..]);
    Cow::Owned(clean)
}

/// The secrets in `text`, in the order in which they begin. Their places may overlap: one secret may be found in two ways.
pub fn find(text: &[u8], known: &Known) -> Vec<Hit> {
    find_within(text, known, LAYERS)
}

/// [`find`], but for base64, hex and bytes as numbers: for data that is not text, such as a picture's pixels.
pub fn find_plain(text: &[u8], known: &Known) -> Vec<Hit> {
    find_within(text, known, 0)
}

fn find_within(text: &[u8], known: &Known, layers: u32) -> Vec<Hit> {
    if text.len() < SHORTEST {
        return Vec::new();
    }
    let mut search = Search { text, known, hits: Vec::new(), work: WORK_AT_LEAST.max(text.len().saturating_mul(WORK)) };
    let view = View::of(text);
    search.plain(&view, None);
    search.level(view, layers, None);
    let mut hits = search.hits;
    hits.sort_by_key(|hit| (hit.at.start, hit.at.end));
    hits.dedup_by(|later, first| later.at == first.at);
    hits
}

struct Search<'a> {
    text: &'a [u8],
    known: &'a Known,
    hits: Vec<Hit>,
    /// How many more decoded bytes may be looked at: notations within notations must not take for ever.
    work: usize,
}

impl Search<'_> {
    /// Looks through a text on one level, and then through what stands encoded in it. `within` is the notation around it.
    fn level(&mut self, view: View, layers: u32, within: Option<&'static str>) {
        let view = notation::unescaped(view);
        self.plain(&view, within);
        for (range, what) in self.known.pieces(&view.folded()) {
            self.note(&view, range.clone(), range, what, within);
        }
        for found in named::find(&view.bytes) {
            self.note(&view, found.value, found.whole, found.what.to_owned(), within);
        }
        let others = [
            (notation::quoted_printable(&view), "quoted-printable"),
            (notation::without_tags(&view), "tags"),
            (notation::utf7(&view), "UTF-7"),
        ];
        for (other, name) in others {
            let Some(other) = other else { continue };
            for (range, what) in self.known.pieces(&other.folded()) {
                self.note(&other, range.clone(), range, what, within.or(Some(name)));
            }
        }
        if layers == 0 {
            return;
        }
        let packed = view.packed();
        self.letters(&BASE64, &packed, layers, within);
        let digits = notation::hex_digits(&packed);
        for run in notation::hex_runs(&digits.bytes) {
            for from in 0..2 {
                let inner = notation::hex_decoded(&digits, run.start + from..run.end);
                self.inner(inner, layers - 1, within.or(Some("hex")));
            }
        }
        for inner in notation::decimal_runs(&view) {
            self.inner(inner, layers - 1, within.or(Some("bytes as numbers")));
        }
        for inner in dump::dumps(&view) {
            self.inner(inner, layers - 1, within.or(Some("a hex dump")));
        }
        self.letters(&BASE32, &packed, layers, within);
    }

    fn letters(&mut self, letters: &Letters, packed: &View, layers: u32, within: Option<&'static str>) {
        for run in letters.runs(&packed.bytes) {
            for from in 0..letters.period.min(run.len()) {
                let run = run.start + from..run.end;
                // Most of what may be such letters is none, and is not worth its places.
                if self.known.has_hex() || letters.speaks(&packed.bytes[run.clone()]) {
                    self.inner(letters.decoded(packed, run), layers - 1, within.or(Some(letters.name)));
                }
            }
        }
    }

    fn inner(&mut self, inner: View, layers: u32, within: Option<&'static str>) {
        if inner.bytes.len() < SHORTEST || inner.bytes.len() > self.work {
            return;
        }
        self.work -= inner.bytes.len();
        if self.known.has_hex() {
            // The bytes themselves, of which a signature is the hex form.
            for (range, what) in self.known.pieces(&inner.as_hex()) {
                self.note(&inner, range.clone(), range, what, within);
            }
        }
        for text in squeezed::inflated(&inner, self.work.min(MOST_INFLATED)) {
            self.work -= text.bytes.len();
            self.level(text, layers, within);
        }
        if stretch::speaks(&inner.bytes) {
            self.level(inner, layers, within);
        }
    }

    /// Values that are too short to be found by a piece, as they are.
    fn plain(&mut self, view: &View, within: Option<&'static str>) {
        for (range, what) in self.known.short_ones(&view.bytes) {
            self.note(view, range.clone(), range, what, within);
        }
    }

    /// `whole` is the value with its name, for telling in which notation it stands.
    fn note(
        &mut self,
        view: &View,
        value: Range<usize>,
        whole: Range<usize>,
        what: String,
        within: Option<&'static str>,
    ) {
        let Some(at) = view.source(value) else { return };
        let notation = within.or_else(|| {
            let source = &self.text[view.source(whole.clone())?];
            let has = |byte: u8| source.contains(&byte);
            if source == &view.bytes[whole] {
                None
            } else if has(b'%') {
                Some("percent-encoded")
            } else {
                Some("escaped")
            }
        });
        self.hits.push(Hit { at, what, notation });
    }
}

/// The places to replace: without overlaps, at whole characters, and those that only a little debris parts as one.
fn merged(text: &str, hits: &[Hit]) -> Vec<Range<usize>> {
    let mut merged: Vec<Range<usize>> = Vec::new();
    for hit in hits {
        let from = text.floor_char_boundary(hit.at.start);
        let to = text.ceil_char_boundary(hit.at.end);
        match merged.last_mut() {
            Some(last) if from <= last.end => last.end = last.end.max(to),
            Some(last) if is_debris(&text[last.end..from]) => last.end = to,
            _ => merged.push(from..to),
        }
    }
    merged
}

/// What an escape that nobody knows may leave between two pieces of one value.
fn is_debris(between: &str) -> bool {
    between.len() <= LONGEST_DEBRIS
        && between.starts_with(['%', '\\', '&', '$', '+', '/', '=', '-', '.', '_', '~'])
        && !between.contains(['=', '&', ' ', ','])
}

/// A shorter value is found by nobody: keys of S3-compatible stores may be short words, and replaced within other words they
/// would spoil a text.
pub const SHORTEST: usize = 6;

/// How many encodings around each other are looked through.
const LAYERS: u32 = 3;
/// How many decoded bytes are looked at for each byte of a text.
const WORK: usize = 40;
const WORK_AT_LEAST: usize = 64 << 10;
/// What is read of compressed texts: nobody repeats a request of this length.
const MOST_INFLATED: usize = 1 << 20;
const LONGEST_DEBRIS: usize = 6;

#[cfg(test)]
mod tests;
