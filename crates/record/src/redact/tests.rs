use super::*;

#[path = "../../tests/common/notations.rs"]
mod notations;

use notations::{notations, percent, standard, still_there};

const TOKEN: &str = "FwoGZXIvYXdzEJr//////////wEaDKq3xTz8Rb0vWn1+YiLtAVmBq0cXg5/0pKd9sQ4tJhL2eU7oZaWxNcR1fTy6+Ib8mGd3SvPzHk\
                     DnEu/VtYrCqXjOi5wAl2hFgB7xM9KoTsPz4eRdUvJcQ1n3yGa8LfHb6iWkXm0ZCtNqEjSgDuVrYpIlOw+BA5hTf7MxKoQ/sPz2e\
                     RnUvJcL4dYyGa9==";
const SIGNATURE: &str = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYsecretkey1";

fn known() -> Known {
    let mut known = Known::new();
    for value in [TOKEN, SIGNATURE, SECRET_KEY] {
        known.add("a known value", value);
    }
    known
}

/// Whether it is left in a form that this search itself or the test's own knows.
fn is_left(text: &str, secret: &str) -> bool {
    let mut known = Known::new();
    known.add("the secret", secret);
    still_there(text, secret, secret) || !find(text.as_bytes(), &known).is_empty()
}

#[test]
fn a_known_secret_is_taken_out_in_whatever_notation_a_server_repeats_it() {
    let all = known();
    let mut tried = 0;
    for secret in [TOKEN, SIGNATURE, SECRET_KEY] {
        // Where no signature is known, bytes that say nothing are not looked at.
        let mut alone = Known::new();
        alone.add("a known value", secret);
        for ((name, hidden), known) in
            notations(secret).into_iter().flat_map(|one| [(one.clone(), &all), (one, &alone)])
        {
            for text in [hidden.clone(), format!("Before it, (got {hidden}) is no good, request 4442587FB7D0A2F9")] {
                let clean = redacted(&text, known);
                assert!(clean.contains(REDACTED), "{name}: {clean}");
                assert!(!is_left(&clean, secret) && !still_there(&clean, &hidden, secret), "{name}: {clean}");
                assert!(text.len() < 60 || clean.len() < text.len() / 2 + 120, "{name}: {clean}");
                if text.starts_with("Before") {
                    assert!(
                        clean.starts_with("Before it, ") && clean.ends_with("request 4442587FB7D0A2F9"),
                        "{name}: {clean}"
                    );
                }
                tried += 1;
            }
        }
    }
    println!("{tried} texts in {} notations", notations(TOKEN).len());
    assert!(tried >= 240);
}

