use statrs::function::gamma::{gamma_lr, gamma_ur};

use super::Interval;

/// Events over a stretch of time at risk: one piece of a piecewise-exponential hazard.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(crate) struct Hazard {
    /// Events.
    pub events: u64,
    /// Time at risk, added up, in seconds.
    pub seconds: f64,
}

impl Hazard {
    /// Events a second at risk; `None` if there was no time at risk.
    pub(crate) fn rate(&self) -> Option<f64> {
        (self.seconds > 0.0).then(|| self.events as f64 / self.seconds)
    }

    /// The rate's exact 95 % interval, from [`poisson_interval`].
    pub(crate) fn interval(&self) -> Option<Interval> {
        let mean = poisson_interval(self.events);
        (self.seconds > 0.0).then(|| Interval { low: mean.low / self.seconds, high: mean.high / self.seconds })
    }
}

/// Garwood's exact 95 % interval (Biometrika 1936) for a Poisson mean of which `events` were seen: the quantiles of Gamma
/// at events and at events + 1. No events give 0 to 3.69.
pub(crate) fn poisson_interval(events: u64) -> Interval {
    let k = events as f64;
    // Far beyond both ends for any count.
    let far = k + 20.0 * (k + 1.0).sqrt() + 20.0;
    let low = if events == 0 { 0.0 } else { bisect(0.0, far, |mean| gamma_lr(k, mean) < 0.025) };
    let high = bisect(0.0, far, |mean| gamma_ur(k + 1.0, mean) > 0.025);
    Interval { low, high }
}

/// The place between `low` and `high` up to which `below` holds.
fn bisect(mut low: f64, mut high: f64, below: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        if below(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{assert_close, number, rows};
    use super::*;

    #[test]
    fn intervals_agree_with_scipy() {
        for row in rows(include_str!("../../tests/data/poisson_interval.csv")) {
            let found = poisson_interval(row[0].parse().unwrap());
            assert_close(found.low, number(row[1]), 1e-9, 1e-9);
            assert_close(found.high, number(row[2]), 1e-9, 1e-9);
        }
    }

    #[test]
    fn rates_are_events_over_time() {
        let hazard = Hazard { events: 5, seconds: 10.0 };
        assert_eq!(hazard.rate(), Some(0.5));
        let interval = hazard.interval().unwrap();
        assert!(interval.low < 0.5 && 0.5 < interval.high);
        assert_eq!(Hazard::default().rate(), None);
        assert_eq!(Hazard::default().interval(), None);
    }
}
