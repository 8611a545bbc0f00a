//! What a client could see of a transfer: all that the verdict is drawn from. The testbed's truth has no place in these
//! types, so that no conclusion can rest on it.

use ttlsweep_record::{BitRate, Cell, Control, Method, Outcome, Phase, SampleRecord};

/// One transfer of a whole trial. Instants are microseconds since the epoch by this machine's clock.
#[derive(Debug, Clone, Copy)]
pub struct Transfer {
    /// The trial, as its place among the whole trials.
    pub trial: u32,
    /// The cell, as its place among the plan's cells.
    pub cell: u32,
    /// Who asked which endpoint, as its place among these.
    pub asked: u32,
    /// What the final response said, as its place among the distinct answers; `None` if no response was read.
    pub answer: Option<u32>,
    /// When it started.
    pub started_at: i64,
    /// When it ended.
    pub ended_at: i64,
    /// From the start to the end, in microseconds.
    pub total_us: u64,
    /// When its link was made.
    pub presigned_at: Micros,
    /// When its link expired.
    pub expires_at: Micros,
    /// An instant before which the server cannot have read its clock for the answer; unknown if no head was written.
    pub sent_after: Micros,
    /// When the socket had taken the request's head.
    pub head_written_at: Micros,
    /// When the peer's kernel had confirmed the head.
    pub head_acked_at: Micros,
    /// From the start to the 100 Continue.
    pub continue_us: Micros,
    /// What the final response was dated: cut to whole seconds, by the server's clock.
    pub server_time: Micros,
    /// From the first request byte written to the last.
    pub send_us: Micros,
    /// From the start to the final response's first byte.
    pub response_start_us: Micros,
    /// The body's size.
    pub body_bytes: u64,
    /// Request body bytes that the socket took.
    pub body_bytes_written: u64,
    /// Request body bytes that the peer's kernel confirmed.
    pub body_bytes_acked: Micros,
    /// The last instant at which the socket was seen to hold bytes that the peer's kernel had not confirmed; known only of
    /// uploads that [wait](Self::waits) and have samples.
    pub unconfirmed_at: Micros,
    /// Response body bytes read.
    pub response_bytes: u64,
    /// The smoothed round-trip time, as it was at the end: in a full uplink most of it is the queue.
    pub rtt_us: Option<u32>,
    /// The least round-trip time that its connection saw.
    pub min_rtt_us: Option<u32>,
    /// From the link's making to its head; unknown without a link.
    pub link_age_us: Micros,
    /// What its minter took for the link; unknown if it was signed here or stood in a file.
    pub mint_us: Micros,
    /// Segments that were sent again.
    pub retransmits: Option<u32>,
    /// What happened on the wire.
    pub outcome: Outcome,
    /// Where it ended.
    pub phase: Phase,
    /// Whether it used a kept-alive connection.
    pub reused_connection: bool,
    /// Whether its first socket error was one of this machine's own, such as a lack of descriptors.
    pub local_error: bool,
    /// Which timeout ended it.
    pub ran_out: Option<Timeout>,
    /// Where the lines begin that servers' own logs have of it.
    pub logged: LogPlace,
}

impl Transfer {
    /// Whether it is in the denominators: all are but the cancelled, which are censored, and this machine's own failures.
    pub(crate) const fn counts(&self) -> bool {
        !matches!(self.outcome, Outcome::Cancelled | Outcome::FailedLocally)
    }

    /// Whether this is an upload that the socket had taken whole for so long before anything came of it that samples may tell
    /// when the peer had it.
    pub fn waits(&self) -> bool {
        let taken = self.head_written_at.get().zip(self.send_us.get()).map(|(head, sent)| head + sent);
        let came = self.response_start_us.get().map_or(self.ended_at, |response| self.started_at + response);
        self.body_bytes_written > 0 && taken.is_some_and(|taken| came - taken >= SAMPLED_EVERY_US)
    }

    /// Takes note of what the kernel was seen to hold.
    pub fn note_sample(&mut self, sample: &SampleRecord) {
        if sample.bytes_acked < sample.bytes_written {
            let at = self.started_at.saturating_add_unsigned(sample.t_us);
            self.unconfirmed_at = self.unconfirmed_at.get().max(Some(at)).into();
        }
    }
}

/// Samples are no denser.
const SAMPLED_EVERY_US: i64 = 100_000;

