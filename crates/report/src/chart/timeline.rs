//! `timeline.png`: what became of transfers whose link expired while they ran? One trial a target, side by side.

use ttlsweep_record::Outcome;
use ttlsweep_record::units::format_micros;

use super::About;
use crate::chart::kit::canvas::{Canvas, Rect, Sheet};
use crate::chart::kit::caption::{Caption, line_height};
use crate::chart::kit::legend::{Legend, Sample};
use crate::chart::kit::lettering::{Letter, fit, wrap};
use crate::chart::kit::plot::{LOWER_AXIS, Scale, draw_lower_axis};
use crate::chart::kit::theme::{
    FAINT, FRAME, Form, GHOST, HEADING, INK, LIVING, Marker, Pattern, RULE, SMALL, WARNING, YELLOW, outcome_style,
};
use crate::chart::kit::ways::way_style;
use crate::verdict::Way;

/// The chart in words.
pub(crate) const ABOUT: About = About {
    name: "timeline",
    title: "single transfers over time",
    caption: "One trial of each target, its transfers as bars over time, each with the instant at which its link expired, when \
              the server answered, and how it ended; a completed control below.",
};

/// The trial of one target.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Panel {
    /// Which target.
    pub title: String,
    /// What was found there, over all of its trials.
    pub finding: String,
    /// Which trial.
    pub settings: String,
    /// One bar a transfer.
    pub lanes: Vec<Lane>,
    /// A transfer of the same settings and block of which nothing expired; `None` if none ran.
    pub control: Option<Lane>,
    /// When such transfers would have ended in other worlds.
    pub ghosts: Vec<Ghost>,
}

/// A world, and from when to when transfers would have ended in it, in seconds since their heads were written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ghost {
    /// What is at work there.
    pub label: String,
    /// 5 and 95 % of them.
    pub ended: (f64, f64),
}

/// One transfer; its instants are seconds since its head was written, as in every chart of single transfers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Lane {
    /// Which user's it is.
    pub label: String,
    /// When it started: negative if a connection was opened before the head could be written.
    pub started: f64,
    /// When it ended.
    pub ended: f64,
    /// When its link expired by the server's clock, or would have; `None` without a link.
    pub expiry: Option<f64>,
    /// When the server's final answer began; `None` if none came.
    pub answered: Option<f64>,
    /// How it ended.
    pub outcome: Outcome,
    /// How it failed; `None` if it did not.
    pub way: Option<Way>,
}

/// Draws the chart.
pub(crate) fn draw(panels: &[Panel], caption: &Caption) -> Vec<Sheet> {
    let form = caption.form;
    let columns = if form == Form::NARROW { 1 } else { panels.len().clamp(1, COLUMNS) };
    let count = |number: usize| i32::try_from(number).unwrap_or(0);
    let width = (form.usable() - (count(columns) - 1) * GAP) / count(columns);
    let rows: Vec<&[Panel]> = panels.chunks(columns).collect();
    let heads: Vec<Vec<Head>> =
        rows.iter().map(|row| row.iter().map(|panel| Head::of(panel, width, panels.len() == 1)).collect()).collect();
    let height = |row: &[Panel], heads: &[Head]| {
        let lanes = row.iter().map(|panel| panel.lanes_high(width)).max().unwrap_or(0);
        heads.iter().map(Head::height).max().unwrap_or(0) + LANE * count(lanes) + 12 + LOWER_AXIS + 16
    };
    let legend = legend(panels, form);
    let body = legend.height() + rows.iter().zip(&heads).map(|(row, heads)| height(row, heads)).sum::<i32>();
    // One axis for all, so that they can be compared.
    let range = range(panels);
    let sheet = caption.sheet((ABOUT, HOW), (1, 1), body, |canvas, top| {
        legend.draw(canvas, top);
        let mut y = top + legend.height();
        for (row, heads) in rows.iter().zip(&heads) {
            let lanes_top = y + heads.iter().map(Head::height).max().unwrap_or(0);
            for (at, (panel, head)) in row.iter().zip(heads).enumerate() {
                let left = form.margin + count(at) * (width + GAP);
                head.draw(canvas, left, y);
                draw_panel(
                    canvas,
                    panel,
                    Rect { left, top: lanes_top, right: left + width, bottom: y + height(row, heads) },
                    range,
                );
            }
            y += height(row, heads);
        }
    });
    vec![sheet]
}

