//! nginx's access log in its `combined` format, and with what `name=value` behind it says: `msec=$msec rt=$request_time
//! in=$request_length id=$upstream_http_x_amz_request_id`.

use std::sync::LazyLock;

use regex::Regex;
use ttlsweep_record::LogSource;

use super::entry::{Entry, Target, number, status, word};
use super::times::{common, millis, seconds};

/// Whether the line begins as such a line does.
pub(super) fn is_it(line: &str) -> bool {
    BEGINS.is_match(line)
}

/// # Errors
/// The line is cut off, or a field is not what it should be.
pub(super) fn entry(line: &str, is_ended: bool) -> Result<Entry, &'static str> {
    let fields = LINE.captures(line).ok_or("it breaks off, or is not of nginx's combined format")?;
    let mut entry = Entry::of(LogSource::Nginx);
    let (at, unit) = common(&fields["at"]).ok_or("its time cannot be read")?;
    (entry.row.request_at, entry.row.precision_us) = (Some(at), Some(unit));
    let request = &fields["request"];
    entry.target = Target::of(request, false);
    entry.row.operation = request.split_once(' ').and_then(|(method, _)| word(method));
    entry.row.status = status(&fields["status"]);
    entry.row.bytes_out = number(&fields["sent"]);
    let mut named: Vec<(&str, &str)> = fields["rest"].split(' ').filter_map(|pair| pair.split_once('=')).collect();
    if !is_ended {
        // Its last value may be the beginning of another one.
        named.pop();
    }
    for (name, value) in named {
        match name {
            "msec" => {
                if let Some((at, unit)) = seconds(value) {
                    (entry.row.request_at, entry.row.precision_us) = (Some(at), Some(unit));
                }
            }
            "rt" | "request_time" => entry.row.total_ms = millis(value),
            "urt" | "upstream_response_time" => entry.row.turnaround_ms = millis(value),
            "in" | "request_length" => entry.row.bytes_in = number(value),
            "id" | "request_id" => entry.row.request_id = word(value),
            _ => {}
        }
    }
    Ok(entry)
}

static BEGINS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"^\S+ \S+ [^\["]*\[\d{2}/[A-Z][a-z]{2}/\d{4}:\d{2}:\d{2}:\d{2} [+-]\d{4}\] ""#)
        .expect("the expression is valid")
});

static LINE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r#"^\S+ \S+ [^\["]*\[(?<at>[^\]]+)\] "(?<request>(?:[^"\\]|\\.)*)" (?<status>\d{3}) (?<sent>\d+) "#,
        r#""(?:[^"\\]|\\.)*" "(?:[^"\\]|\\.)*"(?<rest>.*)$"#
    ))
    .expect("the expression is valid")
});

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by nginx 1.22.
    const LINES: &str = include_str!("../../tests/data/logs/nginx.log");

    #[test]
    fn real_lines_are_read() {
        let entries: Vec<_> = LINES.lines().map(|line| entry(line, true).unwrap()).collect();
        assert!(LINES.lines().all(is_it));
        let statuses: Vec<_> = entries.iter().map(|entry| entry.row.status.unwrap()).collect();
        assert_eq!(statuses, [200, 403, 200, 499, 400, 200, 403, 400]);
        let combined = &entries[0].row;
        assert_eq!(combined.request_at.unwrap().to_string(), "2026-11-30T01:25:25.000000Z");
        assert_eq!((combined.precision_us, combined.total_ms), (Some(1_000_000), None));
        let own = &entries[5];
        assert_eq!(own.row.request_at.unwrap().to_string(), "2026-11-30T01:25:25.163000Z");
        assert_eq!((own.row.total_ms, own.row.bytes_in), (Some(1281), Some(300_444)));
        assert_eq!(own.row.request_id.as_deref(), Some("3E57427F00000001"));
        assert_eq!(own.row.operation.as_deref(), Some("PUT"));
        assert!(own.target.query.iter().any(|(name, value)| name == "x-run" && value.ends_with("-u1-s1")));
    }

    #[test]
    fn what_is_cut_off_is_not_taken_for_whole() {
        let line = LINES.lines().nth(5).unwrap();
        let whole = line.find(" msec=").unwrap();
        for cut in line.find("] \"").unwrap() + 3..whole {
            assert!(entry(&line[..cut], false).is_err(), "{}", &line[..cut]);
        }
        let cut = line.find("rt=1.2").unwrap() + "rt=1.2".len();
        assert_eq!(entry(&line[..cut], false).unwrap().row.total_ms, None);
    }
}
