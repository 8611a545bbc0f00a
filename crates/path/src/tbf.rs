//! The second engine: the kernel's own token bucket filter (tbf), laid by the programs `ip` and `tc`.
//!
//! A router stands between the two sides, and the filters are on its devices. On a sender's own interface they would stay without a
//! queue: a sender's kernel knows how much of a connection waits there, and holds the rest back.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::process::Command;

use crate::cli::{Args, LineOptions};
use crate::far;
use crate::refused::{Refused, Step};
use crate::sides::{DEVICE, NEAR, into_new_network};
use crate::system::{enter_network, leave_network};

/// Why there is no such line.
#[derive(Debug, thiserror::Error)]
pub enum TbfError {
    /// This machine makes no namespaces.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// A program that lays the line is not there.
    #[error("cannot start `{0}`, which lays the line: {1}\ninstall the package iproute2, or leave out `--engine tbf`")]
    NoProgram(&'static str, io::Error),
    /// A program says no.
    #[error("`{command}` says: {words}{}", advice(words))]
    Refuses {
        /// What was run.
        command: String,
        /// What it said.
        words: String,
    },
    /// The system refused something else.
    #[error("cannot lay a line: {0}")]
    System(#[from] io::Error),
}

fn advice(words: &str) -> &'static str {
    match () {
        () if words.contains("qdisc kind is unknown") || words.contains("No such file or directory") => {
            "\nthis kernel has no tbf: load it with `sudo modprobe sch_tbf`, or leave out `--engine tbf`"
        }
        () if words.contains("not permitted") => "\nrun it as root, or leave out `--engine tbf`",
        () => "",
    }
}

/// Why the kernel's filter cannot be such a line; `None` if it can.
pub fn lacks(args: &Args) -> Option<&'static str> {
    let LineOptions { delay, loss, discipline, .. } = &args.line;
    match () {
        () if !args.more.is_empty() => Some("`--engine tbf` makes one line, without --more"),
        () if !delay.is_zero() || *loss > 0 => Some("`--engine tbf` makes no --delay and no --loss"),
        () if *discipline != crate::queue::Discipline::TailDrop => {
            Some("`--engine tbf` drops what finds the queue full, and knows no CoDel")
        }
        () => None,
    }
}

/// A line between two sides; the process is at the near one once both are there.
pub(crate) struct Tbf {
    router: File,
    /// The far side's network.
    pub(crate) far: File,
}

/// What a filter did, by the kernel's count.
struct Counts {
    packets: u64,
    bytes: u64,
    dropped: u64,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { packets, bytes, dropped } = self;
        write!(f, "{packets} packets, {:.1} MB; {dropped} found it full", *bytes as f64 / 1e6)
    }
}

impl Tbf {
    /// Makes the router and the far side, in whose network this process then is. It must have one thread.
    pub(crate) fn far() -> Result<Self, TbfError> {
        into_new_network().map_err(Refused::at(Step::Namespace))?;
        ip(&["link", "set", "lo", "up"])?;
        fs::write("/proc/sys/net/ipv4/ip_forward", "1")?;
        let router = here()?;
        let far = side(&router, TO_FAR, far::address(0), NEAR)?;
        Ok(Self { router, far })
    }

    /// Makes the near side, in whose network this process then is, and the line between the two.
    pub(crate) fn near(&self, line: &LineOptions) -> Result<(), TbfError> {
        let near = side(&self.router, TO_NEAR, NEAR, far::address(0))?;
        enter_network(&self.router)?;
        let up = (TO_FAR, far::address(0), line.up());
        let down = (TO_NEAR, NEAR, line.down());
        for (device, address, settings) in [up, down] {
            ip(&["link", "set", device, "up"])?;
            ip(&["route", "add", &format!("{address}/32"), "dev", device])?;
            // Each side believes that the other is on its own wire.
            fs::write(format!("/proc/sys/net/ipv4/conf/{device}/proxy_arp"), "1")?;
            let bits = settings.rate.bits_per_second();
            let [rate, limit] = [format!("{bits}bit"), format!("{}b", settings.queue_bytes)];
            let burst = format!("{}b", (bits / 8 / BURSTS_A_SECOND).max(LEAST_BURST));
            // The headers of Ethernet, which the kernel counts, are not on this line.
            let filter = ["stab", "overhead", "-14", "linklayer", "ethernet", "tbf", "rate", &rate];
            let size = ["burst", &burst, "limit", &limit];
            run("tc", &[&["qdisc", "add", "dev", device, "root"][..], &filter, &size].concat())?;
        }
        Ok(enter_network(&near)?)
    }

