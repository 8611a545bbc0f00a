//! `case.md`: the case in AWS's terms, to be pasted into the support form or read as it is.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use askama::Template;
use ttlsweep_record::units::format_micros;
use ttlsweep_record::{Cell, Control, TargetKind, TransferRecord, Verdict};

use super::archive::SUMS;
use super::error::CaseError;
use super::failing;
use crate::chart::kit::caption::plural;
use crate::printable::Printable;
use crate::report::Report;
use crate::summary::{only, total};

/// What the case is told from.
pub(super) struct Case<'a> {
    pub(super) report: &'a Report,
    pub(super) failing: &'a [TransferRecord],
    pub(super) redacted: Vec<String>,
}

/// Writes `case.md`.
pub(super) fn write(folder: &Path, case: &Case<'_>) -> Result<(), CaseError> {
    let path = folder.join("case.md");
    let mut text = Printable(String::new());
    let rendered = Page::of(case).render_into(&mut text).map_err(std::io::Error::other);
    rendered.and_then(|()| fs::write(&path, text.0)).map_err(|source| CaseError::Write { path, source })
}

#[derive(Template)]
#[template(path = "case.md", escape = "none")]
struct Page {
    overall: Verdict,
    headline: String,
    rehearsal: Option<&'static str>,
    buckets: String,
    regions: String,
    addressing: String,
    methods: String,
    endpoints: Vec<(String, String)>,
    from: String,
    to: String,
    tool: String,
    uploads: bool,
    enforcement: String,
    /// Mechanism and evidence of each.
    supported: Vec<(String, String)>,
    cut: (Verdict, String),
    deltas: Vec<String>,
    controls: Vec<String>,
    counts: String,
    grid: String,
    failing: usize,
    with_pair: Vec<String>,
    with_pair_more: usize,
    /// The parameters that carry the transfers' names; empty if no request carries its name.
    names: String,
    without_pair: Vec<String>,
    without_pair_more: usize,
    failing_file: &'static str,
    sums_file: &'static str,
    redacted: Vec<String>,
    left_out: Vec<String>,
}

impl Page {
    fn of(case: &Case<'_>) -> Self {
        let Report { runs, cells, verdict, .. } = case.report;
        let environment = &runs.environments[0];
        let settings = &runs.cells;
        let (pairs, lonely): (Vec<&TransferRecord>, Vec<_>) =
            nearest_first(case.failing).into_iter().partition(|row| row.request_id.is_some());
        let trials = &runs.trials;
        let instant = |found: Option<ttlsweep_record::Timestamp>| found.map(|at| at.to_string()).unwrap_or_default();
        let urls = environment.endpoints.keys();
        let regions = distinct(
            settings.iter().filter_map(|cell| cell.region.clone()).chain(urls.filter_map(|url| region_of(url))),
        );
        Self {
            overall: verdict.overall,
            headline: prose(&verdict.headline),
            rehearsal: rehearsal(case.report),
            buckets: distinct(settings.iter().map(|cell| cell.bucket.clone())),
            regions: if regions.is_empty() { "the AWS configuration’s (not recorded)".to_owned() } else { regions },
            addressing: distinct(settings.iter().filter_map(|cell| cell.addressing.map(|word| word.to_string()))),
            methods: distinct(settings.iter().map(|cell| cell.method.to_string())),
            endpoints: environment
                .endpoints
                .iter()
                .map(|(url, addresses)| (quoted(url), quoted(&addresses.join(", "))))
                .collect(),
            from: instant(trials.iter().map(|trial| trial.started_at).min()),
            to: instant(trials.iter().map(|trial| trial.ended_at).max()),
            tool: format!("ttlsweep {} on {}", quoted(&environment.version), quoted(&environment.os)),
            uploads: settings.iter().any(|cell| cell.method.is_upload()),
            enforcement: prose(&verdict.enforcement()),
            supported: {
                let supported = verdict.mechanisms[1..].iter().filter(|found| found.verdict == Verdict::Supported);
                supported.map(|found| (found.mechanism.to_string(), prose(&found.evidence))).collect()
            },
            cut: (verdict.mechanisms[0].verdict, prose(&verdict.mechanisms[0].evidence)),
            // Servers' words stand in these.
            deltas: verdict.delta_lines().iter().map(|line| prose(line)).collect(),
            controls: Control::ALL
                .iter()
                .filter_map(|control| {
                    let counts = total(only(cells, Some(*control)));
                    (counts.transfers() > 0).then(|| {
                        format!(
                            "{control} ({}): {} of {} failed",
                            purpose(*control),
                            counts.failures(),
                            counts.transfers()
                        )
                    })
                })
                .collect(),
            counts: verdict.counts_line(),
            grid: {
                let counts = total(only(cells, None));
                format!(
                    "{} of {} failed; {} outlived their link, of which {} completed",
                    counts.failures(),
                    plural(counts.transfers(), "transfer"),
                    counts.outlived,
                    counts.outlived_completed
                )
            },
            failing: case.failing.len(),
            names: distinct(settings.iter().filter_map(|cell| cell.name_parameter().map(code))),
            with_pair: pairs.iter().take(MOST_SHOWN).map(|row| transfer_line(row, settings)).collect(),
            with_pair_more: pairs.len().saturating_sub(MOST_SHOWN),
            without_pair: lonely.iter().take(MOST_SHOWN).map(|row| transfer_line(row, settings)).collect(),
            without_pair_more: lonely.len().saturating_sub(MOST_SHOWN),
            failing_file: failing::FILE,
            sums_file: SUMS,
            redacted: case.redacted.clone(),
            left_out: crate::summary::table::left_out_lines(runs, cells).iter().map(|line| prose(line)).collect(),
        }
    }
}

