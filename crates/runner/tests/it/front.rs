//! A server in front of a testbed: hands requests on, keeps a record of them, and refuses those that a story wants refused.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use ttlsweep_record::Timestamp;
use ttlsweep_testbed::sigv4::Presigner;
use ttlsweep_testbed::{Testbed, TestbedConfig};

use crate::signing::BUCKET;

/// The server; it ends when this is dropped.
pub(crate) struct Front {
    pub(crate) endpoint: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    most_at_once: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

/// A request as it was seen here.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    /// When its head had arrived.
    pub(crate) began: Timestamp,
    /// When its answer's head had been made.
    pub(crate) ended: Timestamp,
}

impl Asked {
    /// A measured transfer, as opposed to what is asked beside.
    pub(crate) fn is_transfer(&self) -> bool {
        let beside = ["doctor", "x-run=clock"].iter().any(|name| self.target.contains(name));
        self.target.contains("x-run=") && !beside
    }

    pub(crate) fn is_deletion(&self) -> bool {
        self.method == Method::DELETE || self.is_batch()
    }

    pub(crate) fn is_batch(&self) -> bool {
        self.method == Method::POST && self.target.contains("?delete")
    }
}

/// A refusal: status and body.
pub(crate) type Refusal = (u16, String);

type Rule = dyn Fn(&Parts) -> Option<Refusal> + Send + Sync;

impl Front {
    /// In front of a testbed that speaks plain TCP; `rule` says what is refused, and how.
    pub(crate) async fn before(
        testbed: &Testbed,
        rule: impl Fn(&Parts) -> Option<Refusal> + Send + Sync + 'static,
    ) -> Self {
        Self::start(testbed, rule, |_| false).await
    }

    async fn start(
        testbed: &Testbed,
        rule: impl Fn(&Parts) -> Option<Refusal> + Send + Sync + 'static,
        garbled: impl Fn(&Asked) -> bool + Send + Sync + 'static,
    ) -> Self {
        let garbled: Arc<dyn Fn(&Asked) -> bool + Send + Sync> = Arc::new(garbled);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let most_at_once = Arc::new(AtomicUsize::new(0));
        let (rule, behind, noted): (Arc<Rule>, _, _) = (Arc::new(rule), testbed.addr(), Arc::clone(&asked));
        let (most, under_way) = (Arc::clone(&most_at_once), Arc::new(AtomicUsize::new(0)));
        let accepting = tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let (rule, noted) = (Arc::clone(&rule), Arc::clone(&noted));
                let (most, under_way, garbled) = (Arc::clone(&most), Arc::clone(&under_way), Arc::clone(&garbled));
                let service = service_fn(move |request| {
                    let (rule, noted) = (Arc::clone(&rule), Arc::clone(&noted));
                    let (most, under_way, garbled) = (Arc::clone(&most), Arc::clone(&under_way), Arc::clone(&garbled));
                    async move {
                        most.fetch_max(under_way.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        let (parts, body) = request.into_parts();
                        let mut stats = Asked {
                            method: parts.method.clone(),
                            target: parts.uri.to_string(),
                            headers: parts.headers.clone(),
                            began: now(),
                            ended: now(),
                        };
                        let answer = match rule(&parts) {
                            Some(refusal) => refuse(refusal, &parts, body).await,
                            None if garbled(&stats) => {
                                let answer = hand_on(behind, Request::from_parts(parts, body)).await;
                                drop(answer.into_body().collect().await);
                                Response::new(whole("<Other/>"))
                            }
                            None => hand_on(behind, Request::from_parts(parts, body)).await,
                        };
                        stats.ended = now();
                        under_way.fetch_sub(1, Ordering::SeqCst);
                        noted.lock().unwrap().push(stats);
                        Ok::<_, Infallible>(answer)
                    }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(socket), service),
                );
            }
        });
        Self { endpoint, asked, most_at_once, accepting }
    }

    /// Hands everything on, and takes the sense out of the answers to those requests that `garbled` picks.
    pub(crate) async fn garbling(testbed: &Testbed, garbled: impl Fn(&Asked) -> bool + Send + Sync + 'static) -> Self {
        Self::start(testbed, |_| None, garbled).await
    }

    /// How many requests were under way at once, at the most.
    pub(crate) fn most_at_once(&self) -> usize {
        self.most_at_once.load(Ordering::SeqCst)
    }

    /// What was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// S3's error document.
pub(crate) fn error(status: u16, code: &str, message: &str) -> Refusal {
    let message = message.replace('&', "&amp;").replace('<', "&lt;");
    (status, format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>"))
}

/// The request is taken and left without an answer.
pub(crate) fn no_answer() -> Refusal {
    (NO_ANSWER, String::new())
}

const NO_ANSWER: u16 = 0;

fn now() -> Timestamp {
    Timestamp::from_system_time(SystemTime::now())
}

fn whole(text: impl Into<Bytes>) -> BoxBody<Bytes, hyper::Error> {
    Full::new(text.into()).map_err(|never| match never {}).boxed()
}

async fn refuse((status, text): Refusal, parts: &Parts, body: Incoming) -> Response<BoxBody<Bytes, hyper::Error>> {
    // Read first, so that this is not an early answer; who asks first is told first.
    if !parts.headers.contains_key(http::header::EXPECT) {
        let _ = body.collect().await;
    }
    if status == NO_ANSWER {
        std::future::pending::<()>().await;
    }
    let mut response = Response::new(whole(text));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

async fn hand_on(behind: std::net::SocketAddr, request: Request<Incoming>) -> Response<BoxBody<Bytes, hyper::Error>> {
    let socket = TcpStream::connect(behind).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(socket)).await.unwrap();
    tokio::spawn(connection);
    match sender.send_request(request).await {
        Ok(response) => response.map(BodyExt::boxed),
        // The client went away in the middle of its body.
        Err(_) => {
            let mut response = Response::new(whole(""));
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            response
        }
    }
}

/// The keys of all objects in the testbed's bucket.
pub(crate) async fn objects(testbed: &Testbed) -> Vec<String> {
    keys(&list(testbed, "list-type", "2").await)
}

/// [`objects`], where the testbed has no ListObjectsV2.
pub(crate) async fn objects_of_old(testbed: &Testbed) -> Vec<String> {
    keys(&list(testbed, "prefix", "").await)
}

/// The keys of all multipart uploads in the testbed's bucket.
pub(crate) async fn uploads(testbed: &Testbed) -> Vec<String> {
    keys(&list(testbed, "uploads", "").await)
}

/// The default key of a testbed lists; where a test gave it another, that is asked for.
async fn list(testbed: &Testbed, name: &str, value: &str) -> String {
    let config = TestbedConfig::default();
    let presigner =
        Presigner { access_key: &config.access_key, secret_key: config.secret_key.expose(), region: &config.region };
    let host = testbed.addr().to_string();
    let path = format!("/{BUCKET}");
    let target = presigner.presign("GET", &path, &[(name, value)], &[("host", &host)], &now().compact(), 60);
    let mut socket = TcpStream::connect(testbed.addr()).await.unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    answer
}

fn keys(listing: &str) -> Vec<String> {
    listing.split("<Key>").skip(1).filter_map(|rest| rest.split_once("</Key>")).map(|(key, _)| key.to_owned()).collect()
}
