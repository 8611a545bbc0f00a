//! Which settings have other defaults if the links are somebody else's.

use ttlsweep_record::TargetKind;

use super::settings::Head;
use crate::experiment::link_source::LinkSource;

/// What a setting is if it is left out, where that is not as in the table of settings.
pub(super) fn link_default(key: &str, head: &Head) -> Option<&'static str> {
    if head.kind != TargetKind::Links {
        return None;
    }
    match key {
        "run_parameter" | "header_signed" => Some("false"),
        "keep_objects" => Some("true"),
        "clock_probe" => Some("\"0s\""),
        "long_ttl" if matches!(head.links, Some(LinkSource::File(_))) => Some("false"),
        _ => None,
    }
}
