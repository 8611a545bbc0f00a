//! The notations in which a text can stand within another one.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// The data with `%2F` and its like decoded; nothing where there is none.
pub(super) fn percent_decoded(data: &[u8]) -> Option<Vec<u8>> {
    let digit = |at: usize| data.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let mut decoded = Vec::new();
    let (mut at, mut any) = (0, false);
    while at < data.len() {
        match (data[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push((high * 16 + low) as u8);
                (at, any) = (at + 3, true);
            }
            (byte, ..) => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    any.then_some(decoded)
}

/// Stretches that may be base64, of either alphabet, and are long enough to hold a secret.
pub(super) fn base64_runs(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let belongs = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte);
    data.split(move |byte| !belongs(byte)).filter(|run| run.len() >= LEAST_RUN)
}

/// What a run may say: it may begin before the encoded text does, so each of four places is tried.
pub(super) fn base64_decoded(run: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let standard: Vec<u8> = run
        .iter()
        .map(|byte| match byte {
            b'-' => b'+',
            b'_' => b'/',
            byte => *byte,
        })
        .collect();
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let engine = GeneralPurpose::new(&STANDARD, config);
    (0..4).filter_map(move |from| {
        let part = &standard[from..];
        // One letter over is less than a byte.
        let whole = if part.len() % 4 == 1 { &part[..part.len() - 1] } else { part };
        engine.decode(whole).ok()
    })
}

const LEAST_RUN: usize = 16;
