//! The testbed's faults: what goes wrong with a transfer, and when, in one word such as `reset@50%`.
//!
//! The notation is `KIND[:ARGUMENT][@PLACE]`; [`KINDS`] and [`PLACES`] say what there is. A fault is always written
//! in one way: two are equal when their texts are.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units::{BitRate, UnitError, parse_duration};
use crate::words::Method;

/// One thing that goes wrong, and where in a transfer's course it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Fault {
    kind: FaultKind,
    place: FaultPlace,
}

impl Fault {
    /// What goes wrong.
    pub const fn kind(self) -> FaultKind {
        self.kind
    }

    /// Where it does.
    pub const fn place(self) -> FaultPlace {
        self.place
    }

    /// Why it could never happen to a transfer of this kind; `None` if it can.
    pub const fn misfit(self, method: Method) -> Option<&'static str> {
        use FaultKind::*;
        if method.is_upload() {
            return None;
        }
        match (self.kind, self.place) {
            (NoContinue | ContinueFirst | EarlyOk, _) => Some("a download has no request body"),
            (Error { .. } | Redirect | Garbage | TruncatedHead, FaultPlace::Share(_)) => {
                Some("an answer cannot be given once a download has started")
            }
            (StopReadingAfterAnswer, FaultPlace::Share(_) | FaultPlace::After(_) | FaultPlace::Expiry(_)) => {
                Some("a download's answer is given at the head or not at all")
            }
            _ => None,
        }
    }
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// A bare RST.
    Reset,
    /// A FIN, without close_notify even over TLS.
    Close,
    /// TLS close_notify, then a FIN.
    CloseNotify,
    /// An S3 error.
    Error {
        /// 400 to 599.
        status: u16,
        /// What stands in the XML's `Code`.
        code: S3Code,
    },
    /// A 307 to another host name.
    Redirect,
    /// Nothing is read or sent any more.
    Stall,
    /// Nothing is read or sent any faster than this.
    Slow(BitRate),
    /// Bytes that are not an HTTP response.
    Garbage,
    /// A response's head that breaks off.
    TruncatedHead,
    /// A response whose body breaks off.
    TruncatedBody,
    /// The 100 Continue is never sent.
    NoContinue,
    /// The 100 Continue is sent before the head is looked at.
    ContinueFirst,
    /// The head is read this long after it arrived.
    LateHead(Duration),
    /// A bare RST on this percentage of the connections.
    ResetSome(u8),
    /// A 200 before the body has come.
    EarlyOk,
    /// A whole answer, after which nothing more is read.
    StopReadingAfterAnswer,
    /// The idle connection is closed a moment after the answer.
    KeepAliveClose,
    /// The answer says `Connection: close`.
    ConnectionClose,
    /// A fatal alert in the TLS handshake.
    TlsAlert,
    /// A FIN in the TLS handshake.
    TlsClose,
    /// Nobody listens.
    Refuse,
    /// The connection is accepted, and that is all.
    Blackhole,
}

