//! What Linux is asked for that the standard library does not have: namespaces, TUN devices and their addresses, a sleep that
//! packets end, signals passed on. The only file of this crate with `unsafe` in it.

#![allow(unsafe_code)] // rustix has some of it, behind features that nothing else here needs; nobody has TUN devices.

use std::fs::File;
use std::io::{self, Read, Write};
use std::mem;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

/// Moves this process into a network namespace of its own, and with `with_user` into a user namespace that owns it. The process
/// must have one thread then.
pub(crate) fn leave_network(with_user: bool) -> io::Result<()> {
    let user = if with_user { libc::CLONE_NEWUSER } else { 0 };
    // SAFETY: it takes a number, and changes no memory.
    checked(unsafe { libc::unshare(user | libc::CLONE_NEWNET) })
}

/// Moves this thread into a network namespace; what it opens and starts from then on is there.
pub(crate) fn enter_network(namespace: &File) -> io::Result<()> {
    // SAFETY: the descriptor is open for as long as `namespace` is borrowed.
    checked(unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) })
}

/// Makes a TUN device of a freshly opened `/dev/net/tun`: whole IP packets, none larger than the device's MTU, and nothing else.
pub(crate) fn make_tun(file: &File, name: &str) -> io::Result<()> {
    let flags = (libc::IFF_TUN | libc::IFF_NO_PI) as libc::c_short;
    ioctl(file, libc::TUNSETIFF as libc::c_ulong, name, libc::__c_anonymous_ifr_ifru { ifru_flags: flags })
}

/// The interfaces of the namespace that a socket was opened in.
pub(crate) struct Interfaces(UdpSocket);

impl Interfaces {
    /// Those of this thread's namespace.
    pub(crate) fn here() -> io::Result<Self> {
        Ok(Self(UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?))
    }

    /// Gives a device its address and that of its only peer.
    pub(crate) fn address(&self, name: &str, own: Ipv4Addr, peer: Ipv4Addr) -> io::Result<()> {
        self.own(name, own)?;
        ioctl(&self.0, libc::SIOCSIFDSTADDR, name, addressed(peer))
    }

    /// Gives a device an address; one more if the name has a `:` and a number behind the device's.
    pub(crate) fn own(&self, name: &str, address: Ipv4Addr) -> io::Result<()> {
        ioctl(&self.0, libc::SIOCSIFADDR, name, addressed(address))
    }

    /// Says which addresses beside its peer's are behind a device.
    pub(crate) fn mask(&self, name: &str, mask: Ipv4Addr) -> io::Result<()> {
        ioctl(&self.0, libc::SIOCSIFNETMASK, name, addressed(mask))
    }

    /// Says how large a device's packets may be.
    pub(crate) fn mtu(&self, name: &str, bytes: u16) -> io::Result<()> {
        ioctl(&self.0, libc::SIOCSIFMTU, name, libc::__c_anonymous_ifr_ifru { ifru_mtu: bytes.into() })
    }

    /// Switches a device on.
    pub(crate) fn up(&self, name: &str) -> io::Result<()> {
        let flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
        ioctl(&self.0, libc::SIOCSIFFLAGS, name, libc::__c_anonymous_ifr_ifru { ifru_flags: flags })
    }
}

