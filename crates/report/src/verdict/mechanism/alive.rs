//! `refused-alive`: links that were refused while they lived by the server's clock, where requests signed in headers are
//! spared.

use ttlsweep_record::Mechanism;
use ttlsweep_record::units::grouped;

use crate::prose::{count, p_value, share};
use crate::stats::fisher_greater;
use crate::verdict::cause::Cause;
use crate::verdict::cause::flight::Flight;
use crate::verdict::finding::{ByTrial, Tested};
use crate::verdict::mechanism::stray;
use crate::verdict::target::Target;

pub(in crate::verdict) fn test(target: &Target, alpha: f64) -> Tested {
    let cause = Cause::Of(Mechanism::RefusedAlive);
    let counted = || target.flights.iter().filter(|flight| flight.counts());
    // Some servers refuse an `Expect`, and that says nothing of links.
    let links = counted().filter(|flight| flight.expiry.is_some() && !flight.is_of_expect_arm());
    let links = ByTrial::count(links.map(|flight| (flight.trial, flight.cause == cause)));
    // What is refused without a link is not a policy on links; such an end has no mechanism.
    let without = counted().filter(|flight| flight.expiry.is_none());
    let without = ByTrial::count(without.map(|flight: &Flight| (flight.trial, flight.cause == Cause::Unexplained)));
    let p = stray::p(&links);
    let spared = fisher_greater(links.hit(), links.trials(), without.hit(), without.trials());
    let mut parts = Vec::new();
    parts.push(format!(
        "{} links were refused while they lived by the server's clock ({} of {}), {} of {} signed in headers",
        share(links.transfers_hit(), links.transfers()),
        grouped(links.hit()),
        count(links.trials(), "trial"),
        grouped(without.transfers_hit()),
        count(without.transfers(), "transfer"),
    ));
    parts.extend(target.tallies.of(cause).take(MOST_REPORTED).map(|reported| target.tallies.sentence(reported)));
    parts.extend(target.ages.map(|ages| ages.sentence()));
    parts.extend(target.tallies.doubts(cause));
    if links.hit() > 0 {
        parts.push(p_value(p));
    }
    let obstacle = match () {
        () if links.hit() == 0 => None,
        () if without.trials() == 0 => {
            Some("no request signed in headers ran to compare with: it takes that control".to_owned())
        }
        () if spared > NOT_SPARED => Some(format!(
            "requests signed in headers are not certainly spared: it takes more than {} of them",
            count(without.trials(), "trial")
        )),
        () => None,
    };
    let gist = target.ages.map_or_else(
        || format!("{} links were refused while they lived", share(links.transfers_hit(), links.transfers())),
        |ages| ages.sentence(),
    );
    Tested {
        mechanism: Mechanism::RefusedAlive,
        failures: links.transfers_hit(),
        transfers: links.transfers(),
        hits: links.hit(),
        trials: links.trials(),
        p: (links.trials() > 0).then_some(p),
        obstacle,
        suspicion: None,
        most_share: stray::most_share(&links),
        evidence: parts.join("; "),
        support: Vec::new(),
        more: stray::more(&links, alpha),
        gist: Some(format!("{gist}, requests signed in headers were not")),
    }
}

/// The controls signed in headers make a difference as large as the one seen at least this likely: they were not spared.
const NOT_SPARED: f64 = 0.05;
const MOST_REPORTED: usize = 3;
