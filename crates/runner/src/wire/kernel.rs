//! The kernel's view of a connection: TCP_INFO, its congestion control and its receive buffer. The only file of the workspace with `unsafe` in it.
//!
//! On anything but Linux [`tcp_info`] and [`congestion`] answer nothing; the columns that come from them stay empty and nothing
//! else changes.

use std::io;
use std::sync::LazyLock;

use tokio::net::{TcpSocket, TcpStream};

/// What the kernel knows of one connection, since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TcpInfo {
    /// Bytes that the peer's kernel confirmed.
    pub bytes_acked: u64,
    /// Bytes in the send buffer that were not sent yet.
    pub unsent_bytes: u32,
    /// The smoothed round-trip time in microseconds.
    pub rtt_us: u32,
    /// The smallest round-trip time in microseconds.
    pub min_rtt_us: u32,
    /// Segments sent again.
    pub retransmits: u32,
    /// The congestion window in segments.
    pub cwnd: u32,
    /// The estimated delivery rate in bytes a second.
    pub delivery_rate: u64,
    /// Microseconds spent held up by the peer's receive window.
    pub receiver_limited_us: u64,
    /// Microseconds spent held up by a small send buffer.
    pub send_buffer_limited_us: u64,
}

/// Asks the kernel about `stream`; `None` if it has no answer.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)] // Neither nix, rustix nor socket2 has TCP_INFO.
pub(crate) fn tcp_info(stream: &TcpStream) -> Option<TcpInfo> {
    use std::os::fd::AsRawFd;

    // SAFETY: tcp_info is a plain structure of integers, for which all zeros is a valid value.
    let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
    let mut len = size_of::<libc::tcp_info>() as libc::socklen_t;
    // SAFETY: the descriptor is open for as long as `stream` is borrowed; pointer and length describe `info`, and the
    // kernel writes at most `len` bytes, fewer on a kernel that knows fewer fields (the rest stays zero).
    let result = unsafe {
        libc::getsockopt(stream.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_INFO, (&raw mut info).cast(), &raw mut len)
    };
    (result == 0).then_some(TcpInfo {
        bytes_acked: info.tcpi_bytes_acked,
        unsent_bytes: info.tcpi_notsent_bytes,
        rtt_us: info.tcpi_rtt,
        min_rtt_us: info.tcpi_min_rtt,
        retransmits: info.tcpi_total_retrans,
        cwnd: info.tcpi_snd_cwnd,
        delivery_rate: info.tcpi_delivery_rate,
        receiver_limited_us: info.tcpi_rwnd_limited,
        send_buffer_limited_us: info.tcpi_sndbuf_limited,
    })
}

/// Asks the kernel about `stream`; `None` if it has no answer.
#[cfg(not(target_os = "linux"))]
pub(crate) fn tcp_info(_: &TcpStream) -> Option<TcpInfo> {
    None
}

/// The most bytes of receive buffer that a process may ask for; `None` if the system does not tell.
pub(crate) fn largest_receive_buffer() -> Option<u64> {
    static LARGEST: LazyLock<Option<u64>> =
        LazyLock::new(|| std::fs::read_to_string("/proc/sys/net/core/rmem_max").ok()?.trim().parse().ok());
    *LARGEST
}

/// Holds `bytes` in the receive buffer of `stream`, and no more.
///
/// # Errors
/// The kernel's own.
pub(crate) fn set_receive_buffer(stream: &TcpStream, bytes: u64) -> io::Result<()> {
    socket2::SockRef::from(stream).set_recv_buffer_size(usize::try_from(bytes).unwrap_or(usize::MAX))
}

/// Gives the receive buffer of `stream` as much as this process may ask for, and the kernel leave to go beyond it, as it does for
/// every socket that asks for nothing. The window has a clamp of its own (tcp(7), `TCP_WINDOW_CLAMP`), which stays where the shorter
/// buffer put it: without the last step the longer buffer changes nothing.
///
/// # Errors
/// The kernel's own.
#[cfg(target_os = "linux")]
pub(crate) fn lengthen_receive_buffer(stream: &TcpStream) -> io::Result<()> {
    let largest = largest_receive_buffer().unwrap_or(MOST_RECEIVE_BUFFER).min(MOST_RECEIVE_BUFFER);
    set_receive_buffer(stream, largest)?;
    // Linux before 5.14 does not know it, and then the buffer stays as long as it is now.
    let _ = set_option(stream, libc::SOL_SOCKET, libc::SO_BUF_LOCK, 0);
    set_option(stream, libc::IPPROTO_TCP, libc::TCP_WINDOW_CLAMP, MOST_RECEIVE_BUFFER as libc::c_int)
}

#[cfg(target_os = "linux")]
const MOST_RECEIVE_BUFFER: u64 = 4 << 20;

