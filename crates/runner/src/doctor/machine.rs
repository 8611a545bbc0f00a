//! Descriptors, ports and socket buffers for the plan's users.

use std::time::Duration;

use ttlsweep_record::units::count;
use ttlsweep_record::{ByteCount, Cell};

use super::{Finding, Level};
use crate::host::machine;
use crate::plan::Plan;
use crate::plan::estimate::trial_duration;

/// What the machine has; `None` if it does not tell (only Linux does).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// The most descriptors that this process may have.
    pub descriptors: Option<u64>,
    /// Local ports for outgoing connections.
    pub ports: Option<u64>,
    /// The largest send buffer that the kernel gives a connection by itself, in bytes (tcp_wmem).
    pub send_buffer: Option<u64>,
    /// The largest receive buffer that the kernel gives a connection by itself, in bytes (tcp_rmem).
    pub receive_buffer: Option<u64>,
    /// What all TCP buffers together may take before the kernel makes them smaller, in bytes.
    pub tcp_memory: Option<u64>,
    /// This machine's memory in bytes.
    pub memory: Option<u64>,
}

impl Limits {
    /// This machine's.
    pub(crate) fn here() -> Self {
        let numbers = |name: &str| -> Option<Vec<u64>> {
            let text = std::fs::read_to_string(format!("/proc/sys/net/ipv4/{name}")).ok()?;
            text.split_whitespace().map(|number| number.parse().ok()).collect()
        };
        Self {
            descriptors: machine::most_descriptors(),
            ports: numbers("ip_local_port_range").and_then(|range| match range[..] {
                [first, last] => Some((last + 1).saturating_sub(first)),
                _ => None,
            }),
            send_buffer: numbers("tcp_wmem").and_then(|sizes| sizes.get(2).copied()),
            receive_buffer: numbers("tcp_rmem").and_then(|sizes| sizes.get(2).copied()),
            tcp_memory: numbers("tcp_mem").and_then(|pages| Some(pages.get(1)? * PAGE)),
            memory: machine::memory_bytes(),
        }
    }
}

/// Holds the plan against the limits.
pub(crate) fn check(plan: &Plan, parallel_trials: u32, limits: &Limits) -> Vec<Finding> {
    let trials = u64::from(parallel_trials);
    let users = plan.cells.iter().map(|cell| u64::from(cell.users)).max().unwrap_or(0) * trials;
    let opened = plan.cells.iter().map(opened_in_time_wait).max().unwrap_or(0) * trials;
    // An upload fills the send buffer, a download the receive buffer.
    let uploads = plan.cells.iter().any(|cell| cell.method.is_upload());
    let downloads = plan.cells.iter().any(|cell| !cell.method.is_upload());
    let filled = [limits.send_buffer.filter(|_| uploads), limits.receive_buffer.filter(|_| downloads)];
    let buffer = filled.into_iter().flatten().max();
    let found = [
        limits.descriptors.map(|most| descriptors(users, most)),
        limits.ports.map(|ports| self::ports(users, opened, ports)),
        buffer.zip(limits.tcp_memory).map(|(buffer, memory)| buffers(users, buffer, memory)),
        limits.memory.map(|memory| self::memory(users, memory)),
    ];
    found.into_iter().flatten().collect()
}

fn descriptors(users: u64, most: u64) -> Finding {
    let needed = users + machine::SPARE_DESCRIPTORS;
    let found = format!("{} at once need some {needed}; this process may have {most}", count(users, "user"));
    if needed <= most {
        return Finding::ok("descriptors", found);
    }
    let advice = format!("raise the hard limit: `ulimit -Hn {}`, or LimitNOFILE in a systemd unit", needed * 2);
    Finding::new(Level::Error, "descriptors", found, advice)
}

