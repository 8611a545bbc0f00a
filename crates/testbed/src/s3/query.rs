//! What a request's URL asks beside its path.

use http::request::Parts;
use percent_encoding::percent_decode_str;

/// A request's query, decoded.
#[derive(Debug)]
pub(crate) struct Query {
    parameters: Vec<(String, String)>,
}

impl Query {
    pub(crate) fn read(parts: &Parts) -> Self {
        let query = parts.uri.query().unwrap_or_default();
        let parameters = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                (decode(name), decode(value))
            })
            .collect();
        Self { parameters }
    }

    /// The transfer id that the client put into the link.
    pub(crate) fn run(&self) -> Option<&str> {
        self.get("x-run")
    }

    /// Every parameter, in the order of the query.
    pub(crate) fn parameters(&self) -> &[(String, String)] {
        &self.parameters
    }

    /// Every parameter's name.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.parameters.iter().map(|(name, _)| name.as_str())
    }

    /// A parameter's value, whichever case its name is written in.
    pub(crate) fn get_in_any_case(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// A parameter's value.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

/// A name or a value without its percent signs.
pub(crate) fn decode(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}
