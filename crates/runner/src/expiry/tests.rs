use super::*;

/// Real forms, made-up values: what each is, the link, and what it says of its life.
const SHAPES: &str = include_str!("shapes.txt");

#[test]
fn two_hundred_shapes_of_links_are_read_right() {
    let shapes: Vec<_> = SHAPES.lines().filter(|line| !line.starts_with('#')).collect();
    let (mut forms, mut names) = (std::collections::BTreeMap::<_, u32>::new(), std::collections::BTreeSet::new());
    for shape in &shapes {
        let [what, link, expires, made, begins] = shape.split(" | ").collect::<Vec<_>>()[..] else {
            panic!("five columns: {shape}")
        };
        let instant = |text: &str| (text != "-").then(|| text.parse::<Timestamp>().unwrap());
        let read = expiry_of(&link.parse().unwrap()).unwrap_or_else(|error| panic!("{what}: {error}\n{link}"));
        let life = Life { made: instant(made), begins: instant(begins), expires: instant(expires).unwrap() };
        assert_eq!(read.life, life, "{what}: {link}");
        *forms.entry(read.form).or_default() += 1;
        assert!(names.insert(what) && names.insert(link), "twice there: {what}");
    }
    println!("{} shapes: {forms:?}", shapes.len());
    assert_eq!((shapes.len(), forms.len()), (200, FORMS.len()));
}

/// A token of these claims, in the alphabet of URLs.
fn token(claims: &str) -> String {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
    format!("{}.{}.c2lnbmF0dXJl", BASE64.encode(r#"{"alg":"HS256"}"#), BASE64.encode(claims))
}

/// A policy in CloudFront's alphabet.
fn policy(json: &str) -> String {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    STANDARD.encode(json).replace('+', "-").replace('=', "_").replace('/', "~")
}

#[test]
fn malformed_links_are_refused_with_what_was_looked_for_and_show_nothing_of_theirs() {
    let v4 = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDHUSH%2F20261130";
    let statement =
        |condition: &str| policy(&format!(r#"{{"Statement":[{{"Resource":"*","Condition":{condition}}}]}}"#));
    let cases = [
        // Nothing that is known: all that was looked for is named.
        (String::new(), "looked for X-Amz-Date with X-Amz-Expires, X-Goog-Date with"),
        ("a=1&token=hush-opaque&alt=media".to_owned(), "exp of a token (JWT), Expires alone"),
        ("Authorization=3_hush_opaque_of_B2".to_owned(), "nothing in the link says when it expires"),
        ("amp;X-Amz-Date=20261130T120000Z&amp;X-Amz-Expires=hush".to_owned(), "nothing in the link says"),
        // Of a form, and wrong.
        (
            format!("{v4}&X-Amz-Expires=10"),
            "S3, Signature Version 4, and it has no `X-Amz-Date`; looked for X-Amz-Date",
        ),
        (format!("{v4}&X-Amz-Date=20261130T120000Z"), "it has no `X-Amz-Expires`"),
        (format!("{v4}&X-Amz-Date=2026-11-30T12:00:00Z&X-Amz-Expires=10"), "its `X-Amz-Date` is not a date such as"),
        (format!("{v4}&X-Amz-Date=20261331T120000Z&X-Amz-Expires=10"), "its `X-Amz-Date` is not a date"),
        (format!("{v4}&X-Amz-Date=20261130T120000Z&X-Amz-Expires=-5"), "its `X-Amz-Expires` is not a whole number"),
        (format!("{v4}&X-Amz-Date=20261130T120000Z&X-Amz-Expires=10m"), "its `X-Amz-Expires` is not a whole number"),
        (
            format!("{v4}&X-Amz-Date=20261130T120000Z&X-Amz-Expires=10&X-Amz-Expires=20"),
            "its `X-Amz-Expires` stands there twice",
        ),
        ("AWSAccessKeyId=AKIDHUSH&Signature=hush".to_owned(), "S3, Signature Version 2, and it has no `Expires`"),
        (
            "AWSAccessKeyId=AKIDHUSH&Signature=hush&Expires=1796040000000".to_owned(),
            "its `Expires` is not a number of seconds since 1970; looked for Expires with AWSAccessKeyId",
        ),
        ("X-Goog-Signature=hush&X-Goog-Date=20261130T120000Z".to_owned(), "it has no `X-Goog-Expires`"),
        ("GoogleAccessId=hush&Expires=tomorrow&Signature=hush".to_owned(), "its `Expires` is not a number of seconds"),
        ("x-oss-signature=hush&x-oss-expires=60".to_owned(), "it has no `x-oss-date`"),
        ("OSSAccessKeyId=hush&Expires=&Signature=hush".to_owned(), "Alibaba Cloud OSS, version 1, and its `Expires`"),
        ("sv=2024-11-04&sig=hush&sp=r".to_owned(), "an Azure SAS, and it has no `se`; looked for se"),
        ("sv=2024-11-04&si=hush-policy&sig=hush".to_owned(), "names a stored access policy (`si`)"),
        ("sv=2024-11-04&se=30.11.2026&sig=hush".to_owned(), "its `se` is not a date such as 2026-11-30T12:00:00Z"),
        ("sv=2024-11-04&se=2026-11-30&st=hush&sig=hush".to_owned(), "its `st` is not a date"),
        ("Key-Pair-Id=hush&Signature=hush".to_owned(), "CloudFront, and it has no `Expires`"),
        ("Key-Pair-Id=hush&Policy=hush!&Signature=hush".to_owned(), "its `Policy` is not base64 of JSON"),
        (
            format!("Key-Pair-Id=hush&Policy={}", policy(r#"{"Statement":[]}"#)),
            "its `Policy` has not exactly one `Statement`",
        ),
        (format!("Key-Pair-Id=hush&Policy={}", statement("{}")), "its `Policy` has no `DateLessThan`"),
        (
            format!(
                "Key-Pair-Id=hush&Policy={}",
                statement(r#"{"DateLessThan":{"AWS:EpochTime":1},"DateGreaterThan":{"AWS:EpochTime":"hush"}}"#)
            ),
            "the `DateGreaterThan` of its `Policy` is not in seconds",
        ),
        (format!("token={}", token(r#"{"url":"hush"}"#)), "its token has no `exp`; looked for exp of a token (JWT)"),
        (format!("token={}", token(r#"{"exp":"hush"}"#)), "the `exp` of its token is not a number of seconds"),
        (format!("token={}", token(r#"{"exp":1796040000000}"#)), "the `exp` of its token is not a number of seconds"),
        (
            format!("a={}&b={}", token(r#"{"exp":1796040000}"#), token(r#"{"exp":1796040001}"#)),
            "it has two tokens: let the minter answer with expires_at",
        ),
        ("expires=soon".to_owned(), "its `Expires` is not a number of seconds since 1970; looked for Expires alone"),
    ];
    for (query, says) in &cases {
        let error = expiry_of(&format!("https://host/key?{query}").parse().unwrap()).unwrap_err().to_string();
        assert!(error.contains(says) && error.contains("looked for"), "{query}: {error}");
        assert!(!error.to_lowercase().contains("hush"), "{error}");
    }
    println!("{} malformed links refused", cases.len());
    assert!(cases.len() >= 20);
}

#[test]
fn instants_alone_are_no_secret() {
    for name in ["X-Amz-Date", "x-amz-expires", "Expires", "se", "st", "x-oss-date"] {
        assert!(is_time(name), "{name}");
    }
    for name in ["X-Amz-Signature", "Policy", "token", "sig", "X-Amz-Credential"] {
        assert!(!is_time(name), "{name}");
    }
}
