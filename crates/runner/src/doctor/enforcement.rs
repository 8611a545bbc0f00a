//! Whether the key may put and delete, and whether the target lets a living link in and refuses one that has expired.

use std::time::Duration;

use ttlsweep_record::{ByteCount, Cell, ExpiryPolicy, Method, Outcome, TransferRecord};

use super::{Finding, Level};
use crate::s3::object_key::{ObjectKey, RunPrefix};
use crate::s3::refusal::{Asked, Refusal};
use crate::s3::{DeleteError, Operation, Part, Store};
use crate::stop::Stop;
use crate::transfer::one_off::OneOff;
use crate::wire::body::{Block, Source};

/// Puts the object that the other checks ask for, signed in headers; tells of addresses that did not answer before the one that
/// did, too.
pub(crate) async fn put(
    one_off: &OneOff<'_>,
    store: &Store,
    key: &ObjectKey,
    body: &Source,
    stop: &mut Stop,
) -> (Finding, Option<Finding>) {
    let operation = Operation { method: Method::Put, key: key.clone(), part: None };
    let signed = async {
        let asked = store.as_asked().for_body(body, key).await?;
        asked.sign_headers(&operation, "doctor-put", one_off.clock.wall()).await
    };
    let signed = match signed.await {
        Ok(signed) => signed,
        Err(error) => return (Finding::new(Level::Error, PUT, error.to_string(), "check the credentials"), None),
    };
    let row = one_off.send(&signed, key, Some(body), stop).await;
    (judge_put(&row, store), dead_address(&row))
}

/// Of a transfer that completed, the error tells which addresses did not answer before.
fn dead_address(row: &TransferRecord) -> Option<Finding> {
    let error = row.error.as_ref().filter(|_| row.outcome == Outcome::Completed)?;
    let advice = "nothing needs to be done for a sweep, whose rows tell it; other clients may wait for that address in vain: mend \
                  its path, or take it out of the name's records";
    Some(Finding::new(Level::Warning, "address", error.to_string(), advice))
}

fn judge_put(row: &TransferRecord, store: &Store) -> Finding {
    let said = said(row);
    match row.outcome {
        Outcome::Completed => Finding::ok(PUT, "the key may put, signed in headers"),
        Outcome::Rejected if row.status.is_some_and(|status| (300..400).contains(&status)) && row.s3_code.is_some() => {
            Finding::new(
                Level::Error,
                PUT,
                format!("a put is redirected: {said}"),
                "name the bucket's own region with `--region`, or its endpoint with `--endpoint`",
            )
        }
        Outcome::Rejected => Finding::new(
            Level::Error,
            PUT,
            format!("a put is refused: {said}"),
            causes(row, Asked::HeaderSigned, store),
        ),
        _ => Finding::new(Level::Unreachable, PUT, format!("a put failed: {said}"), silence(row)),
    }
}

