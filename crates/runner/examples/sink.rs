//! The server that the benchmarks send to: it reads bodies and forgets them, in the kernel where it can.
//!
//! Over TCP a body is discarded by `MSG_TRUNC`, which copies nothing to this process; over TLS it has to be decrypted.
//! It understands as much of HTTP/1.1 as uploads with a Content-Length need, and answers every GET with an empty listing.
//!
//! ```text
//! sink ADDR [CERTIFICATE-OUT]     with a file for its certificate it speaks TLS
//! ```

// Said to the person who runs it by hand, not to a user.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::io;
use std::mem::MaybeUninit;
use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls_pki_types::PrivateKeyDer;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, Interest};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, rustls};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    ttlsweep_runner::testing::host::machine::raise_descriptor_limit();
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().ok_or("usage: sink ADDR [CERTIFICATE-OUT]")?;
    let listener = listen(&address)?;
    let address = listener.local_addr()?;
    let acceptor = arguments.next().map(|path| tls(&path, address.ip())).transpose()?;
    println!("{address}");
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            let _ = match acceptor {
                None => serve_tcp(stream).await,
                Some(acceptor) => match acceptor.accept(stream).await {
                    Ok(stream) => serve(stream).await,
                    Err(error) => Err(error),
                },
            };
        });
    }
}

/// A backlog that takes ten thousand users who connect at once.
fn listen(address: &str) -> io::Result<TcpListener> {
    let address: std::net::SocketAddr = address.parse().map_err(io::Error::other)?;
    let socket = tokio::net::TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(16_384)
}

fn tls(path: &str, host: std::net::IpAddr) -> Result<TlsAcceptor, Box<dyn std::error::Error>> {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".into(), host.to_string()])?;
    std::fs::write(path, cert.pem())?;
    let key = PrivateKeyDer::try_from(signing_key.serialize_der())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn serve_tcp(mut stream: TcpStream) -> io::Result<()> {
    let mut head = Vec::with_capacity(2048);
    while let Some(length) = read_head(&mut stream, &mut head).await? {
        let mut left = length - head.len() as u64;
        head.clear();
        while left > 0 {
            left -= discard(&stream, left).await?;
        }
        answer(&mut stream, length).await?;
    }
    Ok(())
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) -> io::Result<()> {
    let mut head = Vec::with_capacity(2048);
    let mut scrap = vec![0; 64 << 10];
    while let Some(length) = read_head(&mut stream, &mut head).await? {
        let mut left = length - head.len() as u64;
        head.clear();
        while left > 0 {
            let room = scrap.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let read = stream.read(&mut scrap[..room]).await?;
            if read == 0 {
                return Ok(());
            }
            left -= read as u64;
        }
        answer(&mut stream, length).await?;
    }
    Ok(())
}

/// Reads a request's head; leaves in `buffer` what came of the body with it, and returns the body's length.
async fn read_head<S: AsyncRead + Unpin>(stream: &mut S, buffer: &mut Vec<u8>) -> io::Result<Option<u64>> {
    loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
            buffer.drain(..end + 4);
            return Ok(Some(length.unwrap_or(0)));
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

/// Discards up to `most` bytes without copying them out of the kernel.
async fn discard(stream: &TcpStream, most: u64) -> io::Result<u64> {
    let mut nowhere = [MaybeUninit::uninit(); 256 << 10];
    let room = nowhere.len().min(usize::try_from(most).unwrap_or(usize::MAX));
    loop {
        stream.readable().await?;
        let read = stream.try_io(Interest::READABLE, || {
            SockRef::from(stream).recv_with_flags(&mut nowhere[..room], libc::MSG_TRUNC)
        });
        match read {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => return Ok(read as u64),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

async fn answer<S: AsyncWrite + Unpin>(stream: &mut S, length: u64) -> io::Result<()> {
    let body = if length == 0 { LISTING } else { "" };
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(head.as_bytes()).await?;
    stream.flush().await
}

const LISTING: &str = "<ListBucketResult><Name>bench</Name><KeyCount>0</KeyCount></ListBucketResult>";
