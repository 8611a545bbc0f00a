//! Dates as logs write them.

use ttlsweep_record::Timestamp;

/// An instant, and the unit that it is cut to, in microseconds.
pub(super) type Dated = (Timestamp, u64);

/// `30/Nov/2026:01:25:30.578 +0000`, with or without fraction and zone; without a zone it is read as UTC.
pub(super) fn common(text: &str) -> Option<Dated> {
    let (date, zone) = text.split_once(' ').unwrap_or((text, "+0000"));
    let (day, rest) = date.split_once('/')?;
    let (month, rest) = rest.split_once('/')?;
    let (year, time) = rest.split_once(':')?;
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    iso(&format!("{year}-{month:02}-{day:0>2}T{time}{zone}"))
}

/// `2026-11-30T01:25:30.578Z`, with a blank in place of the `T`, with a zone such as `+0100` or `+01:00`, or without one: then
/// it is read as UTC.
pub(super) fn iso(text: &str) -> Option<Dated> {
    let (date, time) = text.split_once(['T', ' '])?;
    let at = time.find(['Z', 'z', '+', '-']).unwrap_or(time.len());
    let (time, zone) = (&time[..at], &time[at..]);
    let zone = match zone.len() {
        0 | 1 => "Z".to_owned(),
        5 => format!("{}:{}", zone.get(..3)?, zone.get(3..)?),
        _ => zone.to_owned(),
    };
    let digits = time.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let unit = 10_u64.pow(6_u32.saturating_sub(u32::try_from(digits).ok()?));
    Some((format!("{date}T{time}{zone}").parse().ok()?, unit))
}

/// `1796001925.163`: seconds since 1970 with a fraction.
pub(super) fn seconds(text: &str) -> Option<Dated> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = u32::try_from(fraction.len()).ok().filter(|digits| *digits <= 6)?;
    let unit = 10_u64.pow(6 - digits);
    let parts = if fraction.is_empty() { 0 } else { fraction.parse::<u64>().ok()? };
    let micros = whole.parse::<i64>().ok()?.checked_mul(1_000_000)?.checked_add_unsigned(parts * unit)?;
    Some((Timestamp::from_unix_micros(micros), unit))
}

/// A number of seconds with a fraction, in whole milliseconds.
pub(super) fn millis(text: &str) -> Option<u64> {
    let seconds: f64 = text.parse().ok()?;
    (0.0..1e9).contains(&seconds).then_some((seconds * 1e3).round() as u64)
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_all_logs_are_one_instant() {
        let at = |dated: Option<Dated>| dated.map(|(at, unit)| (at.to_string(), unit));
        let seconds_apart = Some(("2026-11-30T01:25:30.000000Z".to_owned(), 1_000_000));
        let thousandths = Some(("2026-11-30T01:25:30.578000Z".to_owned(), 1_000));
        assert_eq!(at(common("30/Nov/2026:01:25:30 +0000")), seconds_apart);
        assert_eq!(at(common("30/Nov/2026:02:25:30 +0100")), seconds_apart);
        assert_eq!(at(common("30/Nov/2026:01:25:30.578")), thousandths);
        assert_eq!(at(iso("2026-11-30T01:25:30.578Z")), thousandths);
        assert_eq!(at(iso("2026-11-30T03:25:30.578+02:00")), thousandths);
        assert_eq!(at(iso("2026-11-30 01:25:30.578Z")), thousandths);
        assert_eq!(at(seconds("1796001930.578")), thousandths);
        assert_eq!(at(seconds("1796001930")), seconds_apart);
        for no_date in ["30/Nov/2026", "30/Foo/2026:01:25:30 +0000", "-", "", "2026-11-30", "now", "1796001930.1234567"]
        {
            assert_eq!((common(no_date), iso(no_date), seconds(no_date)), (None, None, None), "{no_date}");
        }
        assert_eq!((millis("1.281"), millis("0"), millis("-1"), millis("-")), (Some(1281), Some(0), None, None));
    }
}
