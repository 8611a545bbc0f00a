use std::cmp::Ordering;

use ttlsweep_record::units::format_micros;
use ttlsweep_record::{Mechanism, Verdict};
use ttlsweep_rundir::environment::ClockOffset;

use super::ALPHA;
use super::cause::Cause;
use super::evidence::Evidence;
use super::finding::{Finding, Tested};
use super::headline::{Again, Seen};
use super::mechanism::{alive, completion, cut, named, network, unjudged};
use super::prose::{count, secs};
use super::target::{Target, targets};
use super::view::View;
use crate::stats::holm;
use crate::verdict::cause::enforcement::{Enforcement, Enforces, ExpiredStarts};
use crate::verdict::cause::flight::Flight;
use crate::verdict::cause::told::{Tallies, Told};
use crate::verdict::evidence::clock_steps::ClockStep;

pub use super::finding::Finding as Judged;

/// The verdict over all targets of the runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Ruling {
    /// The answer in one line.
    pub headline: String,
    /// The verdict on `cut-at-expiry`.
    pub overall: Verdict,
    /// One finding a mechanism: that of the target of which the most is to be said about it.
    pub mechanisms: Vec<Finding>,
    /// Each target's own.
    pub targets: Vec<TargetRuling>,
}

/// The verdict on one target.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetRuling {
    /// What readers know the target by.
    pub name: String,
    /// The endpoints that make the target, a space between them; of many the first few, and how many more.
    pub endpoint: String,
    /// The verdict on `cut-at-expiry`.
    pub overall: Verdict,
    /// One finding a mechanism.
    pub mechanisms: Vec<Finding>,
    /// How near to expiry an end must be to count as being at it, in microseconds.
    pub delta_us: i64,
    /// The round-trip time that δ allows for, in microseconds: through empty queues for uploads.
    pub rtt_us: i64,
    /// The median round-trip time as it was when transfers ended, their queues included.
    pub loaded_rtt_us: i64,
    /// Transfers of the grid whose link expired while they were in flight, whatever became of them then.
    pub outlived: u64,
    /// Of these, the ones whose end was held against expiry.
    pub judged: u64,
    /// Of these, the ones whose end was not: this machine was too busy to time them, or a clock was set meanwhile.
    pub not_judged: u64,
    /// Of the grid's transfers, how many failed, and how many there are: but for the cancelled and for this machine's own
    /// failures, as everywhere.
    pub grid_failed: [u64; 2],
    /// The same of the controls in which nothing expires. Starts after expiry are in `enforcement`: those must be refused.
    pub controls_failed: [u64; 2],
    /// What became of those that outlived their link.
    pub(super) seen: Seen,
    /// How the same would be run again; nothing before anyone has told.
    pub again: Option<Again>,
    /// The widest bracket of the target's clock.
    pub clock_offset: Option<ClockOffset>,
    /// When a clock was set in the middle of a run, by how much, and whose.
    pub clock_steps: Vec<ClockStep>,
    /// By how much the server's dates are stale, in microseconds; 0 where they need not be.
    pub stale_us: i64,
    /// The small step of a clock that explains the same answers as well as stale dates do.
    pub perhaps: Option<ClockStep>,
    /// Whether it enforces expiry, and what became of the starts after expiry.
    pub enforcement: Enforcement,
    /// Failures in which two mechanisms fit.
    pub undecidable: u64,
    /// Failures that fit no mechanism.
    pub unexplained: u64,
    /// The failures that fit no mechanism by what was answered, the most frequent first. Of the starts after expiry none is
    /// among them.
    pub no_mechanism: Vec<Unnamed>,
    /// The undecidable failures likewise.
    pub undecided: Vec<Unnamed>,
}

/// Failures of one kind to which no mechanism could be given: never a bare number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unnamed {
    /// What was answered, or what else ended them; it follows "were".
    pub what: String,
    /// Transfers of the grid that ended so.
    pub grid: u64,
    /// Of so many.
    pub grid_transfers: u64,
    /// Controls in which nothing expires that ended so.
    pub controls: u64,
    /// Of so many.
    pub controls_transfers: u64,
    /// All of this in a clause.
    pub sentence: String,
}

impl Unnamed {
    fn of(tallies: &Tallies, told: &Told) -> Self {
        let mut sentence = tallies.sentence(told);
        if let Some(doubt) = &told.doubt {
            sentence = format!("{sentence} ({doubt})");
        }
        if told.at_head && told.cause == Cause::Undecidable {
            sentence = format!("{sentence} ({AT_HEAD})");
        }
        Self {
            what: told.words.clone(),
            grid: told.grid,
            grid_transfers: tallies.grid,
            controls: told.controls,
            controls_transfers: tallies.controls,
            sentence,
        }
    }
}