    /// What each direction did, in words.
    pub(crate) fn totals(&self) -> Result<String, TbfError> {
        let near = here()?;
        enter_network(&self.router)?;
        let words = |device| Ok::<_, TbfError>(counts(&run("tc", &["-s", "qdisc", "show", "dev", device])?));
        let told = words(TO_FAR).and_then(|up| Ok((up, words(TO_NEAR)?)));
        enter_network(&near)?;
        let (up, down) = told?;
        let said = |counts: Option<Counts>| counts.map_or_else(|| "unknown".to_owned(), |counts| counts.to_string());
        Ok(format!("path: up {}\npath: down {}", said(up), said(down)))
    }
}

/// Makes a side with its device, whose other end is the router's; this process is in it then.
fn side(router: &File, to_side: &str, own: Ipv4Addr, other: Ipv4Addr) -> Result<File, TbfError> {
    leave_network(false).map_err(Refused::at(Step::Namespace))?;
    let router = format!("/proc/{}/fd/{}", std::process::id(), router.as_raw_fd());
    ip(&["link", "set", "lo", "up"])?;
    ip(&["link", "add", DEVICE, "type", "veth", "peer", "name", to_side, "netns", &router])?;
    // Bundles of packets would pass the filter as one.
    ip(&["link", "set", DEVICE, "mtu", "1500", "gso_max_segs", "1", "up"])?;
    ip(&["address", "add", &format!("{own}/32"), "dev", DEVICE])?;
    ip(&["route", "add", &format!("{other}/32"), "dev", DEVICE])?;
    Ok(here()?)
}

/// The network that this process is in.
fn here() -> io::Result<File> {
    File::open("/proc/self/ns/net")
}

fn ip(arguments: &[&str]) -> Result<String, TbfError> {
    run("ip", arguments)
}

fn run(program: &'static str, arguments: &[&str]) -> Result<String, TbfError> {
    let output = match Command::new(program).args(arguments).output() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(TbfError::NoProgram(program, error)),
        output => output?,
    };
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let words = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(TbfError::Refuses { command: format!("{program} {}", arguments.join(" ")), words })
}

/// What `tc -s` says of a device's filter: `Sent 1500 bytes 1 pkt (dropped 0, overlimits 0 requeues 0)`.
fn counts(told: &str) -> Option<Counts> {
    let words: Vec<&str> =
        told.lines().find_map(|line| line.trim().strip_prefix("Sent "))?.split_whitespace().collect();
    let number = |at: usize| words.get(at)?.trim_end_matches(',').parse().ok();
    Some(Counts { bytes: number(0)?, packets: number(2)?, dropped: number(5)? })
}

/// The router's devices.
const TO_FAR: &str = "far0";
const TO_NEAR: &str = "near0";
/// What may leave at once: some ten packets, or what a fast line sends in half a millisecond.
const LEAST_BURST: u64 = 16_000;
const BURSTS_A_SECOND: u64 = 2_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_counts_are_read() {
        let told = "qdisc tbf 8002: root refcnt 3 rate 8Mbit burst 16000b lat 284ms \n Sent 1500 bytes 2 pkt (dropped 7, \
                    overlimits 0 requeues 0) \n backlog 0b 0p requeues 0\n";
        let counts = counts(told).unwrap();
        assert_eq!((counts.bytes, counts.packets, counts.dropped), (1500, 2, 7));
        assert!(super::counts("qdisc noqueue 0: root refcnt 2").is_none());
    }

    #[test]
    fn what_refuses_says_what_to_do() {
        let refuses =
            |words: &str| TbfError::Refuses { command: "tc qdisc add".into(), words: words.into() }.to_string();
        assert!(refuses("Error: Specified qdisc kind is unknown.").contains("modprobe sch_tbf"));
        assert!(refuses("RTNETLINK answers: Operation not permitted").contains("as root"));
        let missing = TbfError::NoProgram("tc", ErrorKind::NotFound.into()).to_string();
        assert!(missing.contains("iproute2"), "{missing}");
    }
}
