//! How long a cell's transfers need when nothing stops them, and whether they outlive their links: known before anything is
//! sent, as far as a cap says it.

use std::sync::LazyLock;
use std::time::Duration;

use ttlsweep_path::far;
use ttlsweep_record::decision::LEAST_DELTA_US;
use ttlsweep_record::{BandwidthPer, BitRate, Cell, Presign, TargetKind};

/// One transfer among those of all its trial's users. Its timeout is not looked at.
pub(crate) fn needed(cell: &Cell) -> Duration {
    let own = cell.size_bytes.0;
    let all = own.saturating_mul(u64::from(cell.users));
    let bytes = if cell.bandwidth_per == BandwidthPer::User { own } else { all };
    let capped = cell.bandwidth_bps.map(|rate| rate.nanos_for(bytes));
    // A line is what all users share.
    let on_line = line_rate(cell).map(|rate| rate.nanos_for(all));
    let nanos = capped.max(on_line).unwrap_or_else(|| assumed_rate(cell.target).nanos_for(all));
    SET_UP.saturating_add(Duration::from_nanos(nanos))
}

/// Whether a cap or a slow line says at which rate bytes move.
pub(crate) fn knows_rate(cell: &Cell) -> bool {
    cell.bandwidth_bps.is_some() || line_rate(cell).is_some()
}

/// What the line before the target carries: one of the experiment's own, or the path that this process is behind.
pub(crate) fn line_rate(cell: &Cell) -> Option<BitRate> {
    static OF_PATH: LazyLock<Option<BitRate>> = LazyLock::new(|| far::rate(|name| std::env::var(name).ok()));
    cell.path_rate_bps.or(*OF_PATH)
}

/// The rate that is assumed if nothing says it.
pub(crate) fn assumed_rate(target: TargetKind) -> BitRate {
    let bits_per_second = match target {
        TargetKind::Embedded => 1_000_000_000,
        TargetKind::S3 | TargetKind::Links => 100_000_000,
    };
    BitRate::new(bits_per_second).expect("a rate above zero")
}

/// Whether some transfer of each of a cell's trials is in flight when its link expires, its head in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outlives {
    /// None is, or there is no link.
    Never,
    /// It depends on the second in which the link is signed, or, without a cap, on the line.
    Perhaps,
    /// One is, by more than δ.
    Surely,
}

/// Whether a cell's transfers outlive their links.
pub(crate) fn outlives(cell: &Cell) -> Outlives {
    let Some(ttls) = cell.ttls() else { return Outlives::Never };
    let (shortest, longest) = (outlives_one_of(cell, ttls.least_s), outlives_one_of(cell, ttls.most_s));
    // The trial's draw decides if only some of its lifetimes are outlived.
    if shortest == longest { shortest } else { Outlives::Perhaps }
}

fn outlives_one_of(cell: &Cell, ttl_s: u32) -> Outlives {
    let ttl_us = u64::from(ttl_s) * 1_000_000;
    // A link's date is cut to whole seconds, so it lives up to a second less.
    let least_us = ttl_us - 1_000_000;
    let needed_us = micros(needed(cell)).min(cell.timeout_us);
    // Links that are made ahead age while their user makes the transfers before: the one that begins last before expiry.
    let begins_us = match cell.presign {
        Presign::PerTransfer => 0,
        Presign::PerUser => {
            let turn_us = needed_us.saturating_add(cell.wait_us).max(1);
            let last = cell.transfers_per_user.map_or(u64::MAX, |transfers| u64::from(transfers) - 1);
            (least_us.saturating_sub(1) / turn_us).min(last).saturating_mul(turn_us)
        }
    };
    let ends_us = begins_us.saturating_add(needed_us);
    let delta_us = LEAST_DELTA_US.unsigned_abs();
    if ends_us <= least_us {
        Outlives::Never
    } else if knows_rate(cell) && ends_us > ttl_us + delta_us && begins_us + delta_us < least_us.max(1_000_000) {
        Outlives::Surely
    } else {
        Outlives::Perhaps
    }
}

pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Signing, connecting and the answer's way back.
pub(crate) const SET_UP: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::example_cell;
    use ttlsweep_record::ByteCount;

    /// `seconds` at 8 Mbit/s.
    fn cell(seconds: u64, ttl_s: u32) -> Cell {
        let bandwidth_bps = BitRate::new(8_000_000);
        let transfers_per_user = Some(1);
        let timeout_us = 3_600_000_000;
        let size_bytes = ByteCount(seconds * 1_000_000);
        Cell { size_bytes, bandwidth_bps, ttl_s: Some(ttl_s), transfers_per_user, timeout_us, ..example_cell() }
    }

    #[test]
    fn a_transfer_outlives_its_link_if_it_needs_longer_by_more_than_delta() {
        assert_eq!(outlives(&cell(8, 4)), Outlives::Surely);
        assert_eq!(outlives(&cell(3, 4)), Outlives::Perhaps, "a link of 4 s lives 3 to 4 s");
        assert_eq!(outlives(&cell(2, 4)), Outlives::Never);
        assert_eq!(outlives(&Cell { ttl_s: None, ..cell(8, 4) }), Outlives::Never);
    }

    #[test]
    fn without_a_cap_it_depends_on_the_line() {
        let uncapped = Cell { bandwidth_bps: None, size_bytes: ByteCount(1_000_000_000), ..cell(8, 4) };
        assert_eq!(outlives(&uncapped), Outlives::Perhaps);
    }

    #[test]
    fn a_slow_line_holds_all_users_back_and_the_slower_of_line_and_cap_decides() {
        let line = Cell { path_rate_bps: BitRate::new(4_000_000), users: 2, ..cell(8, 4) };
        assert_eq!(needed(&line), SET_UP + Duration::from_secs(32));
        assert_eq!(needed(&Cell { bandwidth_bps: None, ..line.clone() }), SET_UP + Duration::from_secs(32));
        let per_user = Cell { bandwidth_bps: BitRate::new(1_000_000), bandwidth_per: BandwidthPer::User, ..line };
        assert_eq!(needed(&per_user), SET_UP + Duration::from_secs(64));
        assert_eq!(outlives(&Cell { bandwidth_bps: None, ..per_user }), Outlives::Surely);
    }

    #[test]
    fn a_timeout_ends_a_transfer_before_its_link_does() {
        assert_eq!(outlives(&Cell { timeout_us: 2_000_000, ..cell(8, 4) }), Outlives::Never);
    }

    #[test]
    fn links_that_are_made_ahead_expire_while_a_later_transfer_is_in_flight() {
        let ahead = |transfers| Cell { presign: Presign::PerUser, transfers_per_user: Some(transfers), ..cell(3, 8) };
        assert_eq!(outlives(&ahead(2)), Outlives::Never);
        assert_eq!(outlives(&ahead(5)), Outlives::Surely, "the third begins after 6 s and ends after 9 s");
    }
}
