//! How one value is read from TOML, and how it is written back in one canonical notation.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use toml::Spanned;
use toml::de::DeValue;
use ttlsweep_path::cli::{format_share, parse_share};
use ttlsweep_record::fault::{FaultError, KINDS};
use ttlsweep_record::units::{UnitError, parse_duration};
use ttlsweep_record::{BitRate, ByteCount, Fault, UnknownWord};
use ttlsweep_rundir::disk;

use super::problems::{Place, Problem, nearest, reason};
use crate::experiment::extras::{BadExtra, RunParameter, SignedHeaders, SignedQuery};
use crate::experiment::link_source::LinkSource;

/// A value as it stands in the text, with what is needed to read it and to complain about it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Item<'a> {
    /// The setting's key.
    pub(crate) key: &'static str,
    pub(crate) value: &'a DeValue<'a>,
    pub(crate) place: &'a Place,
    /// The folder of the experiment file, which body files are looked up from.
    pub(crate) folder: &'a Path,
}

/// A value that can be written back as TOML, always in the same way: two values are equal when their notations are.
pub(crate) trait Notation {
    fn toml(&self) -> String;
}

/// A number in a range, both ends included.
pub(crate) fn number(item: &Item<'_>, least: u64, most: u64) -> Result<u64, Problem> {
    let key = item.key;
    let range = format!("a whole number from {least} to {most}");
    let DeValue::Integer(integer) = item.value else {
        let problem = wrong_type(item, &range);
        return Err(match item.value {
            DeValue::String(text) if text.parse::<u64>().is_ok() => {
                problem.help(format!("write {text} without quotes"))
            }
            DeValue::String(text) => {
                match text.split_once('-').map(|(from, to)| (from.trim().parse(), to.trim().parse())) {
                    Some((Ok::<u64, _>(from), Ok::<u64, _>(to))) if from < to => {
                        problem.help(format!("of an axis each value is named: write [{from}, {to}], and those between"))
                    }
                    _ => problem,
                }
            }
            _ => problem,
        });
    };
    let number = i128::from_str_radix(integer.as_str(), integer.radix()).ok();
    match number.and_then(|number| u64::try_from(number).ok()) {
        Some(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(Problem::at(
            item.place,
            format!("expected {range}"),
            format!("`{key}` cannot be {}", item.place.text()),
        )
        .help(format!("write {range}"))),
    }
}

/// [`number`] for what is counted in 32 bits.
pub(crate) fn count(item: &Item<'_>, most: u32) -> Result<u32, Problem> {
    number(item, 1, u64::from(most)).map(|number| number as u32)
}

/// `true` or `false`.
pub(crate) fn flag(item: &Item<'_>) -> Result<bool, Problem> {
    match item.value {
        DeValue::Boolean(flag) => Ok(*flag),
        DeValue::String(text) if text == "true" || text == "false" => {
            Err(wrong_type(item, "true or false").help(format!("write {text} without quotes")))
        }
        DeValue::String(text) if ["yes", "on"].contains(&text.to_ascii_lowercase().as_str()) => {
            Err(wrong_type(item, "true or false").help("write true"))
        }
        DeValue::String(text) if ["no", "off", "none"].contains(&text.to_ascii_lowercase().as_str()) => {
            Err(wrong_type(item, "true or false").help("write false"))
        }
        _ => Err(wrong_type(item, "true or false")),
    }
}

/// Any text.
pub(crate) fn text(item: &Item<'_>) -> Result<String, Problem> {
    match item.value {
        DeValue::String(text) => Ok(text.clone().into_owned()),
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) => {
            Err(wrong_type(item, "text").help(format!("write \"{}\"", item.place.text())))
        }
        _ => Err(wrong_type(item, "text")),
    }
}

/// A name that can also name a folder on every system.
pub(crate) fn file_name(item: &Item<'_>) -> Result<String, Problem> {
    let name = text(item)?;
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !name.is_empty() && name.len() <= 100 && name.chars().all(safe) && !name.starts_with(['.', '-']) {
        return Ok(name);
    }
    let parts: Vec<_> = name.split(|c| !safe(c)).filter(|part| !part.is_empty()).collect();
    let suggestion: String = parts.join("-").trim_start_matches(['.', '-']).chars().take(100).collect();
    let suggestion = if suggestion.is_empty() { "my-experiment" } else { &suggestion };
    Err(Problem::at(
        item.place,
        "expected letters, digits, `-`, `_` and `.`, beginning with a letter or a digit",
        format!("`{name}` cannot name a folder"),
    )
    .help(format!("write \"{suggestion}\"")))
}