impl Panel {
    /// How many lanes it is high if it is so wide.
    fn lanes_high(&self, width: i32) -> usize {
        let ghosts: usize = self.ghosts.iter().map(|ghost| ghost.words(width).len() + 1).sum();
        self.lanes.len() + usize::from(self.control.is_some()) + ghosts
    }
}

impl Ghost {
    /// The lines that stand above its bar, over the whole width of the panel.
    fn words(&self, width: i32) -> Vec<String> {
        wrap(&format!("if {}", self.label), TEXT, width)
    }
}

/// What stands above a panel, line by line.
struct Head {
    lines: Vec<(String, Letter)>,
}

impl Head {
    /// Of the only panel the chart's title says whose it is and what was found.
    fn of(panel: &Panel, width: i32, is_only: bool) -> Self {
        let parts = [(&panel.title, TITLE), (&panel.finding, TEXT), (&panel.settings, TEXT.colour(FAINT))];
        let lines = parts
            .into_iter()
            .skip(if is_only { 2 } else { 0 })
            .flat_map(|(text, letter)| wrap(text, letter, width).into_iter().map(move |line| (line, letter)));
        Self { lines: lines.chain([(ends_in_words(&panel.lanes), TEXT.bold())]).collect() }
    }

    fn height(&self) -> i32 {
        12 + line_height(HEADING) + (i32::try_from(self.lines.len()).unwrap_or(1) - 1) * line_height(SMALL) + 10
    }

    fn draw(&self, canvas: &mut Canvas, left: i32, top: i32) {
        let mut y = top + 12;
        for (at, (line, letter)) in self.lines.iter().enumerate() {
            let height = line_height(if at == 0 { HEADING } else { SMALL });
            canvas.text(left, y + height / 2, line, *letter);
            y += height;
        }
    }
}

/// `4 of 4 reset, 3.10 ms to 12.0 ms after expiry`
fn ends_in_words(lanes: &[Lane]) -> String {
    let mut kinds: Vec<(Outcome, Vec<&Lane>)> = Vec::new();
    for lane in lanes {
        match kinds.iter_mut().find(|(outcome, _)| *outcome == lane.outcome) {
            Some((_, known)) => known.push(lane),
            None => kinds.push((lane.outcome, vec![lane])),
        }
    }
    let words = |(outcome, of): &(Outcome, Vec<&Lane>)| {
        let margins: Vec<f64> = of.iter().filter_map(|lane| Some(lane.ended - lane.expiry?)).collect();
        let (least, most) =
            margins.iter().fold((f64::MAX, f64::MIN), |(least, most), one| (least.min(*one), most.max(*one)));
        let time = |seconds: f64| format_micros((seconds.abs() * 1e6) as u64);
        let when = match () {
            () if margins.is_empty() => String::new(),
            () if least >= 0.0 && time(least) == time(most) => format!(", {} after expiry", time(most)),
            () if least >= 0.0 => format!(", {} to {} after expiry", time(least), time(most)),
            () if most < 0.0 => format!(", {} before expiry", time(most)),
            () => format!(", within {} of expiry", time(most.max(-least))),
        };
        format!("{} of {} {outcome}{when}", of.len(), lanes.len())
    };
    kinds.iter().map(words).collect::<Vec<_>>().join("; ")
}

/// From when to when the axis reaches.
fn range(panels: &[Panel]) -> (f64, f64) {
    let lanes = || panels.iter().flat_map(|panel| panel.lanes.iter().chain(&panel.control));
    let first = lanes().map(|lane| lane.started).fold(0.0, f64::min);
    // Those whose head was never written ended before there was anything to count from.
    let mut ends: Vec<f64> = lanes().map(|lane| lane.ended).filter(|ended| *ended > 0.0).collect();
    if ends.is_empty() && first < 0.0 {
        return (first * 1.03, -first * 0.1);
    }
    ends.sort_by(f64::total_cmp);
    let longest = ends.last().copied().unwrap_or(0.0);
    // One transfer that hung for minutes must not squeeze all others to nothing: its bar is broken at the edge.
    let usual = ends.get(ends.len() / 2).copied().unwrap_or(longest);
    let end = longest.min(usual * 4.0).max(0.001);
    let near = lanes().filter_map(|lane| lane.expiry).filter(|expiry| *expiry <= end * 1.25).fold(end, f64::max);
    (first.max(-end / 4.0) - end * 0.01, near * 1.03)
}

