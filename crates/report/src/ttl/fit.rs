//! Between the cells that ran: needs as a line over the time that a trial's bytes take at the cap.

use ttlsweep_record::{BandwidthPer, BitRate, Cell, Presign};

use super::bound::spare;
use super::lateness::{Group, Need, TrialNeed};
use super::risk::Risk;

/// What a fit is made of: which need, and for people what it is of.
pub(crate) type Which = fn(&TrialNeed) -> Need;

/// need ≈ a + b · size · users / rate, in seconds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fit {
    /// a, in seconds.
    pub a: f64,
    /// b.
    pub b: f64,
    /// The trials that it was made of.
    pub trials: u64,
    /// The needs over what the line says, ascending.
    ratios: Vec<f64>,
}

impl Fit {
    /// The fit of all groups with a cap; `None` if they all take the same time, or if there are fewer than three trials.
    pub(crate) fn of(groups: &[&Group], which: Which) -> Option<Self> {
        let points = groups.iter().filter_map(|group| Some((group, load_s(&group.cell)?)));
        let points = points.flat_map(|(group, load)| {
            let known = group.trials.iter().filter_map(move |trial| which(trial).known());
            known.map(move |us| (load, us as f64 / 1e6))
        });
        let points: Vec<(f64, f64)> = points.collect();
        let (a, b) = least_squares(&points)?;
        let at = |load: f64| a + b * load;
        let mut ratios: Vec<f64> = points.iter().map(|(load, need)| need / at(*load)).collect();
        // A line that comes near nothing within its own data says nothing.
        if points.iter().any(|(load, _)| at(*load) <= 0.0) {
            return None;
        }
        ratios.sort_by(f64::total_cmp);
        Some(Self { a, b, trials: points.len() as u64, ratios })
    }

    /// What the line says of a trial whose bytes take `load` seconds, raised to the residual that `risk` asks for, or to the
    /// largest. An estimate, not a bound.
    pub(crate) fn ttl_us(&self, load: f64, risk: Risk) -> i64 {
        let refused = spare(self.trials, risk.share()).unwrap_or(0) as usize;
        let ratio = self.ratios[self.ratios.len() - 1 - refused];
        ((self.a + self.b * load) * ratio.max(1.0) * 1e6).ceil() as i64
    }

    /// By how much needs lie above the line at most, as a factor.
    pub(crate) fn most_above(&self) -> f64 {
        self.ratios.last().copied().unwrap_or(1.0)
    }
}

/// Intercept and slope of the least-squares line through `(x, y)`; `None` for fewer than three points, or if x never varies.
fn least_squares(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    let n = points.len() as f64;
    let (mean_x, mean_y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0 / n, y + point.1 / n));
    let spread: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    let b = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum::<f64>() / spread;
    (points.len() >= 3 && spread > 0.0).then_some((mean_y - b * mean_x, b))
}

/// How long the bytes of a trial, or of a user with a cap of its own, take at the cap, in seconds; `None` without a cap.
pub(crate) fn load_s(cell: &Cell) -> Option<f64> {
    let transfers = match cell.presign {
        Presign::PerTransfer => 1,
        // Links that are made ahead wait for all that comes before.
        Presign::PerUser => cell.transfers_per_user?,
    };
    let users = if cell.bandwidth_per == BandwidthPer::Trial { cell.users } else { 1 };
    Some(load_of(cell.size_bytes.0, users, cell.bandwidth_bps?) * f64::from(transfers))
}

/// The same for one transfer of each of `users` that share `rate`.
pub(crate) fn load_of(size_bytes: u64, users: u32, rate: BitRate) -> f64 {
    size_bytes as f64 * 8.0 * f64::from(users) / rate.bits_per_second() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_through_points_is_found_and_one_place_makes_none() {
        // y = 1 + 2x, with residuals that neither lift nor turn the line.
        let (a, b) = least_squares(&[(1.0, 3.1), (2.0, 4.8), (3.0, 7.1), (4.0, 9.0)]).unwrap();
        assert!((a - 1.0).abs() < 1e-9 && (b - 2.0).abs() < 1e-9, "{a} {b}");
        assert_eq!(least_squares(&[(1.0, 3.0); 5]), None);
        assert_eq!(least_squares(&[(1.0, 3.0), (2.0, 4.0)]), None);
    }
}