/// A name that is made of something: a bucket, a region, a profile.
pub(crate) fn label(item: &Item<'_>) -> Result<String, Problem> {
    let name = text(item)?;
    if name.is_empty() || name.contains(char::is_whitespace) {
        let key = item.key;
        return Err(Problem::at(item.place, "expected a name without spaces", format!("`{key}` cannot be \"{name}\"")));
    }
    Ok(name)
}

/// A bucket's name, or the ARN of an access point.
pub(crate) fn bucket(item: &Item<'_>) -> Result<String, Problem> {
    let name = label(item)?;
    if name.starts_with("arn:") || !name.contains(['/', ':']) {
        return Ok(name);
    }
    let bare = name.trim_start_matches("s3://").split('/').next().unwrap_or_default();
    Err(Problem::at(item.place, "expected the bucket's name alone", format!("`{name}` is not a bucket's name"))
        .help(format!("write \"{bare}\"; what keys begin with is the setting `prefix`")))
}

/// The name of a congestion control; whether this machine's kernel has it is found out when it is used.
pub(crate) fn congestion(item: &Item<'_>) -> Result<String, Problem> {
    const EXPECTED: &str = "expected the name of a congestion control, such as \"cubic\"";
    let name = text(item)?;
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
    // The kernel's TCP_CA_NAME_MAX is 16, a byte of which ends the name.
    if !name.is_empty() && name.len() < 16 && name.chars().all(fits) {
        return Ok(name);
    }
    let problem = Problem::at(item.place, EXPECTED, format!("`{name}` cannot name a congestion control"));
    let lower = name.to_ascii_lowercase();
    Err(match ["cubic", "bbr", "reno"].into_iter().find(|known| lower.trim().starts_with(known)) {
        Some(known) => problem.help(format!("write \"{known}\"")),
        None => problem.help(
            "write \"cubic\", \"bbr\", \"reno\" or another one of net.ipv4.tcp_available_congestion_control, or leave \
             it out for the kernel's own choice",
        ),
    })
}

/// What every key begins with.
pub(crate) fn prefix(item: &Item<'_>) -> Result<String, Problem> {
    let prefix = text(item)?;
    match prefix.strip_prefix('/') {
        None => Ok(prefix),
        Some(rest) => {
            Err(Problem::at(item.place, "begins with `/`", "a key that begins with `/` is not an ordinary key")
                .help(format!("write \"{}\"", rest.trim_start_matches('/'))))
        }
    }
}

/// `http://host:port` or `https://host`, nothing behind it.
pub(crate) fn endpoint(item: &Item<'_>) -> Result<String, Problem> {
    const EXPECTED: &str = "expected http:// or https://, a host, and perhaps a port";
    let given = text(item)?;
    // Other programs take the blanks and the slash around a URL in a variable.
    let url = given.trim();
    let url = url.strip_suffix('/').filter(|url| !url.ends_with('/')).unwrap_or(url);
    let complain = |help: String| {
        Err(Problem::at(item.place, EXPECTED, format!("`{url}` is not an endpoint")).help(format!("write {help}")))
    };
    let Some((scheme, rest)) = url.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https")) else {
        let (scheme, host) = url.split_once("://").unwrap_or(("", url));
        // A colon or a slash that is missing.
        let meant = ["https", "http"].into_iter().find_map(|known| {
            let rest = host.strip_prefix(known)?.trim_start_matches(':');
            let rest = rest.strip_prefix('/')?.trim_start_matches('/').split(['/', '?', '#']).next()?;
            (!rest.is_empty()).then(|| format!("\"{known}://{rest}\""))
        });
        if let Some(meant) = meant {
            return complain(meant);
        }
        let host = host.split(['/', '?', '#']).next().unwrap_or_default();
        return match (scheme, host.is_empty()) {
            ("s3", false) => complain(format!("--bucket {host}: this names a bucket; an endpoint is a server's URL")),
            (_, true) => complain("\"http://127.0.0.1:9000\"".to_owned()),
            // A server on a port of its own seldom has a certificate; one that is named alone is on the internet.
            _ if has_port(host) => complain(format!("\"http://{host}\", or \"https://{host}\" if it speaks TLS")),
            _ => complain(format!("\"https://{host}\"")),
        };
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.len() < rest.len() {
        return complain(format!("\"{scheme}://{authority}\""));
    }
    // What stands behind the last colon is a port, unless the colon is one of an IPv6 address in brackets.
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let host_is_fine = !host.is_empty() && !host.contains(['@', ' ']);
    if !host_is_fine || port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return complain("\"http://127.0.0.1:9000\"".to_owned());
    }
    Ok(url.to_owned())
}

