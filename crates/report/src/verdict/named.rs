//! Mechanisms that an answer or the client itself names: taken at their word, and called supported where they hit more
//! trials than stray answers could.

use ttlsweep_record::Mechanism;

use super::cause::Cause;
use super::finding::{ByTrial, Tested};
use super::flight::Flight;
use super::prose::{count, p_value, percent, share};
use super::target::Target;
use crate::stats::{binomial_tail, clopper_pearson, trials_for_tail};

pub(super) fn test(target: &Target, mechanism: Mechanism, alpha: f64) -> Tested {
    let is_hit = |flight: &Flight| flight.cause == Cause::Of(mechanism);
    let of = |keep: fn(&Flight) -> bool| {
        let flights = target.flights.iter().filter(|flight| flight.counts() && keep(flight));
        ByTrial::count(flights.map(|flight| (flight.trial, is_hit(flight))))
    };
    // Only what has a link can start late; controls are counted with the grid elsewhere, since they are hit just so.
    let all = if mechanism == Mechanism::LateStart { of(Flight::in_grid) } else { of(|_| true) };
    let (grid, controls) = (of(Flight::in_grid), of(Flight::is_unexpiring_control));
    let p = binomial_tail(all.hit(), all.trials(), STRAY);
    let skew = (mechanism == Mechanism::ClockSkew).then(|| skewed(target)).flatten();
    let mut evidence = format!(
        "{} transfers {} ({} of {})",
        share(all.transfers_hit(), all.transfers()),
        deed(mechanism),
        all.hit(),
        count(all.trials(), "trial")
    );
    if all.hit() > 0 {
        let rate = |trials: &ByTrial| match clopper_pearson(trials.hit(), trials.trials(), 0.95) {
            Some(interval) => format!(
                "{} of {} ({} to {})",
                trials.hit(),
                count(trials.trials(), "trial"),
                percent(interval.low),
                percent(interval.high)
            ),
            None => "no trials".to_owned(),
        };
        evidence =
            format!("{evidence}: in the grid {}, in the controls {}; {}", rate(&grid), rate(&controls), p_value(p));
    }
    if let Some(skew) = &skew {
        evidence = format!("{evidence}; {skew}");
    }
    let few = all.hit() as f64 / (all.trials().max(1) as f64) <= RARE;
    Tested {
        mechanism,
        failures: all.transfers_hit(),
        transfers: all.transfers(),
        // An offset beyond what signing tolerates is a fact of its own.
        hits: if skew.is_some() { all.trials() } else { all.hit() },
        trials: all.trials(),
        p: (all.trials() > 0).then(|| if skew.is_some() { 0.0 } else { p }),
        obstacle: None,
        suspicion: None,
        most_share: if all.hit() == 0 {
            super::finding::MOST_SHARE
        } else if few {
            RARE
        } else {
            0.0
        },
        evidence,
        support: Vec::new(),
        more: {
            let needed = trials_for_tail(STRAY * all.trials().max(1) as f64, alpha / Mechanism::ALL.len() as f64);
            format!("it takes {} or more to be sure of it", count(needed.clamp(2, 99), "such trial"))
        },
    }
}

/// What the clocks say, where they disagree by more than signing tolerates whatever the true offset is.
fn skewed(target: &Target) -> Option<String> {
    let offset = target.offset?;
    let least = offset.low_us.max(-offset.high_us).max(0);
    (least > SIGNING_TOLERATES_US)
        .then(|| format!("the server's clock is at least {} min away from this machine's", least / 60_000_000))
}

const fn deed(mechanism: Mechanism) -> &'static str {
    match mechanism {
        Mechanism::LateStart => "had a head that arrived at expiry or later and were refused as expired",
        Mechanism::IdleTimeout => "ended after a stretch without progress",
        Mechanism::Throttled => "were told to slow down",
        Mechanism::Redirected => "were sent elsewhere",
        Mechanism::CredentialsExpired => "were refused for expired credentials",
        Mechanism::ClockSkew => "were refused for the difference of the clocks",
        Mechanism::StaleConnection => "met a kept connection that the server had closed",
        Mechanism::Client => "failed for want of something on this machine",
        _ => "failed",
    }
}

/// The share of trials that stray answers of a kind may hit without being an explanation.
pub(super) const STRAY: f64 = 0.001;
/// What hits no more than this share explains nothing.
pub(super) const RARE: f64 = 0.05;
/// S3 refuses what was signed more than a quarter of an hour away from its own clock.
const SIGNING_TOLERATES_US: i64 = 15 * 60 * 1_000_000;
