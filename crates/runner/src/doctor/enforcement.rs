//! Whether the key may put and delete, and whether the target refuses a link that has expired.

use std::time::Duration;

use ttlsweep_record::{Cell, ExpiryPolicy, Method, Outcome, TransferRecord};

use super::{Finding, Level};
use crate::body::Source;
use crate::object_key::{ObjectKey, RunPrefix};
use crate::stop::Stop;
use crate::store::{NotDeleted, Operation, Part};
use crate::transfer::single::Single;

/// Puts the object that the other checks ask for, signed in headers.
pub async fn put(single: &Single<'_>, key: &ObjectKey, body: &Source, stop: &mut Stop) -> Finding {
    let operation = Operation { method: Method::Put, key: key.clone(), part: None };
    let store = single.target.store.as_asked();
    let signed = match store.sign_headers(&operation, "doctor-put", single.clock.wall()).await {
        Ok(signed) => signed,
        Err(error) => return Finding::new(Level::Error, PUT, error.to_string(), "check the credentials"),
    };
    let row = single.send(&signed, key, Some(body), stop).await;
    let said = said(&row);
    match row.outcome {
        Outcome::Completed => Finding::ok(PUT, "the key may put, signed in headers"),
        Outcome::Rejected if row.status.is_some_and(|status| (300..400).contains(&status)) => Finding::new(
            Level::Error,
            PUT,
            format!("a put is redirected: {said}"),
            "name the bucket's own region with `--region`, or its endpoint with `--endpoint`",
        ),
        Outcome::Rejected => Finding::new(
            Level::Error,
            PUT,
            format!("a put is refused: {said}"),
            "allow this key s3:PutObject on the prefix",
        ),
        _ => Finding::new(Level::Unreachable, PUT, format!("a put failed: {said}"), "try again later"),
    }
}

/// Uses a link of 1 s long after it expired, by the server's clock.
pub async fn expired(
    single: &Single<'_>,
    method: Method,
    prefix: &RunPrefix,
    there: &ObjectKey,
    body: &Source,
    stop: &mut Stop,
) -> Finding {
    let store = single.target.store.as_asked();
    let late = prefix.key("doctor-expired");
    let key = if method == Method::Get { there.clone() } else { late };
    let upload = match method {
        Method::UploadPart => match store.begin_upload(&key).await {
            Ok(upload_id) => Some(upload_id),
            Err(error) => {
                // It may have been begun all the same, where only the answer makes no sense.
                for (key, upload_id) in store.uploads_below(prefix).await.unwrap_or_default() {
                    if let Err(error) = store.abort_upload(&key, &upload_id).await {
                        tracing::warn!("{error}");
                    }
                }
                let advice = "allow this key s3:PutObject on the prefix, or use another method";
                return Finding::new(Level::Error, EXPIRY, error, advice);
            }
        },
        Method::Put | Method::Get => None,
    };
    let part = upload.clone().map(|upload_id| Part { upload_id, number: 1 });
    let operation = Operation { method, key: key.clone(), part };
    let offset = single.target.offset.middle_us(&single.clock.anchor()).unwrap_or(0);
    let signed_at = single.clock.wall().plus_micros(offset - LONG_PAST_US);
    let row = match store.presign(&operation, "doctor-expired", signed_at, Duration::from_secs(1)).await {
        Ok(link) => single.send(&link, &key, method.is_upload().then_some(body), stop).await,
        Err(error) => return Finding::new(Level::Error, EXPIRY, error.to_string(), "check the credentials"),
    };
    // What was let through must go again; what was refused left nothing.
    let undone = match &upload {
        Some(upload_id) => store.abort_upload(&key, upload_id).await,
        None if method == Method::Put => store.delete_object(&key).await,
        None => Ok(()),
    };
    if let Err(error) = undone {
        tracing::warn!("{error}");
    }
    judge(&row, method, single.cell)
}

