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

/// A share in a sentence: `0.04 %`, `3.6 %`, `52 %`.
pub(crate) fn percent(share: f64) -> String {
    let shown = percent_to(share, usize::from(share < 0.1));
    shown.replace(".0 %", " %")
}

/// The same in a column, with one decimal from 1 % on, so that its points stand below each other.
pub(crate) fn percent_in_table(share: f64) -> String {
    percent_to(share, 1)
}

/// The same of so few simulated runs that a decimal would say nothing: `< 1 %`, `52 %`.
pub(crate) fn whole_percent(share: f64) -> String {
    if share > 0.0 && share < 0.005 { "< 1 %".to_owned() } else { percent_to(share, 0) }
}

/// What is not nothing is never shown as nothing, nor as all what is not all.
fn percent_to(share: f64, decimals: usize) -> String {
    let percent = share * 100.0;
    if percent == 0.0 {
        return "0 %".to_owned();
    }
    if (percent - 100.0).abs() < 1e-9 {
        return "100 %".to_owned();
    }
    if percent < 1.0 && decimals > 0 {
        return if percent < 0.005 { "< 0.01 %".to_owned() } else { format!("{percent:.2} %") };
    }
    let last = 0.1_f64.powi(decimals as i32);
    let shown = if percent < 100.0 { percent.min(100.0 - last) } else { percent };
    format!("{shown:.decimals$} %")
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
    fn what_is_not_nothing_is_not_rounded_to_nothing_nor_to_all_what_is_not_all() {
        assert_eq!([0.0003, 0.05, 0.161, 1.0].map(percent_in_table), ["0.03 %", "5.0 %", "16.1 %", "100 %"]);
        let shares = [0.0, 1e-6, 0.0004, 0.03, 0.036, 0.522, 0.999, 1.0];
        let said = ["0 %", "< 0.01 %", "0.04 %", "3 %", "3.6 %", "52 %", "99 %", "100 %"];
        assert_eq!(shares.map(percent), said);
        assert_eq!([0.0, 0.001, 0.5, 0.999, 1.0].map(whole_percent), ["0 %", "< 1 %", "50 %", "99 %", "100 %"]);
    }

    #[test]
    fn numbers_read_as_one_would_say_them() {
        assert_eq!([count(1, "trial"), count(10_912, "transfer")], ["1 trial", "10,912 transfers"]);
        assert_eq!([share(0, 6000), share(1, 6000), of(0, 60)], ["none of 6,000", "1 of 6,000", "0 of 60"]);
        assert_eq!((p_in_table(1e-16), p_value(1e-16)), ("< 1e-15".into(), "p < 1e-15".into()));
        assert_eq!((p_value(1.25e-4), p_value(0.012)), ("p = 1.3e-4".into(), "p = 0.012".into()));
        assert_eq!((secs(0.05), secs(12.0), secs(0.1234)), ("0.05 s".into(), "12 s".into(), "0.123 s".into()));
    }
}
