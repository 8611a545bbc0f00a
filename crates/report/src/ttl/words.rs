//! TTLs, shares and cells as an engineer says them.

use ttlsweep_record::{Cell, Method};

use crate::summary::axes::Axes;

/// The longest that a link can live by Signature Version 4: 7 days.
pub(crate) const LONGEST_S: u64 = 604_800;

/// The whole seconds of TTL that hold `us`.
pub(crate) fn whole_seconds(us: i64) -> u64 {
    us.max(0).unsigned_abs().div_ceil(1_000_000).max(1)
}

/// The next TTL that people write, at most 7 days: 14 s become 15, 171 s 180.
pub(crate) fn rounded(seconds: u64) -> u64 {
    const STEPS: [u64; 34] = [
        1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 900, 1200, 1800, 2700, 3600, 5400,
        7200, 10_800, 21_600, 43_200, 86_400, 172_800, 259_200, LONGEST_S,
    ];
    STEPS.into_iter().find(|step| *step >= seconds).unwrap_or(LONGEST_S)
}

/// `14 s`, `171 s`, `3 min`, `53 h`, `3 days`: whole seconds up to ten minutes if they are no round number, and never less
/// than `seconds`.
pub(crate) fn ttl(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        s if s < 36_000 && s % 3600 == 0 => format!("{} h", s / 3600),
        s if s < 3600 && s % 60 == 0 => format!("{} min", s / 60),
        120..600 => format!("{seconds} s"),
        600..7200 => format!("{} min", seconds.div_ceil(60)),
        7200..259_200 if !seconds.is_multiple_of(86_400) => format!("{} h", seconds.div_ceil(3600)),
        86_400 => "1 day".to_owned(),
        _ => format!("{} days", seconds.div_ceil(86_400)),
    }
}

/// `1 s, 2 s and 4 s`
pub(crate) fn listed(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// `5 × 40 MB at 10 Mbit/s`, with what else varies.
pub(crate) fn label(cell: &Cell, axes: &Axes) -> String {
    let rate = cell
        .bandwidth_bps
        .or(cell.path_rate_bps)
        .map_or_else(|| "full speed".to_owned(), |rate| spaced(&rate.to_string()));
    let mut text = load(u64::from(cell.users), &cell.size_bytes.to_string(), &rate);
    if cell.method != Method::Put || axes.is_varied("method") {
        text = format!("{text}, {}", cell.method);
    }
    let others = axes.others(cell);
    if others.is_empty() { text } else { format!("{text}, {}", others.replace(" · ", ", ")) }
}

/// `5 × 40 MB at 10 Mbit/s`
pub(crate) fn load(users: u64, size: &str, rate: &str) -> String {
    format!("{users} × {} at {rate}", spaced(size))
}

/// A space between number and unit.
pub(crate) fn spaced(text: &str) -> String {
    let at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    if at == 0 || at == text.len() { text.to_owned() } else { format!("{} {}", &text[..at], &text[at..]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ttl_is_rounded_up_to_what_people_write() {
        assert_eq!([14, 171, 60, 61, 700_000].map(rounded), [15, 180, 60, 90, LONGEST_S]);
        assert_eq!([1, 1_000_000, 1_000_001].map(whole_seconds), [1, 1, 2]);
    }

    #[test]
    fn times_and_shares_read_as_one_would_say_them() {
        let said = [14, 171, 180, 900, 2_001, 3_600, 45_000, 86_400, 253_000, 604_800].map(ttl);
        assert_eq!(said, ["14 s", "171 s", "3 min", "15 min", "34 min", "1 h", "13 h", "1 day", "71 h", "7 days"]);
        assert_eq!((spaced("40MB"), spaced("full speed")), ("40 MB".to_owned(), "full speed".to_owned()));
        assert_eq!(listed(&["1 s".into(), "2 s".into(), "4 s".into()]), "1 s, 2 s and 4 s");
    }
}
