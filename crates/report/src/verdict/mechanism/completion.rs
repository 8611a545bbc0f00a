//! `rejected-at-completion`: refused after the whole body, expiry having passed meanwhile.

use ttlsweep_record::Mechanism;
use ttlsweep_record::units::grouped;

use crate::prose::{count, p_value, share};
use crate::stats::fisher_greater;
use crate::verdict::cause::Cause;
use crate::verdict::cause::enforcement::ExpiredStarts;
use crate::verdict::cause::flight::Flight;
use crate::verdict::finding::{ByTrial, Tested};
use crate::verdict::target::Target;

pub(in crate::verdict) fn test(target: &Target) -> Tested {
    let delta = target.delta();
    let is_refused = |flight: &Flight| flight.cause == Cause::Of(Mechanism::RejectedAtCompletion);
    let exposed = |flight: &Flight| {
        let through = flight.expiry.zip(flight.body_end).is_some_and(|(expiry, body_end)| body_end > expiry + delta);
        is_refused(flight) || (flight.head_in_time && through)
    };
    let counted = || target.flights.iter().filter(|flight| flight.counts());
    let grid = ByTrial::count(counted().filter(|f| f.in_grid() && exposed(f)).map(|f| (f.trial, is_refused(f))));
    // Whoever had its body through with its link alive, or without any, was not to be refused.
    let others = counted().filter(|flight| flight.body_end.is_some() && !exposed(flight));
    let others = ByTrial::count(
        others.map(|f| (f.trial, matches!(f.cause, Cause::Unexplained | Cause::Of(Mechanism::RejectedAtCompletion)))),
    );
    let p = fisher_greater(grid.hit(), grid.trials(), others.hit(), others.trials());
    let evidence = if grid.transfers() == 0 {
        "no body was through after its link had expired in flight".to_owned()
    } else {
        let (refused, all) = (grid.transfers_hit(), grid.transfers());
        format!(
            "{} transfers whose body was through after expiry were refused then ({} of {}); of {} that were through with a \
             living link or without one, {}; {}",
            share(refused, all),
            grouped(grid.hit()),
            count(grid.trials(), "trial"),
            grouped(others.transfers()),
            if others.transfers_hit() == 0 { "none".to_owned() } else { grouped(others.transfers_hit()) },
            p_value(p),
        )
    };
    let obstacle = (grid.trials() == 0)
        .then(|| "it takes trials in which links expire before the body is through, at least 5".to_owned())
        .or_else(|| (others.trials() == 0).then(|| "nothing ran to compare with: it takes controls".to_owned()));
    let held = held_back(target);
    let evidence = match held.as_ref().filter(|_| grid.transfers_hit() > 0) {
        Some(held) => format!("{evidence}; {held}"),
        None => evidence,
    };
    Tested {
        mechanism: Mechanism::RejectedAtCompletion,
        failures: grid.transfers_hit(),
        transfers: grid.transfers(),
        hits: grid.hit(),
        trials: grid.trials(),
        p: (grid.trials() > 0 && others.trials() > 0).then_some(p),
        obstacle,
        suspicion: None,
        most_share: crate::verdict::finding::MOST_SHARE,
        evidence,
        support: Vec::new(),
        more: "it takes some 5 trials of either kind to be sure of it".to_owned(),
        gist: held,
    }
}

/// Why the refusal may be that of a head which came late: it is the endpoint's doing only where expired starts are refused at
/// the head.
fn held_back(target: &Target) -> Option<String> {
    let ExpiredStarts { refused, at_head, after_body, .. } = target.enforcement.starts;
    let between = target.proxy.as_ref().map(|url| format!("but the proxy {url} stands between"));
    let late = (after_body > at_head).then(|| {
        let all = count(refused, "refused expired start");
        format!("but {} of {all} were refused only after their whole body, too", grouped(after_body))
    });
    let why = [late, between].into_iter().flatten().collect::<Vec<_>>();
    (!why.is_empty()).then(|| {
        format!(
            "{}, so that something may hold requests back, as a buffering proxy does, and the store may have seen the head \
             only then",
            why.join(", ")
        )
    })
}