#[test]
fn what_stands_behind_a_secrets_name_is_taken_out_whosever_it_is() {
    let other = "IQoJb3JpZ2luX2VjEHwaCXVzLWVhc3QtMSJHMEUCIQDt+s/OfSomebodyElse0123456789ABCDEFG==";
    let known = Known::new();
    let json = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let header = format!("{{\"x-amz-security-token\": \"{other}\", \"host\": \"h\"}}");
    for text in [
        format!("PUT /k?X-Amz-Security-Token={other}&x-run=1"),
        format!("X-Amz-Security-Token: {other}\r\nHost: h"),
        format!("x-amz-security-token:{other}"),
        header.clone(),
        format!("{{\"headers\": \"{}\"}}", json(&header)),
        format!("{{\"log\": \"{}\"}}", json(&format!("{{\"headers\": \"{}\"}}", json(&header)))),
        format!("{{'x-amz-security-token': '{other}'}}"),
        format!("{{u'x-amz-security-token': u'{other}'}}"),
        format!("[(b'x-amz-security-token', b'{other}'), (b'host', b'h')]"),
        format!("[[\"x-amz-security-token\",\"{other}\"],[\"host\",\"h\"]]"),
        format!("{{\"name\": \"x-amz-security-token\", \"value\": \"{other}\"}}"),
        format!("Array\n(\n    [x-amz-security-token] => {other}\n    [host] => h\n)"),
        format!("Array\n(\n    [x-amz-security-token] => Array\n        (\n            [0] => {other}\n        )\n\n)"),
        format!("array(1) {{\n  [\"x-amz-security-token\"]=>\n  string(80) \"{other}\"\n}}"),
        format!("{{\"HTTP_X_AMZ_SECURITY_TOKEN\"=>\"{other}\"}}"),
        format!("map[X-Amz-Security-Token:[{other}] Host:[h]]"),
        format!("x-amz-security-token:\n  - {other}\n"),
        format!("&quot;x-amz-security-token&quot;: &quot;{other}&quot;"),
        format!("&lt;x-amz-security-token&gt;{other}&lt;/x-amz-security-token&gt;"),
        format!("<tr><td>x-amz-security-token</td><td>{other}</td></tr>"),
        format!("<Header name=\"x-amz-security-token\">{other}</Header>"),
        format!("<Token-0>{other}</Token-0>"),
        format!("{{\"SessionToken\": \"{other}\"}}"),
        percent(&format!("https://h/k?X-Amz-Security-Token={other}&a=b"), true),
        percent(&percent(&format!("https://h/k?X-Amz-Security-Token={other}&a=b"), true), true),
        standard(&format!("GET /k HTTP/1.1\r\nx-amz-security-token: {other}\r\n")),
        format!("Authorization: Bearer {other}"),
        format!("{{\"authorization\": [\"Bearer {other}\"]}}"),
        format!("GoogleAccessId={other}&Signature=abc"),
        format!("https://d.cloudfront.net/k?Policy={other}&Signature={other}&Key-Pair-Id=APKA1"),
        format!("https://a.blob.core.windows.net/c/b?sv=2024&sig={other}"),
        format!("X-Goog-Signature={other}"),
        format!("<SignatureProvided>{other}</SignatureProvided>"),
        format!("<StringToSign>AWS4-HMAC-SHA256\n20261124T000000Z\n{other}</StringToSign>"),
        format!("<CanonicalRequest>PUT\n/k\nX-Amz-Algorithm=x\nhost:h\n\nhost\n{other}</CanonicalRequest>"),
        format!("<CanonicalRequestBytes>50 55 54 {other}</CanonicalRequestBytes>"),
        format!("{{\"StringToSign\": \"AWS4-HMAC-SHA256\\n20261124T000000Z\\n{other}\"}}"),
        format!("<AWSAccessKeyId>{other}</AWSAccessKeyId>"),
    ] {
        let clean = redacted(&text, &known);
        assert!(clean.contains(REDACTED) && !is_left(&clean, other), "{text}\n{clean}");
        assert_eq!(redacted(&clean, &known), clean, "it is taken out once");
    }
    let text = "PUT /k?X-Amz-Signature=hush&x-run=t-1: \"no\"";
    assert_eq!(redacted(text, &known), "PUT /k?X-Amz-Signature=REDACTED&x-run=t-1: \"no\"");
    let text = "{\"x-amz-security-token\": \"hush6\", \"host\": \"h\"}";
    assert_eq!(redacted(text, &known), "{\"x-amz-security-token\": \"REDACTED\", \"host\": \"h\"}");
}

