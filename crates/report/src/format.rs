//! The answer for programs and for the places where pipelines show something: JSON, Markdown, JUnit's XML, GitHub's workflow
//! commands. Each is the verdict's own words, and the gate's.

use std::fmt::Write;

use clap::ValueEnum;
use ttlsweep_record::text::visible;

use crate::gate::{Checked, last_line};
use crate::markdown::{code, prose};
use crate::verdict::{Ruling, TakeAway, TargetAnswer, json};

/// How stdout is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// verdict.json
    Json,
    /// A table, for a comment or a job's summary
    Markdown,
    /// JUnit XML: a test case for each target and demand of the gate
    Junit,
    /// Workflow commands of GitHub Actions, which annotate a run
    Github,
}

impl Format {
    /// The answer in this format, with an end of line; `None` for text, which the program writes itself. `filled` puts the
    /// folders into what to do next.
    ///
    /// # Errors
    /// JSON cannot be made of it.
    pub fn render(
        self,
        ruling: &Ruling,
        checked: &[Checked],
        filled: impl Fn(&str) -> String,
    ) -> Result<Option<String>, serde_json::Error> {
        let mut taken = ruling.take_aways();
        taken.iter_mut().for_each(|one| one.next = filled(&one.next));
        Ok(match self {
            Self::Text => None,
            Self::Json => Some(json(ruling)?),
            Self::Markdown => Some(markdown(&taken, checked)),
            Self::Junit => Some(junit(&taken, checked)),
            Self::Github => Some(github(&taken, checked)),
        })
    }
}

fn markdown(taken: &[TakeAway], checked: &[Checked]) -> String {
    let cell = |text: &str| prose(&visible(text));
    let mut text = "### Are transfers cut when their link expires?\n\n".to_owned();
    text.push_str("| target | answer | seen | how sure | next |\n| --- | --- | --- | --- | --- |\n");
    for one in taken {
        let seen =
            [one.what.as_str()].into_iter().chain(one.also.iter().map(String::as_str)).collect::<Vec<_>>().join(". ");
        let (name, seen, sure, next) = (cell(&one.name), cell(&seen), cell(&one.sure), with_commands(&one.next));
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| {name} | **{}** | {seen} | {sure} | {next} |", one.answer.word());
    }
    if let Some(line) = last_line(checked) {
        let _ = write!(text, "\n{}\n", cell(&line));
    }
    text
}

/// Sentences within a table, with what stands between backquotes as code that can be copied.
fn with_commands(text: &str) -> String {
    let part = |(at, part): (usize, &str)| match at % 2 {
        _ if part.trim().is_empty() => part.to_owned(),
        // A blank at either end does not belong to the sentence's other words.
        0 => {
            let [before, after] = [part.starts_with(' '), part.ends_with(' ')].map(|is| if is { " " } else { "" });
            format!("{before}{}{after}", prose(&visible(part)))
        }
        _ => code(&visible(part)).replace('|', "\\|"),
    };
    text.split('`').enumerate().map(part).collect()
}

fn junit(taken: &[TakeAway], checked: &[Checked]) -> String {
    let demanded = checked.iter().map(|one| Case {
        name: &one.demand,
        class: &one.target,
        failure: one.unmet.clone(),
        skipped: None,
    });
    // Without a gate nothing can fail, and what was not answered was not tested.
    let answered = taken.iter().filter(|_| checked.is_empty()).map(|one| Case {
        name: "cut-at-expiry",
        class: &one.name,
        failure: None,
        skipped: is_open(one).then(|| one.line()),
    });
    suite(&demanded.chain(answered).collect::<Vec<_>>(), taken)
}

/// Whether the question is still open at a target.
const fn is_open(taken: &TakeAway) -> bool {
    matches!(taken.answer, TargetAnswer::CannotTell | TargetAnswer::NotTestable)
}

/// One test case.
struct Case<'a> {
    name: &'a str,
    class: &'a str,
    failure: Option<String>,
    skipped: Option<String>,
}

fn suite(cases: &[Case<'_>], taken: &[TakeAway]) -> String {
    let failures = cases.iter().filter(|case| case.failure.is_some()).count();
    let skipped = cases.iter().filter(|case| case.skipped.is_some()).count();
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        text,
        "<testsuite name=\"ttlsweep\" tests=\"{}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\">",
        cases.len()
    );
    for case in cases {
        let _ = write!(text, "  <testcase name=\"{}\" classname=\"{}\"", xml(case.name), xml(case.class));
        let _ = match (&case.failure, &case.skipped) {
            (Some(why), _) => writeln!(text, "><failure message=\"{0}\">{0}</failure></testcase>", xml(why)),
            (None, Some(why)) => writeln!(text, "><skipped message=\"{}\"/></testcase>", xml(why)),
            (None, None) => writeln!(text, "/>"),
        };
    }
    let lines = taken.iter().map(|one| xml(&format!("{}: {}", one.name, one.bounded())));
    let _ = writeln!(text, "  <system-out>{}</system-out>\n</testsuite>", lines.collect::<Vec<_>>().join("\n"));
    text
}

fn xml(text: &str) -> String {
    // XML has no way to write a control character.
    visible(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn github(taken: &[TakeAway], checked: &[Checked]) -> String {
    let mut text = String::new();
    let mut command = |kind: &str, title: &str, message: &str| {
        let data = |text: &str| visible(text).replace('%', "%25");
        let title = data(title).replace(':', "%3A").replace(',', "%2C");
        let _ = writeln!(text, "::{kind} title={title}::{}", data(message));
    };
    for one in taken {
        let kind = if is_open(one) { "warning" } else { "notice" };
        command(kind, &one.name, &format!("{} {}", one.bounded(), one.next));
    }
    for Checked { demand, target, unmet } in checked {
        if let Some(unmet) = unmet {
            command("error", &format!("{demand}: {target}"), unmet);
        }
    }
    text
}
