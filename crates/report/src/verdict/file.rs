use serde::Serialize;
use ttlsweep_record::decision::grade;
use ttlsweep_record::{Mechanism, Timestamp, Verdict};

use super::finding::Finding;
use super::headline::Allowed;
use super::ruling::{Ruling, TargetRuling, Unnamed};
use crate::verdict::cause::enforcement::ExpiredStarts;
use crate::verdict::evidence::clock_steps::{ClockStep, Whose};

/// The file's name within the report's folder.
pub(crate) const FILE: &str = "verdict.json";

/// The file's text.
pub(crate) fn json(ruling: &Ruling) -> Result<String, serde_json::Error> {
    let page = Page {
        schema_version: SCHEMA_VERSION,
        headline: &ruling.headline,
        overall: ruling.overall,
        stopped: ruling.stopped.as_deref(),
        mechanisms: ruling.mechanisms.iter().map(Row::of).collect(),
        endpoints: ruling.targets.iter().map(Endpoint::of).collect(),
    };
    serde_json::to_string_pretty(&page).map(|text| text + "\n")
}

#[derive(Serialize)]
struct Page<'a> {
    schema_version: u32,
    headline: &'a str,
    overall: Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped: Option<&'a str>,
    mechanisms: Vec<Row<'a>>,
    endpoints: Vec<Endpoint<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    mechanism: Mechanism,
    verdict: Verdict,
    p_value: Option<f64>,
    failures: u64,
    transfers: u64,
    upper_bound: Option<f64>,
    evidence: &'a str,
}

impl<'a> Row<'a> {
    fn of(finding: &'a Finding) -> Self {
        let Finding { mechanism, verdict, p_value, failures, transfers, upper_bound, evidence, brief: _, gist: _ } =
            finding;
        Self {
            mechanism: *mechanism,
            verdict: *verdict,
            p_value: *p_value,
            failures: *failures,
            transfers: *transfers,
            upper_bound: *upper_bound,
            evidence,
        }
    }
}

#[derive(Serialize)]
struct Endpoint<'a> {
    endpoint: &'a str,
    name: &'a str,
    overall: Verdict,
    outlived: u64,
    judged: u64,
    not_judged: u64,
    grid_failed: u64,
    grid: u64,
    controls_failed: u64,
    controls: u64,
    answer: &'static str,
    line: String,
    also: Vec<String>,
    sure: String,
    no_allows: Option<NoAllows>,
    fit: String,
    next: String,
    enforces: &'static str,
    enforcement: &'a str,
    delta_us: i64,
    rtt_us: i64,
    loaded_rtt_us: i64,
    clock_offset_low_us: Option<i64>,
    clock_offset_high_us: Option<i64>,
    date_stale_us: i64,
    clock_steps: Vec<Step>,
    expired_starts_early: u64,
    expired_starts: u64,
    expired_starts_refused: u64,
    expired_starts_let_through: u64,
    undecidable: u64,
    unexplained: u64,
    no_mechanism: Vec<Kind<'a>>,
    undecided: Vec<Kind<'a>>,
    mechanisms: Vec<Row<'a>>,
}

/// What a NO still allows, and what the next grade takes.
#[derive(Serialize)]
struct NoAllows {
    share: f64,
    one_in: Option<u64>,
    next_one_in: Option<u64>,
    next_blocks: Option<u64>,
    next_us: Option<u64>,
}

impl NoAllows {
    fn of(allowed: Allowed) -> Self {
        let Allowed { share, next } = allowed;
        Self {
            share,
            one_in: grade(share),
            next_one_in: next.map(|next| next.one_in),
            next_blocks: next.map(|next| next.blocks),
            next_us: next.and_then(|next| next.time_us),
        }
    }
}

/// Failures of one kind.
#[derive(Serialize)]
struct Kind<'a> {
    what: &'a str,
    grid: u64,
    grid_transfers: u64,
    controls: u64,
    controls_transfers: u64,
    sentence: &'a str,
}

impl<'a> Kind<'a> {
    fn of(unnamed: &'a Unnamed) -> Self {
        let Unnamed { what, grid, grid_transfers, controls, controls_transfers, sentence } = unnamed;
        Self {
            what,
            grid: *grid,
            grid_transfers: *grid_transfers,
            controls: *controls,
            controls_transfers: *controls_transfers,
            sentence,
        }
    }
}

impl<'a> Endpoint<'a> {
    fn of(target: &'a TargetRuling) -> Self {
        let ExpiredStarts { all, refused, let_through, .. } = target.enforcement.starts;
        let taken = target.take_away();
        Self {
            endpoint: &target.endpoint,
            name: &target.name,
            overall: target.overall,
            outlived: target.outlived,
            judged: target.judged,
            not_judged: target.not_judged,
            grid_failed: target.grid_failed[0],
            grid: target.grid_failed[1],
            controls_failed: target.controls_failed[0],
            controls: target.controls_failed[1],
            answer: taken.answer.as_str(),
            line: taken.line(),
            also: taken.also,
            sure: taken.sure,
            no_allows: target.allowed().map(NoAllows::of),
            fit: taken.fit,
            next: taken.next,
            enforces: target.enforcement.enforces.as_str(),
            enforcement: &target.enforcement.reason,
            delta_us: target.delta_us,
            rtt_us: target.rtt_us,
            loaded_rtt_us: target.loaded_rtt_us,
            clock_offset_low_us: target.clock_offset.map(|offset| offset.low_us),
            clock_offset_high_us: target.clock_offset.map(|offset| offset.high_us),
            date_stale_us: target.stale_us,
            clock_steps: target.clock_steps.iter().map(Step::of).collect(),
            expired_starts_early: target.enforcement.starts.in_time,
            expired_starts: all,
            expired_starts_refused: refused,
            expired_starts_let_through: let_through,
            undecidable: target.undecidable,
            unexplained: target.unexplained,
            no_mechanism: target.no_mechanism.iter().map(Kind::of).collect(),
            undecided: target.undecided.iter().map(Kind::of).collect(),
            mechanisms: target.mechanisms.iter().map(Row::of).collect(),
        }
    }
}

/// A clock that was set.
#[derive(Serialize)]
struct Step {
    whose: &'static str,
    from: Timestamp,
    to: Timestamp,
    by_us: i64,
}

impl Step {
    fn of(step: &ClockStep) -> Self {
        let whose = match step.whose {
            Whose::Machine => "machine",
            Whose::Server => "server",
            Whose::Either => "machine-or-server",
        };
        let at = Timestamp::from_unix_micros;
        Self { whose, from: at(step.from_us), to: at(step.to_us), by_us: step.by_us }
    }
}

const SCHEMA_VERSION: u32 = 1;
