//! Who gave an answer: the store, or something before it. What the store's own answers look like is learned from those
//! that are certainly its own.

use std::collections::BTreeSet;

use crate::load::transfer::Answer;

/// What the store's own answers have in common.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(in crate::verdict) struct Store {
    /// Some answer is certainly the store's.
    known: bool,
    /// Its answers carry request ids.
    has_ids: bool,
    /// It refuses in S3's XML.
    speaks_xml: bool,
    servers: BTreeSet<String>,
}

impl Store {
    /// Learns from `answers`, each with whether it completed a transfer.
    pub(in crate::verdict) fn learn<'a>(answers: impl Iterator<Item = (&'a Answer, bool)> + Clone) -> Self {
        let own =
            |(answer, completed): &(&Answer, bool)| *completed || (!answer.code.is_empty() && answer.has_request_id);
        let mut store = Self::default();
        for (answer, _) in answers.clone().filter(own) {
            store.add(answer);
        }
        if !store.known {
            // Nothing completed and nothing had an id: S3's words are the best that there is.
            for (answer, _) in answers.clone().filter(|(answer, _)| !answer.code.is_empty()) {
                store.add(answer);
            }
        }
        store.speaks_xml = answers.filter(|(answer, _)| !answer.code.is_empty()).count() > 0;
        store
    }

    fn add(&mut self, answer: &Answer) {
        self.known = true;
        self.has_ids |= answer.has_request_id;
        if !answer.server.is_empty() {
            self.servers.insert(answer.server.clone());
        }
    }

    /// Whether something before the store gave this answer: it is not S3's XML and carries no id, and something more tells
    /// it from the store's own.
    pub(in crate::verdict) fn is_foreign(&self, answer: &Answer) -> bool {
        if answer.has_request_id {
            return false;
        }
        let other_server =
            !answer.server.is_empty() && !self.servers.is_empty() && !self.servers.contains(&answer.server);
        if !answer.code.is_empty() {
            return self.known && self.has_ids && other_server;
        }
        let other_words = !answer.content_type.is_empty() && !answer.content_type.contains("xml");
        self.has_ids || other_server || between_hops(answer.status) || (other_words && (self.speaks_xml || !self.known))
    }

    /// Whether the store itself is known to have given this answer.
    pub(in crate::verdict) fn is_own(&self, answer: &Answer) -> bool {
        !self.is_foreign(answer)
            && (!answer.code.is_empty() || answer.has_request_id || self.servers.contains(&answer.server))
    }

    /// What the store's answers have that a foreign one lacks, for readers; empty if nothing is known.
    pub(in crate::verdict) fn contrast(&self, server: &str) -> String {
        let other = self.servers.iter().next().filter(|_| !server.is_empty() && !self.servers.contains(server));
        match (self.has_ids, other) {
            (true, Some(other)) => format!(" which the store's own answers (`{other}`) carry"),
            (true, None) => " which the store's own answers carry".to_owned(),
            (false, Some(other)) => format!(" where the store's own answers are `{other}`'s"),
            (false, None) => String::new(),
        }
    }
}

/// Statuses that a store has no use for, and whatever stands between has: proxies, load balancers and CDNs.
const fn between_hops(status: u16) -> bool {
    matches!(status, 407 | 413 | 414 | 431 | 444 | 494..=499 | 502 | 504 | 511 | 520..=530)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reported(status: u16, code: &str, id: bool, server: &str, kind: &str) -> Answer {
        Answer::new(status, code, "").from_whom(id, server, kind, "")
    }

    #[test]
    fn an_answer_without_id_and_words_is_not_the_stores_where_its_others_have_them() {
        let served = reported(200, "", true, "AmazonS3", "");
        let store = Store::learn([(&served, true)].into_iter());
        for status in [400, 403, 407, 413, 429, 500, 502, 503, 504, 524] {
            assert!(store.is_foreign(&reported(status, "", false, "nginx/1.22.1", "text/html")), "{status}");
            assert!(store.is_foreign(&reported(status, "", false, "AmazonS3", "")), "{status}: no id");
        }
        for (status, code) in [(403, "AccessDenied"), (503, "SlowDown"), (500, "InternalError")] {
            assert!(!store.is_foreign(&reported(status, code, true, "AmazonS3", "application/xml")), "{code}");
            assert!(store.is_own(&reported(status, code, true, "", "")), "{code}");
        }
        assert!(
            store.is_foreign(&reported(403, "AccessDenied", false, "nginx", "application/xml")),
            "words alone are soon copied"
        );
    }

    #[test]
    fn a_store_that_sends_neither_ids_nor_servers_is_not_taken_for_something_else() {
        let served = reported(200, "", false, "", "");
        let store = Store::learn([(&served, true)].into_iter());
        for status in [400, 403, 500, 503] {
            assert!(!store.is_foreign(&reported(status, "", false, "", "")), "{status}");
        }
        assert!(store.is_foreign(&reported(502, "", false, "", "")));
    }

    #[test]
    fn where_nothing_is_known_of_the_store_its_words_tell() {
        let all = reported(413, "", false, "nginx/1.22.1", "text/html");
        assert!(Store::learn([(&all, false)].into_iter()).is_foreign(&all));
        let all = reported(403, "AccessDenied", false, "", "");
        assert!(!Store::learn([(&all, false)].into_iter()).is_foreign(&all));
    }
}
