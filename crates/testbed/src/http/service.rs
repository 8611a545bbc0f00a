//! One request: from its head to the answer that HTTP is given.

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use s3s::auth::{S3Auth, SecretKey};
use s3s::host::{S3Host, VirtualHost};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, S3Result, s3_error};
use time::OffsetDateTime;
use ttlsweep_record::words::{Cut, EarlyClose};
use ttlsweep_record::{Fault, FaultKind};

use crate::clock::Moment;
use crate::config::TestbedConfig;
use crate::dialect::{Dialect, strip};
use crate::http::answer::{AnswerBody, MidBodyAction, OnUnread, Reply, Serving, UnreadBody};
use crate::http::control::{ConnectionAction, ConnectionControl, Deadline, Ending, HardCut, LINGER};
use crate::http::cors::{Page, preflight};
use crate::http::exchange::{Exchange, Opening};
use crate::http::fault::FaultInjector;
use crate::http::timer::Timer;
use crate::http::upload::{Upload, UploadBody};
use crate::s3::demands::Demands;
use crate::s3::errors::{Failure, name_server};
use crate::s3::form::Form;
use crate::s3::header_auth;
use crate::s3::ids::{IdSource, RequestIds};
use crate::s3::keys::{Keys, UNKNOWN_KEY};
use crate::s3::operations::Operations;
use crate::s3::presigned::{FoundLink, Head, Presigned, SignOff};
use crate::s3::query::Query;
use crate::s3::spool::Spool;
use crate::s3::store::Store;
use crate::s3::subject::{bucket_of_host, is_transfer};
use crate::truth::access_log::Asked;
use crate::truth::policy::{Plan, Policy};
use crate::truth::request_log::RequestLog;
use crate::truth::request_record::Disposition;

/// What all connections of a testbed share.
pub(crate) struct Server {
    pub(crate) timer: Timer,
    pub(crate) request_log: Arc<RequestLog>,
    ids: IdSource,
    keys: Keys,
    dialect: Dialect,
    policy: Policy,
    demands: Demands,
    early_close: EarlyClose,
    pub(crate) head_timeout: Duration,
    tls: bool,
    connections: AtomicU64,
    /// For requests whose link has been verified here: asks for no signature.
    verified: S3Service,
    /// For all others: asks for a signature in the headers, and verifies it.
    unverified: S3Service,
}

impl Server {
    pub(crate) fn new(config: &TestbedConfig, request_log: Arc<RequestLog>) -> io::Result<Self> {
        let keys = Keys {
            access_key: config.access_key.clone(),
            secret_key: config.secret_key.clone(),
            region: config.region.clone(),
        };
        let store = Arc::new(Store::default());
        for bucket in &config.buckets {
            // A bucket that is named twice exists anyway.
            let _ = store.create_bucket(bucket);
        }
        let operations =
            Operations { region: config.region.clone(), spool: Spool::new()?, store, next_upload: Arc::default() };
        let mut verified = S3ServiceBuilder::new(operations.clone());
        verified.set_host(LoopbackHost);
        let mut unverified = S3ServiceBuilder::new(operations);
        unverified.set_host(LoopbackHost);
        unverified.set_auth(OneKey(keys.clone()));
        Ok(Self {
            timer: Timer::start()?,
            request_log,
            ids: IdSource::new(),
            keys,
            dialect: config.dialect,
            policy: Policy { expiry: config.expiry, cut: config.cut },
            demands: config.demands(),
            early_close: config.early_close,
            head_timeout: config.head_timeout,
            tls: config.tls,
            connections: AtomicU64::new(0),
            verified: verified.build(),
            unverified: unverified.build(),
        })
    }

    /// A request's head, as its link is held against it.
    fn head<'a>(&'a self, parts: &'a Parts, query: &'a Query, arrived: Moment) -> Head<'a> {
        Head { parts, query, keys: &self.keys, tls: self.tls, now: arrived.wall }
    }

    /// The number of a connection that has just been accepted.
    pub(crate) fn next_connection(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed)
    }
}