/// An endpoint as one run asked it, or one machine of a run; another one may find its clock elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Asked {
    /// The run, as its place among the runs.
    pub run: u32,
    /// The shard, as its place among those that the run's environment tells of; `None` if it tells of none.
    pub shard: Option<u32>,
    /// Scheme, host and port; empty if a transfer never came that far.
    pub endpoint: String,
}

/// A number of microseconds or bytes that may be unknown, in eight bytes instead of an option's sixteen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Micros(i64);

impl Micros {
    /// Nothing known.
    pub const UNKNOWN: Self = Self(i64::MIN);

    /// The number, if it is known.
    pub(crate) const fn get(self) -> Option<i64> {
        if self.0 == i64::MIN { None } else { Some(self.0) }
    }
}

impl From<Option<i64>> for Micros {
    fn from(value: Option<i64>) -> Self {
        value.map_or(Self::UNKNOWN, Self)
    }
}

/// A place among the lines of servers' own logs, if there is one, in four bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogPlace(u32);

impl LogPlace {
    /// No line.
    pub const NONE: Self = Self(u32::MAX);

    /// The place of the next line, `lines` being there already.
    pub fn after(lines: usize) -> Self {
        Self(u32::try_from(lines).unwrap_or(u32::MAX))
    }

    /// The place.
    pub const fn get(self) -> Option<usize> {
        if self.0 == u32::MAX { None } else { Some(self.0 as usize) }
    }
}

/// The timeouts of this side: none of them is the server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Timeout {
    /// No byte moved in either direction for as long as the experiment allows.
    Idle,
    /// The kernel gave up on a peer that confirmed nothing.
    Kernel,
    /// The connection was not made in time.
    Connect,
    /// The whole transfer took too long.
    Whole,
}

/// What a final response said, and who seems to have said it. Words that hold digits are masked in texts, so that times and
/// names of requests don't make every answer a kind of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// S3's code, empty if there was none.
    pub code: String,
    /// S3's message, masked and cut short.
    pub message: String,
    /// Whether it carried a request id.
    pub has_request_id: bool,
    /// Its `Server`; empty if it had none, or where the file is too old to tell.
    pub server: String,
    /// Its content type, without parameters; empty as `server` may be.
    pub content_type: String,
    /// The beginning of its text where that was not S3's XML, masked and cut short.
    pub text: String,
}

impl Answer {
    /// The answer with its message masked, and nothing known of who gave it.
    pub fn new(status: u16, code: &str, message: &str) -> Self {
        Self { status, code: code.to_owned(), message: masked(message), ..Self::default() }
    }

    /// The same answer with what tells who gave it.
    #[must_use]
    pub fn from_whom(self, has_request_id: bool, server: &str, content_type: &str, text: &str) -> Self {
        let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        // A status in a page's title is not a name of a request.
        let text = masked_unless(text, |word| word.len() <= 3 && word.bytes().all(|byte| byte.is_ascii_digit()));
        Self { has_request_id, server: server.to_owned(), content_type: kind, text, ..self }
    }
}

fn masked(text: &str) -> String {
    masked_unless(text, |_| false)
}

fn masked_unless(text: &str, stays: fn(&str) -> bool) -> String {
    let words = text.split_whitespace().take(MOST_WORDS);
    let mask = |word| if !stays(word) && word.bytes().any(|byte: u8| byte.is_ascii_digit()) { "#" } else { word };
    words.map(mask).collect::<Vec<_>>().join(" ")
}

/// The settings of a cell that a client knows. What the testbed was told to do is left behind here.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Condition {
    /// Which control it is.
    pub control: Option<Control>,
    /// What it shares with its controls.
    pub key: Key,
    /// Whether its transfers wait for a 100 Continue.
    pub expects: bool,
}

/// The settings of the workload that a cell and its controls have in common. It holds whatever is not left out by name, so that
/// transfers which differ in a new setting are not compared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key(Cell);

impl Key {
    fn of(cell: &Cell) -> Self {
        Self(Cell {
            // A control differs in these by design.
            cell_id: String::new(),
            control: None,
            ttl_s: None,
            ttl_most_s: None,
            expect_continue: cell.expect_continue && cell.control != Some(Control::ExpectContinue),
            // Time before a trial, limits that few transfers meet, and what is signed are no part of the load.
            jitter_us: 0,
            connect_timeout_us: 0,
            idle_timeout_us: 0,
            timeout_us: 0,
            run_parameter: None,
            headers: None,
            query: None,
            signature: None,
            ..cell.workload_alone()
        })
    }