impl FaultKind {
    /// The word for it, without its argument.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Close => "close",
            Self::CloseNotify => "close-notify",
            Self::Error { .. } => "error",
            Self::Redirect => "redirect",
            Self::Stall => "stall",
            Self::Slow(_) => "slow",
            Self::Garbage => "garbage",
            Self::TruncatedHead => "truncated-head",
            Self::TruncatedBody => "truncated-body",
            Self::NoContinue => "no-continue",
            Self::ContinueFirst => "continue-first",
            Self::LateHead(_) => "late-head",
            Self::ResetSome(_) => "reset-some",
            Self::EarlyOk => "early-ok",
            Self::StopReadingAfterAnswer => "stop-reading-after-answer",
            Self::KeepAliveClose => "keep-alive-close",
            Self::ConnectionClose => "connection-close",
            Self::TlsAlert => "tls-alert",
            Self::TlsClose => "tls-close",
            Self::Refuse => "refuse",
            Self::Blackhole => "blackhole",
        }
    }

    /// Whether it meets the connection before there is any request.
    pub(crate) const fn is_of_connection(self) -> bool {
        matches!(self, Self::TlsAlert | Self::TlsClose | Self::Refuse | Self::Blackhole)
    }

    /// Whether it meets every transfer before its head is verified, so that what will be refused meets it, too.
    pub const fn is_before_the_head(self) -> bool {
        matches!(self, Self::ContinueFirst | Self::LateHead(_))
    }

    /// Whether it needs TLS to happen at all.
    pub const fn needs_tls(self) -> bool {
        matches!(self, Self::TlsAlert | Self::TlsClose)
    }

    /// Whether it can be placed; the others have a place by their nature.
    const fn takes_place(self) -> bool {
        !matches!(self, Self::NoContinue | Self::KeepAliveClose | Self::ConnectionClose)
            && !self.is_before_the_head()
            && !self.is_of_connection()
    }

    fn parse(text: &str) -> Result<Self, FaultError> {
        let (word, argument) = match text.split_once(':') {
            Some((word, argument)) => (word, Some(argument)),
            None => (text, None),
        };
        let kind = match (word, argument) {
            ("error", Some(argument)) => return parse_error(argument),
            ("error", None) => return Err(FaultError::new("`error` lacks its status and code", ERROR)),
            ("slow", Some(rate)) => {
                let rate = rate.parse().map_err(|error: UnitError| FaultError::new(error.problem, SLOW))?;
                return Ok(Self::Slow(rate));
            }
            ("slow", None) => return Err(FaultError::new("`slow` lacks its rate", SLOW)),
            ("late-head", Some(time)) => {
                let time = parse_duration(time).map_err(|error| FaultError::new(error.problem, LATE_HEAD))?;
                return Ok(Self::LateHead(time));
            }
            ("late-head", None) => return Err(FaultError::new("`late-head` lacks its time", LATE_HEAD)),
            ("reset-some", Some(share)) => {
                let percent = share.strip_suffix('%').and_then(|percent| percent.parse().ok());
                let percent = percent.filter(|percent| (1..=99).contains(percent));
                let wrong = || FaultError::new(format!("`{share}` is not a share of the connections"), RESET_SOME);
                return percent.map(Self::ResetSome).ok_or_else(wrong);
            }
            ("reset-some", None) => return Err(FaultError::new("`reset-some` lacks its share", RESET_SOME)),
            ("reset", _) => Self::Reset,
            ("close", _) => Self::Close,
            ("close-notify", _) => Self::CloseNotify,
            ("redirect", _) => Self::Redirect,
            ("stall", _) => Self::Stall,
            ("garbage", _) => Self::Garbage,
            ("truncated-head", _) => Self::TruncatedHead,
            ("truncated-body", _) => Self::TruncatedBody,
            ("no-continue", _) => Self::NoContinue,
            ("continue-first", _) => Self::ContinueFirst,
            ("early-ok", _) => Self::EarlyOk,
            ("stop-reading-after-answer", _) => Self::StopReadingAfterAnswer,
            ("keep-alive-close", _) => Self::KeepAliveClose,
            ("connection-close", _) => Self::ConnectionClose,
            ("tls-alert", _) => Self::TlsAlert,
            ("tls-close", _) => Self::TlsClose,
            ("refuse", _) => Self::Refuse,
            ("blackhole", _) => Self::Blackhole,
            _ => return Err(FaultError::new(format!("`{word}` is not a kind of fault"), every_kind())),
        };
        match argument {
            None => Ok(kind),
            Some(_) => Err(FaultError::new(format!("`{word}` takes no argument"), format!("write `{word}`"))),
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error { status, code } => write!(f, "error:{status}:{code}"),
            Self::Slow(rate) => write!(f, "slow:{rate}"),
            Self::LateHead(time) => write!(f, "late-head:{}", Exact(time.as_micros())),
            Self::ResetSome(percent) => write!(f, "reset-some:{percent}%"),
            other => f.pad(other.as_str()),
        }
    }
}

/// Where in a transfer's course a fault happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum FaultPlace {
    /// As soon as the request's head has arrived.
    #[default]
    Head,
    /// When this percentage of the body has come, of an upload's request or a download's response.
    Share(u8),
    /// So long after the head arrived.
    After(Duration),
    /// So many microseconds after the link's expiry; before it where negative. Without a link, never.
    Expiry(i64),
}

