//! What a fault does to one request: when it is due, and how it acts.

use std::future::pending;
use std::sync::Once;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HOST, LOCATION};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use s3s::Body;
use time::OffsetDateTime;
use ttlsweep_record::{Fault, FaultKind, FaultPlace, Method};

use crate::clock::Moment;
use crate::http::answer::{Reply, Serving};
use crate::http::control::{ConnectionAction, ConnectionControl, Direction};
use crate::http::exchange::Exchange;
use crate::http::timer::Timer;
use crate::http::upload::Upload;
use crate::s3::errors::{Failure, INTERNAL_ERROR};
use crate::s3::ids::RequestIds;

/// A request that gets a fault: one that would be served, since what is refused at its head is still refused.
pub(crate) struct FaultInjector<'a> {
    pub(crate) fault: Fault,
    pub(crate) control: &'a ConnectionControl,
    pub(crate) exchange: &'a Exchange,
    pub(crate) upload: &'a Upload,
    pub(crate) timer: &'a Timer,
    pub(crate) arrived: Moment,
    pub(crate) expires_at: Option<OffsetDateTime>,
    pub(crate) ids: &'a RequestIds,
    pub(crate) tls: bool,
}

impl FaultInjector<'_> {
    /// Serves the request as far as the fault lets it; never completes where the fault ends the connection.
    pub(crate) async fn serve(&self, parts: &Parts, serving: impl FnOnce() -> Serving) -> Reply {
        // Parts are uploads like any other.
        let method = if parts.method == http::Method::GET { Method::Get } else { Method::Put };
        let spared =
            matches!(self.fault.kind(), FaultKind::ResetSome(percent) if !is_met(self.control.number, percent));
        if self.fault.misfit(method).is_some() || self.fault.kind().is_before_the_head() || spared {
            return serving().await.into();
        }
        match self.fault.kind() {
            kind @ FaultKind::NoContinue => {
                if parts.headers.contains_key(EXPECT) {
                    self.control.mute_continue();
                    self.exchange.fault(kind);
                }
                serving().await.into()
            }
            kind @ FaultKind::ConnectionClose => {
                let mut response = serving().await;
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                self.exchange.fault(kind);
                response.into()
            }
            FaultKind::KeepAliveClose => {
                Reply { after: Some((IDLE, ConnectionAction::CloseWhenIdle)), ..serving().await.into() }
            }
            _ if method == Method::Get => self.serve_download(parts, serving()).await,
            _ => self.serve_upload(parts, serving).await,
        }
    }

    async fn serve_upload(&self, parts: &Parts, serving: impl FnOnce() -> Serving) -> Reply {
        let kind = self.fault.kind();
        let mut due = self.due(self.fault.place());
        let goes_on = matches!(kind, FaultKind::Slow(_) | FaultKind::EarlyOk);
        if let Due::Share(percent) = due {
            due = match self.upload.length().or_else(|| decoded_length(parts)) {
                None => never_at_a_share(),
                // Of a form, that much may have come with its policy.
                Some(length) if share(length, percent) <= self.upload.bytes() => Due::Now,
                // What comes in chunks is longer on its way than it says: its end alone is the whole of it.
                Some(_) if percent == 100 && !goes_on && self.upload.length().is_none() => {
                    self.upload.watch_for_end();
                    Due::Share(percent)
                }
                Some(length) => {
                    self.upload.watch_for(share(length, percent), !goes_on);
                    Due::Share(percent)
                }
            };
        }
        let mut serving = serving();
        tokio::select! {
            biased;
            () = self.wait(due) => {}
            response = &mut serving => {
                // Who reads a form stops at the line that ends it, and does not wait for more.
                let is_due = matches!(due, Due::Share(_)) && self.upload.is_at_mark();
                if goes_on || !is_due {
                    return response.into();
                }
            }
        }
        match kind {
            FaultKind::Slow(rate) => {
                self.exchange.fault(kind);
                self.control.slow(Direction::Reading, rate);
                serving.await.into()
            }
            FaultKind::EarlyOk => {
                self.exchange.fault(kind);
                Reply { reader: Some(serving), ..Response::new(Body::empty()).into() }
            }
            FaultKind::StopReadingAfterAnswer => Reply {
                after: Some((Duration::ZERO, ConnectionAction::Hold)),
                ..Failure::of_code(StatusCode::SERVICE_UNAVAILABLE, "SlowDown").into_response().into()
            },
            _ => self.action(parts).await,
        }
    }

    async fn serve_download(&self, parts: &Parts, serving: Serving) -> Reply {
        let place = match (self.fault.kind(), self.fault.place()) {
            // There must be something that can break off.
            (FaultKind::TruncatedBody, FaultPlace::Head) => FaultPlace::Share(50),
            (_, place) => place,
        };
        let due = self.due(place);
        let action = match self.fault.kind() {
            FaultKind::StopReadingAfterAnswer => {
                return Reply { after: Some((Duration::ZERO, ConnectionAction::Hold)), ..serving.await.into() };
            }
            FaultKind::Error { .. } | FaultKind::Redirect | FaultKind::Garbage | FaultKind::TruncatedHead => {
                if matches!(due, Due::Never) {
                    return serving.await.into();
                }
                // A response that has begun could not be taken back.
                self.wait(due).await;
                return self.action(parts).await;
            }
            FaultKind::Slow(rate) => ConnectionAction::Slow(Direction::Writing, rate),
            FaultKind::TruncatedBody => CLOSE,
            _ => match self.below_http() {
                Some(action) => action,
                None => return serving.await.into(),
            },
        };
        match (due, action) {
            (Due::Never, _) => serving.await.into(),
            (Due::Now, ConnectionAction::Slow(direction, rate)) => {
                self.exchange.fault(self.fault.kind());
                self.control.slow(direction, rate);
                serving.await.into()
            }
            (Due::Now, action) => self.interrupt(action).await,
            (Due::At(at), action) => {
                self.control.schedule(at, action);
                serving.await.into()
            }
            (Due::Share(percent), action) => {
                let response = serving.await;
                let within = content_length(&response).map(|length| (share(length, percent), action));
                if within.is_none() {
                    never_at_a_share();
                }
                // An error is reported whole, and is too short to be anything else.
                Reply { within: within.filter(|_| response.status().is_success()), ..response.into() }
            }
        }
    }

    /// Does what there is to be done now, in place of an ordinary answer.
    async fn action(&self, parts: &Parts) -> Reply {
        let kind = self.fault.kind();
        let response = match kind {
            FaultKind::Error { status, code } => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                Failure::of_code(status, code.as_str()).into_response()
            }
            FaultKind::Redirect => self.redirection(parts),
            _ => match self.below_http() {
                Some(action) => return self.interrupt(action).await,
                // Whatever is left is no matter of requests.
                None => {
                    return Failure::of_code(StatusCode::INTERNAL_SERVER_ERROR, "InternalError").into_response().into();
                }
            },
        };
        self.exchange.fault(kind);
        response.into()
    }

    /// Lets the connection's task act at once, which takes this request down with it.
    async fn interrupt(&self, action: ConnectionAction) -> Reply {
        self.control.schedule(Instant::now(), action);
        pending().await
    }

    /// What the connection's task does for those faults that HTTP has no part in.
    fn below_http(&self) -> Option<ConnectionAction> {
        let say = |text: String| ConnectionAction::Say { bytes: Bytes::from(text), notify: false };
        Some(match self.fault.kind() {
            FaultKind::Reset | FaultKind::ResetSome(_) => ConnectionAction::Reset,
            FaultKind::Close => CLOSE,
            FaultKind::CloseNotify => ConnectionAction::Say { bytes: Bytes::new(), notify: true },
            FaultKind::Stall => ConnectionAction::Hold,
            FaultKind::Garbage => say(GARBAGE.to_owned()),
            FaultKind::TruncatedHead => say(format!("{}content-le", self.head("200 OK"))),
            FaultKind::TruncatedBody => {
                let xml = format!(
                    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>InternalError</Code>\
                     <Message>{INTERNAL_ERROR}</Message><RequestId>{}</RequestId><HostId>{}</HostId></Error>",
                    self.ids.request_id, self.ids.host_id
                );
                let (half, length) = (&xml[..xml.len() / 2], xml.len());
                self.exchange.answer(StatusCode::INTERNAL_SERVER_ERROR, false);
                self.exchange.sent(half.len());
                let head = self.head("500 Internal Server Error");
                say(format!("{head}content-type: application/xml\r\ncontent-length: {length}\r\n\r\n{half}"))
            }
            // What HTTP says by itself, or what the connection meets before there is a request.
            FaultKind::Error { .. }
            | FaultKind::Redirect
            | FaultKind::Slow(_)
            | FaultKind::NoContinue
            | FaultKind::ContinueFirst
            | FaultKind::LateHead(_)
            | FaultKind::EarlyOk
            | FaultKind::StopReadingAfterAnswer
            | FaultKind::KeepAliveClose
            | FaultKind::ConnectionClose
            | FaultKind::TlsAlert
            | FaultKind::TlsClose
            | FaultKind::Refuse
            | FaultKind::Blackhole => return None,
        })
    }

    /// The beginning of a response's head, written by hand.
    fn head(&self, status: &str) -> String {
        let RequestIds { request_id, host_id } = self.ids;
        format!(
            "HTTP/1.1 {status}\r\nx-amz-request-id: {request_id}\r\nx-amz-id-2: {host_id}\r\nserver: ttlsweep-testbed\r\n"
        )
    }

    /// S3's answer for a bucket that is elsewhere: the same host by another name, which the link's signature is not for.
    fn redirection(&self, parts: &Parts) -> Response<Body> {
        let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (name, format!(":{port}")),
            _ => (host, String::new()),
        };
        let elsewhere = format!("{}{port}", if name == "localhost" { "127.0.0.1" } else { "localhost" });
        let scheme = if self.tls { "https" } else { "http" };
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
        let bucket = parts.uri.path().trim_start_matches('/').split('/').next().unwrap_or_default();
        let message = "Please re-send this request to the specified temporary endpoint. Continue to use the original \
                       request endpoint for future requests.";
        let failure = Failure::new(StatusCode::TEMPORARY_REDIRECT, "TemporaryRedirect", message)
            .with("Bucket", bucket)
            .with("Endpoint", elsewhere.clone());
        let mut response = failure.into_response();
        if let Ok(location) = HeaderValue::try_from(format!("{scheme}://{elsewhere}{target}")) {
            response.headers_mut().insert(LOCATION, location);
        }
        response
    }

    fn due(&self, place: FaultPlace) -> Due {
        let at = match place {
            FaultPlace::Head => return Due::Now,
            FaultPlace::Share(percent) => return Due::Share(percent),
            FaultPlace::After(time) => self.arrived.mono + time,
            FaultPlace::Expiry(micros) => match self.expires_at {
                Some(expires_at) => self.arrived.instant_of(expires_at + time::Duration::microseconds(micros)),
                None => return Due::Never,
            },
        };
        if at > self.arrived.mono { Due::At(at) } else { Due::Now }
    }

    async fn wait(&self, due: Due) {
        match due {
            Due::Now => {}
            Due::At(at) => self.timer.at(at).await,
            Due::Share(_) => self.upload.reached().await,
            Due::Never => pending().await,
        }
    }
}