/// Whether a host has a port other than that of HTTPS.
fn has_port(host: &str) -> bool {
    host.rsplit_once(':').is_some_and(|(_, port)| port != "443" && port.parse::<u16>().is_ok())
}

/// A duration, zero included.
pub(crate) fn duration(item: &Item<'_>) -> Result<Micros, Problem> {
    micros(item, "a duration such as \"10s\"")
}

/// A duration that takes time: of zero, nothing could ever happen within it.
pub(crate) fn timespan(item: &Item<'_>) -> Result<Micros, Problem> {
    match duration(item)? {
        Micros(0) => {
            let problem = format!("`{}` cannot be zero: nothing could happen within it", item.key);
            Err(unit_problem(item, "a duration above zero", &problem, "write for example \"10s\""))
        }
        micros => Ok(micros),
    }
}

/// What a probe of the store's clock may take, or zero for none.
pub(crate) fn clock_probe(item: &Item<'_>) -> Result<Micros, Problem> {
    if matches!(item.value, DeValue::Boolean(_)) {
        return Err(wrong_type(item, "a duration").help("write \"0s\" for no probe, or leave it out for \"10s\""));
    }
    match duration(item)? {
        Micros(micros) if micros > LONGEST_CLOCK_PROBE_US => {
            let problem = format!("`{}` cannot be that long: no trial begins meanwhile", item.key);
            Err(unit_problem(item, "a duration from \"0s\" to \"1m\"", &problem, "write at most \"1m\""))
        }
        micros => Ok(micros),
    }
}

/// A link's lifetime: whole seconds, from one second to seven days, as S3 allows.
pub(crate) fn lifetime(item: &Item<'_>) -> Result<Seconds, Problem> {
    let key = item.key;
    let text = item.place.text().trim_matches('"');
    let none = format!("`{key}` cannot be {text}: such a link would be expired when it is made");
    let none = || unit_problem(item, TTL, &none, "write at least \"1s\"");
    // Without a unit it is as wrong, and no unit would mend it.
    if text == "0" {
        return Err(none());
    }
    let Micros(micros) = micros(item, TTL)?;
    if micros == 0 {
        return Err(none());
    }
    if micros > 1_000_000 * u64::from(LONGEST_TTL_S) {
        let problem = format!("`{key}` cannot be {text}: S3 signs links for 7 days at most");
        return Err(unit_problem(item, TTL, &problem, "write at most \"7d\""));
    }
    if micros % 1_000_000 != 0 {
        let (below, above) = (micros / 1_000_000, micros / 1_000_000 + 1);
        let problem = format!("`{key}` cannot be {text}: links live whole seconds (`X-Amz-Expires`)");
        let help =
            if below == 0 { format!("write \"{above}s\"") } else { format!("write \"{below}s\" or \"{above}s\"") };
        return Err(unit_problem(item, TTL, &problem, help));
    }
    Ok(Seconds((micros / 1_000_000) as u32))
}

/// The long-TTL control's lifetime, or `false` for no such control.
pub(crate) fn long_ttl(item: &Item<'_>) -> Result<Option<Seconds>, Problem> {
    match item.value {
        DeValue::Boolean(false) => Ok(None),
        DeValue::Boolean(true) => {
            Err(wrong_type(item, "a duration, or false")
                .help("write how long the control's links live, such as \"1h\""))
        }
        _ => lifetime(item).map(Some),
    }
}

/// A bandwidth cap, or `unlimited`.
pub(crate) fn rate(item: &Item<'_>) -> Result<Option<BitRate>, Problem> {
    if matches!(item.value, DeValue::Integer(_)) && item.place.text() == "0" {
        return Err(unit_problem(
            item,
            RATE,
            "a cap of zero: nothing would ever move",
            "write \"unlimited\" for no cap",
        ));
    }
    let text = unit_text(item, RATE, |number| number.parse::<BitRate>().err())?;
    if text == "unlimited" {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|error: UnitError| {
        let is_unlimited = nearest(text, ["unlimited"]).is_some()
            || ["none", "no", "off", "inf", "infinite", "max"].contains(&text.to_lowercase().as_str());
        let help = if is_unlimited { "write \"unlimited\"".to_owned() } else { error.expected };
        unit_problem(item, RATE, &error.problem, help)
    })
}