impl FaultPlace {
    fn parse(text: &str) -> Result<Self, FaultError> {
        let wrong = |problem: String| FaultError::new(problem, EXPECTED_PLACE);
        let duration = |text: &str| {
            let duration = parse_duration(text).map_err(|error| FaultError::new(error.problem, error.expected))?;
            let micros = i64::try_from(duration.as_micros());
            micros.map_err(|_| wrong(format!("`{text}` is longer than can be counted")))
        };
        if let Some(percent) = text.strip_suffix('%') {
            let share = percent.parse().ok().filter(|share| *share <= 100 && !percent.starts_with('+'));
            return share.map(Self::Share).ok_or_else(|| wrong(format!("`{text}` is not a share of a body")));
        }
        if let Some(after) = text.strip_prefix('+') {
            return Ok(match duration(after)? {
                0 => Self::Head,
                micros => Self::After(Duration::from_micros(micros.unsigned_abs())),
            });
        }
        match (text, text.strip_prefix("expiry")) {
            ("head", _) => Ok(Self::Head),
            (_, Some("")) => Ok(Self::Expiry(0)),
            (_, Some(offset)) if offset.starts_with('+') => Ok(Self::Expiry(duration(&offset[1..])?)),
            (_, Some(offset)) if offset.starts_with('-') => Ok(Self::Expiry(-duration(&offset[1..])?)),
            _ => Err(wrong(format!("`{text}` is not a place in a transfer"))),
        }
    }
}

impl fmt::Display for FaultPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Head => f.write_str("head"),
            Self::Share(percent) => write!(f, "{percent}%"),
            Self::After(after) => write!(f, "+{}", Exact(after.as_micros())),
            Self::Expiry(0) => f.write_str("expiry"),
            Self::Expiry(micros) => {
                let sign = if micros < 0 { '-' } else { '+' };
                write!(f, "expiry{sign}{}", Exact(micros.unsigned_abs().into()))
            }
        }
    }
}

/// An S3 error code, for example `SlowDown`: letters and digits, kept in place so that a fault can be copied.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct S3Code {
    letters: [u8; LONGEST_CODE],
    length: u8,
}

impl S3Code {
    /// The code's text.
    pub fn as_str(&self) -> &str {
        // Nothing but ASCII gets in.
        str::from_utf8(&self.letters[..usize::from(self.length)]).unwrap_or_default()
    }
}

impl FromStr for S3Code {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let fits = (1..=LONGEST_CODE).contains(&text.len());
        if !fits || !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.') {
            return Err(FaultError::new(format!("`{text}` is not an S3 error code"), ERROR));
        }
        let mut letters = [0; LONGEST_CODE];
        letters[..text.len()].copy_from_slice(text.as_bytes());
        Ok(Self { letters, length: text.len() as u8 })
    }
}

impl fmt::Display for S3Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for S3Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is not a fault, with what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}; {expected}")]
pub struct FaultError {
    /// What is wrong with the text.
    pub problem: String,
    /// What to write instead.
    pub expected: String,
}

impl FaultError {
    fn new(problem: impl Into<String>, expected: impl Into<String>) -> Self {
        Self { problem: problem.into(), expected: expected.into() }
    }
}

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let Some((kind, place)) = text.split_once('@') else {
            return Ok(Self { kind: FaultKind::parse(text)?, place: FaultPlace::default() });
        };
        let fault = Self { kind: FaultKind::parse(kind)?, place: FaultPlace::parse(place)? };
        if fault.kind.takes_place() {
            return Ok(fault);
        }
        Err(FaultError::new(format!("`{kind}` has its place by its nature"), format!("write `{kind}`")))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            FaultPlace::Head => self.kind.fmt(f),
            place => write!(f, "{}@{place}", self.kind),
        }
    }
}

impl From<Fault> for String {
    fn from(fault: Fault) -> Self {
        fault.to_string()
    }
}

impl TryFrom<String> for Fault {
    type Error = FaultError;

    fn try_from(text: String) -> Result<Self, FaultError> {
        text.parse()
    }
}

