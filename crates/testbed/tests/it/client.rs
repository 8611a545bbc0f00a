//! A client that hides nothing: it writes bytes, and tells which bytes, which end and which instant it met.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use time::macros::format_description;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use ttlsweep_testbed::sigv4::{ALGORITHM, Presigner, Scope, SignedRequest, UNSIGNED_PAYLOAD};
use ttlsweep_testbed::{DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY, RequestRecord, Testbed, TestbedConfig};

/// A testbed of this process, and what it takes to talk to it.
pub(crate) struct Rig {
    pub(crate) testbed: Testbed,
    there: There,
}

impl Deref for Rig {
    type Target = There;

    fn deref(&self) -> &There {
        &self.there
    }
}

/// A testbed somewhere, as its clients know it.
pub(crate) struct There {
    pub(crate) addr: SocketAddr,
    /// The certificate that it shows, if it speaks TLS.
    pub(crate) ca_pem: Option<String>,
    /// How it was started: whose keys it takes.
    pub(crate) config: TestbedConfig,
}

impl There {
    pub(crate) async fn connect(&self) -> Wire {
        self.try_connect().await.unwrap()
    }

    /// A connection, if one comes about.
    pub(crate) async fn try_connect(&self) -> io::Result<Wire> {
        self.connect_to(self.addr).await
    }

    pub(crate) async fn connect_to(&self, addr: SocketAddr) -> io::Result<Wire> {
        let socket = TcpStream::connect(addr).await?;
        socket.set_nodelay(true)?;
        let stream: Box<dyn Stream> = match &self.ca_pem {
            None => Box::new(socket),
            Some(ca) => {
                let mut roots = RootCertStore::empty();
                roots.add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap()).unwrap();
                let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
                    .with_safe_default_protocol_versions()
                    .unwrap()
                    .with_root_certificates(roots)
                    .with_no_client_auth();
                let name = ServerName::from(self.addr.ip());
                Box::new(TlsConnector::from(Arc::new(config)).connect(name, socket).await?)
            }
        };
        Ok(Wire::over(stream))
    }

    /// A link for `/ttlsweep/<key>` that was signed `age` ago, or will be.
    pub(crate) fn link(&self, method: &str, key: &str, ttl_s: u64, age: time::Duration) -> Link {
        self.link_signed_with(method, &format!("/ttlsweep/{key}"), &[], ttl_s, age, self.config.secret_key.expose())
    }

    /// A link of a minute that covers these headers, too.
    pub(crate) fn link_with_headers(&self, method: &str, key: &str, headers: &[(&str, &str)]) -> Link {
        let host = self.addr.to_string();
        let headers: Vec<_> = headers.iter().copied().chain([("host", host.as_str())]).collect();
        let path = format!("/ttlsweep/{key}");
        self.link_of(method, &path, &[], &headers, 60, time::Duration::ZERO, self.config.secret_key.expose())
    }

    pub(crate) fn link_signed_with(
        &self,
        method: &str,
        path: &str,
        query: &[(&str, &str)],
        ttl_s: u64,
        age: time::Duration,
        secret_key: &str,
    ) -> Link {
        let host = self.addr.to_string();
        self.link_of(method, path, query, &[("host", &host)], ttl_s, age, secret_key)
    }

    #[allow(clippy::too_many_arguments, reason = "everything that a link is made of")]
    fn link_of(
        &self,
        method: &str,
        path: &str,
        query: &[(&str, &str)],
        headers: &[(&str, &str)],
        ttl_s: u64,
        age: time::Duration,
        secret_key: &str,
    ) -> Link {
        let signed_at = OffsetDateTime::now_utc() - age;
        let signed_at = signed_at.replace_nanosecond(0).unwrap();
        let amz_date = signed_at.format(format_description!("[year][month][day]T[hour][minute][second]Z")).unwrap();
        let host = self.addr.to_string();
        let signer = Presigner { access_key: &self.config.access_key, secret_key, region: &self.config.region };
        let target = signer.presign(method, path, query, headers, &amz_date, ttl_s);
        Link { method: method.to_owned(), target, host, expires_at: signed_at + Duration::from_secs(ttl_s) }
    }

    /// A link as the runner makes them, which names its transfer.
    pub(crate) fn transfer(&self, method: &str, key: &str, ttl_s: u64) -> Link {
        let secret = self.config.secret_key.expose();
        let path = format!("/ttlsweep/{key}");
        self.link_signed_with(method, &path, &[("x-run", "t-1")], ttl_s, time::Duration::ZERO, secret)
    }

    /// A link with between 0.4 and 1.4 s left: long enough to be used, short enough to wait for.
    pub(crate) fn short_link(&self, method: &str, key: &str) -> Link {
        self.link(method, key, short_ttl_s(), time::Duration::ZERO)
    }

    /// A [`Self::transfer`] with as short a life.
    pub(crate) fn short_transfer(&self, method: &str, key: &str) -> Link {
        self.transfer(method, key, short_ttl_s())
    }

    /// One whole request on a connection of its own.
    pub(crate) async fn ask(&self, method: &str, key: &str, body: &[u8]) -> Response {
        let link = self.link(method, key, 60, time::Duration::ZERO);
        self.connect().await.ask(&link, body).await
    }
}

