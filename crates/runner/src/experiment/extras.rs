//! What is signed beside `host` and the object: the transfer's name in the query, and what a bucket demands there and in headers.

mod query;

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use ttlsweep_record::{Cell, Method, SignatureVersion};

pub(crate) use query::SignedQuery;

/// What a store's requests carry beside what S3 needs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Extras {
    /// The query parameter that names the transfer.
    pub run_parameter: RunParameter,
    /// The headers.
    pub headers: SignedHeaders,
    /// The query parameters of links.
    pub query: SignedQuery,
    /// Whether links are of Signature Version 2.
    pub is_v2: bool,
}

/// The requests that differ in the headers which S3 has for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bearer {
    /// PutObject of a transfer's body.
    Put,
    /// What makes an object and has another body, or none: CreateMultipartUpload, and the run's marker.
    Begin,
    /// UploadPart.
    Part,
    /// GetObject.
    Get,
}

impl Bearer {
    /// The transfers by this method.
    pub(crate) const fn of(method: Method) -> Self {
        match method {
            Method::Put => Self::Put,
            Method::Get => Self::Get,
            Method::UploadPart => Self::Part,
        }
    }
}

impl Extras {
    /// Those of a cell.
    pub(crate) fn of(cell: &Cell) -> Self {
        Self {
            run_parameter: cell.run_parameter.as_deref().map(RunParameter::from_cell).unwrap_or_default(),
            headers: cell.headers.as_deref().map(SignedHeaders::from_cell).unwrap_or_default(),
            query: cell.query.as_deref().map(SignedQuery::from_cell).unwrap_or_default(),
            is_v2: cell.signature == Some(SignatureVersion::V2),
        }
    }

    /// The same for a body of this SHA-256.
    pub(crate) fn of_body(&self, sha256: &[u8]) -> Self {
        let mut extras = self.clone();
        extras.headers.0.insert(CHECKSUM.to_owned(), STANDARD.encode(sha256));
        extras
    }

    /// The headers of a request that is signed in its headers: `x-amz-…` parameters of a link are among them, since S3 reads them
    /// in the query of a link alone.
    pub(crate) fn headers_of(&self, bearer: Bearer) -> HeaderMap {
        let mut headers = self.headers.of(bearer);
        for (name, value) in self.query.as_headers(bearer) {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
                headers.insert(name, value);
            }
        }
        headers
    }

    /// The address with the parameters of a link to such a request, the transfer's name among them.
    pub(crate) fn named(&self, uri: &str, bearer: Bearer, transfer_id: &str) -> String {
        let (address, query) = uri.split_once('?').unwrap_or((uri, ""));
        let name = self.run_parameter.name();
        // Where a store refuses what it does not know: the SDK names its operation in a parameter that no store needs.
        let is_kept = |pair: &&str| !pair.is_empty() && (name.is_some() || !pair.starts_with("x-id="));
        let kept = query.split('&').filter(is_kept).map(str::to_owned);
        let named = name.map(|name| format!("{name}={transfer_id}"));
        let pairs: Vec<String> = kept.chain(self.query.in_link(bearer)).chain(named).collect();
        if pairs.is_empty() { address.to_owned() } else { format!("{address}?{}", pairs.join("&")) }
    }
}

/// The query parameter that names a transfer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum RunParameter {
    /// `x-run`.
    #[default]
    XRun,
    /// Another name that begins with `x-`.
    Other(String),
    /// None: the store refuses what it does not know.
    Nothing,
}

impl RunParameter {
    /// The parameter of this name; `None` if S3 would not ignore it, or a URL would have to escape it.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let lower = name.to_ascii_lowercase();
        if lower == "x-run" && name == "x-run" {
            return Some(Self::XRun);
        }
        let own = lower.starts_with("x-") && lower.len() > 2 && lower.len() <= LONGEST_NAME;
        (own && !lower.starts_with("x-amz") && lower != "x-id" && name.chars().all(fits))
            .then(|| Self::Other(name.to_owned()))
    }

    /// Its name; `None` if there is none.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::XRun => Some("x-run"),
            Self::Other(name) => Some(name),
            Self::Nothing => None,
        }
    }

    /// As `cells.csv` has it.
    pub(crate) fn cell(&self) -> Option<String> {
        match self {
            Self::XRun => None,
            Self::Other(name) => Some(name.clone()),
            Self::Nothing => Some("false".to_owned()),
        }
    }

    fn from_cell(text: &str) -> Self {
        Self::named(text).unwrap_or(Self::Nothing)
    }
}

