//! What one process runs of a plan that several run together: as it is asked for on the command line, or found in the
//! variables that an engine sets for the tasks of an array job.

pub(crate) mod engine;
pub(crate) mod placed;

use std::str::FromStr;

use ttlsweep_record::Share;
use ttlsweep_record::names;
use ttlsweep_record::share::ShareError;

use engine::EngineError;

/// A share as it is asked for: `2/4`, `auto`, or `auto/4` where the engine does not tell how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskedShare {
    /// This one.
    Given(Share),
    /// The one that the engine's variables tell.
    Auto {
        /// How many there are, where that was given.
        of: Option<u32>,
    },
}

impl AskedShare {
    /// The share itself; `variable` looks up a variable of the environment.
    ///
    /// # Errors
    /// The engine's variables are missing, or do not tell which share this is.
    pub(crate) fn resolve(self, variable: impl Fn(&str) -> Option<String>) -> Result<Share, EngineError> {
        match self {
            Self::Given(share) => Ok(share),
            Self::Auto { of } => engine::share(variable, of),
        }
    }
}

impl FromStr for AskedShare {
    type Err = ShareError;

    fn from_str(text: &str) -> Result<Self, ShareError> {
        if text == "auto" {
            return Ok(Self::Auto { of: None });
        }
        match text.strip_prefix("auto/") {
            None => text.parse().map(Self::Given),
            // As the first of so many, so that both notations are read alike.
            Some(of) => match format!("1/{of}").parse::<Share>() {
                Ok(first) => Ok(Self::Auto { of: Some(first.of()) }),
                Err(ShareError::Range { of, .. }) => Err(ShareError::Range { number: 1, of }),
                Err(ShareError::Notation(_)) => Err(ShareError::Notation(text.to_owned())),
            },
        }
    }
}

/// The run id that all portions of a plan derive alike, whenever and wherever they start: `plan-65d1a6210587`.
pub(crate) fn derived_run_id(plan_hash: &str) -> String {
    let short: String = plan_hash.chars().take(12).collect();
    format!("plan-{short}")
}

/// Reads a `--run-id`: it names a folder, and is part of every object's key and every transfer's name.
///
/// # Errors
/// It is not fit for that.
pub(crate) fn parse_run_id(text: &str) -> Result<String, String> {
    names::check_run_id(text).map(str::to_owned).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_asked_for_by_number_or_left_to_the_engine() {
        assert_eq!("2/4".parse(), Ok(AskedShare::Given(Share::new(2, 4).unwrap())));
        assert_eq!("auto".parse(), Ok(AskedShare::Auto { of: None }));
        assert_eq!("auto/4".parse(), Ok(AskedShare::Auto { of: Some(4) }));
        let say = |text: &str| text.parse::<AskedShare>().unwrap_err().to_string();
        assert!(say("auto/").ends_with("and not `auto/`"), "{}", say("auto/"));
        assert!(say("automatic").ends_with("and not `automatic`"));
        assert!(say("auto/0").starts_with("there is no `1/0`"));
    }

    #[test]
    fn a_run_id_is_fit_for_a_folder_a_key_and_a_query() {
        for fit in ["4711", "night.2", "plan-65d1a6210587", "a_B-1"] {
            assert_eq!(parse_run_id(fit), Ok(fit.to_owned()));
        }
        for unfit in ["", ".", "..", ".hidden", "a/b", "a b", "ü", "a\n", &"x".repeat(65)] {
            assert!(parse_run_id(unfit).is_err(), "{unfit}");
        }
        assert!(parse_run_id(&derived_run_id(&"ab".repeat(32))).is_ok());
    }
}
