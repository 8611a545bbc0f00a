//! A server's idle timer, found by what it leaves behind: ends after standstills of one length. Slow transfers that are
//! broken look like standstills, too, but of any length.

use crate::verdict::evidence::needed::median;

/// How long transfers stood still before something ended them, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::verdict) struct IdleTimer(i64);

impl IdleTimer {
    /// The timer that most of the standstills before a break agree on, each with whether its end owes nothing to an expiry; `None`
    /// if there are fewer than three, or if they do not agree. A head that lies unread past its expiry leaves a standstill, too:
    /// one of them at least must be of a link that lived, or of no link.
    pub(in crate::verdict) fn of(standstills: &[(i64, bool)]) -> Option<Self> {
        let timer = Self(median(&mut standstills.iter().map(|(length, _)| *length).collect::<Vec<_>>())?);
        let agree = || standstills.iter().filter(|(length, _)| timer.is_close(*length, AGREE));
        let is_timer = standstills.len() >= LEAST && 2 * agree().count() > standstills.len();
        (is_timer && agree().any(|(_, alive)| *alive)).then_some(timer)
    }

    /// Whether a standstill of this length is one that the timer ends.
    pub(in crate::verdict) fn fits(self, standstill: i64) -> bool {
        self.is_close(standstill, FITS)
    }

    fn is_close(self, standstill: i64, share: f64) -> bool {
        (standstill - self.0).abs() as f64 <= share * self.0 as f64
    }
}

const LEAST: usize = 3;
/// The bytes confirmed account for the time before to within some percent of the duration needed.
const AGREE: f64 = 0.1;
/// Once there is a timer, shorter stalls before the last one may stretch the duration needed.
const FITS: f64 = 0.5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_ends_living_links_too() {
        let like = |alive| [(20_000_000, false), (20_300_000, alive), (19_900_000, false)];
        assert_eq!(IdleTimer::of(&like(true)), Some(IdleTimer(20_000_000)));
        assert_eq!(IdleTimer::of(&like(false)), None);
        assert_eq!(IdleTimer::of(&like(true)[..2]), None);
    }

    #[test]
    fn a_timer_fits_what_is_about_as_long() {
        let timer = IdleTimer(20_000_000);
        assert!(timer.fits(21_500_000) && timer.fits(18_000_000));
        assert!(!timer.fits(31_000_000) && !timer.fits(9_000_000));
    }
}