/// What a slow line carries.
pub(crate) fn line_rate(item: &Item<'_>) -> Result<BitRate, Problem> {
    let text = unit_text(item, LINE_RATE, |number| number.parse::<BitRate>().err())?;
    text.parse().map_err(|error: UnitError| {
        // A line has a rate.
        let expected = error.expected.replace(", or `unlimited`", "");
        unit_problem(item, LINE_RATE, &error.problem, expected)
    })
}

/// How much waits for a slow line.
pub(crate) fn queue(item: &Item<'_>) -> Result<ByteCount, Problem> {
    let text = unit_text(item, QUEUE, |number| number.parse::<ByteCount>().err())?;
    text.parse().map_err(|error: UnitError| unit_problem(item, QUEUE, &error.problem, error.expected))
}

/// The share of a slow line's packets that is lost.
pub(crate) fn loss(item: &Item<'_>) -> Result<Loss, Problem> {
    let problem = |found: &str| {
        unit_problem(
            item,
            "a share from \"0%\" to \"100%\"",
            &format!("`{}` cannot be {found}", item.key),
            "write for example \"0.1%\"",
        )
    };
    match item.value {
        DeValue::String(text) => parse_share(text).map(Loss).map_err(|_| problem(&format!("\"{text}\""))),
        DeValue::Integer(_) | DeValue::Float(_) => {
            let number = item.place.text();
            Err(problem(number).help(format!("write \"{number}%\", if that many of a hundred packets are lost")))
        }
        _ => Err(wrong_type(item, "a share such as \"0.1%\"")),
    }
}

/// What the testbed does wrong, or `none`.
pub(crate) fn fault(item: &Item<'_>) -> Result<Option<Fault>, Problem> {
    let DeValue::String(text) = item.value else {
        return Err(wrong_type(item, FAULT).help("write for example \"reset@50%\", or \"none\""));
    };
    if text == "none" {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|error: FaultError| {
        let word = text.split([':', '@']).next().unwrap_or_default();
        let kinds = KINDS.iter().map(|(notation, _)| notation.split(':').next().unwrap_or_default());
        let is_kind = kinds.clone().any(|kind| kind == word);
        let help = match nearest(word, kinds.chain(["none"])) {
            Some(near) if !is_kind => format!("write \"{near}{}\"", &text[word.len()..]),
            _ => error.expected,
        };
        unit_problem(item, FAULT, &error.problem, help)
    })
}

/// A body: so many generated bytes, or a file's.
pub(crate) fn body(item: &Item<'_>) -> Result<Body, Problem> {
    if let DeValue::Table(table) = item.value {
        let mut path = None;
        for (key, value) in table {
            match (key.as_ref().as_ref(), value.as_ref()) {
                ("file", DeValue::String(file)) => path = Some(item.folder.join(file.as_ref())),
                _ => return Err(wrong_type(item, "{ file = \"path\" }").help(BODY_HELP)),
            }
        }
        let path = path.ok_or_else(|| wrong_type(item, "{ file = \"path\" }").help(BODY_HELP))?;
        return body_file(item, &path);
    }
    let text = unit_text(item, SIZE, |number| number.parse::<ByteCount>().err())?;
    match text.parse::<ByteCount>() {
        Ok(bytes) => Ok(Body { bytes, file: None }),
        Err(error) => Err(unit_problem(item, SIZE, &error.problem, error.expected)),
    }
}

/// The query parameter that names a transfer, or `false`.
pub(crate) fn run_parameter(item: &Item<'_>) -> Result<RunParameter, Problem> {
    const EXPECTED: &str = "a name such as \"x-run\", or false";
    const HELP: &str = "write \"x-run\", another name that begins with x-, or false for none";
    match item.value {
        DeValue::Boolean(false) => Ok(RunParameter::Nothing),
        DeValue::String(name) => match RunParameter::named(name) {
            Some(parameter) => Ok(parameter),
            None => {
                let label =
                    "expected x- and then letters, digits, - or _; names that begin with x-amz- are the store's";
                Err(Problem::at(item.place, label, format!("`{name}` cannot name a query parameter of ttlsweep's"))
                    .help(HELP))
            }
        },
        _ => Err(wrong_type(item, EXPECTED).help(HELP)),
    }
}

