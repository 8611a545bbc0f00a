//! What a run could be begun with and would regret: nothing here is an error, and each points at its line.

use std::time::Duration;

use ttlsweep_record::units::{format_micros, round_time};
use ttlsweep_record::{BitRate, Cell, Control, TargetKind};

use super::definition::Experiment;
use super::needed::{Outlives, assumed_rate, knows_rate, line_rate, micros, needed, outlives};
use super::problems::{Place, Problem};
use super::resolve::Resolved;
use super::store_limits;
use super::values::{Micros, Notation};
use crate::host::machine::SPARE_DESCRIPTORS;

/// All that is to be warned of; `descriptors` is how many connections this process may have open at once.
pub(super) fn of(resolved: &Resolved, experiment: &Experiment, descriptors: Option<u64>) -> Vec<Problem> {
    let found = [
        nothing_outlives(resolved, experiment),
        longer_than_its_timeout(resolved, experiment),
        control_outlives(resolved, experiment),
        store_limits::larger_than_most_stores_take(resolved),
        store_limits::buckets_that_few_have(resolved),
        descriptors.and_then(|most| more_users_than_descriptors(resolved, experiment, most)),
    ];
    found.into_iter().flatten().map(Problem::into_warning).collect()
}

fn nothing_outlives(resolved: &Resolved, experiment: &Experiment) -> Option<Problem> {
    let grid = || experiment.cells.iter().filter(|cell| cell.control.is_none());
    let most = grid().map(outlives).max()?;
    if most == Outlives::Surely {
        return None;
    }
    let ttls = resolved.cell_values("ttl", |cell| cell.ttl_s.unwrap_or_default());
    let (ttl_s, place) = ttls.into_iter().min_by_key(|(ttl_s, _)| *ttl_s)?;
    let longest = grid().max_by_key(|cell| needed(cell).min(Duration::from_micros(cell.timeout_us)))?;
    let message = match most {
        Outlives::Never => "no transfer outlives its link: this run cannot show whether one is cut at expiry",
        _ => "it is not certain that any transfer outlives its link, as this run needs it",
    };
    let assumed = if knows_rate(longest) {
        String::new()
    } else {
        format!(" at {}, which is assumed if no cap is set", assumed_rate(longest.target))
    };
    let label = format!("the longest transfer needs about {}{assumed}", about(needed(longest)));
    let problem = Problem::at(place, format!("the shortest link lives {} to {ttl_s} s", ttl_s - 1), message);
    let problem = match size_place(resolved) {
        Some(size) => problem.and_at(size, label),
        None => problem,
    };
    let shorter_s = needed(longest).as_secs() / 2;
    let help = match cap_for(longest, ttl_s) {
        _ if micros(needed(longest)) > longest.timeout_us => {
            format!("its timeout ends it before: write for example timeout = {} below [transfer]", enough_for(longest))
        }
        _ if longest.bandwidth_bps.is_some() && shorter_s > 0 && shorter_s < ttl_s.into() => {
            format!("write for example ttl = \"{shorter_s}s\", a larger size, or a lower bandwidth")
        }
        Some(cap) => format!(
            "write for example bandwidth = \"{cap}\", with which it needs {}; or a shorter ttl, or a larger size",
            about(needed(&Cell { bandwidth_bps: Some(cap), ..longest.clone() }))
        ),
        None => "write a shorter ttl or a larger size".to_owned(),
    };
    Some(problem.help(help))
}

/// A timeout that its transfers do not come near.
fn enough_for(cell: &Cell) -> String {
    let enough_us = micros(needed(cell)).saturating_mul(2);
    let unit_us = if enough_us > 3_600_000_000 { 3_600_000_000 } else { 60_000_000 };
    Micros(enough_us.div_ceil(unit_us).saturating_mul(unit_us)).toml()
}

/// A cap of one digit under which a transfer needs at least twice as long as its link lives, and that the line can be expected
/// to fill.
fn cap_for(cell: &Cell, ttl_s: u32) -> Option<BitRate> {
    let bits = u128::from(cell.size_bytes.0) * u128::from(cell.users) * 8 / (2 * u128::from(ttl_s));
    let line = || line_rate(cell).unwrap_or_else(|| assumed_rate(cell.target)).bits_per_second() / 2;
    let most = cell.bandwidth_bps.map_or_else(line, BitRate::bits_per_second);
    let bits = bits.min(u128::from(most));
    let scale = 10u128.checked_pow(bits.checked_ilog10()?)?;
    BitRate::new(u64::try_from(bits / scale * scale).ok()?)
}

