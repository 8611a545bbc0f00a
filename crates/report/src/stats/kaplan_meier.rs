/// One step of a survival curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KaplanMeierStep {
    /// When.
    pub time: f64,
    /// Subjects at risk right before.
    pub at_risk: u64,
    /// Events at this time.
    pub events: u64,
    /// The share that survives this time.
    pub survival: f64,
    /// Its standard error by Greenwood's formula; not a number once nobody is left.
    pub standard_error: f64,
}

/// Kaplan and Meier's product-limit estimate (JASA 1958) with Greenwood's errors, one step a time at which an event fell.
///
/// Each subject is a time and whether it ended in an event there; the others are censored. Whoever is censored at the time
/// of an event was still at risk for it.
pub fn kaplan_meier(subjects: &[(f64, bool)]) -> Vec<KaplanMeierStep> {
    let mut subjects = subjects.to_vec();
    subjects.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut steps = Vec::new();
    let (mut survival, mut greenwood, mut gone) = (1.0, 0.0, 0);
    for same_time in subjects.chunk_by(|one, next| one.0 == next.0) {
        let at_risk = subjects.len() - gone;
        let events = same_time.iter().filter(|(_, event)| *event).count();
        gone += same_time.len();
        if events == 0 {
            continue;
        }
        let (n, d) = (at_risk as f64, events as f64);
        survival *= 1.0 - d / n;
        greenwood += d / (n * (n - d));
        steps.push(KaplanMeierStep {
            time: same_time[0].0,
            at_risk: at_risk as u64,
            events: events as u64,
            survival,
            standard_error: survival * f64::sqrt(greenwood),
        });
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{assert_close, number, rows};
    use super::*;

    #[test]
    fn agrees_with_statsmodels() {
        let times = [1., 2., 2., 3., 4., 4., 5., 6., 6., 7., 8., 9.];
        let events = [1, 1, 0, 1, 1, 1, 0, 1, 0, 0, 1, 0];
        let subjects: Vec<_> = times.into_iter().zip(events.map(|event| event == 1)).collect();
        let found = kaplan_meier(&subjects);
        let expected: Vec<_> = rows(include_str!("../../tests/data/kaplan_meier.csv")).collect();
        assert_eq!(found.len(), expected.len());
        for (step, row) in found.iter().zip(expected) {
            assert_eq!(step.time, number(row[0]));
            assert_close(step.survival, number(row[1]), 1e-12, 1.0);
            assert_close(step.standard_error, number(row[2]), 1e-12, 1.0);
            assert_eq!(step.at_risk, row[3].parse::<u64>().unwrap());
        }
    }

    #[test]
    fn nobody_and_no_event_make_no_step() {
        assert!(kaplan_meier(&[]).is_empty());
        assert!(kaplan_meier(&[(1.0, false)]).is_empty());
    }
}