/// Answers a request. The head has just arrived; the body may be long in coming.
pub(crate) async fn answer(
    server: Arc<Server>,
    control: Arc<ConnectionControl>,
    request: Request<Incoming>,
) -> Result<Response<AnswerBody>, Infallible> {
    let (parts, incoming) = request.into_parts();
    let expects_continue = parts.headers.contains_key(EXPECT);
    let query = Query::read(&parts);
    let form = Form::of(&parts);
    let is_form = form.is_some();
    let upload = Upload::new(incoming, form);
    match control.fault.map(Fault::kind).filter(|_| is_transfer(&parts, &query)) {
        Some(FaultKind::LateHead(time)) => server.timer.at(Instant::now() + time).await,
        Some(FaultKind::ContinueFirst) if expects_continue => {
            upload.invite();
            // HTTP sends the 100 when this task lets it, and before any answer.
            server.timer.at(Instant::now() + INVITATION).await;
        }
        _ => {}
    }
    let arrived = Moment::now();
    let ids = server.ids.next();
    let page = Page::of(&parts);
    let method = parts.method.clone();
    let link = server.dialect.read(&server.head(&parts, &query, arrived));
    let exchange = Exchange::begin(
        server.request_log.clone(),
        upload.clone(),
        Opening {
            connection: control.number,
            arrived,
            ids: ids.clone(),
            run: query.run().map(str::to_owned),
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            expires_at: link.as_ref().ok().and_then(Option::as_ref).map(|link| link.expires_at()),
            asked: Asked::of(&parts, &query),
        },
    );
    control.begin(exchange.clone());

    let reply = match (preflight(&parts), link.and_then(|link| admit(&server, &parts, &query, &upload, arrived, link)))
    {
        (Some(answer), _) => answer.into(),
        (None, Err(failure)) => failure.into_response().into(),
        (None, Ok(link)) => {
            let is_signed = link.is_some() || header_auth::is_signed(&parts);
            let verified = Verified {
                server: &server,
                control: &control,
                exchange: &exchange,
                upload: &upload,
                arrived,
                ids: &ids,
                query: &query,
                fault: control.fault.filter(|_| (is_signed || is_form) && is_transfer(&parts, &query)),
            };
            if is_form && !is_signed {
                verified.respond_to_form(parts).await
            } else {
                verified.respond(parts, link).await
            }
        }
    };

    let Reply { mut response, within, mut after, reader } = reply;
    if let Some(page) = page {
        page.admit(response.headers_mut());
    }
    let with = SignOff { method: &method, ids: &ids, now: arrived.wall_now() };
    server.dialect.sign_off(&mut response, &with);
    name_server(&mut response);
    if let Some(code) = response.extensions().get() {
        exchange.refuse_with(code);
    }
    let holds = matches!(after, Some((_, ConnectionAction::Hold)));
    if server.early_close == EarlyClose::Lost && reader.is_none() && !upload.is_whole() && !holds {
        // Nothing is unread of a body that waits for its 100 Continue, so that the answer leaves.
        if !expects_continue || upload.is_invited() {
            exchange.answer(response.status(), true);
            exchange.lose_answer();
            control.schedule(Instant::now(), ConnectionAction::LoseAnswer);
            return pending().await;
        }
    }
    let unread = (!upload.is_whole() && !holds).then(|| {
        let uninvited = expects_continue && !upload.is_invited();
        let rest = match (server.early_close, reader) {
            // A body that nobody asked for may never come, and would then leave the connection at a loss over what
            // the next bytes are.
            (_, Some(reader)) if !uninvited => OnUnread::Served(reader),
            (EarlyClose::Drain, None) if !uninvited => OnUnread::Drained,
            (EarlyClose::Drain | EarlyClose::Linger, _) => OnUnread::Unread(Ending::Linger(LINGER)),
            (EarlyClose::Close | EarlyClose::Lost, _) => OnUnread::Unread(Ending::Abrupt),
            (EarlyClose::FinRst, _) => OnUnread::Unread(Ending::FinRst),
            (EarlyClose::Rst, _) => OnUnread::Unread(Ending::Rst),
        };
        // The connection ends, or is busy, in a way of its own.
        after = None;
        if let OnUnread::Unread(ending) = rest {
            control.end_with(ending);
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        UnreadBody { upload, rest }
    });
    let is_read_on = unread.as_ref().is_some_and(|unread| !matches!(unread.rest, OnUnread::Unread(_)));
    exchange.answer(response.status(), is_read_on || after.is_some());
    if let Some((delay, action)) = after {
        control.schedule_after_answer(delay, action);
    }
    let action = within.map(|(left, action)| MidBodyAction { control, left, action: Some(action) });
    Ok(response.map(|body| AnswerBody::new(body, exchange, unread, action)))
}

/// Refuses what the head alone shows to be wrong: for every client, then for the one that asks.
fn admit(
    server: &Server,
    parts: &Parts,
    query: &Query,
    upload: &Upload,
    arrived: Moment,
    link: Option<Box<dyn Presigned>>,
) -> FoundLink {
    server.demands.check_request(query)?;
    match &link {
        Some(link) => {
            if let Some(sha256) = link.verify(&server.head(parts, query, arrived))? {
                upload.expect(&sha256);
            }
        }
        None => header_auth::verify(parts, query, &server.keys, arrived.wall)?,
    }
    let tells_length = [CONTENT_LENGTH.as_str(), "x-amz-decoded-content-length"];
    if parts.method == Method::PUT
        && is_transfer(parts, query)
        && !tells_length.iter().any(|name| parts.headers.contains_key(*name))
    {
        return Err(Failure::of_code(StatusCode::LENGTH_REQUIRED, "MissingContentLength"));
    }
    Ok(link)
}

/// A request on which everything has been read and verified that can be told from its head.
struct Verified<'a> {
    server: &'a Arc<Server>,
    control: &'a ConnectionControl,
    exchange: &'a Exchange,
    upload: &'a Upload,
    arrived: Moment,
    ids: &'a RequestIds,
    query: &'a Query,
    fault: Option<Fault>,
}

