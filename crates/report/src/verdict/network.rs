//! `network`: connections that end while the link is alive, or without any, and so for no cause of expiry.

use ttlsweep_record::Mechanism;

use super::cause::Cause;
use super::cut::after_expiry;
use super::finding::{ByTrial, Tested};
use super::flight::Flight;
use super::named::{RARE, STRAY};
use super::prose::{count, p_value, share};
use super::target::Target;
use crate::stats::{binomial_tail, fisher_greater, trials_for_tail};

pub(super) fn test(target: &Target, alpha: f64) -> Tested {
    let counted = || target.flights.iter().filter(|flight| flight.counts());
    let alive = |flight: &Flight| flight.cause == Cause::Of(Mechanism::Network);
    let all = ByTrial::count(counted().map(|flight| (flight.trial, alive(flight))));
    let grid = ByTrial::count(counted().filter(|f| f.in_grid()).map(|flight| (flight.trial, alive(flight))));
    let controls = counted().filter(|flight| flight.is_unexpiring_control());
    let controls = ByTrial::count(controls.map(|flight| (flight.trial, alive(flight))));
    // Ends after expiry are the network's, too, unless the controls at that age are spared.
    let after_too = after_expiry(target, target.delta()) > super::ALPHA;
    let later = counted().filter(|flight| flight.cause == Cause::EndedAfterExpiry).count() as u64;
    let p = binomial_tail(all.hit(), all.trials(), STRAY);
    let grid_only = fisher_greater(grid.hit(), grid.trials(), controls.hit(), controls.trials());
    let failures = all.transfers_hit() + if after_too { later } else { 0 };
    let mut evidence = format!(
        "{} transfers ended by reset, close or without a connection while their link was alive or without a link ({} of {}",
        share(all.transfers_hit(), all.transfers()),
        all.hit(),
        count(all.trials(), "trial"),
    );
    evidence = format!("{evidence}; {} of {} of controls)", controls.hit(), count(controls.trials(), "trial"));
    if later > 0 {
        let kind =
            if after_too { "no more often than controls of that age" } else { "more often than controls of that age" };
        evidence = format!("{evidence}, {later} more after expiry, {kind}");
    }
    if all.hit() > 0 {
        evidence = format!("{evidence}; {}", p_value(p));
    }
    let few = all.hit() as f64 / (all.trials().max(1) as f64) <= RARE;
    Tested {
        mechanism: Mechanism::Network,
        failures,
        transfers: all.transfers(),
        hits: all.hit(),
        trials: all.trials(),
        p: (all.trials() > 0).then_some(p),
        obstacle: (all.hit() > 0 && controls.trials() > 0 && grid_only <= super::ALPHA)
            .then(|| "the controls are spared, so that it is not the network alone".to_owned()),
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
