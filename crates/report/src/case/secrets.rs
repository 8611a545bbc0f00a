//! What counts as a secret: shapes and names that no one may see behind, and the very values that this machine's credentials
//! have; in which notations is [`ttlsweep_record::redact`]'s to know, which the runner writes by.

use ttlsweep_record::redact::Known;

/// Values that may stand in no file.
#[derive(Debug, Default)]
pub struct KnownSecrets {
    known: Known,
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

    /// Adds the secrets of every profile in the text of AWS's file of credentials or of its configuration, `name` saying which
    /// file it is.
    pub fn add_profiles(&mut self, name: &str, text: &str) {
        // Some editors and tools write other line ends, and AWS's programs read keys in any case.
        for line in text.split(['\n', '\r']) {
            if let Some((key, value)) = line.split_once('=') {
                let key = key.trim().to_ascii_lowercase();
                if PROFILES.contains(&key.as_str()) {
                    self.add(&format!("{key} in {name}"), value);
                }
            }
        }
    }

    /// A value of a few characters stands in every file by chance, and protects nothing.
    fn add(&mut self, name: &str, value: &str) {
        let value = value.trim();
        if value.len() >= LEAST_LENGTH {
            self.known.add(&format!("the value of {name}"), value);
        }
    }

    pub(super) fn values(&self) -> &Known {
        &self.known
    }
}

const VARIABLES: [&str; 3] = ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"];

/// The older tools' name of a token is still read by some.
const PROFILES: [&str; 3] = ["aws_secret_access_key", "aws_session_token", "aws_security_token"];

const LEAST_LENGTH: usize = 8;
