//! Whatever the world: terminal, page, case and JSON give the same answer, counts and line on enforcement.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::common::answers::{Asked, Did, Surroundings};
use ttlsweep_record::units::grouped;
use ttlsweep_record::{Control, Method, SummaryRecord};
use ttlsweep_rundir::csv_file::read_rows;

type Physics = Box<dyn Fn(&Asked) -> Did>;

fn at_head(asked: &Asked, expired: Did) -> Did {
    if asked.is_expired() { expired } else { Did::Serve }
}

fn worlds() -> Vec<(&'static str, Surroundings, Physics)> {
    let small = || Surroundings { ttls: vec![2, 30], blocks: 3, ..Surroundings::default() };
    let denied = Did::xml(403, "AccessDenied", "Access Denied");
    let page = Did::page(413, "nginx/1.22.1", "text/html", "413 Request Entity <b>Too</b> Large");
    vec![
        ("enforces", small(), Box::new(|asked| at_head(asked, Did::expired()))),
        ("lets through", small(), Box::new(|_| Did::Serve)),
        ("links denied", small(), Box::new(move |asked| if asked.age_us.is_some() { denied } else { Did::Serve })),
        ("all denied", small(), Box::new(move |_| denied)),
        ("before the store", small(), Box::new(move |_| page)),
        (
            "something fails before the store",
            small(),
            Box::new(|_| Did::page(502, "nginx/1.22.1", "text/html", "Bad Gateway")),
        ),
        ("always busy", small(), Box::new(|_| Did::xml(429, "TooManyRequests", "later"))),
        (
            "busy with expired starts",
            small(),
            Box::new(|asked| match asked.is_expired() {
                true if asked.block == 1 => Did::xml(500, "InternalError", "again"),
                true => Did::Reset { after_us: 900 },
                false => Did::Serve,
            }),
        ),
        (
            "clock 20 s ahead",
            Surroundings { offset_us: -20_000_000, ..small() },
            Box::new(|asked| at_head(asked, Did::expired())),
        ),
        (
            "odd answers",
            Surroundings { method: Method::Get, blocks: 4, ..small() },
            Box::new(|asked| match asked.serial % 3 {
                0 if !asked.is_expired() => Did::xml(400, "InvalidArgument", "[x](http://example.org) `y`"),
                _ => at_head(asked, Did::expired()),
            }),
        ),
        ("cuts", small(), cuts(0)),
        ("one TTL", Surroundings { ttls: vec![2], ..small() }, cuts(0)),
        // Cut at expiry, and noted later than δ.
        ("starved", Surroundings { lag_us: 150_000, blocks: 5, ..small() }, cuts(120_000)),
        ("thousands", Surroundings { transfers_per_user: 170, ..small() }, cuts(0)),
    ]
}

/// Transfers that outlive their link are reset at its expiry, and this machine notes it so much later.
fn cuts(noted_late_us: i64) -> Physics {
    Box::new(move |asked| match asked.expires_in_us {
        Some(life) if life > 0 && life < asked.needed_us => Did::Reset { after_us: life + noted_late_us },
        _ => at_head(asked, Did::expired()),
    })
}

