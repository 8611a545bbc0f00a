//! Uploads by an HTML form, whose policy expires as a link does.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use ttlsweep_record::words::{Cut, ExpiryPolicy};
use ttlsweep_testbed::sigv2;
use ttlsweep_testbed::sigv4::{ALGORITHM, Scope};
use ttlsweep_testbed::{DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY, Disposition, TestbedConfig};

use crate::client::{End, PIECE_BYTES, Rig};

const PIECES: usize = 100;
const PAUSE: Duration = Duration::from_millis(20);

/// By which version of signatures a form's policy is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    /// boto3's own choice for forms.
    V2,
    V4,
}

/// The head and the fields of a form whose file has so many bytes, and the lines behind the file.
fn form(rig: &Rig, expires_at: OffsetDateTime, file_bytes: usize) -> (Vec<u8>, &'static str) {
    form_by(Version::V4, DEFAULT_SECRET_KEY, rig, expires_at, file_bytes)
}

fn form_by(
    version: Version,
    secret_key: &str,
    rig: &Rig,
    expires_at: OffsetDateTime,
    file_bytes: usize,
) -> (Vec<u8>, &'static str) {
    let now = OffsetDateTime::now_utc();
    let amz_date = now.format(format_description!("[year][month][day]T[hour][minute][second]Z")).unwrap();
    let scope = Scope { amz_date: &amz_date, region: "us-east-1" };
    let credential = format!("{DEFAULT_ACCESS_KEY}/{}", scope.credential());
    let of_v4 = [("x-amz-algorithm", ALGORITHM), ("x-amz-credential", &credential), ("x-amz-date", &amz_date)];
    let of_v4 = if version == Version::V4 { &of_v4[..] } else { &[] };
    let conditions: String = of_v4.iter().map(|(name, value)| format!(", {{\"{name}\": \"{value}\"}}")).collect();
    let policy = STANDARD.encode(format!(
        "{{\"expiration\": \"{}\", \"conditions\": [{{\"bucket\": \"ttlsweep\"}}, [\"eq\", \"$key\", \"formed\"]{conditions}]}}",
        expires_at.format(&Rfc3339).unwrap()
    ));
    let signature = match version {
        Version::V2 => sigv2::signature(secret_key, &policy),
        Version::V4 => scope.signature(secret_key, &policy),
    };
    let of_v2 = [("AWSAccessKeyId", DEFAULT_ACCESS_KEY), ("policy", &policy), ("signature", &signature)];
    let signed = match version {
        Version::V2 => &of_v2[..],
        Version::V4 => &[("policy", policy.as_str()), ("x-amz-signature", &signature)],
    };
    let mut fields = String::new();
    for (name, value) in [&[("key", "formed")], of_v4, signed].concat() {
        fields.push_str(&format!("--line\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"));
    }
    fields.push_str("--line\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n");
    let end = "\r\n--line--\r\n";
    let head = format!(
        "POST /ttlsweep HTTP/1.1\r\nhost: {}\r\ncontent-type: multipart/form-data; boundary=line\r\ncontent-length: {}\r\n\r\n",
        rig.testbed.addr(),
        fields.len() + file_bytes + end.len()
    );
    ([head.into_bytes(), fields.into_bytes()].concat(), end)
}

#[tokio::test]
async fn a_forms_policy_expires_like_a_link() {
    let policies = [
        (ExpiryPolicy::OnRequest, Cut::Reset, Disposition::Answered),
        (ExpiryPolicy::InFlight, Cut::Reset, Disposition::Cut(Cut::Reset)),
        (ExpiryPolicy::InFlight, Cut::Close, Disposition::Cut(Cut::Close)),
        (ExpiryPolicy::InFlight, Cut::Respond, Disposition::Cut(Cut::Respond)),
        (ExpiryPolicy::OnCompletion, Cut::Reset, Disposition::RefusedOnCompletion),
    ];
    let each = [Version::V2, Version::V4].into_iter().flat_map(|version| policies.map(|policy| (version, policy)));
    for (version, (expiry, cut, disposition)) in each {
        let rig = Rig::start(TestbedConfig { tls: false, expiry, cut, ..TestbedConfig::default() }).await;
        let expires_at = OffsetDateTime::now_utc() + Duration::from_secs(1);
        // The last piece stands for the lines behind the file, which makes the file 12 bytes shorter than it says.
        let (head, end) = form_by(version, DEFAULT_SECRET_KEY, &rig, expires_at, PIECES * PIECE_BYTES);
        let mut wire = rig.connect().await;
        let sending = async {
            use tokio::io::AsyncWriteExt;
            wire.writer.write_all(&head).await?;
            for _ in 0..PIECES {
                tokio::time::sleep(PAUSE).await;
                wire.writer.write_all(&[b'x'; PIECE_BYTES]).await?;
            }
            wire.writer.write_all(end.as_bytes()).await
        };
        let _ = sending.await;
        let request = rig.request(0).await;
        assert_eq!(request.disposition, disposition, "{version:?} {expiry} {cut}");
        // To the nanosecond that the policy writes.
        assert_eq!(request.expires_at, Some(expires_at), "{version:?} {expiry} {cut}");
        if let Disposition::Cut(_) = disposition {
            let late = request.ended_at - expires_at;
            assert!(late >= time::Duration::ZERO && late < time::Duration::milliseconds(500), "{late}");
        }
        let stored = rig.ask("GET", "formed", b"").await;
        assert_eq!(
            stored.body.len() == PIECES * PIECE_BYTES,
            disposition == Disposition::Answered,
            "{version:?} {expiry} {cut}"
        );
        if disposition == Disposition::Cut(Cut::Reset) {
            assert_eq!(wire.end().await, End::Eof, "the reset was told to the writer");
        }
    }
}