/// Headers by their names in lower case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SignedHeaders(BTreeMap<String, String>);

/// Why a header or a parameter cannot be signed and sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BadExtra {
    /// Its name: the problem, and what to do.
    Name(&'static str, &'static str),
    /// Its value: the problem, and what to do.
    Value(&'static str, &'static str),
}

impl SignedHeaders {
    /// Adds a header.
    ///
    /// # Errors
    /// It is not a header, is there already, belongs to the connection or the signature, or would change what is asked.
    pub(crate) fn add(&mut self, name: &str, value: &str) -> Result<(), BadExtra> {
        let no_name = "expected a header's name: letters, digits and -";
        let parsed: HeaderName = name.parse().map_err(|_| BadExtra::Name(no_name, "write for example x-amz-acl"))?;
        let name = parsed.as_str();
        if let Some((problem, help)) = is_refused(REFUSED, name) {
            return Err(BadExtra::Name(problem, help));
        }
        if self.0.contains_key(name) {
            return Err(BadExtra::Name("here a second time", "leave one of them out: names are the same in any case"));
        }
        check_value(value)?;
        if value == OF_BODY && name.starts_with("x-amz-checksum-") && name != CHECKSUM {
            let help = "write x-amz-checksum-sha256 = \"body\"";
            return Err(BadExtra::Value("is computed for x-amz-checksum-sha256 alone", help));
        }
        self.0.insert(name.to_owned(), value.to_owned());
        Ok(())
    }

    /// Whether each body's own SHA-256 is a header's value.
    pub(crate) fn want_digest(&self) -> bool {
        self.0.get(CHECKSUM).is_some_and(|value| value == OF_BODY)
    }

