//! What a PNG says beside its pixels.

use std::io::{self, Read};

use flate2::read::ZlibDecoder;

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

/// What every PNG begins with.
pub(super) const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
/// The same in base64.
pub(super) const PNG_IN_BASE64: &[u8] = b"iVBORw0KGgo";
const MOST_INFLATED: u64 = 16 << 20;