#[cfg(target_os = "linux")]
#[allow(unsafe_code)] // Neither nix, rustix nor socket2 has these options.
fn set_option(stream: &TcpStream, level: libc::c_int, name: libc::c_int, value: libc::c_int) -> io::Result<()> {
    use std::os::fd::AsRawFd;

    let len = size_of_val(&value) as libc::socklen_t;
    // SAFETY: the descriptor is open for as long as `stream` is borrowed; pointer and length describe `value`.
    let result = unsafe { libc::setsockopt(stream.as_raw_fd(), level, name, (&raw const value).cast(), len) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Gives the receive buffer of `stream` as much as it can have.
///
/// # Errors
/// Always: only Linux can be asked while a connection stands.
#[cfg(not(target_os = "linux"))]
pub(crate) fn lengthen_receive_buffer(_: &TcpStream) -> io::Result<()> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}

/// The name of a connection's congestion control; `None` if the system does not tell.
#[cfg(target_os = "linux")]
pub(crate) fn congestion(stream: &TcpStream) -> Option<String> {
    let name = socket2::SockRef::from(stream).tcp_congestion().ok()?;
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    Some(String::from_utf8_lossy(name).into_owned())
}

/// The name of a connection's congestion control; `None` if the system does not tell.
#[cfg(not(target_os = "linux"))]
pub(crate) fn congestion(_: &TcpStream) -> Option<String> {
    None
}

/// Chooses the congestion control of a socket that is still to be connected.
///
/// # Errors
/// The kernel does not have it, or does not let this process choose it.
#[cfg(target_os = "linux")]
pub(crate) fn set_congestion(socket: &TcpSocket, name: &str) -> io::Result<()> {
    socket2::SockRef::from(socket).set_tcp_congestion(name.as_bytes())
}

/// Chooses the congestion control of a socket that is still to be connected.
///
/// # Errors
/// Always: only Linux lets it be chosen.
#[cfg(not(target_os = "linux"))]
pub(crate) fn set_congestion(_: &TcpSocket, _: &str) -> io::Result<()> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}

/// A congestion control that cannot be had on this machine.
#[derive(Debug, thiserror::Error)]
#[error("this machine cannot use the congestion control `{name}`: {source}; {known}")]
pub(crate) struct NoCongestion {
    name: String,
    source: io::Error,
    /// What it can use, and how to have more.
    known: String,
}

/// Tries whether a socket of this machine takes the congestion control.
///
/// # Errors
/// It does not; the error lists what it takes.
pub(crate) fn try_congestion(name: &str) -> Result<(), NoCongestion> {
    let tried = TcpSocket::new_v4().and_then(|socket| set_congestion(&socket, name));
    tried.map_err(|source| {
        let listed = |file: &str| std::fs::read_to_string(format!("/proc/sys/net/ipv4/{file}")).unwrap_or_default();
        let available = listed("tcp_available_congestion_control");
        let names: Vec<_> = available.split_whitespace().collect();
        let known = match names.as_slice() {
            [] => "it can only be chosen on Linux: leave `congestion` out".to_owned(),
            names if names.contains(&name) => format!(
                "the kernel has it, but lets only root choose it: `sysctl net.ipv4.tcp_allowed_congestion_control` lists \
                 what everyone may choose ({})",
                listed("tcp_allowed_congestion_control").split_whitespace().collect::<Vec<_>>().join(", ")
            ),
            names => format!(
                "write one of {} (net.ipv4.tcp_available_congestion_control), or load its module: `modprobe tcp_{name}`",
                names.join(", ")
            ),
        };
        NoCongestion { name: name.to_owned(), source, known }
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_connection_has_the_congestion_control_that_was_chosen() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        // Reno is a part of every kernel, and everyone may choose it.
        try_congestion("reno").unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        set_congestion(&socket, "reno").unwrap();
        let near = socket.connect(listener.local_addr().unwrap()).await.unwrap();
        assert_eq!(congestion(&near).as_deref(), Some("reno"));
    }

    #[tokio::test]
    async fn a_congestion_control_that_the_kernel_does_not_have_is_refused_with_those_it_has() {
        let refusal = try_congestion("bicubic").unwrap_err().to_string();
        assert!(refusal.contains("`bicubic`") && refusal.contains("reno"), "{refusal}");
        assert!(refusal.contains("tcp_available_congestion_control"), "{refusal}");
    }

    #[tokio::test]
    async fn what_the_peer_read_was_confirmed() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let mut near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut far, _) = listener.accept().await.unwrap();
        let before = tcp_info(&near).unwrap();
        near.write_all(&[0; 5000]).await.unwrap();
        far.read_exact(&mut [0; 5000]).await.unwrap();
        let after = tcp_info(&near).unwrap();
        assert_eq!(after.bytes_acked - before.bytes_acked, 5000);
        assert!(after.min_rtt_us > 0);
    }
}