fn draw_panel(canvas: &mut Canvas, panel: &Panel, area: Rect, range: (f64, f64)) {
    let lanes: Vec<(&Lane, &str)> = panel
        .lanes
        .iter()
        .map(|lane| (lane, lane.label.as_str()))
        .chain(panel.control.iter().map(|lane| (lane, CONTROL)))
        .collect();
    let labels = lanes.iter().map(|(_, label)| TEXT.width(label)).max().unwrap_or(0).clamp(40, 150);
    let bottom = area.top + LANE * i32::try_from(panel.lanes_high(area.width())).unwrap_or(1) + 8;
    let plot = Rect { left: area.left + labels + 14, top: area.top, right: area.right - 14, bottom };
    let x = Scale::new(range.0, range.1, (plot.left, plot.right));
    let ticks = x.ticks(if plot.width() > 900 { 10 } else { 5 });
    for (at, _) in &ticks {
        canvas.line((x.at(*at), plot.top), (x.at(*at), plot.bottom), RULE, 1);
    }
    canvas.line((plot.left, plot.bottom), (plot.right, plot.bottom), FRAME, 1);
    draw_lower_axis(canvas, plot, x, &ticks, "seconds since the request's head was written");
    let mut top = area.top;
    for (lane, label) in lanes {
        canvas.text(plot.left - 12, top + LANE / 2, &fit(label, TEXT, labels), TEXT.right());
        draw_lane(canvas, lane, x, top);
        top += LANE;
    }
    for ghost in &panel.ghosts {
        for line in ghost.words(area.width()) {
            canvas.text(area.left, top + LANE / 2 + 4, &line, TEXT.colour(FAINT));
            top += LANE;
        }
        draw_ghost(canvas, ghost, x, top);
        top += LANE;
    }
}

fn draw_ghost(canvas: &mut Canvas, ghost: &Ghost, x: Scale, top: i32) {
    let (from, to) = (x.within(ghost.ended.0), x.within(ghost.ended.1));
    canvas.fill(Rect { left: from - 3, right: to + 3, top: top + 4, bottom: top + LANE - 6 }, GHOST);
    if ghost.ended.1 > x.to {
        canvas.text(x.at(x.to) - 18, top + LANE / 2, "//", TITLE.centre());
    }
}

fn draw_lane(canvas: &mut Canvas, lane: &Lane, x: Scale, top: i32) {
    let middle = top + LANE / 2;
    let bar =
        |from: f64, to: f64| Rect { left: x.within(from), right: x.within(to), top: top + 6, bottom: top + LANE - 6 };
    if lane.started < 0.0 && x.at(0.0) > x.within(lane.started) {
        canvas.pattern(bar(lane.started, 0.0), RULE, Pattern::Plain);
    }
    let alive_until = lane.expiry.unwrap_or(f64::MAX).clamp(0.0, lane.ended.max(0.0));
    if alive_until > 0.0 {
        canvas.pattern(bar(0.0, alive_until), LIVING, Pattern::Plain);
    }
    if x.within(alive_until) < x.within(lane.ended) {
        canvas.pattern(bar(alive_until, lane.ended), YELLOW, Pattern::Rising);
    }
    if let Some(expiry) = lane.expiry {
        if (x.from..=x.to).contains(&expiry) {
            canvas.line((x.at(expiry), top), (x.at(expiry), top + LANE), WARNING, 4);
        } else {
            let (at, tip) = if expiry > x.to { (x.at(x.to), 8) } else { (x.at(x.from), -8) };
            canvas.line((at, middle - 6), (at + tip, middle), WARNING, 2);
            canvas.line((at, middle + 6), (at + tip, middle), WARNING, 2);
        }
    }
    // A flag above the bar: where the answer began, the end's marker mostly lies, too.
    if let Some(answered) = lane.answered.filter(|at| (x.from..=x.to).contains(at)) {
        canvas.marker((x.at(answered), top + 5), 5, ANSWER, INK, false);
    }
    if lane.ended > x.to {
        canvas.text(x.at(x.to) - 18, middle, "//", TITLE.centre());
    }
    let (marker, colour, hollow) = end_style(lane);
    canvas.marker((x.within(lane.ended), middle), END, marker, colour, hollow);
}

