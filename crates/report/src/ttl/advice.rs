//! What is known of each cell: the TTL under either rule, how sure that is, and what more it would take.

use super::curve::{Answer, Curve};
use super::fit::Fit;
use super::lateness::{Group, TrialNeed, groups};
use super::risk::Risk;
use super::rule::Rule;
use super::spells::Stretch;
use super::words::{self, LONGEST_S, whole_seconds};
use crate::chart::ttl as chart;
use crate::load::Runs;
use crate::prose::count;
use crate::summary::axes::Axes;
use crate::verdict::Evidence;

/// What runs say to the question.
#[derive(Debug)]
pub struct Advice {
    /// The share of trials that may be refused.
    pub(crate) risk: Risk,
    /// How long the credentials last that sign the links; `None` if nobody said.
    pub(crate) session_s: Option<u64>,
    /// Cell by cell, in the order of the plan.
    pub(crate) cells: Vec<CellAdvice>,
    /// Between the cells; one for each kind of cells that differ in users, size and cap alone.
    pub(crate) families: Vec<Family>,
    /// What else a reader must know.
    pub(crate) notes: Vec<String>,
}

/// One target, with the cells that were asked of it (places among the plan's) and its rule.
#[derive(Debug, Clone)]
pub struct Target {
    /// What readers know it by.
    pub(crate) name: String,
    /// The cells.
    pub(crate) cells: Vec<u32>,
    /// When it looks at a link's date.
    pub(crate) rule: Rule,
}

/// What the trials of one group say.
#[derive(Debug)]
pub(crate) struct CellAdvice {
    /// `5 × 40 MB at 10 Mbit/s`
    pub label: String,
    /// The trials.
    pub group: Group,
    /// If the store looks at the date when the head arrives.
    pub head: Rulewise,
    /// If it looks again later, or cuts.
    pub end: Rulewise,
    /// What counts as one trial.
    pub stretch: Stretch,
    /// How many such there are.
    pub stretches: u64,
    /// The targets that these cells were asked of, each with its rule.
    pub targets: Vec<(String, Rule)>,
}

/// The answer under one rule.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rulewise {
    /// TTL against the bound.
    pub curve: Curve,
    /// The TTL.
    pub answer: Answer,
}

impl Rulewise {
    fn of(trials: &[TrialNeed], which: super::fit::Which, risk: Risk) -> Self {
        let curve = Curve::of(trials.iter().map(which));
        let answer = curve.answer(risk);
        Self { curve, answer }
    }

    /// The TTL in whole seconds; `None` if no trial tells.
    pub(crate) fn ttl_s(&self) -> Option<u64> {
        self.answer.ttl_us.map(whole_seconds)
    }
}

/// Groups that differ in users, size and cap alone, and the lines through their needs.
#[derive(Debug)]
pub(crate) struct Family {
    /// The groups, as places among [`Advice::cells`].
    pub cells: Vec<usize>,
    /// If the store looks at the date when the head arrives.
    pub head: Option<Fit>,
    /// If it looks again later, or cuts.
    pub end: Option<Fit>,
}

/// What more it takes to show a smaller risk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct More {
    /// Trials of this group.
    pub trials: u64,
    /// Blocks of the plan; `None` if no block tells how many trials it has.
    pub blocks: Option<u64>,
    /// Transfers of this group.
    pub transfers: u64,
}

impl Advice {
    /// What `runs` say. `spell_s` is how many seconds a bad spell of the line may last; `None` for what the trials show of it.
    pub fn of(
        runs: &Runs,
        axes: &Axes,
        evidence: &Evidence<'_>,
        targets: Vec<Target>,
        risk: Risk,
        spell_s: Option<u64>,
    ) -> Self {
        let cell = |group: Group| {
            let stretch = spell_s.map_or_else(|| Stretch::seen_in(&group.trials), Stretch::Seconds);
            let parted = stretch.part(&group.trials);
            CellAdvice {
                label: words::label(&group.cell, axes),
                head: Rulewise::of(&parted, HEAD, risk),
                end: Rulewise::of(&parted, END, risk),
                stretch,
                stretches: parted.len() as u64,
                targets: targets
                    .iter()
                    .filter(|target| target.cells.iter().any(|cell| group.cells.contains(cell)))
                    .map(|target| (target.name.clone(), target.rule))
                    .collect(),
                group,
            }
        };
        let cells: Vec<CellAdvice> = groups(runs, evidence).into_iter().map(cell).collect();
        let families = families(&cells);
        let notes = notes(evidence, &cells);
        Self { risk, session_s: None, cells, families, notes }
    }
}

