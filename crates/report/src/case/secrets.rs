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
            self.known.add(&format!("the value of {name}"), value);
        }
    }

    pub(super) fn values(&self) -> &Known {
        &self.known
    }
}

const VARIABLES: [&str; 3] = ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"];

const LEAST_LENGTH: usize = 8;
