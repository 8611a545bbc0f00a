//! Query parameters that are signed into links.

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{
    BadExtra, Bearer, LONGEST_NAME, LONGEST_VALUE, REFUSED, Refused, check_value, goes_with, is_refused, split,
};

/// Query parameters by their names; those that begin with `x-amz-` are in lower case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SignedQuery(BTreeMap<String, String>);

impl SignedQuery {
    /// Adds a parameter.
    ///
    /// # Errors
    /// It is not a parameter, is there already, belongs to the signature, would change what is asked, or looks like a secret.
    pub(crate) fn add(&mut self, name: &str, value: &str) -> Result<(), BadExtra> {
        let lower = name.to_ascii_lowercase();
        let is_amazons = lower.starts_with("x-amz-");
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~');
        if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(fits) {
            let problem = "expected a parameter's name: letters, digits, -, _ or .";
            return Err(BadExtra::Name(problem, "write for example x-amz-acl"));
        }
        if is_amazons && let Some((problem, help)) = is_refused(REFUSED, &lower) {
            return Err(BadExtra::Name(problem, help));
        }
        if let Some((problem, help)) = is_refused(REFUSED_IN_QUERY, &lower) {
            return Err(BadExtra::Name(problem, help));
        }
        if SECRETS.iter().any(|word| lower.contains(word)) || matches!(&*lower, "key" | "sig" | "auth") {
            let help = "leave it out: links that carry a token of their own cannot be made";
            return Err(BadExtra::Name("a secret would be written into the run's files", help));
        }
        let name = if is_amazons { lower } else { name.to_owned() };
        if self.0.contains_key(&name) {
            return Err(BadExtra::Name("here a second time", "leave one of them out"));
        }
        if is_amazons {
            // A request that is signed in headers has it as one of them.
            check_value(value)?;
        } else if value.chars().any(char::is_control) {
            return Err(BadExtra::Value("has control characters", "write one line of text"));
        } else if value.len() > LONGEST_VALUE {
            return Err(BadExtra::Value("is longer than 2048 bytes", "write a shorter one"));
        }
        self.0.insert(name, value.to_owned());
        Ok(())
    }

    /// Names and values, in the order of the names.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// As `cells.csv` has it.
    pub(crate) fn cell(&self) -> Option<String> {
        let escaped = |value: &str| value.replace('\\', "\\\\").replace(';', "\\;");
        let pairs: Vec<_> = self.pairs().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// What is not a parameter of ours in the text is left out: only [`cell`](Self::cell) writes it.
    pub(super) fn from_cell(text: &str) -> Self {
        let mut query = Self::default();
        for pair in split(text) {
            if let Some((name, value)) = pair.strip_prefix(' ').unwrap_or(&pair).split_once('=') {
                let _ = query.add(name, value);
            }
        }
        query
    }

    /// Those that S3 has for a link to such a request, as `name=value` in a URL's notation.
    pub(super) fn in_link(&self, bearer: Bearer) -> impl Iterator<Item = String> {
        let fitting = self.pairs().filter(move |(name, _)| is_asked(name, bearer));
        fitting.map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, ESCAPED)))
    }

    /// Those that such a request has among its headers if it is signed there.
    pub(super) fn as_headers(&self, bearer: Bearer) -> impl Iterator<Item = (&str, &str)> {
        self.pairs().filter(move |(name, _)| name.starts_with("x-amz-") && is_asked(name, bearer))
    }
}

fn is_asked(name: &str, bearer: Bearer) -> bool {
    if name.starts_with("x-amz-") {
        goes_with(name, bearer)
    } else {
        !name.starts_with("response-") || bearer == Bearer::Get
    }
}

/// What a signature takes as it is: RFC 3986's unreserved characters.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Words that no name has whose value may be read by anyone.
const SECRETS: [&str; 7] = ["token", "secret", "password", "signature", "credential", "api-key", "apikey"];