impl Advice {
    /// The cells as a chart shows them: those of which enough trials count to make a curve.
    pub(crate) fn panels(&self) -> Vec<chart::Panel> {
        let line = |one: &Rulewise| chart::Line {
            steps: one.curve.steps(MOST_STEPS).into_iter().map(|step| (step.ttl_s, step.bound)).collect(),
            tail: one.curve.beyond(LEAST_SHARE),
        };
        let panel = |cell: &CellAdvice| chart::Panel {
            title: cell.label.clone(),
            notes: count(cell.group.trials.len() as u64, "trial"),
            risk: self.risk.share(),
            ttls: cell.group.ttls.iter().map(|ttl| f64::from(*ttl)).collect(),
            head: line(&cell.head),
            end: line(&cell.end),
        };
        self.cells.iter().filter(|cell| cell.group.trials.len() >= LEAST_TRIALS).take(MOST_PANELS).map(panel).collect()
    }
}

const LEAST_TRIALS: usize = 3;
/// A chart has no room for more.
const MOST_PANELS: usize = 12;
const MOST_STEPS: usize = 400;
/// How far the tail is drawn.
const LEAST_SHARE: f64 = 0.001;

impl CellAdvice {
    /// What it takes beyond these trials until `risk` is shown under the stricter rule; `None` if it is shown, or never will be.
    pub(crate) fn more(&self, risk: Risk) -> Option<More> {
        let so_far = self.group.trials.len() as u64;
        let each = so_far.div_ceil(self.stretches.max(1)).max(1);
        let trials = self.end.curve.answer(risk).more_trials? * each;
        let per_trial = self.group.transfers.checked_div(so_far).unwrap_or_else(|| u64::from(self.group.cell.users));
        let blocks = (so_far > 0).then(|| (trials * self.group.blocks.max(1)).div_ceil(so_far));
        Some(More { trials, blocks, transfers: trials * per_trial })
    }

    /// What is shown at most if bad spells last so many seconds, under the stricter rule.
    pub(crate) fn if_spells_last(&self, seconds: u64, risk: Risk) -> f64 {
        let parted = Stretch::Seconds(seconds).part(&self.group.trials);
        Rulewise::of(&parted, END, risk).answer.bound
    }

    /// Whether a TTL of the grid is long enough, for a store that checks at the head and for one that checks at the end.
    pub(crate) fn is_enough(&self, ttl_s: u32) -> [bool; 2] {
        [&self.head, &self.end].map(|one| one.ttl_s().is_some_and(|needed| u64::from(ttl_s) >= needed))
    }

    /// The TTL to set at a target that has this rule, rounded up; `None` if none is long enough, or if nothing counts.
    pub(crate) fn to_set(&self, rule: Rule) -> Option<u64> {
        let needed = if rule.is_at_head()? { self.head.ttl_s() } else { self.end.ttl_s() };
        needed.filter(|needed| *needed <= LONGEST_S).map(words::rounded)
    }
}

fn families(cells: &[CellAdvice]) -> Vec<Family> {
    let alike = |one: &CellAdvice| ttlsweep_record::Cell {
        users: 0,
        size_bytes: ttlsweep_record::ByteCount(0),
        size_file: None,
        bandwidth_bps: None,
        ..one.group.cell.clone()
    };
    let mut kinds: Vec<(ttlsweep_record::Cell, Vec<usize>)> = Vec::new();
    for (at, one) in cells.iter().enumerate() {
        let kind = alike(one);
        match kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, places)) => places.push(at),
            None => kinds.push((kind, vec![at])),
        }
    }
    let family = |(_, places): (_, Vec<usize>)| {
        let groups: Vec<&Group> = places.iter().map(|at| &cells[*at].group).collect();
        Family { head: Fit::of(&groups, HEAD), end: Fit::of(&groups, END), cells: places }
    };
    kinds.into_iter().map(family).collect()
}

fn notes(evidence: &Evidence<'_>, cells: &[CellAdvice]) -> Vec<String> {
    let sum = |of: fn(&Group) -> u64| cells.iter().map(|one| of(&one.group)).sum::<u64>();
    let mut notes = Vec::new();
    match sum(|group| group.unknown_clock) {
        0 => {}
        n => notes.push(format!(
            "In {} nothing is known of the server's clock, which is taken for this machine's.",
            count(n, "trial")
        )),
    }
    match sum(|group| group.heads_by_answer) {
        0 => {}
        n => notes.push(format!(
            "In {} the kernel did not say when the head arrived; the answer's beginning stands in its place, which is later.",
            count(n, "trial")
        )),
    }
    if evidence.proxies.iter().any(Option::is_some) {
        notes.push(
            "A proxy stood between: when a head reached the proxy is known, and not when it reached the store."
                .to_owned(),
        );
    }
    notes.push(
        "A link ends with the credentials that sign it, whatever its TTL: a role's session often lasts an hour."
            .to_owned(),
    );
    notes
}

/// The need of a store that looks at the date when the head arrives.
pub(crate) const HEAD: fn(&TrialNeed) -> super::lateness::Need = |trial| trial.head;
/// The need of one that looks again later, or cuts.
pub(crate) const END: fn(&TrialNeed) -> super::lateness::Need = |trial| trial.end;
