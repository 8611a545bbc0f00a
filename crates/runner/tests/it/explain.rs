//! `ttlsweep explain`: what people paste, and what they are told.

use std::process::Stdio;

use serde_json::Value;

use crate::program::Lab;

fn reported(args: &[&str]) -> (i32, String, String) {
    let output = Lab::new().ttlsweep(&[&["explain"], args].concat()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn what_people_paste_is_explained_with_clients_counts_and_how_to_tell() {
    for (text, client, cause) in [
        ("SSLEOFError … status 0", "requests", "cut-reset"),
        ("('Connection aborted.', BrokenPipeError(32, 'Broken pipe'))", "", "refused-at-start"),
        ("curl: (55) Send failure: Broken pipe", "curl, no Expect", "refused-at-start"),
        ("curl: (56) Recv failure: Connection reset by peer", "curl", "cut-reset"),
        ("socket hang up", "node http", "cut-close"),
        ("write EPIPE", "", "refused-at-start"),
        ("net::ERR_CONNECTION_RESET", "Chromium fetch", "cut-reset"),
        ("Failed to fetch", "Chromium fetch", "cut-reset"),
        ("java.io.IOException: HTTP/1.1 header parser received no bytes", "java HttpClient", "cut-reset"),
        ("Error writing request body to server", "java HttpURLConnection", "cut-reset"),
        ("write: broken pipe", "", ""),
        ("403 Request has expired", "curl", "refused-at-start"),
    ] {
        let (code, json, _) = reported(&[text, "--format", "json"]);
        let page: Value = serde_json::from_str(&json).unwrap();
        let has = |list: &str, name: &str, value: &str| {
            value.is_empty() || page[list].as_array().unwrap().iter().any(|one| one[name] == value)
        };
        assert_eq!((code, &page["known"]), (0, &Value::Bool(true)), "{text}: {json}");
        assert!(has("clients", "client", client), "{text}: {json}");
        assert!(has("causes", "cause", cause), "{text}: {json}");
        let (_, words, _) = reported(&[text]);
        assert!(words.contains(" of ") && words.contains("How to tell:") && words.contains("ttlsweep run "), "{words}");
    }
}

#[test]
fn a_text_that_no_client_says_is_reported_so() {
    let (code, words, _) = reported(&["Segmentation fault (core dumped)"]);
    assert_eq!(code, 0);
    assert!(words.contains("No client that was measured says this"), "{words}");
}

#[test]
fn no_text_is_an_error() {
    assert_eq!(reported(&[" "]).0, 2);
}

#[test]
fn a_pasted_link_keeps_its_signature_and_nothing_is_obeyed() {
    let signature = "0123456789abcdef".repeat(4);
    let text = format!("\x1b]0;PWNED\x07PUT https://b.s3.amazonaws.com/k?X-Amz-Signature={signature}: socket hang up");
    let (code, words, _) = reported(&[&text]);
    assert_eq!(code, 0);
    assert!(!words.contains(&signature) && !words.contains('\x1b'), "{words}");
    assert!(words.contains("node http"), "{words}");
}

#[test]
fn a_traceback_comes_by_stdin() {
    let lab = Lab::with(
        "traceback.txt",
        "Traceback (most recent call last):\n  File \"/home/me/up.py\", line 3, in <module>\n    requests.put(url, data=f)\n\
         requests.exceptions.ConnectionError: ('Connection aborted.', RemoteDisconnected('Remote end closed connection \
         without response'))\n",
    );
    let mut command = lab.ttlsweep(&["explain", "-"]);
    let output =
        command.stdin(std::fs::File::open(lab.path("traceback.txt")).unwrap()).stderr(Stdio::piped()).output().unwrap();
    let words = String::from_utf8(output.stdout).unwrap();
    assert!(words.contains("requests") && words.contains("without an answer"), "{words}");
}