/// Uses two links by the experiment's own method: one that lives, and one of 1 s long after it expired, by the server's clock.
/// What is reported to the second means little unless the first was let in.
pub(crate) async fn links(
    one_off: &OneOff<'_>,
    store: &Store,
    method: Method,
    prefix: &RunPrefix,
    there: &ObjectKey,
    body: &Source,
    stop: &mut Stop,
) -> Vec<Finding> {
    let asked = store.as_asked();
    let upload = match method {
        Method::UploadPart => match asked.try_begin_upload(there).await {
            Ok(upload_id) => Some(upload_id),
            Err(refusal) => {
                // It may have been begun, with an answer that makes no sense.
                for (key, upload_id) in asked.uploads_below(prefix).await.unwrap_or_default() {
                    if let Err(error) = asked.abort_upload(&key, &upload_id).await {
                        tracing::warn!("{error}");
                    }
                }
                let (found, why) = *refusal;
                let advice = match why {
                    Some(why) => why.causes(Asked::Begin, asked.extras().run_parameter.name()),
                    None => "try again later, or use another method".to_owned(),
                };
                return vec![Finding::new(Level::Error, LINK, format!("{method}: {found}"), advice)];
            }
        },
        Method::Put | Method::Get => None,
    };
    let part = upload.clone().map(|upload_id| Part { upload_id, number: 1 });
    let mut found = Vec::new();
    let payload = method.is_upload().then_some(body);

    // As a trial would make it: by this machine's clock.
    let living = Operation { method, key: there.clone(), part: part.clone() };
    let link = async |operation: &Operation, name, at, ttl| {
        asked.for_body(body, &operation.key).await?.presign(operation, name, at, ttl).await
    };
    let living = match link(&living, "doctor-living", one_off.clock.wall(), LIVING).await {
        Ok(link) => one_off.send(&link, there, payload, stop).await,
        Err(error) => return vec![Finding::new(Level::Error, LINK, error.to_string(), "check the credentials")],
    };
    found.push(judge_living(&living, method, store));

    let late = prefix.key("doctor-expired");
    let key = if method == Method::Put { &late } else { there };
    let operation = Operation { method, key: key.clone(), part };
    let offset = one_off.target.offset.middle_us(&one_off.clock.anchor()).unwrap_or(0);
    let signed_at = one_off.clock.wall().plus_micros(offset - LONG_PAST_US);
    match link(&operation, "doctor-expired", signed_at, Duration::from_secs(1)).await {
        Ok(link) => {
            let row = one_off.send(&link, key, payload, stop).await;
            found.push(judge(&row, &living, method, one_off.cell));
        }
        Err(error) => found.push(Finding::new(Level::Error, EXPIRY, error.to_string(), "check the credentials")),
    }
    // What was let through must go again; what was refused left nothing.
    let undone = match &upload {
        Some(upload_id) => asked.abort_upload(there, upload_id).await,
        None if method == Method::Put => asked.delete_object(&late).await,
        None => Ok(()),
    };
    if let Err(error) = undone {
        tracing::warn!("{error}");
    }
    found
}

/// Announces a body of the experiment's own size by a living link, and sends none of it: what a proxy or store refuses by the
/// length alone, it refuses at the head.
pub(crate) async fn size(
    one_off: &OneOff<'_>,
    store: &Store,
    prefix: &RunPrefix,
    body: &Source,
    stop: &mut Stop,
) -> Finding {
    let asked = store.as_asked();
    let key = prefix.key("doctor-size");
    let operation = Operation { method: Method::Put, key: key.clone(), part: None };
    let link = async {
        // The checksum of nothing, since nothing is sent.
        let nothing = Source::Generated { block: Block::new(0), len: 0 };
        let asked = asked.for_body(&nothing, &key).await?;
        asked.presign(&operation, "doctor-size", one_off.clock.wall(), LIVING).await
    };
    let link = match link.await {
        Ok(link) => link,
        Err(error) => return Finding::new(Level::Error, SIZE, error.to_string(), "check the credentials"),
    };
    let row = one_off.announce(&link, &key, body, stop).await;
    // Some stores keep what came of a body that broke off.
    if let Err(error) = asked.delete_object(&key).await {
        tracing::warn!("{error}");
    }
    judge_size(&row, body.len(), store)
}

fn judge_size(row: &TransferRecord, bytes: u64, store: &Store) -> Finding {
    let (size, said) = (ByteCount(bytes), said(row));
    match row.outcome {
        Outcome::Rejected => Finding::new(
            Level::Error,
            SIZE,
            format!("a put of {size} is refused at its head: {said}"),
            causes(row, Asked::LivingLink(Method::Put), store),
        ),
        Outcome::Completed => Finding::ok(SIZE, format!("a put of {size} is not refused at its head")),
        Outcome::TimedOut if head_arrived(row) => {
            Finding::ok(SIZE, format!("a put of {size} is not refused at its head"))
        }
        _ => Finding::new(
            Level::Warning,
            SIZE,
            format!("a put of {size} that is announced with `Expect: 100-continue` got no answer: {said}"),
            "smaller ones pass; look at it with `ttlsweep trace`",
        ),
    }
}

/// Whether the peer has the head, as far as can be told: where the kernel tells what was confirmed, a head that waits in this
/// machine's buffer asked nobody.
fn head_arrived(row: &TransferRecord) -> bool {
    let arrived = if row.rtt_us.is_some() { row.head_acked_at } else { row.head_written_at };
    arrived.is_some()
}

