//! One connection from its acceptance to its last packet.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::alarm::Alarm;
use crate::deeds::Fate;
use crate::handle::{Deadline, Ending, Handle, HardCut, Lower, Upper};
use crate::service::{Server, answer};
use ttlsweep_record::words::Cut;

/// Serves a connection until either side has had enough, or it is cut.
pub(crate) async fn serve(socket: TcpStream, number: u64, tls: Option<TlsAcceptor>, server: Arc<Server>) {
    prepare(&socket);
    let handle = Handle::new(number, socket);
    // On the heap, so that it can be dropped before this function ends.
    let mut speaking = Box::pin(speak(handle.clone(), tls, server.clone()));
    let cut = tokio::select! {
        biased;
        cut = deadline(&handle, &server.alarm) => Some(cut),
        () = &mut speaking => None,
    };
    match cut {
        Some(HardCut::Reset) => handle.reset(),
        Some(HardCut::Close) => handle.finish(),
        None => {}
    }
    if let Some(exchange) = handle.exchange() {
        match cut {
            Some(HardCut::Reset) => exchange.decide(Fate::Cut(Cut::Reset)),
            Some(HardCut::Close) => exchange.decide(Fate::Cut(Cut::Close)),
            None => {}
        }
        exchange.ended();
    }
    drop(speaking);
    let discard_for = match cut {
        Some(HardCut::Close) => CLOSE_GRACE,
        None if handle.ending() == Ending::Linger => LINGER,
        _ => return,
    };
    if let Some(socket) = handle.take() {
        let _ = timeout(discard_for, discard(socket)).await;
    }
}

/// Completes when the connection is to be cut.
async fn deadline(handle: &Handle, alarm: &Alarm) -> HardCut {
    let mut deadlines = handle.deadlines();
    loop {
        let deadline = *deadlines.borrow_and_update();
        let due = async {
            match deadline {
                Some(Deadline { at, cut }) => {
                    alarm.at(at).await;
                    cut
                }
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            // The handle holds the sender, so that this cannot fail.
            _ = deadlines.changed() => {}
            cut = due => return cut,
        }
    }
}

/// TLS and HTTP on the connection; over when HTTP is.
async fn speak(handle: Arc<Handle>, tls: Option<TlsAcceptor>, server: Arc<Server>) {
    let lower = Lower(handle.clone());
    match tls {
        None => speak_http(lower, handle, server).await,
        Some(tls) => match tls.accept(lower).await {
            Ok(stream) => speak_http(stream, handle, server).await,
            Err(error) => tracing::debug!(connection = handle.number, %error, "TLS handshake failed"),
        },
    }
}

async fn speak_http<S: AsyncRead + AsyncWrite + Unpin + 'static>(inner: S, handle: Arc<Handle>, server: Arc<Server>) {
    let io = TokioIo::new(Upper { inner, handle: handle.clone() });
    let service = service_fn(|request| answer(server.clone(), handle.clone(), request));
    let mut http = http1::Builder::new();
    // hyper's default would let each of a thousand uploads take some 400 KB.
    http.max_buf_size(BUFFER_BYTES);
    if let Err(error) = http.serve_connection(io, service).await {
        tracing::debug!(connection = handle.number, %error, "connection broke");
    }
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

const BUFFER_BYTES: usize = 64 * 1024;

/// How long `linger` reads on after its FIN.
const LINGER: Duration = Duration::from_secs(2);

/// How long a cut by FIN reads on. Closing at once, with data still arriving, would send a RST right behind the FIN,
/// and the peer would find a reset where it should find an end of file.
const CLOSE_GRACE: Duration = Duration::from_millis(100);
