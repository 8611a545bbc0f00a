//! Secrets that are known by the names in front of them, in whatever form a program prints names and values: headers, queries,
//! JSON, XML, arrays of PHP, Python, Ruby and Go.

use std::ops::Range;

use super::REDACTED;
use crate::words::SignatureVersion;

/// A value behind a name.
pub(super) struct Named {
    pub(super) value: Range<usize>,
    /// The same with its name.
    pub(super) whole: Range<usize>,
    pub(super) what: &'static str,
}

/// Every such value in a text without escapes.
pub(super) fn find(text: &[u8]) -> Vec<Named> {
    let mut found: Vec<Named> = Vec::new();
    let mut ends = Ends::of(text);
    let mut start = 0;
    while start < text.len() {
        if text[start].is_ascii_alphabetic() && begins_word(text, start) {
            let names = NAMES.iter().filter(|name| name.text[0] == text[start].to_ascii_lowercase());
            let longest =
                names.filter_map(|name| Some((name, end_of_name(text, start, name.text)?))).max_by_key(|(_, end)| *end);
            if let Some((name, end)) = longest
                && let Some(named) = name.value(text, start, end, &mut ends)
            {
                // What stands in it goes with it.
                start = named.value.end;
                found.push(named);
                continue;
            }
        }
        if let Some(end) = access_key_id(text, start) {
            found.push(Named { value: start..end, whole: start..end, what: ACCESS_KEY });
        }
        start += 1;
    }
    found
}

/// Where what may end a value stands next. It is remembered, since a text of nothing but names would be searched to its end for
/// each of them.
struct Ends<'a> {
    text: &'a [u8],
    /// For each of what may end one: from where on it was looked for, and where it is.
    known: [Option<(usize, usize)>; 5],
}

/// What may end a value.
#[derive(Clone, Copy)]
enum End {
    /// Any of [`ENDS`], a control character or the picture of one.
    Value,
    Tag,
    EmptyLine,
    Quote,
    Apostrophe,
}

impl<'a> Ends<'a> {
    const fn of(text: &'a [u8]) -> Self {
        Self { text, known: [None; 5] }
    }

    /// The first place at or behind `from`, or the text's end.
    fn next(&mut self, end: End, from: usize) -> usize {
        if let Some((since, at)) = self.known[end as usize]
            && (since..=at).contains(&from)
        {
            return at;
        }
        let text = self.text;
        let is_here = |at: &usize| match end {
            End::Value => {
                // Pictures of control characters begin with these two bytes.
                ENDS.contains(&text[*at]) || text[*at] < b' ' || text[*at..].starts_with(&[0xe2, 0x90])
            }
            End::Tag => text[*at..].starts_with(b"</"),
            End::EmptyLine => text[*at..].starts_with(b"\n\n"),
            End::Quote => text[*at] == b'"',
            End::Apostrophe => text[*at] == b'\'',
        };
        let at = (from..text.len()).find(is_here).unwrap_or(text.len());
        self.known[end as usize] = Some((from, at));
        at
    }
}

struct Name {
    /// In small letters, without what parts its words.
    text: &'static [u8],
    what: &'static str,
    weight: Weight,
}

/// How much a name tells of what stands behind it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Weight {
    /// No text has this name but for a secret.
    Strong,
    /// A word that sentences have, too: behind `=` stands a secret, and behind other signs one that looks like one.
    Word,
    /// A word of many meanings: what is secret must look like it.
    Common,
    /// What S3 says it signed: all of it, of several lines.
    Block,
}

impl Name {
    fn value(&self, text: &[u8], start: usize, end: usize, ends: &mut Ends<'_>) -> Option<Named> {
        let bridge = Bridge::over(text, start, end)?;
        let from = if self.text == b"authorization" { behind_scheme(text, bridge.to) } else { bridge.to };
        let to =
            if self.weight == Weight::Block { end_of_block(from, &bridge, ends) } else { ends.next(End::Value, from) };
        let value = &text[from..to];
        let asks_for_looks = match self.weight {
            Weight::Strong => matches!(bridge.sign, Sign::Comma | Sign::Tags),
            Weight::Word => bridge.sign != Sign::Equals && from == bridge.to,
            Weight::Common => true,
            Weight::Block => false,
        };
        if value.is_empty() || is_redacted(value) || is_version(value) || (asks_for_looks && !looks_secret(value)) {
            return None;
        }
        Some(Named { value: from..to, whole: start..to, what: self.what })
    }
}

/// What parts a name from its value.
struct Bridge {
    sign: Sign,
    to: usize,
    /// The quote that the value stands in.
    quote: Option<u8>,
    /// Whether the name is an element of XML.
    element: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    Equals,
    Colon,
    /// The end of an element's tag.
    Tag,
    /// Other elements.
    Tags,
    /// As between the members of a list.
    Comma,
}

