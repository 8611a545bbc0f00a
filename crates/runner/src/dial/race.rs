//! One connection out of many addresses, as RFC 8305 ("Happy Eyeballs") has it: families take turns, the next address is tried
//! after 250 ms or as soon as one fails, and the first that answers carries the transfer.
//!
//! A name often has an IPv6 address that takes no packets from here. Tried one after the other, the first of two addresses
//! would use up the whole timeout, and a store that works would look dead.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::net::TcpSocket;
use tokio::time::{Instant, sleep_until};
use ttlsweep_record::EventKind;
use ttlsweep_record::units::{format_micros, micros};

use super::SocketOptions;
use crate::wire::kernel;
use crate::wire::socket::Socket;
use crate::wire::tape::Tape;

/// How long an address may take before the next one is tried beside it (RFC 8305 §8).
pub(crate) const NEXT_AFTER: Duration = Duration::from_millis(250);

/// The connection that was made first.
#[derive(Debug)]
pub(super) struct Won {
    pub(super) socket: Socket,
    pub(super) address: SocketAddr,
    /// Which addresses had not answered by then, in words; `None` if the first one answered.
    pub(super) detour: Option<String>,
}

/// Why none was made.
#[derive(Debug)]
pub(super) struct Lost {
    /// Every address with what became of it.
    pub(super) message: String,
    /// The error that tells most about the peer.
    pub(super) error: Option<io::Error>,
    /// Whether the deadline passed while some were still to answer.
    pub(super) timed_out: bool,
}

/// Connects to whichever of `addresses` answers first, before `deadline`. The other attempts are dropped with that: an
/// unanswered SYN is taken back, and a connection that came too late is closed before a byte was sent.
pub(super) async fn race(
    addresses: &[SocketAddr],
    options: &SocketOptions,
    deadline: Instant,
    tape: &mut Tape,
) -> Result<Won, Lost> {
    let mut waiting = interleaved(addresses);
    let mut trying: Vec<(SocketAddr, Instant)> = Vec::new();
    let mut running = FuturesUnordered::new();
    let mut failed: Vec<(SocketAddr, io::Error)> = Vec::new();
    let mut turn = Instant::now();
    loop {
        tokio::select! {
            biased;
            Some((address, result)) = running.next() => {
                let began = trying.iter().position(|(tried, _)| *tried == address).map(|place| trying.remove(place));
                match result {
                    Ok(socket) => {
                        return Ok(Won { socket, address, detour: detour(address, &trying, &failed, tape) });
                    }
                    Err(error) => {
                        debug_assert!(began.is_some(), "only what was begun ends");
                        tape.note_with(EventKind::AddressFailed, format!("{address}: {error}"));
                        failed.push((address, error));
                        turn = Instant::now();
                    }
                }
            }
            () = sleep_until(deadline) => {
                let silent: Vec<_> = trying.iter().map(|(address, began)| unanswered(*address, *began)).collect();
                for words in &silent {
                    tape.note_with(EventKind::AddressFailed, words.clone());
                }
                let all: Vec<_> = failed.iter().map(refusal).chain(silent).collect();
                return Err(Lost { message: all.join("; "), error: None, timed_out: true });
            }
            () = sleep_until(turn), if !waiting.is_empty() => {
                if let Some(address) = waiting.pop_front() {
                    tape.note_with(EventKind::AddressTried, address.to_string());
                    trying.push((address, Instant::now()));
                    running.push(async move { (address, connect(address, options).await) });
                    turn = Instant::now() + NEXT_AFTER;
                }
            }
            else => break,
        }
        if running.is_empty() && waiting.is_empty() {
            break;
        }
    }
    let all: Vec<_> = failed.iter().map(refusal).collect();
    Err(Lost { message: all.join("; "), error: most_telling(failed), timed_out: false })
}

async fn connect(address: SocketAddr, options: &SocketOptions) -> io::Result<Socket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    if let Some(name) = &options.congestion {
        kernel::set_congestion(&socket, name)?;
    }
    socket.set_nodelay(true)?;
    Ok(Socket::new(socket.connect(address).await?))
}

