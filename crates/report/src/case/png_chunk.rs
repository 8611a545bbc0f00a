//! What a PNG says beside its pixels.

use std::io::{self, Read};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::ZlibDecoder;
use memchr::memmem;

/// The next chunk of a PNG: its kind, its data and what follows.
pub(super) fn chunk(rest: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let length = u32::from_be_bytes(rest.get(..4)?.try_into().ok()?) as usize;
    let data = rest.get(8..8 + length)?;
    Some((rest.get(4..8)?, data, rest.get(12 + length..)?))
}

/// What a chunk of text says once it is inflated; nothing for other chunks.
pub(super) fn spoken(kind: &[u8], data: &[u8]) -> io::Result<Vec<u8>> {
    let fields = data.splitn(2, |byte| *byte == 0).nth(1).unwrap_or_default();
    let packed = match kind {
        b"zTXt" => fields.get(1..).unwrap_or_default(),
        b"iTXt" => {
            // Behind the keyword: whether it is packed and how, then language and keyword translated, each ended by a zero.
            let text = fields.get(2..).unwrap_or_default().splitn(3, |byte| *byte == 0).nth(2).unwrap_or_default();
            if fields.first() != Some(&1) {
                return Ok(text.to_vec());
            }
            text
        }
        _ => return Ok(Vec::new()),
    };
    let mut words = Vec::new();
    let read = ZlibDecoder::new(packed).take(MOST_INFLATED).read_to_end(&mut words)?;
    if read as u64 == MOST_INFLATED { Err(io::Error::other("too long")) } else { Ok(words) }
}

/// Takes pictures in base64, as a page has them, out of a line.
pub(super) fn embedded(line: &mut Vec<u8>) -> Vec<Vec<u8>> {
    let mut pictures = Vec::new();
    let mut from = 0;
    while let Some(at) = memmem::find(&line[from..], PNG_IN_BASE64).map(|at| from + at) {
        let belongs = |byte: &&u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
        let end = at + line[at..].iter().take_while(belongs).count();
        match STANDARD.decode(&line[at..end]) {
            Ok(picture) if picture.starts_with(PNG) => {
                pictures.push(picture);
                line.drain(at..end);
                from = at;
            }
            _ => from = end,
        }
    }
    pictures
}

/// What every PNG begins with.
pub(super) const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
/// The same in base64.
const PNG_IN_BASE64: &[u8] = b"iVBORw0KGgo";
const MOST_INFLATED: u64 = 16 << 20;
