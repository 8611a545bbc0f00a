//! Texts that were compressed: gzip and zlib, wherever they begin.

use std::io::{self, Read};

use flate2::read::{GzDecoder, ZlibDecoder};

use super::view::View;

/// What is compressed in these bytes, of at most `most` bytes in all. Each byte stands for all of what it was made of. What was
/// cut off is read as far as it goes.
pub(super) fn inflated(view: &View, mut most: usize) -> Vec<View> {
    let bytes = &view.bytes;
    let mut found = Vec::new();
    for (at, begin) in bytes.windows(2).enumerate() {
        if found.len() == MOST {
            break;
        }
        let rest = &bytes[at..];
        let inner = match begin {
            [0x1f, 0x8b] if rest.get(2) == Some(&8) => all_of(GzDecoder::new(rest), most),
            // The second byte makes the two a multiple of 31.
            [0x78, 0x01 | 0x5e | 0x9c | 0xda] => all_of(ZlibDecoder::new(rest), most),
            _ => continue,
        };
        if !inner.is_empty() {
            most -= inner.len();
            found.push(View::as_one(inner, view, at..bytes.len()));
        }
    }
    found
}

/// Whether the bytes of which these are the last begin something that is compressed.
pub(super) const fn begins(last: u32) -> bool {
    last & 0xff_ffff == 0x1f_8b08 || matches!(last & 0xffff, 0x7801 | 0x785e | 0x789c | 0x78da)
}

fn all_of(reader: impl Read, most: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    // An error says that the end is missing or is something else.
    let _: io::Result<usize> = reader.take(most as u64).read_to_end(&mut bytes);
    bytes
}

/// Two bytes begin by chance, too.
const MOST: usize = 16;
