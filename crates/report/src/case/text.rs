//! `case.md`: the case in AWS's terms, to be pasted into the support form or read as it is: what is asked comes second, and all of
//! it is short enough for the form.

use crate::prose::of;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use askama::Template;
use ttlsweep_record::{Cell, Control, Mechanism, TargetKind, TransferRecord, Verdict};

use super::archive::SUMS;
use super::error::CaseError;
use super::examples::{Kind, kinds};
use super::failing;
use crate::markdown::{code, prose, quoted};
use crate::printable::Printable;
use crate::report::Report;
use crate::summary::{only, total};

/// What the case is written from.
pub(super) struct Case<'a> {
    pub(super) report: &'a Report,
    pub(super) failing: &'a [TransferRecord],
    pub(super) redacted: Vec<String>,
}

/// Writes `case.md`, with as many examples as the form has room for.
pub(super) fn write(folder: &Path, case: &Case<'_>) -> Result<(), CaseError> {
    let path = folder.join("case.md");
    let unwritable = |source| CaseError::Write { path: path.clone(), source };
    let mut text = String::new();
    for room in ROOM {
        text = Page::of(case, room).text().map_err(|error| unwritable(std::io::Error::other(error)))?;
        if text.chars().count() <= MOST_CHARACTERS {
            break;
        }
    }
    fs::write(&path, text).map_err(unwritable)
}

#[derive(Template)]
#[template(path = "case.md", escape = "none")]
struct Page {
    overall: Verdict,
    rehearsal: Option<&'static str>,
    buckets: String,
    regions: String,
    addressing: String,
    methods: String,
    /// What the links' signatures cover.
    signed: String,
    endpoints: Vec<(String, String)>,
    endpoints_more: usize,
    from: String,
    to: String,
    tool: String,
    uploads: bool,
    /// The answer of each target.
    answers: Vec<String>,
    counts: String,
    enforcement: String,
    controls: Vec<String>,
    failing: usize,
    kinds: Vec<Kind>,
    kinds_more: usize,
    /// The parameters that carry the transfers' names; empty if no request carries its name.
    names: String,
    failing_file: &'static str,
    sums_file: &'static str,
    redacted: Vec<String>,
    left_out: Vec<String>,
}

impl Page {
    /// With so many examples of each kind, and so many kinds.
    fn of(case: &Case<'_>, (examples, most_kinds): (usize, usize)) -> Self {
        let Report { runs, cells, verdict, .. } = case.report;
        let environment = &runs.environments[0];
        let settings = &runs.cells;
        let trials = &runs.trials;
        let instant = |found: Option<ttlsweep_record::Timestamp>| found.map(|at| at.to_string()).unwrap_or_default();
        let all_kinds = kinds(case.failing, settings, examples);
        let alone = verdict.targets.len() == 1;
        let answers = verdict.targets.iter().take(MOST_TARGETS).map(|target| {
            // What this machine did wrong is no matter of the store's.
            let taken = target.take_away_but(&[Mechanism::Client]);
            if alone { prose(&taken.bounded()) } else { format!("{}: {}", prose(&taken.name), prose(&taken.bounded())) }
        });
        let endpoints = environment.endpoints.iter().take(MOST_ENDPOINTS).map(|(url, addresses)| {
            (quoted(url), quoted(&addresses.iter().take(MOST_ADDRESSES).cloned().collect::<Vec<_>>().join(", ")))
        });
        Self {
            overall: verdict.overall,
            rehearsal: rehearsal(case.report),
            buckets: distinct(settings.iter().map(|cell| cell.bucket.clone())),
            regions: regions(case.report),
            addressing: distinct(settings.iter().filter_map(|cell| cell.addressing.map(|word| word.to_string()))),
            methods: distinct(settings.iter().map(|cell| cell.method.to_string())),
            signed: signed(settings),
            endpoints: endpoints.collect(),
            endpoints_more: environment.endpoints.len().saturating_sub(MOST_ENDPOINTS),
            from: instant(trials.iter().map(|trial| trial.started_at).min()),
            to: instant(trials.iter().map(|trial| trial.ended_at).max()),
            tool: format!("ttlsweep {} on {}", quoted(&environment.version), quoted(&environment.os)),
            uploads: settings.iter().any(|cell| cell.method.is_upload()),
            answers: answers.collect(),
            counts: prose(&verdict.counts_line()),
            enforcement: prose(&verdict.enforcement()),
            controls: Control::ALL
                .iter()
                .filter_map(|control| {
                    let counts = total(only(cells, Some(*control)));
                    let all = counts.transfers();
                    // Of the starts after expiry the line on enforcement tells.
                    let reported = all > 0 && *control != Control::ExpiredStart;
                    reported
                        .then(|| format!("{control} ({}): {} failed", purpose(*control), of(counts.failures(), all)))
                })
                .collect(),
            failing: case.failing.len(),
            kinds_more: all_kinds.len().saturating_sub(most_kinds),
            kinds: all_kinds.into_iter().take(most_kinds).collect(),
            names: {
                let names: BTreeSet<&str> = settings.iter().filter_map(Cell::name_parameter).collect();
                names.into_iter().map(code).collect::<Vec<_>>().join(", ")
            },
            failing_file: failing::FILE,
            sums_file: SUMS,
            redacted: case.redacted.clone(),
            left_out: crate::summary::table::left_out_lines(runs, cells).iter().map(|line| prose(line)).collect(),
        }
    }

