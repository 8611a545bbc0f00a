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
    };
    Control::ALL.iter().copied().filter(asked).collect()
}

/// The cells of all controls, one kind after the other.
pub(crate) fn cells(resolved: &Resolved) -> Vec<Cell> {
    let others = || resolved.axes.iter().filter(|axis| axis.setting.key != "ttl");
    let of_kind = |control: Control| {
        let mut cell = blank_cell(resolved.head.kind);
        cell.control = Some(control);
        cell.ttl_s = match control {
            Control::LongTtl => resolved.head.long_ttl_s,
            Control::HeaderSigned => None,
            Control::ExpiredStart => Some(EXPIRED_START_TTL_S),
        };
        grid::product(cell, others())
    };
    kinds(&resolved.head).into_iter().flat_map(of_kind).collect()
}

/// The shortest link there is, so that little time is spent on letting it expire.
const EXPIRED_START_TTL_S: u32 = 1;