fn end_style(lane: &Lane) -> (Marker, plotters::style::RGBColor, bool) {
    match lane.way {
        Some(way) if way != Way::Other => {
            let style = way_style(way);
            (style.marker, style.colour, style.hollow)
        }
        _ => {
            let style = outcome_style(lane.outcome);
            // Colours are for what expiry does, and a filled triangle is where an answer begins.
            (style.marker, INK, style.hollow || style.marker == ANSWER)
        }
    }
}

fn legend(panels: &[Panel], form: Form) -> Legend {
    let lanes: Vec<&Lane> = panels.iter().flat_map(|panel| panel.lanes.iter().chain(&panel.control)).collect();
    let any = |is_so: &dyn Fn(&Lane) -> bool| lanes.iter().any(|lane| is_so(lane));
    let (from, to) = range(panels);
    let parts = [
        (any(&|lane| -lane.started > (to - from) / 100.0), Sample::Bar(RULE, Pattern::Plain), "connecting"),
        (
            any(&|lane| lane.ended > 0.0 && lane.expiry.is_none_or(|at| at > 0.0)),
            Sample::Bar(LIVING, Pattern::Plain),
            "in flight, link alive",
        ),
        (
            any(&|lane| lane.expiry.is_some_and(|at| at.max(0.0) < lane.ended)),
            Sample::Bar(YELLOW, Pattern::Rising),
            "in flight, link expired",
        ),
        (any(&|lane| lane.expiry.is_some()), Sample::Upright(WARNING), "link expires"),
        (any(&|lane| lane.answered.is_some()), Sample::Point(ANSWER, INK, false), "the server's answer begins"),
    ];
    let shown = parts.into_iter().filter(|(is_there, ..)| *is_there);
    let mut items: Vec<_> = shown.map(|(_, sample, words)| (sample, words.to_owned())).collect();
    if panels.iter().any(|panel| !panel.ghosts.is_empty()) {
        let words = "when 5 to 95 % of simulated transfers would have ended".to_owned();
        items.push((Sample::Bar(GHOST, Pattern::Plain), words));
    }
    for lane in lanes {
        let (marker, colour, hollow) = end_style(lane);
        let words = match lane.way {
            Some(way) if way != Way::Other => way_style(way).words.to_owned(),
            _ => lane.outcome.to_string(),
        };
        let item = (Sample::Point(marker, colour, hollow), words);
        if !items.contains(&item) {
            items.push(item);
        }
    }
    Legend::of(items, form)
}

const HOW: &str = "One trial of each target: the one of which most transfers outlived their link, of the same cell for all \
                   targets if that can be. A bar is a transfer; the control has the same settings and block and a long TTL. \
                   Expiry is the server's, moved onto this machine's clock. Single observations, no statistic.";
