//! One connection from its acceptance to its last packet.

use std::future::pending;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use ttlsweep_record::words::Cut;
use ttlsweep_record::{Fault, FaultKind};

use crate::clock::Moment;
use crate::http::control::{ConnectionAction, ConnectionControl, Ending, HardCut, LINGER, ToHttp, ToSocket};
use crate::http::service::{Server, answer};
use crate::http::timer::Timer;
use crate::truth::request_record::{Disposition, FaultRecord, RequestRecord};

/// Serves a connection until either side has had enough, or it is cut.
pub(crate) async fn serve(socket: TcpStream, fault: Option<Fault>, tls: Option<TlsAcceptor>, server: Arc<Server>) {
    prepare(&socket);
    let number = server.next_connection();
    if let Some(kind @ FaultKind::Blackhole) = fault.map(Fault::kind) {
        let accepted = Moment::now();
        let fault = FaultRecord { kind, at: accepted.wall, body_bytes: 0, response_bytes: 0 };
        server.request_log.push(RequestRecord::of_connection(number, accepted, fault));
        return gone(socket).await;
    }
    let control = ConnectionControl::new(number, socket, fault);
    // On the heap, so that it can be dropped before this function ends.
    let mut speaking = Box::pin(speak(control.clone(), tls, server.clone()));
    let cut = tokio::select! {
        biased;
        cut = deadline(&control, &server.timer) => Some(cut),
        () = &mut speaking => None,
    };
    match cut {
        Some(HardCut::Reset) => control.reset(),
        Some(HardCut::Close) => control.finish(),
        None => {}
    }
    if let Some(exchange) = control.exchange() {
        match cut {
            Some(HardCut::Reset) => exchange.decide(Disposition::Cut(Cut::Reset)),
            Some(HardCut::Close) => exchange.decide(Disposition::Cut(Cut::Close)),
            None => {}
        }
        exchange.ended();
    }
    drop(speaking);
    let ending = match cut {
        Some(HardCut::Reset) => Ending::Plain,
        Some(HardCut::Close) => Ending::Linger(CLOSE_GRACE),
        None => control.ending(),
    };
    match ending {
        Ending::Linger(time) => {
            if let Some(socket) = control.take() {
                let _ = timeout(time, discard(socket)).await;
            }
        }
        // The socket closes with its control.
        Ending::FinRst => sleep(A_MOMENT).await,
        Ending::Rst => {
            sleep(A_MOMENT).await;
            control.reset();
        }
        Ending::Plain | Ending::Abrupt => {}
    }
}

/// Completes when the connection is to be cut.
async fn deadline(control: &ConnectionControl, timer: &Timer) -> HardCut {
    when_due(control.deadlines(), timer, |deadline| deadline.at).await.cut
}

/// Completes with what is due, when it is; what takes its place before takes its turn as well.
async fn when_due<T: Clone>(mut plans: watch::Receiver<Option<T>>, timer: &Timer, at: impl Fn(&T) -> Instant) -> T {
    loop {
        let plan = plans.borrow_and_update().clone();
        let due = async {
            match plan {
                Some(plan) => {
                    let at = at(&plan);
                    // What is due already need not pass through the timer's thread.
                    if at > Instant::now() {
                        timer.at(at).await;
                    }
                    plan
                }
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            // The control holds the sender, so that this cannot fail.
            _ = plans.changed() => {}
            plan = due => return plan,
        }
    }
}

/// TLS and HTTP on the connection; over when HTTP is.
async fn speak(control: Arc<ConnectionControl>, tls: Option<TlsAcceptor>, server: Arc<Server>) {
    let to_socket = ToSocket(control.clone());
    match (tls, control.fault.map(Fault::kind)) {
        (Some(_), Some(kind @ (FaultKind::TlsAlert | FaultKind::TlsClose))) => {
            break_handshake(kind, to_socket, &control, &server).await;
        }
        (None, _) => speak_http(to_socket, control, server).await,
        (Some(tls), _) => match timeout(server.head_timeout, tls.accept(to_socket)).await {
            Ok(Ok(stream)) => speak_http(stream, control, server).await,
            Ok(Err(error)) => tracing::debug!(connection = control.number, %error, "TLS handshake failed"),
            Err(_) => tracing::debug!(connection = control.number, "TLS handshake takes too long"),
        },
    }
}

async fn speak_http<S: AsyncRead + AsyncWrite + Unpin + 'static>(
    inner: S,
    control: Arc<ConnectionControl>,
    server: Arc<Server>,
) {
    let io = TokioIo::new(ToHttp::new(inner, control.clone()));
    let service = service_fn(|request| answer(server.clone(), control.clone(), request));
    let mut http = http1::Builder::new();
    // hyper's default would let each of a thousand uploads take some 400 KB.
    http.max_buf_size(BUFFER_BYTES);
    let mut http = http.serve_connection(io, service);
    loop {
        let action = tokio::select! {
            biased;
            scheduled = when_due(control.scheduled(), &server.timer, |scheduled| scheduled.at) => scheduled.action,
            _ = when_due(control.half_heads(), &server.timer, |since| *since + server.head_timeout) => {
                tracing::debug!(connection = control.number, "a head takes too long");
                return;
            }
            result = &mut http => {
                if let Err(error) = result {
                    tracing::debug!(connection = control.number, %error, "connection broke");
                }
                return;
            }
        };
        control.action_done();
        if matches!(action, ConnectionAction::LoseAnswer) {
            return control.reset();
        }
        if let (Some(exchange), Some(fault)) = (control.exchange(), control.fault) {
            exchange.fault(fault.kind());
        }
        match action {
            ConnectionAction::Slow(direction, rate) => control.slow(direction, rate),
            ConnectionAction::CloseWhenIdle => Pin::new(&mut http).graceful_shutdown(),
            ConnectionAction::Reset | ConnectionAction::LoseAnswer => return control.reset(),
            ConnectionAction::Hold => {
                drop(http);
                return hold(&control).await;
            }
            ConnectionAction::Say { bytes, notify } => {
                // HTTP lets go of the stream in the middle of whatever it was doing.
                let stream = http.into_parts().io.into_inner().into_inner();
                return say(stream, &bytes, notify, &control).await;
            }
        }
    }
}