/// About as exact as an estimate is.
fn about(time: Duration) -> String {
    match time.as_secs() {
        0..10 => format_micros(micros(time)),
        10..90 => format!("{:.0} s", time.as_secs_f64()),
        _ => round_time(time),
    }
}

fn longer_than_its_timeout(resolved: &Resolved, experiment: &Experiment) -> Option<Problem> {
    let late = |cell: &&Cell| micros(needed(cell)) > cell.timeout_us;
    let worst = experiment.cells.iter().filter(late).max_by_key(|cell| micros(needed(cell)) - cell.timeout_us)?;
    let (time, timeout) = (about(needed(worst)), about(Duration::from_micros(worst.timeout_us)));
    let message = format!("a transfer needs about {time}, longer than its timeout of {timeout}");
    let timeouts = resolved.cell_values("timeout", |cell| cell.timeout_us);
    let timeout_place = timeouts.into_iter().find(|(timeout, _)| *timeout == worst.timeout_us).map(|(_, place)| place);
    let problem = match (size_place(resolved), timeout_place.filter(|_| resolved.key_place("timeout").is_some())) {
        (Some(size), Some(timeout)) => {
            Problem::at(size, "would end as timed-out", message).and_at(timeout, "its timeout")
        }
        (Some(size), None) => {
            Problem::at(size, format!("would end as timed-out: `timeout` is {timeout} if it is left out"), message)
        }
        (None, _) => Problem::nowhere(message),
    };
    Some(problem.help(format!("write for example timeout = {} below [transfer]", enough_for(worst))))
}

/// What tells how long transfers need must not meet an expiry of its own.
fn control_outlives(resolved: &Resolved, experiment: &Experiment) -> Option<Problem> {
    let long_s = resolved.head.long_ttl_s?;
    let of_control = |cell: &&Cell| cell.control == Some(Control::LongTtl);
    let longest = experiment.cells.iter().filter(of_control).max_by_key(|cell| needed(cell))?;
    if outlives(longest) != Outlives::Surely {
        return None;
    }
    let time = about(needed(longest));
    let message = format!("the long-TTL control's links expire in flight, too: its transfers need about {time}");
    let longer = Micros(u64::from(long_s).saturating_mul(10_000_000).min(7 * 86_400_000_000));
    let life = about(Duration::from_secs(long_s.into()));
    let problem = match (resolved.key_place("long_ttl"), size_place(resolved)) {
        (Some(place), _) => Problem::at(place, format!("its links live {life}"), message),
        (None, Some(size)) => Problem::at(size, format!("`long_ttl` is {life} if it is left out"), message),
        (None, None) => Problem::nowhere(message),
    };
    Some(problem.help(format!("write for example long_ttl = {} below [controls]", longer.toml())))
}

fn more_users_than_descriptors(resolved: &Resolved, experiment: &Experiment, most: u64) -> Option<Problem> {
    let at_once = u64::from(experiment.parallel_trials);
    let users = resolved.cell_values("users", |cell| u64::from(cell.users));
    let (users, place) = users.into_iter().max_by_key(|(users, _)| *users)?;
    let needed = users.saturating_mul(at_once) + SPARE_DESCRIPTORS;
    if needed <= most {
        return None;
    }
    let side_by_side = if at_once > 1 { format!(" in each of {at_once} trials") } else { String::new() };
    let message = format!("{users} users{side_by_side} need some {needed} descriptors; this process may have {most}");
    let raise = format!("raise the hard limit (`ulimit -Hn {}`, or LimitNOFILE in a systemd unit)", needed * 2);
    let spread =
        if resolved.head.kind == TargetKind::S3 { ", or spread the users over machines with --spread" } else { "" };
    Some(
        Problem::at(place, "some of them would end as failed-locally", message)
            .help(format!("{raise}, write fewer users{spread}")),
    )
}

/// Where the largest size stands.
fn size_place(resolved: &Resolved) -> Option<&Place> {
    let sizes = resolved.cell_values("size", |cell| cell.size_bytes);
    sizes.into_iter().max_by_key(|(size, _)| *size).map(|(_, place)| place)
}
