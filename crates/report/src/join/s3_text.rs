//! S3's server access log as S3 delivers it to a bucket: a line per request, fields parted by blanks. New fields come at the end,
//! so that only those that are known are asked for. Stores that speak S3 write it, too.

use std::sync::LazyLock;

use regex::Regex;
use ttlsweep_record::LogSource;

use super::entry::{Entry, Target, number, status, word};
use super::times::common;

/// Whether the line begins as such a line does.
pub(super) fn is_it(line: &str) -> bool {
    BEGINS.is_match(line)
}

/// # Errors
/// The line is cut off, or a field is not what it should be.
pub(super) fn entry(line: &str) -> Result<Entry, &'static str> {
    let fields = LINE.captures(line).ok_or("it breaks off, or a field of an S3 access log is not what it should be")?;
    let mut entry = Entry::of(LogSource::S3);
    let (at, unit) = common(&fields["at"]).ok_or("its time cannot be read")?;
    (entry.row.request_at, entry.row.precision_us) = (Some(at), Some(unit));
    entry.target = Target::of(&fields["uri"], false);
    entry.row.request_id = word(&fields["id"]);
    entry.row.operation = word(&fields["operation"]);
    entry.row.status = status(&fields["status"]);
    entry.row.error_code = word(&fields["error"]);
    entry.row.bytes_out = number(&fields["sent"]);
    entry.row.total_ms = number(&fields["total"]);
    entry.row.turnaround_ms = number(&fields["turnaround"]);
    Ok(entry)
}

static BEGINS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"^\S+ \S+ \[\d{2}/[A-Z][a-z]{2}/\d{4}:\d{2}:\d{2}:\d{2}(\.\d+)? [+-]\d{4}\] [^" ]"#)
        .expect("the expression is valid")
});

static LINE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"^\S+ \S+ \[(?<at>[^\]]+)\] \S+ \S+ (?<id>\S+) (?<operation>\S+) \S+ ",
        r#"(?<uri>-|".*?") (?<status>\d{3}|-) (?<error>\S+) (?<sent>\d+|-) (\d+|-) (?<total>\d+|-) (?<turnaround>\d+|-) "#,
        // Of what follows only that it is there, since the number before it may be cut.
        r#"(-|").*$"#
    ))
    .expect("the expression is valid")
});

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "79a59df900b949e55d96a1e698fbaced 5-users [30/Nov/2026:01:25:30 +0000] 192.0.2.3 \
        arn:aws:iam::123456789012:user/sweep 3E57427F3EXAMPLE REST.PUT.OBJECT sweep/run/c001-b1 \
        \"PUT /sweep/run/c001-b1?X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835&x-run=r-c001-b1-a1-u1-s1 HTTP/1.1\" \
        403 AccessDenied 243 - 41 7 \"-\" \"say \"hi\" there\" - s9lzHYrFp76ZVxRcpX9+5cjAnEH2ROuNkd2B= SigV4 \
        TLS_AES_128_GCM_SHA256 QueryString bucket.s3.eu-west-1.amazonaws.com TLSv1.3 - - eu-west-1";

    #[test]
    fn a_line_of_27_fields_is_read_and_its_signature_is_not_kept() {
        assert!(is_it(LINE));
        let entry = entry(LINE).unwrap();
        assert_eq!(entry.target.query[1], ("x-run".to_owned(), "r-c001-b1-a1-u1-s1".to_owned()));
        let row = entry.row;
        assert_eq!(row.request_at.unwrap().to_string(), "2026-11-30T01:25:30.000000Z");
        assert_eq!((row.precision_us, row.status), (Some(1_000_000), Some(403)));
        assert_eq!((row.total_ms, row.turnaround_ms, row.bytes_out), (Some(41), Some(7), Some(243)));
        let texts = [row.error_code, row.request_id, row.operation].map(Option::unwrap);
        assert_eq!(texts, ["AccessDenied", "3E57427F3EXAMPLE", "REST.PUT.OBJECT"]);
    }

    #[test]
    fn older_lines_have_18_fields_and_a_line_that_is_cut_before_its_numbers_end_is_bad() {
        let end = LINE.find(" s9lz").unwrap();
        assert_eq!(entry(&LINE[..end]).unwrap().row.turnaround_ms, Some(7));
        let numbers_end = LINE.find("41 7 ").unwrap() + "41 7".len();
        for cut in LINE.find("] 192").unwrap() + 3..=numbers_end {
            assert!(is_it(&LINE[..cut]) && entry(&LINE[..cut]).is_err(), "{}", &LINE[..cut]);
        }
    }
}
