//! From the text that somebody pasted to what it can mean.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use crate::cause::Cause;
use crate::features::{Features, Weights, features};
use crate::table::{Said, table};

/// What a text can mean.
#[derive(Debug)]
pub struct Explanation {
    /// The texts of the table that it is, the most alike first; empty if it is like none.
    pub texts: Vec<Alike>,
    /// Those who say these texts, in the table's order.
    pub clients: Vec<Speaker>,
    /// What had been done to them when they said it, the likeliest to be said first.
    pub causes: Vec<Possible>,
    /// If it is like none: the texts that come nearest.
    pub nearest: Vec<Alike>,
}

/// A text of the table, and how much of it was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Alike {
    /// The text.
    pub text: &'static str,
    /// From 0 to 1.
    pub likeness: f64,
    /// Who says it.
    pub clients: Vec<&'static str>,
}

/// One who says it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Speaker {
    /// The client.
    pub client: &'static str,
    /// The version that was measured.
    pub version: &'static str,
    /// Over plain HTTP, TLS or both.
    pub wires: BTreeSet<&'static str>,
}

/// Something that may have been done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Possible {
    /// What.
    pub cause: Cause,
    /// Of an upload (`put`) or of a download (`get`).
    pub method: &'static str,
    /// How often the clients said it when this was done to them.
    pub said: u64,
    /// Of how many times that it was done to them, over the same wire.
    pub of: u64,
    /// The ways in which the server ended the connection when they said it; empty if there is only one.
    pub closes: Vec<&'static str>,
}

/// What `text` can mean: one line or a whole traceback.
pub fn explain(text: &str) -> Explanation {
    let known = &*KNOWN;
    let mut alike = known.all_alike(text);
    // What an error means says more than the words around it, such as a `status 0`.
    if alike.iter().any(|(_, likeness, means_the_same)| *means_the_same && *likeness >= LEAST) {
        alike.retain(|(_, _, means_the_same)| *means_the_same);
    }
    let mut alike: Vec<(usize, f64)> = alike.into_iter().map(|(at, likeness, _)| (at, likeness)).collect();
    alike.sort_by(|one, other| other.1.total_cmp(&one.1));
    let best = alike.first().map_or(0.0, |(_, likeness)| *likeness);
    let shown = |(at, likeness): &(usize, f64)| known.alike(*at, *likeness);
    if best < LEAST {
        let nearest = alike.iter().filter(|(_, likeness)| *likeness > 0.0).take(NEAREST).map(shown).collect();
        return Explanation { texts: Vec::new(), clients: Vec::new(), causes: Vec::new(), nearest };
    }
    alike.retain(|(_, likeness)| *likeness >= best * AS_GOOD);
    let rows: Vec<&'static Said> = alike.iter().flat_map(|(at, _)| known.texts[*at].rows.iter().copied()).collect();
    Explanation {
        texts: alike.iter().map(shown).collect(),
        clients: speakers(&rows),
        causes: possible(&rows),
        nearest: Vec::new(),
    }
}

