//! What this machine is, for `environment.json`, and the limits that a large trial needs raised.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use rustix::process::{Resource, getrlimit, setrlimit};

/// The machine's name.
pub(crate) fn host() -> String {
    // Whatever it is called, it becomes a cell of text.
    ttlsweep_record::text::visible(&rustix::system::uname().nodename().to_string_lossy()).into_owned()
}

/// The operating system and its kernel's version.
pub(crate) fn os() -> String {
    let name = rustix::system::uname();
    format!("{} {}", name.sysname().to_string_lossy(), name.release().to_string_lossy())
}

/// Keeps this process's memory, in which keys are, out of core dumps and from other processes of the same user. A file of it
/// would outlive the process, and a core is often sent on without a look.
pub fn keep_memory_private() {
    let mut limit = getrlimit(Resource::Core);
    limit.current = Some(0);
    // A limit that cannot be lowered is no reason not to run.
    let _ = setrlimit(Resource::Core, limit);
    // The limit does not hold where cores go into a pipe.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

/// Logical processors.
pub(crate) fn cpus() -> u32 {
    std::thread::available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(u32::MAX))
}

/// Memory in bytes (Linux only).
pub(crate) fn memory_bytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
}

/// The limit on open descriptors.
pub(crate) fn descriptor_limit() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// The most descriptors that this process may give itself.
pub(crate) fn most_descriptors() -> Option<u64> {
    getrlimit(Resource::Nofile).maximum
}

/// The processor time that this process has used so far, in steps of 10 ms (Linux only).
pub(crate) fn process_cpu() -> Option<Duration> {
    let text = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name in parentheses, which may hold anything.
    let fields: Vec<_> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * MILLIS_A_TICK))
}

/// Linux shows its clock ticks as hundredths of a second to every program, whatever its own are.
const MILLIS_A_TICK: u64 = 10;

/// Raises the limit on open descriptors as far as this process may: each user needs one.
pub fn raise_descriptor_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!("the limit on open descriptors cannot be raised: {error}");
    }
}

/// The kernel's TCP settings by name, those that are numbers or names without spaces of their own (Linux only).
pub(crate) fn tcp_sysctls() -> BTreeMap<String, String> {
    let read = |name: &&str| {
        let text = fs::read_to_string(format!("/proc/sys/net/{name}")).ok()?;
        Some((name.replace('/', "."), text.split_whitespace().collect::<Vec<_>>().join(" ")))
    };
    SYSCTLS.iter().filter_map(read).collect()
}

/// Those that change how a transfer ends or how fast it runs.
const SYSCTLS: &[&str] = &[
    "core/rmem_max",
    "core/wmem_max",
    "core/somaxconn",
    "core/default_qdisc",
    "ipv4/ip_local_port_range",
    "ipv4/tcp_congestion_control",
    "ipv4/tcp_fin_timeout",
    "ipv4/tcp_keepalive_time",
    "ipv4/tcp_mtu_probing",
    "ipv4/tcp_notsent_lowat",
    "ipv4/tcp_retries2",
    "ipv4/tcp_rmem",
    "ipv4/tcp_sack",
    "ipv4/tcp_slow_start_after_idle",
    "ipv4/tcp_syn_retries",
    "ipv4/tcp_timestamps",
    "ipv4/tcp_tw_reuse",
    "ipv4/tcp_window_scaling",
    "ipv4/tcp_wmem",
];

/// Descriptors of the program's own files, and a margin.
pub(crate) const SPARE_DESCRIPTORS: u64 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_known() {
        assert!(!host().is_empty());
        assert!(cpus() >= 1);
        if cfg!(target_os = "linux") {
            assert!(memory_bytes().unwrap() > 1 << 20);
            assert!(tcp_sysctls().contains_key("ipv4.tcp_wmem"));
        }
    }
}
