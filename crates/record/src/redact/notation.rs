//! The notations in which a text can stand within another one.

use std::ops::Range;

use super::letters::BASE64;
use super::stretch::runs;
use super::view::View;

/// The text with its escapes read, for as long as there are any: what is escaped twice is read twice.
pub(super) fn unescaped(mut view: View) -> View {
    for _ in 0..DEEPEST {
        match unescaped_once(&view) {
            Some(inner) => view = inner,
            None => break,
        }
    }
    view
}

/// `None` if there is nothing to read.
fn unescaped_once(view: &View) -> Option<View> {
    let bytes = &view.bytes;
    if !bytes.iter().any(|byte| matches!(byte, b'%' | b'\\' | b'&' | 0xef)) {
        return None;
    }
    let mut inner = View::with_capacity(bytes.len());
    let (mut at, mut any) = (0, false);
    while at < bytes.len() {
        let rest = &bytes[at..];
        let read = match rest[0] {
            b'%' => percent(rest),
            b'\\' => backslash(rest),
            b'&' => entity(rest),
            0xef => full_width(rest),
            _ => None,
        };
        let Some((meant, used)) = read else {
            inner.push(bytes[at], view, at..at + 1);
            at += 1;
            continue;
        };
        match meant {
            Meant::Byte(byte) => inner.push(byte, view, at..at + used),
            Meant::Char(code) => {
                let char = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                for byte in char.encode_utf8(&mut [0; 4]).bytes() {
                    inner.push(byte, view, at..at + used);
                }
            }
        }
        (at, any) = (at + used, true);
    }
    any.then_some(inner)
}

enum Meant {
    Byte(u8),
    Char(u32),
}

fn digits(bytes: &[u8], radix: u32) -> Option<u32> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| !text.is_empty() && !text.starts_with('+'))?;
    u32::from_str_radix(text, radix).ok()
}

/// `%2F`, and `%u002F` as some servers write it.
fn percent(rest: &[u8]) -> Option<(Meant, usize)> {
    if let (Some(b'u' | b'U'), Some(code)) = (rest.get(1), rest.get(2..6).and_then(|code| digits(code, 16))) {
        return Some((Meant::Char(code), 6));
    }
    let byte = digits(rest.get(1..3)?, 16)?;
    Some((Meant::Byte(byte as u8), 3))
}

/// What stands behind a backslash in JSON, JavaScript, C, PHP and Python.
fn backslash(rest: &[u8]) -> Option<(Meant, usize)> {
    let numbered = |from: usize, to: usize| Some((Meant::Char(digits(rest.get(from..to)?, 16)?), to));
    match *rest.get(1)? {
        b'u' | b'x' if rest.get(2) == Some(&b'{') => {
            let end = rest.iter().take(12).position(|byte| *byte == b'}')?;
            Some((Meant::Char(digits(&rest[3..end], 16)?), end + 1))
        }
        b'u' => numbered(2, 6),
        b'U' => numbered(2, 10),
        b'x' | b'X' => Some((Meant::Byte(digits(rest.get(2..4)?, 16)? as u8), 4)),
        b'0'..=b'7' => {
            let octal = rest[1..].iter().take(3).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
            Some((Meant::Char(digits(&rest[1..=octal], 8)?), octal + 1))
        }
        b'n' | b'r' | b't' | b'b' | b'f' | b'v' | b'a' => Some((Meant::Byte(b'\n'), 2)),
        byte if byte.is_ascii_alphanumeric() => None,
        byte if byte.is_ascii() => Some((Meant::Byte(byte), 2)),
        _ => None,
    }
}