fn speakers(rows: &[&'static Said]) -> Vec<Speaker> {
    let mut wires: BTreeMap<(&str, &str), BTreeSet<&'static str>> = BTreeMap::new();
    for said in rows {
        wires.entry((&said.client, &said.version)).or_default().insert(&said.wire);
    }
    wires.into_iter().map(|((client, version), wires)| Speaker { client, version, wires }).collect()
}

fn possible(rows: &[&'static Said]) -> Vec<Possible> {
    let could_say: BTreeSet<(&str, &str)> = rows.iter().map(|said| (&*said.client, &*said.wire)).collect();
    let mut causes: BTreeMap<(Cause, &'static str), Possible> = BTreeMap::new();
    for said in rows {
        let new = Possible { cause: said.cause, method: &said.method, said: 0, of: 0, closes: Vec::new() };
        let possible = causes.entry((said.cause, &said.method)).or_insert(new);
        possible.said += said.count;
        if !possible.closes.contains(&&*said.close) {
            possible.closes.push(&said.close);
        }
    }
    for said in table().iter().filter(|said| could_say.contains(&(&*said.client, &*said.wire))) {
        if let Some(possible) = causes.get_mut(&(said.cause, &*said.method)) {
            possible.of += said.count;
        }
    }
    let mut causes: Vec<Possible> = causes.into_values().collect();
    // Uploads first: they are what is asked about.
    let share = |possible: &Possible| possible.said as f64 / possible.of as f64;
    causes.sort_by(|one, other| {
        (one.method == "get").cmp(&(other.method == "get")).then(share(other).total_cmp(&share(one)))
    });
    for possible in &mut causes {
        possible.closes.retain(|close| !close.is_empty());
        possible.closes.sort_unstable();
    }
    causes
}

/// The table's texts, each once.
struct Known {
    texts: Vec<Text>,
    weights: Weights,
}

struct Text {
    text: &'static str,
    features: Features,
    rows: Vec<&'static Said>,
}

static KNOWN: LazyLock<Known> = LazyLock::new(|| {
    let mut rows: BTreeMap<&'static str, Vec<&'static Said>> = BTreeMap::new();
    for said in table().iter().filter(|said| said.cause != Cause::Completed && !says_nothing(said)) {
        rows.entry(&said.text).or_default().push(said);
    }
    let texts: Vec<Text> = rows.into_iter().map(|(text, rows)| Text { text, features: features(text), rows }).collect();
    let weights = Weights::of(texts.iter().map(|text| &text.features));
    Known { texts, weights }
});

/// A transfer that went well after all, and one of which the client had no word.
fn says_nothing(said: &Said) -> bool {
    said.text == "200" || said.text.starts_with("(no")
}

impl Known {
    /// How much each text is like `pasted`, and whether it means the same by a name that both have.
    fn all_alike(&self, pasted: &str) -> Vec<(usize, f64, bool)> {
        let chunks: Vec<Features> = chunks(pasted).map(features).filter(|features| !features.is_empty()).collect();
        let known: Vec<f64> = chunks.iter().map(|chunk| self.weights.sum(chunk.iter())).collect();
        let strange: Vec<f64> = chunks.iter().map(|chunk| self.strange(chunk)).collect();
        let alike = self.texts.iter().enumerate().map(|(at, text)| {
            let own = self.weights.sum(text.features.iter());
            let each = chunks.iter().zip(&known).zip(&strange);
            let best = each.map(|((chunk, known), strange)| {
                let shared: Vec<&String> = chunk.intersection(&text.features).collect();
                let means_the_same = shared.iter().any(|feature| feature.starts_with('='));
                let shared = self.weights.sum(shared.into_iter());
                let (of_text, of_chunk) = (shared / own.max(1e-9), shared / (known + strange).max(1e-9));
                let likeness = of_text.max(of_chunk) * 0.7 + of_text.min(of_chunk) * 0.3;
                let likeness = if means_the_same { likeness + MEANING * (1.0 - likeness) } else { likeness };
                (likeness * shared / (shared + DOUBT), means_the_same)
            });
            let (likeness, means_the_same) =
                best.fold((0.0, false), |one, other| if other.0 > one.0 { other } else { one });
            (at, likeness, means_the_same)
        });
        alike.collect()
    }

    /// Words that no text has count a little against a chunk: a log's own words stand around most pasted texts.
    fn strange(&self, chunk: &Features) -> f64 {
        let strange = chunk.iter().filter(|word| !word.contains(' ') && self.weights.weight(word).is_none());
        strange.count() as f64 * STRANGE
    }

    fn alike(&self, at: usize, likeness: f64) -> Alike {
        let text = &self.texts[at];
        let clients: BTreeSet<&'static str> = text.rows.iter().map(|said| &*said.client).collect();
        Alike { text: text.text, likeness, clients: clients.into_iter().collect() }
    }
}

/// The lines of a paste, the parts between ellipses, and its beginning as a whole.
fn chunks(pasted: &str) -> impl Iterator<Item = &str> {
    let lines = pasted.lines().flat_map(|line| line.split('…')).flat_map(|line| line.split("...")).take(MOST_LINES);
    let whole = pasted.char_indices().nth(MOST_AS_ONE).is_none().then_some(pasted);
    lines.chain(whole)
}

/// How alike a text must be to be taken for the one that was pasted, and how nearly as alike as the best one.
const LEAST: f64 = 0.5;
const AS_GOOD: f64 = 0.85;
/// What is shared is worth half if it weighs this.
const DOUBT: f64 = 2.0;
const STRANGE: f64 = 0.7;
/// What a text gains that means the same in other words.
const MEANING: f64 = 0.3;
const NEAREST: usize = 3;
/// A log of a million lines must not take for ever.
const MOST_LINES: usize = 2_000;
const MOST_AS_ONE: usize = 2_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn names(explanation: &Explanation) -> BTreeSet<&'static str> {
        explanation.clients.iter().map(|speaker| speaker.client).collect()
    }

    fn causes(explanation: &Explanation) -> BTreeSet<Cause> {
        explanation.causes.iter().map(|possible| possible.cause).collect()
    }

    #[test]
    fn what_a_client_says_is_found_with_the_client_and_what_was_done_to_it() {
        for (text, client, cause) in [
            ("SSLEOFError … status 0", "requests", Cause::RefusedAtStart),
            ("curl: (55) Send failure: Broken pipe", "curl, no Expect", Cause::RefusedAtStart),
            ("curl: (56) Recv failure: Connection reset by peer", "curl", Cause::CutReset),
            ("socket hang up", "node http", Cause::CutClose),
            ("net::ERR_CONNECTION_RESET", "Chromium fetch", Cause::CutReset),
            ("Failed to fetch", "Chromium fetch", Cause::CutReset),
            ("java.io.IOException: HTTP/1.1 header parser received no bytes", "java HttpClient", Cause::CutReset),
            ("Error writing request body to server", "java HttpURLConnection", Cause::CutReset),
            ("403 Request has expired", "requests", Cause::RefusedAtStart),
        ] {
            let explanation = explain(text);
            assert!(names(&explanation).contains(client), "{text}: {explanation:#?}");
            assert!(causes(&explanation).contains(&cause), "{text}: {explanation:#?}");
        }
    }

    #[test]
    fn what_an_error_means_counts_more_than_the_words_around_it() {
        let names = names(&explain("SSLEOFError … status 0"));
        assert!(names.iter().all(|name| !name.starts_with("Chromium")), "{names:?}");
    }

    #[test]
    fn broken_pipes_are_found_in_each_language() {
        for text in ["('Connection aborted.', BrokenPipeError(32, 'Broken pipe'))", "write EPIPE", "write: broken pipe"]
        {
            assert!(!explain(text).texts.is_empty(), "{text}");
        }
    }

    #[test]
    fn hosts_case_versions_and_what_stands_around_do_not_matter() {
        let plain = explain("curl: (56) Recv failure: Connection reset by peer");
        for text in [
            "CURL: (56) RECV FAILURE: CONNECTION RESET BY PEER",
            "2026-11-29 12:00:01 job 77 upload.sh: curl: (56) Recv failure: Connection reset by peer",
            "curl: (56) OpenSSL SSL_read: Connection reset by peer, errno 104",
        ] {
            assert!(names(&explain(text)).contains("curl"), "{text}: {:#?}", explain(text));
        }
        assert_eq!(names(&plain), names(&explain("curl: (56) Recv failure: Connection reset by peer\n")));
    }

    #[test]
    fn a_traceback_is_known_by_its_error() {
        let text = "Traceback (most recent call last):\n  File \"/home/me/upload.py\", line 14, in <module>\n    \
                    requests.put(url, data=f)\nrequests.exceptions.SSLError: HTTPSConnectionPool(host='my-bucket.s3.eu-west-1.\
                    amazonaws.com', port=443): Max retries exceeded with url: /k?X-Amz-Signature=00 (Caused by \
                    SSLError(SSLEOFError(8, '[SSL: UNEXPECTED_EOF_WHILE_READING] EOF occurred in violation of protocol (_ssl.c:1007)')))";
        let explanation = explain(text);
        assert!(names(&explanation).contains("requests"), "{explanation:#?}");
        assert!(causes(&explanation).len() >= 3, "{explanation:#?}");
    }

    #[test]
    fn the_counts_are_of_those_who_could_have_said_it() {
        for text in ["socket hang up", "curl: (56) Recv failure: Connection reset by peer", "write EPIPE"] {
            for possible in explain(text).causes {
                assert!(0 < possible.said && possible.said <= possible.of, "{text}: {possible:?}");
            }
        }
    }

    #[test]
    fn another_text_is_like_none_and_says_what_comes_nearest() {
        for text in ["Segmentation fault (core dumped)", "NullPointerException at com.example.Main", "ok", "42"] {
            let explanation = explain(text);
            assert!(explanation.texts.is_empty() && explanation.causes.is_empty(), "{text}: {explanation:#?}");
            assert!(explanation.nearest.len() <= NEAREST);
        }
        assert!(!explain("the write was refused by the server's policy").nearest.is_empty());
    }
}
