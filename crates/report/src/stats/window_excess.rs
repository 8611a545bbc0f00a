use super::binomial_tail;

/// What [`window_excess`] found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct WindowExcess {
    /// Trials with an event in flight.
    pub events: u64,
    /// Of these, the ones whose event fell within the window.
    pub in_window: u64,
    /// The share of at-risk time that the window holds, averaged over the trials with an event.
    pub share: f64,
    /// How likely that many or more are if events fall anywhere in the time at risk.
    pub p: f64,
}

/// Whether events fall within a window more often than its share of the time at risk explains.
///
/// One entry a trial that had an event, and one event a trial at most: `(in the window, the window's share of that trial's
/// time at risk)`. Under the null each event falls into its window with the probability of its share, so their number is
/// Poisson-binomial; its tail is summed exactly, and is the binomial tail where all shares agree. Nothing for fewer than
/// three trials, where the test says nothing.
pub(crate) fn window_excess(events: &[(bool, f64)]) -> Option<WindowExcess> {
    if events.len() < LEAST_TRIALS {
        return None;
    }
    let in_window = events.iter().filter(|(hit, _)| *hit).count();
    let shares: Vec<f64> = events.iter().map(|(_, share)| share.clamp(0.0, 1.0)).collect();
    let (n, mean) = (events.len() as u64, shares.iter().sum::<f64>() / events.len() as f64);
    let p = if shares.len() > MOST_EXACT {
        // Hoeffding (1956): at and beyond the mean the binomial with the mean share has the heavier tail, so that this
        // errs on the safe side; below the mean nothing is claimed.
        if in_window as f64 > mean * n as f64 + 1.0 { binomial_tail(in_window as u64, n, mean) } else { 1.0 }
    } else {
        tail(&shares, in_window)
    };
    Some(WindowExcess { events: n, in_window: in_window as u64, share: mean, p })
}

/// P(at least `k` of independent events with these probabilities): the counts' distribution, built event by event.
fn tail(shares: &[f64], k: usize) -> f64 {
    // `below[i]`: exactly i so far; the last entry gathers k or more, so that small tails are sums of small numbers.
    let mut counts = vec![0.0; k + 1];
    counts[0] = 1.0;
    for share in shares {
        for i in (0..=k).rev() {
            let stays = if i == k { counts[i] } else { counts[i] * (1.0 - share) };
            counts[i] = stays + if i > 0 { counts[i - 1] * share } else { 0.0 };
        }
    }
    counts[k].min(1.0)
}

/// With fewer trials no share of time makes a coincidence unlikely enough.
const LEAST_TRIALS: usize = 3;
/// Beyond this the exact sum, quadratic in the trials, takes noticeable time.
const MOST_EXACT: usize = 5000;

#[cfg(test)]
mod tests {
    use super::super::fixture::{assert_close, number, numbers, rows};
    use super::*;

    #[test]
    fn tails_agree_with_the_sum_over_all_outcomes() {
        for row in rows(include_str!("../../tests/data/window_excess.csv")) {
            assert_close(tail(&numbers(row[1]), row[0].parse().unwrap()), number(row[2]), 1e-12, 1e-300);
        }
    }

    #[test]
    fn three_of_three_in_a_twentieth_of_the_time_is_one_in_eight_thousand() {
        let found = window_excess(&[(true, 0.05); 3]).unwrap();
        assert_close(found.p, 0.05f64.powi(3), 1e-12, 0.0);
        assert_eq!((found.events, found.in_window), (3, 3));
    }

    #[test]
    fn two_trials_say_nothing() {
        assert_eq!(window_excess(&[(true, 0.001); 2]), None);
    }

    #[test]
    fn many_trials_take_the_binomial_bound() {
        let events: Vec<_> = (0..6000).map(|at| (at % 10 == 0, 0.05)).collect();
        let found = window_excess(&events).unwrap();
        assert_close(found.p, binomial_tail(600, 6000, 0.05), 1e-9, 0.0);
        let fair: Vec<_> = (0..6000).map(|at| (at % 20 == 0, 0.05)).collect();
        assert_eq!(window_excess(&fair).unwrap().p, 1.0);
    }
}
