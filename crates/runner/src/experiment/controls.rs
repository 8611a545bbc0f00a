//! The controls: what each combination of the axes other than the TTL does when expiry cannot be the reason.

use ttlsweep_record::{Cell, Control};

use super::grid;
use super::resolve::Resolved;
use super::settings::{Head, blank_cell};

/// The controls that the experiment asks for.
pub(crate) fn kinds(head: &Head) -> Vec<Control> {
    let asked = |control: &Control| match control {
        Control::LongTtl => head.long_ttl_s.is_some(),
        Control::HeaderSigned => head.header_signed,
        Control::ExpiredStart => head.expired_start,
        Control::ExpectContinue => head.expect_arm,
    };
    Control::ALL.iter().copied().filter(asked).collect()
}

/// The cells of all controls, one kind after the other.
pub(crate) fn cells(resolved: &Resolved) -> Vec<Cell> {
    kinds(&resolved.head).into_iter().flat_map(|control| of_kind(resolved, control)).collect()
}

fn of_kind(resolved: &Resolved, control: Control) -> Vec<Cell> {
    let others = || resolved.axes.iter().filter(|axis| axis.setting.key != "ttl");
    let blank = |control, ttl_s| Cell { control: Some(control), ttl_s, ..blank_cell(resolved.head.kind) };
    let expired_starts = || grid::product(blank(Control::ExpiredStart, Some(EXPIRED_START_TTL_S)), others());
    match control {
        Control::LongTtl => grid::product(blank(control, resolved.head.long_ttl_s), others()),
        Control::HeaderSigned => grid::product(blank(control, None), others()),
        Control::ExpiredStart => expired_starts(),
        Control::ExpectContinue => {
            let mut cells = grid::product(blank(control, None), &resolved.axes);
            // What a 100 proves, only expired starts can tell.
            cells.extend(expired_starts());
            cells.retain(|cell| cell.method.is_upload());
            cells.iter_mut().for_each(|cell| cell.expect_continue = true);
            cells
        }
    }
}

/// The shortest link there is, so that little time is spent on letting it expire.
const EXPIRED_START_TTL_S: u32 = 1;
