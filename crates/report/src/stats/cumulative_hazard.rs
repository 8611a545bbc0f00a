use std::collections::HashMap;

/// A stretch of time during which one subject could have had an event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spell {
    /// The unit that it belongs to: spells of one unit share a fate.
    pub unit: u32,
    /// When it came under observation; it is at risk right after.
    pub enters: f64,
    /// When it had its event or left.
    pub leaves: f64,
    /// Whether it left by an event.
    pub event: bool,
}

/// One step of a cumulative hazard.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct CumulativeHazard {
    /// When.
    pub time: f64,
    /// Subjects at risk there.
    pub at_risk: u64,
    /// The cumulative hazard from there on.
    pub hazard: f64,
    /// The lower end of its 95 % interval, over units.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// Nelson and Aalen's cumulative hazard (Annals of Statistics 1978) of spells that come late and leave early, at each of
/// `times`, which must be in order.
///
/// The interval's variance is a sum over units of the squared martingale residuals (Spiekerman and Lin, JASA 1998), so that a
/// unit whose spells all end at once counts as one event and not as many; its ends are taken on the logarithmic scale.
/// `at_risk` is counted right before each time.
pub(crate) fn cumulative_hazard(spells: &[Spell], times: &[f64]) -> Vec<CumulativeHazard> {
    let risk = AtRisk::of(spells);
    // Event by event: when, how much the hazard grows, and how much the compensators grow.
    let mut events: Vec<f64> = spells.iter().filter(|spell| spell.event).map(|spell| spell.leaves).collect();
    events.sort_by(f64::total_cmp);
    let mut steps: Vec<(f64, f64, f64)> = Vec::new();
    for same in events.chunk_by(|one, next| one == next) {
        let at_risk = risk.before(same[0]).max(1) as f64;
        let (_, hazard, squares) = steps.last().copied().unwrap_or_default();
        let events = same.len() as f64;
        steps.push((same[0], hazard + events / at_risk, squares + events / (at_risk * at_risk)));
    }
    let until = |time: f64| {
        let after = steps.partition_point(|(at, ..)| *at <= time);
        after.checked_sub(1).map_or((0.0, 0.0), |last| (steps[last].1, steps[last].2))
    };
    let variance = variances(spells, times, &risk, |time| until(time).1);
    let step = |(time, variance): (&f64, f64)| {
        let hazard = until(*time).0;
        let spread = if hazard > 0.0 { (Z * variance.sqrt() / hazard).exp() } else { 1.0 };
        CumulativeHazard {
            time: *time,
            at_risk: risk.before(*time),
            hazard,
            low: hazard / spread,
            high: hazard * spread,
        }
    };
    times.iter().zip(variance).map(step).collect()
}

/// At each time the sum over units of the square of what its spells add beyond what was to be expected of them.
fn variances(spells: &[Spell], times: &[f64], risk: &AtRisk, compensator: impl Fn(f64) -> f64) -> Vec<f64> {
    let at_times: Vec<f64> = times.iter().map(|time| compensator(*time)).collect();
    let mut units: HashMap<u32, Vec<&Spell>> = HashMap::new();
    for spell in spells {
        units.entry(spell.unit).or_default().push(spell);
    }
    let mut sums = vec![0.0; times.len()];
    let mut residuals = vec![0.0; times.len()];
    for spells in units.values() {
        residuals.fill(0.0);
        for spell in spells {
            let (entered, left) = (compensator(spell.enters), compensator(spell.leaves));
            let event = if spell.event { 1.0 / risk.before(spell.leaves).max(1) as f64 } else { 0.0 };
            let first = times.partition_point(|time| *time <= spell.enters);
            let gone = times.partition_point(|time| *time < spell.leaves);
            for at in first..times.len() {
                residuals[at] += if at < gone { entered - at_times[at] } else { event + entered - left };
            }
        }
        sums.iter_mut().zip(&residuals).for_each(|(sum, residual)| *sum += residual * residual);
    }
    sums
}

/// How many spells are at risk at a time.
struct AtRisk {
    enters: Vec<f64>,
    leaves: Vec<f64>,
}

impl AtRisk {
    fn of(spells: &[Spell]) -> Self {
        let sorted = |time: fn(&Spell) -> f64| {
            let mut times: Vec<f64> = spells.iter().map(time).collect();
            times.sort_by(f64::total_cmp);
            times
        };
        Self { enters: sorted(|spell| spell.enters), leaves: sorted(|spell| spell.leaves) }
    }

    /// Right before `time`: anyone who leaves at it is still there, anyone who enters at it is not yet.
    fn before(&self, time: f64) -> u64 {
        let entered = self.enters.partition_point(|at| *at < time);
        let left = self.leaves.partition_point(|at| *at < time);
        (entered - left.min(entered)) as u64
    }
}

/// The normal distribution's 97.5 % quantile.
const Z: f64 = 1.959_963_984_540_054;

#[cfg(test)]
mod tests {
    use super::super::fixture::{assert_close, number, numbers, rows};
    use super::*;

    #[test]
    fn agrees_with_risk_sets_of_statsmodels_and_with_a_loop_over_every_spell() {
        let mut cases = 0;
        for row in rows(include_str!("../../tests/data/cumulative_hazard.csv")) {
            let columns = [0, 1, 2, 3].map(|at| numbers(row[at]));
            let spells: Vec<Spell> = (0..columns[0].len())
                .map(|at| Spell {
                    unit: columns[3][at] as u32,
                    enters: columns[0][at],
                    leaves: columns[1][at],
                    event: columns[2][at] > 0.5,
                })
                .collect();
            let found = cumulative_hazard(&spells, &[number(row[4])])[0];
            assert_eq!(found.at_risk, row[5].parse::<u64>().unwrap());
            assert_close(found.hazard, number(row[6]), 1e-10, 1.0);
            let error = (found.high / found.hazard).ln() * found.hazard / Z;
            assert_close(error, number(row[7]), 1e-10, 1.0);
            cases += 1;
        }
        assert!(cases > 30, "only {cases}");
    }

    #[test]
    fn a_unit_that_ends_at_once_is_one_event_to_the_interval() {
        let spell = |unit| Spell { unit, enters: 0.0, leaves: 1.0 + f64::from(unit % 5) / 10.0, event: true };
        let alone: Vec<Spell> = (0..40).map(spell).collect();
        let shared: Vec<Spell> = alone.iter().map(|spell| Spell { unit: spell.unit % 5, ..*spell }).collect();
        let (alone, shared) = (cumulative_hazard(&alone, &[1.2])[0], cumulative_hazard(&shared, &[1.2])[0]);
        assert_eq!(alone.hazard, shared.hazard);
        assert!(shared.high - shared.low > 1.5 * (alone.high - alone.low), "{shared:?} {alone:?}");
    }

    #[test]
    fn nobody_at_risk_and_no_event_are_a_hazard_of_nothing() {
        assert_eq!(cumulative_hazard(&[], &[1.0])[0].hazard, 0.0);
        let stays = Spell { unit: 1, enters: 0.0, leaves: 2.0, event: false };
        let found = cumulative_hazard(&[stays], &[1.0, 3.0]);
        assert_eq!((found[0].at_risk, found[1].at_risk, found[1].hazard), (1, 0, 0.0));
    }
}