    fn text(&self) -> Result<String, askama::Error> {
        let mut text = Printable(String::new());
        self.render_into(&mut text)?;
        Ok(text.0)
    }
}

/// The regions that links were signed for, as far as anything tells.
fn regions(report: &Report) -> String {
    let environment = &report.runs.environments[0];
    let signed = environment.regions.values().cloned();
    let named = report.runs.cells.iter().filter_map(|cell| cell.region.clone());
    let urls = environment.endpoints.keys().filter_map(|url| region_of(url));
    match distinct(signed.chain(named).chain(urls)) {
        none if none.is_empty() => "the AWS configuration’s (not recorded)".to_owned(),
        regions => regions,
    }
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
        Control::ExpectContinue => "the same short-lived links with `Expect: 100-continue`",
    }
}

/// What the links' signatures cover beside path and expiry: names only, since values may be anybody's.
fn signed(settings: &[Cell]) -> String {
    let names = |field: fn(&Cell) -> Option<&String>, between: char| {
        let mut names: Vec<String> = Vec::new();
        for name in settings.iter().filter_map(|cell| field(cell)).flat_map(|pairs| names_of(pairs, between)) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names.iter().map(|name| format!(", `{}`", quoted(name))).collect::<String>()
    };
    let headers = names(|cell| cell.headers.as_ref(), ':');
    let query = names(|cell| cell.query.as_ref(), '=');
    let only = if headers.is_empty() { "only " } else { "" };
    let query = if query.is_empty() { String::new() } else { format!(" ({})", &query[2..]) };
    format!("signed are {only}the header `host`{headers} and the query{query}")
}

/// The names of `name: value; name: value`, in which a `;` or `\` of a value has a `\` before it.
fn names_of(pairs: &str, between: char) -> Vec<String> {
    let (mut parts, mut escaped) = (vec![String::new()], false);
    for character in pairs.chars() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ';' => parts.push(String::new()),
            other => parts.last_mut().expect("there is a part").push(other),
        }
    }
    let name = |part: &String| part.split(between).next().unwrap_or_default().trim().to_ascii_lowercase();
    parts.iter().map(name).filter(|name| !name.is_empty()).collect()
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

/// What AWS's form takes is 8,000 characters; a few are left for the sender's own words.
const MOST_CHARACTERS: usize = 7_800;
/// Examples of each kind, and kinds, from the most on.
const ROOM: [(usize, usize); 5] = [(3, 6), (2, 6), (2, 4), (1, 3), (1, 1)];
const MOST_TARGETS: usize = 4;
const MOST_ENDPOINTS: usize = 3;
const MOST_ADDRESSES: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn a_signed_value_with_a_separator_in_it_makes_no_name() {
        assert_eq!(
            names_of("X-Amz-Tagging: a=1\\; b: 2; Content-Type: text/plain", ':'),
            ["x-amz-tagging", "content-type"]
        );
        assert_eq!(names_of("response-content-type=a\\;b=c", '='), ["response-content-type"]);
        assert!(names_of("", ':').is_empty());
    }
}
