//! The charts: plain data in, sheets out. One file a chart; none of them knows of frames or files of rows.

pub(crate) mod comparison;
pub(crate) mod ends;
pub(crate) mod failure_rate;
pub(crate) mod hazard;
pub(crate) mod heat_map;
pub(crate) mod hosts;
pub(crate) mod kit;
pub(crate) mod outcomes;
pub(crate) mod progress;
pub(crate) mod rho;
pub(crate) mod run_order;
pub(crate) mod timeline;
pub(crate) mod ttl;

pub(crate) use kit::canvas::Sheet;
pub(crate) use kit::png::ChartError;

use std::path::PathBuf;

/// What a chart shows, in words: for the heading of a page, and for readers who cannot see the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About {
    /// The name of the chart's first image, without its ending; further images are `name-2`, `name-3` and so on.
    pub name: &'static str,
    /// What it draws, as a noun: `failure rate against link TTL`.
    pub title: &'static str,
    /// One sentence that says what it shows and how to read it; fit for an alternative text.
    pub caption: &'static str,
}

/// A chart of a report: its images, or why there are none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// What it shows.
    pub about: About,
    /// Its images before they are any.
    pub sheets: Vec<Sheet>,
    /// The same for a narrow screen, one for each; empty if it has none.
    pub narrow: Vec<Sheet>,
    /// Its PNG files; none if it had nothing to show.
    pub images: Vec<PathBuf>,
    /// Why it was not drawn; `None` if it was.
    pub absent: Option<String>,
}

impl Chart {
    /// A chart that was drawn.
    pub(crate) const fn drawn(about: About, sheets: Vec<Sheet>, narrow: Vec<Sheet>, images: Vec<PathBuf>) -> Self {
        Self { about, sheets, narrow, images, absent: None }
    }

    /// A chart that has nothing to show: an empty axis would look like a finding.
    pub(crate) fn absent(about: About, why: impl Into<String>) -> Self {
        Self { about, sheets: Vec::new(), narrow: Vec::new(), images: Vec::new(), absent: Some(why.into()) }
    }
}

/// Every chart that a report may hold, in the order in which to look at them.
pub const ALL: [About; 12] = [
    timeline::ABOUT,
    failure_rate::ABOUT,
    outcomes::ABOUT,
    heat_map::ABOUT,
    ends::ABOUT,
    progress::ABOUT,
    rho::ABOUT,
    hazard::ABOUT,
    run_order::ABOUT,
    hosts::ABOUT,
    comparison::ABOUT,
    ttl::ABOUT,
];

/// A run of rows from one group, as it stands on one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    group: usize,
    from: usize,
    to: usize,
}

impl Part {
    fn len(self) -> i32 {
        i32::try_from(self.to - self.from).unwrap_or(i32::MAX)
    }
}

/// Shares groups of rows out over images of at most `limit` rows, a heading taking `heading` of them. A group is broken
/// only where a whole image cannot hold it, or where little of the image would be used otherwise. There always is one image.
fn pages(sizes: &[usize], limit: usize, heading: usize) -> Vec<Vec<Part>> {
    let mut pages = vec![Vec::new()];
    let mut used = 0;
    for (group, size) in sizes.iter().copied().enumerate() {
        let mut from = 0;
        while from < size {
            let left = limit.saturating_sub(used + heading);
            let whole = size - from <= left;
            if used > 0 && !whole && (left == 0 || size - from + heading <= limit || used > limit / 2) {
                pages.push(Vec::new());
                used = 0;
                continue;
            }
            let to = size.min(from + left.max(1));
            pages.last_mut().expect("there is a page").push(Part { group, from, to });
            used += heading + to - from;
            from = to;
        }
    }
    pages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_stands_on_exactly_one_image() {
        let sizes = [3, 50, 0, 7, 44, 1];
        let pages = pages(&sizes, 20, 1);
        let mut next = vec![0; sizes.len()];
        for part in pages.iter().flatten() {
            assert_eq!(part.from, next[part.group]);
            next[part.group] = part.to;
        }
        assert_eq!(next, sizes);
        for page in &pages {
            assert!(page.iter().map(|part| 1 + part.to - part.from).sum::<usize>() <= 20, "{page:?}");
        }
    }

    #[test]
    fn nothing_to_show_still_makes_an_image() {
        assert_eq!(pages(&[], 20, 1).len(), 1);
    }
}
