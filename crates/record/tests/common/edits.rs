//! Random edits to a file, as a hand, a spreadsheet, a bad disk or a bad copy makes them; the same for the same seed.

/// Numbers that look random (splitmix64).
#[derive(Debug, Clone)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`; 0 if there is none.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    pub(crate) fn choose<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// `contents` with one to three edits.
pub(crate) fn edited(dice: &mut Dice, contents: &[u8]) -> Vec<u8> {
    let mut bytes = contents.to_vec();
    for _ in 0..=dice.below(3) {
        edit(dice, &mut bytes);
    }
    bytes
}

fn edit(dice: &mut Dice, bytes: &mut Vec<u8>) {
    let at = dice.below(bytes.len());
    let end = (at + 1 + dice.below(64)).min(bytes.len());
    match dice.below(14) {
        0 if !bytes.is_empty() => bytes[at] ^= 1 << dice.below(8),
        1 if !bytes.is_empty() => bytes[at] = dice.next() as u8,
        2 if !bytes.is_empty() => bytes[at] = *dice.choose(b"\",\n\r;'\0 -=0"),
        3 => bytes.insert(at, b'"'),
        4 => bytes.insert(at, *dice.choose(b"\",\n\r")),
        5 => drop(bytes.drain(at..end)),
        6 => bytes.truncate(at),
        7 => bytes.truncate(bytes.len().saturating_sub(1 + dice.below(80))),
        8 => lines(bytes, |lines| {
            let (one, other) = (dice.below(lines.len()), dice.below(lines.len()));
            lines.swap(one, other);
        }),
        9 => lines(bytes, |lines| {
            let line = dice.choose(lines).clone();
            lines.insert(dice.below(lines.len() + 1), line);
        }),
        10 => lines(bytes, |lines| drop(lines.remove(dice.below(lines.len())))),
        11 => lines(bytes, |lines| lines.insert(dice.below(lines.len() + 1), b",,,,\n".to_vec())),
        12 => lines(bytes, |lines| {
            let (line, token) = (dice.below(lines.len()), *dice.choose(TOKENS));
            let mut cells: Vec<&[u8]> = lines[line].split(|byte| *byte == b',').collect();
            let cell = dice.below(cells.len());
            cells[cell] = token;
            lines[line] = cells.join(&b',');
        }),
        _ => *bytes = String::from_utf8_lossy(bytes).replace("true", "TRUE").replace('\n', "\r\n").into_bytes(),
    }
}

/// Edits the lines, each with its end.
fn lines(bytes: &mut Vec<u8>, change: impl FnOnce(&mut Vec<Vec<u8>>)) {
    let mut lines: Vec<Vec<u8>> = bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    if !lines.is_empty() {
        change(&mut lines);
        *bytes = lines.concat();
    }
}

/// How many edits are tried: `few` in the tests, and as many as `just edits` says.
pub(crate) fn asked(few: usize) -> usize {
    std::env::var("TTLSWEEP_EDITS").ok().and_then(|edits| edits.parse().ok()).unwrap_or(few)
}

const TOKENS: &[&[u8]] = &[
    b"",
    b"-1",
    b"999",
    b"1.7E+12",
    b"18446744073709551616",
    b"TRUE",
    b"../../x",
    b"\xff\xfe",
    b"=1+1",
    b"completed",
    b"rejected",
    b"whole",
    b"interrupted",
    b"9999-12-31T23:59:59.999999Z",
    b"0001-01-01T00:00:00.000000Z",
    b"\"two\nlines\"",
];
