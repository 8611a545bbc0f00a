//! A share of a plan: what one process runs of it where several run it together.
//!
//! A [`Share`] is one of n, written `2/4`. What is shared out makes the [`Portion`]: a *shard* has whole blocks, and a
//! *part* has some of the users of every trial.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One of so many equal shares, counted from 1: `2/4`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Share {
    // In this order, so that shares of one number sort by their own.
    of: u32,
    number: u32,
}

/// A text or a pair of numbers that is not a share.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    /// No pair of numbers.
    #[error("expected i/n, for example `2/4` for the second of four, and not `{0}`")]
    Notation(String),
    /// There is no such share among so many.
    #[error("there is no `{number}/{of}`: the first is `1/{last}`, the last `{last}/{last}`", last = (*.of).max(1))]
    Range {
        /// The number that was asked for.
        number: u32,
        /// How many there are.
        of: u32,
    },
}

impl Share {
    /// The only one there is.
    pub const WHOLE: Self = Self { of: 1, number: 1 };

    /// Share `number` of `of`.
    ///
    /// # Errors
    /// `number` is not from 1 to `of`.
    pub const fn new(number: u32, of: u32) -> Result<Self, ShareError> {
        if number == 0 || number > of { Err(ShareError::Range { number, of }) } else { Ok(Self { of, number }) }
    }

    /// Which one it is, from 1.
    pub const fn number(self) -> u32 {
        self.number
    }

    /// How many there are.
    pub const fn of(self) -> u32 {
        self.of
    }

    /// Whether item `item` (from 1) is in this share. Items are dealt out in turn, as cards are: item k goes to share
    /// 1 + (k − 1) mod n.
    pub const fn has(self, item: u32) -> bool {
        item > 0 && (item - 1) % self.of == self.number - 1
    }

    /// The items of this share among `1..=total`.
    pub fn items(self, total: u32) -> impl Iterator<Item = u32> {
        (self.number..=total).step_by(self.of as usize)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/{}", self.number, self.of))
    }
}

impl FromStr for Share {
    type Err = ShareError;

    fn from_str(text: &str) -> Result<Self, ShareError> {
        // Not `parse` alone, which takes `+2`, too: a name of a file is made of this.
        let whole =
            |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten();
        let numbers = text.split_once('/').and_then(|(number, of)| whole(number).zip(whole(of)));
        let (number, of) = numbers.ok_or_else(|| ShareError::Notation(text.to_owned()))?;
        Self::new(number, of)
    }
}

impl From<Share> for String {
    fn from(share: Share) -> Self {
        share.to_string()
    }
}

impl TryFrom<String> for Share {
    type Error = ShareError;

    fn try_from(text: String) -> Result<Self, ShareError> {
        text.parse()
    }
}

/// What one process runs of a plan that several run together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Portion {
    /// Whole blocks, so that every host runs every cell and control: block b goes to shard 1 + (b − 1) mod n.
    Shard(Share),
    /// Some of the users of every trial: user u goes to part 1 + (u − 1) mod n, and keeps its number.
    Part(Share),
}

impl Portion {
    /// `shard` or `part`.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Shard(_) => "shard",
            Self::Part(_) => "part",
        }
    }

    /// Which one it is of how many.
    pub const fn share(self) -> Share {
        match self {
            Self::Shard(share) | Self::Part(share) => share,
        }
    }

    /// Which shard of the blocks it is, where it is one.
    pub const fn shard(self) -> Option<Share> {
        match self {
            Self::Shard(share) => Some(share),
            Self::Part(_) => None,
        }
    }

    /// Which part of the users it is, where it is one.
    pub const fn part(self) -> Option<Share> {
        match self {
            Self::Shard(_) => None,
            Self::Part(share) => Some(share),
        }
    }

    /// The name of its folder below the run's when it is whole: `shard-2-of-4`.
    pub fn folder_name(self) -> String {
        format!("{}-{}-of-{}", self.kind(), self.share().number(), self.share().of())
    }

    /// The name of its folder until it is whole: `.shard-2-of-4.partial`.
    pub fn partial_name(self) -> String {
        format!(".{}.partial", self.folder_name())
    }

    /// The portion whose folder, whole or not, has this name.
    pub fn of_folder_name(name: &str) -> Option<Self> {
        let whole = name.strip_prefix('.').and_then(|name| name.strip_suffix(".partial")).unwrap_or(name);
        let (kind, share) = whole.split_once('-')?;
        let share: Share = share.replacen("-of-", "/", 1).parse().ok()?;
        let portion = match kind {
            "shard" => Self::Shard(share),
            "part" => Self::Part(share),
            _ => return None,
        };
        // `shard-02-of-4` is not a name that this program gave.
        (portion.folder_name() == whole).then_some(portion)
    }
}

impl fmt::Display for Portion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{} {}", self.kind(), self.share()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_in_exactly_one_share_and_shares_differ_by_one_at_most() {
        for of in 1..=7 {
            let shares: Vec<_> = (1..=of).map(|number| Share::new(number, of).unwrap()).collect();
            for total in 0..30 {
                for item in 1..=total {
                    assert_eq!(shares.iter().filter(|share| share.has(item)).count(), 1, "{item} of {total} in {of}");
                }
                let sizes: Vec<_> = shares.iter().map(|share| share.items(total).count()).collect();
                assert_eq!(sizes.iter().sum::<usize>(), total as usize);
                assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1, "{sizes:?}");
                assert!(shares.iter().all(|share| share.items(total).all(|item| share.has(item))));
            }
        }
    }

    #[test]
    fn what_is_no_share_is_refused_with_what_to_write() {
        let say = |text: &str| text.parse::<Share>().unwrap_err().to_string();
        for text in ["", "2", "/", "2/", "/4", "a/b", "-1/4", "+1/4", "1/4/2", " 1/4", "4294967296/4294967296"] {
            assert_eq!(say(text), format!("expected i/n, for example `2/4` for the second of four, and not `{text}`"));
        }
        assert_eq!(say("5/4"), "there is no `5/4`: the first is `1/4`, the last `4/4`");
        assert_eq!(say("0/4"), "there is no `0/4`: the first is `1/4`, the last `4/4`");
        assert_eq!(say("0/0"), "there is no `0/0`: the first is `1/1`, the last `1/1`");
        assert_eq!("2/4".parse(), Share::new(2, 4));
    }

    #[test]
    fn a_folders_name_tells_its_portion_and_no_other_name_does() {
        for portion in [Portion::Shard(Share::new(2, 4).unwrap()), Portion::Part(Share::new(10, 10).unwrap())] {
            assert_eq!(Portion::of_folder_name(&portion.folder_name()), Some(portion));
            assert_eq!(Portion::of_folder_name(&portion.partial_name()), Some(portion));
        }
        let others = [
            "",
            "shard",
            "shard-2-of-1",
            "shard-02-of-4",
            "shard-1-of-4.partial",
            ".shard-1-of-4",
            "part-1-4",
            "x-1-of-2",
        ];
        for name in others {
            assert_eq!(Portion::of_folder_name(name), None, "{name}");
        }
    }
}
