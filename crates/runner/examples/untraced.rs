//! The client that tracing is compared with: the same signing, bodies, TLS and hyper, without any layer on the socket,
//! any timer but one, any row.
//!
//! ```text
//! untraced ENDPOINT BUCKET USERS TRANSFERS-PER-USER BYTES
//! ```

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hyper::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use ttlsweep_record::Method;
use ttlsweep_runner::testing::clock::{Clock, SystemClock};
use ttlsweep_runner::testing::s3::object_key::RunPrefix;
use ttlsweep_runner::testing::s3::{Access, Operation, Store, StoreSettings, Trust};
use ttlsweep_runner::testing::wire::SocketStats;
use ttlsweep_runner::testing::wire::body::{Block, RequestBody, Source};
use ttlsweep_runner::testing::wire::endpoint::Endpoint;
use ttlsweep_runner::testing::wire::marks::HttpMarks;
use ttlsweep_runner::testing::wire::tls::MaybeTls;

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    ttlsweep_runner::testing::host::machine::raise_descriptor_limit();
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [endpoint, bucket, users, transfers, bytes] = arguments.as_slice() else {
        return Err("usage: untraced ENDPOINT BUCKET USERS TRANSFERS-PER-USER BYTES".into());
    };
    let settings = StoreSettings {
        bucket: bucket.clone(),
        endpoint: Some(endpoint.clone()),
        region: None,
        profile: None,
        addressing: None,
        access: Access::Chain,
        trust: Trust::System,
    };
    let store = Arc::new(Store::connect(&settings).await?);
    let source = Source::Generated { block: Block::new(7), len: bytes.parse()? };
    let transfers: u32 = transfers.parse()?;
    let mut tasks = tokio::task::JoinSet::new();
    for user in 1..=users.parse::<u32>()? {
        tasks.spawn(run_user(user, transfers, Arc::clone(&store), source.clone()));
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}

async fn run_user(user: u32, transfers: u32, store: Arc<Store>, source: Source) -> Result<(), Failure> {
    let mut connection = None;
    for sequence in 1..=transfers {
        let key = format!("bench-u{user}-s{sequence}");
        let object = RunPrefix::new("ttlsweep", "bench", "untraced").key(&key);
        let operation = Operation { method: Method::Put, key: object, part: None };
        let ttl = Duration::from_secs(3600);
        let link = store.presign(&operation, &key, SystemClock.wall(), ttl).await?;
        let (sender, http) = match &mut connection {
            Some(connection) => connection,
            None => connection.insert(dial(&Endpoint::of(link.uri.expose())?, &store).await?),
        };
        // The body asks these for leave; here it has it from the start.
        let marks = Arc::new(HttpMarks::new(Arc::new(SocketStats::new())));
        marks.stop_waiting_for_continue();
        let body = RequestBody::new(source.open(&key), source.len(), marks, Arc::new(OnceLock::new()));
        let path = link.uri.expose().path_and_query().ok_or("a link has a path")?.as_str();
        let host = link.uri.expose().authority().ok_or("a link has a host")?.as_str();
        let request = Request::put(path).header("host", host).body(body)?;
        let sending = sender.send_request(request);
        tokio::pin!(sending);
        let response = tokio::select! {
            biased;
            ended = &mut *http => return Err(format!("the connection ended: {ended:?}").into()),
            response = &mut sending => response?,
        };
        if !response.status().is_success() {
            return Err(format!("status {}", response.status()).into());
        }
    }
    Ok(())
}

type Io = TokioIo<MaybeTls<TcpStream>>;
type Connection = (http1::SendRequest<RequestBody>, std::pin::Pin<Box<http1::Connection<Io, RequestBody>>>);

async fn dial(endpoint: &Endpoint, store: &Store) -> Result<Connection, Failure> {
    let stream = TcpStream::connect((endpoint.host(), endpoint.port())).await?;
    stream.set_nodelay(true)?;
    let stream = if endpoint.is_secure() {
        let name = ServerName::try_from(endpoint.host().to_owned())?;
        MaybeTls::Tls(Box::new(TlsConnector::from(store.tls()).connect(name, stream).await?))
    } else {
        MaybeTls::Plain(stream)
    };
    let (sender, http) = http1::Builder::new().max_buf_size(64 << 10).handshake(TokioIo::new(stream)).await?;
    Ok((sender, Box::pin(http)))
}