impl Verified<'_> {
    /// Carries the plan for a request's link out, and returns the answer.
    async fn respond(&self, parts: Parts, link: Option<Box<dyn Presigned>>) -> Reply {
        let expires_at = link.as_ref().map(|link| link.expires_at());
        let plan = self.server.policy.plan(self.arrived, expires_at);
        let expired = || {
            // Only a link can expire.
            link.as_ref().map_or_else(internal_error, |link| link.expired(self.arrived.wall_now()).into_response())
        };
        if plan != Plan::RefuseAtHead {
            let access = self.server.demands.check_access(&parts, self.query, link.as_deref(), self.arrived.wall);
            if let Err(failure) = access {
                return failure.into_response().into();
            }
        }
        let serving = || {
            let mut stripped = parts.clone();
            if let Some(link) = &link {
                strip(&mut stripped, &**link);
            }
            self.call(stripped, link.is_some())
        };
        self.follow(plan, self.serve(&parts, expires_at, serving), expired).await
    }

    /// Carries the plan for a form's policy out, which is known only when it has come, and returns the answer. A fault begins
    /// where the file does: what came before is the form's head, and shows whether its signature holds.
    async fn respond_to_form(&self, parts: Parts) -> Reply {
        let mut serving = self.call(parts.clone(), false);
        let (expires_at, served) = tokio::select! {
            biased;
            expires_at = self.upload.form_expiry() => (expires_at, None),
            response = &mut serving => match self.upload.known_form_expiry() {
                // The service may be done in the moment in which it reads the policy, above all if that has expired.
                Some(expires_at) => (expires_at, Some(response)),
                None => return response.into(),
            },
        };
        let serving = async {
            let is_served = served.is_none()
                && tokio::select! {
                    biased;
                    fields = self.upload.form_fields() => fields.is_signed(&self.server.keys),
                    response = &mut serving => return response.into(),
                };
            match served {
                Some(response) => response.into(),
                None if is_served => self.serve(&parts, Some(expires_at), || serving).await,
                None => serving.await.into(),
            }
        };
        self.exchange.expires_at(expires_at);
        let now = Moment { wall: self.arrived.wall_now(), mono: Instant::now() };
        let plan = self.server.policy.plan(now, Some(expires_at));
        let expired =
            || Failure::forbidden("AccessDenied", "Invalid according to Policy: Policy expired.").into_response();
        self.follow(plan, serving, expired).await
    }

    /// Carries a plan out, and returns the answer.
    async fn follow(
        &self,
        plan: Plan,
        serving: impl Future<Output = Reply>,
        refusal: impl Fn() -> Response<Body>,
    ) -> Reply {
        let expired = |disposition| {
            self.exchange.decide(disposition);
            Reply::from(refusal())
        };
        let Plan::Serve { cut, complete_before } = plan else { return expired(Disposition::RefusedAtHead) };
        if let Some(deadline) = complete_before {
            self.upload.complete_before(deadline);
        }
        let reply = match cut {
            None => serving.await,
            Some((at, Cut::Reset)) => self.until_cut(serving, at, HardCut::Reset).await,
            Some((at, Cut::Close)) => self.until_cut(serving, at, HardCut::Close).await,
            Some((at, Cut::Respond)) => tokio::select! {
                biased;
                () = self.server.timer.at(at) => return expired(Disposition::Cut(Cut::Respond)),
                reply = serving => {
                    // Its head goes out now, so that another answer has become impossible.
                    self.control.arm(Deadline { at, cut: HardCut::Close });
                    reply
                }
            },
        };
        if self.upload.is_late() {
            expired(Disposition::RefusedOnCompletion)
        } else if self.upload.differs() {
            Failure::of_code(StatusCode::BAD_REQUEST, "XAmzContentSHA256Mismatch").into_response().into()
        } else {
            reply
        }
    }

    /// Arms the connection, which then cuts itself; what is being served goes down with it.
    async fn until_cut(&self, serving: impl Future<Output = Reply>, at: Instant, cut: HardCut) -> Reply {
        self.control.arm(Deadline { at, cut });
        serving.await
    }

    /// Serves the request, under the fault if there is one.
    async fn serve(
        &self,
        parts: &Parts,
        expires_at: Option<OffsetDateTime>,
        serving: impl FnOnce() -> Serving,
    ) -> Reply {
        let Some(fault) = self.fault else { return serving().await.into() };
        let injector = FaultInjector {
            fault,
            control: self.control,
            exchange: self.exchange,
            upload: self.upload,
            timer: &self.server.timer,
            arrived: self.arrived,
            expires_at,
            ids: self.ids,
            tls: self.server.tls,
        };
        injector.serve(parts, serving).await
    }

    /// The S3 service's answer, which is worked on when it is polled.
    fn call(&self, parts: Parts, is_verified: bool) -> Serving {
        Box::pin(call(self.server.clone(), parts, is_verified, self.upload.body()))
    }
}

