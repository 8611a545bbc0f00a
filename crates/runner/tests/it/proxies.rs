//! A proxy that the environment names: transfers and the SDK's requests go through its tunnel, or say what it said.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use ttlsweep_record::{EventKind, Outcome, Phase};
use ttlsweep_rundir::environment::Environment;
use ttlsweep_runner::testing::dial::proxy::Proxies;
use ttlsweep_runner::testing::dial::reach::Route;
use ttlsweep_testbed::{Testbed, TestbedConfig};

use crate::client::Client;
use crate::experiment::Toml;
use crate::program::{Lab, Run, words};
use crate::server::{OK, Peer, Server};

const KIB: usize = 1 << 10;

/// A proxy that opens a tunnel to `to`, whatever name it is asked for, or answers something else.
struct ProxyDouble {
    address: SocketAddr,
    /// The heads that were sent to it.
    asked: Arc<Mutex<Vec<String>>>,
}

impl ProxyDouble {
    async fn to(to: SocketAddr) -> Self {
        Self::answering(to, "HTTP/1.1 200 Connection established\r\nvia: double\r\n\r\n").await
    }

    async fn answering(to: SocketAddr, answer: &'static str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let heads = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let heads = Arc::clone(&heads);
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        let Ok(byte) = client.read_u8().await else { return };
                        head.push(byte);
                    }
                    let head = String::from_utf8(head).unwrap();
                    let connects = head.starts_with("CONNECT ");
                    heads.lock().unwrap().push(head);
                    let _ = client.write_all(answer.as_bytes()).await;
                    if connects && answer.contains(" 200 ") {
                        let mut server = TcpStream::connect(to).await.unwrap();
                        let _ = copy_bidirectional(&mut client, &mut server).await;
                    }
                });
            }
        });
        Self { address, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// The way through what `variable` names.
pub(crate) fn through(variable: &'static str, value: String) -> Route {
    let proxies = Proxies::of(|name| (name == variable).then(|| value.clone()));
    Route { proxies: Arc::new(proxies), ..Route::default() }
}

#[tokio::test]
async fn a_transfer_over_tls_or_not_goes_through_the_tunnel_and_its_bytes_are_the_stores() {
    for tls in [false, true] {
        let mut server = Server::start(tls, async |mut peer: Peer| {
            let head = peer.head().await.unwrap();
            peer.body(100 * KIB).await;
            peer.say(OK).await;
            peer.rest().await;
            head
        })
        .await;
        let proxy = ProxyDouble::to(server.addr).await;
        // The name is known to the proxy alone.
        let authority = "store.invalid:8080";
        let variable = if tls { "HTTPS_PROXY" } else { "HTTP_PROXY" };
        let route = through(variable, format!("http://{}", proxy.address));
        let mut client = Client::named(authority, server.tls.clone()).on(route);
        let story = client.put(100 * KIB).await;
        drop(client);
        let row = &story.row;
        assert_eq!(story.end(), (Outcome::Completed, Phase::Done), "{row:?}");
        let head = server.reported().await;
        assert!(head.starts_with("PUT /bucket/key?x-run=t1 HTTP/1.1\r\n"), "no absolute form: {head}");
        assert!(!head.to_ascii_lowercase().contains("proxy"), "{head}");
        let asked = proxy.asked();
        assert_eq!(asked.len(), 1);
        assert!(asked[0].starts_with(&format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n")), "{asked:?}");
        assert_eq!(row.remote_addr, Some(proxy.address.to_string()));
        assert_eq!((row.dns_us, row.body_bytes_acked), (None, Some(100 << 10)), "{row:?}");
        let tunnel = story.event(EventKind::Tunnel).unwrap();
        let opened = format!("http://{}: HTTP/1.1 200 Connection established", proxy.address);
        assert_eq!(tunnel.value.as_deref(), Some(opened.as_str()));
        assert!(tunnel.t_us <= story.event(EventKind::HeadWritten).unwrap().t_us);
    }
}

#[tokio::test]
async fn a_proxy_that_refuses_is_named_with_its_status_line_and_a_password_is_sent_and_never_shown() {
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
    for (answer, said) in [
        (
            "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n",
            "407 Proxy Authentication Required",
        ),
        ("HTTP/1.1 403 Filtered\r\n\r\n", "HTTP/1.1 403 Filtered"),
        ("HTTP/1.0 502 Bad Gateway\r\n\r\n", "HTTP/1.0 502 Bad Gateway"),
        ("SSH-2.0-OpenSSH\r\n\r\n", "does not speak HTTP/1.1: SSH-2.0-OpenSSH"),
    ] {
        let proxy = ProxyDouble::answering(nowhere, answer).await;
        let route = through("ALL_PROXY", format!("http://someone:hush-hush@{}", proxy.address));
        let story = Client::named("store.invalid:8080", None).on(route).put(KIB).await;
        assert_eq!(story.end(), (Outcome::Unconnected, Phase::Connect), "{:?}", story.row);
        let error = story.row.error.as_deref().unwrap();
        let named = format!("the proxy http://{} (ALL_PROXY)", proxy.address);
        assert!(error.starts_with(&named) && error.contains(said), "{error}");
        assert!(proxy.asked()[0].contains("Proxy-Authorization: Basic c29tZW9uZTpodXNoLWh1c2g=\r\n"));
        let all = format!("{story:?}");
        assert!(!all.contains("hush") && !all.contains("c29tZW9uZTpodXNo"), "{all}");
    }
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_told_from_a_store_that_is_not_there() {
    let free = TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap();
    let story =
        Client::named("store.invalid:8080", None).on(through("http_proxy", format!("http://{free}"))).put(KIB).await;
    assert_eq!(story.end(), (Outcome::Unconnected, Phase::Connect), "{:?}", story.row);
    let error = story.row.error.as_deref().unwrap();
    assert!(error.starts_with(&format!("the proxy http://{free} (http_proxy) cannot be reached: ")), "{error}");
}

fn proxied() -> Toml {
    Toml::named("proxied").set("grid.ttl", "30s").set("controls.header_signed", true)
}

fn at_bucket() -> Lab {
    proxied().set("target.kind", "s3").set("target.bucket", "ttlsweep").lab()
}

async fn store() -> Testbed {
    let config = TestbedConfig { tls: false, buckets: vec!["ttlsweep".to_owned()], ..TestbedConfig::default() };
    Testbed::start(config).await.unwrap()
}

/// The address that a testbed listens at.
fn address(testbed: &Testbed) -> SocketAddr {
    testbed.endpoint().trim_start_matches("http://").parse().unwrap()
}

/// The store's name resolves nowhere but at the proxy: whatever does not go through it fails.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_run_goes_through_the_proxy_and_its_files_say_so() {
    let testbed = store().await;
    let proxy = ProxyDouble::to(address(&testbed)).await;
    let lab = at_bucket();
    let endpoint = format!("http://store.invalid:{}", address(&testbed).port());
    let mut command = lab.with_key(&testbed, &["run", "proxied.toml", "--endpoint", &endpoint]);
    command.env("HTTP_PROXY", format!("http://someone:hush-hush@{}", proxy.address));
    command.env("HTTPS_PROXY", "http://another.invalid:1").env("NO_PROXY", "elsewhere.invalid");
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let (code, said) = words(&output);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains(&format!("through the proxy http://{}, as HTTP_PROXY says", proxy.address)), "{said}");
    let run = Run::printed(&lab, &output);
    assert!(run.transfers().iter().all(|row| row.outcome == Outcome::Completed), "{:?}", run.transfers());
    assert!(run.transfers().iter().all(|row| row.remote_addr == Some(proxy.address.to_string())));
    let asked = proxy.asked();
    // The bucket check and the deletions, too.
    assert!(asked.len() > run.transfers().len(), "{asked:?}");
    assert!(asked.iter().all(|head| head.starts_with("CONNECT store.invalid:")), "{asked:?}");
    let environment = Environment::read(run.path()).unwrap();
    let used = &environment.proxies[&endpoint];
    assert_eq!((used.url.as_str(), used.variable.as_str()), (&*format!("http://{}", proxy.address), "HTTP_PROXY"));
    assert_eq!(environment.regions[&endpoint], "us-east-1");
    assert_eq!(
        environment.proxies_ignored,
        ["HTTPS_PROXY=http://another.invalid:1: it is not asked for these endpoints"]
    );
    for file in std::fs::read_dir(run.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("hush") && !text.contains("c29tZW9uZTpodXNo"), "{text}");
    }
    testbed.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_behind_a_proxy_that_refuses_ends_with_the_proxys_words() {
    let testbed = store().await;
    let proxy = ProxyDouble::answering(address(&testbed), "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await;
    let lab = at_bucket();
    let mut command = lab.with_key(&testbed, &["run", "proxied.toml", "--endpoint", "http://store.invalid:8080"]);
    command.env("http_proxy", format!("http://{}", proxy.address));
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let (code, said) = words(&output);
    assert_eq!(code, Some(2), "no retry mends it: {said}");
    let named = format!("the proxy http://{} (http_proxy) refuses the tunnel to store.invalid:8080", proxy.address);
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains(&named) && said.contains("407 Proxy Authentication Required"), "{said}");
    testbed.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_testbed_and_this_machine_are_asked_without_the_proxy() {
    let lab = proxied().lab();
    let mut command = lab.ttlsweep(&["run", "proxied.toml"]);
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env(name, "http://127.0.0.1:1");
    }
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert_eq!(words(&output).0, Some(0), "{output:?}");
    let environment = Environment::read(Run::printed(&lab, &output).path()).unwrap();
    assert!(environment.proxies.is_empty());
    assert!(
        environment.proxies_ignored.iter().any(|line| line.ends_with("127.0.0.1 is this machine")),
        "{environment:?}"
    );
}
