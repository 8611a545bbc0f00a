use crate::chart::kit::svg::Shared;
use crate::chart::{About, Chart, comparison, ends, failure_rate, heat_map, hosts, outcomes, progress, timeline, ttl};

/// Where on the page a chart stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Above everything that folds.
    Story,
    /// With the TTL that the transfers need.
    Ttl,
    /// With what proves it.
    Evidence,
    /// Among the cells' counts.
    Cells,
    /// Where runs, targets and hosts are held against each other.
    Compared,
    /// For those who want to see the statistics.
    Statistics,
}

impl Place {
    fn of(about: About) -> Self {
        match about.name {
            name if name == timeline::ABOUT.name || name == failure_rate::ABOUT.name => Self::Story,
            name if name == ttl::ABOUT.name => Self::Ttl,
            name if name == ends::ABOUT.name || name == progress::ABOUT.name => Self::Evidence,
            name if name == outcomes::ABOUT.name || name == heat_map::ABOUT.name => Self::Cells,
            name if name == hosts::ABOUT.name || name == comparison::ABOUT.name => Self::Compared,
            _ => Self::Statistics,
        }
    }
}

/// One chart as the page shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Figure {
    /// What it shows, the finding first.
    pub(super) title: String,
    /// How to read it.
    pub(super) how: String,
    /// The drawing, before it that for a narrow screen if there is one; `None` if there was no room for it.
    pub(super) drawing: Option<String>,
    /// The path from the page to its PNG.
    pub(super) file: String,
    pub(super) place: Place,
}

/// The charts as drawings for a page.
#[derive(Debug, Default)]
pub struct Drawings {
    pub(super) figures: Vec<Figure>,
    /// The style sheet's part of them.
    pub(super) style: String,
    /// The patterns that they share.
    pub(super) patterns: String,
}

impl Drawings {
    /// Draws the charts. They are put on the page as long as they take no more than `MOST_BYTES` of it: what tells the story
    /// first, then every chart's first image before any chart's second one. What does not fit is linked and not lost.
    pub fn of(charts: &[Chart]) -> Self {
        let mut shared = Shared::default();
        let mut order = Vec::new();
        let mut figures = Vec::new();
        for chart in charts {
            let place = Place::of(chart.about);
            for (number, sheet) in chart.sheets.iter().enumerate() {
                order.push(((place != Place::Story, number), figures.len()));
                let alt = format!("Chart: {}. {}", sheet.title, chart.about.caption);
                let narrow = chart.narrow.get(number).map(|narrow| shared.draw(narrow, &alt)).unwrap_or_default();
                let drawing = narrow + &shared.draw(sheet, &alt);
                let (title, how) = (sheet.title.clone(), sheet.how.clone());
                figures.push(Figure {
                    title,
                    how,
                    drawing: Some(drawing),
                    file: format!("charts/{}.png", sheet.name),
                    place,
                });
            }
        }
        order.sort_unstable();
        let sizes: Vec<usize> = figures.iter().map(|figure| figure.drawing.as_ref().map_or(0, String::len)).collect();
        for left_out in beyond_budget(order.into_iter().map(|(_, at)| at), &sizes, MOST_BYTES) {
            figures[left_out].drawing = None;
        }
        Self { figures, style: shared.style(), patterns: shared.patterns() }
    }

    pub(super) fn at(&self, place: Place) -> impl Iterator<Item = &Figure> {
        self.figures.iter().filter(move |figure| figure.place == place)
    }
}

/// Which of the drawings have no room, taken in the given order.
fn beyond_budget(order: impl Iterator<Item = usize>, sizes: &[usize], budget: usize) -> Vec<usize> {
    let mut left = budget;
    let has_no_room = |at: &usize| match left.checked_sub(sizes[*at]) {
        Some(rest) => {
            left = rest;
            false
        }
        None => true,
    };
    order.filter(has_no_room).collect()
}

const MOST_BYTES: usize = 1_300_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::{ALL, failure_rate, hazard, timeline};

    #[test]
    fn if_room_is_short_what_comes_later_is_left_out() {
        let beyond = |budget| beyond_budget([2, 0, 1].into_iter(), &[10; 3], budget);
        assert_eq!(beyond(20), [1]);
        assert_eq!(beyond(9), [2, 0, 1]);
        assert!(beyond(30).is_empty());
    }

    #[test]
    fn the_charts_that_lead_tell_the_story_and_the_statisticians_are_further_down() {
        let story: Vec<About> = ALL.into_iter().filter(|about| Place::of(*about) == Place::Story).collect();
        assert_eq!(story, [timeline::ABOUT, failure_rate::ABOUT]);
        assert_eq!(Place::of(hazard::ABOUT), Place::Statistics);
    }
}