fn judge_living(row: &TransferRecord, method: Method, store: &Store) -> Finding {
    let said = said(row);
    match row.outcome {
        Outcome::Completed => Finding::ok(LINK, format!("{method}: a living link is let in")),
        Outcome::Rejected => Finding::new(
            Level::Error,
            LINK,
            format!("{method}: a living link is refused: {said}"),
            causes(row, Asked::LivingLink(method), store),
        ),
        Outcome::Truncated | Outcome::Altered => Finding::new(
            Level::Error,
            LINK,
            format!("{method}: a living link does not bring the object that was put: {said}"),
            "something answers in the store's place, or changes objects on their way: ask the store directly, to tell",
        ),
        _ => Finding::new(
            Level::Unreachable,
            LINK,
            format!("{method}: a living link got no answer: {said}"),
            silence(row),
        ),
    }
}

fn judge(row: &TransferRecord, living: &TransferRecord, method: Method, cell: &Cell) -> Finding {
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
        Outcome::Rejected if living.outcome != Outcome::Completed => Finding::new(
            Level::Warning,
            EXPIRY,
            format!(
                "{method}: a link that has expired is refused: {said}; so is a living one, so that this says nothing of expiry"
            ),
            "mend what keeps the living link out, and ask again",
        ),
        Outcome::Rejected if refused_for_expiry(row) => {
            Finding::ok(EXPIRY, format!("{method}: a link that has expired is refused: {said}"))
        }
        Outcome::Rejected => Finding::new(
            Level::Warning,
            EXPIRY,
            format!("{method}: a link that has expired is refused, but for another cause: {said}"),
            "a living one is let in; look at both with `ttlsweep trace`",
        ),
        _ => Finding::new(
            Level::Warning,
            EXPIRY,
            format!("{method}: a link that has expired got no answer: {said}"),
            "if that happens again, the target refuses without an answer; look at it with `ttlsweep trace --cell k…`",
        ),
    }
}

fn causes(row: &TransferRecord, asked: Asked, store: &Store) -> String {
    let causes = Refusal::of_row(row).map(|refusal| refusal.causes(asked, store.extras().run_parameter.name()));
    causes.unwrap_or_else(|| "try again later".to_owned())
}

/// What to do if nobody answered.
pub(super) fn silence(row: &TransferRecord) -> &'static str {
    let confirmed = row.body_bytes_acked.unwrap_or(u64::MAX);
    if row.outcome == Outcome::TimedOut && confirmed <= FEW_SEGMENTS && row.body_bytes_written > FEW_SEGMENTS {
        "the connection stands, and of the body no more than the first segments was confirmed: the path may drop large packets \
         (a tunnel or VPN with a smaller MTU, and ICMP filtered); try a smaller MTU on this machine's interface"
    } else if row.outcome == Outcome::TimedOut
        && !row.method.is_upload()
        && head_arrived(row)
        && row.response_bytes <= FEW_SEGMENTS
    {
        "the request arrived, small answers come, and of this one no more than the first segments did: the path back may drop \
         large packets (a tunnel or VPN with a smaller MTU, and ICMP filtered), or the store is stuck; try a smaller MTU on this \
         machine's interface, to tell"
    } else {
        "try again later"
    }
}

