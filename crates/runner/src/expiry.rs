//! When a link expires that somebody else has made, read from the link itself.
//!
//! Each way to write an expiry into a link has a file of its own here, which neither knows the others nor touches anything but the
//! query; [`FORMS`] is the one list of them.

mod amz_v2;
mod amz_v4;
mod azure;
mod cloudfront;
mod dated;
mod expires;
mod goog_v2;
mod goog_v4;
mod oss_v1;
mod oss_v4;
mod policy;
mod query;
mod token;

use http::Uri;
use ttlsweep_record::Timestamp;

use query::Query;

/// What a link says of its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Life {
    /// When it was made; `None` if it does not say.
    pub made: Option<Timestamp>,
    /// When it begins to be let in; `None` if it does not say.
    pub begins: Option<Timestamp>,
    /// When it expires.
    pub expires: Timestamp,
}

impl Life {
    const fn until(expires: Timestamp) -> Self {
        Self { made: None, begins: None, expires }
    }
}

/// What was read from a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Read {
    /// Its life.
    pub life: Life,
    /// Whose way of writing it this is, such as `S3, Signature Version 4`.
    pub form: &'static str,
}

/// A link whose expiry is not known. No value of the link is in here: each is a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoExpiry {
    /// Nothing in it says when it expires.
    #[error("nothing in the link says when it expires; looked for {}", looked_for())]
    Unknown,
    /// It is of a form that says so, and this one does not.
    #[error("the link has the form of {form}, and {problem}; looked for {looked_for}")]
    Unreadable {
        /// The form.
        form: &'static str,
        /// What is wrong with it.
        problem: String,
        /// What would have told.
        looked_for: &'static str,
    },
}

/// One way to write an expiry into a link.
struct Form {
    name: &'static str,
    /// What tells the expiry, for those who look for it in vain.
    looks_for: &'static str,
    /// The parameters that hold instants and durations and nothing else: what they say is not a secret.
    times: &'static [&'static str],
    /// `None` if the link is not of this form; the error says what is wrong with one that is.
    read: fn(&Query) -> Option<Result<Life, String>>,
}

/// Those that are told by a name of their own come before those that any link may have.
const FORMS: [&Form; 10] = [
    &amz_v4::FORM,
    &goog_v4::FORM,
    &oss_v4::FORM,
    &cloudfront::FORM,
    &amz_v2::FORM,
    &goog_v2::FORM,
    &oss_v1::FORM,
    &azure::FORM,
    &token::FORM,
    &expires::FORM,
];

/// Reads when a link expires.
///
/// # Errors
/// It says nothing that is known here, or what it says cannot be read; what was looked for is in the words.
pub(crate) fn expiry_of(uri: &Uri) -> Result<Read, NoExpiry> {
    let query = Query::of(uri);
    for form in FORMS {
        let Some(read) = (form.read)(&query) else { continue };
        let life =
            read.map_err(|problem| NoExpiry::Unreadable { form: form.name, problem, looked_for: form.looks_for })?;
        return Ok(Read { life, form: form.name });
    }
    Err(NoExpiry::Unknown)
}

/// Reads when the policy of a form expires, whose fields `field` gives by their names.
///
/// # Errors
/// It has none, or one that cannot be read.
pub(crate) fn expiry_of_form<'a>(field: impl Fn(&str) -> Option<&'a str>) -> Result<Read, NoExpiry> {
    match policy::life(field) {
        Ok(life) => Ok(Read { life, form: policy::NAME }),
        Err(problem) => Err(NoExpiry::Unreadable { form: policy::NAME, problem, looked_for: policy::LOOKS_FOR }),
    }
}

/// An instant by its seconds since 1970, of which there may be parts.
pub(crate) fn seconds(seconds: f64) -> Option<Timestamp> {
    let whole = query::epoch(Some(seconds.floor() as i64).filter(|_| seconds.is_finite()))?;
    Some(whole.plus_micros((seconds.fract() * 1e6).round() as i64))
}

/// Whether this parameter of a link says nothing but an instant or a duration, in whatever form.
pub(crate) fn is_time(name: &str) -> bool {
    FORMS.iter().flat_map(|form| form.times).any(|time| time.eq_ignore_ascii_case(name))
}

fn looked_for() -> String {
    let all: Vec<_> = FORMS.iter().map(|form| form.looks_for).collect();
    all.join(", ")
}

#[cfg(test)]
mod tests;
