//! From which age on links were refused: policies on `s3:signatureAge`, sessions that ended, and clocks that are held against
//! the link's date all show in the link's age, and in nothing else.

use crate::prose::{of, share};
use crate::stats::fisher_greater;

/// The age that parts refused links from served ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::verdict) struct Ages {
    /// The least age of a link that was refused on the far side, in microseconds.
    from_us: i64,
    /// Links of this age and older: all, and refused.
    older: (u64, u64),
    /// Younger ones: all, and refused.
    younger: (u64, u64),
    /// The greatest age of those.
    up_to_us: i64,
}

impl Ages {
    /// The age that parts `links` best, each with its age in microseconds and whether it was refused; `None` if age does not
    /// part them.
    pub(in crate::verdict) fn part(mut links: Vec<(i64, bool)>) -> Option<Self> {
        links.sort_unstable();
        let all = links.len() as u64;
        let refused_of = |some: &[(i64, bool)]| some.iter().filter(|(_, refused)| *refused).count() as u64;
        let refused = refused_of(&links);
        let mut best: Option<(f64, Self)> = None;
        let mut younger = (0, 0);
        for (at, (age, was)) in links.iter().enumerate() {
            if *was && (at == 0 || links[at - 1].0 < *age) {
                let older = (all - younger.0, refused - younger.1);
                let rate = |(all, hit): (u64, u64)| if all == 0 { 0.0 } else { hit as f64 / all as f64 };
                let gap = rate(older) - rate(younger);
                if younger.0 > 0 && best.is_none_or(|(found, _)| gap > found) {
                    best = Some((gap, Self { from_us: *age, older, younger, up_to_us: links[at - 1].0 }));
                }
            }
            younger = (younger.0 + 1, younger.1 + u64::from(*was));
        }
        let (gap, ages) = best?;
        let p = fisher_greater(ages.older.1, ages.older.0, ages.younger.1, ages.younger.0);
        (gap > 0.5 && p <= 0.05).then_some(ages)
    }

    /// `11 of 11 links of 4.0 s and older were refused, 0 of 14 younger`.
    pub(in crate::verdict) fn sentence(self) -> String {
        let (all, hit) = self.older;
        format!(
            "{} links of {} and older were refused, {} younger (up to {})",
            share(hit, all),
            self.from(),
            of(self.younger.1, self.younger.0),
            shown(self.up_to_us),
        )
    }

    /// `4.0 s`.
    pub(in crate::verdict) fn from(self) -> String {
        shown(self.from_us)
    }
}

fn shown(micros: i64) -> String {
    match micros as f64 / 1e6 {
        seconds if seconds < 120.0 => format!("{seconds:.1} s"),
        seconds => format!("{:.1} min", seconds / 60.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_is_found_that_parts_refused_links_from_served_ones() {
        let links = (0..25).map(|at| (at * 290_000 + 5_000, at >= 14)).collect();
        let ages = Ages::part(links).unwrap();
        assert_eq!(ages.sentence(), "11 of 11 links of 4.1 s and older were refused, 0 of 14 younger (up to 3.8 s)");
    }

    #[test]
    fn where_age_parts_nothing_nothing_is_said() {
        assert_eq!(Ages::part((0..20).map(|at| (at * 100_000, true)).collect()), None);
        assert_eq!(Ages::part((0..20).map(|at| (at * 100_000, at % 2 == 0)).collect()), None);
        assert_eq!(Ages::part(Vec::new()), None);
    }
}