/// Who makes links: a command or an API.
pub(crate) fn minter(item: &Item<'_>) -> Result<LinkSource, Problem> {
    const EXPECTED: &str = "a list of words, or an http(s):// URL";
    const HELP: &str = "write for example [\"python3\", \"mint.py\"], or \"https://api.example.com/links\"";
    let words = |values: &[Spanned<DeValue<'_>>]| -> Option<Vec<String>> {
        let words: Option<Vec<_>> = values.iter().map(|word| word.as_ref().as_str().map(str::to_owned)).collect();
        words.filter(|words| words.first().is_some_and(|program| !program.is_empty()))
    };
    let wrong = || Problem::at(item.place, format!("expected {EXPECTED}"), "this names no minter").help(HELP);
    let (words, folder) = match item.value {
        DeValue::String(url) => {
            let is_url = url.starts_with("http://") || url.starts_with("https://");
            let parsed = url.parse::<http::Uri>().ok().filter(|_| is_url);
            let uri = parsed.filter(|uri| uri.host().is_some_and(|host| !host.is_empty()));
            let Some(uri) = uri else {
                let help = if is_url { HELP.to_owned() } else { format!("a command is a list: write [\"{url}\"]") };
                return Err(wrong().help(help));
            };
            if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
                let help = "take it out, and set the variable TTLSWEEP_MINT_AUTHORIZATION to the header's value, such as \
                            \"Bearer …\"";
                return Err(Problem::at(
                    item.place,
                    "has a password in it",
                    "this URL would be written to the run's files",
                )
                .help(help));
            }
            return Ok(LinkSource::Api(url.clone().into_owned()));
        }
        DeValue::Array(values) => (words(values).ok_or_else(wrong)?, item.folder.to_owned()),
        // As a frozen experiment has it.
        DeValue::Table(table) => {
            let get = |key: &str| table.iter().find(|(name, _)| name.as_ref() == key).map(|(_, value)| value.as_ref());
            let command = get("command").and_then(DeValue::as_array).and_then(|values| words(values));
            let folder = get("folder").and_then(DeValue::as_str);
            let (Some(command), Some(folder), 2) = (command, folder, table.len()) else { return Err(wrong()) };
            (command, item.folder.join(folder))
        }
        _ => return Err(wrong_type(item, EXPECTED).help(HELP)),
    };
    Ok(LinkSource::Command { words, folder: absolute_text(item, &folder)? })
}

/// A file of links.
pub(crate) fn links_file(item: &Item<'_>) -> Result<LinkSource, Problem> {
    let path = item.folder.join(text(item)?);
    if !path.is_file() {
        let message = format!("the file of links {} cannot be used", path.display());
        return Err(Problem::at(item.place, "not a file that is there", message).help(
            "the path is relative to the experiment file's folder; each line of the file is a URL, or JSON with a `url`",
        ));
    }
    Ok(LinkSource::File(absolute_text(item, &path)?))
}

/// A path that holds wherever the experiment is loaded again.
fn absolute_text(item: &Item<'_>, path: &Path) -> Result<String, Problem> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let absolute = std::path::absolute(path)
        .map_err(|error| Problem::at(item.place, reason(&error), format!("{} cannot be used", path.display())))?;
    absolute.into_os_string().into_string().map_err(|path| {
        let message = format!("{} cannot be used", Path::new(&path).display());
        Problem::at(item.place, "its path is not UTF-8", message).help("move it below folders whose names are UTF-8")
    })
}

/// Headers by name.
pub(crate) fn headers(item: &Item<'_>) -> Result<SignedHeaders, Problem> {
    const HELP: &str = "write for example { x-amz-acl = \"private\" }, or the table [transfer.headers] with a line for each \
                        header";
    let mut headers = SignedHeaders::default();
    extras(item, ["headers", "header"], HELP, |name, value| headers.add(name, value))?;
    Ok(headers)
}

/// Query parameters by name.
pub(crate) fn query(item: &Item<'_>) -> Result<SignedQuery, Problem> {
    const HELP: &str = "write for example { x-amz-acl = \"private\" }, or the table [transfer.query] with a line for each \
                        parameter";
    let mut query = SignedQuery::default();
    extras(item, ["parameters", "parameter"], HELP, |name, value| query.add(name, value))?;
    Ok(query)
}

