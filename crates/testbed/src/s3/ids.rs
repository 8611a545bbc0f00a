//! The pair of ids that every response carries, and that a support case is asked for.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Makes ids that look like S3's and don't repeat within a testbed.
#[derive(Debug)]
pub(crate) struct IdSource {
    seed: u64,
    next: AtomicU64,
}

impl IdSource {
    pub(crate) fn new() -> Self {
        // The keys of a fresh `RandomState` come from the system, which is randomness enough for a label.
        Self { seed: RandomState::new().hash_one("request ids"), next: AtomicU64::new(0) }
    }

    pub(crate) fn next(&self) -> RequestIds {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let request_id = mix(self.seed.wrapping_add(number));
        let host_id: Vec<u8> = (1..=7).flat_map(|part| mix(request_id.wrapping_add(part)).to_be_bytes()).collect();
        RequestIds { request_id: format!("{request_id:016X}"), host_id: STANDARD.encode(host_id) }
    }
}

/// What stands in `x-amz-request-id` and `x-amz-id-2`, and in an error's XML.
#[derive(Debug, Clone)]
pub(crate) struct RequestIds {
    pub(crate) request_id: String,
    pub(crate) host_id: String,
}

/// SplitMix64's finaliser: a bijection, so consecutive numbers never meet.
fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_shape_of_s3s() {
        let source = IdSource::new();
        let (one, two) = (source.next(), source.next());
        assert_eq!(one.request_id.len(), 16);
        assert!(one.request_id.bytes().all(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(&b)));
        assert_eq!(one.host_id.len(), 76);
        assert_ne!(one.request_id, two.request_id);
    }
}
