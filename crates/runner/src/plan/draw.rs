//! Draws that are the same on every machine and with every version of the random crates: a cipher's stream under a key
//! that is spelled out, and arithmetic of our own on top.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

/// A stream of random numbers with a name of its own.
pub(super) struct Draw(ChaCha20Rng);

impl Draw {
    /// The stream for one `purpose` within a block; streams with different arguments are independent.
    pub(super) fn new(seed: u64, purpose: &str, block: u32, index: u64) -> Self {
        let key = Sha256::new()
            .chain_update(seed.to_le_bytes())
            .chain_update(block.to_le_bytes())
            .chain_update(index.to_le_bytes())
            .chain_update(purpose.as_bytes())
            .finalize();
        Self(ChaCha20Rng::from_seed(key.into()))
    }

    /// A whole number from 0 to `most`, both included.
    pub(super) fn up_to(&mut self, most: u64) -> u64 {
        // The high half of a 128-bit product: its bias is the range's share of 2^64, far below what a run could show.
        ((u128::from(self.0.next_u64()) * (u128::from(most) + 1)) >> 64) as u64
    }

    /// Fisher and Yates's shuffle.
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.up_to(last as u64) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_as_likely_for_every_item() {
        let mut counts = [[0u32; 4]; 4];
        for seed in 0..4000 {
            let mut items = [0, 1, 2, 3];
            Draw::new(seed, "order", 1, 0).shuffle(&mut items);
            for (place, item) in items.into_iter().enumerate() {
                counts[place][item] += 1;
            }
        }
        // 4000 draws with p = 1/4: the standard deviation is 27, and 150 are more than five of them.
        assert!(counts.as_flattened().iter().all(|count| count.abs_diff(1000) < 150), "{counts:?}");
    }

    #[test]
    fn a_range_of_one_draws_its_only_number() {
        assert_eq!(Draw::new(1, "jitter", 1, 1).up_to(0), 0);
    }
}
