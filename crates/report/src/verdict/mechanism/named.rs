//! Mechanisms that an answer or the client itself names: taken at their word, and called supported where they hit more
//! trials than stray answers could.

use ttlsweep_record::Mechanism;
use ttlsweep_record::units::grouped;

use crate::prose::{count, p_value, percent, share};
use crate::stats::clopper_pearson;
use crate::verdict::cause::Cause;
use crate::verdict::cause::enforcement::clocks;
use crate::verdict::cause::flight::Flight;
use crate::verdict::cause::reported::Reported;
use crate::verdict::finding::{ByTrial, Tested};
use crate::verdict::mechanism::stray;
use crate::verdict::target::Target;

pub(in crate::verdict) fn test(target: &Target, mechanism: Mechanism, alpha: f64) -> Tested {
    let census = &target.census;
    let of = |trials: &ByTrial, keep: fn(&Flight) -> bool| {
        trials.hit_in(target.of_cause(Cause::Of(mechanism)).filter(|flight| keep(flight)).map(|flight| flight.trial))
    };
    // Only what has a link can start late; controls are counted with the grid elsewhere, since they are hit in the same way.
    let all = match mechanism {
        Mechanism::LateStart => of(&census.short_links, Flight::has_short_link),
        _ => of(&census.all, |_| true),
    };
    let (grid, controls) = (of(&census.grid, Flight::in_grid), of(&census.controls, Flight::is_unexpiring_control));
    let p = stray::p(&all);
    let skew = (mechanism == Mechanism::ClockSkew).then(|| skewed(target)).flatten();
    let mut evidence = format!(
        "{} transfers {} ({} of {})",
        share(all.transfers_hit(), all.transfers()),
        deed(mechanism),
        grouped(all.hit()),
        count(all.trials(), "trial")
    );
    if all.hit() > 0 {
        let rate = |trials: &ByTrial| match clopper_pearson(trials.hit(), trials.trials(), 0.95) {
            Some(interval) => format!(
                "{} of {} ({} to {})",
                grouped(trials.hit()),
                count(trials.trials(), "trial"),
                percent(interval.low),
                percent(interval.high)
            ),
            None => "no trials".to_owned(),
        };
        evidence =
            format!("{evidence}: in the grid {}, in the controls {}; {}", rate(&grid), rate(&controls), p_value(p));
    }
    let waited = target.late_heads.sentence().filter(|_| mechanism == Mechanism::LateStart);
    for more in waited.into_iter().chain(skew.iter().cloned()).chain(details(target, mechanism)) {
        evidence = format!("{evidence}; {more}");
    }
    Tested {
        mechanism,
        failures: all.transfers_hit(),
        transfers: all.transfers(),
        // An offset beyond what signing tolerates is a fact of its own.
        hits: if skew.is_some() { all.trials() } else { all.hit() },
        trials: all.trials(),
        p: (all.trials() > 0).then(|| if skew.is_some() { 0.0 } else { p }),
        obstacle: None,
        suspicion: suspicion(target, mechanism),
        most_share: stray::most_share(&all),
        evidence,
        support: Vec::new(),
        more: stray::more(&all, alpha),
        gist: (mechanism == Mechanism::Gateway).then(|| gateways(target)).filter(|gist| !gist.is_empty()),
    }
}

/// What a reader must know beside the numbers.
fn details(target: &Target, mechanism: Mechanism) -> Vec<String> {
    let tallies = &target.tallies;
    let own = || tallies.of(Cause::Of(mechanism)).take(MOST_REPORTED).map(|reported| tallies.sentence(reported));
    match mechanism {
        Mechanism::Gateway => vec![gateways(target)].into_iter().filter(|line| !line.is_empty()).collect(),
        Mechanism::ServerError => own().collect(),
        Mechanism::ClockSkew | Mechanism::CredentialsExpired => {
            let offset = target.offset.filter(|_| mechanism == Mechanism::ClockSkew);
            let clocks = offset.filter(|_| own().next().is_some()).map(clocks);
            own().chain(clocks).chain(disbelieved(target, mechanism)).collect()
        }
        _ => Vec::new(),
    }
}