impl Rig {
    pub(crate) async fn start(config: TestbedConfig) -> Self {
        crate::lag::watch();
        let testbed = Testbed::start(config.clone()).await.unwrap();
        let there = There { addr: testbed.addr(), ca_pem: testbed.ca_pem().map(str::to_owned), config };
        Self { testbed, there }
    }

    /// One request without a body where no fault is met.
    pub(crate) async fn ask_beside(&self, method: &str, key: &str) -> Response {
        let link = self.link(method, key, 60, time::Duration::ZERO);
        self.connect_to(self.testbed.control_addr()).await.unwrap().ask(&link, b"").await
    }

    /// The record of the newest request that has ended, waiting for one more than `seen`.
    pub(crate) async fn request(&self, seen: usize) -> RequestRecord {
        for _ in 0..400 {
            let requests = self.testbed.requests();
            if requests.len() > seen {
                return requests.last().unwrap().clone();
            }
            sleep(Duration::from_millis(5)).await;
        }
        panic!("no record within 2 s");
    }
}

/// A request signed in headers, by the testbed's own key unless told otherwise.
pub(crate) struct Signed<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a [(&'a str, &'a str)],
    /// Further headers, signed like the rest; what is in here is not made up.
    pub(crate) headers: Vec<(&'a str, String)>,
    /// What `x-amz-content-sha256` says.
    pub(crate) payload: String,
    /// The instant of signing, counted back from now.
    pub(crate) age: time::Duration,
    /// Whether the instant is in a `Date` header instead of `x-amz-date`.
    pub(crate) dated: bool,
    pub(crate) region: &'a str,
    pub(crate) access_key: &'a str,
    pub(crate) secret_key: &'a str,
}

impl<'a> Signed<'a> {
    pub(crate) fn new(method: &'a str, path: &'a str) -> Self {
        Self {
            method,
            path,
            query: &[],
            headers: Vec::new(),
            payload: UNSIGNED_PAYLOAD.to_owned(),
            age: time::Duration::ZERO,
            dated: false,
            region: "us-east-1",
            access_key: DEFAULT_ACCESS_KEY,
            secret_key: DEFAULT_SECRET_KEY,
        }
    }

    /// The head. `extra` are whole lines, which the signature does not cover.
    pub(crate) fn head(&self, there: &There, extra: &str) -> Vec<u8> {
        let signed_at = OffsetDateTime::now_utc() - self.age;
        let amz_date = signed_at.format(format_description!("[year][month][day]T[hour][minute][second]Z")).unwrap();
        let mut headers = self.headers.clone();
        headers.push(("host", there.addr.to_string()));
        headers.push(("x-amz-content-sha256", self.payload.clone()));
        headers.push(match self.dated {
            false => ("x-amz-date", amz_date.clone()),
            true => ("date", signed_at.format(&time::format_description::well_known::Rfc2822).unwrap()),
        });
        headers.sort();
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let request = SignedRequest {
            method: self.method,
            path: self.path,
            query: self.query.iter().map(owned).collect(),
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
            payload: &self.payload,
        };
        let scope = Scope { amz_date: &amz_date, region: self.region };
        let signature = scope.signature(self.secret_key, &scope.string_to_sign(&request.canonical()));
        let query: Vec<_> = self.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let question = if query.is_empty() { "" } else { "?" };
        let mut head = format!("{} {}{question}{} HTTP/1.1\r\n{extra}", self.method, self.path, query.join("&"));
        for (name, value) in &headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !self.access_key.is_empty() {
            head.push_str(&format!(
                "authorization: {ALGORITHM} Credential={}/{}, SignedHeaders={}, Signature={signature}\r\n",
                self.access_key,
                scope.credential(),
                request.signed_headers()
            ));
        }
        head.push_str("\r\n");
        head.into_bytes()
    }

