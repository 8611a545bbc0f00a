//! Names that are not secrets but that not everyone wants to hand on, each replaced by the same words everywhere.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;
use ttlsweep_record::{Cell, TargetKind, TrialRecord};
use ttlsweep_rundir::csv_file::read_rows;
use ttlsweep_rundir::environment::Environment;

use super::error::CaseError;
use super::values::{column_values, text_values};

/// What is to be replaced.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Redaction {
    /// The bucket's name, host names that hold it included.
    pub bucket: bool,
    /// Account ids: twelve digits in an ARN, a bucket's name, a prefix or a host's name.
    pub account: bool,
    /// The machine's name and its own addresses; loopback says nothing and stays.
    pub host: bool,
}

/// Replaces names in text.
#[derive(Debug, Default)]
pub(super) struct Redactor {
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    /// The name as it is.
    regex: Regex,
    /// The name with any of its characters escaped, as in a link or in JSON.
    escaped: Regex,
    /// The address that it is, which has other spellings.
    address: Option<IpAddr>,
    placeholder: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bucket,
    Account,
    Host,
    Address,
}

impl Redactor {
    /// Learns the names from the run's own files.
    pub(super) fn of(run: &Path, environment: &Environment, what: Redaction) -> Result<Self, CaseError> {
        let cells: Vec<Cell> = read_rows(run)?;
        let mut redactor = Self::default();
        // First, so that a bucket's name that holds an account id is still found whole.
        if what.bucket {
            let own = cells.iter().filter(|cell| cell.target == TargetKind::S3).map(|cell| cell.bucket.clone());
            redactor.add(Kind::Bucket, own.collect());
        }
        if what.account {
            redactor.add(Kind::Account, accounts(run, environment, &cells)?);
        }
        if what.host {
            redactor.add(Kind::Host, hosts(run, environment)?);
            redactor.add(Kind::Address, local_addresses(run)?);
        }
        Ok(redactor)
    }

    fn add(&mut self, kind: Kind, names: BTreeSet<String>) {
        let mut names: Vec<String> = names.into_iter().filter(|name| !name.is_empty()).collect();
        // One name may hold another one.
        names.sort_by_key(|name| (std::cmp::Reverse(name.len()), name.clone()));
        for (number, name) in (1..).zip(names) {
            let word = kind.placeholder();
            let placeholder = if number == 1 { word.to_owned() } else { format!("{word}-{number}") };
            // A name that is a part of a longer word or number is none.
            let neighbour = if name.bytes().all(|byte| byte.is_ascii_digit()) { "0-9" } else { "A-Za-z0-9" };
            let regex = |name: &str, before: &str| {
                let pattern = format!("(?i)(^|[^{neighbour}]{before})(?:{name})($|[^{neighbour}])");
                Regex::new(&pattern).expect("an escaped name is a valid expression")
            };
            let address = name.parse().ok();
            let spellings: Vec<_> = spellings(&name, address).iter().map(|name| regex::escape(name)).collect();
            let escaped: String = name.chars().map(escapes_of).collect();
            let rule = Rule {
                regex: regex(&spellings.join("|"), ""),
                // What stands before it may be escaped, too, and then ends with a letter or digit.
                escaped: regex(&escaped, r"|%[0-9a-f]{2}|\\u[0-9a-f]{4}|\\x[0-9a-f]{2}|\\[nrt]"),
                address,
                placeholder,
                kind,
            };
            self.rules.push(rule);
        }
    }

    /// Whether there is anything to replace.
    pub(super) fn is_idle(&self) -> bool {
        self.rules.is_empty()
    }

    /// The text with every name replaced.
    pub(super) fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(text);
        let may_be_escaped = text.contains(['%', '\\', '&']);
        for rule in &self.rules {
            replace(&mut text, &rule.regex, |_| Some(&rule.placeholder));
            if may_be_escaped {
                replace(&mut text, &rule.escaped, |_| Some(&rule.placeholder));
            }
        }
        // Addresses that are written otherwise than they are known by.
        if text.contains(':') && self.rules.iter().any(|rule| rule.address.is_some()) {
            replace(&mut text, &ADDRESS, |spelled| {
                let spelled = spelled.parse::<IpAddr>().ok()?.to_canonical();
                let known = |rule: &&Rule| rule.address.is_some_and(|address| address.to_canonical() == spelled);
                self.rules.iter().find(known).map(|rule| &rule.placeholder)
            });
        }
        text
    }

    /// What was replaced by what, for the case's reader; never the names themselves.
    pub(super) fn words(&self) -> Vec<String> {
        self.rules.iter().map(|rule| format!("{} is written as {}", rule.kind.words(), rule.placeholder)).collect()
    }
}

