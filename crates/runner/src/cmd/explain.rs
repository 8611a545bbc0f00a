//! `ttlsweep explain`: what a client's error text can mean, by the measured table.

use std::fmt::Write as _;
use std::io::Read;

use serde::Serialize;
use ttlsweep_clients::explain::{Alike, Explanation, Possible, Speaker, explain as look_up};
use ttlsweep_console::data;
use ttlsweep_record::text::shortened;

use crate::cli::{ExplainArgs, TextFormat};
use crate::cmd::exit::{ExitCode, Failure};
use crate::secret::redacted_answer;

/// Runs the command.
///
/// # Errors
/// The text is empty, or stdin cannot be read.
pub fn explain(args: &ExplainArgs) -> Result<ExitCode, Failure> {
    let text = args.text.join(" ");
    let text = if text == "-" { from_stdin()? } else { text };
    if text.trim().is_empty() {
        return Err(Failure::usage(
            "there is no text to explain: paste the client's error between quotes, or pipe it to `-`",
        ));
    }
    // A pasted link is a secret, and so is a header that a client prints.
    let shown = shortened(&redacted_answer(text.trim()), LONGEST_SHOWN);
    let explanation = look_up(&text);
    match args.format {
        TextFormat::Json => data!("{}", json(&shown, &explanation)?),
        TextFormat::Text => data!("{}", words(&shown, &explanation).trim_end()),
    }
    Ok(ExitCode::Done)
}

fn from_stdin() -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().take(MOST_READ).read_to_end(&mut bytes);
    read.map_err(|error| Failure::internal(format!("stdin cannot be read: {error}")))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn words(shown: &str, explanation: &Explanation) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{shown}\n");
    if explanation.texts.is_empty() {
        out.push_str("No client that was measured says this, so nothing is known of it.\n");
        if !explanation.nearest.is_empty() {
            out.push_str("\nNearest:\n");
            out.push_str(&texts(&explanation.nearest));
        }
        let _ = write!(out, "\n{RUN}");
        return out;
    }
    out.push_str("Clients say it in these words:\n");
    out.push_str(&texts(&explanation.texts));
    let _ = writeln!(out, "\nWho says it: {}", speakers(&explanation.clients));
    out.push_str("\nWhat it can mean, and how often they said it when this was done to them:\n");
    for possible in &explanation.causes {
        let counts = format!("{} of {}", possible.said, possible.of);
        let _ = writeln!(out, "  {counts:>10}  {}{}", meaning(possible), closes(possible));
    }
    out.push_str("These counts say what is possible. How likely each is with your store, no table knows.\n");
    out.push_str("\nHow to tell:\n");
    let mut reported: Vec<_> = explanation.causes.iter().map(|possible| possible.cause).collect();
    reported.dedup();
    for (at, cause) in reported.iter().enumerate().filter(|(at, cause)| !reported[..*at].contains(cause)) {
        let _ = at;
        let _ = writeln!(out, "  {:<17} {}", cause.as_str(), cause.tell());
    }
    let _ = write!(out, "\n{RUN}");
    out
}

fn texts(texts: &[Alike]) -> String {
    let shown = texts.iter().take(MOST_TEXTS);
    let mut out: String = shown.map(|alike| format!("  {}  [{}]\n", alike.text, alike.clients.join(", "))).collect();
    if texts.len() > MOST_TEXTS {
        let _ = writeln!(out, "  and {} more", texts.len() - MOST_TEXTS);
    }
    out
}

fn speakers(speakers: &[Speaker]) -> String {
    let named = speakers.iter().map(|speaker| {
        let over = match speaker.wires.iter().copied().collect::<Vec<_>>().as_slice() {
            ["http"] => " (plain HTTP)",
            ["tls"] => " (TLS)",
            _ => "",
        };
        format!("{} {}{over}", speaker.client, speaker.version)
    });
    named.collect::<Vec<_>>().join(", ")
}

fn meaning(possible: &Possible) -> String {
    let of = if possible.method == "get" { "a download, " } else { "" };
    format!("{of}{}", possible.cause.meaning())
}

fn closes(possible: &Possible) -> String {
    match possible.closes.as_slice() {
        [] => String::new(),
        closes => format!("; the server then ended the connection by {}", closes.join(", ")),
    }
}

fn json(shown: &str, explanation: &Explanation) -> Result<String, Failure> {
    let text = |alike: &Alike| Text { text: alike.text, likeness: alike.likeness, clients: alike.clients.clone() };
    let page = Page {
        schema_version: 1,
        text: shown,
        known: !explanation.texts.is_empty(),
        texts: explanation.texts.iter().map(text).collect(),
        clients: explanation.clients.iter().map(Client::of).collect(),
        causes: explanation.causes.iter().map(Cause::of).collect(),
        nearest: explanation.nearest.iter().map(text).collect(),
    };
    serde_json::to_string_pretty(&page).map_err(Failure::internal)
}

#[derive(Serialize)]
struct Page<'a> {
    schema_version: u32,
    text: &'a str,
    known: bool,
    texts: Vec<Text>,
    clients: Vec<Client<'a>>,
    causes: Vec<Cause<'a>>,
    nearest: Vec<Text>,
}

#[derive(Serialize)]
struct Text {
    text: &'static str,
    likeness: f64,
    clients: Vec<&'static str>,
}

#[derive(Serialize)]
struct Client<'a> {
    client: &'a str,
    version: &'a str,
    wires: Vec<&'a str>,
}

impl<'a> Client<'a> {
    fn of(speaker: &'a Speaker) -> Self {
        Self { client: speaker.client, version: speaker.version, wires: speaker.wires.iter().copied().collect() }
    }
}

#[derive(Serialize)]
struct Cause<'a> {
    cause: &'static str,
    method: &'a str,
    meaning: &'static str,
    said: u64,
    of: u64,
    closes: &'a [&'static str],
    tell: &'static str,
}

impl<'a> Cause<'a> {
    fn of(possible: &'a Possible) -> Self {
        let Possible { cause, method, said, of, closes } = possible;
        Self {
            cause: cause.as_str(),
            method,
            meaning: cause.meaning(),
            said: *said,
            of: *of,
            closes,
            tell: cause.tell(),
        }
    }
}

/// What tells all of them apart at once.
const RUN: &str = "\
A sweep tells these apart, since it reads the answer that a client loses:
  ttlsweep run experiments/aws-slow-50mb.toml --bucket BUCKET
  ttlsweep run experiments/real-server.toml --bucket BUCKET --endpoint URL
then `ttlsweep report results/…/latest`. All that was measured: docs/clients.md\n";

const LONGEST_SHOWN: usize = 400;
const MOST_TEXTS: usize = 4;
/// More than a traceback ever has.
const MOST_READ: u64 = 1 << 20;