/// Names and values of a table, which `add` takes or refuses; `what` they are, many and one of them.
fn extras(
    item: &Item<'_>,
    [many, what]: [&str; 2],
    help: &str,
    mut add: impl FnMut(&str, &str) -> Result<(), BadExtra>,
) -> Result<(), Problem> {
    let DeValue::Table(table) = item.value else {
        return Err(wrong_type(item, &format!("a table of {many}")).help(help));
    };
    for (name, value) in table {
        let (name_place, value_place) = (item.place.elsewhere(name.span()), item.place.elsewhere(value.span()));
        let name = name.as_ref();
        let DeValue::String(text) = value.as_ref() else {
            let message = format!("the value of the {what} `{name}` is not text");
            return Err(Problem::at(&value_place, "expected text", message)
                .help(format!("write {name} = \"{}\"", value_place.text())));
        };
        add(name, text).map_err(|bad| match bad {
            BadExtra::Name(problem, help) => {
                Problem::at(&name_place, problem, format!("the {what} `{name}` cannot be set")).help(help)
            }
            BadExtra::Value(problem, help) => {
                Problem::at(&value_place, problem, format!("the {what} `{name}` cannot have this value")).help(help)
            }
        })?;
    }
    Ok(())
}

/// A word of a closed vocabulary.
pub(crate) fn word<W>(item: &Item<'_>) -> Result<Word<W>, Problem>
where
    W: FromStr<Err = UnknownWord>,
{
    // Parsing nothing is how the vocabulary says what it would take.
    let expected = "".parse::<W>().err().map_or(&[] as &[&str], |error| error.expected);
    let all = expected.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
    let DeValue::String(text) = item.value else {
        return Err(wrong_type(item, "a word").help(format!("write one of {all}")));
    };
    text.parse().map(Word).map_err(|error: UnknownWord| {
        let problem = Problem::at(
            item.place,
            format!("expected one of {}", expected.join(", ")),
            format!("`{}` cannot be \"{}\"", item.key, error.found),
        );
        match nearest(text, expected.iter().copied()) {
            Some(near) => problem.help(format!("write \"{near}\"")),
            None => problem.help(format!("write one of {all}")),
        }
    })
}

/// A number of microseconds, written as a duration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Micros(pub(crate) u64);

impl Notation for Micros {
    fn toml(&self) -> String {
        const UNITS: [(u64, &str); 5] =
            [(86_400_000_000, "d"), (3_600_000_000, "h"), (60_000_000, "m"), (1_000_000, "s"), (1_000, "ms")];
        // A single minute reads better as "60s", which is also how the defaults are written.
        let units = if self.0 == 60_000_000 { &UNITS[3..] } else { &UNITS };
        let whole = units.iter().find(|(scale, _)| self.0 >= *scale && self.0.is_multiple_of(*scale));
        match whole {
            Some((scale, unit)) => format!("\"{}{unit}\"", self.0 / scale),
            None if self.0 == 0 => "\"0s\"".to_owned(),
            None => format!("\"{}us\"", self.0),
        }
    }
}

/// Parts of a million, written in percent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Loss(pub(crate) u32);

impl Notation for Loss {
    fn toml(&self) -> String {
        format!("\"{}\"", format_share(self.0))
    }
}

impl Notation for BitRate {
    fn toml(&self) -> String {
        format!("\"{self}\"")
    }
}

impl Notation for ByteCount {
    fn toml(&self) -> String {
        format!("\"{self}\"")
    }
}

/// A link's lifetime, written as a duration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seconds(pub(crate) u32);

impl Notation for Seconds {
    fn toml(&self) -> String {
        Micros(1_000_000 * u64::from(self.0)).toml()
    }
}

impl Notation for Option<Seconds> {
    fn toml(&self) -> String {
        self.as_ref().map_or_else(|| "false".to_owned(), Notation::toml)
    }
}

/// A body's size, and the file that it is read from.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    pub(crate) bytes: ByteCount,
    pub(crate) file: Option<String>,
}

impl Notation for Body {
    fn toml(&self) -> String {
        match &self.file {
            Some(file) => format!("{{ file = {} }}", file.toml()),
            None => self.bytes.toml(),
        }
    }
}

/// A word of a closed vocabulary.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Word<W>(pub(crate) W);

impl<W: Into<&'static str> + Copy> Notation for Word<W> {
    fn toml(&self) -> String {
        format!("\"{}\"", self.0.into())
    }
}