/// Every kind with what it does, for help texts and references. Where two things are said, the first is an upload's.
pub const KINDS: &[(&str, &str)] = &[
    ("reset", "A bare RST."),
    ("close", "A FIN, and no close_notify even over TLS; during a download, that is a truncated body."),
    ("close-notify", "TLS close_notify, then a FIN; over plain TCP the same as `close`."),
    (
        "error:STATUS:CODE",
        "An answer with this status (400 to 599) and S3 error code, for example `error:503:SlowDown`; then the \
         connection ends as `early_close` says, if the request's body had not come whole. A download's answer waits \
         for the place.",
    ),
    (
        "redirect",
        "S3's 307 TemporaryRedirect to another name of the same host, for which the link is not signed; else as \
         `error`.",
    ),
    ("stall", "Reads and sends nothing more, and never answers."),
    ("slow:RATE", "Reads, or sends, the body no faster than this from there on, for example `slow:64kbit/s`."),
    ("garbage", "Bytes that are not an HTTP response, then a FIN. A download's answer waits for the place."),
    ("truncated-head", "A response's head that breaks off, then a FIN. A download's answer waits for the place."),
    (
        "truncated-body",
        "A 500 whose body is half as long as its Content-Length, then a FIN; a download breaks off at the place, or \
         half-way if none is given.",
    ),
    ("no-continue", "The 100 Continue is never sent; a body that comes anyway is taken. Uploads only, no place."),
    (
        "continue-first",
        "The 100 Continue is sent before the head is looked at, as many proxies do; a request that is then refused gets it, \
         too. Uploads only, no place.",
    ),
    (
        "late-head:TIME",
        "The head is read this long after it arrived, for example `late-head:3s`, and refused then if the link has expired \
         meanwhile. No place.",
    ),
    (
        "reset-some:NN%",
        "As `reset`, on this share of the connections; a connection's number decides. For example \
         `reset-some:40%@expiry`.",
    ),
    ("early-ok", "A 200 before the body has come whole, which is then read on and stored. Uploads only."),
    (
        "stop-reading-after-answer",
        "An answer, after which nothing more is read, and the connection stays open: an early 503 SlowDown, or a \
         download's ordinary answer.",
    ),
    ("keep-alive-close", "The ordinary answer; 0.1 s later the idle connection is closed. No place."),
    ("connection-close", "The ordinary answer with `Connection: close`. No place."),
    ("tls-alert", "A fatal handshake_failure in place of the server's half of the TLS handshake. No place."),
    ("tls-close", "A FIN in place of the server's half of the TLS handshake. No place."),
    ("refuse", "Nobody listens at the port: connections are refused. No place."),
    ("blackhole", "Connections are accepted, and then nothing is read or said, not even TLS. No place."),
];

/// Every place with what it means.
pub const PLACES: &[(&str, &str)] = &[
    ("head", "As soon as the request's head has arrived; the default."),
    ("NN%", "When this share of the body has come: of an upload's body received, of a download's body sent."),
    ("+TIME", "This long after the head arrived, for example `+250ms`."),
    (
        "expiry, expiry+TIME, expiry-TIME",
        "At the link's expiry, or this long after or before it. A request signed in headers has no expiry, and is \
         never affected.",
    ),
];

fn parse_error(argument: &str) -> Result<FaultKind, FaultError> {
    let (status, code) = argument
        .split_once(':')
        .ok_or_else(|| FaultError::new(format!("`error:{argument}` lacks its status or code"), ERROR))?;
    let status = status
        .parse()
        .ok()
        .filter(|status| (400..600).contains(status))
        .ok_or_else(|| FaultError::new(format!("`{status}` is not an error's status"), ERROR))?;
    Ok(FaultKind::Error { status, code: code.parse()? })
}

fn every_kind() -> String {
    let kinds: Vec<_> = KINDS.iter().map(|(notation, _)| *notation).collect();
    format!("expected one of: {}", kinds.join(", "))
}

/// Microseconds as a duration that reads back as itself.
struct Exact(u128);

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            micros if micros.is_multiple_of(1_000_000) => write!(f, "{}s", micros / 1_000_000),
            micros if micros.is_multiple_of(1_000) => write!(f, "{}ms", micros / 1_000),
            micros => write!(f, "{micros}us"),
        }
    }
}

/// S3's longest codes have some 50 letters.
const LONGEST_CODE: usize = 62;

const ERROR: &str = "write for example `error:503:SlowDown`: a status from 400 to 599, and one of S3's error codes";