/// Replaces what stands between the first and the last group of each match, where there is something to put in its place.
fn replace<'a>(text: &mut Cow<'_, str>, regex: &Regex, placeholder: impl Fn(&str) -> Option<&'a String>) {
    // Twice, since a match takes the character behind it, which may part it from the next one.
    for _ in 0..2 {
        let replaced = regex.replace_all(text, |found: &regex::Captures<'_>| {
            let inner = &found[0][found[1].len()..found[0].len() - found[2].len()];
            let shown = placeholder(inner).map_or(inner, String::as_str);
            format!("{}{shown}{}", &found[1], &found[2])
        });
        match replaced {
            Cow::Owned(replaced) => *text = Cow::Owned(replaced),
            Cow::Borrowed(_) => return,
        }
    }
}

/// A name as it is; of an address also the form that names of hosts have, as in `ip-10-9-8-7`.
fn spellings(name: &str, address: Option<IpAddr>) -> Vec<String> {
    let mut spellings = vec![name.to_owned()];
    if address.is_some() {
        spellings.push(name.replace(['.', ':'], "-"));
    }
    spellings
}

/// An expression for a character as it is and as it is escaped in links, JSON, programs and HTML.
fn escapes_of(char: char) -> String {
    let (literal, code) = (regex::escape(&char.to_string()), char as u32);
    if !char.is_ascii() {
        return literal;
    }
    format!(
        r"(?:{literal}|%(?:25)*{code:02x}|\\+u00{code:02x}|\\+x{code:02x}|\\+{literal}|&#0*{code};?|&#x0*{code:x};?)"
    )
}

/// The machines of the run: one may have run it, or several, or another one finished it.
fn hosts(run: &Path, environment: &Environment) -> Result<BTreeSet<String>, CaseError> {
    let trials: Vec<TrialRecord> = read_rows(run)?;
    let merged = environment.hosts.iter().map(|host| host.host.clone());
    let mut hosts: BTreeSet<String> = trials.into_iter().map(|trial| trial.host).chain(merged).collect();
    if environment.hosts.is_empty() {
        hosts.insert(environment.host.clone());
    }
    Ok(hosts)
}

impl Kind {
    const fn placeholder(self) -> &'static str {
        match self {
            Self::Bucket => "redacted-bucket",
            Self::Account => "redacted-account",
            Self::Host => "redacted-host",
            Self::Address => "redacted-address",
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Bucket => "the bucket's name",
            Self::Account => "an account id",
            Self::Host => "the machine's name",
            Self::Address => "an address of the machine",
        }
    }
}

/// Ids in ARNs wherever they stand, and twelve digits in names that AWS lets accounts choose.
fn accounts(run: &Path, environment: &Environment, cells: &[Cell]) -> Result<BTreeSet<String>, CaseError> {
    let mut found = BTreeSet::new();
    let mut named: Vec<String> = environment.endpoints.keys().cloned().collect();
    named.extend([environment.run_id.clone(), environment.experiment.clone()]);
    for cell in cells {
        named.extend([cell.bucket.clone(), cell.prefix.clone()]);
        named.extend([&cell.endpoint, &cell.profile].into_iter().flatten().cloned());
    }
    for name in &named {
        // Runs of exactly twelve digits.
        let runs = name.split(|c: char| !c.is_ascii_digit()).filter(|run| run.len() == 12);
        found.extend(runs.map(str::to_owned));
    }
    for text in text_values(run)? {
        found.extend(ARN.captures_iter(&text).map(|arn| arn[1].to_owned()));
    }
    Ok(found)
}