    /// How many users run at once.
    pub fn users(&self) -> u32 {
        self.0.users
    }

    /// The body's size in bytes.
    pub fn size_bytes(&self) -> u64 {
        self.0.size_bytes.0
    }

    /// The cap.
    pub fn bandwidth(&self) -> Option<BitRate> {
        self.0.bandwidth_bps
    }

    /// The method.
    pub fn method(&self) -> Method {
        self.0.method
    }
}

impl Condition {
    /// What a client knows of `cell`.
    pub fn of(cell: &Cell) -> Self {
        Self { control: cell.control, key: Key::of(cell), expects: cell.expect_continue }
    }
}

/// Distinct values, each with a number by which rows name it.
#[derive(Debug)]
pub struct Dictionary<T> {
    values: Vec<T>,
    places: std::collections::HashMap<T, u32>,
}

impl<T> Default for Dictionary<T> {
    fn default() -> Self {
        Self { values: Vec::new(), places: std::collections::HashMap::new() }
    }
}

impl<T: Clone + Eq + std::hash::Hash> Dictionary<T> {
    /// The number of `value`, a new one if it was never seen.
    pub fn place(&mut self, value: T) -> u32 {
        let next = u32::try_from(self.values.len()).unwrap_or(u32::MAX);
        *self.places.entry(value).or_insert_with_key(|value| {
            self.values.push(value.clone());
            next
        })
    }

    /// The values, each at the place that is its number.
    pub fn values(&self) -> &[T] {
        &self.values
    }
}

/// More of a message tells nothing more about its kind.
const MOST_WORDS: usize = 12;

#[cfg(test)]
mod tests {
    use ttlsweep_record::TargetKind;
    use ttlsweep_record::words::ExpiryPolicy;

    use super::*;

    #[test]
    fn times_and_names_in_a_message_make_no_kind_of_its_own() {
        let answer = |text| Answer::new(403, "AccessDenied", text);
        assert_eq!(answer("Request 0AF3 has expired"), answer("Request 99B1 has  expired"));
        assert_ne!(answer("Request has expired"), answer("Access Denied"));
    }

    #[test]
    fn an_answer_is_told_apart_by_who_gave_it() {
        let answer =
            |server| Answer::new(503, "", "").from_whom(false, server, "text/html; charset=utf-8", "503 Ray 7f");
        assert_eq!(answer("nginx"), answer("nginx"));
        assert_ne!(answer("nginx"), answer("haproxy"));
        assert_eq!((answer("nginx").content_type.as_str(), answer("nginx").text.as_str()), ("text/html", "503 Ray #"));
    }

    #[test]
    fn a_cell_and_its_controls_share_a_key_and_no_policy_of_a_testbed_is_in_it() {
        let grid = Cell { users: 5, ttl_s: Some(8), ..Cell::blank(TargetKind::Embedded) };
        let control = Cell { control: Some(Control::LongTtl), ttl_s: Some(3600), ..grid.clone() };
        let continued = Cell { control: Some(Control::ExpectContinue), expect_continue: true, ..grid.clone() };
        let cutting = Cell { expiry_policy: Some(ExpiryPolicy::InFlight), bucket: "b".to_owned(), ..grid.clone() };
        let key = |cell: &Cell| Condition::of(cell).key;
        assert_eq!([&control, &continued, &cutting].map(key), [&grid; 3].map(key));
        for other in [
            Cell { users: 6, ..grid.clone() },
            Cell { expect_continue: true, ..grid.clone() },
            Cell { congestion: Some("bbr".to_owned()), ..grid.clone() },
        ] {
            assert_ne!(key(&other), key(&grid), "{other:?}");
        }
    }

    #[test]
    fn equal_values_have_one_number() {
        let mut dictionary = Dictionary::default();
        let places = ["a", "b", "a"].map(|value| dictionary.place(value));
        assert_eq!(places, [0, 1, 0]);
        assert_eq!(dictionary.values(), ["a", "b"]);
    }

    #[test]
    fn an_unknown_number_is_none() {
        assert_eq!(Micros::from(None).get(), None);
        assert_eq!(Micros::from(Some(-5)).get(), Some(-5));
        assert_eq!(size_of::<Micros>(), 8);
    }
}