impl Notation for Option<BitRate> {
    fn toml(&self) -> String {
        self.as_ref().map_or_else(|| "\"unlimited\"".to_owned(), Notation::toml)
    }
}

impl Notation for Option<Fault> {
    fn toml(&self) -> String {
        self.as_ref().map_or_else(|| "\"none\"".to_owned(), |fault| format!("\"{fault}\""))
    }
}

impl Notation for RunParameter {
    fn toml(&self) -> String {
        match self.name() {
            Some(name) => name.to_owned().toml(),
            None => "false".to_owned(),
        }
    }
}

impl Notation for SignedHeaders {
    fn toml(&self) -> String {
        inline(self.pairs())
    }
}

impl Notation for SignedQuery {
    fn toml(&self) -> String {
        inline(self.pairs())
    }
}

/// Pairs as a table in one line.
fn inline<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let pairs: Vec<_> =
        pairs.map(|(name, value)| format!("{} = {}", name.to_owned().toml(), value.to_owned().toml())).collect();
    if pairs.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", pairs.join(", ")) }
}

impl Notation for LinkSource {
    fn toml(&self) -> String {
        match self {
            Self::Command { words, folder } => {
                let words: Vec<_> = words.iter().map(|word| word.clone().toml()).collect();
                format!("{{ command = [{}], folder = {} }}", words.join(", "), folder.clone().toml())
            }
            Self::Api(text) | Self::File(text) => text.clone().toml(),
        }
    }
}

impl Notation for String {
    fn toml(&self) -> String {
        toml::Value::String(self.clone()).to_string()
    }
}

impl Notation for bool {
    fn toml(&self) -> String {
        self.to_string()
    }
}

impl Notation for u32 {
    fn toml(&self) -> String {
        self.to_string()
    }
}

impl Notation for u64 {
    fn toml(&self) -> String {
        self.to_string()
    }
}

fn body_file(item: &Item<'_>, path: &Path) -> Result<Body, Problem> {
    let unreadable = |reason: String| {
        Problem::at(item.place, reason, format!("the body file {} cannot be used", path.display()))
            .help("the path is relative to the experiment file's folder; give the path of a file that can be read")
    };
    if std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return Err(unreadable("not a file".to_owned()));
    }
    let metadata =
        disk::open_named(path).and_then(|file| file.metadata()).map_err(|error| unreadable(reason(&error)))?;
    let path: PathBuf = std::path::absolute(path).map_err(|error| unreadable(reason(&error)))?;
    match path.into_os_string().into_string() {
        Ok(file) => Ok(Body { bytes: ByteCount(metadata.len()), file: Some(file) }),
        // Cells name their file in CSV and TOML, which hold nothing else.
        Err(path) => Err(Problem::at(
            item.place,
            "its path is not UTF-8",
            format!("the body file {} cannot be used", Path::new(&path).display()),
        )
        .help(
            "move the file, or the experiment file that the path is relative to, below folders whose names are UTF-8",
        )),
    }
}

/// The text of a quantity; a bare number gets told how to carry its unit, as `advice` has it for the number as a text.
fn unit_text<'a>(item: &Item<'a>, expected: &str, advice: fn(&str) -> Option<UnitError>) -> Result<&'a str, Problem> {
    match item.value {
        DeValue::String(text) => Ok(text),
        DeValue::Integer(_) | DeValue::Float(_) => {
            let number = item.place.text().trim_start_matches(['-', '+']).replace('_', "");
            let problem = wrong_type(item, expected);
            Err(match advice(&number) {
                Some(error) => problem.help(error.expected.replace('`', "\"")),
                None => problem,
            })
        }
        _ => Err(wrong_type(item, expected)),
    }
}

fn micros(item: &Item<'_>, expected: &str) -> Result<Micros, Problem> {
    let text = unit_text(item, expected, |number| parse_duration(number).err())?;
    let duration =
        parse_duration(text).map_err(|error| unit_problem(item, expected, &error.problem, error.expected))?;
    Ok(Micros(ttlsweep_record::units::micros(duration)))
}

fn unit_problem(item: &Item<'_>, expected: &str, problem: &str, help: impl Into<String>) -> Problem {
    // The unit types speak of `10MB`; in TOML it has to be "10MB".
    let help = help.into().replace('`', "\"");
    Problem::at(item.place, format!("expected {expected}"), problem).help(help)
}