    /// Names and values, in the order of the names.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// As `cells.csv` has it.
    pub(crate) fn cell(&self) -> Option<String> {
        let escaped = |value: &str| value.replace('\\', "\\\\").replace(';', "\\;");
        let pairs: Vec<_> = self.pairs().map(|(name, value)| format!("{name}: {}", escaped(value))).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// What is not a header of ours in the text is left out: only [`cell`](Self::cell) writes it.
    fn from_cell(text: &str) -> Self {
        let mut headers = Self::default();
        for pair in split(text) {
            if let Some((name, value)) = pair.split_once(':') {
                let _ = headers.add(name.trim(), value.trim());
            }
        }
        headers
    }

    /// Those that S3 has for such a request, ready to be sent.
    pub(crate) fn of(&self, bearer: Bearer) -> HeaderMap {
        let fitting = self.pairs().filter(|(name, _)| goes_with(name, bearer));
        fitting
            .filter_map(|(name, value)| Some((HeaderName::try_from(name).ok()?, HeaderValue::from_str(value).ok()?)))
            .collect()
    }
}

/// Whether a header may have this value.
fn check_value(value: &str) -> Result<(), BadExtra> {
    // A tab would be lost or kept, depending on who canonicalises it.
    let problem = if !value.chars().all(|c| c == ' ' || c.is_ascii_graphic()) {
        "has characters that a header cannot carry"
    } else if value.is_empty() || value.trim() != value || value.contains("  ") {
        "is empty, or has spaces that do not survive signing"
    } else if value.len() > LONGEST_VALUE {
        "is longer than 2048 bytes"
    } else {
        return Ok(());
    };
    Err(BadExtra::Value(problem, "write one line of printable ASCII characters, without spaces at its ends"))
}

/// Why a name in lower case is not for a table, and what to do.
fn is_refused(refused: &[Refused], name: &str) -> Option<(&'static str, &'static str)> {
    let matches = |refused: &str| refused.strip_suffix('*').map_or(name == refused, |start| name.starts_with(start));
    refused.iter().find(|(refused, _, _)| matches(refused)).map(|(_, problem, help)| (*problem, *help))
}

/// A name, or its beginning before a `*`; why it is not for a table; and what to do.
type Refused = (&'static str, &'static str, &'static str);

/// Splits at each `;` that is not escaped, and takes the escapes away.
fn split(text: &str) -> Vec<String> {
    let (mut pairs, mut pair, mut characters) = (Vec::new(), String::new(), text.chars());
    while let Some(character) = characters.next() {
        match character {
            '\\' => pair.extend(characters.next()),
            ';' => pairs.push(std::mem::take(&mut pair)),
            other => pair.push(other),
        }
    }
    pairs.push(pair);
    pairs
}

/// Whether S3 has the header for this request. Who is not S3's (`x-tenant`) goes with every one: a gateway may demand it.
fn goes_with(name: &str, bearer: Bearer) -> bool {
    let is_one_of = |names: &[&str]| {
        names.iter().any(|known| known.strip_suffix('*').map_or(name == *known, |start| name.starts_with(start)))
    };
    // `x-amz-checksum-algorithm` begins an upload; the others are of one body.
    let of_body = is_one_of(&["x-amz-checksum-*", "x-amz-sdk-checksum-algorithm", "content-md5"]);
    let of_every = is_one_of(&["x-amz-request-payer", "x-amz-expected-bucket-owner"]);
    match bearer {
        Bearer::Put => name != "x-amz-checksum-mode",
        Bearer::Begin => {
            name == "x-amz-checksum-algorithm"
                || name == "x-amz-checksum-type"
                || (!of_body && name != "x-amz-checksum-mode")
        }
        Bearer::Part => of_every || (of_body && name != "x-amz-checksum-mode") || !is_one_of(OF_AN_OBJECT),
        Bearer::Get => of_every || name == "x-amz-checksum-mode" || (!of_body && !is_one_of(OF_AN_OBJECT)),
    }
}

/// What an object is made with, and what is not asked when it is read.
const OF_AN_OBJECT: &[&str] = &["content-*", "cache-control", "expires", "x-amz-*", "if-match", "if-none-match"];

/// Headers that are not for a table.
const REFUSED: &[Refused] = &[
    ("host", CONNECTIONS, "leave it out: the endpoint gives it"),
    ("content-length", CONNECTIONS, "leave it out: the body gives it"),
    ("transfer-encoding", CONNECTIONS, LEAVE),
    ("connection", CONNECTIONS, LEAVE),
    ("keep-alive", CONNECTIONS, LEAVE),
    ("te", CONNECTIONS, LEAVE),
    ("trailer", CONNECTIONS, LEAVE),
    ("upgrade", CONNECTIONS, LEAVE),
    ("proxy-*", CONNECTIONS, "leave it out: the proxy's URL in HTTPS_PROXY may have a name and a password"),
    ("expect", CONNECTIONS, "leave it out, and write expect_continue = true below [transfer]"),
    ("authorization", SIGNATURES, LEAVE),
    ("date", SIGNATURES, LEAVE),
    ("x-amz-date", SIGNATURES, LEAVE),
    ("x-amz-content-sha256", SIGNATURES, LEAVE),
    ("x-amz-security-token", SIGNATURES, "leave it out, and set AWS_SESSION_TOKEN"),
    ("x-amz-algorithm", SIGNATURES, LEAVE),
    ("x-amz-credential", SIGNATURES, LEAVE),
    ("x-amz-expires", SIGNATURES, "leave it out, and write ttl below [grid]"),
    ("x-amz-signature", SIGNATURES, LEAVE),
    ("x-amz-signedheaders", SIGNATURES, LEAVE),
    ("x-amz-decoded-content-length", SIGNATURES, LEAVE),
    ("x-amz-trailer", SIGNATURES, LEAVE),
    ("user-agent", "proxies change it, so that it is never signed", LEAVE),
    ("x-amzn-trace-id", "proxies change it, so that it is never signed", LEAVE),
    ("cookie", "a secret would be written into the run's files", LEAVE),
    (
        "x-amz-server-side-encryption-customer-*",
        "a key would be written into the run's files",
        "leave it out: keys of one's own (SSE-C) cannot be used",
    ),
    ("range", "a transfer is a whole object", LEAVE),
    ("if-range", "a transfer is a whole object", LEAVE),
    ("content-range", "a transfer is a whole object", LEAVE),
    ("x-amz-copy-source*", "the object would be copied, not uploaded", LEAVE),
    ("x-amz-write-offset-bytes", "a transfer is a whole object", LEAVE),
];

const CONNECTIONS: &str = "it belongs to the connection, and ttlsweep sets it";
const SIGNATURES: &str = "it belongs to the signature, and ttlsweep sets it";
const LEAVE: &str = "leave it out";

/// The header that may have each body's own checksum, and the word that asks for it.
const CHECKSUM: &str = "x-amz-checksum-sha256";
const OF_BODY: &str = "body";

/// Longer names and values are refused by servers before anything else.
const LONGEST_NAME: usize = 64;
const LONGEST_VALUE: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> SignedHeaders {
        let mut headers = SignedHeaders::default();
        for (name, value) in pairs {
            headers.add(name, value).unwrap();
        }
        headers
    }

    #[test]
    fn headers_come_back_from_their_cell_whatever_their_values_hold() {
        let headers =
            of(&[("Content-Type", "text/plain; charset=utf-8"), ("x-amz-meta-a", "b\\; c: d"), ("x-a", "=1")]);
        let text = headers.cell().unwrap();
        assert!(text.starts_with("content-type: text/plain\\; charset=utf-8; x-a: =1; "), "{text}");
        assert_eq!(SignedHeaders::from_cell(&text), headers);
        assert_eq!(SignedHeaders::default().cell(), None);
    }

    #[test]
    fn a_request_gets_the_headers_that_s3_has_for_it() {
        let headers = of(&[
            ("content-type", "a/b"),
            ("x-amz-server-side-encryption", "aws:kms"),
            ("x-amz-request-payer", "requester"),
            ("x-amz-checksum-sha256", "abc="),
            ("x-amz-meta-a", "1"),
            ("x-tenant", "t"),
        ]);
        let names = |bearer| {
            let mut names: Vec<_> = headers.of(bearer).keys().map(|name| name.as_str().to_owned()).collect();
            names.sort_unstable();
            names.join(" ")
        };
        assert_eq!(headers.of(Bearer::Put).len(), 6);
        assert_eq!(
            names(Bearer::Begin),
            "content-type x-amz-meta-a x-amz-request-payer x-amz-server-side-encryption x-tenant"
        );
        assert_eq!(names(Bearer::Part), "x-amz-checksum-sha256 x-amz-request-payer x-tenant");
        assert_eq!(names(Bearer::Get), "x-amz-request-payer x-tenant");
    }

    #[test]
    fn a_checksum_may_be_each_bodys_own() {
        let headers = of(&[("X-Amz-Checksum-Sha256", "body")]);
        assert!(headers.want_digest() && !of(&[("x-amz-checksum-sha256", "abc=")]).want_digest());
        let of_body = Extras { headers, ..Extras::default() }.of_body(&[0xff; 3]).headers;
        assert_eq!(of_body.pairs().collect::<Vec<_>>(), [("x-amz-checksum-sha256", "////")]);
        let refused = SignedHeaders::default().add("x-amz-checksum-crc32", "body").unwrap_err();
        assert!(matches!(refused, BadExtra::Value(problem, _) if problem.contains("sha256 alone")), "{refused:?}");
    }

    #[test]
    fn what_belongs_to_the_connection_or_the_signature_is_refused_in_any_case() {
        for name in ["Host", "AUTHORIZATION", "Content-Length", "X-Amz-Date", "Proxy-Authorization", "Range", "a b", ""]
        {
            assert!(matches!(SignedHeaders::default().add(name, "x"), Err(BadExtra::Name(..))), "{name}");
        }
        for value in ["", " a", "a\r\nx-b: c", "a\tb", "é", "a  b"] {
            assert!(matches!(SignedHeaders::default().add("x-a", value), Err(BadExtra::Value(..))), "{value:?}");
        }
        let mut twice = of(&[("x-amz-acl", "private")]);
        assert!(twice.add("X-AMZ-ACL", "private").is_err());
    }

    #[test]
    fn a_parameter_that_s3_does_not_ignore_cannot_carry_the_name() {
        for good in ["x-run", "x-trace", "x-Run_2"] {
            assert_eq!(RunParameter::named(good).unwrap().name(), Some(good));
        }
        for bad in ["run", "x-", "x-amz-meta", "X-Amz-Date", "x-id", "x-a=b", "x-a&b", "x-ä", ""] {
            assert_eq!(RunParameter::named(bad), None, "{bad}");
        }
        let off = Extras { run_parameter: RunParameter::Nothing, ..Extras::default() };
        assert_eq!(off.named("http://h/k?x-id=PutObject", Bearer::Put, "t"), "http://h/k");
        assert_eq!(off.named("http://h/k?x-id=UploadPart&uploadId=1", Bearer::Part, "t"), "http://h/k?uploadId=1");
        assert_eq!(Extras::default().named("http://h/k?a=b", Bearer::Put, "t"), "http://h/k?a=b&x-run=t");
    }
}
