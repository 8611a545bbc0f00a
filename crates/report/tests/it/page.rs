//! The page: everything is on it, nothing on it can act, and it needs nothing but itself.

use std::fs;
use std::path::Path;

use crate::common::Sweep;
use ttlsweep_record::ExpiryPolicy;
use ttlsweep_report::report::report;
use ttlsweep_report::testing::load::load;
use ttlsweep_report::testing::page::{self, Contents, Drawings, Repeat};
use ttlsweep_report::testing::summary::axes::Axes;
use ttlsweep_report::testing::summary::summarize;
use ttlsweep_report::testing::verdict::{Evidence, decide};
use ttlsweep_report::ttl::{Advice, Risk};
use ttlsweep_rundir::environment::Environment;

fn page_of(sweep: &Sweep, change: impl FnOnce(&Path)) -> String {
    let folder = tempfile::tempdir().unwrap();
    sweep.write(folder.path());
    change(folder.path());
    report(&[folder.path().to_owned()], None).unwrap();
    fs::read_to_string(folder.path().join("report.html")).unwrap()
}

/// The names of elements whose end may be left out by nobody, in the order of the page; the stack must come out empty.
fn assert_well_formed(page: &str) {
    const VOID: [&str; 4] = ["meta", "link", "img", "br"];
    let mut open: Vec<&str> = Vec::new();
    let mut rest = page.strip_prefix("<!DOCTYPE html>").expect("it begins with its type");
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        // A `>` within a quoted value ends no tag.
        let mut quoted = false;
        let end = rest
            .find(|c| {
                quoted ^= c == '"';
                c == '>' && !quoted
            })
            .expect("every tag ends");
        let (tag, after) = rest.split_at(end);
        rest = &after[1..];
        let name = tag.split([' ', '\n']).next().unwrap();
        assert!(name.trim_start_matches('/').bytes().all(|byte| byte.is_ascii_alphanumeric()), "<{tag}>");
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "</{name}> at …{}", rest.get(..80).unwrap_or(rest)),
            None if VOID.contains(&name) || tag.ends_with('/') => {}
            None if name == "style" => rest = &rest[rest.find("</style>").unwrap() + "</style>".len()..],
            None => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?} never end");
}

#[test]
fn a_chart_that_had_nothing_to_show_is_named_with_the_reason() {
    // Links that never expire in flight leave no hazard around expiry to draw.
    let sweep = Sweep { policies: vec![Some(ExpiryPolicy::OnRequest)], ttls: vec![3600], ..Sweep::default() };
    let page = page_of(&sweep, |_| {});
    assert_well_formed(&page);
    let text = text(&page);
    assert!(text.contains("Charts that are not drawn"), "{text}");
    assert!(text.contains("no transfer was in flight when its link expired"), "{text}");
    assert!(!text.contains("Compared"), "one run of one target has nothing to be held against");
}

/// The text without its tags and style, as a reader sees it.
fn text(page: &str) -> String {
    let body = &page[page.find("<body>").unwrap()..];
    let mut text = String::new();
    for part in body.split('<').skip(1) {
        text.push_str(part.split_once('>').map_or("", |(_, text)| text));
        text.push(' ');
    }
    text
}

#[test]
fn the_page_says_the_verdict_first_and_has_every_section() {
    let policies = [ExpiryPolicy::OnRequest, ExpiryPolicy::InFlight, ExpiryPolicy::OnCompletion];
    let sweep = Sweep { policies: policies.map(Some).to_vec(), users: vec![1, 2], blocks: 5, ..Sweep::default() };
    let page = page_of(&sweep, |folder| fs::write(folder.join("experiment.toml"), "[experiment]\nseed = 7\n").unwrap());
    assert_well_formed(&page);
    let text = text(&page);
    let place = |part: &str| text.find(part).unwrap_or_else(|| panic!("no `{part}` in {text}"));
    let verdict = place("Are transfers cut when their link expires?");
    for answer in ["testbed, on-request:  NO", "testbed, in-flight:  YES", "testbed, on-completion:  NO"] {
        assert!(place(answer) > verdict, "{answer}");
    }
    let mut before = verdict;
    for section in [
        "failure rate against link TTL",
        "What to do",
        "Evidence",
        "cells",
        "Starts after expiry",
        "within δ = ",
        "bench",
    ] {
        let at = before + text[before..].find(section).unwrap_or_else(|| panic!("no `{section}` behind {before}"));
        assert!(at > before, "{section}");
        before = at;
    }
    // The very command, and the plan that it runs.
    assert!(place("ttlsweep run experiment.toml") > before);
    assert!(text.contains("ttlsweep run ttl-grid.toml") && text.contains("[experiment]\nseed = 7"));
    // Each target with what the testbed was told, for anyone who checks the verdict against the truth.
    for policy in policies {
        assert!(text.contains(&format!("(testbed {policy})")), "{policy}");
    }
    // k/n with its interval: one user, TTL 1 s, cut in all five blocks.
    assert!(page.contains(">5/5<") && page.contains(">56.6\u{a0}% to 100\u{a0}%<"), "{text}");
    // Cells in which nothing failed say the same, and are folded.
    assert!(text.contains("cells in which nothing failed") && text.contains("controls in which all was as it must be"));
    let pictures = page.matches("role=\"img\" aria-label=\"Chart: ").count();
    // The two that tell the story are there for a phone, too.
    assert_eq!(page.matches("class=\"narrow drawing\"").count(), 2);
    assert!(pictures > 10 && pictures == page.matches("drawing\" role=").count(), "{pictures}");
    assert!(page.len() < 1_000_000, "{} bytes", page.len());
}

