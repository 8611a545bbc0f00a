//! What counts as a secret: shapes that no one may see, and the very values that this machine's credentials have.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use regex::bytes::Regex;

/// Values that may stand in no file.
#[derive(Default)]
pub struct KnownSecrets {
    values: Vec<(String, Finder<'static>)>,
}

impl std::fmt::Debug for KnownSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.values.iter().map(|(name, _)| name)).finish()
    }
}

impl KnownSecrets {
    /// The credentials of the environment, `variable` being how it is asked.
    pub fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let mut known = Self::default();
        for name in VARIABLES {
            if let Some(value) = variable(name) {
                known.add(name, &value);
            }
        }
        known
    }

    /// Adds the secrets of every profile in the text of an AWS credentials file, `name` saying which file it is.
    pub fn add_credentials_file(&mut self, name: &str, text: &str) {
        for line in text.lines() {
            if let Some((key, value)) = line.split_once('=')
                && matches!(key.trim(), "aws_secret_access_key" | "aws_session_token")
            {
                self.add(&format!("{} in {name}", key.trim()), value);
            }
        }
    }

    /// A value of a few characters stands in every file by chance, and protects nothing.
    fn add(&mut self, name: &str, value: &str) {
        let value = value.trim();
        if value.len() >= LEAST_LENGTH {
            self.values.push((name.to_owned(), Finder::new(value).into_owned()));
        }
    }

    /// The first of them that stands in `data`, as it is.
    pub(super) fn find(&self, data: &[u8]) -> Option<String> {
        let hit = self.values.iter().find(|(_, value)| value.find(data).is_some());
        hit.map(|(name, _)| format!("the value of {name}"))
    }
}

/// The first shape of a secret in `data`, in words.
pub(super) fn find_shape(data: &[u8]) -> Option<&'static str> {
    let lower = data.to_ascii_lowercase();
    SHAPES.iter().find(|shape| shape.is_in(data, &lower)).map(|shape| shape.what)
}

struct Shape {
    what: &'static str,
    /// What it begins with, in small letters: looked for first, because that is fast.
    begins: LazyLock<Finder<'static>>,
    /// Whether it must not follow a letter or digit.
    alone: bool,
    regex: LazyLock<Regex>,
}

impl Shape {
    fn is_in(&self, data: &[u8], lower: &[u8]) -> bool {
        self.begins.find_iter(lower).any(|at| {
            let free = !self.alone || at == 0 || !data[at - 1].is_ascii_alphanumeric();
            free && self.regex.is_match(&data[at..data.len().min(at + LONGEST)])
        })
    }
}

macro_rules! shape {
    ($what:literal, $begins:literal, $alone:literal, $regex:literal) => {
        Shape {
            what: $what,
            begins: LazyLock::new(|| Finder::new($begins)),
            alone: $alone,
            regex: LazyLock::new(|| Regex::new($regex).expect("the expression is valid")),
        }
    };
}

static SHAPES: [Shape; 9] = [
    shape!("a signature", b"signature", false, r#"(?i)^signature["']*\s*[=:,]\s*["']*([0-9a-f]{64}|[a-z0-9+/]{27}=)"#),
    shape!(
        "a session token",
        b"security-token",
        false,
        r#"(?i)^security-token["']*\s*[=:,]\s*["']*[a-z0-9+/=%_-]{16}"#
    ),
    shape!("a session token", b"session_token", false, r#"(?i)^session_token["']*\s*[=:]\s*["']*[a-z0-9+/=%_-]{16}"#),
    shape!(
        "a secret access key",
        b"secret_access_key",
        false,
        r#"(?i)^secret_access_key["']*\s*[=:]\s*["']*[a-z0-9+/]{16}"#
    ),
    shape!("an Authorization header", b"aws4-hmac-sha256", false, r"(?i)^aws4-hmac-sha256[\s+,]+credential="),
    shape!(
        "an Authorization header",
        b"authorization",
        false,
        r#"(?i)^authorization["']*\s*[=:,]\s*["']*(aws4-|aws |basic |bearer )"#
    ),
    shape!(
        "a credential",
        b"x-amz-credential",
        false,
        r#"(?i)^x-amz-credential["']*\s*[=:,]\s*["']*[^\s/"'&]{2,128}/[0-9]{8}/"#
    ),
    shape!("an access key id", b"akia", true, r"^AKIA[A-Z0-9]{16}([^A-Za-z0-9]|$)"),
    shape!("an access key id", b"asia", true, r"^ASIA[A-Z0-9]{16}([^A-Za-z0-9]|$)"),
];

const VARIABLES: [&str; 3] = ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"];

const LEAST_LENGTH: usize = 8;
/// No shape needs more to be known.
const LONGEST: usize = 512;