    /// Sends it with its body on a connection of its own.
    pub(crate) async fn ask(&self, there: &There, body: &[u8]) -> Response {
        let mut wire = there.connect().await;
        wire.send(&self.head(there, &format!("content-length: {}\r\n", body.len()))).await;
        wire.send(body).await;
        wire.response().await
    }
}

fn short_ttl_s() -> u64 {
    if OffsetDateTime::now_utc().millisecond() < 600 { 1 } else { 2 }
}

/// A presigned request.
#[derive(Clone)]
pub(crate) struct Link {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) host: String,
    pub(crate) expires_at: OffsetDateTime,
}

impl Link {
    pub(crate) fn head(&self, body_bytes: usize, extra: &str) -> Vec<u8> {
        let Self { method, target, host, .. } = self;
        format!("{method} {target} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {body_bytes}\r\n{extra}\r\n")
            .into_bytes()
    }
}

pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// One connection.
pub(crate) struct Wire {
    pub(crate) reader: ReadHalf<Box<dyn Stream>>,
    pub(crate) writer: WriteHalf<Box<dyn Stream>>,
}

impl Wire {
    pub(crate) fn over(stream: impl Stream + 'static) -> Self {
        let (reader, writer) = tokio::io::split(Box::new(stream) as Box<dyn Stream>);
        Self { reader, writer }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.writer.write_all(bytes).await.unwrap();
        self.writer.flush().await.unwrap();
    }

    pub(crate) async fn ask(&mut self, link: &Link, body: &[u8]) -> Response {
        self.send(&link.head(body.len(), "")).await;
        self.send(body).await;
        self.response().await
    }

    /// Reads one response that must come whole.
    pub(crate) async fn response(&mut self) -> Response {
        let (response, end) = read_response(&mut self.reader).await;
        response.unwrap_or_else(|| panic!("{end:?} in place of a response"))
    }

    /// Reads whatever comes within a time.
    pub(crate) async fn hear(&mut self, time: Duration) -> Heard {
        let mut heard = Heard { bytes: Vec::new(), end: None, at: OffsetDateTime::now_utc() };
        let _ = timeout(time, async {
            while heard.end.is_none() {
                match self.reader.read_buf(&mut heard.bytes).await {
                    Ok(0) => heard.end = Some(End::Eof),
                    Ok(_) => {}
                    Err(error) => heard.end = Some(End::of(&error)),
                }
                heard.at = OffsetDateTime::now_utc();
            }
        })
        .await;
        heard
    }

    /// Reads until the connection ends, and tells how.
    pub(crate) async fn end(&mut self) -> End {
        let mut bin = [0; 4096];
        loop {
            match self.reader.read(&mut bin).await {
                Ok(0) => return End::Eof,
                Ok(_) => {}
                Err(error) => return End::of(&error),
            }
        }
    }