/// `&#47;`, `&#x2f;`, `&sol;` and `&amp`.
fn entity(rest: &[u8]) -> Option<(Meant, usize)> {
    if rest.get(1) == Some(&b'#') {
        let (from, radix) = if matches!(rest.get(2), Some(b'x' | b'X')) { (3, 16) } else { (2, 10) };
        let belongs = |byte: &&u8| char::from(**byte).is_digit(radix);
        let zeros = rest.get(from..)?.iter().take_while(|byte| **byte == b'0').count();
        let count = rest[from + zeros..].iter().take(8).take_while(belongs).count();
        let end = from + zeros + count;
        let code = if zeros > 0 && count == 0 { 0 } else { digits(&rest[from + zeros..end], radix)? };
        return Some((Meant::Char(code), end + usize::from(rest.get(end) == Some(&b';'))));
    }
    let name = rest[1..].iter().take(LONGEST_ENTITY).take_while(|byte| byte.is_ascii_alphabetic()).count();
    let (name, end) = (&rest[1..=name], 1 + name);
    if rest.get(end) == Some(&b';')
        && let Some((_, char)) = ENTITIES.iter().find(|(known, _)| known.as_bytes() == name)
    {
        return Some((Meant::Byte(*char), end + 1));
    }
    // The oldest ones end without a semicolon, too.
    let (known, char) = ENTITIES[..OLDEST].iter().find(|(known, _)| name.starts_with(known.as_bytes()))?;
    Some((Meant::Byte(*char), 1 + known.len()))
}

/// The wide forms of ASCII's characters.
fn full_width(rest: &[u8]) -> Option<(Meant, usize)> {
    let char = std::str::from_utf8(rest.get(..3)?).ok()?.chars().next()?;
    matches!(char, '\u{ff01}'..='\u{ff5e}').then(|| (Meant::Char(char as u32 - 0xfee0), 3))
}

/// The text as mail has it: `=2F` read, and lines that end in `=` joined. `None` if there is no such thing. It is not an escape like
/// the others, since what stands behind a name's `=` may look like it.
pub(super) fn quoted_printable(view: &View) -> Option<View> {
    replaced(view, b'=', |rest| match rest {
        [_, b'\r', b'\n', ..] => Some((Vec::new(), 3)),
        [_, b'\n', ..] => Some((Vec::new(), 2)),
        _ => digits(rest.get(1..3)?, 16).map(|byte| (vec![byte as u8], 3)),
    })
}

/// The text without HTML's and XML's tags, by which a page may break a long word. `None` if there are none.
pub(super) fn without_tags(view: &View) -> Option<View> {
    replaced(view, b'<', |rest| {
        let end = rest.iter().take(LONGEST_TAG).position(|byte| *byte == b'>')?;
        matches!(rest[1], b'/' | b'!' | b'a'..=b'z' | b'A'..=b'Z').then_some((Vec::new(), end + 1))
    })
}

/// The text with UTF-7's shifts read: `+AC8-` is a slash, and `+-` a plus. `None` if there are none.
pub(super) fn utf7(view: &View) -> Option<View> {
    replaced(view, b'+', |rest| {
        if rest.get(1) == Some(&b'-') {
            return Some((vec![b'+'], 2));
        }
        let shifted = rest[1..].iter().take(LONGEST_SHIFT).take_while(|byte| is_shifted(**byte)).count();
        let shifted = View::of(&rest[1..=shifted]);
        let units = BASE64.decoded(&shifted, 0..shifted.bytes.len()).bytes;
        let (pairs, used) = (units.chunks_exact(2), 1 + shifted.bytes.len());
        let meant: Option<Vec<u8>> =
            pairs.map(|pair| (pair[0] == 0 && pair[1].is_ascii_graphic()).then_some(pair[1])).collect();
        let meant = meant.filter(|meant| !meant.is_empty())?;
        Some((meant, used + usize::from(rest.get(used) == Some(&b'-'))))
    })
}

fn is_shifted(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

/// The text with what `read` finds at each `mark` replaced by other bytes; `None` if it finds nothing.
fn replaced(view: &View, mark: u8, read: impl Fn(&[u8]) -> Option<(Vec<u8>, usize)>) -> Option<View> {
    let bytes = &view.bytes;
    if !bytes.contains(&mark) {
        return None;
    }
    let mut inner = View::with_capacity(bytes.len());
    let (mut at, mut any) = (0, false);
    while at < bytes.len() {
        let found = if bytes[at] == mark { read(&bytes[at..]) } else { None };
        let Some((meant, used)) = found else {
            inner.push(bytes[at], view, at..at + 1);
            at += 1;
            continue;
        };
        for byte in meant {
            inner.push(byte, view, at..at + used);
        }
        (at, any) = (at + used, true);
    }
    any.then_some(inner)
}

/// The text without what may stand between bytes in hex: `41:57`, `41-57`, `0x41, 0x57`.
pub(super) fn hex_digits(packed: &View) -> View {
    let bytes = &packed.bytes;
    let mut view = View::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        at += match rest {
            [b':' | b'-', ..] => 1,
            [b',', b'0', b'x' | b'X', ..] => 3,
            [b'0', b'x' | b'X', ..] => 2,
            _ => {
                view.push(rest[0], packed, at..at + 1);
                1
            }
        };
    }
    view
}

