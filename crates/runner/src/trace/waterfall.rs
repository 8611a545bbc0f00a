//! One transfer for people: its phases as bars on one time axis with the expiry marked, then its tape.

use std::fmt::Write;

use ttlsweep_record::text::visible_lines;
use ttlsweep_record::units::format_micros;
use ttlsweep_record::{EventRecord, TransferRecord};

/// Draws a transfer. Times are since its start; `width` is the terminal's. Nothing in it is obeyed by a terminal: the row
/// may come from a file that anyone wrote.
pub(crate) fn draw(row: &TransferRecord, events: &[EventRecord], width: usize) -> String {
    let mut text = String::new();
    heading(&mut text, row);
    let scale = Scale::new(row, width);
    for phase in phases(row) {
        let bar = scale.bar(phase.from_us, phase.to_us, phase.whole);
        let _ = writeln!(text, "{:<9}{bar}  {}", phase.name, phase.note);
    }
    if let Some(expiry) = expiry_us(row) {
        let _ = writeln!(text, "{:<9}{}  {}", "expiry", scale.mark(expiry), expiry_note(expiry));
    }
    let _ = writeln!(text, "\n{:>12}  event", "t");
    for event in events {
        let value = event.value.as_deref().unwrap_or_default();
        let _ = writeln!(text, "{:>12}  {:<24}{value}", format_micros(event.t_us), event.event.as_str());
    }
    visible_lines(&text) + "\n"
}

fn heading(text: &mut String, row: &TransferRecord) {
    let cap = row.bandwidth_bps.map_or_else(|| "unlimited".to_owned(), |rate| format!("at {rate}"));
    let link = row.ttl_s.map_or_else(|| "header-signed".to_owned(), |ttl| format!("TTL {ttl}s"));
    let _ = writeln!(text, "{}", row.transfer_id);
    let _ = writeln!(text, "{} {} {cap}, {link}, {}", row.method, row.size_bytes, row.endpoint);
    let status = row.status.map_or_else(String::new, |status| format!(" {status}"));
    let code = row.s3_code.as_deref().map_or_else(String::new, |code| format!(" {code}"));
    let margin = row.margin_us.map_or_else(String::new, |margin| {
        let side = if margin < 0 { "before" } else { "after" };
        format!(", {} {side} expiry", format_micros(margin.unsigned_abs()))
    });
    let took = format_micros(row.total_us);
    let _ = writeln!(text, "{}{status}{code} in phase {} after {took}{margin}", row.outcome, row.phase);
    if let Some(error) = &row.error {
        let _ = writeln!(text, "{error}");
    }
    if let Some(line) = answered_by(row) {
        let _ = writeln!(text, "{line}");
    }
    text.push('\n');
}

/// Who answered, and in which words where these are not S3's; `None` if the answer names nobody.
fn answered_by(row: &TransferRecord) -> Option<String> {
    let named = [("server", &row.server), ("via", &row.via), ("content-type", &row.content_type)];
    let named = named.iter().filter_map(|(name, value)| Some(format!("{name} {}", value.as_ref()?)));
    let parts: Vec<_> = named.chain(row.answer.as_ref().map(|answer| format!("\"{answer}\""))).collect();
    (!parts.is_empty()).then(|| format!("answered by: {}", parts.join(", ")))
}

/// A phase on the time axis.
struct Stretch {
    name: &'static str,
    from_us: u64,
    to_us: u64,
    /// Whether it ran to its end.
    whole: bool,
    note: String,
}

/// The phases that happened, one after the other; what was under way at the end is broken off there.
fn phases(row: &TransferRecord) -> Vec<Stretch> {
    let mut stretches = Vec::new();
    let mut at = 0;
    for (name, took) in [("dns", row.dns_us), ("connect", row.connect_us), ("tls", row.tls_us)] {
        if let Some(took) = took {
            let note = format_micros(took);
            stretches.push(Stretch { name, from_us: at, to_us: at + took, whole: true, note });
            at += took;
        }
    }
    let Some(head) = row.head_written_at else { return stretches };
    let head_us = u64::try_from(head.micros_since(row.started_at)).unwrap_or(0);
    let from = at.min(head_us);
    let sent = match row.send_us {
        Some(send) => {
            let note = format_micros(send);
            stretches.push(Stretch { name: "send", from_us: from, to_us: from + send, whole: true, note });
            from + send
        }
        None => {
            let acked = row.body_bytes_acked.map_or_else(String::new, |acked| format!(", {acked} acked"));
            let note = format!("broke off: {} of {} bytes written{acked}", row.body_bytes_written, row.body_bytes);
            stretches.push(Stretch { name: "send", from_us: from, to_us: row.total_us, whole: false, note });
            row.total_us
        }
    };
    let Some(began) = row.response_start_us else {
        if row.send_us.is_some() {
            let note = "no response".to_owned();
            stretches.push(Stretch { name: "wait", from_us: sent, to_us: row.total_us, whole: false, note });
        }
        return stretches;
    };
    if let Some(wait) = row.wait_us {
        let note = format_micros(wait);
        stretches.push(Stretch { name: "wait", from_us: began.saturating_sub(wait), to_us: began, whole: true, note });
    }
    let (to_us, whole) = match row.receive_us {
        Some(receive) => (began + receive, true),
        None => (row.total_us, false),
    };
    let early = if row.early_response == Some(true) { ", early: the body was still being sent" } else { "" };
    let note = format!("{}, {} bytes{early}", format_micros(to_us - began.min(to_us)), row.response_bytes);
    stretches.push(Stretch { name: "receive", from_us: began, to_us, whole, note });
    stretches
}