fn ports(users: u64, opened: u64, ports: u64) -> Finding {
    if users > ports {
        let found = format!("{} at once need as many ports to one address; there are {ports}", count(users, "user"));
        let advice = "fewer users, or a wider net.ipv4.ip_local_port_range";
        return Finding::new(Level::Error, "ports", found, advice);
    }
    // A closed connection holds its port for a minute (TIME_WAIT).
    let found = format!(
        "up to {} a minute, each holding its port for one; there are {ports} ports",
        count(opened, "connection")
    );
    if opened > ports {
        let advice = "set `transfer.reuse_connections = true`, net.ipv4.tcp_tw_reuse = 1, or a wider \
             net.ipv4.ip_local_port_range; else transfers may fail with EADDRNOTAVAIL (`failed-locally`)";
        return Finding::new(Level::Warning, "ports", found, advice);
    }
    Finding::ok("ports", found)
}

fn buffers(users: u64, buffer: u64, memory: u64) -> Finding {
    let all = users.saturating_mul(buffer);
    let found = format!(
        "{users} × {} at the most (tcp_wmem, tcp_rmem) is {}; the kernel gives all of TCP {} (tcp_mem)",
        ByteCount(buffer),
        rounded(all),
        rounded(memory)
    );
    if all <= memory {
        return Finding::ok("buffers", found);
    }
    let advice = "a cap keeps buffers small; or raise net.ipv4.tcp_mem, or transfers may slow down together";
    Finding::new(Level::Warning, "buffers", found, advice)
}

fn memory(users: u64, memory: u64) -> Finding {
    let needed = users.saturating_mul(USER_MEMORY);
    let found = format!("{} need some {}; this machine has {}", count(users, "user"), rounded(needed), rounded(memory));
    if needed <= memory / 2 {
        return Finding::ok("memory", found);
    }
    Finding::new(Level::Warning, "memory", found, "fewer users, or a machine with more memory")
}

/// How many connections a cell's trials open, one after another, while a closed one still holds its port.
fn opened_in_time_wait(cell: &Cell) -> u64 {
    let trial = trial_duration(cell).max(Duration::from_millis(1));
    let per_user = if cell.reuse_connections { 1 } else { cell.transfers_per_user.unwrap_or(1).into() };
    let per_trial = u64::from(cell.users).saturating_mul(per_user);
    let trials = TIME_WAIT.as_secs_f64() / trial.as_secs_f64();
    // A trial that takes longer than TIME_WAIT gets the first ports back within it.
    (per_trial as f64 * trials).ceil().max(f64::from(cell.users)) as u64
}

fn rounded(bytes: u64) -> String {
    match bytes {
        0..10_000_000 => format!("{} kB", bytes / 1000),
        10_000_000..10_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{} GB", bytes / 1_000_000_000),
    }
}

const PAGE: u64 = 4096;

/// Of this program, beside the kernel's buffers: some 30 KB a connection with TLS, and the largest read buffer of hyper.
const USER_MEMORY: u64 = 96 << 10;

/// Linux's, which no setting changes.
const TIME_WAIT: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_few_descriptors_or_ports_are_errors_and_what_only_slows_is_a_warning() {
        assert_eq!(descriptors(100, 1024).level, Level::Ok);
        assert_eq!(descriptors(1000, 1024).level, Level::Error);
        assert_eq!(ports(100, 28_000, 28_232).level, Level::Ok);
        assert_eq!(ports(100, 29_000, 28_232).level, Level::Warning);
        assert_eq!(ports(30_000, 30_000, 28_232).level, Level::Error);
        assert_eq!(buffers(5, 4 << 20, 1 << 30).level, Level::Ok);
        assert_eq!(buffers(1000, 4 << 20, 1 << 30).level, Level::Warning);
        assert_eq!(memory(1000, 1 << 30).level, Level::Ok);
        assert_eq!(memory(100_000, 16 << 30).level, Level::Warning);
    }

    #[test]
    fn ports_are_held_for_a_minute() {
        let cell = Cell {
            users: 10,
            transfers_per_user: Some(30),
            reuse_connections: false,
            size_bytes: ByteCount(0),
            timeout_us: 1_000_000,
            ..crate::experiment::example_cell()
        };
        // 30 transfers of 50 ms each are a trial of 1.5 s, of which 40 go into a minute.
        assert_eq!(opened_in_time_wait(&cell), 10 * 30 * 40);
        assert_eq!(opened_in_time_wait(&Cell { reuse_connections: true, ..cell }), 10 * 40);
    }
}
