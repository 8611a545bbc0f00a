//! The report as a whole: read, count, draw, write, and say what was written.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use polars::prelude::PolarsError;
use ttlsweep_console::exit::ExitCode;
use ttlsweep_record::{Cell, ComparisonRecord, Control, Outcome, SummaryRecord, row::Row};
use ttlsweep_rundir::csv_file::RowWriter;
use ttlsweep_rundir::disk;

use crate::chart::kit::caption::Caption;
use crate::chart::kit::theme::Form;
use crate::chart::{self, Chart, ChartError};
use crate::compare::hosts::{HostComparison, compare_hosts};
use crate::compare::runs::{Comparison, compare};
use crate::figures::collect::{self, Collected};
use crate::figures::draw::Drawing;
use crate::forecast::ForecastError;
use crate::forecast::ghosts::Ghosts;
use crate::load::transfer::Transfer;
use crate::load::{LoadError, Runs, load, short_hash};
use crate::names;
use crate::page::{self, Contents, Drawings, Repeat};
use crate::summary::axes::Axes;
use crate::summary::table::left_out_lines;
use crate::summary::{CellSummary, VerdictCounts, summarize, take_verdict_counts};
use crate::ttl::advice::Target;
use crate::ttl::{Advice, Risk, Rule};
use crate::verdict::{self, Again, Detail, Evidence, Ruling, Way};