const CONTROL: &str = "control";
const COLUMNS: usize = 3;
const GAP: i32 = 40;
const LANE: i32 = 32;
const END: i32 = 8;
const ANSWER: Marker = Marker::TriangleDown;
const TITLE: Letter = Letter::size(HEADING).bold();
const TEXT: Letter = Letter::size(SMALL);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::kit::canvas::Mark;

    fn lane(ended: f64, expiry: Option<f64>, outcome: Outcome, way: Option<Way>) -> Lane {
        Lane { label: "user 1".into(), started: -0.01, ended, expiry, answered: None, outcome, way }
    }

    fn panel(lanes: Vec<Lane>) -> Panel {
        let control = Some(lane(4.0, None, Outcome::Completed, None));
        Panel {
            title: "a".into(),
            finding: "1 of 1".into(),
            settings: "ttl 2s".into(),
            lanes,
            control,
            ghosts: Vec::new(),
        }
    }

    #[test]
    fn ends_are_reported_with_their_distance_from_expiry() {
        let cut = |ended| lane(ended, Some(2.0), Outcome::Reset, Some(Way::Cut));
        assert_eq!(ends_in_words(&[cut(2.003), cut(2.01)]), "2 of 2 reset, 3.0ms to 10.0ms after expiry");
        let done = lane(1.5, Some(2.0), Outcome::Completed, None);
        assert_eq!(
            ends_in_words(&[cut(2.003), done]),
            "1 of 2 reset, 3.0ms after expiry; 1 of 2 completed, 500.0ms before expiry"
        );
        assert_eq!(ends_in_words(&[lane(1.0, None, Outcome::Completed, None)]), "1 of 1 completed");
    }

    #[test]
    fn a_bar_turns_at_its_expiry_and_ends_in_the_mark_of_its_way() {
        let refused = lane(4.0, Some(2.0), Outcome::Rejected, Some(Way::RefusedAtEnd));
        let sheets = draw(&[panel(vec![refused])], &Caption::default());
        let bars: Vec<(i32, i32)> = sheets[0]
            .body()
            .filter_map(|mark| match mark {
                Mark::Patterned { rect, colour: LIVING | YELLOW, .. } if rect.width() > 100 => {
                    Some((rect.left, rect.right))
                }
                _ => None,
            })
            .collect();
        let [(start, turn), (again, end), (control_start, control_end)] = bars[..] else { panic!("{bars:?}") };
        assert!(turn == again && (turn - start - (end - turn)).abs() <= 1, "expiry is half way: {bars:?}");
        assert_eq!((control_start, control_end), (start, end), "one axis for all");
        let style = way_style(Way::RefusedAtEnd);
        let ends =
            |mark: &&Mark| matches!(mark, Mark::Point { at, marker, .. } if *marker == style.marker && at.0 == end);
        assert_eq!(sheets[0].body().filter(ends).count(), 1);
    }

    #[test]
    fn a_transfer_whose_head_was_never_written_was_connecting_all_along() {
        let never = Lane { started: -10.0, ..lane(0.0, Some(-6.0), Outcome::TimedOut, Some(Way::Other)) };
        let panel = Panel { control: None, ..panel(vec![never]) };
        let sheets = draw(std::slice::from_ref(&panel), &Caption::default());
        let in_flight =
            sheets[0].body().filter(|mark| matches!(mark, Mark::Patterned { colour: LIVING | YELLOW, .. })).count();
        assert_eq!(in_flight, 0);
        let (from, to) = range(std::slice::from_ref(&panel));
        assert!(from <= -10.0 && (1.0..2.0).contains(&to), "{from} to {to}");
        let beside = Panel { control: Some(lane(32.0, None, Outcome::Completed, None)), ..panel.clone() };
        assert!(range(&[beside]).1 >= 32.0, "a transfer that had a head sets the scale");
        assert_eq!(ends_in_words(&panel.lanes), "1 of 1 timed-out, 6.00s after expiry");
    }

    #[test]
    fn no_end_looks_like_the_beginning_of_an_answer() {
        for outcome in Outcome::ALL {
            let (marker, _, hollow) = end_style(&lane(4.0, Some(2.0), *outcome, Some(Way::Other)));
            assert!(marker != ANSWER || hollow, "{outcome}");
        }
    }

    #[test]
    fn on_a_phone_the_targets_stand_below_each_other_and_nothing_reaches_beyond_the_edge() {
        let cut = || lane(2.0, Some(2.0), Outcome::Reset, Some(Way::Cut));
        let panels: Vec<Panel> = (0..3).map(|_| panel(vec![cut(), cut()])).collect();
        let starts = |form| {
            let sheets = draw(&panels, &Caption { form, ..Caption::default() });
            assert_eq!(sheets.len(), 1);
            assert_eq!(sheets[0].beyond(), Vec::<String>::new());
            let titles = sheets[0].body().filter_map(|mark| match mark {
                Mark::Text { at, text, .. } if text == "a" => Some(at.0),
                _ => None,
            });
            titles.collect::<std::collections::BTreeSet<_>>().len()
        };
        assert_eq!((starts(Form::WIDE), starts(Form::NARROW)), (3, 1));
    }

    #[test]
    fn one_transfer_that_hung_does_not_squeeze_the_others() {
        let many = [1.0, 1.1, 1.2, 600.0].map(|ended| lane(ended, Some(0.5), Outcome::Completed, None));
        let mut panel = panel(many.to_vec());
        panel.control = None;
        assert!(range(&[panel]).1 < 6.0);
    }
}