/// The ones that ended nearest to their link's expiry are what the case is about; controls come last.
fn nearest_first(failing: &[TransferRecord]) -> Vec<&TransferRecord> {
    let mut rows: Vec<&TransferRecord> = failing.iter().collect();
    let distance = |row: &TransferRecord| row.margin_us.map_or(u64::MAX, i64::unsigned_abs);
    rows.sort_by_key(|row| (row.control.is_some(), distance(row), row.ended_at));
    rows
}

fn transfer_line(row: &TransferRecord, cells: &[Cell]) -> String {
    let mut line = format!("{} {} {}", row.ended_at, row.method.as_str().to_uppercase(), row.outcome);
    // Writing to a string cannot fail.
    if let Some(status) = row.status {
        let _ = write!(line, " {status}");
    }
    if let Some(s3_code) = &row.s3_code {
        let _ = write!(line, " {}", quoted(s3_code));
    }
    if let Some(margin) = row.margin_us {
        let when = if margin < 0 { "before" } else { "after" };
        let _ = write!(line, ", {} {when} the link’s expiry", format_micros(margin.unsigned_abs()));
    }
    let cell = cells.iter().find(|cell| cell.cell_id == row.cell_id);
    // Without a parameter the name is in the object's key alone.
    let name = cell.map_or(Some("x-run"), Cell::name_parameter).unwrap_or("transfer");
    let _ = write!(line, "\n  {name}: {}", code(&row.transfer_id));
    if let Some(id) = &row.request_id {
        let _ = write!(line, "\n  x-amz-request-id: {}", code(id));
    }
    if let Some(id) = &row.host_id {
        let _ = write!(line, "\n  x-amz-id-2: {}", code(id));
    }
    if let (None, Some(remote)) = (&row.request_id, &row.remote_addr) {
        let _ = write!(line, "\n  server: {}, client: {}", code(remote), code(row.local_addr.as_deref().unwrap_or("")));
    }
    line
}

/// What a reader at AWS must know before anything else, where AWS was not asked at all.
fn rehearsal(report: &Report) -> Option<&'static str> {
    let runs = &report.runs;
    if runs.cells.iter().any(|cell| cell.target == TargetKind::Embedded) {
        return Some("This run asked the testbed inside ttlsweep and not AWS: the bundle is a rehearsal.");
    }
    let aws = |url: &String| host(url).is_some_and(|host| host.contains(".amazonaws.com"));
    let asked = &runs.environments[0].endpoints;
    (!asked.is_empty() && !asked.keys().any(aws)).then_some("The endpoint of this run is not one of AWS’s.")
}

fn host(url: &str) -> Option<&str> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', ':']).next().filter(|host| !host.is_empty())
}

/// `eu-central-1` of `https://bucket.s3.eu-central-1.amazonaws.com`.
fn region_of(url: &str) -> Option<String> {
    let (before, _) = host(url)?.split_once(".amazonaws.com")?;
    let last = before.rsplit('.').next()?;
    let last = last.strip_prefix("s3-").unwrap_or(last);
    let digits = last.rsplit_once('-').is_some_and(|(_, number)| number.bytes().all(|byte| byte.is_ascii_digit()));
    (digits && last.matches('-').count() >= 2).then(|| last.to_owned())
}

const fn purpose(control: Control) -> &'static str {
    match control {
        Control::LongTtl => "the same bytes and cap with a link that does not expire meanwhile",
        Control::HeaderSigned => "the same without any link",
        Control::ExpiredStart => "a link that had expired before it was used: must fail",
    }
}

fn distinct(words: impl Iterator<Item = String>) -> String {
    let mut found: Vec<String> = Vec::new();
    for word in words.map(|word| quoted(&word)) {
        if !word.is_empty() && !found.contains(&word) {
            found.push(word);
        }
    }
    found.join(", ")
}

/// Text of others on one line of Markdown, where it can be nothing but text: as it is where no reader of Markdown could take it
/// for anything else, and as code otherwise, within which nothing is obeyed.
fn quoted(text: &str) -> String {
    let flat = flat(text);
    let harmless = |char: char| char.is_ascii_alphanumeric() || matches!(char, ' ' | ',' | '.' | ':' | '-');
    let begins_with_letter = flat.starts_with(|char: char| char.is_ascii_alphanumeric());
    // Some readers make a link of it.
    let is_link = flat.to_ascii_lowercase().contains("www.");
    if flat.is_empty() || (begins_with_letter && !is_link && flat.chars().all(harmless)) { flat } else { code(&flat) }
}

