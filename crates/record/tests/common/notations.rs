//! The notations in which a server, or a hand, may repeat a secret: for tests of whatever must find it.

#![allow(dead_code)] // Not every test that includes this file asks for all of it.

pub(crate) fn percent(text: &str, lower: bool) -> String {
    let encode = |byte: u8| match byte {
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte if lower => format!("%{byte:02x}"),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

fn mixed_percent(text: &str) -> String {
    let encode = |(at, byte): (usize, u8)| match byte {
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte if at % 2 == 0 => format!("%{byte:02x}"),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().enumerate().map(encode).collect()
}

fn every(text: &str, write: impl Fn(u8) -> String) -> String {
    text.bytes().map(write).collect()
}

/// By hand: this crate needs it nowhere else.
fn base64(bytes: &[u8], letters: [char; 2], padded: bool) -> String {
    let letter = |value: u32| match value as u8 {
        value @ 0..26 => char::from(b'A' + value),
        value @ 26..52 => char::from(b'a' + value - 26),
        value @ 52..62 => char::from(b'0' + value - 52),
        62 => letters[0],
        _ => letters[1],
    };
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let value = group.iter().fold(0u32, |value, byte| value << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        (0..=group.len()).for_each(|at| text.push(letter(value >> (18 - 6 * at) & 63)));
        (group.len()..3).filter(|_| padded).for_each(|_| text.push('='));
    }
    text
}

pub(crate) fn standard(text: &str) -> String {
    base64(text.as_bytes(), ['+', '/'], true)
}

pub(crate) fn split(text: &str, every: usize, by: &str) -> String {
    let pieces: Vec<_> = text.as_bytes().chunks(every).map(|piece| std::str::from_utf8(piece).unwrap()).collect();
    pieces.join(by)
}

fn base32(text: &str, padded: bool) -> String {
    let mut out = String::new();
    for group in text.as_bytes().chunks(5) {
        let value = group.iter().fold(0u64, |value, byte| value << 8 | u64::from(*byte)) << (8 * (5 - group.len()));
        let letters = (8 * group.len()).div_ceil(5);
        let letter =
            |at: usize| char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[(value >> (35 - 5 * at) & 31) as usize]);
        out.extend((0..letters).map(letter).chain((letters..8).filter(|_| padded).map(|_| '=')));
    }
    out
}

/// Compressed with the codes that every reader knows, and without a sum at its end, which many readers do not look at.
fn deflated(text: &str, head: &[u8]) -> Vec<u8> {
    let mut bits: Vec<bool> = vec![true, true, false];
    let mut code = |value: u16, length: u16| bits.extend((0..length).rev().map(|bit| value >> bit & 1 == 1));
    text.bytes().for_each(|byte| match u16::from(byte) {
        byte @ 0..144 => code(0x30 + byte, 8),
        byte => code(0x190 + byte - 144, 9),
    });
    code(0, 7);
    let pack = |bits: &[bool]| bits.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit));
    head.iter().copied().chain(bits.chunks(8).map(pack)).collect()
}

fn gzip(text: &str) -> Vec<u8> {
    deflated(text, &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255])
}

/// As `xxd` prints bytes; or as `hexdump -C` and Go do.
fn dump(text: &str, canonical: bool) -> String {
    let line = |(number, line): (usize, &[u8])| {
        let hex: Vec<String> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        let shown = std::str::from_utf8(line).unwrap();
        if canonical {
            let (one, other) = hex.split_at(hex.len().min(8));
            format!("{:08x}  {:<24} {:<24} |{shown}|\n", 16 * number, one.join(" "), other.join(" "))
        } else {
            let pairs: Vec<String> = hex.chunks(2).map(|pair| pair.concat()).collect();
            format!("{:08x}: {:<40} {shown}\n", 16 * number, pairs.join(" "))
        }
    };
    text.as_bytes().chunks(16).enumerate().map(line).collect()
}

/// UTF-7, of what it must write otherwise or of all.
fn utf7(text: &str, all: bool) -> String {
    let wide = |text: &str| text.bytes().flat_map(|byte| [0, byte]).collect::<Vec<_>>();
    let shifted = |text: &str| format!("+{}-", base64(&wide(text), ['+', '/'], false));
    if all {
        return shifted(text);
    }
    every(text, |byte| match byte {
        b'+' => "+-".to_owned(),
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => shifted(&char::from(byte).to_string()),
    })
}

