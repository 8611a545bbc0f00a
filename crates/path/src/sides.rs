//! The two ends of a path, each a network namespace with a TUN device whose other end is a file of this process.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::net::Ipv4Addr;
use std::os::unix::fs::OpenOptionsExt;

use crate::far;
use crate::refused::{Refused, Step};
use crate::system::{Interfaces, leave_network, make_tun, unread_packets};

/// Where COMMAND runs. Where the server runs depends on the line: see [`far::address`].
pub(crate) const NEAR: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// What holds the far side's addresses, if there are several.
const MASK: Ipv4Addr = Ipv4Addr::new(255, 255, 254, 0);

/// An Ethernet's, as nearly everywhere.
pub(crate) const MTU: u16 = 1500;

/// What each side's device is called.
pub(crate) const DEVICE: &str = "path0";
/// So many that the queue is in the path's own lines, even if its thread is kept from running for a while.
const UNREAD_PACKETS: u32 = 20_000;

/// One end.
pub(crate) struct Side {
    /// Reads what this side sends, writes what it is to receive; never waits.
    pub(crate) tun: File,
    /// Its namespace.
    pub(crate) namespace: File,
}

impl Side {
    /// Makes the end that COMMAND is at, in a namespace of its own, in which this process then is. It must have one thread.
    pub(crate) fn near(lines: usize) -> Result<Self, Refused> {
        Self::make(|interfaces| {
            interfaces.address(DEVICE, NEAR, far::address(0))?;
            if lines > 1 { interfaces.mask(DEVICE, MASK) } else { Ok(()) }
        })
    }

    /// Makes the end that servers are at, which has an address for each line. As [`Self::near`].
    pub(crate) fn far(lines: usize) -> Result<Self, Refused> {
        Self::make(|interfaces| {
            interfaces.address(DEVICE, far::address(0), NEAR)?;
            (1..lines).try_for_each(|line| interfaces.own(&format!("{DEVICE}:{line}"), far::address(line)))
        })
    }

    fn make(address: impl Fn(&Interfaces) -> io::Result<()>) -> Result<Self, Refused> {
        into_new_network().map_err(Refused::at(Step::Namespace))?;
        let tun = OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open("/dev/net/tun");
        let tun = tun.map_err(Refused::at(Step::OpenTun))?;
        make_tun(&tun, DEVICE).map_err(Refused::at(Step::MakeTun))?;
        configure(address).map_err(Refused::at(Step::Configure))?;
        let namespace = File::open("/proc/self/ns/net").map_err(Refused::at(Step::Namespace))?;
        Ok(Self { tun, namespace })
    }
}

/// Takes a user namespace along if this process may not make a network namespace without one.
pub(crate) fn into_new_network() -> io::Result<()> {
    match leave_network(false) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
        result => return result,
    }
    // Asked before: behind it this process is nobody until the maps are written.
    let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
    leave_network(true)?;
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("0 {user} 1"))?;
    fs::write("/proc/self/gid_map", format!("0 {group} 1"))
}

fn configure(address: impl Fn(&Interfaces) -> io::Result<()>) -> io::Result<()> {
    let interfaces = Interfaces::here()?;
    interfaces.up("lo")?;
    interfaces.mtu(DEVICE, MTU)?;
    unread_packets(DEVICE, UNREAD_PACKETS)?;
    address(&interfaces)?;
    interfaces.up(DEVICE)
}