/// Parameters that are not for a table, in lower case; those of [`REFUSED`] that begin with `x-amz-` are not, either.
const REFUSED_IN_QUERY: &[Refused] = &[
    ("awsaccesskeyid", SIGNATURES, LEAVE),
    ("expires", SIGNATURES, "leave it out, and write ttl below [grid]"),
    ("x-id", "the AWS SDK sets it", LEAVE),
    ("x-run", NAMES, "leave it out, or write another run_parameter below [transfer]"),
    ("uploadid", PARTS, LEAVE),
    ("partnumber", PARTS, LEAVE),
    ("versionid", "a transfer is the object that ttlsweep put", LEAVE),
    ("abac", ELSE, LEAVE),
    ("accelerate", ELSE, LEAVE),
    ("acl", ELSE, "leave it out; the object's own is x-amz-acl"),
    ("analytics", ELSE, LEAVE),
    ("attributes", ELSE, LEAVE),
    ("cors", ELSE, LEAVE),
    ("delete", ELSE, LEAVE),
    ("encryption", ELSE, "leave it out; the object's own is x-amz-server-side-encryption"),
    ("legal-hold", ELSE, LEAVE),
    ("lifecycle", ELSE, LEAVE),
    ("list-type", ELSE, LEAVE),
    ("location", ELSE, LEAVE),
    ("logging", ELSE, LEAVE),
    ("notification", ELSE, LEAVE),
    ("object-lock", ELSE, LEAVE),
    ("policy", ELSE, LEAVE),
    ("renameobject", ELSE, LEAVE),
    ("replication", ELSE, LEAVE),
    ("restore", ELSE, LEAVE),
    ("retention", ELSE, LEAVE),
    ("select", ELSE, LEAVE),
    ("select-type", ELSE, LEAVE),
    ("session", ELSE, LEAVE),
    ("tagging", ELSE, "leave it out; the object's own is x-amz-tagging"),
    ("torrent", ELSE, LEAVE),
    ("uploads", ELSE, LEAVE),
    ("versioning", ELSE, LEAVE),
    ("versions", ELSE, LEAVE),
    ("website", ELSE, LEAVE),
];

const SIGNATURES: &str = "it belongs to the signature, and ttlsweep sets it";
const NAMES: &str = "it carries the transfer's name";
const PARTS: &str = "it belongs to the upload, and ttlsweep sets it";
const ELSE: &str = "something else than the object would be asked for";
const LEAVE: &str = "leave it out";

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> SignedQuery {
        let mut query = SignedQuery::default();
        for (name, value) in pairs {
            query.add(name, value).unwrap();
        }
        query
    }

    #[test]
    fn parameters_come_back_from_their_cell_whatever_their_values_hold() {
        let query = of(&[
            ("response-content-disposition", "attachment; filename=\"a\\b=c\""),
            ("X-Amz-Acl", "private"),
            ("x-empty", ""),
            ("x-space", " ü "),
        ]);
        let text = query.cell().unwrap();
        assert!(text.contains("; x-amz-acl=private; x-empty=; "), "{text}");
        assert_eq!(SignedQuery::from_cell(&text), query);
        assert_eq!(SignedQuery::default().cell(), None);
    }

    #[test]
    fn a_link_gets_the_parameters_that_s3_has_for_it_in_a_urls_notation() {
        let query = of(&[
            ("x-amz-acl", "private"),
            ("x-amz-request-payer", "requester"),
            ("response-content-type", "a/b; c=d"),
            ("tenant", "ü&1+2"),
        ]);
        let link = |bearer| query.in_link(bearer).collect::<Vec<_>>().join("&");
        assert_eq!(link(Bearer::Put), "tenant=%C3%BC%261%2B2&x-amz-acl=private&x-amz-request-payer=requester");
        assert_eq!(link(Bearer::Part), "tenant=%C3%BC%261%2B2&x-amz-request-payer=requester");
        let get = "response-content-type=a%2Fb%3B%20c%3Dd&tenant=%C3%BC%261%2B2&x-amz-request-payer=requester";
        assert_eq!(link(Bearer::Get), get);
        let headers: Vec<_> = query.as_headers(Bearer::Begin).collect();
        assert_eq!(headers, [("x-amz-acl", "private"), ("x-amz-request-payer", "requester")]);
    }

    #[test]
    fn what_belongs_to_the_signature_or_asks_for_something_else_or_is_a_secret_is_refused() {
        for name in [
            "X-Amz-Signature",
            "x-amz-date",
            "X-Amz-Expires",
            "x-amz-security-token",
            "x-amz-copy-source",
            "Expires",
            "uploadId",
            "partNumber",
            "acl",
            "tagging",
            "versionId",
            "x-run",
            "x-id",
            "access_token",
            "sig",
            "a b",
            "",
            "a=b",
            "x-amz-server-side-encryption-customer-key",
        ] {
            assert!(matches!(SignedQuery::default().add(name, "x"), Err(BadExtra::Name(..))), "{name}");
        }
        assert!(matches!(SignedQuery::default().add("x-a", "a\nb"), Err(BadExtra::Value(..))));
        assert!(matches!(SignedQuery::default().add("x-amz-acl", "ü"), Err(BadExtra::Value(..))));
        assert!(of(&[("x-amz-acl", "a")]).add("X-AMZ-ACL", "a").is_err());
    }
}