/// The addresses in turn by family, beginning with the resolver's first (RFC 8305 §4); within a family its order stays.
fn interleaved(addresses: &[SocketAddr]) -> VecDeque<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let of = |v6: bool| addresses.iter().copied().filter(move |address| address.is_ipv6() == v6);
    let (mut one, mut other) = (of(first_is_v6), of(!first_is_v6));
    let mut ordered = VecDeque::with_capacity(addresses.len());
    loop {
        let pair = [one.next(), other.next()];
        if pair == [None, None] {
            return ordered;
        }
        for address in pair.into_iter().flatten() {
            // A resolver may give an address twice.
            if !ordered.contains(&address) {
                ordered.push_back(address);
            }
        }
    }
}

fn refusal((address, error): &(SocketAddr, io::Error)) -> String {
    format!("cannot connect to {address}: {error}")
}

fn unanswered(address: SocketAddr, began: Instant) -> String {
    let waited = micros(began.elapsed());
    format!("{address} did not answer in {}", format_micros(waited))
}

/// What became of the addresses that lost to `winner`.
fn detour(
    winner: SocketAddr,
    trying: &[(SocketAddr, Instant)],
    failed: &[(SocketAddr, io::Error)],
    tape: &mut Tape,
) -> Option<String> {
    let silent: Vec<_> = trying.iter().map(|(address, began)| unanswered(*address, *began)).collect();
    for words in &silent {
        tape.note_with(EventKind::AddressFailed, words.clone());
    }
    let all: Vec<_> = failed.iter().map(refusal).chain(silent).collect();
    (!all.is_empty()).then(|| format!("{}; connected to {winner}", all.join("; ")))
}

/// An address that this machine has no way to says nothing about the peer, if another one was reached and refused.
fn most_telling(mut failed: Vec<(SocketAddr, io::Error)>) -> Option<io::Error> {
    let tells = |error: &io::Error| {
        !error.raw_os_error().is_some_and(|errno| {
            [libc::ENETUNREACH, libc::EHOSTUNREACH, libc::EADDRNOTAVAIL, libc::EAFNOSUPPORT].contains(&errno)
        })
    };
    let place = failed.iter().rposition(|(_, error)| tells(error)).or_else(|| failed.len().checked_sub(1))?;
    Some(failed.swap_remove(place).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered(addresses: &[&str]) -> Vec<String> {
        let addresses: Vec<_> = addresses.iter().map(|text| text.parse().unwrap()).collect();
        interleaved(&addresses).into_iter().map(|address| address.ip().to_string()).collect()
    }

    #[test]
    fn families_take_turns_beginning_with_the_resolvers_first() {
        assert_eq!(
            ordered(&["[2001:db8::1]:1", "[2001:db8::2]:1", "[2001:db8::3]:1", "192.0.2.1:1", "192.0.2.2:1"]),
            ["2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2", "2001:db8::3"]
        );
        assert_eq!(ordered(&["192.0.2.1:1", "[2001:db8::1]:1", "192.0.2.1:1"]), ["192.0.2.1", "2001:db8::1"]);
        assert_eq!(ordered(&["192.0.2.1:1", "192.0.2.2:1"]), ["192.0.2.1", "192.0.2.2"]);
        assert!(ordered(&[]).is_empty());
    }

    #[test]
    fn a_refusal_tells_more_than_a_network_that_is_not_there() {
        let error = |errno| (SocketAddr::from(([192, 0, 2, 1], 1)), io::Error::from_raw_os_error(errno));
        let reported = |errors: &[i32]| most_telling(errors.iter().map(|errno| error(*errno)).collect());
        let refused = Some(libc::ECONNREFUSED);
        assert_eq!(reported(&[libc::ECONNREFUSED, libc::ENETUNREACH]).unwrap().raw_os_error(), refused);
        assert_eq!(reported(&[libc::ENETUNREACH, libc::ECONNREFUSED]).unwrap().raw_os_error(), refused);
        assert_eq!(reported(&[libc::ENETUNREACH]).unwrap().raw_os_error(), Some(libc::ENETUNREACH));
        assert!(reported(&[]).is_none());
    }
}
