//! Every chart of a report, drawn; one that has nothing to show is left out, and says why.

use crate::prose::{count, of, percent_in_table};
use std::path::Path;

use ttlsweep_record::Cell;

use crate::chart::kit::caption::Caption;
use crate::chart::kit::png;
use crate::chart::kit::theme::Form;
use crate::chart::{
    About, Chart, ChartError, Sheet, comparison, ends, failure_rate, hazard, heat_map, hosts, outcomes, progress, rho,
    run_order, timeline, ttl,
};
use crate::compare::hosts::{HostComparison, reach, sentence as host_sentence};
use crate::compare::runs::{Compared, Comparison, Tested, signed};
use crate::figures::collect::Collected;
use crate::forecast::ghosts::Ghosts;
use crate::summary::axes::Axes;
use crate::summary::{CellSummary, total};
use crate::ttl::Advice;
use crate::verdict::Ruling;

/// What the charts are drawn from.
pub(crate) struct Drawing<'a> {
    pub(crate) axes: &'a Axes,
    pub(crate) cells: &'a [CellSummary],
    /// The plan's cells, in its order.
    pub(crate) plan: &'a [Cell],
    pub(crate) verdict: &'a Ruling,
    pub(crate) targets: Vec<Collected<'a>>,
    pub(crate) timeline: Vec<timeline::Panel>,
    pub(crate) progress: Vec<progress::Panel>,
    pub(crate) run_order: Vec<run_order::Panel>,
    pub(crate) hosts: &'a [HostComparison],
    pub(crate) comparisons: &'a [Comparison],
    pub(crate) ttl: &'a Advice,
    /// What would have been under other mechanisms; `None` if nobody asked.
    pub(crate) ghosts: Option<&'a Ghosts>,
}

impl Drawing<'_> {
    /// Draws into `folder`, in the order of [`crate::chart::ALL`].
    pub(crate) fn draw(self, folder: &Path, caption: &Caption) -> Result<Vec<Chart>, ChartError> {
        let found = Captioned { folder, caption: Caption { finding: self.verdict.finding(), ..caption.clone() } };
        let counted = Captioned { folder, caption: Caption { finding: self.verdict.failures(), ..caption.clone() } };
        let needed = Captioned { folder, caption: Caption { finding: self.ttl.finding(), ..caption.clone() } };
        let ran = total(self.cells).recorded() > 0;
        let rates = if ran { self.rates() } else { Vec::new() };
        let groups = if ran { outcomes::groups(self.cells, self.axes) } else { Vec::new() };
        let fields = if ran { heat_map::panels(self.cells, self.axes) } else { Vec::new() };
        let by_rho = found.without(&self.targets, |target| target.rho.is_none(), NO_RHO);
        let by_end = found.without(&self.targets, |target| target.ends.is_none(), NO_ENDS);
        let by_risk = found.without(&self.targets, |target| target.hazard.is_none(), NO_HAZARD);
        let (mut by_ratio, mut against_expiry, mut hazards) = (Vec::new(), Vec::new(), Vec::new());
        for target in self.targets {
            by_ratio.extend(target.rho);
            against_expiry.extend(target.ends);
            hazards.extend(target.hazard);
        }
        // One panel needs no name.
        untitle(&mut by_ratio, |panel| &mut panel.title);
        untitle(&mut against_expiry, |panel| &mut panel.title);
        untitle(&mut hazards, |panel| &mut panel.title);
        Ok(vec![
            found.chart(timeline::ABOUT, &self.timeline, timeline::draw, NOTHING)?,
            found.chart(failure_rate::ABOUT, &rates, failure_rate::draw, NOTHING)?,
            counted.chart(outcomes::ABOUT, &groups, outcomes::draw, NOTHING)?,
            counted.chart(heat_map::ABOUT, &fields, heat_map::draw, "neither users nor TTL have several values")?,
            by_end.chart(ends::ABOUT, &against_expiry, ends::draw, NO_ENDS)?,
            found.chart(
                progress::ABOUT,
                &self.progress,
                progress::draw,
                "there is no failed transfer with a completed long-ttl control of the same settings and block of which both \
                 have samples",
            )?,
            by_rho.chart(rho::ABOUT, &by_ratio, rho::draw, NO_RHO)?,
            by_risk.chart(hazard::ABOUT, &hazards, hazard::draw, NO_HAZARD)?,
            counted.chart(run_order::ABOUT, &self.run_order, run_order::draw, NOTHING)?,
            counted.chart(hosts::ABOUT, &host_panels(self.hosts), hosts::draw, "there are no two hosts that ran the same cell")?,
            counted.chart(
                comparison::ABOUT,
                &comparisons(self.comparisons, self.plan),
                comparison::draw,
                "there are no two runs or targets with cells to compare in which a transfer failed",
            )?,
            needed.chart(ttl::ABOUT, &self.ttl.panels(), ttl::draw, "no cell has three trials that tell which TTL its transfers need")?,
        ])
    }

    /// Failure rates, each panel with its target's finding if that is of the panel's cells alone and not in the title. Behind them
    /// the same once more for each world that was simulated, with what would have been in it.
    fn rates(&self) -> Vec<failure_rate::Panel> {
        let worlds = self.ghosts.into_iter().flat_map(|ghosts| &ghosts.worlds);
        let would_have_been = worlds.flat_map(|world| {
            let name = |title: &str| {
                let name = format!("if {}", world.name);
                let name = if title.is_empty() { name } else { format!("{title} · {name}") };
                Some((name, String::new()))
            };
            failure_rate::panels(self.cells, self.axes, name, |cell| Some(world.of_cell(cell)?.failed))
        });
        self.found().into_iter().chain(would_have_been).collect()
    }

    fn found(&self) -> Vec<failure_rate::Panel> {
        let several = self.verdict.targets.len() > 1;
        failure_rate::panels(
            self.cells,
            self.axes,
            |title| {
                let own = |target: &Collected<'_>| {
                    let mut grid = target
                        .cells
                        .iter()
                        .map(|cell| &self.plan[*cell as usize])
                        .filter(|cell| cell.control.is_none());
                    grid.all(|cell| self.axes.panel(cell) == title)
                };
                let found = self.targets.iter().zip(&self.verdict.targets).find(|(target, _)| several && own(target));
                found.map(|(target, ruling)| (target.title.clone(), ruling.gist()))
            },
            |_| None,
        )
    }
}