fn judge(row: &TransferRecord, method: Method, cell: &Cell) -> Finding {
    let said = said(row);
    match row.outcome {
        Outcome::Completed if cell.expiry_policy == Some(ExpiryPolicy::Never) => Finding::ok(
            EXPIRY,
            format!("{method}: a link that has expired is let through, as `expiry = \"never\"` asks"),
        ),
        Outcome::Completed => Finding::new(
            Level::Error,
            EXPIRY,
            format!("{method}: a link that has expired is let through, so that this target enforces nothing"),
            "a sweep could show nothing here (its verdict would be `invalid`); ask another endpoint",
        ),
        Outcome::Rejected if refused_for_expiry(row) => {
            Finding::ok(EXPIRY, format!("{method}: a link that has expired is refused: {said}"))
        }
        Outcome::Rejected => Finding::new(
            Level::Warning,
            EXPIRY,
            format!("{method}: a link that has expired is refused, but for another cause: {said}"),
            "see that links that have not expired are let through: `ttlsweep trace`",
        ),
        _ => Finding::new(
            Level::Warning,
            EXPIRY,
            format!("{method}: a link that has expired got no answer: {said}"),
            "if that happens again, the target refuses without an answer; look at it with `ttlsweep trace --cell k…`",
        ),
    }
}

/// Codes for expiry differ from server to server, and those for another cause are few.
fn refused_for_expiry(row: &TransferRecord) -> bool {
    const OTHER_CAUSES: [&str; 6] = [
        "SignatureDoesNotMatch",
        "InvalidAccessKeyId",
        "NoSuchKey",
        "NoSuchBucket",
        "NotImplemented",
        "AuthorizationQueryParametersError",
    ];
    let other = row.s3_code.as_deref().is_some_and(|code| OTHER_CAUSES.contains(&code));
    row.status.is_some_and(|status| (400..500).contains(&status)) && !other
}

/// Deletes the object again.
pub async fn delete(single: &Single<'_>, key: &ObjectKey) -> Finding {
    match single.target.store.delete_object(key).await {
        Ok(()) => Finding::ok(DELETE, "the key may delete what it puts"),
        Err(NotDeleted::Denied(error)) => Finding::new(
            Level::Warning,
            DELETE,
            format!("the key may not delete what it puts ({error})"),
            "allow it s3:DeleteObject and s3:AbortMultipartUpload on the prefix, or set the lifecycle rule below; one object \
             of 1 kB is left",
        ),
        Err(error) => Finding::new(
            Level::Warning,
            DELETE,
            format!("one object of 1 kB is left: {error}"),
            "the lifecycle rule below deletes it",
        ),
    }
}

fn said(row: &TransferRecord) -> String {
    let status = row.status.map(|status| status.to_string());
    let parts = [status.as_deref(), row.s3_code.as_deref(), row.s3_message.as_deref(), row.error.as_deref()];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    if parts.is_empty() { row.outcome.to_string() } else { format!("{} ({})", row.outcome, parts.join(", ")) }
}

const PUT: &str = "put";
const DELETE: &str = "delete";
const EXPIRY: &str = "expiry";

/// Far beyond what clocks differ by once their offset is known, and within every server's tolerance of old signatures.
const LONG_PAST_US: i64 = 60_000_000;

#[cfg(test)]
mod tests {
    use ttlsweep_record::Timestamp;

    use super::*;

    fn level(outcome: Outcome, status: Option<u16>, code: Option<&str>, policy: Option<ExpiryPolicy>) -> Level {
        let cell = Cell { expiry_policy: policy, ..crate::experiment::example_cell() };
        let row = TransferRecord {
            outcome,
            status,
            s3_code: code.map(str::to_owned),
            ..TransferRecord::begun(&cell, Timestamp::from_unix_micros(0))
        };
        judge(&row, Method::Put, &cell).level
    }

    #[test]
    fn what_is_let_through_is_an_error_and_what_is_refused_for_another_cause_proves_nothing() {
        assert_eq!(level(Outcome::Rejected, Some(403), Some("AccessDenied"), None), Level::Ok);
        assert_eq!(level(Outcome::Rejected, Some(400), None, None), Level::Ok);
        assert_eq!(level(Outcome::Rejected, Some(403), Some("SignatureDoesNotMatch"), None), Level::Warning);
        assert_eq!(level(Outcome::Rejected, Some(503), Some("SlowDown"), None), Level::Warning);
        assert_eq!(level(Outcome::Reset, None, None, None), Level::Warning);
        assert_eq!(level(Outcome::Completed, Some(200), None, None), Level::Error);
        assert_eq!(level(Outcome::Completed, Some(200), None, Some(ExpiryPolicy::OnRequest)), Level::Error);
        assert_eq!(level(Outcome::Completed, Some(200), None, Some(ExpiryPolicy::Never)), Level::Ok);
    }
}
