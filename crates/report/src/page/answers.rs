use std::collections::HashMap;

use ttlsweep_record::Control;

use crate::load::Runs;

/// One kind of final response, with how many transfers got it.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    pub(super) status: u16,
    pub(super) code: &'a str,
    /// Its message, or the beginning of its text if it is not S3's XML.
    pub(super) message: &'a str,
    pub(super) server: &'a str,
    /// Of the grid's own cells.
    pub(super) grid: u64,
    /// Of the controls, in the order of [`Control::ALL`].
    pub(super) controls: Vec<u64>,
}

/// The distinct answers, the most frequent first, and how many kinds more there were.
pub(super) fn answers(runs: &Runs) -> (Vec<Answer<'_>>, usize) {
    let mut counts: HashMap<u32, [u64; Control::ALL.len() + 1]> = HashMap::new();
    for seen in runs.transfers.all() {
        let Some(answer) = seen.answer else { continue };
        let control = runs.cells[seen.cell as usize].control;
        let at = control.map_or(0, |control| control as usize + 1);
        counts.entry(answer).or_default()[at] += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(answer, counts)| (std::cmp::Reverse(counts.iter().sum::<u64>()), *answer));
    let more = counts.len().saturating_sub(MOST_ROWS);
    let rows = counts.into_iter().take(MOST_ROWS).map(|(answer, counts)| {
        let said = &runs.transfers.answers()[answer as usize];
        Answer {
            status: said.status,
            code: &said.code,
            message: if said.code.is_empty() && !said.text.is_empty() { &said.text } else { &said.message },
            server: &said.server,
            grid: counts[0],
            controls: counts[1..].to_vec(),
        }
    });
    (rows.collect(), more)
}

/// A server that words every refusal again must not fill the page.
const MOST_ROWS: usize = 40;