#[tokio::test]
async fn a_form_with_an_expired_policy_is_refused_before_its_file() {
    let rig = Rig::start(TestbedConfig { tls: false, ..TestbedConfig::default() }).await;
    let (head, _) = form(&rig, OffsetDateTime::now_utc() - Duration::from_secs(5), 1_000_000);
    let mut wire = rig.connect().await;
    wire.send(&head).await;
    let refused = wire.response().await;
    assert_eq!((refused.status, refused.element("Code")), (403, Some("AccessDenied")));
    assert_eq!(rig.request(0).await.disposition, Disposition::RefusedAtHead);
}

#[tokio::test]
async fn a_form_meets_the_fault_like_any_upload_and_an_expired_one_is_still_refused() {
    const FILE_BYTES: usize = 1_000_000;
    for (fault, least) in [("reset", 0), ("error:503:SlowDown@50%", FILE_BYTES / 2), ("close@100%", FILE_BYTES)] {
        let fault = fault.parse().unwrap();
        let rig = Rig::start(TestbedConfig { tls: false, fault: Some(fault), ..TestbedConfig::default() }).await;
        let (head, end) = form(&rig, OffsetDateTime::now_utc() + Duration::from_secs(60), FILE_BYTES);
        let mut wire = rig.connect().await;
        let sending = async {
            use tokio::io::AsyncWriteExt;
            wire.writer.write_all(&head).await?;
            for _ in 0..FILE_BYTES / PIECE_BYTES {
                wire.writer.write_all(&[b'x'; PIECE_BYTES]).await?;
            }
            wire.writer.write_all(end.as_bytes()).await
        };
        let _ = sending.await;
        let request = rig.request(0).await;
        assert_eq!(request.disposition, Disposition::Fault(fault.kind()), "{fault}");
        assert!(request.body_bytes as usize >= least, "{fault}: {}", request.body_bytes);

        let (head, _) = form(&rig, OffsetDateTime::now_utc() - Duration::from_secs(5), FILE_BYTES);
        let mut late = rig.connect().await;
        late.send(&head).await;
        assert_eq!(late.response().await.status, 403, "{fault}");
    }
}

#[tokio::test]
async fn a_form_with_a_forged_signature_is_refused_and_meets_no_fault() {
    const FILE_BYTES: usize = 100;
    for (version, fault) in [(Version::V2, "reset"), (Version::V4, "reset"), (Version::V4, "error:503:SlowDown@50%")] {
        let fault = fault.parse().unwrap();
        let rig = Rig::start(TestbedConfig { tls: false, fault: Some(fault), ..TestbedConfig::default() }).await;
        let soon = OffsetDateTime::now_utc() + Duration::from_secs(60);
        for (secret_key, disposition) in
            [("forged", Disposition::Answered), (DEFAULT_SECRET_KEY, Disposition::Fault(fault.kind()))]
        {
            let (head, end) = form_by(version, secret_key, &rig, soon, FILE_BYTES);
            let mut wire = rig.connect().await;
            wire.send(&[&head, &[b'x'; FILE_BYTES][..], end.as_bytes()].concat()).await;
            if disposition == Disposition::Answered {
                let refused = wire.response().await;
                assert_eq!(
                    (refused.status, refused.element("Code")),
                    (403, Some("SignatureDoesNotMatch")),
                    "{version:?}"
                );
            } else {
                let _ = wire.end().await;
            }
            let request = rig.request(usize::from(disposition != Disposition::Answered)).await;
            assert_eq!(request.disposition, disposition, "{version:?} {fault}");
        }
    }
}