/// What was found and written.
#[derive(Debug)]
pub struct Report {
    /// The runs as they were read.
    pub runs: Runs,
    /// The plan's axes.
    pub axes: Axes,
    /// Every cell, counted.
    pub cells: Vec<CellSummary>,
    /// Whether the targets enforce expiry, and which mechanism explains the failures.
    pub verdict: Ruling,
    /// The machines, each held against the others; none if there is only one.
    pub hosts: Vec<HostComparison>,
    /// Runs and targets, held against each other; none if there is only one.
    pub comparisons: Vec<Comparison>,
    /// The charts, in the order in which to look at them, those that had nothing to show included.
    pub charts: Vec<Chart>,
    /// The files, in the order in which to look at them.
    pub written: Vec<PathBuf>,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// Several runs, and nowhere to put what is said of all of them.
    #[error("several runs need --out DIR: a report on all of them belongs into none of their folders")]
    OutMissing,
    /// What would have been cannot be simulated.
    #[error(transparent)]
    Ghosts(#[from] Box<ForecastError>),
    /// The runs cannot be read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A frame's operation failed.
    #[error("cannot count the transfers: {0}")]
    Frame(#[from] PolarsError),
    /// A chart could not be drawn.
    #[error("cannot draw {0}")]
    Chart(#[from] ChartError),
    /// A file could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl ReportError {
    /// Whether what was asked for cannot be done, or this program or the disk is at fault.
    pub const fn exit_code(&self) -> ExitCode {
        match self {
            Self::OutMissing | Self::Load(_) => ExitCode::Usage,
            Self::Ghosts(error) => error.exit_code(),
            Self::Frame(_) | Self::Chart(_) | Self::Write { .. } => ExitCode::Internal,
        }
    }
}

/// Reports on the runs in `folders` into `out`, or else into the one run's folder, in place of an older report there.
///
/// # Errors
/// See [`ReportError`]. What stood there before is kept until everything new has been written.
pub fn report(folders: &[PathBuf], out: Option<&Path>) -> Result<Report, ReportError> {
    make(folders, out, false)
}

/// As [`report`]; the charts of failure rates and of single transfers have what would have been under other mechanisms, too.
///
/// # Errors
/// As [`report`]; or the plan is too large to be simulated.
pub fn report_with_ghosts(folders: &[PathBuf], out: Option<&Path>) -> Result<Report, ReportError> {
    make(folders, out, true)
}

fn make(folders: &[PathBuf], out: Option<&Path>, with_ghosts: bool) -> Result<Report, ReportError> {
    let out = match (out, folders) {
        (Some(out), _) => out,
        (None, [one]) => one,
        (None, _) => return Err(ReportError::OutMissing),
    };
    let runs = load(folders)?;
    let ghosts = with_ghosts.then(|| Ghosts::of(&runs)).transpose().map_err(Box::new)?;
    let axes = Axes::of(&runs.cells);
    let mut cells = summarize(&runs)?;
    let evidence = Evidence::of(&runs);
    let (mut targets, mut found) = (Vec::new(), Vec::new());
    for target in verdict::tested(&evidence, Detail::Full) {
        let view = target.view();
        let name = names::target_name(&runs, &axes, view.endpoints(), view.cells());
        targets.push(Collected::of(&view, name));
        found.push(target.found);
    }
    let mut verdict = verdict::conclude(found);
    verdict.stopped = runs.stopped();
    let named = targets.iter().map(|target| (target.title.clone(), target.endpoints.clone())).collect();
    let names = names::told_apart(named);
    targets.iter_mut().zip(&names).for_each(|(target, name)| target.rename(name));
    verdict.name_targets(names, &again(&runs));
    let asked = targets.iter().zip(&verdict.targets).map(|(target, ruling)| Target {
        name: target.title.clone(),
        cells: target.cells.clone(),
        rule: Rule::of(ruling),
    });
    let ttl = Advice::of(&runs, &axes, &evidence, asked.collect(), Risk::default(), None);
    take_verdict_counts(&mut cells, &runs.cells, &verdict_counts(&runs, &targets));
    let caption = caption(&runs, &cells, &verdict);
    let named: Vec<_> = targets.iter().map(|target| (target.title.clone(), target.cells.clone())).collect();
    let comparisons = compare(&runs, &axes, &named);
    let hosts = compare_hosts(&runs);

    let staging = Staging::create(out)?;
    staging.write_summary(&cells)?;
    staging.write_verdict(&verdict)?;
    staging.write_comparisons(&comparisons, &runs.cells)?;
    let drawing = Drawing {
        axes: &axes,
        cells: &cells,
        plan: &runs.cells,
        verdict: &verdict,
        timeline: collect::timeline(&runs, &axes, &targets, &verdict, ghosts.as_ref())?,
        progress: collect::progress(&runs, &axes, &targets)?,
        targets,
        run_order: collect::run_order(&runs),
        hosts: &hosts,
        comparisons: &comparisons,
        ttl: &ttl,
        ghosts: ghosts.as_ref(),
    };
    let mut charts = drawing.draw(&staging.charts(), &caption)?;
    staging.write_page(&Contents {
        runs: &runs,
        axes: &axes,
        cells: &cells,
        verdict: &verdict,
        comparisons: &comparisons,
        ttl: &ttl,
        drawings: &Drawings::of(&charts),
        charts: &charts,
        repeat: &Repeat::of(&runs.environments, &runs.folders),
    })?;
    let written = staging.publish(out, &mut charts)?;
    Ok(Report { runs, axes, cells, verdict, hosts, comparisons, charts, written })
}

/// What the verdict says of each cell's transfers.
fn verdict_counts(runs: &Runs, targets: &[Collected<'_>]) -> Vec<VerdictCounts> {
    let mut verdict_counts = vec![VerdictCounts::default(); runs.cells.len()];
    let seen = |row: u32| &runs.transfers.all()[row as usize];
    for seen in targets.iter().flat_map(|target| &target.outlived).map(|row| seen(*row)) {
        let cell = &mut verdict_counts[seen.cell as usize];
        cell.outlived += 1;
        cell.completed += u64::from(seen.outcome == Outcome::Completed);
    }
    for (row, way) in targets.iter().flat_map(|target| &target.ways) {
        let seen = seen(*row);
        if seen.counts() {
            verdict_counts[seen.cell as usize].ways[*way as usize] += 1;
        }
    }
    // The verdict asks of these whether expiry is enforced; that they are refused is as it must be.
    let starts = |seen: &&Transfer| runs.cells[seen.cell as usize].control == Some(Control::ExpiredStart);
    for seen in runs.transfers.all().iter().filter(starts).filter(|seen| seen.outcome.is_failure()) {
        let way = if seen.outcome == Outcome::Rejected { Way::RefusedAtStart } else { Way::Other };
        verdict_counts[seen.cell as usize].ways[way as usize] += u64::from(seen.counts());
    }
    verdict_counts
}

/// How the same would be run again, and what a block of it takes.
fn again(runs: &Runs) -> Again {
    let first = &runs.environments[0];
    let spans = runs.environments.iter().filter_map(|environment| {
        let own = || runs.trials.iter().filter(|trial| trial.run_id == environment.run_id);
        let from = own().map(|trial| trial.started_at.unix_micros()).min()?;
        let to = own().map(|trial| trial.ended_at.unix_micros()).max()?;
        let blocks = own().map(|trial| trial.block).collect::<BTreeSet<_>>().len() as u64;
        Some(((to - from).unsigned_abs(), blocks))
    });
    let (time, blocks) = spans.fold((0, 0), |(time, blocks), (more, of)| (time + more, blocks + of));
    Again {
        experiment: first.experiment.clone(),
        planned_blocks: u64::from(first.repetitions),
        ends_early: runs.stops.iter().any(|stops| !stops.is_nothing()),
        block_us: (blocks > 0).then(|| time / blocks),
    }
}

fn caption(runs: &Runs, cells: &[CellSummary], verdict: &Ruling) -> Caption {
    let first = &runs.environments[0];
    let mut versions: Vec<String> = Vec::new();
    for environment in &runs.environments {
        let version = match &environment.git_revision {
            Some(revision) => format!("{} ({})", environment.version, shortened(revision)),
            None => environment.version.clone(),
        };
        if !versions.contains(&version) {
            versions.push(version);
        }
    }
    let left_out = left_out_lines(runs, cells);
    Caption {
        form: Form::WIDE,
        finding: String::new(),
        experiment: first.experiment.clone(),
        runs: runs.environments.iter().map(|environment| environment.run_id.clone()).collect(),
        transfers: runs.transfers.all().len() as u64,
        trials: runs.trials.len() as u64,
        seed: first.seed,
        version: versions.join(" and "),
        plan: short_hash(&first.plan_hash).to_owned(),
        warning: verdict.is_invalid().then(|| verdict.enforcement()),
        left_out: (!left_out.is_empty()).then(|| format!("Also: {}.", left_out.join("; "))),
        without: None,
    }
}

/// A revision's first digits, with the mark for changed sources if it has one.
fn shortened(revision: &str) -> String {
    let (hash, dirty) = revision.strip_suffix("-dirty").map_or((revision, ""), |hash| (hash, "-dirty"));
    format!("{}{dirty}", hash.get(..10).unwrap_or(hash))
}

/// A folder beside the report's place in which it is made, so that an error never leaves half of it.
struct Staging {
    folder: disk::Staging,
}

impl Staging {
    fn create(out: &Path) -> Result<Self, ReportError> {
        let place = out.join(CHARTS);
        disk::check_folder(&place).map_err(|source| unwritable(&place, source))?;
        fs::create_dir_all(out).map_err(|source| unwritable(out, source))?;
        let folder = disk::Staging::within(out, ".report-unfinished-").map_err(|source| unwritable(out, source))?;
        // What earlier versions left.
        disk::remove_stale(out, ".report-unfinished");
        let staging = Self { folder };
        let charts = staging.charts();
        fs::create_dir(&charts).map_err(|source| unwritable(&charts, source))?;
        Ok(staging)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn charts(&self) -> PathBuf {
        self.file(CHARTS)
    }

    fn write_summary(&self, cells: &[CellSummary]) -> Result<(), ReportError> {
        let write = || {
            let mut writer = RowWriter::create(self.folder.path())?;
            cells.iter().try_for_each(|summary| writer.write(&summary.record()))?;
            writer.sync()
        };
        write().map_err(|source| unwritable(&self.file(SummaryRecord::FILE), source))
    }

    fn write_verdict(&self, ruling: &Ruling) -> Result<(), ReportError> {
        let path = self.file(verdict::FILE);
        let text = verdict::json(ruling).map_err(io::Error::from);
        text.and_then(|text| disk::write_whole(&path, text.as_ref())).map_err(|source| unwritable(&path, source))
    }

    fn write_page(&self, contents: &Contents<'_>) -> Result<(), ReportError> {
        let path = self.file(page::FILE);
        let text = page::render(contents).map_err(io::Error::other);
        text.and_then(|text| disk::write_whole(&path, text.as_ref())).map_err(|source| unwritable(&path, source))
    }

    fn write_comparisons(&self, comparisons: &[Comparison], cells: &[Cell]) -> Result<(), ReportError> {
        if comparisons.is_empty() {
            return Ok(());
        }
        let write = || {
            let mut writer = RowWriter::create(self.folder.path())?;
            comparisons.iter().flat_map(|one| one.records(cells)).try_for_each(|row| writer.write(&row))?;
            writer.sync()
        };
        write().map_err(|source| unwritable(&self.file(ComparisonRecord::FILE), source))
    }

    /// Moves everything to its place. Charts of an older report go last, since there may have been more of them: so another
    /// report that is made of the same folder just now loses nothing.
    fn publish(self, out: &Path, drawn: &mut [Chart]) -> Result<Vec<PathBuf>, ReportError> {
        let charts = out.join(CHARTS);
        fs::create_dir_all(&charts).map_err(|source| unwritable(&charts, source))?;
        let names = [SummaryRecord::FILE, verdict::FILE, page::FILE];
        let mut moves: Vec<_> = names.map(|name| (self.file(name), out.join(name))).into();
        let (made, comparison) = (self.file(ComparisonRecord::FILE), out.join(ComparisonRecord::FILE));
        if made.exists() {
            moves.push((made, comparison));
        } else {
            remove(&comparison)?;
        }
        for image in drawn.iter_mut().flat_map(|chart| &mut chart.images) {
            let place = charts.join(image.file_name().unwrap_or_default());
            moves.push((std::mem::replace(image, place.clone()), place));
        }
        let mut written = Vec::new();
        for (from, to) in moves {
            fs::rename(&from, &to).map_err(|source| unwritable(&to, source))?;
            written.push(to);
        }
        for entry in fs::read_dir(&charts).map_err(|source| unwritable(&charts, source))?.flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let is_a_chart = name.ends_with(".png") && chart::ALL.iter().any(|chart| name.starts_with(chart.name));
            if is_a_chart && !written.contains(&entry.path()) {
                remove(&entry.path())?;
            }
        }
        Ok(written)
    }
}

/// Removes a file that may have gone already.
fn remove(path: &Path) -> Result<(), ReportError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unwritable(path, error)),
        _ => Ok(()),
    }
}

fn unwritable(path: &Path, source: io::Error) -> ReportError {
    ReportError::Write { path: path.to_owned(), source }
}

const CHARTS: &str = "charts";
