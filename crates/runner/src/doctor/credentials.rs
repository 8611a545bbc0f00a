//! Where the credentials came from, and whether they outlive what they sign.

use std::time::Duration;

use ttlsweep_record::units::{format_micros, signed_micros};
use ttlsweep_record::{Cell, Timestamp};

use super::{Finding, Level};
use crate::plan::Plan;
use crate::plan::estimate::Estimate;
use crate::s3::Origin;

/// Looks at one store's credentials.
pub(crate) fn check(origin: &Origin, plan: &Plan, estimate: &Estimate, now: Timestamp) -> Finding {
    let subject = "credentials";
    let place = format!("from {}", origin.place);
    if let Some(problem) = too_short(origin.end, plan, estimate, now) {
        return Finding::new(Level::Error, subject, format!("{place}; {problem}"), OUTLIVE);
    }
    match (origin.end, origin.temporary) {
        (Some(end), _) => Finding::ok(subject, format!("{place}, until {end}")),
        (None, false) => Finding::ok(subject, format!("{place}, without an end")),
        (None, true) => Finding::new(
            Level::Warning,
            subject,
            format!("{place}; they are temporary, and nobody says when they end"),
            "links die with them: set AWS_CREDENTIAL_EXPIRATION to the instant that came with the session token",
        ),
    }
}

/// Whether credentials that end at `end` die before the plan's links or the plan itself, in words.
pub(crate) fn too_short(end: Option<Timestamp>, plan: &Plan, estimate: &Estimate, now: Timestamp) -> Option<String> {
    let left_us = end?.micros_since(now);
    let longest_s = plan.cells.iter().filter_map(Cell::ttls).map(|ttls| ttls.most_s).max().unwrap_or(0);
    let longest_us = signed_micros(Duration::from_secs(longest_s.into()));
    let run_us = signed_micros(estimate.duration);
    let what = if left_us < longest_us {
        format!("before a link of {}", format_micros(longest_us.unsigned_abs()))
    } else if left_us < run_us {
        format!("before the run, which takes about {}", format_micros(run_us.unsigned_abs()))
    } else {
        return None;
    };
    if left_us <= 0 {
        return Some("the credentials have ended".to_owned());
    }
    let left = format_micros(left_us.unsigned_abs());
    Some(format!("the credentials end in {left}, {what}: a link dies with the credentials that signed it"))
}

const OUTLIVE: &str = "use keys without an end or a longer session (for a role, `--duration-seconds`), or set \
     `controls.long_ttl` shorter";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::{LoadOptions, load};

    const NOW: Timestamp = Timestamp::from_unix_micros(1_764_000_000_000_000);

    /// A plan of a few seconds whose longest links, those of the control, live an hour.
    fn verdict(end_in_s: Option<i64>, temporary: bool, more: &str) -> Finding {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("e.toml");
        let grid = "[grid]\nttl = \"10s\"\nsize = \"1MB\"\nbandwidth = \"8Mbit/s\"";
        std::fs::write(&path, format!("[experiment]\nname = \"e\"\n{more}\n{grid}\n")).unwrap();
        let experiment = load(&path, &LoadOptions::default()).unwrap().experiment;
        let plan = Plan::new(&experiment);
        let end = end_in_s.map(|seconds| NOW.plus_micros(seconds * 1_000_000));
        let origin = Origin { place: "the environment".to_owned(), temporary, end };
        check(&origin, &plan, &Estimate::new(&plan, &experiment), NOW)
    }

    #[test]
    fn credentials_must_outlive_the_longest_link_and_the_run() {
        assert_eq!(verdict(None, false, "").level, Level::Ok);
        assert_eq!(verdict(Some(3601), true, "").level, Level::Ok);
        let short = verdict(Some(3599), true, "");
        assert_eq!(short.level, Level::Error);
        assert!(short.found.to_string().contains("before a link of 1h00m"), "{}", short.found);
        // 2000 blocks of four trials of a second take longer than their links live.
        let short = verdict(Some(3601), true, "repetitions = 2000");
        assert_eq!(short.level, Level::Error);
        assert!(short.found.to_string().contains("before the run"), "{}", short.found);
        assert!(verdict(Some(-5), true, "").found.to_string().contains("have ended"));
    }

    #[test]
    fn a_session_token_without_an_end_is_worth_a_warning() {
        assert_eq!(verdict(None, true, "").level, Level::Warning);
    }
}
