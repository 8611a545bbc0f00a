use crate::prose::of;
use std::cmp::Ordering;

use ttlsweep_record::{Mechanism, Verdict};

use super::ALPHA;
use super::cause::Cause;
use super::evidence::Evidence;
use super::finding::{Detail, Finding, Tested};
use super::mechanism::cut::{Unheard, WindowTest};
use super::mechanism::{alive, completion, cut, named, network, unjudged};
use super::ruling::{Again, Ruling, TargetRuling, Unnamed};
use super::seen::Seen;
use super::target::{Target, targets};
use super::view::View;
use crate::load::transfer::Transfer;
use crate::stats::holm;
use crate::verdict::cause::enforcement::{Enforces, ExpiredStarts};

/// Decides among the mechanisms, for every target and over all of them.
pub fn decide(evidence: &Evidence<'_>) -> Ruling {
    decide_in(evidence, Detail::Full)
}

/// [`decide`], in as much detail as is asked for.
pub fn decide_in(evidence: &Evidence<'_>, detail: Detail) -> Ruling {
    conclude(tested(evidence, detail).map(|target| target.found).collect())
}

/// A target whose mechanisms were tested, while its transfers are at hand.
pub(crate) struct TestedTarget<'a> {
    target: Target,
    transfers: &'a [Transfer],
    /// What the tests found: all that is left once its transfers are gone.
    pub(crate) found: TestedFacts,
}

/// What was found of one target, before the tests of all targets are held against each other.
pub(crate) struct TestedFacts {
    facts: TargetRuling,
    tests: Vec<Tested>,
}

impl<'e> TestedTarget<'e> {
    /// Its transfers as the tests saw them.
    pub(crate) fn view(&self) -> View<'_, 'e> {
        View::of(&self.target, self.transfers, self.found.facts.seen.window)
    }

    /// What its windows around expiry show.
    pub(crate) fn windows(&self) -> [WindowTest; 2] {
        cut::windows(&self.target)
    }
}

/// Tests the mechanisms at one target after the other. The transfers of each take memory, so that it is best dropped before the
/// next one is asked for; [`conclude`] takes what was found.
pub(crate) fn tested<'a>(
    evidence: &'a Evidence<'_>,
    detail: Detail,
) -> impl Iterator<Item = TestedTarget<'a>> + use<'a> {
    targets(evidence).map(move |target| {
        let unheard = Unheard::of(&target);
        let tests = tests(&target, unheard, detail);
        let cut = tests.iter().find(|tested| tested.mechanism == Mechanism::CutAtExpiry);
        let facts = facts(evidence, &target, cut.map_or(0, |tested| tested.failures), unheard);
        TestedTarget { target, transfers: evidence.transfers, found: TestedFacts { facts, tests } }
    })
}

impl Ruling {
    /// Gives the targets their names, in their order, and tells them how the same would be run again.
    pub(crate) fn name_targets(&mut self, names: Vec<String>, again: &Again) {
        for (target, name) in self.targets.iter_mut().zip(names) {
            target.name = name;
            target.again = Some(again.clone());
        }
        self.tell();
    }
}

/// Holds what was found at all targets against each other, and says what follows.
pub(crate) fn conclude(found: Vec<TestedFacts>) -> Ruling {
    // One family over everything that the report may accuse.
    let p: Vec<f64> = found.iter().flat_map(|found| &found.tests).map(|tested| tested.p.unwrap_or(1.0)).collect();
    let mut adjusted = holm(&p).into_iter();
    let targets: Vec<TargetRuling> = found
        .into_iter()
        .map(|TestedFacts { facts, tests }| {
            let findings = tests.into_iter().map(|one| one.conclude(adjusted.next().unwrap_or(1.0), ALPHA));
            rule(facts, findings.collect())
        })
        .collect();
    let mechanisms: Vec<Finding> = Mechanism::ALL.iter().map(|mechanism| foremost(*mechanism, &targets)).collect();
    let overall = mechanisms[0].verdict;
    let mut ruling = Ruling { headline: String::new(), overall, stopped: None, mechanisms, targets };
    ruling.tell();
    ruling
}

fn tests(target: &Target, unheard: Option<Unheard>, detail: Detail) -> Vec<Tested> {
    let test = |mechanism: &Mechanism| match mechanism {
        Mechanism::CutAtExpiry => cut::test(target, unheard, ALPHA, detail),
        Mechanism::RejectedAtCompletion => completion::test(target),
        Mechanism::Network => network::test(target, ALPHA),
        Mechanism::RefusedAlive => alive::test(target, ALPHA),
        named => named::test(target, *named, ALPHA),
    };
    Mechanism::ALL.iter().map(test).map(|tested| unjudged::doubt(target, tested)).collect()
}

