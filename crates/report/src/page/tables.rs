use std::collections::BTreeSet;
use ttlsweep_record::units::grouped;

use ttlsweep_record::{self as record, Control, ExpiryPolicy, Verdict};

use crate::load::Runs;
use crate::prose::{count, p_in_table, percent_in_table};
use crate::summary::CellSummary;
use crate::summary::axes::Axes;
use crate::summary::table;
use crate::verdict::{Enforces, ExpiredStarts, Judged, Ruling, TargetRuling};

/// One mechanism's row in the table of the evidence.
#[derive(Debug)]
pub(super) struct Mechanism<'a> {
    pub(super) name: record::Mechanism,
    pub(super) means: &'static str,
    pub(super) verdict: Verdict,
    pub(super) count: String,
    pub(super) p: String,
    pub(super) bound: String,
    pub(super) evidence: &'a str,
}

pub(super) fn mechanisms(findings: &[Judged]) -> Vec<Mechanism<'_>> {
    findings.iter().map(Mechanism::of).collect()
}

impl<'a> Mechanism<'a> {
    fn of(found: &'a Judged) -> Self {
        Self {
            name: found.mechanism,
            means: meaning(found.mechanism),
            verdict: found.verdict,
            count: format!("{}/{}", grouped(found.failures), grouped(found.transfers)),
            p: found.p_value.map(p_in_table).unwrap_or_default(),
            bound: found.upper_bound.map(percent_in_table).unwrap_or_default(),
            evidence: &found.evidence,
        }
    }
}

/// One target with its own findings.
#[derive(Debug)]
pub(super) struct Target<'a> {
    pub(super) endpoint: &'a str,
    /// What the testbed was told to do there; empty if the target is not the testbed.
    pub(super) policy: String,
    pub(super) overall: Verdict,
    /// Of those of which more is to be said than that nothing was found.
    pub(super) mechanisms: Vec<Mechanism<'a>>,
    /// The others.
    pub(super) acquitted: String,
}

/// Every target if there are several: the first table has each mechanism once only.
pub(super) fn targets<'a>(runs: &Runs, verdict: &'a Ruling) -> Vec<Target<'a>> {
    if verdict.targets.len() < 2 {
        return Vec::new();
    }
    let target = |target: &'a TargetRuling| {
        let is_clear = |found: &&Judged| found.failures == 0 && found.verdict == Verdict::NotSupported;
        let (clear, reported): (Vec<&Judged>, Vec<&Judged>) = target.mechanisms.iter().partition(is_clear);
        let bounded = |found: &&Judged| match found.upper_bound {
            Some(bound) => format!("{} (at most {})", found.mechanism, percent_in_table(bound)),
            None => found.mechanism.to_string(),
        };
        Target {
            endpoint: &target.endpoint,
            policy: policies(runs, &target.endpoint),
            overall: target.overall,
            mechanisms: reported.into_iter().map(Mechanism::of).collect(),
            acquitted: clear.iter().map(bounded).collect::<Vec<_>>().join(", "),
        }
    };
    verdict.targets.iter().map(target).collect()
}

/// What the testbed was told to do at the endpoints, for readers who check the verdict against the truth.
pub(crate) fn policies(runs: &Runs, endpoints: &str) -> String {
    let transfers = &runs.transfers;
    let asked: Vec<bool> =
        transfers.asked().iter().map(|asked| endpoints.split(' ').any(|one| one == asked.endpoint)).collect();
    let cells: BTreeSet<u32> =
        transfers.all().iter().filter(|seen| asked[seen.asked as usize]).map(|seen| seen.cell).collect();
    let policies: BTreeSet<&str> =
        cells.iter().filter_map(|cell| runs.cells[*cell as usize].expiry_policy).map(ExpiryPolicy::as_str).collect();
    if policies.is_empty() {
        return String::new();
    }
    format!("testbed {}", policies.into_iter().collect::<Vec<_>>().join(", "))
}

/// The counts of cells, a row a cell.
#[derive(Debug)]
pub(super) struct Cells {
    pub(super) heads: Vec<Head>,
    /// Of those of which there is something to say.
    pub(super) rows: Vec<Vec<String>>,
    /// Of those in which all was as it should be; none if they are few.
    pub(super) alike: Vec<Vec<String>>,
    /// What these have in common.
    pub(super) alike_words: String,
    /// How many cells more there are than rows.
    pub(super) more: usize,
}