#[test]
fn other_texts_stay_as_they_are() {
    let mut known = known();
    known.add("a short one", "minioadmin");
    for text in [
        "",
        "signature=",
        "Signature= ",
        "ünï=& \"",
        "Request has expired",
        "the request signature we calculated does not match the signature you provided. Check your key and signing method.",
        "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-central-1'",
        "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
        "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, \
         X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
        "x-amz-signature and X-Amz-Security-Token are never written",
        "X-Amz-Signature=REDACTED&x-run=1",
        "X-Amz-Signature=redacted",
        "X-Amz-Security-Token=REDA",
        "Invalid signature: mismatch",
        "bucket policy: denied",
        "4442587FB7D0A2F9",
        "tx00000f2a8b6c4d1e7a935-0067f3b2a1-5e8a-default",
        "pxUwTCKbAZ1Oqmbh2NS9YfoING2r4lgXGQ8IUHJN+Ng540E9AbHReBc7oorVA6tE0oHo4VPLcb0=",
        "plan d25993b969c6b5570aad8827d6a0bbab4217ae8c00c3fa297cea2af415879e22",
        "\"9b2cf535f27731c974343645a3985328\"",
        "ttlsweep/ttl-grid/20261124T193700Z-1a2b3c4d/b01-c001-u1-s1",
        "https://acme.s3.eu-central-1.amazonaws.com/a%20b?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=10",
        "C:\\Users\\new\\table, 100% of &c; and &#; \\u12",
        "2026-11-24T19:37:00.000000Z,127.0.0.1:40000,10,20,30,40,50,60,70,80,90,100,110,120,130,140,150",
        "MAKIAIOSFODNN7EXAMPLE Malaysia",
        "<Signature></Signature>",
        "token: none, credential: none",
        "wJalrXUtnFEMI/K",
        "signature = \"v4\"",
        "signature = [\"v4\", \"v2\"]",
        "--set transfer.signature=v2",
        "{\"signature\":\"v2\"}",
        "{\"said\":\"signature = \\\"v4\\\"\"}",
        "put, 1MB, signature: v2",
    ] {
        assert_eq!(redacted(text, &known), text);
    }
    assert_eq!(redacted("by minioadmin at minio", &known), "by REDACTED at minio");
    assert_eq!(redacted("key AKIAIOSFODNN7EXAMPLE, and", &known), "key REDACTED, and");
}

#[test]
fn links_that_are_long_past_are_forgotten_and_credentials_are_not() {
    let mut known = Known::new();
    known.add("kept", TOKEN);
    let part = |number: u64| format!("{:016x}", (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let signature = |number: u64| (0..4).map(|more| part(number * 4 + more)).collect::<String>();
    for number in 0..20_000 {
        known.add_passing("a link's", &signature(number));
    }
    assert_eq!(find(signature(1).as_bytes(), &known), []);
    assert_eq!(find(signature(19_999).as_bytes(), &known)[0].what, "a link's");
    assert!(!find(signature(13_000).as_bytes(), &known).is_empty());
    assert_eq!(find(TOKEN.as_bytes(), &known)[0].what, "kept");
}

#[test]
fn a_notation_is_named_and_nested_ones_take_no_time() {
    let known = known();
    let notation = |text: &str| find(text.as_bytes(), &known)[0].notation;
    assert_eq!(notation(SECRET_KEY), None);
    assert_eq!(notation(&percent(SECRET_KEY, true)), Some("percent-encoded"));
    assert_eq!(notation(&SECRET_KEY.replace('/', "\\/")), Some("escaped"));
    assert_eq!(notation(&standard(SECRET_KEY)), Some("base64"));
    // Sixteen kilobytes of what decodes to text again and again.
    let mut nested = "x".repeat(1200);
    while nested.len() < 16 << 10 {
        nested = standard(&nested);
    }
    let begun = std::time::Instant::now();
    let _ = find(nested.as_bytes(), &known);
    // It takes a quarter of a second of processor time; looked for in every order, hours.
    assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
}

#[test]
fn a_text_of_nothing_but_names_takes_no_time() {
    let known = known();
    for name in ["StringToSign=", "StringToSign=REDACTED ", "<StringToSign>", "signature=", "token=REDACTED-"] {
        let text = name.repeat((256 << 10) / name.len());
        let begun = std::time::Instant::now();
        let _ = find(text.as_bytes(), &known);
        assert!(begun.elapsed().as_secs() < 20, "{name}: {:?}", begun.elapsed());
    }
}