/// Nothing follows from a target that lets expired starts through, and nothing about expiry from one that was never seen
/// to refuse one.
fn rule(facts: TargetRuling, mut mechanisms: Vec<Finding>) -> TargetRuling {
    let reason = &facts.enforcement.reason;
    for finding in &mut mechanisms {
        let about_expiry = matches!(
            finding.mechanism,
            Mechanism::CutAtExpiry | Mechanism::RejectedAtCompletion | Mechanism::LateStart
        );
        let (verdict, why) = match facts.enforcement.enforces {
            Enforces::No => {
                let ExpiredStarts { all, let_through, .. } = facts.enforcement.starts;
                (Verdict::Invalid, format!("{} expired starts were let through", of(let_through, all)))
            }
            Enforces::Unknown if about_expiry => (
                Verdict::Inconclusive,
                format!(
                    "{reason}, so that it is unknown whether expiry is enforced: it takes an expired start that is refused, \
                     where living ones are served"
                ),
            ),
            Enforces::Unknown | Enforces::Yes => continue,
        };
        finding.verdict = verdict;
        finding.upper_bound = None;
        finding.brief = why.clone();
        finding.evidence = format!("{why}; {}", finding.evidence);
    }
    TargetRuling { overall: mechanisms[0].verdict, mechanisms, ..facts }
}

/// What is known of a target whatever its tests say; the verdicts are yet to come. `cut` is how many failures count toward
/// `cut-at-expiry`.
fn facts(evidence: &Evidence<'_>, target: &Target, cut: u64, unheard: Option<Unheard>) -> TargetRuling {
    let (judged, not_judged) = (cut::outlived(target), target.not_judged().all());
    let [mut grid_failed, mut controls_failed] = [[0, 0]; 2];
    for flight in &target.flights {
        let counts = match () {
            () if flight.in_grid() => &mut grid_failed,
            () if flight.is_unexpiring_control() => &mut controls_failed,
            () => continue,
        };
        let seen = &evidence.transfers[flight.row as usize];
        if seen.counts() {
            counts[0] += u64::from(seen.outcome.is_failure());
            counts[1] += 1;
        }
    }
    let of = |cause: Cause| target.of_cause(cause).filter(|flight| !flight.is_of_expect_arm()).count() as u64;
    let named =
        |cause: Cause| target.tallies.of(cause).map(|reported| Unnamed::of(&target.tallies, reported)).collect();
    let endpoint = endpoint_names(&target.endpoints);
    TargetRuling {
        name: if endpoint.is_empty() { "the target".to_owned() } else { endpoint.clone() },
        endpoint,
        overall: Verdict::Inconclusive,
        mechanisms: Vec::new(),
        delta_us: target.delta_us,
        rtt_us: target.rtt_us,
        loaded_rtt_us: target.loaded_rtt_us,
        outlived: judged + not_judged,
        judged,
        not_judged,
        grid_failed,
        controls_failed,
        seen: Seen::of(target, cut, unheard),
        again: None,
        clock_offset: target.offset,
        clock_steps: target.steps.clone(),
        stale_us: target.stale_us,
        perhaps: target.perhaps,
        enforcement: target.enforcement.clone(),
        undecidable: of(Cause::Undecidable),
        unexplained: of(Cause::Unexplained),
        no_mechanism: named(Cause::Unexplained),
        undecided: named(Cause::Undecidable),
    }
}

/// Testbeds have a port of their own in every process: a thousand names would bury what is said of them.
fn endpoint_names(endpoints: &[String]) -> String {
    let named = endpoints.iter().take(MOST_ENDPOINTS).map(String::as_str).collect::<Vec<_>>().join(" ");
    match endpoints.len().saturating_sub(MOST_ENDPOINTS) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

/// The finding of the target of which the most is to be said, by what a reader must hear first.
fn foremost(mechanism: Mechanism, targets: &[TargetRuling]) -> Finding {
    let rank = |finding: &Finding| match finding.verdict {
        Verdict::Invalid => 0,
        Verdict::Supported => 1,
        Verdict::Inconclusive => 2,
        Verdict::NotSupported => 3,
    };
    let found = targets.iter().flat_map(|target| {
        let of = target.mechanisms.iter().filter(move |finding| finding.mechanism == mechanism);
        of.map(move |finding| (target, finding))
    });
    // Among equals the clearest, or else the one that excludes least.
    let order =
        |finding: &Finding| (rank(finding), finding.p_value.unwrap_or(1.0), -finding.upper_bound.unwrap_or(0.0));
    let first = found.min_by(|(_, one), (_, other)| order(one).partial_cmp(&order(other)).unwrap_or(Ordering::Equal));
    match first {
        Some((target, finding)) if targets.len() > 1 => {
            let there = |text: &str| format!("at {}: {text}", target.endpoint);
            Finding { evidence: there(&finding.evidence), brief: there(&finding.brief), ..finding.clone() }
        }
        Some((_, finding)) => finding.clone(),
        None => Finding {
            mechanism,
            verdict: Verdict::Inconclusive,
            p_value: None,
            failures: 0,
            transfers: 0,
            upper_bound: None,
            evidence: NOTHING.to_owned(),
            brief: NOTHING.to_owned(),
            gist: None,
        },
    }
}

const MOST_ENDPOINTS: usize = 4;
const NOTHING: &str = "no transfer was made: it takes at least 5 trials";
