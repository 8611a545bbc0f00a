//! What to do if this machine makes no namespaces, or no TUN devices.

use std::fs;
use std::io::{self, ErrorKind};

/// The system refused one of the steps to a path.
#[derive(Debug, thiserror::Error)]
#[error("{step}: {source}{}", advice(*.step, source, &|sysctl| fs::read_to_string(sysctl).ok()))]
pub struct Refused {
    step: Step,
    source: io::Error,
}

impl Refused {
    pub(crate) fn at(step: Step) -> impl Fn(io::Error) -> Self {
        move |source| Self { step, source }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Namespace,
    OpenTun,
    MakeTun,
    Configure,
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Namespace => "cannot make a network namespace",
            Self::OpenTun => "cannot open /dev/net/tun",
            Self::MakeTun => "cannot make a TUN device",
            Self::Configure => "cannot give the TUN device its address",
        })
    }
}

/// What to do, on lines of its own. `read` reads a file of /proc.
fn advice(step: Step, error: &io::Error, read: &dyn Fn(&str) -> Option<String>) -> String {
    let is_off = |(path, off, _): &&(&str, &str, &str)| read(path).is_some_and(|value| value.trim() == *off);
    let switched_off = SWITCHES.iter().find(is_off);
    let is_denied = error.kind() == ErrorKind::PermissionDenied;
    let advice = match (step, switched_off) {
        (Step::OpenTun, _) if error.kind() == ErrorKind::NotFound => {
            "load the kernel's module with `sudo modprobe tun`, or give the container the device with `--device /dev/net/tun`"
        }
        (Step::OpenTun, _) if is_denied => {
            "run it as root, or let everyone open the device, as most systems do: `sudo chmod 666 /dev/net/tun`"
        }
        (Step::OpenTun, _) => "this kernel has no TUN devices: use another machine, or a virtual one",
        (_, Some((_, _, advice))) => advice,
        _ if is_denied => {
            "run it as root; a container needs `--cap-add SYS_ADMIN --cap-add NET_ADMIN --device /dev/net/tun`"
        }
        _ => return String::new(),
    };
    format!("\n{advice}")
}

/// Settings by which a system keeps namespaces from those who are not root, the value that does, and what to do.
const SWITCHES: &[(&str, &str, &str)] = &[
    (
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "this system keeps namespaces from all but root: run it as root, or allow them with \
         `sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0`",
    ),
    (
        "/proc/sys/kernel/unprivileged_userns_clone",
        "0",
        "this system keeps namespaces from all but root: run it as root, or allow them with \
         `sudo sysctl kernel.unprivileged_userns_clone=1`",
    ),
    (
        "/proc/sys/user/max_user_namespaces",
        "0",
        "this system allows no user namespaces: run it as root, or allow them with `sudo sysctl user.max_user_namespaces=1000`",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_says_what_to_do() {
        let denied = || io::Error::from(ErrorKind::PermissionDenied);
        let nothing = |_: &str| None;
        let ubuntu = |path: &str| path.contains("apparmor").then(|| "1\n".to_owned());
        assert!(advice(Step::Namespace, &denied(), &ubuntu).contains("apparmor_restrict_unprivileged_userns=0"));
        assert!(advice(Step::MakeTun, &denied(), &nothing).contains("--cap-add"));
        assert!(advice(Step::OpenTun, &denied(), &ubuntu).contains("chmod 666 /dev/net/tun"));
        assert!(advice(Step::OpenTun, &ErrorKind::NotFound.into(), &nothing).contains("modprobe tun"));
        assert_eq!(advice(Step::Configure, &ErrorKind::Other.into(), &nothing), "");
    }
}