/// Several kinds in a line, the rest as a number of kinds.
fn in_short(kinds: &[Unnamed]) -> String {
    let told: Vec<&str> = kinds.iter().take(MOST_KINDS).map(|kind| kind.sentence.as_str()).collect();
    let more = kinds.get(MOST_KINDS..).unwrap_or_default();
    match more.len() as u64 {
        0 => told.join("; "),
        n => {
            let transfers: u64 = more.iter().map(|kind| kind.grid + kind.controls).sum();
            format!("{}; {} in {} more", told.join("; "), count(transfers, "transfer"), count(n, "way"))
        }
    }
}

impl Ruling {
    /// Whether `mechanism` is supported on any target.
    pub fn supports(&self, mechanism: Mechanism) -> bool {
        self.mechanisms.iter().any(|found| found.mechanism == mechanism && found.verdict == Verdict::Supported)
    }

    /// What every reader of the figures must know about how they were made: one line a target.
    pub fn delta_lines(&self) -> Vec<String> {
        let line = |target: &TargetRuling| {
            let clock = match target.clock_offset {
                Some(offset) => format!(
                    "its clock is {} to {} ahead",
                    secs(offset.low_us as f64 / 1e6),
                    secs(offset.high_us as f64 / 1e6)
                ),
                None => "its clock is unknown and taken for this machine's".to_owned(),
            };
            let met = match target.outlived {
                0 => String::new(),
                outlived => {
                    format!("; {outlived} outlived their link: {} judged, {} not", target.judged, target.not_judged)
                }
            };
            let old = || format_micros(target.stale_us.unsigned_abs());
            let stale = match (target.stale_us, target.perhaps) {
                (0, _) => String::new(),
                (_, None) => format!(
                    "; its answers contradict each other unless their dates are up to {} old, and are read so",
                    old()
                ),
                (_, Some(step)) => format!(
                    "; its answers contradict each other: their dates are up to {} old, or {}; its bracket allows for either",
                    old(),
                    step.sentence()
                ),
            };
            let steps: String = target.clock_steps.iter().map(|step| format!("; {}", step.sentence())).collect();
            let queue = match target.loaded_rtt_us - target.rtt_us {
                waits if waits >= QUEUE_US => format!(
                    " through empty queues and {} through those that the transfers fill",
                    format_micros(target.loaded_rtt_us.unsigned_abs())
                ),
                _ => String::new(),
            };
            let named = if target.name == target.endpoint { String::new() } else { format!("{} at ", target.name) };
            format!(
                "{named}{}: at expiry means within δ = {}; {clock}, a round trip takes {}{queue}; {} undecidable{}, {} without a \
                 mechanism{}{met}{stale}{steps}",
                target.endpoint,
                format_micros(target.delta_us.unsigned_abs()),
                format_micros(target.rtt_us.unsigned_abs()),
                count(target.undecidable, "failure"),
                listed(&target.undecided),
                target.unexplained,
                listed(&target.no_mechanism),
            )
        };
        self.targets.iter().map(line).collect()
    }

    /// How many transfers failed: of the grid, of the controls in which nothing expires, and of the starts after expiry those
    /// that were refused as they must be. The same three numbers everywhere.
    pub fn counts_line(&self) -> String {
        let sum = |of: fn(&TargetRuling) -> [u64; 2]| {
            self.targets.iter().map(of).fold([0, 0], |[k, n], [more, of]| [k + more, n + of])
        };
        let (grid, controls) = (sum(|target| target.grid_failed), sum(|target| target.controls_failed));
        let starts = sum(|target| [target.enforcement.starts.refused, target.enforcement.starts.all]);
        let part = |[failed, all]: [u64; 2], what: &str| (all > 0).then(|| format!("{failed} of {all} {what}"));
        let parts = [
            part(grid, "transfers of the grid failed"),
            part(controls, "controls failed"),
            part(starts, "expired starts were refused, as they must be"),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        if parts.is_empty() { "No transfer was made.".to_owned() } else { format!("{}.", parts.join("; ")) }
    }

    /// Whether expiry is enforced, in one sentence for the report's second line and for every chart's caption.
    pub fn enforcement(&self) -> String {
        let alone = self.targets.len() == 1;
        let clause = |target: &TargetRuling| {
            let named = target.name != target.endpoint;
            target.enforcement.clause(if alone && !named { "the target" } else { &target.name })
        };
        let clauses: Vec<String> = self.targets.iter().map(clause).collect();
        let warning = if self.is_invalid() {
            "INVALID if nothing is enforced: no failure there can come from expiry. "
        } else {
            ""
        };
        let clauses = if clauses.is_empty() { "unknown: no transfer was made".to_owned() } else { clauses.join("; ") };
        format!("{warning}Enforcement: {clauses}")
    }

    /// Whether some target lets expired links through.
    pub fn is_invalid(&self) -> bool {
        self.targets.iter().any(|target| target.enforcement.enforces == Enforces::No)
    }

    /// Gives the targets their names, in their order, and tells them how the same would be run again.
    pub(crate) fn name_targets(&mut self, names: Vec<String>, again: &Again) {
        for (target, name) in self.targets.iter_mut().zip(names) {
            target.name = name;
            target.again = Some(again.clone());
        }
        self.tell();
    }
}

fn listed(kinds: &[Unnamed]) -> String {
    if kinds.is_empty() { String::new() } else { format!(" ({})", in_short(kinds)) }
}

impl TargetRuling {
    /// What the failures without a mechanism were, the most frequent kinds first.
    pub(super) fn no_mechanism_in_short(&self) -> String {
        in_short(&self.no_mechanism)
    }
}

/// Whether what supports a finding, and decides nothing, is worked out: it takes most of the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Everything, for readers.
    Full,
    /// The verdicts, their numbers and their reasons, for anyone who asks thousands of times.
    Brief,
}

