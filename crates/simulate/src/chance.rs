//! Chance: every draw follows from the set of seeds, the world, the sample size and the simulation's number.

use std::fmt;
use std::str::FromStr;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Which seeds. The rules may be changed for what the development set shows; the judgement set is for rules that are
/// frozen, and is used once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seeds {
    /// For changing the rules.
    Development,
    /// For rules that are frozen.
    Judgement,
    /// For forecasts.
    Forecast,
    /// For rules that are frozen and asked after every block.
    Looks,
    /// For rules that are frozen and asked what each arm of an experiment adds.
    Arms,
}

impl Seeds {
    /// What all seeds of the set begin with.
    const fn word(self) -> u64 {
        match self {
            Self::Development => 0x0dee_7e10,
            Self::Judgement => 0x2026_1130_0545_7c1d,
            Self::Forecast => 0xf04e_ca57,
            Self::Looks => 0x2026_1130_100c_5a1e,
            Self::Arms => 0x2026_1130_a235_0c1d,
        }
    }
}

impl FromStr for Seeds {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "development" => Ok(Self::Development),
            "judgement" => Ok(Self::Judgement),
            "looks" => Ok(Self::Looks),
            "arms" => Ok(Self::Arms),
            _ => Err(format!("`{word}` is not a set of seeds; expected development, judgement, looks or arms")),
        }
    }
}

impl fmt::Display for Seeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Development => "development",
            Self::Judgement => "judgement",
            Self::Forecast => "forecast",
            Self::Looks => "looks",
            Self::Arms => "arms",
        })
    }
}

/// A stream of draws.
pub struct Chance(ChaCha8Rng);

impl Chance {
    /// The stream of the `number`-th simulation of a cell.
    pub fn new(seeds: Seeds, world: &str, size: &str, number: u64) -> Self {
        let mut seed = [0; 32];
        let words = [seeds.word(), fnv(world), fnv(size), number];
        for (place, word) in seed.chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        Self(ChaCha8Rng::from_seed(seed))
    }

    /// Uniform from 0 to 1, 1 excluded.
    pub fn share(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Whether something of this probability happens.
    pub fn happens(&mut self, probability: f64) -> bool {
        self.share() < probability
    }

    /// Uniform between the two.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        low + ((high - low) as f64 * self.share()) as i64
    }

    /// Exponential with this mean.
    pub fn exponential(&mut self, mean: i64) -> i64 {
        (-(1.0 - self.share()).ln() * mean as f64) as i64
    }

    /// Normal with mean 0 and deviation 1, by Box and Muller.
    pub fn normal(&mut self) -> f64 {
        let (radius, turn) = (1.0 - self.share(), self.share());
        (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * turn).cos()
    }

    /// Pareto from 1 up: P(more than x) = x^−`exponent`, cut at 30.
    pub fn pareto(&mut self, exponent: f64) -> f64 {
        (1.0 - self.share()).powf(-1.0 / exponent).min(30.0)
    }

    /// Puts the items into a random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let place = (self.share() * (last + 1) as f64) as usize;
            items.swap(last, place);
        }
    }
}

/// Fowler, Noll and Vo's hash: the same number for a name on every machine.
fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
