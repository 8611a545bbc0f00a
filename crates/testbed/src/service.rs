//! One request: from its head to the answer that HTTP is given.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use http::header::{CONNECTION, EXPECT};
use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use s3s::auth::{S3Auth, SecretKey};
use s3s::host::{S3Host, VirtualHost};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, S3Result, s3_error};
use ttlsweep_record::words::{Cut, EarlyClose};

use crate::alarm::Alarm;
use crate::answer::{AnswerBody, Overtaken};
use crate::clock::Moment;
use crate::config::TestbedConfig;
use crate::deeds::{Deeds, Fate};
use crate::errors::{Failure, sign_off};
use crate::exchange::{Exchange, Opening};
use crate::handle::{Deadline, Ending, Handle, HardCut};
use crate::ids::IdSource;
use crate::link::{Keys, Link, Query, UNKNOWN_KEY, strip};
use crate::operations::Operations;
use crate::policy::{Plan, Policy};
use crate::spool::Spool;
use crate::store::Store;
use crate::upload::Upload;

/// What all connections of a testbed share.
pub(crate) struct Server {
    pub(crate) alarm: Alarm,
    deeds: Arc<Deeds>,
    ids: IdSource,
    keys: Keys,
    policy: Policy,
    early_close: EarlyClose,
    /// For requests whose link has been verified here: asks for no signature.
    verified: S3Service,
    /// For all others: asks for a signature in the headers, and verifies it.
    unverified: S3Service,
}

impl Server {
    pub(crate) fn new(config: &TestbedConfig, deeds: Arc<Deeds>) -> io::Result<Self> {
        let keys = Keys {
            access_key: config.access_key.clone(),
            secret_key: config.secret_key.clone(),
            region: config.region.clone(),
        };
        let store = Arc::new(Store::default());
        for bucket in &config.buckets {
            // A bucket that is named twice exists all the same.
            let _ = store.create_bucket(bucket);
        }
        let operations = Operations {
            region: config.region.clone(),
            spool: Arc::new(Spool::new()?),
            store,
            next_upload: Arc::default(),
        };
        let mut verified = S3ServiceBuilder::new(operations.clone());
        verified.set_host(LoopbackHost);
        let mut unverified = S3ServiceBuilder::new(operations);
        unverified.set_host(LoopbackHost);
        unverified.set_auth(OneKey(keys.clone()));
        Ok(Self {
            alarm: Alarm::start()?,
            deeds,
            ids: IdSource::new(),
            keys,
            policy: Policy { expiry: config.expiry, cut: config.cut },
            early_close: config.early_close,
            verified: verified.build(),
            unverified: unverified.build(),
        })
    }
}

/// Answers a request. The head has just arrived; the body may be long in coming.
pub(crate) async fn answer(
    server: Arc<Server>,
    handle: Arc<Handle>,
    request: Request<Incoming>,
) -> Result<Response<AnswerBody>, Infallible> {
    let arrived = Moment::now();
    let ids = server.ids.next();
    let (parts, incoming) = request.into_parts();
    let expects_continue = parts.headers.contains_key(EXPECT);
    let upload = Upload::new(incoming);
    let query = Query::read(&parts);
    let link = Link::read(&query);
    let exchange = Exchange::begin(
        server.deeds.clone(),
        upload.clone(),
        Opening {
            connection: handle.number,
            arrived,
            ids: ids.clone(),
            run: query.run().map(str::to_owned),
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            expires_at: link.as_ref().ok().and_then(Option::as_ref).map(Link::expires_at),
        },
    );
    handle.begin(exchange.clone());

    let verified = link.and_then(|link| {
        if let Some(link) = &link {
            link.verify(&parts, &query, &server.keys, arrived.wall)?;
        }
        Ok(link)
    });
    let mut response = match verified {
        Err(failure) => failure.into_response(),
        Ok(link) => {
            let carrying = Carrying { server: &server, handle: &handle, exchange: &exchange, upload: &upload, arrived };
            carrying.out(parts, link).await
        }
    };

    sign_off(&mut response, &ids);
    let overtaken = (!upload.is_whole()).then(|| {
        let uninvited = expects_continue && !upload.is_invited();
        let drain = match server.early_close {
            // A body that nobody asked for may never come, and would then leave the connection at a loss over what
            // the next bytes are.
            EarlyClose::Drain if !uninvited => true,
            EarlyClose::Drain | EarlyClose::Linger => {
                handle.end_with(Ending::Linger);
                false
            }
            EarlyClose::Close => {
                handle.end_with(Ending::Abrupt);
                false
            }
        };
        if !drain {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Overtaken { upload, drain }
    });
    let draining = overtaken.as_ref().is_some_and(|overtaken| overtaken.drain);
    exchange.answer(response.status(), draining);
    Ok(response.map(|body| AnswerBody::new(body, exchange, overtaken)))
}

/// A request on which everything has been read and verified that can be told from its head.
struct Carrying<'a> {
    server: &'a Server,
    handle: &'a Handle,
    exchange: &'a Exchange,
    upload: &'a Upload,
    arrived: Moment,
}

impl Carrying<'_> {
    /// Carries the plan out, and returns the answer.
    async fn out(&self, parts: Parts, link: Option<Link>) -> Response<Body> {
        let plan = self.server.policy.plan(self.arrived, link.as_ref().map(Link::expires_at));
        let expired = |fate| {
            self.exchange.decide(fate);
            // Only a link can expire.
            link.as_ref().map_or_else(internal_error, |link| {
                Failure::expired(link.ttl_s, link.expires_at(), self.arrived.wall_now()).into_response()
            })
        };
        match plan {
            Plan::RefuseAtHead => expired(Fate::RefusedAtHead),
            Plan::Serve { cut, complete_before } => {
                let serving = self.serve(parts, link.is_some(), complete_before);
                let response = match cut {
                    None => serving.await,
                    Some((at, Cut::Reset)) => self.until_cut(serving, at, HardCut::Reset).await,
                    Some((at, Cut::Close)) => self.until_cut(serving, at, HardCut::Close).await,
                    Some((at, Cut::Respond)) => tokio::select! {
                        biased;
                        () = self.server.alarm.at(at) => return expired(Fate::Cut(Cut::Respond)),
                        response = serving => {
                            // Its head goes out now, so that another answer has become impossible.
                            self.handle.arm(Deadline { at, cut: HardCut::Close });
                            response
                        }
                    },
                };
                if self.upload.is_late() { expired(Fate::RefusedOnCompletion) } else { response }
            }
        }
    }

    /// Arms the connection, which then cuts itself; what is being served goes down with it.
    async fn until_cut(
        &self,
        serving: impl Future<Output = Response<Body>>,
        at: Instant,
        cut: HardCut,
    ) -> Response<Body> {
        self.handle.arm(Deadline { at, cut });
        serving.await
    }

    async fn serve(&self, mut parts: Parts, verified: bool, complete_before: Option<Instant>) -> Response<Body> {
        let service = if verified {
            strip(&mut parts);
            &self.server.verified
        } else {
            &self.server.unverified
        };
        let body = Body::http_body_unsync(self.upload.body(complete_before));
        service.call(Request::from_parts(parts, body)).await.unwrap_or_else(|error| {
            tracing::error!(?error, "the service failed");
            internal_error()
        })
    }
}

fn internal_error() -> Response<Body> {
    let message = "We encountered an internal error. Please try again.";
    Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", message).into_response()
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
        Ok(match name.strip_suffix(".localhost") {
            Some(bucket) => VirtualHost::new("localhost").with_bucket(bucket),
            None => VirtualHost::new(name),
        })
    }
}
