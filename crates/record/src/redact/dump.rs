//! Bytes as `xxd`, `hexdump -C` and Go's `hex.Dump` print them: lines of an offset, bytes in hex, and the same as characters.

use super::view::View;

/// The bytes of each dump. A byte stands for the rest of its line, in which it is shown once more.
pub(super) fn dumps(view: &View) -> Vec<View> {
    let (mut found, mut dump) = (Vec::new(), View::default());
    let (mut start, bytes) = (0, &view.bytes);
    while start < bytes.len() {
        let (line, next) = line(bytes, start);
        if !add_line(&mut dump, view, start, &bytes[start..line]) {
            keep_long(&mut found, &mut dump);
        }
        start = next;
    }
    keep_long(&mut found, &mut dump);
    found
}

fn keep_long(found: &mut Vec<View>, dump: &mut View) {
    let dump = std::mem::take(dump);
    if dump.bytes.len() >= LEAST {
        found.push(dump);
    }
}

/// Where the line that begins at `start` ends, and where the next one begins. A line break may have become its picture.
fn line(bytes: &[u8], start: usize) -> (usize, usize) {
    for at in start..bytes.len() {
        if bytes[at] == b'\n' {
            return (at, at + 1);
        }
        if bytes[at..].starts_with("␊".as_bytes()) {
            return (at, at + "␊".len());
        }
    }
    (bytes.len(), bytes.len())
}

/// Adds the bytes of a line; `false` if it is not one of a dump.
fn add_line(dump: &mut View, view: &View, start: usize, line: &[u8]) -> bool {
    let hex = |from: usize| line[from..].iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let blanks = |from: usize| line[from..].iter().take_while(|byte| **byte == b' ').count();
    // What stands before the first line, such as a name, is none of the dump's.
    let begins = (0..line.len()).find(|at| {
        (*at == 0 || line[at - 1] == b' ' || line[at - 1] == b'"') && (4..=16).contains(&hex(*at)) && {
            let behind = at + hex(*at);
            let behind = behind + usize::from(line.get(behind) == Some(&b':'));
            blanks(behind) > 0 && hex(behind + blanks(behind)) >= 2
        }
    });
    let Some(begins) = begins else { return false };
    let mut at = begins + hex(begins);
    at += usize::from(line.get(at) == Some(&b':'));
    let mut count = 0;
    while count < MOST_A_LINE {
        let gap = blanks(at);
        // The characters stand behind a wider gap; another one is in the middle of sixteen bytes.
        if gap == 0 || (gap > 1 && count != 0 && count != MIDDLE) {
            break;
        }
        let digits = hex(at + gap);
        if digits < 2 || digits % 2 == 1 || line.get(at + gap + digits).is_some_and(|byte| *byte != b' ') {
            break;
        }
        for pair in (at + gap..at + gap + digits).step_by(2) {
            let digit = |at: usize| char::from(line[at]).to_digit(16).unwrap_or(0) as u8;
            dump.push(digit(pair) << 4 | digit(pair + 1), view, start + pair..start + line.len());
            count += 1;
        }
        at += gap + digits;
    }
    count > 0
}

/// Fewer bytes hold no secret.
const LEAST: usize = 8;
const MIDDLE: usize = 8;
const MOST_A_LINE: usize = 64;