/// Stretches that may be bytes in hex.
pub(super) fn hex_runs(digits: &[u8]) -> Vec<Range<usize>> {
    runs(digits, |byte| byte.is_ascii_hexdigit(), LEAST_HEX)
}

/// What such a stretch says.
pub(super) fn hex_decoded(digits: &View, run: Range<usize>) -> View {
    let mut inner = View::with_capacity(run.len() / 2);
    let value = |byte: u8| char::from(byte).to_digit(16).unwrap_or(0) as u8;
    for (pair, at) in digits.bytes[run.clone()].chunks_exact(2).zip((run.start..).step_by(2)) {
        inner.push(value(pair[0]) << 4 | value(pair[1]), digits, at..at + 2);
    }
    inner
}

/// Bytes that are written as numbers, with commas or blanks between them.
pub(super) fn decimal_runs(view: &View) -> Vec<View> {
    let bytes = &view.bytes;
    let (mut found, mut run) = (Vec::new(), View::default());
    let mut at = 0;
    // Where the last number ended.
    let mut last = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let count = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let follows = (1..=LONGEST_GAP).contains(&(at - last))
            && bytes[last..at].iter().all(|byte| matches!(byte, b',' | b' ' | b'\n' | b'\r' | b'\t'));
        if !follows {
            keep_long(&mut found, &mut run);
        }
        match digits(&bytes[at..at + count], 10).and_then(|value| u8::try_from(value).ok()).filter(|_| count <= 3) {
            Some(byte) => run.push(byte, view, at..at + count),
            None => keep_long(&mut found, &mut run),
        }
        at += count;
        last = at;
    }
    keep_long(&mut found, &mut run);
    found
}

fn keep_long(found: &mut Vec<View>, run: &mut View) {
    let run = std::mem::take(run);
    if run.bytes.len() >= LEAST_NUMBERS {
        found.push(run);
    }
}

/// How often a text is unescaped; nobody escapes this often but to hide something.
const DEEPEST: usize = 8;
const LEAST_HEX: usize = 16;
const LEAST_NUMBERS: usize = 8;
const LONGEST_GAP: usize = 12;
const LONGEST_ENTITY: usize = 12;
const LONGEST_TAG: usize = 200;
const LONGEST_SHIFT: usize = 64;

/// How many of [`ENTITIES`] may end without a semicolon.
const OLDEST: usize = 6;

/// What HTML calls ASCII's characters, and those that are not seen.
const ENTITIES: &[(&str, u8)] = &[
    ("amp", b'&'),
    ("lt", b'<'),
    ("gt", b'>'),
    ("quot", b'"'),
    ("nbsp", b' '),
    ("shy", b' '),
    ("apos", b'\''),
    ("sol", b'/'),
    ("bsol", b'\\'),
    ("plus", b'+'),
    ("equals", b'='),
    ("percnt", b'%'),
    ("colon", b':'),
    ("semi", b';'),
    ("comma", b','),
    ("period", b'.'),
    ("lowbar", b'_'),
    ("UnderBar", b'_'),
    ("hyphen", b'-'),
    ("dash", b'-'),
    ("num", b'#'),
    ("excl", b'!'),
    ("dollar", b'$'),
    ("quest", b'?'),
    ("commat", b'@'),
    ("ast", b'*'),
    ("midast", b'*'),
    ("Hat", b'^'),
    ("grave", b'`'),
    ("lpar", b'('),
    ("rpar", b')'),
    ("lsqb", b'['),
    ("lbrack", b'['),
    ("rsqb", b']'),
    ("rbrack", b']'),
    ("lcub", b'{'),
    ("lbrace", b'{'),
    ("rcub", b'}'),
    ("rbrace", b'}'),
    ("verbar", b'|'),
    ("vert", b'|'),
    ("Tab", b'\t'),
    ("NewLine", b'\n'),
    ("ensp", b' '),
    ("emsp", b' '),
    ("thinsp", b' '),
    ("zwj", b' '),
    ("zwnj", b' '),
    ("NoBreak", b' '),
    ("ZeroWidthSpace", b' '),
];
