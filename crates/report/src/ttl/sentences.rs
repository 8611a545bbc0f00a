//! What is said of a cell, the same on the terminal and on the page.

use super::Risk;
use super::advice::{Advice, CellAdvice, More, Rulewise};
use super::rule::Rule;
use super::spells::Stretch;
use super::words::{LONGEST_S, listed, ttl, whole_seconds};
use crate::prose::{count, percent_in_table};
use ttlsweep_record::units::grouped;

/// What a reader takes away of one cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    /// `5 × 40 MB at 10 Mbit/s`
    pub label: String,
    /// The one sentence.
    pub sentence: String,
    /// What holds for each target, a line each.
    pub targets: Vec<String>,
    /// What smaller risks take.
    pub sure: String,
    /// What the bound takes for granted of trials that are late together.
    pub spells: String,
    /// What might lie beyond the data; empty if nothing is known of it.
    pub beyond: String,
    /// What did not end, and what was left out; empty if nothing.
    pub left_out: String,
}

impl Advice {
    /// What is said of each cell.
    pub(crate) fn said(&self) -> Vec<Said> {
        self.cells.iter().map(|cell| self.said_of(cell)).collect()
    }

    /// What the cell that needs the longest TTL needs, in a clause.
    pub(crate) fn finding(&self) -> String {
        let longest = self.cells.iter().max_by_key(|cell| cell.end.ttl_s());
        longest.map_or_else(String::new, |cell| {
            format!("{} needs {} at the head, {} at the end", cell.label, needed(&cell.head), needed(&cell.end))
        })
    }

    fn said_of(&self, cell: &CellAdvice) -> Said {
        Said {
            label: cell.label.clone(),
            sentence: self.sentence(cell),
            targets: cell.targets.iter().map(|(name, rule)| self.of_target(cell, name, *rule)).collect(),
            sure: sure(cell),
            spells: spells(cell, self.risk),
            beyond: beyond(cell),
            left_out: left_out(cell),
        }
    }

    /// `5 × 40 MB at 10 Mbit/s: 14 s if the store checks at the head, 171 s if it checks at the end …`
    fn sentence(&self, cell: &CellAdvice) -> String {
        let CellAdvice { label, head, end, group, .. } = cell;
        if group.trials.is_empty() {
            return format!("{label}: no trial counts, so nothing is known.");
        }
        format!(
            "{label}: {} if the store checks at the head, {} if it checks at the end{}{}.",
            needed(head),
            needed(end),
            self.shown(cell),
            yours(cell)
        )
    }

    /// How sure the two TTLs are.
    fn shown(&self, cell: &CellAdvice) -> String {
        let (head, end) = (cell.head.answer, cell.end.answer);
        let trials = counted(cell);
        let risk = self.risk;
        match (head.is_shown, end.is_shown) {
            (true, true) => format!(" (at most {risk} of trials later, {trials})"),
            (false, false) if head.bound == end.bound => {
                format!(" (the latest of {trials}: at most {} later, so not yet {risk})", percent_in_table(end.bound))
            }
            _ => format!(
                " ({trials}: at most {} and {} later, for {risk})",
                percent_in_table(head.bound),
                percent_in_table(end.bound)
            ),
        }
    }

    /// `testbed, in-flight cuts at expiry, so the end counts: take 180 s.`
    fn of_target(&self, cell: &CellAdvice, name: &str, rule: Rule) -> String {
        let does = format!("{name} {}", rule.words());
        let Some(at_head) = rule.is_at_head() else { return format!("{does}.") };
        let one = if at_head { &cell.head } else { &cell.end };
        match (cell.to_set(rule), one.ttl_s()) {
            (Some(set), _) => match self.session_s.filter(|session| *session < set) {
                Some(session) => format!(
                    "{does}: take {}, with credentials that last as long. Yours end after {}, and the links with them.",
                    ttl(set),
                    ttl(session)
                ),
                None => format!("{does}: take {}.", ttl(set)),
            },
            (None, Some(_)) => format!("{does}: no link lives long enough, since 7 days is the most."),
            (None, None) => format!("{does}: no trial tells how long."),
        }
    }
}

fn needed(one: &Rulewise) -> String {
    match one.ttl_s() {
        Some(s) if s > LONGEST_S => "more than 7 days, the longest that a link can live,".to_owned(),
        Some(s) => ttl(s),
        None => "an unknown TTL".to_owned(),
    }
}

