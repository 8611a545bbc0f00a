//! Numbers in sentences and in tables: the one place that words a count, a share, a p-value, a time.

pub(crate) use ttlsweep_record::units::count;
use ttlsweep_record::units::grouped;

/// `0 of 60`, `12,345 of 67,890`.
pub(crate) fn of(k: u64, n: u64) -> String {
    format!("{} of {}", grouped(k), grouped(n))
}

/// The same in a sentence: `none of 60`.
pub(crate) fn share(k: u64, n: u64) -> String {
    if k == 0 && n > 0 { format!("none of {}", grouped(n)) } else { of(k, n) }
}

/// Percent with as many digits as tell it apart from nothing.
pub(crate) fn percent(share: f64) -> String {
    match share * 100.0 {
        p if p >= 10.0 => format!("{p:.0} %"),
        p if p >= 1.0 => format!("{p:.1} %"),
        p => format!("{p:.2} %"),
    }
}

/// The same in a column, with one decimal from 1 % on.
pub(crate) fn percent_in_table(share: f64) -> String {
    match share * 100.0 {
        0.0 => "0 %".to_owned(),
        p if (p - 100.0).abs() < f64::EPSILON => "100 %".to_owned(),
        p if p < 1.0 => format!("{p:.2} %"),
        p => format!("{p:.1} %"),
    }
}

/// A p-value: `p = 0.012`, `p = 1.3e-4`, `p < 1e-15`.
pub(crate) fn p_value(p: f64) -> String {
    if p < LEAST_P { format!("p {}", p_in_table(p)) } else { format!("p = {}", p_in_table(p)) }
}

/// The same in a column: `0.012`, `1.3e-4`, `< 1e-15`.
pub(crate) fn p_in_table(p: f64) -> String {
    match p {
        p if p < LEAST_P => "< 1e-15".to_owned(),
        p if p < 0.001 => format!("{p:.1e}"),
        p if p < 0.1 => format!("{p:.3}"),
        p => format!("{p:.2}"),
    }
}

/// Microseconds in seconds.
pub(crate) fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

/// Seconds with three significant places at most: `0.05 s`, `1.3 s`.
pub(crate) fn secs(seconds: f64) -> String {
    let shown = if seconds.abs() < 1.0 { format!("{seconds:.3}") } else { format!("{seconds:.2}") };
    let shown = if shown.contains('.') { shown.trim_end_matches('0').trim_end_matches('.') } else { &shown };
    format!("{shown} s")
}

/// `1.5 s`, `1.5 to 3 s`.
pub(crate) fn secs_between([first, last]: [f64; 2]) -> String {
    let (first, last) = (secs(first), secs(last));
    if first == last { last } else { format!("{} to {last}", first.trim_end_matches(" s")) }
}

/// Below this a p-value is rounding.
const LEAST_P: f64 = 1e-15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_share_is_not_rounded_to_nothing() {
        assert_eq!([0.0003, 0.161, 1.0].map(percent_in_table), ["0.03 %", "16.1 %", "100 %"]);
    }

    #[test]
    fn numbers_read_as_one_would_say_them() {
        assert_eq!([count(1, "trial"), count(10_912, "transfer")], ["1 trial", "10,912 transfers"]);
        assert_eq!([share(0, 6000), share(1, 6000), of(0, 60)], ["none of 6,000", "1 of 6,000", "0 of 60"]);
        assert_eq!((percent(0.522), percent(0.036), percent(0.0004)), ("52 %".into(), "3.6 %".into(), "0.04 %".into()));
        assert_eq!((p_in_table(1e-16), p_value(1e-16)), ("< 1e-15".into(), "p < 1e-15".into()));
        assert_eq!((p_value(1.25e-4), p_value(0.012)), ("p = 1.3e-4".into(), "p = 0.012".into()));
        assert_eq!((secs(0.05), secs(12.0), secs(0.1234)), ("0.05 s".into(), "12 s".into(), "0.123 s".into()));
    }
}
