//! Names that are no secrets but that not everyone wants to hand on, each replaced by the same words everywhere.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;
use ttlsweep_record::csv_file::read_rows;
use ttlsweep_record::environment::Environment;
use ttlsweep_record::{Cell, TargetKind, TrialRecord};

use super::copy::{column_values, text_values};
use super::error::CaseError;

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
    regex: Regex,
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
            let pattern = format!("(?i)(^|[^{neighbour}]){}($|[^{neighbour}])", regex::escape(&name));
            let regex = Regex::new(&pattern).expect("an escaped name is a valid expression");
            self.rules.push(Rule { regex, placeholder, kind });
        }
    }

    /// Whether there is anything to replace.
    pub(super) fn is_idle(&self) -> bool {
        self.rules.is_empty()
    }

    /// The text with every name replaced.
    pub(super) fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(text);
        for rule in &self.rules {
            // Twice, since a match takes the character behind it, which may part it from the next one.
            for _ in 0..2 {
                let replaced = rule.regex.replace_all(&text, |found: &regex::Captures<'_>| {
                    format!("{}{}{}", &found[1], rule.placeholder, &found[2])
                });
                if let Cow::Owned(replaced) = replaced {
                    text = Cow::Owned(replaced);
                }
            }
        }
        text
    }

    /// What was replaced by what, for the case's reader; never the names themselves.
    pub(super) fn words(&self) -> Vec<String> {
        self.rules.iter().map(|rule| format!("{} is written as {}", rule.kind.words(), rule.placeholder)).collect()
    }
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
    fn two_accounts_have_two_names_and_longer_numbers_are_none() {
        let redactor = redactor(Kind::Account, &["123456789012", "210987654321"]);
        let shown = redactor.text("arn:aws:iam::123456789012:user/x logs-210987654321-eu 1234567890123");
        assert_eq!(shown, "arn:aws:iam::redacted-account:user/x logs-redacted-account-2-eu 1234567890123");
    }
}