fn expiry_us(row: &TransferRecord) -> Option<i64> {
    Some(row.expires_at?.micros_since(row.started_at))
}

fn expiry_note(expiry_us: i64) -> String {
    let time = format_micros(expiry_us.unsigned_abs());
    if expiry_us < 0 { format!("{time} before the start") } else { format!("at {time}") }
}

/// Microseconds on columns.
struct Scale {
    columns: usize,
    longest_us: u64,
}

impl Scale {
    fn new(row: &TransferRecord, width: usize) -> Self {
        let columns = width.saturating_sub(9 + NOTE).clamp(20, 120);
        // An expiry far behind the end would press the transfer into one column.
        let expiry = expiry_us(row).and_then(|expiry| u64::try_from(expiry).ok());
        let near = expiry.filter(|expiry| *expiry <= row.total_us.saturating_mul(2));
        Self { columns, longest_us: row.total_us.max(near.unwrap_or(0)).max(1) }
    }

    fn column(&self, at_us: u64) -> usize {
        let last = self.columns as u64 - 1;
        (u128::from(at_us.min(self.longest_us)) * u128::from(last) / u128::from(self.longest_us)) as usize
    }

    fn bar(&self, from_us: u64, to_us: u64, whole: bool) -> String {
        let (from, to) = (self.column(from_us), self.column(to_us));
        let mut bar: String =
            (0..self.columns).map(|column| if (from..=to).contains(&column) { '█' } else { '·' }).collect();
        if !whole {
            bar = bar.chars().enumerate().map(|(column, char)| if column == to { '╳' } else { char }).collect();
        }
        bar
    }

    fn mark(&self, at_us: i64) -> String {
        let (column, mark) = match u64::try_from(at_us) {
            Err(_) => (0, '◂'),
            Ok(at) if at > self.longest_us => (self.columns - 1, '▸'),
            Ok(at) => (self.column(at), '┃'),
        };
        (0..self.columns).map(|index| if index == column { mark } else { '·' }).collect()
    }
}

/// Room for what stands behind a bar.
const NOTE: usize = 44;

#[cfg(test)]
mod tests {
    use ttlsweep_record::*;

    use super::*;

    fn row() -> TransferRecord {
        let cell = crate::experiment::example_cell();
        TransferRecord {
            transfer_id: "t1".into(),
            connect_us: Some(100_000),
            head_written_at: Some(Timestamp::from_unix_micros(100_000)),
            expires_at: Some(Timestamp::from_unix_micros(1_000_000)),
            total_us: 1_000_000,
            outcome: Outcome::Reset,
            phase: Phase::RequestBody,
            margin_us: Some(3_000),
            ..TransferRecord::begun(&cell, Timestamp::from_unix_micros(0))
        }
    }

    #[test]
    fn a_cut_shows_its_break_at_the_mark_of_expiry() {
        let text = draw(&row(), &[], 100);
        let column = |name: &str, char: char| {
            let line = text.lines().find(|line| line.starts_with(name)).unwrap();
            line.chars().position(|found| found == char).unwrap()
        };
        assert_eq!(column("send", '╳'), column("expiry", '┃'));
        assert!(text.contains("reset in phase request-body after 1.00s, 3.0ms after expiry"), "{text}");
    }

    #[test]
    fn a_terminal_has_nothing_to_obey() {
        let row = TransferRecord { s3_code: Some("\u{1b}[2J".into()), error: Some("a\u{7}b".into()), ..row() };
        let text = draw(&row, &[], 100);
        assert!(text.contains("␛[2J") && text.contains("a␇b"), "{text}");
        assert!(!text.chars().any(|char| char.is_control() && char != '\n'), "{text:?}");
    }

    #[test]
    fn who_answered_stands_below_the_outcome() {
        let row = TransferRecord { server: Some("nginx".into()), answer: Some("no \u{1b}[2J".into()), ..row() };
        let text = draw(&row, &[], 100);
        assert!(text.contains("\nanswered by: server nginx, \"no ␛[2J\"\n"), "{text}");
        assert!(!draw(&self::row(), &[], 100).contains("answered by"));
    }

    #[test]
    fn phases_that_did_not_happen_have_no_line() {
        let text = draw(&row(), &[], 100);
        assert!(
            !text.lines().any(|line| line.starts_with("dns") || line.starts_with("tls") || line.starts_with("wait"))
        );
    }
}