/// How long a 100 Continue that is sent first is ahead of what follows.
const INVITATION: Duration = Duration::from_millis(20);

/// Lets the S3 service answer.
async fn call(server: Arc<Server>, mut parts: Parts, is_verified: bool, body: UploadBody) -> Response<Body> {
    let service = if is_verified || header_auth::complete(&mut parts) { &server.verified } else { &server.unverified };
    let request = Request::from_parts(parts, Body::http_body_unsync(body));
    service.call(request).await.unwrap_or_else(|error| {
        tracing::error!(?error, "the service failed");
        internal_error()
    })
}

fn internal_error() -> Response<Body> {
    Failure::of_code(StatusCode::INTERNAL_SERVER_ERROR, "InternalError").into_response()
}

/// Knows one key.
struct OneKey(Keys);

#[async_trait::async_trait]
impl S3Auth for OneKey {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        if access_key == self.0.access_key {
            Ok(SecretKey::from(self.0.secret_key.expose()))
        } else {
            Err(s3_error!(InvalidAccessKeyId, "{UNKNOWN_KEY}"))
        }
    }
}

/// Takes `bucket.localhost` for a bucket's host, and every other name for the endpoint's own.
struct LoopbackHost;

impl S3Host for LoopbackHost {
    fn parse_host_header<'a>(&'a self, host: &'a str) -> S3Result<VirtualHost<'a>> {
        let name = host.rsplit_once(':').map_or(host, |(name, _port)| name);
        Ok(match bucket_of_host(host) {
            Some(bucket) => VirtualHost::new("localhost").with_bucket(bucket),
            None => VirtualHost::new(name),
        })
    }
}
