//! One cell of a run, or one between its cells, by size, cap and users.

use std::collections::BTreeSet;

use ttlsweep_record::{BitRate, ByteCount, Cell};

use super::advice::{Advice, Family};
use super::error::TtlError;
use super::fit::load_of;
use super::words::{self, listed, spaced, whole_seconds};

/// The settings that are asked about; `None` for any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) size: Option<ByteCount>,
    pub(super) bandwidth: Option<BitRate>,
    pub(super) users: Option<u32>,
}

/// An answer between the cells that ran: an estimate, not a bound.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Between {
    pub(super) label: String,
    pub(super) head_s: u64,
    pub(super) end_s: u64,
}

impl Asked {
    fn matches(&self, cell: &Cell) -> bool {
        self.size.is_none_or(|size| size == cell.size_bytes)
            && self.bandwidth.is_none_or(|rate| cell.bandwidth_bps == Some(rate))
            && self.users.is_none_or(|users| users == cell.users)
    }

    const fn is_anything(&self) -> bool {
        self.size.is_none() && self.bandwidth.is_none() && self.users.is_none()
    }
}

/// Keeps of `advice` the cells that are asked about. If there are none, what a fit says of a cell between them.
pub(super) fn answer(advice: &mut Advice, asked: &Asked) -> Result<Option<Between>, TtlError> {
    if asked.is_anything() {
        return Ok(None);
    }
    if advice.cells.iter().any(|one| asked.matches(&one.group.cell)) {
        advice.cells.retain(|one| asked.matches(&one.group.cell));
        advice.families.clear();
        return Ok(None);
    }
    let swept = Swept::of(advice.cells.iter().map(|one| &one.group.cell));
    let found = advice.families.iter().find_map(|family| between(advice, family, asked).transpose());
    found.map(|between| between.map(Some)).unwrap_or_else(|| {
        Err(TtlError::Asked(format!(
            "the runs have no such cell, and it is not between those that they have, which are {swept}; beyond them there is \
             arithmetic: ttlsweep ttl --size SIZE --bandwidth RATE --users N, without a run"
        )))
    })
}

/// What a family's lines say; `None` if it has none, or if the cell is not between its own.
fn between(advice: &Advice, family: &Family, asked: &Asked) -> Result<Option<Between>, TtlError> {
    let (Some(head), Some(end)) = (&family.head, &family.end) else { return Ok(None) };
    let swept = Swept::of(family.cells.iter().map(|at| &advice.cells[*at].group.cell));
    let size = one_of(asked.size, &swept.sizes, "--size", |size| spaced(&size.to_string()))?;
    let rate = one_of(asked.bandwidth, &swept.rates, "--bandwidth", |rate| spaced(&rate.to_string()))?;
    let users = one_of(asked.users, &swept.users, "--users", u32::to_string)?;
    if !(is_within(&size, &swept.sizes) && is_within(&rate, &swept.rates) && is_within(&users, &swept.users)) {
        return Ok(None);
    }
    let load = load_of(size.0, users, rate);
    let ttl_s = |fit: &super::fit::Fit| whole_seconds(fit.ttl_us(load, advice.risk));
    let label = words::load(u64::from(users), &size.to_string(), &spaced(&rate.to_string()));
    Ok(Some(Between { label, head_s: ttl_s(head), end_s: ttl_s(end) }))
}

fn one_of<T: Ord + Copy>(
    asked: Option<T>,
    swept: &BTreeSet<T>,
    option: &str,
    words: impl Fn(&T) -> String,
) -> Result<T, TtlError> {
    match (asked, swept.len(), swept.first()) {
        (Some(asked), ..) => Ok(asked),
        (None, 1, Some(only)) => Ok(*only),
        _ => Err(TtlError::Asked(format!(
            "the runs have no such cell; to ask between those that they have, say {option}, too ({})",
            listed(&swept.iter().map(words).collect::<Vec<_>>())
        ))),
    }
}

fn is_within<T: Ord>(value: &T, swept: &BTreeSet<T>) -> bool {
    swept.first().is_some_and(|first| first <= value) && swept.last().is_some_and(|last| value <= last)
}

/// What runs have swept.
struct Swept {
    sizes: BTreeSet<ByteCount>,
    rates: BTreeSet<BitRate>,
    users: BTreeSet<u32>,
    has_no_cap: bool,
}

impl Swept {
    fn of<'a>(cells: impl Iterator<Item = &'a Cell>) -> Self {
        let mut swept =
            Self { sizes: BTreeSet::new(), rates: BTreeSet::new(), users: BTreeSet::new(), has_no_cap: false };
        for cell in cells {
            swept.sizes.insert(cell.size_bytes);
            swept.rates.extend(cell.bandwidth_bps);
            swept.users.insert(cell.users);
            swept.has_no_cap |= cell.bandwidth_bps.is_none();
        }
        swept
    }
}

impl std::fmt::Display for Swept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let all = |words: Vec<String>| listed(&words);
        let full = self.has_no_cap.then(|| "full speed".to_owned());
        write!(
            f,
            "of {} users, {}, at {}",
            all(self.users.iter().map(u32::to_string).collect()),
            all(self.sizes.iter().map(|size| spaced(&size.to_string())).collect()),
            all(self.rates.iter().map(|rate| spaced(&rate.to_string())).chain(full).collect()),
        )
    }
}