/// Whether a connection is among the percentage that a fault meets: as if by chance, and the same in every run.
fn is_met(connection: u64, percent: u8) -> bool {
    // Steele, Lea and Flood's SplitMix64: neighbouring numbers are far apart behind it.
    let mut mixed = connection.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)) % 100 < u64::from(percent)
}

/// When a fault acts.
#[derive(Debug, Clone, Copy)]
enum Due {
    /// Before anything is done for the request.
    Now,
    At(Instant),
    /// When this share of the body has passed.
    Share(u8),
    Never,
}

/// How long an upload's body is without its chunks, as clients say that send it in chunks.
fn decoded_length(parts: &Parts) -> Option<u64> {
    parts.headers.get("x-amz-decoded-content-length")?.to_str().ok()?.trim().parse().ok()
}

/// What has no length has no share either; said once, since it will not be the only one of its kind.
fn never_at_a_share() -> Due {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        tracing::warn!("a fault at a share of the body (NN%) cannot happen if nothing tells the body's length");
    });
    Due::Never
}

/// So many percent of `length`, rounded up.
fn share(length: u64, percent: u8) -> u64 {
    (u128::from(length) * u128::from(percent)).div_ceil(100) as u64
}

fn content_length(response: &Response<Body>) -> Option<u64> {
    let reported = response.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    reported.or_else(|| http_body::Body::size_hint(response.body()).exact())
}

/// A FIN alone.
const CLOSE: ConnectionAction = ConnectionAction::Say { bytes: Bytes::new(), notify: false };

/// What a mail server says, which is as far from HTTP as a whole line can be.
const GARBAGE: &str = "220 mail.example.com ESMTP ready\r\n";

/// How long `keep-alive-close` leaves the idle connection open.
const IDLE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_some_connections_meets_as_many_as_it_says() {
        let met = (0..10_000).filter(|number| is_met(*number, 40)).count();
        // Five deviations of a binomial of 10,000.
        assert!((3_755..4_245).contains(&met), "{met}");
        assert_eq!((0..100).filter(|number| is_met(*number, 0)).count(), 0);
    }

    #[test]
    fn a_share_is_never_reached_early() {
        assert_eq!(share(1_000_000, 50), 500_000);
        assert_eq!(share(3, 50), 2);
        assert_eq!(share(0, 100), 0);
        assert_eq!(share(u64::MAX, 100), u64::MAX);
    }
}
