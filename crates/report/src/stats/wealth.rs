//! Evidence that may be looked at while it grows: what is won by betting against chance, trial by trial.

/// What betting on one window has won; it begins with 1.
///
/// Of trial i, xᵢ is the share of its ends in flight that fall within the window, and wᵢ the window's share of their time at risk.
/// The null: whatever came before, xᵢ has a mean of at most wᵢ. How the users of one trial hang together does not matter, since
/// only their mean enters. A stake f between 0 and 1, laid down beforehand, multiplies what there is by 1 − f + f·xᵢ/wᵢ, which is
/// never negative and at most 1 on average. Four stakes are laid side by side:
///
/// W = ¼ · Σ over f in {¼, ½, ¾, 0.95} of Π over i of (1 − f + f·xᵢ/wᵢ)
///
/// Under the null W is a nonnegative supermartingale that begins with 1. By Ville's inequality it ever reaches 1/α with a
/// probability of at most α, however often somebody looks, and whenever they stop.
///
/// Sources: I. Waudby-Smith and A. Ramdas, "Estimating means of bounded random variables by betting", Journal of the Royal
/// Statistical Society B 86 (2024); J. Ville, "Étude critique de la notion de collectif" (1939).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Wealth {
    /// The logarithm of what each stake has made of 1.
    won: [f64; STAKES.len()],
}

impl Wealth {
    /// Takes in one trial: of its ends `within` is the share in the window, and `chance` is the window's share of their time at
    /// risk. A trial without an end in flight bets nothing and is left out.
    pub fn bet(&mut self, within: f64, chance: f64) {
        let times = within.clamp(0.0, 1.0) / chance.clamp(LEAST_CHANCE, 1.0);
        for (won, stake) in self.won.iter_mut().zip(STAKES) {
            *won += (1.0 - stake + stake * times).ln();
        }
    }

    /// What there is now.
    pub fn value(&self) -> f64 {
        self.won.iter().map(|won| won.exp()).sum::<f64>() / STAKES.len() as f64
    }
}

/// What there is of 1 that was laid in equal parts on several windows: by the same argument at most 1 on average.
pub fn mixed(windows: &[Wealth]) -> f64 {
    windows.iter().map(Wealth::value).sum::<f64>() / windows.len().max(1) as f64
}

/// None is the whole: what loses once would be lost for good.
const STAKES: [f64; 4] = [0.25, 0.5, 0.75, 0.95];
/// A window is never taken to hold less of the time: no clock is known so well.
const LEAST_CHANCE: f64 = 0.001;

#[cfg(test)]
mod tests {
    use ttlsweep_simulate::chance::{Chance, Seeds};

    use super::super::fixture::assert_close;
    use super::*;

    #[test]
    fn two_trials_worked_by_hand() {
        let mut wealth = Wealth::default();
        assert_close(wealth.value(), 1.0, 1e-12, 0.0);
        // All ends in a tenth of the time: 3.25, 5.5, 7.75 and 9.55.
        wealth.bet(1.0, 0.1);
        assert_close(wealth.value(), 6.5125, 1e-12, 0.0);
        // Then none: what stays is three quarters, a half, a quarter and a twentieth.
        wealth.bet(0.0, 0.1);
        assert_close(wealth.value(), (2.4375 + 2.75 + 1.9375 + 0.4775) / 4.0, 1e-12, 0.0);
        assert_close(mixed(&[wealth, Wealth::default()]), (1.900_625 + 1.0) / 2.0, 1e-12, 0.0);
    }

    #[test]
    fn a_fair_bet_wins_nothing_on_average() {
        for chance in [0.002_f64, 0.02, 0.12, 0.5, 0.9] {
            for share in [0.2, 0.5, 1.0] {
                // Of all trials as many have this share within as make its mean the window's.
                let often = (chance / share).min(1.0);
                let [mut hit, mut missed] = [Wealth::default(); 2];
                hit.bet(share, chance);
                missed.bet(0.0, chance);
                let mean = often * hit.value() + (1.0 - often) * missed.value();
                assert!(mean <= 1.0 + 1e-12, "{chance} {share}: {mean}");
            }
        }
    }

    /// Of so many sequences of 40 trials, how many ever came to 20: all four users of a trial share its fate.
    fn ever_twenty(sequences: u64, window: f64, taken_for: f64) -> u64 {
        let reached = |number: &u64| {
            let mut chance = Chance::new(Seeds::Development, "wealth", "40", *number);
            let mut wealth = Wealth::default();
            (0..40).any(|_| {
                wealth.bet(f64::from(u8::from(chance.happens(window))), taken_for);
                wealth.value() >= 20.0
            })
        };
        (0..sequences).filter(reached).count() as u64
    }

    #[test]
    fn under_the_null_at_most_one_sequence_in_twenty_ever_comes_to_twenty() {
        // Three standard deviations above 5 % of 4,000 are 241.
        for window in [0.02, 0.12, 0.4] {
            let reached = ever_twenty(4_000, window, window);
            assert!(reached <= 200, "{window}: {reached} of 4,000");
        }
        // The same would be seen to fail: a window that holds three times what it is taken for.
        assert!(ever_twenty(4_000, 0.12, 0.04) > 1_000);
    }

    #[test]
    fn the_users_of_a_trial_may_hang_together_as_they_like() {
        // A stake on each user by itself would take four that share a fate for four witnesses: one trial would do.
        let (mut one, mut four) = (Wealth::default(), Wealth::default());
        one.bet(1.0, 0.05);
        (0..4).for_each(|_| four.bet(1.0, 0.05));
        assert!(one.value() < 20.0 && four.value() > 10_000.0);
        // What counts is their share: half of two are worth as much as half of eight.
        let (mut two, mut eight) = (Wealth::default(), Wealth::default());
        two.bet(1.0 / 2.0, 0.05);
        eight.bet(4.0 / 8.0, 0.05);
        assert_eq!(two, eight);
    }
}