/// Says how many packets may wait to be read from a device. By a message, since the ioctl is for the root of the machine alone.
pub(crate) fn unread_packets(name: &str, packets: u32) -> io::Result<()> {
    // SAFETY: it takes numbers, and changes no memory.
    let socket = unsafe { libc::socket(libc::AF_NETLINK, libc::SOCK_RAW | libc::SOCK_CLOEXEC, libc::NETLINK_ROUTE) };
    checked(socket)?;
    // SAFETY: it was opened just now, and nobody else has it.
    let mut socket = File::from(unsafe { OwnedFd::from_raw_fd(socket) });
    socket.write_all(&set_link(name, packets))?;
    let mut answer = [0; 256];
    let read = socket.read(&mut answer)?;
    // Behind the header of 16 bytes, the error that it acknowledges with, below zero, or zero.
    let error = answer[..read].get(16..20).and_then(|bytes| bytes.try_into().ok()).map(i32::from_ne_bytes);
    match error {
        Some(0) => Ok(()),
        Some(error) => Err(io::Error::from_raw_os_error(-error)),
        None => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// A message of rtnetlink(7): the header, no device by number, its name, and the length of its queue.
fn set_link(name: &str, packets: u32) -> Vec<u8> {
    let attribute = |kind: u16, value: &[u8]| {
        let mut bytes = [4 + value.len() as u16, kind].map(u16::to_ne_bytes).concat();
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    };
    let name = [name.as_bytes(), &[0]].concat();
    let attributes =
        [attribute(libc::IFLA_IFNAME, &name), attribute(libc::IFLA_TXQLEN, &packets.to_ne_bytes())].concat();
    let flags = (libc::NLM_F_REQUEST | libc::NLM_F_ACK) as u16;
    let mut message = (32 + attributes.len() as u32).to_ne_bytes().to_vec();
    message.extend([libc::RTM_SETLINK, flags].map(u16::to_ne_bytes).concat());
    // Its number and its sender's, both zero, and the 16 bytes about a device.
    message.resize(32, 0);
    message.extend(attributes);
    message
}

fn ioctl(
    file: &impl AsRawFd,
    request: libc::c_ulong,
    name: &str,
    value: libc::__c_anonymous_ifr_ifru,
) -> io::Result<()> {
    let mut asked = libc::ifreq { ifr_name: [0; libc::IFNAMSIZ], ifr_ifru: value };
    for (to, from) in asked.ifr_name[..libc::IFNAMSIZ - 1].iter_mut().zip(name.bytes()) {
        *to = from.cast_signed();
    }
    // SAFETY: the descriptor is open for as long as `file` is borrowed; each request made here reads an `ifreq`, and some write one.
    checked(unsafe { libc::ioctl(file.as_raw_fd(), request as _, &raw mut asked) })
}

fn addressed(address: Ipv4Addr) -> libc::__c_anonymous_ifr_ifru {
    libc::__c_anonymous_ifr_ifru { ifru_addr: socket_address(address) }
}

fn socket_address(address: Ipv4Addr) -> libc::sockaddr {
    let address = libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: 0,
        sin_addr: libc::in_addr { s_addr: u32::from(address).to_be() },
        sin_zero: [0; 8],
    };
    // SAFETY: both are plain structures of 16 bytes; the one is how the other is passed.
    unsafe { mem::transmute(address) }
}

/// Sleeps until one of the files can be read, or for `most`.
pub(crate) fn sleep_until_readable(files: [BorrowedFd<'_>; 2], most: Duration) -> io::Result<()> {
    let mut polled = files.map(|file| libc::pollfd { fd: file.as_raw_fd(), events: libc::POLLIN, revents: 0 });
    let most = libc::timespec {
        tv_sec: most.as_secs().try_into().unwrap_or(libc::time_t::MAX),
        tv_nsec: most.subsec_nanos().into(),
    };
    let count = polled.len() as libc::nfds_t;
    // SAFETY: the descriptors are open for as long as `files` are borrowed; pointer and count describe `polled`.
    let result = unsafe { libc::ppoll(polled.as_mut_ptr(), count, &raw const most, ptr::null()) };
    match checked(result) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
        result => result,
    }
}

/// Has a command's process end when the thread that starts it ends, however that comes.
pub(crate) fn end_with_parent(command: &mut Command) {
    // SAFETY: prctl may be called between fork and exec.
    unsafe {
        command.pre_exec(|| checked(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM)));
    }
}

/// Passes a signal on to a process from now on, if another process sends it. A terminal sends its own to both.
pub(crate) fn pass_on(signal: u32, pid: u32) -> io::Result<()> {
    RECEIVER.store(pid.cast_signed(), Ordering::Relaxed);
    // SAFETY: all zeros is a valid value of this structure of integers; the handler below takes what SA_SIGINFO passes.
    unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        action.sa_sigaction = to_receiver as *const () as libc::sighandler_t;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
        checked(libc::sigaction(signal.cast_signed(), &raw const action, ptr::null_mut()))
    }
}

static RECEIVER: AtomicI32 = AtomicI32::new(0);

/// A handler of signals, which may do little: kill(2) is among it.
extern "C" fn to_receiver(signal: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: the kernel passes a valid `info`; kill takes numbers, and errno is what it was in the end.
    unsafe {
        let is_by_process = (*info).si_code <= 0;
        if is_by_process {
            let errno = *libc::__errno_location();
            libc::kill(RECEIVER.load(Ordering::Relaxed), signal);
            *libc::__errno_location() = errno;
        }
    }
}

fn checked(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