/// A column's head.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) name: &'static str,
    pub(super) numbers: bool,
}

pub(super) fn cells(cells: &[CellSummary], axes: &Axes, take: impl Fn(&CellSummary) -> bool) -> Cells {
    let taken: Vec<&CellSummary> = cells.iter().filter(|summary| take(summary)).collect();
    let shown = &taken[..taken.len().min(MOST_ROWS)];
    let columns = if shown.is_empty() { Vec::new() } else { table::columns(shown, axes) };
    let row = |at: usize| columns.iter().map(|column| column.fields[at].clone()).collect::<Vec<String>>();
    // An expired start is refused as it must be.
    let is_quiet = |summary: &CellSummary| {
        let refused = summary.cell.control == Some(Control::ExpiredStart);
        summary.counts.failures() == if refused { summary.counts.transfers() } else { 0 }
    };
    let (mut quiet, mut loud): (Vec<usize>, Vec<usize>) = (0..shown.len()).partition(|at| is_quiet(shown[*at]));
    if quiet.len() < LEAST_ALIKE {
        loud.append(&mut quiet);
        loud.sort_unstable();
    }
    Cells {
        heads: columns.iter().map(|column| Head { name: column.head, numbers: column.numbers }).collect(),
        rows: loud.into_iter().map(row).collect(),
        alike_words: if shown.iter().any(|summary| summary.cell.control.is_some()) {
            format!("{} in which all was as it must be", count(quiet.len() as u64, "control"))
        } else {
            format!("{} in which nothing failed", count(quiet.len() as u64, "cell"))
        },
        alike: quiet.into_iter().map(row).collect(),
        more: taken.len() - shown.len(),
    }
}

/// What became of one target's starts after expiry.
#[derive(Debug)]
pub(super) struct Enforced<'a> {
    pub(super) target: &'a str,
    pub(super) controls: u64,
    pub(super) refused: u64,
    pub(super) let_through: u64,
    pub(super) finding: &'a str,
}

pub(super) fn enforcement(verdict: &Ruling) -> Vec<Enforced<'_>> {
    fn row(target: &TargetRuling) -> Enforced<'_> {
        let TargetRuling { name, enforcement, .. } = target;
        let ExpiredStarts { all, refused, let_through, .. } = enforcement.starts;
        Enforced {
            target: name,
            controls: all,
            refused,
            let_through,
            finding: match enforcement.enforces {
                Enforces::Yes => "enforces expiry",
                Enforces::No => "enforces nothing",
                Enforces::Unknown => &enforcement.reason,
            },
        }
    }
    verdict.targets.iter().map(row).collect()
}

/// What a failure must look like to count toward the mechanism, for readers who do not know the word.
const fn meaning(mechanism: record::Mechanism) -> &'static str {
    use record::Mechanism as M;
    match mechanism {
        M::CutAtExpiry => "the server ended a transfer in flight because its link expired",
        M::RejectedAtCompletion => "the whole body was taken, then refused because the link had expired meanwhile",
        M::LateStart => "the request came after expiry: an ordinary refusal, however a client reports it",
        M::IdleTimeout => {
            "the server gave up on a transfer that made no progress; ttlsweep's own timeouts do not count"
        }
        M::Throttled => "the server asked to slow down",
        M::Redirected => "the server sent the client elsewhere",
        M::CredentialsExpired => "the credentials that signed the link had expired",
        M::ClockSkew => "client and server disagree about the time by more than signing tolerates",
        M::StaleConnection => "a kept connection was used that the server had closed",
        M::Network => "connections ended for causes that have nothing to do with expiry",
        M::Client => "the machine that ran the experiment was at fault",
        M::RefusedAlive => "the link was refused while it lived, where requests signed in headers were let in",
        M::Gateway => "something before the store answered in its place: a proxy, a load balancer, a CDN, a portal",
        M::ServerError => "the store failed by itself: a 5xx of its own",
    }
}

/// A page is read, and `summary.csv` has them all.
const MOST_ROWS: usize = 400;
/// Fewer need not be folded.
const LEAST_ALIKE: usize = 3;