/// The notations in which a server may repeat a value.
pub(crate) fn notations(secret: &str) -> Vec<(&'static str, String)> {
    let json = |text: &str| text.replace('\\', "\\\\").replace('/', "\\/").replace('"', "\\\"");
    let hex = every(secret, |byte| format!("{byte:02x}"));
    vec![
        ("plain", secret.to_owned()),
        ("percent", percent(secret, false)),
        ("percent, small letters", percent(secret, true)),
        ("percent twice", percent(&percent(secret, true), false)),
        ("percent three times", percent(&percent(&percent(secret, false), true), true)),
        ("every byte in percent", every(secret, |byte| format!("%{byte:02x}"))),
        ("percent u", every(secret, |byte| format!("%u{byte:04x}"))),
        ("JSON with escaped slashes", json(secret)),
        ("JSON in JSON", json(&json(secret))),
        ("JSON of u", secret.replace('/', "\\u002f").replace('+', "\\u002B").replace('=', "\\u003d")),
        ("all of u", every(secret, |byte| format!("\\u{byte:04X}"))),
        ("braces", every(secret, |byte| format!("\\u{{{byte:x}}}"))),
        ("backslash x", every(secret, |byte| format!("\\x{byte:02x}"))),
        ("octal", every(secret, |byte| format!("\\{byte:03o}"))),
        ("XML decimal", secret.replace('/', "&#47;").replace('+', "&#43;").replace('=', "&#61;")),
        ("XML hex", every(secret, |byte| format!("&#x{byte:X};"))),
        ("XML hex without semicolons", every(secret, |byte| format!("&#x{byte:x}"))),
        ("XML named", secret.replace('/', "&sol;").replace('+', "&plus;").replace('=', "&equals;")),
        ("XML in XML", secret.replace('/', "&amp;#47;").replace('+', "&amp;#43;")),
        ("base64", standard(secret)),
        ("base64 behind one byte", standard(&format!("x{secret}"))),
        ("base64 behind two bytes", standard(&format!("xy{secret}"))),
        ("base64 for URLs", base64(secret.as_bytes(), ['-', '_'], true)),
        ("base64 without padding", base64(secret.as_bytes(), ['-', '_'], false)),
        ("base64 of CloudFront", base64(secret.as_bytes(), ['-', '~'], false)),
        ("base64 of MIME", split(&standard(secret), 76, "\r\n")),
        ("base64 in short lines", split(&standard(secret), 20, "\n ")),
        ("base64 in percent", percent(&standard(secret), true)),
        ("base64 in JSON", split(&standard(secret), 76, "\\n").replace('/', "\\/")),
        ("base64 of percent", standard(&percent(secret, false))),
        ("base64 of base64", standard(&standard(secret))),
        ("base64 of UTF-16", base64(&secret.bytes().flat_map(|byte| [byte, 0]).collect::<Vec<_>>(), ['+', '/'], true)),
        ("hex", hex.clone()),
        ("hex, capitals", hex.to_ascii_uppercase()),
        ("hex with blanks", split(&hex, 2, " ")),
        ("hex with colons", split(&hex, 2, ":")),
        ("hex of C", every(secret, |byte| format!("0x{byte:02x}, "))),
        ("bytes as numbers", every(secret, |byte| format!("{byte}, "))),
        ("lines", split(secret, 20, "\n")),
        ("lines of DOS", split(secret, 12, "\r\n")),
        ("blanks", split(secret, 1, " ")),
        ("no width", split(secret, 3, "\u{200b}")),
        ("marks of byte order", split(secret, 5, "\u{feff}")),
        ("zeros", split(secret, 4, "\0")),
        ("pictures of line breaks", split(secret, 10, "␍␊")),
        ("a list", split(secret, 8, "\", \"")),
        ("joined", split(secret, 11, "\" + \"")),
        ("capitals", secret.to_ascii_uppercase()),
        ("small letters", secret.to_ascii_lowercase()),
        ("wide letters", secret.chars().map(|char| char::from_u32(char as u32 + 0xfee0).unwrap()).collect()),
        ("percent, letters of both kinds", mixed_percent(secret)),
        (
            "quoted-printable",
            every(secret, |byte| {
                if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("={byte:02X}") }
            }),
        ),
        ("quoted-printable lines", split(secret, 15, "=\r\n")),
        ("every byte quoted-printable", every(secret, |byte| format!("={byte:02X}"))),
        ("tags", split(secret, 7, "<wbr>")),
        ("tags in XML", split(secret, 7, "&lt;br/&gt;")),
        ("tags with attributes", split(secret, 9, "</b><b class=\"mark\">")),
        ("soft hyphens", split(secret, 5, "\u{ad}")),
        ("named soft hyphens", split(secret, 5, "&shy;")),
        ("word joiners", split(secret, 5, "\u{2060}")),
        ("base64 of lines", standard(&split(secret, 20, "\r\n"))),
        ("hex of UTF-16", every(secret, |byte| format!("00{byte:02x}"))),
        ("entities of u in JSON", every(secret, |byte| format!("\\u0026#{byte};"))),
        ("XML with zeros", every(secret, |byte| format!("&#{byte:09};"))),
        ("XML in XML of old", secret.replace('/', "&amp#47;").replace('+', "&amp#x2b;")),
        ("braces of Perl", every(secret, |byte| format!("\\x{{{byte:x}}}"))),
        ("base32", base32(secret, true)),
        ("base32, small letters", base32(secret, false).to_ascii_lowercase()),
        ("base32 in lines", split(&base32(secret, true), 20, "\n")),
        ("base32 behind one byte", base32(&format!("x{secret}"), false)),
        ("base32 of base64", base32(&standard(secret), true)),
        ("base64 of gzip", base64(&gzip(secret), ['+', '/'], true)),
        ("base64 of gzip for URLs", base64(&gzip(secret), ['-', '_'], false)),
        ("base64 of gzip of JSON", base64(&gzip(&format!("{{\"got\": \"{}\"}}", json(secret))), ['+', '/'], true)),
        ("base64 of zlib", base64(&deflated(secret, &[0x78, 0x9c]), ['+', '/'], true)),
        ("hex of gzip", gzip(secret).iter().map(|byte| format!("{byte:02x}")).collect()),
        ("gzip as numbers", gzip(secret).iter().map(|byte| format!("{byte}, ")).collect()),
        ("UTF-7", utf7(secret, false)),
        ("all UTF-7", utf7(secret, true)),
        ("xxd", dump(secret, false)),
        ("hexdump -C", dump(secret, true)),
        ("xxd in JSON", json(&dump(secret, false)).replace('\n', "\\n") + "\n"),
        ("cut off behind", secret[..secret.len() - 7].to_owned()),
        ("cut off before", secret[9..].to_owned()),
        ("a piece", secret[4..secret.len().min(30)].to_owned()),
    ]
}

