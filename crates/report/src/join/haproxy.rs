//! haproxy's log with `option httplog`, with or without what syslog puts before it. haproxy cuts a line at `len` bytes (1,024 if
//! nothing else is set), and with it the request. Its times have no zone.

use std::sync::LazyLock;

use regex::Regex;
use ttlsweep_record::LogSource;

use super::entry::{Entry, Target, number, status, word};
use super::times::common;

/// Whether such a line stands in `line`.
pub(super) fn is_it(line: &str) -> bool {
    BEGINS.is_match(line)
}

/// # Errors
/// The line is cut off before its request, or a field is not what it should be.
pub(super) fn entry(line: &str) -> Result<Entry, &'static str> {
    let fields = LINE.captures(line).ok_or("it breaks off, or is not of haproxy's format for HTTP")?;
    let mut entry = Entry::of(LogSource::Haproxy);
    let (at, unit) = common(&fields["at"]).ok_or("its time cannot be read")?;
    (entry.row.request_at, entry.row.precision_us) = (Some(at), Some(unit));
    entry.is_zoneless = true;
    let request = &fields["request"];
    entry.target = Target::of(request, &fields["end"] != "\"");
    entry.row.operation = request.split_once(' ').and_then(|(method, _)| word(method));
    entry.row.status = status(&fields["status"]);
    entry.row.error_code = word(&fields["ending"]).filter(|letters| letters != "----");
    entry.row.bytes_out = number(&fields["sent"]);
    // TR/Tw/Tc/Tr/Ta: the last is the whole, and the one before it the server's; −1 = it did not come to that.
    let mut timers = fields["timers"].rsplit('/');
    entry.row.total_ms = timers.next().and_then(|time| number(time.trim_start_matches('+')));
    entry.row.turnaround_ms = timers.next().and_then(number);
    Ok(entry)
}

static BEGINS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(^|\s)\S+:\d+ \[\d{2}/[A-Z][a-z]{2}/\d{4}:\d{2}:\d{2}:\d{2}\.\d{3}\] \S")
        .expect("the expression is valid")
});

static LINE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?:^|\s)\S+:\d+ \[(?<at>[^\]]+)\] \S+ \S+/\S+ (?<timers>[+\-\d]+(?:/[+\-\d]+){4}) (?<status>-?\d+) \+?(?<sent>\d+) ",
        r#"\S+ \S+ (?<ending>\S{4}) \S+ \S+ (?:\{[^}]*\} ){0,2}"(?<request>[^"]*)(?<end>"?)"#
    ))
    .expect("the expression is valid")
});

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by haproxy 2.6.
    const LINES: &str = include_str!("../../tests/data/logs/haproxy.log");

    #[test]
    fn real_lines_are_read() {
        assert!(LINES.lines().all(is_it));
        let entries: Vec<_> = LINES.lines().map(|line| entry(line).unwrap()).collect();
        let statuses: Vec<_> = entries.iter().map(|entry| entry.row.status).collect();
        assert_eq!(statuses, [Some(200), Some(403), Some(200), None, Some(504), Some(504), Some(400)]);
        let first = &entries[0].row;
        assert_eq!(first.request_at.unwrap().to_string(), "2026-11-30T01:25:30.578000Z");
        assert_eq!((first.total_ms, first.turnaround_ms, first.bytes_out), (Some(1279), Some(1279), Some(186)));
        assert_eq!((first.error_code.as_deref(), first.operation.as_deref()), (None, Some("PUT")));
        assert_eq!((entries[3].row.error_code.as_deref(), entries[3].row.turnaround_ms), (Some("CD--"), None));
        let syslog = format!("Nov 30 01:25:30 edge haproxy[17]: {}", LINES.lines().next().unwrap());
        assert!(is_it(&syslog) && entry(&syslog).unwrap().row == *first);
    }

    #[test]
    fn a_name_at_the_end_of_a_request_that_was_cut_is_not_one() {
        let line = LINES.lines().next().unwrap();
        let name = |line: &str| {
            let query = entry(line).unwrap().target.query;
            query.into_iter().find(|(name, _)| name == "x-run").map(|(_, value)| value)
        };
        let start = line.find("x-run=").unwrap();
        let end = start + line[start..].find('&').unwrap();
        assert!(name(line).is_some());
        for cut in start..=end {
            assert_eq!(name(&line[..cut]), None);
        }
        assert_eq!(name(&line[..=end]), name(line));
    }
}