impl Bridge {
    fn over(text: &[u8], start: usize, end: usize) -> Option<Self> {
        let before = start.checked_sub(1).map(|at| text[at]);
        let mut at = end;
        let mut quoted = false;
        while let Some(byte @ (b'"' | b'\'' | b'`' | b'\\' | b']' | b'}' | b' ' | b'\t')) = text.get(at) {
            quoted |= matches!(byte, b'"' | b'\'');
            at += 1;
            if at > end + MOST_BEFORE {
                return None;
            }
        }
        let element = before == Some(b'<');
        let sign = match text.get(at)? {
            b'=' => Sign::Equals,
            b':' => Sign::Colon,
            b'>' if element || quoted => Sign::Tag,
            b',' if quoted => Sign::Comma,
            b'<' if text.get(at + 1) == Some(&b'/') => Sign::Tags,
            _ => return None,
        };
        at += usize::from(sign != Sign::Tags);
        let most = text.len().min(at + MOST_BEHIND);
        let mut quote = None;
        while at < most {
            let skipped = filler(&text[at..], sign);
            if skipped == 0 {
                break;
            }
            quote = Some(text[at]).filter(|byte| matches!(byte, b'"' | b'\'')).or(quote);
            at += skipped;
        }
        Some(Self { sign, to: at.min(text.len()), quote, element })
    }
}

/// How many bytes at the start of `rest` still belong to the notation and not to the value.
fn filler(rest: &[u8], sign: Sign) -> usize {
    let starts = |words: &[u8]| rest.len() >= words.len() && rest[..words.len()].eq_ignore_ascii_case(words);
    match rest[0] {
        b'"' | b'\'' | b' ' | b'\t' | b'\n' | b'\r' | b'\\' | b'[' | b'(' | b'{' | b'=' | b':' | b'>' | b'`' => {
            return 1;
        }
        b',' if sign == Sign::Comma => return 1,
        b'<' if starts(b"<![CDATA[") => return 9,
        b'<' if sign == Sign::Tags => {
            return rest.iter().take(MOST_TAG).position(|byte| *byte == b'>').map_or(0, |end| end + 1);
        }
        // An item of a list in YAML.
        b'-' if rest.get(1) == Some(&b' ') => return 2,
        // Texts of Python 2 and bytes of Python 3.
        b'b' | b'u' | b'B' if matches!(rest.get(1), Some(b'"' | b'\'')) => return 1,
        _ => {}
    }
    // PHP says of a value what it is, and its place in a list.
    if starts(b"array") && matches!(rest.get(5), Some(b' ' | b'\n' | b'(')) {
        return 5;
    }
    if starts(b"string(") || starts(b"array(") {
        return rest.iter().take(MOST_TAG).position(|byte| *byte == b')').map_or(0, |end| end + 1);
    }
    // A member of its own, as in an archive of HTTP.
    if sign == Sign::Comma && starts(b"value") && matches!(rest.get(5), Some(b'"' | b'\'' | b':' | b'=')) {
        return 5;
    }
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let behind = &rest[digits..];
    if (1..=3).contains(&digits)
        && (behind.starts_with(b"]") || behind.starts_with(b" =>") || behind.starts_with(b"=>"))
    {
        return digits + 1;
    }
    0
}

/// Where a word begins: behind no letter or digit, or where capitals begin one within a name.
fn begins_word(text: &[u8], start: usize) -> bool {
    let Some(before) = start.checked_sub(1).map(|at| text[at]) else { return true };
    !before.is_ascii_alphanumeric() || (before.is_ascii_lowercase() && text[start].is_ascii_uppercase())
}

/// Where a name ends that begins at `start`, however its words are parted and written.
fn end_of_name(text: &[u8], start: usize, name: &[u8]) -> Option<usize> {
    let mut at = start;
    for (number, letter) in name.iter().enumerate() {
        if number > 0 && matches!(text.get(at), Some(b'-' | b'_')) {
            at += 1;
        }
        if text.get(at)?.to_ascii_lowercase() != *letter {
            return None;
        }
        at += 1;
    }
    (!text.get(at).is_some_and(u8::is_ascii_alphanumeric)).then_some(at)
}

/// `AKIA` or `ASIA` and sixteen more, alone.
fn access_key_id(text: &[u8], start: usize) -> Option<usize> {
    let id = text.get(start..start + 20)?;
    let shaped = (id.starts_with(b"AKIA") || id.starts_with(b"ASIA"))
        && id.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    let alone = |at: Option<&u8>| !at.is_some_and(u8::is_ascii_alphanumeric);
    (shaped && alone(start.checked_sub(1).map(|at| &text[at])) && alone(text.get(start + 20))).then_some(start + 20)
}