/// `; your 10 s is too short in both`
fn yours(cell: &CellAdvice) -> String {
    let ttls = &cell.group.ttls;
    let of = |wanted: [bool; 2]| -> Option<String> {
        let found: Vec<String> =
            ttls.iter().filter(|ttl| cell.is_enough(**ttl) == wanted).map(|s| ttl(u64::from(*s))).collect();
        let is = if found.len() == 1 { "is" } else { "are" };
        (!found.is_empty()).then(|| format!("{} {is}", listed(&found)))
    };
    let parts = [
        of([false, false]).map(|which| format!("{which} too short in both")),
        of([true, false]).map(|which| format!("{which} too short at the end")),
        of([true, true]).map(|which| format!("{which} enough in both")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { String::new() } else { format!("; your {}", parts.join(", ")) }
}

/// What each risk takes beyond these trials.
fn sure(cell: &CellAdvice) -> String {
    let said = Risk::LADDER.into_iter().map(|risk| {
        let (head, end) = (cell.head.curve.answer(risk), cell.end.curve.answer(risk));
        if head.is_shown && end.is_shown {
            let times = [head, end].map(|one| one.ttl_us.map(|us| ttl(whole_seconds(us))).unwrap_or_default());
            return format!("{risk}: shown, {} and {}", times[0], times[1]);
        }
        match cell.more(risk) {
            Some(More { trials, blocks, transfers }) => {
                let blocks = blocks.map(|n| format!(", {}", count(n, "block"))).unwrap_or_default();
                format!("{risk}: {}{blocks} ({})", count(trials, "more trial"), count(transfers, "transfer"))
            }
            None => format!("{risk}: never, because too many trials did not end"),
        }
    });
    format!("{}.", said.collect::<Vec<_>>().join("; "))
}

/// `59 trials`, or `59 trials, which count as 8`
fn counted(cell: &CellAdvice) -> String {
    let trials = count(cell.group.trials.len() as u64, "trial");
    match cell.stretch {
        Stretch::Trial => trials,
        Stretch::Row(_) | Stretch::Seconds(_) => format!("{trials}, which count as {}", grouped(cell.stretches)),
    }
}

/// What the bound takes for granted: no run shows a bad spell that none of its trials met.
fn spells(cell: &CellAdvice, risk: Risk) -> String {
    if cell.group.trials.is_empty() {
        return String::new();
    }
    match cell.stretch {
        Stretch::Seconds(seconds) => {
            format!(
                "Trials of {} count as one: the bound holds if no bad spell of the line lasts longer.",
                ttl(seconds)
            )
        }
        Stretch::Row(row) => format!(
            "WARNING: late trials come one after the other, so {row} in a row count as one. Spread the blocks over hours, and say how long bad spells last: --spell 10min. {UNMET}"
        ),
        Stretch::Trial => format!(
            "The bound holds if late trials do not come together, and these were not seen to. {UNMET} If one may last 10 min: at most {} later (--spell 10min).",
            percent_in_table(cell.if_spells_last(TEN_MINUTES_S, risk)),
        ),
    }
}

const UNMET: &str = "A bad spell that no trial met leaves no trace.";
const TEN_MINUTES_S: u64 = 600;

/// The tail at the least risk of the ladder.
fn beyond(cell: &CellAdvice) -> String {
    let [.., least] = Risk::LADDER;
    let trials = cell.group.trials.len() as f64;
    let at = |one: &Rulewise| {
        let tail = one.curve.tail.filter(|_| least.share() < 1.0 / trials)?;
        Some(ttl(whole_seconds((tail.beyond(least.share()) * 1e6) as i64)))
    };
    match (at(&cell.head), at(&cell.end)) {
        (Some(head), Some(end)) => format!(
            "A fitted tail puts {least} at about {head} at the head and {end} at the end: a guess beyond the data, not a bound."
        ),
        _ => String::new(),
    }
}

fn left_out(cell: &CellAdvice) -> String {
    let mut said = Vec::new();
    let unended = cell.end.curve.unended();
    if unended > 0 {
        let ttls = [&cell.head, &cell.end].map(|one| one.curve.latest().map(|us| ttl(whole_seconds(us))));
        let ttls = match ttls {
            [Some(head), Some(end)] => format!(" (the latest of the others: {head} at the head, {end} at the end)"),
            _ => String::new(),
        };
        said.push(format!(
            "In {} a transfer was ended by something else: they count as later than all{ttls}.",
            count(unended, "trial")
        ));
    }
    let left = cell.group.left_out;
    let parts = [
        (left.short_links, "whose links did not surely outlive their transfers"),
        (left.this_machine, "in which this machine was too busy or failed"),
        (left.clock_set, "during which a clock was set"),
        (left.without_link, "without a link beside links made ahead"),
        (left.cancelled, "with nothing but cancelled transfers"),
    ];
    let parts: Vec<String> =
        parts.into_iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{} {what}", count(n, "trial"))).collect();
    if !parts.is_empty() {
        said.push(format!("Left out: {}.", parts.join(", ")));
    }
    said.join(" ")
}

impl Advice {
    /// The lines through cells that differ in users, size and cap alone: what lies between them may be estimated by these.
    pub(crate) fn fitted(&self) -> Vec<String> {
        let lines = self.families.iter().filter_map(|family| {
            let (head, end) = (family.head.as_ref()?, family.end.as_ref()?);
            let line = |fit: &super::fit::Fit| {
                format!(
                    "{:.1} s + {:.2} · size · users / rate (at most {:.2} times as much)",
                    fit.a,
                    fit.b,
                    fit.most_above()
                )
            };
            Some(format!(
                "Between the cells: {} at the head, {} at the end, fitted to {}.",
                line(head),
                line(end),
                count(end.trials, "trial")
            ))
        });
        lines.collect()
    }
}

/// How the figures are to be read, in two sentences.
pub(crate) fn how(risk: Risk) -> String {
    format!(
        "A trial is late if any of its transfers is. Bounds are one-sided at 95 % over trials (asked: {risk}); each TTL includes the \
         second that dates are cut to and the server's clock at its worst."
    )
}