pub(super) fn wrong_type(item: &Item<'_>, expected: &str) -> Problem {
    let found = match item.value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a bare number",
        DeValue::Float(_) => "a decimal number",
        DeValue::Boolean(true) => "true",
        DeValue::Boolean(false) => "false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    Problem::at(item.place, format!("expected {expected}"), format!("`{}` cannot be {found}", item.key))
}

/// The longest lifetime that S3 signs links for: seven days.
pub(crate) const LONGEST_TTL_S: u32 = 7 * 86_400;

const LONGEST_CLOCK_PROBE_US: u64 = 60_000_000;

const TTL: &str = "whole seconds from \"1s\" to \"7d\"";

const RATE: &str = "a rate such as \"8Mbit/s\", or \"unlimited\"";

const LINE_RATE: &str = "a rate such as \"6Mbit/s\"";

const QUEUE: &str = "a size such as \"3MB\"";

const FAULT: &str = "a fault such as \"reset@50%\", or \"none\"";

const SIZE: &str = "a size such as \"40MB\", or { file = \"path\" }";

const BODY_HELP: &str = "write { file = \"path\" }, the path being relative to the experiment file's folder";

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_body_file_below_a_folder_whose_name_is_not_utf8_is_told_what_to_do() {
        use std::os::unix::ffi::OsStrExt;

        use crate::experiment::{LoadOptions, load};

        let folder = tempfile::tempdir().unwrap();
        let strange = folder.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9"));
        std::fs::create_dir(&strange).unwrap();
        std::fs::write(strange.join("body"), [0; 10]).unwrap();
        let text = "[experiment]\nname = \"e\"\n[grid]\nttl = \"9s\"\nsize = { file = \"body\" }\n";
        std::fs::write(strange.join("e.toml"), text).unwrap();
        let report = load(&strange.join("e.toml"), &LoadOptions::default()).unwrap_err();
        let reported = format!("{report:?}");
        assert!(reported.contains("not UTF-8") && reported.contains("move the file"), "{reported}");
        let plain = folder.path().join("café");
        std::fs::rename(&strange, &plain).unwrap();
        let loaded = load(&plain.join("e.toml"), &LoadOptions::default()).unwrap();
        assert_eq!(loaded.experiment.cells[0].size_bytes, ByteCount(10));
    }

    /// Whether the kernel has it is found out where it is used: a plan may be made on another machine.
    #[test]
    fn a_congestion_control_is_named_as_the_kernel_names_it() {
        use crate::experiment::{LoadOptions, load};

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("e.toml");
        let loaded = |value: &str| {
            let text = format!(
                "[experiment]\nname = \"e\"\n[grid]\nttl = \"9s\"\nsize = \"1kB\"\n[transfer]\ncongestion = {value}\n"
            );
            std::fs::write(&path, text).unwrap();
            load(&path, &LoadOptions::default())
        };
        let axis = loaded("[\"cubic\", \"bbr\"]").unwrap();
        let chosen: std::collections::BTreeSet<_> =
            axis.experiment.cells.iter().map(|cell| cell.congestion.as_deref().unwrap_or_default()).collect();
        // The controls run under each of them, too.
        assert_eq!(chosen, ["bbr", "cubic"].into());
        assert!(axis.frozen.contains("congestion = [\"cubic\", \"bbr\"]"), "{}", axis.frozen);
        let none = loaded("\"cubic\"").unwrap().experiment.plan_hash();
        assert_ne!(none, axis.experiment.plan_hash());
        for wrong in ["\"\"", "\"BBR\"", "\"a b\"", "\"0123456789abcdef\"", "7"] {
            assert!(loaded(wrong).is_err(), "{wrong}");
        }
        let reported = format!("{:?}", loaded("\"BBRv3\"").unwrap_err());
        assert!(reported.contains("write \\\"bbr\\\"") || reported.contains("write \"bbr\""), "{reported}");
    }

    #[test]
    fn a_duration_is_written_in_the_largest_unit_that_holds_it_whole() {
        for (micros, text) in [
            (0, "0s"),
            (1, "1us"),
            (1_500_000, "1500ms"),
            (60_000_000, "60s"),
            (90_000_000, "90s"),
            (120_000_000, "2m"),
            (3_600_000_000, "1h"),
        ] {
            assert_eq!(Micros(micros).toml(), format!("\"{text}\""));
            assert_eq!(parse_duration(text).map(|duration| duration.as_micros()), Ok(u128::from(micros)));
        }
    }
}