#[test]
fn what_a_stranger_wrote_is_shown_and_does_nothing() {
    const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;\u{1b}[2J\u{0}\u{202e}";
    let page = page_of(&Sweep::default(), |folder| {
        let mut environment = Environment::read(folder).unwrap();
        environment.question = HOSTILE.into();
        environment.host = HOSTILE.split('\u{1b}').next().unwrap().into();
        environment.command = vec![HOSTILE.into()];
        environment.endpoints.insert(HOSTILE.into(), vec![HOSTILE.into()]);
        environment.tcp_sysctls.insert(HOSTILE.into(), HOSTILE.into());
        environment.write(folder).unwrap();
        fs::write(folder.join("experiment.toml"), HOSTILE).unwrap();
        for file in ["transfers.csv", "trials.csv", "cells.csv"] {
            let text = fs::read_to_string(folder.join(file)).unwrap();
            let text = text.replace("https://127.0.0.1:9001", "https://<script>x</script>");
            let text = text.replace("AccessDenied", "<script>code</script>");
            let text = text.replace("Request has expired", "</td><script>said('it')</script>\u{7}");
            fs::write(folder.join(file), text).unwrap();
        }
    });
    assert_well_formed(&page);
    for tag in ["<script", "<img src=x", "<img src=\"x"] {
        assert!(!page.contains(tag), "{tag} is a tag");
    }
    assert!(page.contains("&#60;script&#62;alert(1)&#60;/script&#62;&#34;&#39;&#62;"), "it is shown");
    assert!(page.contains("&#60;script&#62;code&#60;/script&#62;"), "so is what the server said");
    assert!(page.contains("&#60;/td&#62;&#60;script&#62;said(&#39;it&#39;)&#60;/script&#62;␇"), "word for word");
    assert!(page.contains("&#38;amp;"), "what was escaped is not mistaken for an escape");
    for acting in ['\u{1b}', '\u{0}', '\u{7}', '\u{202e}'] {
        assert!(!page.contains(acting), "{acting:?}");
    }
}

#[test]
fn the_page_needs_nothing_but_itself() {
    let page = page_of(&Sweep::default(), |_| ());
    for wants in
        ["src=\"http", "src=\"/", "url(h", "url(/", "url(\"", "@import", "<script", "<iframe", "<link rel=\"stylesheet"]
    {
        assert!(!page.contains(wants), "{wants}");
    }
    assert!(page.contains("default-src 'none'"), "and may not ask for more");
}

#[test]
fn many_runs_of_one_plan_make_one_page() {
    let base = tempfile::tempdir().unwrap();
    let folders = ["one", "two"].map(|name| {
        let folder = base.path().join(name);
        Sweep { run_id: name.into(), blocks: 1, ..Sweep::default() }.write(&folder);
        folder
    });
    report(&folders, Some(&base.path().join("both"))).unwrap();
    let page = fs::read_to_string(base.path().join("both/report.html")).unwrap();
    assert_well_formed(&page);
    for part in ["2 runs, begun ", "<h3>Run one</h3>", "<h3>Run two</h3>"] {
        assert!(page.contains(part), "no `{part}`");
    }
    assert_eq!(page.matches("ttlsweep run ttl-grid.toml").count(), 2, "each run's own command");
}

#[test]
fn nothing_measured_still_makes_a_page() {
    let page = page_of(&Sweep { stop_after: 0, ..Sweep::default() }, |_| ());
    assert_well_formed(&page);
    let text = text(&page);
    assert!(text.contains("have not been run whole"), "{text}");
    assert!(text.contains("experiment.toml, does not lie in the run’s folder"), "{text}");
}

#[test]
fn thousands_of_cells_make_a_page_that_can_be_sent() {
    let folder = tempfile::tempdir().unwrap();
    let sweep = Sweep { users: (1..=50).collect(), ttls: (1..=60).collect(), stop_after: 100, ..Sweep::default() };
    sweep.write(folder.path());
    let folders = [folder.path().to_owned()];
    let runs = load(&folders).unwrap();
    let cells = summarize(&runs).unwrap();
    // Without charts, which would take most of a minute; how many fit is asked beside the code that chooses.
    let (axes, evidence) = (Axes::of(&runs.cells), Evidence::of(&runs));
    let page = page::render(&Contents {
        axes: &axes,
        cells: &cells,
        verdict: &decide(&evidence),
        comparisons: &[],
        ttl: &Advice::of(&runs, &axes, &evidence, Vec::new(), Risk::default(), None),
        drawings: &Drawings::default(),
        charts: &[],
        repeat: &Repeat::of(&runs.environments, &folders),
        runs: &runs,
    })
    .unwrap();
    assert_well_formed(&page);
    assert!(text(&page).contains("2600 cells more are in summary.csv"), "of 3000 cells 400 are shown");
    assert!(page.len() < 500_000, "{} bytes", page.len());
}