const SLOW: &str = "write for example `slow:64kbit/s`";

const LATE_HEAD: &str = "write for example `late-head:3s`";

const RESET_SOME: &str = "write for example `reset-some:40%@expiry`, from 1 to 99 %";

const EXPECTED_PLACE: &str = "expected `head`, a share such as `50%`, a time after the head such as `+250ms`, \
                              `expiry`, `expiry+100ms` or `expiry-100ms`";

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Fault {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn say(text: &str) -> String {
        text.parse::<Fault>().unwrap_err().to_string()
    }

    #[test]
    fn every_kind_reads_back_as_itself() {
        let mut words = Vec::new();
        for (notation, _) in KINDS {
            let text = notation.replace("STATUS", "503").replace("CODE", "SlowDown").replace("RATE", "64kbit/s");
            let text = text.replace("TIME", "1500ms").replace("NN%", "40%");
            assert_eq!(read(&text).to_string(), text);
            let word = read(&text).kind().as_str();
            assert!(text == word || text.starts_with(&format!("{word}:")), "{text}");
            assert!(!words.contains(&word));
            words.push(word);
        }
    }

    #[test]
    fn every_place_reads_back_in_one_notation() {
        for (text, canonical) in [
            ("reset@head", "reset"),
            ("reset@+0s", "reset"),
            ("reset@0%", "reset@0%"),
            ("reset@100%", "reset@100%"),
            ("reset@+0.25s", "reset@+250ms"),
            ("reset@+90s", "reset@+90s"),
            ("reset@+1500us", "reset@+1500us"),
            ("reset@expiry", "reset@expiry"),
            ("reset@expiry-0ms", "reset@expiry"),
            ("reset@expiry+100ms", "reset@expiry+100ms"),
            ("slow:64000bit/s@expiry-1s", "slow:64kbit/s@expiry-1s"),
            ("error:403:ExpiredToken@50%", "error:403:ExpiredToken@50%"),
        ] {
            assert_eq!(read(text).to_string(), canonical, "{text}");
            assert_eq!(read(canonical), read(text));
        }
        assert_eq!(read("close@expiry-100ms").place(), FaultPlace::Expiry(-100_000));
        assert_eq!(read("close@+250ms").place(), FaultPlace::After(Duration::from_millis(250)));
    }

    #[test]
    fn what_is_no_fault_is_told_what_to_write() {
        assert!(say("rest").starts_with("`rest` is not a kind of fault; expected one of: reset, close, "));
        assert_eq!(say("reset:now"), "`reset` takes no argument; write `reset`");
        assert!(say("error").contains("`error:503:SlowDown`"));
        assert!(say("error:200:Fine").contains("`200` is not an error's status"));
        assert!(say("error:503").contains("lacks its status or code"));
        assert!(say("error:503:Slow Down").contains("not an S3 error code"));
        assert!(say("slow").contains("`slow:64kbit/s`"));
        assert!(say("slow:64").ends_with("; write for example `slow:64kbit/s`"));
        assert!(say("late-head").contains("`late-head:3s`") && say("late-head:3").contains("`late-head:3s`"));
        assert!(say("reset-some:0%").contains("`0%` is not a share of the connections"));
        assert_eq!(say("late-head:3s@50%"), "`late-head:3s` has its place by its nature; write `late-head:3s`");
        assert!(say("reset@half").contains("`half` is not a place in a transfer"));
        assert!(say("reset@101%").contains("`101%` is not a share of a body"));
        assert!(say("reset@-5ms").contains("not a place"));
        assert!(say("reset@+5").contains("write `5s`"));
        assert_eq!(say("refuse@50%"), "`refuse` has its place by its nature; write `refuse`");
    }

    #[test]
    fn a_download_cannot_meet_everything() {
        assert_eq!(read("error:503:SlowDown@50%").misfit(Method::UploadPart), None);
        assert!(read("error:503:SlowDown@50%").misfit(Method::Get).is_some());
        assert_eq!(read("error:503:SlowDown@+1s").misfit(Method::Get), None);
        assert!(read("early-ok").misfit(Method::Get).is_some());
        assert_eq!(read("truncated-body@50%").misfit(Method::Get), None);
    }
}