/// The last words on a connection, from below HTTP, and a FIN.
async fn say<S: AsyncWrite + Unpin>(mut stream: S, bytes: &[u8], notify: bool, control: &ConnectionControl) {
    control.end_with(Ending::Linger(CLOSE_GRACE));
    let saying = async {
        if !bytes.is_empty() {
            stream.write_all(bytes).await?;
            stream.flush().await?;
        }
        if notify { stream.shutdown().await } else { Ok(()) }
    };
    // A peer that reads nothing, or is gone, does not get to hear them.
    let _ = timeout(LINGER, saying).await;
    control.finish();
}

/// Does nothing more on the connection, until the peer has gone.
async fn hold(control: &ConnectionControl) {
    if let Some(exchange) = control.exchange()
        && control.deadlines().borrow().is_none()
    {
        // Nothing will be added: a peer that closes may go unnoticed for minutes, behind data that is not read.
        exchange.ended();
    }
    match control.watcher() {
        Ok(socket) => gone(socket).await,
        Err(error) => tracing::warn!(%error, "cannot hold a connection open"),
    }
}

/// Waits until the peer has closed or reset the connection, without reading anything.
async fn gone(socket: TcpStream) {
    // A FIN waits behind data that is not read. When the peer's kernel has given that up, it answers a probe with a RST.
    let probes = TcpKeepalive::new().with_time(PROBES).with_interval(PROBES);
    // Without them, the connection is held for longer than it need be.
    let _ = SockRef::from(&socket).set_tcp_keepalive(&probes);
    while let Ok(ready) = socket.ready(Interest::READABLE).await {
        if ready.is_read_closed() || ready.is_error() {
            return;
        }
        // Only what comes from now on wakes this again.
        let _ = socket.try_io(Interest::READABLE, || io::Result::<()>::Err(io::ErrorKind::WouldBlock.into()));
    }
}

/// Reads the client's half of the handshake, and says something else than the server's.
async fn break_handshake(kind: FaultKind, mut to_socket: ToSocket, control: &ConnectionControl, server: &Server) {
    let accepted = Moment::now();
    let mut hello = vec![0; BUFFER_BYTES];
    let Ok(Ok(_)) = timeout(server.head_timeout, to_socket.read(&mut hello)).await else { return };
    let fault = FaultRecord { kind, at: accepted.wall_now(), body_bytes: 0, response_bytes: 0 };
    let bytes = if kind == FaultKind::TlsAlert { HANDSHAKE_FAILURE } else { &[] };
    say(to_socket, bytes, false, control).await;
    server.request_log.push(RequestRecord::of_connection(control.number, accepted, fault));
}

fn prepare(socket: &TcpStream) {
    // Without it, an answer may still wait for an acknowledgement when the connection is closed behind it. Neither of the
    // two can fail on a connected socket in a way that its next read would not tell.
    let _ = socket.set_nodelay(true);
    // The less the kernel takes ahead, the nearer "written" is to "delivered": it is what a cut of a download goes by.
    let _ = SockRef::from(socket).set_send_buffer_size(BUFFER_BYTES);
}

async fn discard(mut socket: TcpStream) {
    let mut bin = vec![0; 16 * 1024];
    while let Ok(1..) = socket.read(&mut bin).await {}
}

/// A record of TLS 1.2, which 1.3 uses as well before anything is encrypted: an alert, fatal, handshake_failure.
const HANDSHAKE_FAILURE: &[u8] = &[21, 3, 3, 0, 2, 2, 40];

pub(crate) const BUFFER_BYTES: usize = 64 * 1024;

/// How often a connection that is held asks whether the peer is still there.
const PROBES: Duration = Duration::from_secs(30);

/// How long `fin-rst` waits after its FIN, and `rst` after the answer: on loopback, what was sent has arrived by then.
const A_MOMENT: Duration = Duration::from_millis(5);

/// How long a cut by FIN reads on. Closing at once, with data still arriving, would send a RST right behind the FIN,
/// and the peer would find a reset where it should find an end of file.
const CLOSE_GRACE: Duration = Duration::from_millis(100);
