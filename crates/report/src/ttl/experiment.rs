//! The experiment that tests the arithmetic: an ordinary file for `ttlsweep run`.

use std::fmt::Write;

use ttlsweep_record::ByteCount;
use ttlsweep_record::units::grouped;

use super::Risk;
use super::bound::trials_for;
use super::estimate::Estimate;
use super::words::{LONGEST_S, load, rounded, spaced, ttl};
use crate::summary::axes::format_ttl;

/// Blocks that show `risk` if nothing comes later: each has three trials whose links outlive their transfers, the cell's own,
/// the long-TTL control's and the header-signed control's.
pub(super) fn blocks(risk: Risk) -> u64 {
    trials_for(risk.share(), 0).div_ceil(USABLE)
}

/// What one block moves.
pub(super) fn bytes_per_block(estimate: &Estimate) -> u64 {
    estimate.load.size.0.saturating_mul(u64::from(estimate.load.users)).saturating_mul(USABLE)
}

/// The file.
pub(super) fn toml(estimate: &Estimate, risk: Risk) -> String {
    let set = rounded(estimate.end_s);
    let of = &estimate.load;
    let label = load(u64::from(of.users), &of.size.to_string(), &spaced(&of.bandwidth.to_string()));
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "\
# Is {} enough for {label}? By arithmetic, yes: this asks.
#
#     ttlsweep run FILE                                  against the testbed, which cuts what outlives its link
#     ttlsweep run FILE --dry-run                        what it takes; sends nothing
#     ttlsweep run FILE --bucket NAME [--endpoint URL]   against a store
#     ttlsweep ttl results/ttl-check/latest              what it shows
#
# {} blocks of three trials show a risk of {risk} if none comes later. A block moves {}.
# It asks for the TTL alone: `run` warns that no link is outlived, so that nothing is said of cuts.

[experiment]
name = \"ttl-check\"
question = \"Is a TTL of {} enough for {label}?\"
seed = 1
repetitions = {}

[target]
kind = \"embedded\"
expiry = \"in-flight\"

[grid]
users = {}
ttl = \"{}\"
size = \"{}\"
bandwidth = \"{}\"

[transfer]
timeout = \"{}s\"

[controls]
long_ttl = \"{}\"
",
        ttl(set),
        grouped(blocks(risk)),
        spaced(&ByteCount(bytes_per_block(estimate)).to_string()),
        ttl(set),
        blocks(risk),
        of.users,
        seconds(set),
        of.size,
        of.bandwidth,
        4 * estimate.end_s,
        seconds((2 * set).clamp(3600, LONGEST_S)),
    );
    text
}

fn seconds(seconds: u64) -> String {
    format_ttl(u32::try_from(seconds).unwrap_or(u32::MAX))
}

const USABLE: u64 = 3;

#[cfg(test)]
mod tests {
    use super::super::estimate::{Assumptions, Load};
    use super::*;

    /// The runner's tests load the same file.
    #[test]
    fn the_file_is_the_one_that_the_runner_is_tested_with() {
        let load = Load { size: ByteCount(40_000_000), bandwidth: "10Mbit/s".parse().unwrap(), users: 5 };
        let made = toml(&Estimate::of(load, Assumptions::default()), Risk::default());
        assert_eq!(made, include_str!("../../../runner/tests/ttl-check.toml"));
    }
}
