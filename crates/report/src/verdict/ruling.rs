//! What is concluded, over all targets and on each, and how that is counted and reported in lines.

use ttlsweep_record::units::{format_micros, grouped};
use ttlsweep_record::{Mechanism, Verdict};
use ttlsweep_rundir::environment::ClockOffset;

use super::cause::Cause;
use super::finding::Finding;
use super::seen::Seen;
use crate::prose::{count, of, secs};
use crate::verdict::cause::enforcement::{Enforcement, Enforces};
use crate::verdict::cause::reported::{Reported, Tallies};
use crate::verdict::evidence::clock_steps::ClockStep;

/// The verdict over all targets of the runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Ruling {
    /// The answer in one line.
    pub headline: String,
    /// The verdict on `cut-at-expiry`.
    pub overall: Verdict,
    /// Where runs ended before their plan did because each target was decided, in words; `None` if none did.
    pub stopped: Option<String>,
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
    /// How the same would be run again; nothing before that is known.
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
    pub(super) fn of(tallies: &Tallies, reported: &Reported) -> Self {
        let mut sentence = tallies.sentence(reported);
        if let Some(doubt) = &reported.doubt {
            sentence = format!("{sentence} ({doubt})");
        }
        if reported.at_head && reported.cause == Cause::Undecidable {
            sentence = format!("{sentence} ({AT_HEAD})");
        }
        Self {
            what: reported.words.clone(),
            grid: reported.grid,
            grid_transfers: tallies.grid,
            controls: reported.controls,
            controls_transfers: tallies.controls,
            sentence,
        }
    }
}

/// Several kinds in a line, the rest as a number of kinds.
fn in_short(kinds: &[Unnamed]) -> String {
    let reported: Vec<&str> = kinds.iter().take(MOST_KINDS).map(|kind| kind.sentence.as_str()).collect();
    let more = kinds.get(MOST_KINDS..).unwrap_or_default();
    match more.len() as u64 {
        0 => reported.join("; "),
        n => {
            let transfers: u64 = more.iter().map(|kind| kind.grid + kind.controls).sum();
            format!("{}; {} in {} more", reported.join("; "), count(transfers, "transfer"), count(n, "way"))
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
                    let [outlived, judged, not] = [outlived, target.judged, target.not_judged].map(grouped);
                    format!("; {outlived} outlived their link: {judged} judged, {not} not")
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
                grouped(target.unexplained),
                listed(&target.no_mechanism),
            )
        };
        self.targets.iter().map(line).collect()
    }

    /// How many transfers failed: of the grid, of the controls in which nothing expires, and of the starts after expiry those
    /// that were refused as they must be. The same three numbers everywhere.
    pub(crate) fn counts_line(&self) -> String {
        let sum = |of: fn(&TargetRuling) -> [u64; 2]| {
            self.targets.iter().map(of).fold([0, 0], |[k, n], [more, of]| [k + more, n + of])
        };
        let (grid, controls) = (sum(|target| target.grid_failed), sum(|target| target.controls_failed));
        let starts = sum(|target| [target.enforcement.starts.refused, target.enforcement.starts.all]);
        let part = |[failed, all]: [u64; 2], what: &str| (all > 0).then(|| format!("{} {what}", of(failed, all)));
        let undecided: u64 = self.targets.iter().flat_map(|target| &target.undecided).map(|kind| kind.grid).sum();
        let of_them = match undecided {
            0 => String::new(),
            1 => " (1 of them fits two mechanisms and counts toward neither)".to_owned(),
            n => format!(" ({} of them fit two mechanisms and count toward neither)", grouped(n)),
        };
        let parts = [
            part(grid, &format!("transfers of the grid failed{of_them}")),
            part(controls, "controls failed"),
            part(
                starts,
                match starts[0] == starts[1] {
                    true => "expired starts were refused, as they must be",
                    false => "expired starts were refused, and all should be",
                },
            ),
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
    pub(crate) fn is_invalid(&self) -> bool {
        self.targets.iter().any(|target| target.enforcement.enforces == Enforces::No)
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

/// What is known of how the same would be run again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Again {
    /// The experiment's name: new runs lie in `results/NAME/latest`.
    pub experiment: String,
    /// Blocks of the plan.
    pub planned_blocks: u64,
    /// Whether a run of it ended before its plan did, as another one would.
    pub ends_early: bool,
    /// What a block takes from begin to end, in microseconds; `None` if no trial tells.
    pub block_us: Option<u64>,
}

/// From here on the queue is worth a word.
const QUEUE_US: i64 = 100_000;
/// More kinds of failure than this bury the line; `verdict.json` has them all.
const MOST_KINDS: usize = 3;
/// Ends at the head, where heads are refused.
const AT_HEAD: &str = "a refusal that was never read, the network and a cut look alike there: `expect_continue = true` or \
                       the server's log would tell";