/// Codes for expiry differ from server to server, and those for another cause are few.
pub(super) fn refused_for_expiry(row: &TransferRecord) -> bool {
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
pub(crate) async fn delete(store: &Store, key: &ObjectKey) -> Finding {
    match store.delete_object(key).await {
        Ok(()) => Finding::ok(DELETE, "the key may delete what it puts"),
        Err(DeleteError::Denied(error)) => Finding::new(
            Level::Warning,
            DELETE,
            format!("the key may not delete what it puts ({error})"),
            "allow it s3:DeleteObject and s3:AbortMultipartUpload on the prefix, or set the lifecycle rule below; one object \
             of 64 kB is left",
        ),
        Err(error) => Finding::new(
            Level::Warning,
            DELETE,
            format!("one object of 64 kB is left: {error}"),
            "the lifecycle rule below deletes it",
        ),
    }
}

pub(super) fn said(row: &TransferRecord) -> String {
    let status = row.status.map(|status| status.to_string());
    let answer = row.answer.as_ref().map(|answer| format!("\"{answer}\""));
    let (server, via) =
        (row.server.as_ref().map(|it| format!("Server: {it}")), row.via.as_ref().map(|it| format!("Via: {it}")));
    let parts = [status, row.s3_code.clone(), row.s3_message.clone(), answer, row.error.clone(), server, via];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    if parts.is_empty() { row.outcome.to_string() } else { format!("{} ({})", row.outcome, parts.join(", ")) }
}

const PUT: &str = "put";
const DELETE: &str = "delete";
const LINK: &str = "link";
const SIZE: &str = "size";
const EXPIRY: &str = "expiry";

/// Long enough for a slow path, and for clocks that differ by seconds.
const LIVING: Duration = Duration::from_secs(300);

/// Bytes of a body that small packets can carry beside the first large one.
const FEW_SEGMENTS: u64 = 4096;

/// Far beyond what clocks differ by once their offset is known, and within every server's tolerance of old signatures.
const LONG_PAST_US: i64 = 60_000_000;

#[cfg(test)]
mod tests {
    use ttlsweep_record::Timestamp;

    use super::*;

    fn row(outcome: Outcome, status: Option<u16>, code: Option<&str>) -> TransferRecord {
        let cell = crate::experiment::example_cell();
        TransferRecord {
            outcome,
            status,
            s3_code: code.map(str::to_owned),
            ..TransferRecord::begun(&cell, Timestamp::from_unix_micros(0))
        }
    }

    fn level(outcome: Outcome, status: Option<u16>, code: Option<&str>, policy: Option<ExpiryPolicy>) -> Level {
        let cell = Cell { expiry_policy: policy, ..crate::experiment::example_cell() };
        let living = row(Outcome::Completed, Some(200), None);
        judge(&row(outcome, status, code), &living, Method::Put, &cell).level
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

    #[test]
    fn silence_lets_a_size_pass_only_if_the_head_was_confirmed() {
        let instant = Some(Timestamp::from_unix_micros(1));
        let unconnected = row(Outcome::TimedOut, None, None);
        assert!(!head_arrived(&unconnected));
        let unconfirmed = TransferRecord { head_written_at: instant, rtt_us: Some(30_000), ..unconnected.clone() };
        assert!(!head_arrived(&unconfirmed));
        assert!(head_arrived(&TransferRecord { head_acked_at: instant, ..unconfirmed }));
        let kernel_that_does_not_tell = TransferRecord { head_written_at: instant, ..unconnected };
        assert!(head_arrived(&kernel_that_does_not_tell));
    }

    #[test]
    fn an_expired_link_that_is_refused_is_no_comfort_where_a_living_one_is_refused_too() {
        let denied = row(Outcome::Rejected, Some(403), Some("AccessDenied"));
        let cell = crate::experiment::example_cell();
        let finding = judge(&denied, &denied, Method::Put, &cell);
        assert_eq!(finding.level, Level::Warning);
        assert!(finding.found.to_string().contains("says nothing of expiry"), "{finding}");
    }

    #[test]
    fn a_body_of_which_only_the_first_bytes_are_confirmed_points_at_the_path() {
        let mut stuck = row(Outcome::TimedOut, None, None);
        (stuck.body_bytes_acked, stuck.body_bytes_written) = (Some(1200), 65_536);
        assert!(silence(&stuck).contains("drop large packets"));
        stuck.body_bytes_acked = Some(65_536);
        assert_eq!(silence(&stuck), "try again later");
        let download = TransferRecord {
            method: Method::Get,
            head_written_at: Some(Timestamp::from_unix_micros(1)),
            ..row(Outcome::TimedOut, None, None)
        };
        assert!(silence(&download).contains("the path back may drop large packets"));
        assert_eq!(silence(&TransferRecord { response_bytes: 60_000, ..download }), "try again later");
    }

    #[test]
    fn an_address_that_did_not_answer_is_named_though_another_one_did() {
        let error = "[2001:db8::1]:443 did not answer in 250.0ms; connected to 192.0.2.1:443".to_owned();
        let detour = TransferRecord { error: Some(error), ..row(Outcome::Completed, Some(200), None) };
        let found = dead_address(&detour).unwrap();
        assert_eq!(found.level, Level::Warning);
        assert!(found.to_string().contains("[2001:db8::1]:443 did not answer"), "{found}");
        assert!(dead_address(&row(Outcome::Completed, Some(200), None)).is_none());
    }
}
