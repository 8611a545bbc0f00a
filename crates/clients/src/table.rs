//! The table as the program carries it.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::cause::Cause;

/// One text of one combination of client and cause, with how often it came.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Said {
    /// The client, such as `requests`.
    pub client: String,
    /// Its version.
    pub version: String,
    /// `put` or `get`.
    pub method: String,
    /// What was done to the transfer.
    pub cause: Cause,
    /// How the connection ended after an early answer; empty if there was none.
    pub close: String,
    /// `http` or `tls`.
    pub wire: String,
    /// `fresh`, or `kept` if the connection had carried a request before.
    pub connection: String,
    /// What the client said, without what differs from one transfer to the next.
    pub text: String,
    /// The status that its program saw, 0 if none.
    pub status: u16,
    /// How many requests the server had for the one transfer: a client that tries again by itself makes several.
    pub requests: u32,
    /// How often the client said this.
    pub count: u64,
    /// Of how many transfers of the combination.
    pub of: u64,
}

/// All rows of docs/clients.csv.
pub fn table() -> &'static [Said] {
    static TABLE: LazyLock<Vec<Said>> = LazyLock::new(|| {
        let mut reader = csv::Reader::from_reader(include_str!("../../../docs/clients.csv").as_bytes());
        // A test reads every row; a row that cannot be read is no reason to refuse the others.
        reader.deserialize().filter_map(Result::ok).collect()
    });
    &TABLE
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    #[test]
    fn every_row_is_read_and_the_counts_add_up() {
        let text = include_str!("../../../docs/clients.csv");
        assert_eq!(table().len(), csv::Reader::from_reader(text.as_bytes()).records().count());
        let mut combinations: BTreeMap<_, (u64, u64)> = BTreeMap::new();
        for said in table() {
            let Said { client, version, method, cause, close, wire, connection, .. } = said;
            let of = combinations.entry((client, version, method, *cause, close, wire, connection)).or_default();
            *of = (of.0 + said.count, said.of);
        }
        assert!(combinations.len() >= 400, "{}", combinations.len());
        assert!(combinations.values().all(|(counted, of)| counted == of), "{combinations:?}");
        let clients: BTreeSet<_> = table().iter().map(|said| &said.client).collect();
        assert!(clients.len() >= 12, "{clients:?}");
    }

    #[test]
    fn no_text_holds_what_belongs_to_one_transfer() {
        for said in table() {
            let secret = ["X-Amz-", "127.0.0.1", "localhost:"].iter().any(|word| said.text.contains(word));
            assert!(!secret && !said.text.contains('\n') && !said.text.is_empty(), "{said:?}");
        }
    }

    #[test]
    fn each_cause_has_its_word() {
        for cause in Cause::ALL {
            let word = serde::de::value::StrDeserializer::<serde::de::value::Error>::new(cause.as_str());
            assert_eq!(Cause::deserialize(word).as_ref(), Ok(&cause));
        }
    }
}
