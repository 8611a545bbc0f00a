//! Bounds, chances and times as one would say them.

use super::next::minutes;
use crate::prose::{count, percent};
use crate::stats::{trials_for_bound, upper_bound};
use crate::verdict::ruling::TargetRuling;

/// What a NO still allows, and what would narrow it.
pub(super) fn sentence(target: &TargetRuling) -> String {
    let ([_, hits], trials) = (target.seen.trials_hit, target.seen.trials);
    let bound = upper_bound(hits, trials);
    let now = format!("at most {} of such trials may still be cut ({})", percent(bound), one_in(bound));
    match target.narrower() {
        Some(more) => {
            let time = more.time_us.map(|time| format!(", {}", minutes(time))).unwrap_or_default();
            format!("{now}; {}{time}, would bring it to {}", count(more.blocks, "more block"), one_in(more.bound))
        }
        None => now,
    }
}

/// What it takes to halve a bound.
pub(super) struct Narrower {
    /// So many more blocks.
    pub(super) blocks: u64,
    /// What they take.
    pub(super) time_us: Option<u64>,
    /// The bound that they would leave if no more trials are cut.
    pub(super) bound: f64,
}

impl TargetRuling {
    /// What would halve the bound.
    pub(super) fn narrower(&self) -> Option<Narrower> {
        let ([_, hits], trials) = (self.seen.trials_hit, self.seen.trials);
        let goal = upper_bound(hits, trials) / 2.0;
        let a_block = trials as f64 / self.seen.blocks.max(1) as f64;
        if trials == 0 {
            return None;
        }
        let enough = |n: &u64| upper_bound(hits, *n) <= goal;
        let needed = if hits == 0 { trials_for_bound(goal) } else { (trials..20 * trials).find(enough)? };
        let blocks = ((needed - trials) as f64 / a_block).ceil() as u64;
        let time_us = self.again.as_ref().and_then(|again| again.block_us).map(|each| each * blocks);
        Some(Narrower { blocks, time_us, bound: upper_bound(hits, trials + (blocks as f64 * a_block) as u64) })
    }
}

/// `about 1 in 5`
fn one_in(share: f64) -> String {
    match 1.0 / share.max(1e-9) {
        n if n < 1.5 => "nearly all".to_owned(),
        n if n < 10.0 => format!("about 1 in {n:.0}"),
        n => format!("about 1 in {:.0}", n),
    }
}

/// How rarely chance does it, for `p`.
pub(super) fn once_in(p: f64) -> &'static str {
    match p {
        p if p <= 1e-9 => "less than once in a billion runs",
        p if p <= 1e-6 => "less than once in a million runs",
        p if p <= 1e-4 => "less than once in ten thousand runs",
        p if p <= 1e-3 => "less than once in a thousand runs",
        _ => "less than once in a hundred runs",
    }
}

/// Seconds, rounded up to what a reader remembers: `0.03 s`, `0.1 s`, `2 s`.
pub(super) fn seconds_up(seconds: f64) -> String {
    match seconds {
        s if s <= 0.01 => "0.01 s".to_owned(),
        s if s <= 0.1 => format!("{:.2} s", (s * 100.0).ceil() / 100.0).replace("0.10", "0.1"),
        s if s <= 1.0 => format!("{:.1} s", (s * 10.0).ceil() / 10.0).replace("1.0", "1"),
        s => format!("{:.0} s", s.ceil()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_and_times_read_as_one_would_say_them() {
        let shown = [0.52, 0.31, 0.16, 0.05, 0.9].map(one_in);
        assert_eq!(shown, ["about 1 in 2", "about 1 in 3", "about 1 in 6", "about 1 in 20", "nearly all"]);
        let shown = [0.0, 0.024, 0.093, 0.31, 0.99, 1.02].map(seconds_up);
        assert_eq!(shown, ["0.01 s", "0.03 s", "0.1 s", "0.4 s", "1 s", "2 s"]);
    }
}