/// Decides among the mechanisms, for every target and over all of them.
pub fn decide(evidence: &Evidence<'_>) -> Ruling {
    decide_in(evidence, Detail::Full)
}

/// [`decide`], in as much detail as is asked for.
pub fn decide_in(evidence: &Evidence<'_>, detail: Detail) -> Ruling {
    decide_with(evidence, detail, |_| {})
}

/// As [`decide`], and shows `watch` each target while its transfers are at hand; they are gone before the next one's come.
pub fn decide_watched(evidence: &Evidence<'_>, watch: impl FnMut(&View<'_>)) -> Ruling {
    decide_with(evidence, Detail::Full, watch)
}

fn decide_with(evidence: &Evidence<'_>, detail: Detail, mut watch: impl FnMut(&View<'_>)) -> Ruling {
    let tested: Vec<(TargetRuling, Vec<Tested>)> = targets(evidence)
        .map(|target| {
            watch(&View::of(&target));
            let tests = tests(&target, detail);
            let cut = tests.iter().find(|tested| tested.mechanism == Mechanism::CutAtExpiry);
            (facts(evidence, &target, cut.map_or(0, |tested| tested.failures)), tests)
        })
        .collect();
    // One family over everything that the report may accuse.
    let p: Vec<f64> = tested.iter().flat_map(|(_, tests)| tests).map(|tested| tested.p.unwrap_or(1.0)).collect();
    let mut adjusted = holm(&p).into_iter();
    let targets: Vec<TargetRuling> = tested
        .into_iter()
        .map(|(facts, tests)| {
            let findings = tests.into_iter().map(|one| one.conclude(adjusted.next().unwrap_or(1.0), ALPHA));
            rule(facts, findings.collect())
        })
        .collect();
    let mechanisms: Vec<Finding> = Mechanism::ALL.iter().map(|mechanism| foremost(*mechanism, &targets)).collect();
    let overall = mechanisms[0].verdict;
    let mut ruling = Ruling { headline: String::new(), overall, mechanisms, targets };
    ruling.tell();
    ruling
}

fn tests(target: &Target, detail: Detail) -> Vec<Tested> {
    let test = |mechanism: &Mechanism| match mechanism {
        Mechanism::CutAtExpiry => cut::test(target, ALPHA, detail),
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
                (Verdict::Invalid, format!("{let_through} of {all} expired starts were let through"))
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
fn facts(evidence: &Evidence<'_>, target: &Target, cut: u64) -> TargetRuling {
    let (judged, not_judged) = (cut::outlived(target), target.not_judged().all());
    let failed = |keep: fn(&Flight) -> bool| {
        let seen = |flight: &Flight| &evidence.observations[flight.row as usize];
        let of = || target.flights.iter().filter(|flight| keep(flight)).map(seen).filter(|seen| seen.counts());
        [of().filter(|seen| seen.outcome.is_failure()).count() as u64, of().count() as u64]
    };
    let of = |cause: Cause| target.flights.iter().filter(|flight| flight.cause == cause).count() as u64;
    let named = |cause: Cause| target.tallies.of(cause).map(|told| Unnamed::of(&target.tallies, told)).collect();
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
        grid_failed: failed(Flight::in_grid),
        controls_failed: failed(Flight::is_unexpiring_control),
        seen: Seen::of(target, cut),
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

/// From here on the queue is worth a word.
const QUEUE_US: i64 = 100_000;
const MOST_ENDPOINTS: usize = 4;
/// More kinds of failure than this bury the line; `verdict.json` has them all.
const MOST_KINDS: usize = 3;
/// Ends at the head, where heads are refused.
const AT_HEAD: &str = "a refusal that was never read, the network and a cut look alike there: `expect_continue = true` or \
                       the server's log would tell";
const NOTHING: &str = "no transfer was made: it takes at least 5 trials";