/// Whether a stretch of `hidden`, a secret in some notation, that stands for sixteen characters of the secret is still in
/// `text`. Letters and digits are compared, so that it does not matter how the rest is shown.
pub(crate) fn still_there(text: &str, hidden: &str, secret: &str) -> bool {
    holds(&plain(text), hidden, secret)
}

/// Letters and digits alone, in small letters, and wide ones as they are otherwise.
pub(crate) fn plain(text: &str) -> Vec<u8> {
    let narrow = |char: char| match u32::from(char) {
        wide @ 0xff01..=0xff5e => (wide - 0xfee0) as u8,
        one => u8::try_from(one).unwrap_or(0),
    };
    text.chars().map(narrow).filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase()).collect()
}

/// [`still_there`] for a text that is [`plain`] already.
pub(crate) fn holds(text: &[u8], hidden: &str, secret: &str) -> bool {
    let hidden = plain(hidden);
    let stretch = (16 * hidden.len() / secret.len().max(1)).max(16);
    // By their beginnings first: most are nobody's.
    let begins: std::collections::HashSet<[u8; 4]> =
        hidden.windows(stretch).map(|window| [window[0], window[1], window[2], window[3]]).collect();
    let stretches: std::collections::HashSet<&[u8]> = hidden.windows(stretch).collect();
    text.windows(stretch)
        .any(|window| begins.contains(&[window[0], window[1], window[2], window[3]]) && stretches.contains(window))
}

/// Many secrets in their notations, to be looked for in one pass over each text.
#[derive(Default)]
pub(crate) struct Search {
    /// Which four characters a stretch begins with, by their number.
    begins: Vec<bool>,
    /// The stretches that begin so, each with what it is of.
    stretches: std::collections::HashMap<[u8; 4], Vec<(Vec<u8>, &'static str)>>,
}

impl Search {
    /// Adds what [`holds`] would look for.
    pub(crate) fn add(&mut self, notation: &'static str, hidden: &str, secret: &str) {
        let hidden = plain(hidden);
        let stretch = (16 * hidden.len() / secret.len().max(1)).max(16);
        self.begins.resize(36 * 36 * 36 * 36, false);
        for window in hidden.windows(stretch) {
            let begin = [window[0], window[1], window[2], window[3]];
            self.begins[number(begin)] = true;
            self.stretches.entry(begin).or_default().push((window.to_owned(), notation));
        }
    }

    /// The notations of which a stretch is in `text`, which is [`plain`].
    pub(crate) fn found_in(&self, text: &[u8]) -> std::collections::BTreeSet<&'static str> {
        let mut found = std::collections::BTreeSet::new();
        for at in 0..text.len().saturating_sub(3) {
            let begin = [text[at], text[at + 1], text[at + 2], text[at + 3]];
            if self.begins.get(number(begin)) == Some(&true) {
                let here = self.stretches[&begin].iter().filter(|(stretch, _)| text[at..].starts_with(stretch));
                found.extend(here.map(|(_, notation)| *notation));
            }
        }
        found
    }
}

/// Four small letters or digits as one number.
fn number(characters: [u8; 4]) -> usize {
    characters.iter().fold(0, |number, character| {
        number * 36 + usize::from(if character.is_ascii_digit() { character - b'0' } else { character - b'a' + 10 })
    })
}
