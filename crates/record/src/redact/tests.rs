use super::*;

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

fn percent(text: &str, lower: bool) -> String {
    let encode = |byte: u8| match byte {
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte if lower => format!("%{byte:02x}"),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

fn every(text: &str, write: impl Fn(u8) -> String) -> String {
    text.bytes().map(write).collect()
}

/// By hand: this crate needs it nowhere else.
fn base64(bytes: &[u8], letters: [char; 2], padded: bool) -> String {
    let letter = |value: u32| match value as u8 {
        value @ 0..26 => char::from(b'A' + value),
        value @ 26..52 => char::from(b'a' + value - 26),
        value @ 52..62 => char::from(b'0' + value - 52),
        62 => letters[0],
        _ => letters[1],
    };
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let value = group.iter().fold(0u32, |value, byte| value << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        (0..=group.len()).for_each(|at| text.push(letter(value >> (18 - 6 * at) & 63)));
        (group.len()..3).filter(|_| padded).for_each(|_| text.push('='));
    }
    text
}

fn standard(text: &str) -> String {
    base64(text.as_bytes(), ['+', '/'], true)
}

fn split(text: &str, every: usize, by: &str) -> String {
    let pieces: Vec<_> = text.as_bytes().chunks(every).map(|piece| std::str::from_utf8(piece).unwrap()).collect();
    pieces.join(by)
}

/// The notations in which a server may repeat a value.
fn notations(secret: &str) -> Vec<(&'static str, String)> {
    let json = |text: &str| text.replace('\\', "\\\\").replace('/', "\\/").replace('"', "\\\"");
    let hex = every(secret, |byte| format!("{byte:02x}"));
    vec![
        ("plain", secret.to_owned()),
        ("percent", percent(secret, false)),
        ("percent, small letters", percent(secret, true)),
        ("percent twice", percent(&percent(secret, true), false)),
        ("percent three times", percent(&percent(&percent(secret, false), true), true)),
        ("every byte in percent", every(secret, |byte| format!("%{byte:02x}"))),
        ("percent u", every(secret, |byte| format!("%u{byte:04x}"))),
        ("JSON with escaped slashes", json(secret)),
        ("JSON in JSON", json(&json(secret))),
        ("JSON of u", secret.replace('/', "\\u002f").replace('+', "\\u002B").replace('=', "\\u003d")),
        ("all of u", every(secret, |byte| format!("\\u{byte:04X}"))),
        ("braces", every(secret, |byte| format!("\\u{{{byte:x}}}"))),
        ("backslash x", every(secret, |byte| format!("\\x{byte:02x}"))),
        ("octal", every(secret, |byte| format!("\\{byte:03o}"))),
        ("XML decimal", secret.replace('/', "&#47;").replace('+', "&#43;").replace('=', "&#61;")),
        ("XML hex", every(secret, |byte| format!("&#x{byte:X};"))),
        ("XML hex without semicolons", every(secret, |byte| format!("&#x{byte:x}"))),
        ("XML named", secret.replace('/', "&sol;").replace('+', "&plus;").replace('=', "&equals;")),
        ("XML in XML", secret.replace('/', "&amp;#47;").replace('+', "&amp;#43;")),
        ("base64", standard(secret)),
        ("base64 behind one byte", standard(&format!("x{secret}"))),
        ("base64 behind two bytes", standard(&format!("xy{secret}"))),
        ("base64 for URLs", base64(secret.as_bytes(), ['-', '_'], true)),
        ("base64 without padding", base64(secret.as_bytes(), ['-', '_'], false)),
        ("base64 of CloudFront", base64(secret.as_bytes(), ['-', '~'], false)),
        ("base64 of MIME", split(&standard(secret), 76, "\r\n")),
        ("base64 in short lines", split(&standard(secret), 20, "\n ")),
        ("base64 in percent", percent(&standard(secret), true)),
        ("base64 in JSON", split(&standard(secret), 76, "\\n").replace('/', "\\/")),
        ("base64 of percent", standard(&percent(secret, false))),
        ("base64 of base64", standard(&standard(secret))),
        ("base64 of UTF-16", base64(&secret.bytes().flat_map(|byte| [byte, 0]).collect::<Vec<_>>(), ['+', '/'], true)),
        ("hex", hex.clone()),
        ("hex, capitals", hex.to_ascii_uppercase()),
        ("hex with blanks", split(&hex, 2, " ")),
        ("hex with colons", split(&hex, 2, ":")),
        ("hex of C", every(secret, |byte| format!("0x{byte:02x}, "))),
        ("bytes as numbers", every(secret, |byte| format!("{byte}, "))),
        ("lines", split(secret, 20, "\n")),
        ("lines of DOS", split(secret, 12, "\r\n")),
        ("blanks", split(secret, 1, " ")),
        ("no width", split(secret, 3, "\u{200b}")),
        ("marks of byte order", split(secret, 5, "\u{feff}")),
        ("zeros", split(secret, 4, "\0")),
        ("pictures of line breaks", split(secret, 10, "␍␊")),
        ("a list", split(secret, 8, "\", \"")),
        ("joined", split(secret, 11, "\" + \"")),
        ("capitals", secret.to_ascii_uppercase()),
        ("small letters", secret.to_ascii_lowercase()),
        ("wide letters", secret.chars().map(|char| char::from_u32(char as u32 + 0xfee0).unwrap()).collect()),
        ("cut off behind", secret[..secret.len() - 7].to_owned()),
        ("cut off before", secret[9..].to_owned()),
        ("a piece", secret[4..30].to_owned()),
    ]
}

/// Whether any sixteen letters and digits of the secret in a row are left, whatever is between them, in the notations that
/// this test knows to read.
fn is_left(text: &str, secret: &str) -> bool {
    let mut known = Known::new();
    known.add("the secret", secret);
    let plain = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let (text_plain, secret_plain) = (plain(text), plain(secret));
    let piece = |at: usize| text_plain.contains(&secret_plain[at..at + PIECE]);
    (0..=secret_plain.len() - PIECE).any(piece) || !find(text.as_bytes(), &known).is_empty()
}

#[test]
fn a_known_secret_is_taken_out_in_whatever_notation_a_server_repeats_it() {
    let known = known();
    let mut tried = 0;
    for secret in [TOKEN, SIGNATURE, SECRET_KEY] {
        for (name, hidden) in notations(secret) {
            for text in [hidden.clone(), format!("Before it, (got {hidden}) is no good, request 4442587FB7D0A2F9")] {
                let clean = redacted(&text, &known);
                assert!(clean.contains(REDACTED), "{name}: {clean}");
                assert!(!is_left(&clean, secret), "{name}: {clean}");
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
    assert!(begun.elapsed().as_secs() < 5, "{:?}", begun.elapsed());
}