fn behind_scheme(text: &[u8], at: usize) -> usize {
    let rest = &text[at..];
    let found =
        SCHEMES.iter().find(|scheme| rest.len() > scheme.len() && rest[..scheme.len()].eq_ignore_ascii_case(scheme));
    let Some(scheme) = found else { return at };
    let blanks =
        rest[scheme.len()..].iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'+' | b',' | b'\n')).count();
    if blanks == 0 { at } else { at + scheme.len() + blanks }
}

/// All that stands in an element, or in quotes, or until a line is empty.
fn end_of_block(from: usize, bridge: &Bridge, ends: &mut Ends<'_>) -> usize {
    match bridge.quote {
        _ if bridge.element || bridge.sign == Sign::Tags => ends.next(End::Tag, from),
        Some(b'"') => ends.next(End::Quote, from),
        Some(_) => ends.next(End::Apostrophe, from),
        None => ends.next(End::EmptyLine, from).min(ends.next(End::Tag, from)),
    }
}

fn is_redacted(value: &[u8]) -> bool {
    let word = REDACTED.as_bytes();
    let alike = value.iter().zip(word).take_while(|(one, other)| one.eq_ignore_ascii_case(other)).count();
    // Its beginning, where a text was cut; or with something behind it that is not secret.
    alike == value.len()
        || (alike == word.len() && !value[alike].is_ascii_alphanumeric() && !looks_secret(&value[alike..]))
}

/// The version of a signature, as an experiment asks for it by `signature = "v4"`.
fn is_version(value: &[u8]) -> bool {
    SignatureVersion::WORDS.iter().any(|word| word.as_bytes() == value)
}

/// Long enough, of the characters that secrets are made of, and with a digit in it, which words have not.
fn looks_secret(value: &[u8]) -> bool {
    let value = &value[..value.len().min(MOST_LOOKED_AT)];
    let made_of = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=-_.~%:".contains(byte);
    value.len() >= 16
        && value.iter().all(made_of)
        && value.iter().any(u8::is_ascii_digit)
        && !SCHEMES.iter().any(|scheme| value.eq_ignore_ascii_case(scheme))
}

macro_rules! names {
    ($($text:literal $weight:ident $what:expr;)*) => {
        const NAMES: &[Name] = &[$(Name { text: $text, what: $what, weight: Weight::$weight },)*];
    };
}

names! {
    b"signature" Word SIGNATURE;
    b"amzsignature" Strong SIGNATURE;
    b"xamzsignature" Strong SIGNATURE;
    b"xgoogsignature" Strong SIGNATURE;
    b"xosssignature" Strong SIGNATURE;
    b"signatureprovided" Block SIGNATURE;
    b"sig" Common SIGNATURE;
    b"securitytoken" Strong TOKEN;
    b"sessiontoken" Strong TOKEN;
    b"xamzsecuritytoken" Strong TOKEN;
    b"xamzs3sessiontoken" Strong TOKEN;
    b"awssessiontoken" Strong TOKEN;
    b"token" Common TOKEN;
    b"token0" Strong TOKEN;
    b"secretaccesskey" Strong "a secret access key";
    b"awssecretaccesskey" Strong "a secret access key";
    b"secretkey" Common "a secret access key";
    b"credential" Word CREDENTIAL;
    b"xamzcredential" Strong CREDENTIAL;
    b"xgoogcredential" Strong CREDENTIAL;
    b"accesskeyid" Strong ACCESS_KEY;
    b"awsaccesskeyid" Strong ACCESS_KEY;
    b"ossaccesskeyid" Strong ACCESS_KEY;
    b"googleaccessid" Strong ACCESS_KEY;
    b"keypairid" Strong ACCESS_KEY;
    b"policy" Common "a signed policy";
    b"authorization" Word "an Authorization header";
    b"stringtosign" Block SIGNED;
    b"stringtosignbytes" Block SIGNED;
    b"canonicalrequest" Block SIGNED;
    b"canonicalrequestbytes" Block SIGNED;
}

const SIGNATURE: &str = "a signature";
const TOKEN: &str = "a session token";
const CREDENTIAL: &str = "a credential";
const ACCESS_KEY: &str = "an access key id";
const SIGNED: &str = "what was signed";

const SCHEMES: &[&[u8]] = &[
    b"aws4-hmac-sha256",
    b"aws4-ecdsa-p256-sha256",
    b"goog4-rsa-sha256",
    b"goog4-hmac-sha256",
    b"oss4-hmac-sha256",
    b"aws",
    b"goog1",
    b"oss",
    b"basic",
    b"bearer",
    b"digest",
];

/// What ends a value.
const ENDS: &[u8] = b"& \"'<>,;)]}|\\`\x7f";
/// What may stand between a name and the sign behind it.
const MOST_BEFORE: usize = 8;
/// What may stand between the sign and the value: an array of PHP takes lines of blanks.
const MOST_BEHIND: usize = 120;
const MOST_TAG: usize = 60;
/// How much of a value is looked at for what it is made of.
const MOST_LOOKED_AT: usize = 4096;