/// The page's words, its tags and entities undone.
fn words(page: &str) -> String {
    let body = &page[page.find("<body>").unwrap()..];
    let mut text = String::new();
    let mut in_tag = false;
    for character in body.chars() {
        match character {
            '<' => in_tag = true,
            '>' => in_tag = false,
            other if !in_tag => text.push(other),
            _ => {}
        }
    }
    let undone = [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")];
    let text = undone.iter().fold(text, |text, (entity, plain)| text.replace(entity, plain));
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn run(args: &[&str]) -> String {
    let output =
        Command::new(crate::programs::chosen(env!("CARGO_BIN_EXE_ttlsweep-report"))).args(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What a reader of case.md sees: a backslash before a sign only makes it a sign.
fn as_shown(markdown: &str) -> String {
    markdown.replace('\\', "")
}

/// The case, as its readers see it.
fn case_of(folder: &Path) -> String {
    let made = run(&["case", folder.to_str().unwrap(), "--out", folder.join("case").to_str().unwrap()]);
    as_shown(&fs::read_to_string(Path::new(made.lines().next().unwrap()).join("case.md")).unwrap())
}

/// The verdict's numbers are those of the cells, and nothing is counted twice.
fn assert_counts_add_up(name: &str, folder: &Path, target: &serde_json::Value) {
    let cells: Vec<SummaryRecord> = read_rows(folder).unwrap();
    let number = |field: &str| target[field].as_u64().unwrap();
    let sum = |in_grid: bool, number: fn(&SummaryRecord) -> u64| {
        let kept = cells.iter().filter(|cell| match cell.control {
            None => in_grid,
            Some(control) => !in_grid && control != Control::ExpiredStart,
        });
        kept.map(number).sum::<u64>()
    };
    let (grid, controls) = (true, false);
    for (field, found) in [
        ("grid", sum(grid, |cell| cell.transfers)),
        ("grid_failed", sum(grid, |cell| cell.failures)),
        ("controls", sum(controls, |cell| cell.transfers)),
        ("controls_failed", sum(controls, |cell| cell.failures)),
        ("outlived", sum(grid, |cell| cell.outlived)),
    ] {
        assert_eq!(number(field), found, "{name}: {field}");
    }
    assert_eq!(number("outlived"), number("judged") + number("not_judged"), "{name}");
    let all: u64 = cells.iter().map(|cell| cell.transfers).sum();
    assert_eq!(number("grid") + number("controls") + number("expired_starts"), all, "{name}");
}

/// What charts write above and below themselves is what the answer counts.
fn assert_charts_count_alike(name: &str, page: &str, target: &serde_json::Value) {
    let number = |field: &str| grouped(target[field].as_u64().unwrap());
    let times = |said: &str| page.matches(said).count();
    let failed = format!("{} of {} transfers of the grid failed", number("grid_failed"), number("grid"));
    assert!(times(&failed) >= 2, "{name}: {failed}\n{page}");
    if target["answer"] == "yes" {
        let (_, seen) = target["line"].as_str().unwrap().split_once(": ").unwrap();
        let (seen, _) = seen.split_once(" within ").unwrap();
        assert!(seen.contains(&format!(" of {} ", number("judged"))), "{name}: {seen}");
        assert!(times(seen) >= 3, "in the answer and above both charts of the story; {name}: {seen}\n{page}");
        let (hits, _) = seen.split_once(' ').unwrap();
        assert!(times(&format!("and {hits} count as cut;")) == 1, "{name}: {hits}\n{page}");
    }
}

fn assert_one_answer(name: &str, folder: &Path) {
    let shown = folder.to_str().unwrap();
    let stdout = run(&[shown]);
    let page = words(&fs::read_to_string(folder.join("report.html")).unwrap());
    let json: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(folder.join("verdict.json")).unwrap()).unwrap();
    let target = &json["endpoints"][0];
    let reported = |field: &str| target[field].as_str().unwrap();
    let line = reported("line");
    assert!(stdout.lines().next().unwrap().ends_with(line), "{name}: {line}\n{stdout}");
    assert!(json["headline"].as_str().unwrap().starts_with(line), "{name}");
    let enforcement = stdout.lines().find(|line| line.contains("Enforcement: ")).unwrap();
    let counts = stdout.lines().find(|line| line.contains(" of the grid failed")).unwrap();
    let asks = target["grid_failed"] != 0 || target["controls_failed"] != 0 || json["overall"] == "invalid";
    let case = if asks { case_of(folder) } else { String::new() };
    // Behind them it says how many trials there were, which a case has no room for.
    assert!(page.contains(counts), "{name}: {counts}\n{page}");
    let (counts, trials) = counts.rsplit_once(". ").unwrap();
    assert!(trials.contains(" whole trials"), "{name}: {trials}");
    for said in [line, enforcement, counts] {
        assert!(page.contains(said), "{name}: {said}\n{page}");
        assert!(!asks || case.contains(said), "{name}: {said}\n{case}");
    }
    for said in [reported("sure"), reported("fit"), reported("next")] {
        // Commands are elements there.
        assert!(page.contains(&said.replace('`', "")), "{name}: {said}\n{page}");
        assert!(stdout.contains(&said.replace("DIR", shown)), "{name}: {said}\n{stdout}");
    }
    assert_counts_add_up(name, folder, target);
    assert_charts_count_alike(name, &page, target);
    // Machine words are for machines.
    for word in ["supported", "inconclusive", "invalid"] {
        let first: Vec<&str> = stdout.lines().take_while(|line| *line != "Evidence").collect();
        assert!(!first.join(" ").contains(word), "{name}: {word}\n{stdout}");
    }

    let [all, refused, through] = ["expired_starts", "expired_starts_refused", "expired_starts_let_through"]
        .map(|field| grouped(target[field].as_u64().unwrap()));
    let overall = json["overall"].as_str().unwrap();
    let everywhere = format!("{stdout}{page}{case}");
    let enforces = everywhere.contains("enforces expiry (");
    let nothing = everywhere.contains("enforces NOTHING");
    match target["enforces"].as_str().unwrap() {
        "yes" => {
            assert!(
                enforcement.contains(&format!("enforces expiry ({refused} of {all} expired starts refused")),
                "{name}"
            );
            assert!(!nothing && !everywhere.contains("unknown whether expiry is enforced"), "{name}: {everywhere}");
        }
        "no" => {
            assert!(enforcement.contains(&format!("({through} of {all} expired starts let through)")), "{name}");
            assert!(!enforces && overall == "invalid", "{name}: {everywhere}");
        }
        _ => {
            let reason = target["enforcement"].as_str().unwrap();
            assert!(enforcement.contains(reason) && line.contains(reason), "{name}: {reason}\n{line}");
            assert!(page.contains(reason) && !enforces && !nothing, "{name}: {everywhere}");
            assert_eq!(overall, "inconclusive", "{name}");
            assert_eq!(refused, "0", "{name}");
        }
    }
    // Nobody can act on a number alone.
    for list in ["no_mechanism", "undecided"] {
        for kind in target[list].as_array().unwrap().iter().take(3) {
            let sentence = kind["sentence"].as_str().unwrap();
            assert!(stdout.contains(sentence) && page.contains(sentence), "{name}: {sentence}\n{stdout}\n{page}");
            assert!(list == "undecided" || case.contains(sentence), "{name}: {sentence}\n{case}");
        }
        let counted = if list == "undecided" { "undecidable" } else { "unexplained" };
        assert_eq!(target[counted] == 0, target[list].as_array().unwrap().is_empty(), "{name}");
    }
    let answer = target["answer"].as_str().unwrap();
    let expected: &[&str] = match overall {
        "supported" => &["yes"],
        "not-supported" => &["no"],
        "invalid" => &["not-testable"],
        _ => &["cannot-tell", "not-testable"],
    };
    assert!(expected.contains(&answer), "{name}: {answer}");
    assert!(!target["name"].as_str().unwrap().is_empty() && target["next"].as_str().unwrap().ends_with('.'), "{name}");
}

#[test]
#[ignore = "slow"]
fn stdout_page_case_and_json_never_contradict_each_other() {
    let mut reported = Vec::new();
    for (name, world, physics) in worlds() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("run");
        world.write(&run, physics);
        fs::write(run.join("experiment.toml"), "[experiment]\nname = \"ttl-grid\"\n").unwrap();
        assert_one_answer(name, &run);
        let json: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(run.join("verdict.json")).unwrap()).unwrap();
        reported.push((name, json["endpoints"][0]["enforces"].as_str().unwrap().to_owned()));
    }
    let expected = [
        ("enforces", "yes"),
        ("lets through", "no"),
        ("links denied", "unknown"),
        ("all denied", "unknown"),
        ("before the store", "unknown"),
        ("something fails before the store", "unknown"),
        ("always busy", "unknown"),
        ("busy with expired starts", "unknown"),
        ("clock 20 s ahead", "unknown"),
        ("odd answers", "yes"),
        ("cuts", "yes"),
        ("one TTL", "yes"),
        ("starved", "yes"),
        ("thousands", "yes"),
    ];
    assert_eq!(reported, expected.map(|(name, enforces)| (name, enforces.to_owned())));
}
