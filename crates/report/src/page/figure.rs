use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// One chart as the page shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// What it is called.
    pub title: String,
    /// What it shows, for those who cannot see it.
    pub alt: String,
    /// The picture itself as a data URI, or the path from the page to its file.
    pub source: String,
    /// Whether the picture itself is on the page.
    pub embedded: bool,
    /// Whether it tells the story: these stand above everything that folds.
    pub leads: bool,
    /// Width and height in pixels, so that a page does not jump while it is being shown.
    pub size: Option<(u32, u32)>,
}

/// A chart's file with its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn {
    /// The PNG.
    pub path: PathBuf,
    /// Its title.
    pub title: String,
    /// What it shows, in words.
    pub alt: String,
}

impl Figure {
    /// Reads the charts. They are put on the page as long as they take no more than `MOST_BYTES` of it: every chart's first
    /// image before any chart's second one. What does not fit is linked, relative to the page's folder, and not lost.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn read_all(drawn: &[Drawn]) -> io::Result<Vec<Self>> {
        let pictures = drawn.iter().map(|one| fs::read(&one.path)).collect::<io::Result<Vec<_>>>()?;
        let fits = within_budget(drawn, &pictures.iter().map(Vec::len).collect::<Vec<_>>(), MOST_BYTES);
        let figure = |((one, bytes), embedded): ((&Drawn, &Vec<u8>), bool)| {
            let source = if embedded {
                format!("data:image/png;base64,{}", STANDARD.encode(bytes))
            } else {
                format!("charts/{}", one.path.file_name().unwrap_or_default().to_string_lossy())
            };
            Self {
                title: one.title.clone(),
                alt: one.alt.clone(),
                source,
                embedded,
                leads: leads(&one.path),
                size: size(bytes),
            }
        };
        Ok(drawn.iter().zip(&pictures).zip(fits).map(figure).collect())
    }
}

/// Which of the charts are on the page.
fn within_budget(drawn: &[Drawn], sizes: &[usize], budget: usize) -> Vec<bool> {
    let mut order: Vec<usize> = (0..drawn.len()).collect();
    order.sort_by_key(|at| (!leads(&drawn[*at].path), image_number(&drawn[*at].path)));
    let mut left = budget;
    let mut fits = vec![false; drawn.len()];
    for at in order {
        if let Some(rest) = left.checked_sub(sizes[at]) {
            left = rest;
            fits[at] = true;
        }
    }
    fits
}

/// The two images that tell the story.
fn leads(path: &Path) -> bool {
    path.file_name().is_some_and(|name| LEADING.iter().any(|leading| name == *leading))
}

/// `timeline-3.png` is a chart's third image, `timeline.png` its first.
fn image_number(path: &Path) -> u32 {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    stem.rsplit_once('-').and_then(|(_, number)| number.parse().ok()).unwrap_or(1)
}

/// A PNG's first chunk says how large it is.
fn size(png: &[u8]) -> Option<(u32, u32)> {
    let number = |from: usize| Some(u32::from_be_bytes(png.get(from..from + 4)?.try_into().ok()?));
    Some((number(16)?, number(20)?))
}

/// Of PNG; on the page it is a third more.
const MOST_BYTES: usize = 1_300_000;
const LEADING: [&str; 2] = ["failure-rate-by-ttl.png", "timeline.png"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_room_is_short_every_chart_keeps_its_first_image() {
        let drawn = ["a.png", "a-2.png", "a-3.png", "b-by-c.png", "b-by-c-2.png"].map(|name| Drawn {
            path: PathBuf::from(name),
            title: String::new(),
            alt: String::new(),
        });
        let fits = |budget| within_budget(&drawn, &[10; 5], budget);
        assert_eq!(fits(20), [true, false, false, true, false]);
        assert_eq!(fits(35), [true, true, false, true, false]);
        assert_eq!(fits(50), [true; 5]);
    }
}