/// How a chart draws its panels.
type Draw<P> = fn(&[P], &Caption) -> Vec<Sheet>;

/// A folder for charts, and what each of them says.
struct Captioned<'a> {
    folder: &'a Path,
    caption: Caption,
}

impl<'a> Captioned<'a> {
    /// The same with a word on targets that the chart has nothing to show of: their absence must not go unnoticed.
    fn without(&self, targets: &[Collected<'_>], is_absent: fn(&Collected<'_>) -> bool, why: &str) -> Self {
        let absent: Vec<&str> = targets.iter().filter(|one| is_absent(one)).map(|one| one.title.as_str()).collect();
        let mut caption = self.caption.clone();
        if !absent.is_empty() {
            caption.without = Some(format!("Without a panel: {} ({why}).", absent.join(", ")));
        }
        Self { folder: self.folder, caption }
    }

    fn chart<P>(&self, about: About, panels: &[P], draw: Draw<P>, why_not: &str) -> Result<Chart, ChartError> {
        if panels.is_empty() {
            return Ok(Chart::absent(about, why_not));
        }
        let sheets = draw(panels, &self.caption);
        let mut narrow = Vec::new();
        if NARROW_TOO.contains(&about) {
            narrow = draw(panels, &Caption { form: Form::NARROW, ..self.caption.clone() });
        }
        // Of more images than one, each has the same panels or none is narrow.
        if narrow.len() != sheets.len() {
            narrow.clear();
        }
        let mut images = Vec::new();
        for sheet in &sheets {
            let path = self.folder.join(format!("{}.png", sheet.name));
            png::write(&path, sheet)?;
            images.push(path);
        }
        Ok(Chart::drawn(about, sheets, narrow, images))
    }
}

/// What tells the story can be read on a phone.
const NARROW_TOO: [About; 2] = [timeline::ABOUT, failure_rate::ABOUT];

fn untitle<P>(panels: &mut [P], title: impl Fn(&mut P) -> &mut String) {
    if let [only] = panels {
        title(only).clear();
    }
}

/// Of more hosts than one image holds those that lie farthest off: they are who must answer.
fn host_panels(compared: &[HostComparison]) -> Vec<hosts::Panel> {
    let Some(notes) = host_sentence(compared) else { return Vec::new() };
    let mut by_reach: Vec<&HostComparison> = compared.iter().collect();
    by_reach.sort_by(|one, other| reach(other).total_cmp(&reach(one)));
    by_reach.truncate(MOST_HOSTS);
    let left_out = if by_reach.len() < compared.len() {
        format!(" Of {} hosts the {} that lie farthest off.", compared.len(), by_reach.len())
    } else {
        // All of them are easier to find by name.
        by_reach.sort_by(|one, other| one.host.cmp(&other.host));
        String::new()
    };
    let row = |one: &HostComparison| hosts::Row {
        label: one.host.clone(),
        estimate: one.difference.estimate,
        low: one.difference.interval.low,
        high: one.difference.interval.high,
        shown: one.is_shown(),
        words: format!(
            "{} of {}, others {}",
            percent_in_table(one.share),
            count(one.trials, "trial"),
            percent_in_table(one.others)
        ),
    };
    let rows = by_reach.into_iter().map(row).collect();
    vec![hosts::Panel { title: String::new(), notes: format!("{notes}.{left_out}"), rows }]
}

const MOST_HOSTS: usize = 40;

fn comparisons(found: &[Comparison], plan: &[Cell]) -> Vec<comparison::Panel> {
    let row = |label: &str, is_mean: bool, tested: &Tested, words: String| comparison::Row {
        label: label.to_owned(),
        is_mean,
        estimate: tested.difference.estimate,
        low: tested.difference.interval.low,
        high: tested.difference.interval.high,
        shown: tested.is_shown(),
        words,
    };
    let panel = |one: &Comparison| {
        let mean = row(
            "mean of the grid's cells",
            true,
            &one.mean,
            format!("{} points", signed(one.mean.difference.estimate)),
        );
        let cells = one.cells.iter().filter(|cell| !cell.says_nothing()).map(|cell| {
            let (first, second) = (cell.first, cell.second);
            let words =
                format!("{} against {}", of(second.failed, second.transfers), of(first.failed, first.transfers));
            row(&cell.label, false, &cell.tested, words)
        });
        let what = if one.compared == Compared::Runs { "runs" } else { "targets" };
        comparison::Panel {
            title: format!("{what}: {} against {}", one.second, one.first),
            notes: format!("{}.", one.sentence(plan)),
            rows: std::iter::once(mean).chain(cells).collect(),
        }
    };
    // Nothing to hold against nothing.
    found.iter().filter(|one| one.cells.iter().any(|cell| !cell.says_nothing())).map(panel).collect()
}

const NO_RHO: &str = "no transfer with a link was in time and has a control that tells the duration needed";
const NO_ENDS: &str = "no transfer with a link failed, nor did a control";
const NO_HAZARD: &str = "no transfer was in flight when its link expired";
const NOTHING: &str = "no transfer of a whole trial has been recorded yet";