/// Answers that name the mechanism and were not taken at their word.
fn disbelieved(target: &Target, mechanism: Mechanism) -> Option<String> {
    let is_one = |reported: &&Reported| {
        reported.word == Some(mechanism)
            && reported.doubt.is_some()
            && matches!(reported.cause, Cause::Unexplained | Cause::Of(Mechanism::RefusedAlive))
    };
    let reported: Vec<&Reported> = target.tallies.all.iter().filter(is_one).collect();
    let doubt = reported.first()?.doubt.as_deref()?;
    let n: u64 = reported.iter().map(|reported| reported.grid + reported.controls).sum();
    let ages = target.ages.map(|ages| format!("; refused were links of {} and older", ages.from())).unwrap_or_default();
    Some(format!("{} were {}: {doubt}{ages}", count(n, "transfer"), reported[0].words))
}

/// Who answered in the store's place, with which status, how often, and whether controls met it.
fn gateways(target: &Target) -> String {
    let line = |reported: &Reported| {
        format!(
            "{}, without request ids{}: probably by something before the store",
            target.tallies.sentence(reported),
            target.store.contrast(&reported.server)
        )
    };
    target.tallies.of(Cause::Of(Mechanism::Gateway)).take(MOST_REPORTED).map(line).collect::<Vec<_>>().join("; ")
}

/// Ends that may be the mechanism's, and may be another's: refusals that were never read, standstills or slow transfers.
fn suspicion(target: &Target, mechanism: Mechanism) -> Option<String> {
    let may_be = |flight: &Flight| match mechanism {
        Mechanism::LateStart => {
            let after = flight.expiry.is_some_and(|expiry| flight.end >= expiry - target.delta());
            flight.has_short_link() && !flight.head_in_time && after
        }
        Mechanism::IdleTimeout | Mechanism::Throttled => flight.ended_in_flight,
        _ => false,
    };
    if mechanism == Mechanism::IdleTimeout {
        let own = target.tallies.of(Cause::Unexplained).filter(|reported| reported.is_given_up());
        let own: u64 = own.map(|reported| reported.grid + reported.controls).sum();
        if own > 0 {
            return Some(format!(
                "but {} given up by ttlsweep's own timeout, which is not the server's: it takes a longer idle_timeout to \
                 see whether the server has one",
                format_args!("{} {}", count(own, "transfer"), if own == 1 { "was" } else { "were" }),
            ));
        }
    }
    // Where 100s are waited for, heads that lay unread are thought of.
    let is_unread = target.census.has_arm && mechanism == Mechanism::LateStart;
    let unread = target.of_cause(Cause::EndedAfterExpiry).filter(|flight| is_unread && flight.in_grid());
    let undecidable = target.of_cause(Cause::Undecidable).filter(|flight| may_be(flight));
    match undecidable.chain(unread).count() as u64 {
        // Of what a store answers at the head and closes behind, this is the likeliest.
        0 if mechanism == Mechanism::Throttled => target.tallies.ended_at_head(),
        0 => None,
        some => Some(format!("but {} ended so that it cannot be told whether this was why", count(some, "transfer"))),
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
        Mechanism::IdleTimeout => "were given up by the server after a stretch without progress",
        Mechanism::Throttled => "were told to slow down",
        Mechanism::Redirected => "were sent elsewhere",
        Mechanism::CredentialsExpired => "were refused for expired credentials",
        Mechanism::ClockSkew => "were refused for the difference of the clocks",
        Mechanism::StaleConnection => "met a kept connection that the server had closed",
        Mechanism::Gateway => "were answered by something before the store",
        Mechanism::ServerError => "were told by the store that it had failed by itself",
        Mechanism::Client => "failed because this machine lacked a resource",
        _ => "failed",
    }
}

const MOST_REPORTED: usize = 3;
/// S3 refuses what was signed more than a quarter of an hour away from its own clock.
const SIGNING_TOLERATES_US: i64 = 15 * 60 * 1_000_000;
