//! The kernel's view of a connection: TCP_INFO. The only file of the workspace with `unsafe` in it.
//!
//! On anything but Linux [`tcp_info`] answers nothing; the columns that come from it stay empty and nothing else changes.

use tokio::net::TcpStream;

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

/// Asks the kernel about `stream`; nothing where it has no answer.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)] // Neither nix, rustix nor socket2 has TCP_INFO.
pub fn tcp_info(stream: &TcpStream) -> Option<TcpInfo> {
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

/// Asks the kernel about `stream`; nothing where it has no answer.
#[cfg(not(target_os = "linux"))]
pub fn tcp_info(_: &TcpStream) -> Option<TcpInfo> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

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
