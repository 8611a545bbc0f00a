//! Chance, the same for the same seed, as far as the machine's own timing lets it be.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// The dice of one story, whose threads share them.
pub(crate) struct Dice(Mutex<ChaCha8Rng>);

impl Dice {
    pub(crate) fn new(seed: u64, story: u64) -> Self {
        let mut stream = ChaCha8Rng::seed_from_u64(seed);
        stream.set_stream(story);
        Self(Mutex::new(stream))
    }

    /// From 0 to `most`, evenly.
    pub(crate) fn up_to(&self, most: f64) -> f64 {
        most * (self.stream().next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A whole number below `end`, which is not 0.
    pub(crate) fn below(&self, end: u64) -> u64 {
        self.stream().next_u64() % end
    }

    /// Whether something happens that does so in this share of cases.
    pub(crate) fn happens(&self, share: f64) -> bool {
        self.up_to(1.0) < share
    }

    /// One of these, of which there is one at least.
    pub(crate) fn one_of<T>(&self, mut these: Vec<T>) -> T {
        let which = self.below(these.len() as u64) as usize;
        these.swap_remove(which)
    }

    fn stream(&self) -> MutexGuard<'_, ChaCha8Rng> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