/// A text as a span of code, between more backticks than are in it.
fn code(text: &str) -> String {
    let flat = flat(text);
    let longest = flat.split(|char| char != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    // A blank within the fence is not shown if there is one at both ends.
    let blank = if flat.is_empty() || flat.starts_with('`') || flat.ends_with('`') { " " } else { "" };
    format!("{fence}{blank}{flat}{blank}{fence}")
}

/// Sentences that may have text of others in them: whatever Markdown would obey is escaped.
fn prose(text: &str) -> String {
    let flat = flat(text);
    let mut shown = String::with_capacity(flat.len());
    let mut following = flat.chars().peekable();
    while let Some(char) = following.next() {
        let next = following.peek().copied();
        let obeyed = match char {
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '@' | '$' => true,
            // A tag, an entity and an address begin with these; `p < 0.01` does not.
            '<' => next.is_some_and(|next| next.is_ascii_alphabetic() || "/!?".contains(next)),
            '&' => next.is_some_and(|next| next.is_ascii_alphabetic() || next == '#'),
            ':' => next == Some('/'),
            '.' => shown.to_ascii_lowercase().ends_with("www"),
            _ => false,
        };
        if obeyed || (shown.is_empty() && "#>+-=".contains(char)) {
            shown.push('\\');
        }
        shown.push(char);
    }
    shown
}

fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

const MOST_SHOWN: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    /// What a reader of Markdown would make of text that is neither escaped nor code: links, emphasis, tags, lines.
    fn is_inert(shown: &str) -> bool {
        let mut rest = shown;
        let mut plain = String::new();
        while let Some(char) = rest.chars().next() {
            if char == '\\' {
                rest = &rest[1 + rest[1..].chars().next().map_or(0, char::len_utf8)..];
                plain.push('\u{1}');
            } else if char == '`' {
                let fence = rest.len() - rest.trim_start_matches('`').len();
                let Some(end) = code_end(&rest[fence..], fence) else { return false };
                rest = &rest[fence + end + fence..];
            } else {
                plain.push(char);
                rest = &rest[char.len_utf8()..];
            }
        }
        let tag =
            plain.match_indices('<').any(|(at, _)| plain[at + 1..].starts_with(|next: char| !next.is_whitespace()));
        !tag && !plain.contains(['*', '_', '[', '|', '\n', '\r']) && !plain.contains("://") && !plain.contains("www.")
    }

    fn code_end(rest: &str, fence: usize) -> Option<usize> {
        let mut at = 0;
        while let Some(found) = rest[at..].find('`') {
            let run = rest[at + found..].len() - rest[at + found..].trim_start_matches('`').len();
            if run == fence {
                return Some(at + found);
            }
            at += found + run;
        }
        None
    }

    #[test]
    fn text_of_others_is_nothing_but_text_in_markdown() {
        for text in [
            "\\[text](http://evil)",
            "[text](http://evil)",
            "\\\\[text](http://evil)",
            "*bold* _emphasis_ ~~gone~~",
            "<script>alert(1)</script>",
            "<http://evil>",
            "http://evil and https://evil",
            "www.evil.example",
            "`code` and ``more``",
            "`",
            "a | b\n| - | - |",
            "line\n# heading\r\n- item",
            "![picture](http://evil/x.png)",
            "<!-- hidden",
            "\\",
            "\\`",
            "``\\[x](http://evil)",
        ] {
            for shown in [quoted(text), code(text), prose(text)] {
                assert!(is_inert(&shown), "{text:?} gives {shown}");
            }
        }
        assert!(!is_inert("\\\\[text](http://evil)") && !is_inert("a *b*") && !is_inert("`a` <b>"));
        assert_eq!(quoted("AccessDenied"), "AccessDenied");
        assert_eq!(quoted("eu-central-1, 52.219.1.2:443"), "eu-central-1, 52.219.1.2:443");
        assert_eq!(code("it is `this`"), "`` it is `this` ``");
        assert_eq!(prose("p < 0.01 at 5 % (3 of 9)"), "p < 0.01 at 5 % (3 of 9)");
    }

    #[test]
    fn a_region_is_read_from_awss_own_host_names_only() {
        for (url, region) in [
            ("https://b.s3.eu-central-1.amazonaws.com", Some("eu-central-1")),
            ("https://my.bucket.s3.us-gov-west-1.amazonaws.com:443", Some("us-gov-west-1")),
            ("https://s3-eu-west-1.amazonaws.com", Some("eu-west-1")),
            ("https://b.s3.amazonaws.com", None),
            ("https://127.0.0.1:9000", None),
        ] {
            assert_eq!(region_of(url).as_deref(), region, "{url}");
        }
    }
}