    /// Sends the head, then a body in steady pieces for as long as the connection takes them, while reading. Tells what
    /// came and when.
    pub(crate) async fn trickle(self, head: Vec<u8>, pieces: usize, pause: Duration) -> Seen {
        let Self { mut reader, mut writer } = self;
        let writing = tokio::spawn(async move {
            writer.write_all(&head).await?;
            for _ in 0..pieces {
                writer.flush().await?;
                sleep(pause).await;
                writer.write_all(&[b'x'; PIECE_BYTES]).await?;
            }
            writer.flush().await?;
            io::Result::Ok(writer)
        });
        let (response, mut end) = read_response(&mut reader).await;
        let at = OffsetDateTime::now_utc();
        if end.is_some() {
            // The kernel tells of a reset once, and whichever side asks first gets to know; the other finds an end of
            // file, maybe before the first has had the time to tell.
            sleep(Duration::from_millis(20)).await;
        }
        let mut still_sending = !writing.is_finished();
        let mut writing = Writing::Going(writing);
        if end.is_some() && !still_sending {
            let result = writing.end().await;
            if let Err(error) = &result {
                still_sending = true;
                if error.kind() == ErrorKind::ConnectionReset {
                    end = Some(End::Reset);
                }
            }
            writing = Writing::Ended(result);
        }
        Seen { response, end, at, still_sending, writing, reader }
    }
}

pub(crate) const PIECE_BYTES: usize = 10_000;

/// What a client saw of one request.
pub(crate) struct Seen {
    pub(crate) response: Option<Response>,
    /// How the connection ended, if it did before a whole response.
    pub(crate) end: Option<End>,
    /// When the response was whole, or the connection over.
    pub(crate) at: OffsetDateTime,
    /// Whether that was before the last byte of the body was written, or prevented it.
    pub(crate) still_sending: bool,
    pub(crate) writing: Writing,
    pub(crate) reader: ReadHalf<Box<dyn Stream>>,
}

impl Seen {
    pub(crate) fn status(&self) -> u16 {
        self.response.as_ref().unwrap_or_else(|| panic!("no response, but {:?}", self.end)).status
    }
}

/// What a client heard within a time.
pub(crate) struct Heard {
    pub(crate) bytes: Vec<u8>,
    /// How the connection ended, if it did.
    pub(crate) end: Option<End>,
    /// When the last of it came.
    pub(crate) at: OffsetDateTime,
}

impl Heard {
    /// Head and body, as far as they came.
    pub(crate) fn parts(&self) -> (&str, &[u8]) {
        let end = self.bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
        (str::from_utf8(&self.bytes[..end]).unwrap(), &self.bytes[end..])
    }
}

/// The other side of a [`Wire::trickle`].
pub(crate) enum Writing {
    Going(tokio::task::JoinHandle<io::Result<WriteHalf<Box<dyn Stream>>>>),
    Ended(io::Result<WriteHalf<Box<dyn Stream>>>),
}

impl Writing {
    /// Waits until everything is written, or a write has failed.
    pub(crate) async fn end(self) -> io::Result<WriteHalf<Box<dyn Stream>>> {
        match self {
            Self::Going(task) => task.await.unwrap(),
            Self::Ended(result) => result,
        }
    }
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// FIN, and before it close_notify where there is TLS.
    Eof,
    /// FIN without the close_notify that TLS asks for.
    BareEof,
    /// RST.
    Reset,
}

impl End {
    fn of(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::UnexpectedEof => Self::BareEof,
            ErrorKind::ConnectionReset => Self::Reset,
            other => panic!("an end of its own kind: {other:?} {error}"),
        }
    }
}

/// A response, read whole.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// An XML element's text.
    pub(crate) fn element(&self, name: &str) -> Option<&str> {
        let (_, rest) = self.text().split_once(&format!("<{name}>"))?;
        Some(rest.split_once(&format!("</{name}>"))?.0)
    }
}

async fn read_response(reader: &mut ReadHalf<Box<dyn Stream>>) -> (Option<Response>, Option<End>) {
    let mut bytes = Vec::new();
    loop {
        if let Some(response) = parse(&bytes) {
            return (Some(response), None);
        }
        match reader.read_buf(&mut bytes).await {
            Ok(0) => return (None, Some(End::Eof)),
            Ok(_) => {}
            Err(error) => return (None, Some(End::of(&error))),
        }
    }
}

/// The response in these bytes, once it is whole. A 100 Continue counts as one; a 1xx or 204 has no body.
fn parse(bytes: &[u8]) -> Option<Response> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut response = Response { status, head, body: Vec::new() };
    let length = response.header("content-length").map_or(0, |length| length.parse().unwrap());
    response.body = bytes.get(end..end + length)?.to_vec();
    Some(response)
}