fn local_addresses(run: &Path) -> Result<BTreeSet<String>, CaseError> {
    let addresses = column_values(run, "transfers.csv", "local_addr")?.into_iter();
    let parsed = addresses.filter_map(|address| address.parse::<SocketAddr>().ok()).map(|address| address.ip());
    Ok(parsed.filter(|ip| !ip.is_loopback()).map(|ip| ip.to_string()).collect())
}

/// Whatever may be an address of IPv6, in any of its spellings.
static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(^|[^0-9A-Za-z:.])[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:.]*[0-9A-Fa-f:]($|[^0-9A-Za-z:])")
        .expect("the expression is valid")
});

static ARN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"arn:aws[a-z-]*:[a-z0-9-]*:[a-z0-9-]*:([0-9]{12}):").expect("the expression is valid")
});

#[cfg(test)]
mod tests {
    use super::*;

    fn redactor(kind: Kind, names: &[&str]) -> Redactor {
        let mut redactor = Redactor::default();
        redactor.add(kind, names.iter().map(|name| (*name).to_owned()).collect());
        redactor
    }

    #[test]
    fn a_buckets_name_goes_wherever_it_stands_and_other_words_stay() {
        let redactor = redactor(Kind::Bucket, &["put.data"]);
        for (text, shown) in [
            ("https://put.data.s3.eu-west-1.amazonaws.com", "https://redacted-bucket.s3.eu-west-1.amazonaws.com"),
            ("https://s3.amazonaws.com/put.data/key", "https://s3.amazonaws.com/redacted-bucket/key"),
            ("arn:aws:s3:::put.data/*", "arn:aws:s3:::redacted-bucket/*"),
            ("put.data put.data,PUT.DATA", "redacted-bucket redacted-bucket,redacted-bucket"),
            ("input.data and putxdata", "input.data and putxdata"),
        ] {
            assert_eq!(redactor.text(text), shown);
        }
    }

    #[test]
    fn a_name_goes_however_it_is_escaped_and_an_address_however_it_is_spelled() {
        let bucket = redactor(Kind::Bucket, &["acme-put"]);
        for text in [
            "acme%2Dput",
            "acme%2dput",
            "acme%252Dput",
            r"acme\u002dput",
            r"acme\\u002Dput",
            r"acme\x2dput",
            "acme&#45;put",
            "acme&#x2d;put",
            r"acme\-put",
            "%61%63%6D%65%2D%70%75%74",
            "ACME-Put",
        ] {
            assert_eq!(bucket.text(&format!("a {text}/k")), "a redacted-bucket/k", "{text}");
        }
        assert_eq!(bucket.text("https%3A%2F%2Facme%2Dput.s3"), "https%3A%2F%2Fredacted-bucket.s3");
        assert_eq!(bucket.text("https%3A%2F%2Facme-put.s3"), "https%3A%2F%2Fredacted-bucket.s3");
        assert_eq!(bucket.text("acme%20put, %6 acme&put"), "acme%20put, %6 acme&put");

        let address = redactor(Kind::Address, &["fd00::7", "10.9.8.7"]);
        for (text, shown) in [
            ("[FD00:0:0:0:0:0:0:7]:443", "[redacted-address-2]:443"),
            ("fd00::0007, fd00:0000::7", "redacted-address-2, redacted-address-2"),
            ("::ffff:10.9.8.7", "::ffff:redacted-address"),
            ("from ::ffff:a09:807", "from redacted-address"),
            ("ip-10-9-8-7.ec2.internal", "ip-redacted-address.ec2.internal"),
            ("10.9.8.7:40000 10.9.8.77", "redacted-address:40000 10.9.8.77"),
            ("fd00::8 and 2026-11-24T19:37:00Z", "fd00::8 and 2026-11-24T19:37:00Z"),
        ] {
            assert_eq!(address.text(text), shown, "{text}");
        }
    }

    #[test]
    fn two_accounts_have_two_names_and_longer_numbers_are_none() {
        let redactor = redactor(Kind::Account, &["123456789012", "210987654321"]);
        let shown = redactor.text("arn:aws:iam::123456789012:user/x logs-210987654321-eu 1234567890123");
        assert_eq!(shown, "arn:aws:iam::redacted-account:user/x logs-redacted-account-2-eu 1234567890123");
    }
}
