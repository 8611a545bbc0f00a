//! `network`: connections that end while the link is alive, or without any, and so for no cause of expiry.

use ttlsweep_record::Mechanism;
use ttlsweep_record::units::grouped;

use crate::prose::{count, p_value, share};
use crate::stats::fisher_greater;
use crate::verdict::cause::Cause;
use crate::verdict::cause::flight::Flight;
use crate::verdict::finding::{ByTrial, Tested};
use crate::verdict::mechanism::stray;
use crate::verdict::mechanism::window::{Placebos, later};
use crate::verdict::target::Target;

pub(in crate::verdict) fn test(target: &Target, alpha: f64) -> Tested {
    let counted = || target.flights.iter().filter(|flight| flight.counts());
    let alive = |flight: &Flight| flight.cause == CAUSE;
    let of = |trials: &ByTrial, keep: fn(&Flight) -> bool| {
        trials.hit_in(target.of_cause(CAUSE).filter(|flight| keep(flight)).map(|flight| flight.trial))
    };
    let all = of(&target.census.all, |_| true);
    let grid = of(&target.census.grid, Flight::in_grid);
    let controls = of(&target.census.controls, Flight::is_unexpiring_control);
    // Ends after expiry are the network's, too, unless the controls at that age are spared.
    let after_too = later(target).exceeds(&Placebos::of(target).later()) > crate::verdict::ALPHA;
    let later = target.of_cause(Cause::EndedAfterExpiry).count() as u64;
    let p = stray::p(&all);
    let grid_only = fisher_greater(grid.hit(), grid.trials(), controls.hit(), controls.trials());
    let of_links = |has_link: bool| {
        let of = counted().filter(move |flight| flight.expiry.is_some() == has_link);
        ByTrial::count(of.map(|flight| (flight.trial, alive(flight))))
    };
    let (links, others) = (of_links(true), of_links(false));
    let p_links = fisher_greater(links.hit(), links.trials(), others.hit(), others.trials());
    let links_alone = (others.hit() == 0 && p_links <= crate::verdict::ALPHA)
        .then(|| format!("of links alone: none of {} without a link", count(others.transfers(), "transfer")));
    let failures = all.transfers_hit() + if after_too { later } else { 0 };
    let mut evidence = format!(
        "{} transfers ended by reset, close, without a connection or unconfirmed while their link was alive or without a link ({} of {}",
        share(all.transfers_hit(), all.transfers()),
        grouped(all.hit()),
        count(all.trials(), "trial"),
    );
    evidence = format!("{evidence}; {} of {} of controls)", grouped(controls.hit()), count(controls.trials(), "trial"));
    if later > 0 {
        let kind =
            if after_too { "no more often than controls of that age" } else { "more often than controls of that age" };
        evidence = format!("{evidence}, {} more after expiry, {kind}", grouped(later));
    }
    let tallies = &target.tallies;
    let unconfirmed = tallies.of(CAUSE).filter(|reported| reported.unconfirmed);
    let unconfirmed: Vec<String> = unconfirmed.map(|reported| tallies.sentence(reported)).collect();
    let drops =
        (!unconfirmed.is_empty()).then(|| format!("{}: a path that drops large packets", unconfirmed.join("; ")));
    // Whose timeout it was, where one ended them.
    let given_up = tallies.of(CAUSE).filter(|reported| reported.is_given_up() && !reported.unconfirmed);
    for reported in given_up {
        evidence = format!("{evidence}; {}", tallies.sentence(reported));
    }
    if let Some(drops) = &drops {
        evidence = format!("{evidence}; {drops}");
    }
    if all.hit() > 0 {
        evidence = format!("{evidence}; {}", p_value(p));
    }
    Tested {
        mechanism: Mechanism::Network,
        failures,
        transfers: all.transfers(),
        hits: all.hit(),
        trials: all.trials(),
        p: (all.trials() > 0).then_some(p),
        obstacle: (all.hit() > 0 && controls.trials() > 0 && grid_only <= crate::verdict::ALPHA)
            .then(|| "the controls are spared, so that it is not the network alone".to_owned())
            .or_else(|| {
                let links_alone = links_alone.as_ref()?;
                Some(format!("{links_alone}, so that it is not the network alone"))
            }),
        suspicion: (later > 0)
            .then(|| format!("but {} ended after expiry: it takes longer TTLs to tell", count(later, "transfer")))
            .or_else(|| tallies.ended_at_head()),
        most_share: stray::most_share(&all),
        evidence,
        support: Vec::new(),
        more: stray::more(&all, alpha),
        gist: drops.or(links_alone),
    }
}

const CAUSE: Cause = Cause::Of(Mechanism::Network);
