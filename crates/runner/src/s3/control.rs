//! The SDK's HTTP client: the same way to the store as the transfers take.
//!
//! The SDK's own client tries addresses otherwise, asks a proxy for plain HTTP in absolute form, and knows none of our rules. A
//! bucket check that takes another way than the transfers proves nothing about theirs.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use http::Uri;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::time::Instant;
use tokio_rustls::rustls;
use tower_service::Service;

use super::preflight::says_untrusted;
use crate::dial::reach::Route;
use crate::dial::{DialError, Dialer, Steps};
use crate::lock::lock;
use crate::wire::endpoint::Endpoint;
use crate::wire::socket::Socket;
use crate::wire::tape::Tape;
use crate::wire::tls::MaybeTls;

/// Answers the SDK's requests over connections that are kept for the next one.
#[derive(Debug, Clone)]
pub(super) struct ControlPlane {
    tls: Arc<rustls::ClientConfig>,
    route: Route,
    /// One client for each timeout for connecting: the connections belong to the clients.
    clients: Arc<Mutex<HashMap<Duration, Client<Connector, SdkBody>>>>,
}

impl ControlPlane {
    pub(super) fn new(tls: Arc<rustls::ClientConfig>, route: Route) -> Self {
        Self { tls, route, clients: Arc::default() }
    }
}

impl HttpClient for ControlPlane {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        let patience = settings.connect_timeout().unwrap_or(CONNECT);
        let mut clients = lock(&self.clients);
        let client = clients.entry(patience).or_insert_with(|| {
            let connector = Connector { tls: Arc::clone(&self.tls), route: self.route.clone(), patience };
            Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector)
        });
        SharedHttpConnector::new(Asked { client: client.clone(), answer_within: settings.read_timeout() })
    }
}

/// A client under the timeouts of one operation.
#[derive(Debug)]
struct Asked {
    client: Client<Connector, SdkBody>,
    answer_within: Option<Duration>,
}

impl HttpConnector for Asked {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into()))),
        };
        let (answering, within) = (self.client.request(request), self.answer_within);
        HttpConnectorFuture::new(async move {
            let answered = match within {
                None => answering.await,
                Some(within) => match tokio::time::timeout(within, answering).await {
                    Ok(answered) => answered,
                    Err(elapsed) => return Err(ConnectorError::timeout(elapsed.into())),
                },
            };
            let response = answered.map_err(failure)?.map(SdkBody::from_body_1_x);
            HttpResponse::try_from(response).map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// The SDK wants to know whether time ran out; the words are those of the cause.
fn failure(error: hyper_util::client::legacy::Error) -> ConnectorError {
    let dialled = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref::<DialError>());
    if dialled.is_some_and(|dialled| dialled.timed_out) {
        ConnectorError::timeout(error.into())
    } else if says_untrusted(&error) || dialled.is_some_and(|dialled| dialled.lasting) {
        // Not one of those that the SDK tries again for the results' bucket: it will be the same certificate, or the same
        // proxy.
        ConnectorError::user(error.into())
    } else {
        ConnectorError::io(error.into())
    }
}

/// Opens connections for the client above.
#[derive(Debug, Clone)]
struct Connector {
    tls: Arc<rustls::ClientConfig>,
    route: Route,
    patience: Duration,
}

impl Service<Uri> for Connector {
    type Response = TokioIo<MaybeTls<Socket>>;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let Self { tls, route, patience } = self.clone();
        Box::pin(async move {
            let endpoint = Endpoint::of(&uri)?;
            let tls = endpoint.is_secure().then_some(tls);
            let dialer = Dialer { route, ..Dialer::new(endpoint, tls) };
            let opened = dialer.open(Instant::now() + patience, &mut Steps::default(), &mut Tape::default()).await;
            Ok(TokioIo::new(opened?))
        })
    }
}

impl Connection for MaybeTls<Socket> {
    fn connected(&self) -> Connected {
        // Also behind a proxy: its tunnel is the store's connection, and requests have the form that the store expects.
        Connected::new()
    }
}

/// Where the SDK's settings say nothing.
const CONNECT: Duration = Duration::from_secs(10);
