//! The names of the operating system's error numbers, as they stand in its manual.

use std::io::{Error, ErrorKind};

/// `ECONNRESET` for 104, as this system counts; `errno 999` for one that no socket is known to raise.
pub(crate) fn name(errno: i32) -> String {
    let known = NAMES.iter().find(|(number, _)| *number == errno);
    known.map_or_else(|| format!("errno {errno}"), |(_, name)| (*name).to_owned())
}

/// Whether the error says that this machine ran out of something, so that neither network nor server is to blame.
pub(crate) fn is_local(errno: i32) -> bool {
    matches!(
        errno,
        libc::EMFILE | libc::ENFILE | libc::ENOMEM | libc::ENOBUFS | libc::EADDRNOTAVAIL | libc::EACCES | libc::EPERM
    ) || Error::from_raw_os_error(errno).kind() == ErrorKind::OutOfMemory
}

const NAMES: &[(i32, &str)] = &[
    (libc::ECONNRESET, "ECONNRESET"),
    (libc::EPIPE, "EPIPE"),
    (libc::ECONNREFUSED, "ECONNREFUSED"),
    (libc::ECONNABORTED, "ECONNABORTED"),
    (libc::ETIMEDOUT, "ETIMEDOUT"),
    (libc::EHOSTUNREACH, "EHOSTUNREACH"),
    (libc::ENETUNREACH, "ENETUNREACH"),
    (libc::EHOSTDOWN, "EHOSTDOWN"),
    (libc::ENETDOWN, "ENETDOWN"),
    (libc::ENETRESET, "ENETRESET"),
    (libc::EADDRNOTAVAIL, "EADDRNOTAVAIL"),
    (libc::EADDRINUSE, "EADDRINUSE"),
    (libc::EMFILE, "EMFILE"),
    (libc::ENFILE, "ENFILE"),
    (libc::ENOMEM, "ENOMEM"),
    (libc::ENOBUFS, "ENOBUFS"),
    (libc::ENOTCONN, "ENOTCONN"),
    (libc::EACCES, "EACCES"),
    (libc::EPERM, "EPERM"),
    (libc::EPROTO, "EPROTO"),
    (libc::EINVAL, "EINVAL"),
    (libc::EIO, "EIO"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_is_named_and_not_our_fault() {
        assert_eq!(name(libc::ECONNRESET), "ECONNRESET");
        assert_eq!(name(9999), "errno 9999");
        assert!(is_local(libc::EMFILE));
        assert!(!is_local(libc::ECONNREFUSED));
    }
}
