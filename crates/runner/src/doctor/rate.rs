//! Whether this machine can carry the plan's rate: uploads to a sink within the process, over loopback, for a short while.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method};
use tokio::task::JoinSet;
use tokio::time::Instant;
use ttlsweep_record::{BandwidthPer, BitRate};

use super::sink::{BODY, Sink};
use super::{Finding, Level};
use crate::clock::{Clock, SystemClock};
use crate::dial::Dialer;
use crate::host::machine::process_cpu;
use crate::plan::Plan;
use crate::s3::link::{MadeBy, SignedRequest};
use crate::secret::Secret;
use crate::stop::StopSwitch;
use crate::transfer::{self, Limits, Payload, Task};
use crate::wire::body::{Block, Source};
use crate::wire::endpoint::Endpoint;

/// What the machine managed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Carried {
    /// Over all connections.
    pub bits_per_second: f64,
    /// Processors in use, the sink's share included; `None` if the system does not tell.
    pub processors: Option<f64>,
    /// Connections.
    pub connections: u32,
    /// Whether it went over TLS.
    pub tls: bool,
}

/// Uploads for `time` over as many connections as the plan has users, some dozens at the most.
///
/// # Errors
/// The system refuses the sink a port or a thread.
pub(crate) async fn measure(plan: &Plan, tls: bool, time: Duration) -> io::Result<Carried> {
    let connections = plan.cells.iter().map(|cell| cell.users).max().unwrap_or(1).min(MOST_CONNECTIONS);
    let sink = Sink::start(tls)?;
    let uri = format!("{}://{}/", if tls { "https" } else { "http" }, sink.address);
    // An address with a port is a URI.
    let uri: http::Uri = uri.parse().map_err(io::Error::other)?;
    let endpoint = Endpoint::of(&uri).map_err(io::Error::other)?;
    let request = Arc::new(SignedRequest {
        method: Method::PUT,
        uri: Secret::new(uri),
        headers: Secret::new(HeaderMap::new()),
        presigned_at: None,
        expires_at: None,
        form: None,
        made_by: MadeBy::Us,
    });
    let source = Source::Generated { block: Block::new(plan.seed), len: BODY };
    let dialer = Dialer::new(endpoint, sink.trusted.clone());
    let started = Instant::now();
    let (deadline, cpu_before) = (started + time, process_cpu());
    let mut users = JoinSet::new();
    for number in 0..connections {
        users.spawn(upload(Arc::clone(&request), source.clone(), dialer.clone(), number, deadline));
    }
    let bytes: u64 = users.join_all().await.into_iter().sum();
    let seconds = started.elapsed().as_secs_f64();
    let cpu = process_cpu().zip(cpu_before).map(|(after, before)| after.saturating_sub(before));
    Ok(Carried {
        bits_per_second: bytes as f64 * 8.0 / seconds,
        processors: cpu.map(|cpu| cpu.as_secs_f64() / seconds),
        connections,
        tls,
    })
}

/// One user's uploads until the deadline; how many bytes its sockets took.
async fn upload(request: Arc<SignedRequest>, source: Source, dialer: Dialer, number: u32, deadline: Instant) -> u64 {
    let (mut kept, mut bytes, switch) = (None, 0, StopSwitch::new());
    let key = format!("self-test-{number}");
    while Instant::now() < deadline {
        let task = Task::new(&request, Payload::Upload(&source), &key, Limits::all(PATIENCE));
        let mut stop = switch.listen(Some(deadline));
        let observed = transfer::run(&task, &dialer, &mut kept, SystemClock.anchor(), &mut stop).await;
        let Some(connection) = observed.connection else { break };
        bytes += connection.socket_written;
    }
    bytes
}

/// Holds what was measured against the plan.
pub(crate) fn judge(carried: &Carried, plan: &Plan, parallel_trials: u32) -> Finding {
    let subject = "rate";
    let over = if carried.tls { "TLS over loopback" } else { "loopback" };
    let cpu = carried.processors.map(|cpu| format!(", {cpu:.1} processors busy, the sink's share included"));
    let can = format!(
        "this machine carries {} by {} connections of {over}{}",
        megabytes(carried.bits_per_second),
        carried.connections,
        cpu.unwrap_or_default()
    );
    let demands = plan.cells.iter().filter_map(|cell| {
        let sharers = if cell.bandwidth_per == BandwidthPer::User { u64::from(cell.users) } else { 1 };
        Some(cell.bandwidth_bps.map(BitRate::bits_per_second)? * sharers * u64::from(parallel_trials))
    });
    let asked = demands.max();
    let unlimited = if plan.cells.iter().any(|cell| cell.bandwidth_bps.is_none()) {
        "; cells without a cap take whatever the line gives, up to that"
    } else {
        ""
    };
    let Some(asked) = asked.map(|bps| bps as f64) else { return Finding::ok(subject, format!("{can}{unlimited}")) };
    let found = format!("{can}; the plan asks for {} at most{unlimited}", megabytes(asked));
    if asked > carried.bits_per_second {
        Finding::new(Level::Error, subject, found, "use a lower cap, fewer users, or a faster machine")
    } else if asked * MARGIN > carried.bits_per_second {
        let advice = "that leaves little room; watch the column `starved` of trials.csv, or use a faster machine";
        Finding::new(Level::Warning, subject, found, advice)
    } else {
        Finding::ok(subject, found)
    }
}

fn megabytes(bits_per_second: f64) -> String {
    let megabytes = bits_per_second / 8e6;
    if megabytes < 10.0 { format!("{megabytes:.2} MB/s") } else { format!("{megabytes:.0} MB/s") }
}

/// More connections than this carry no more.
const MOST_CONNECTIONS: u32 = 64;
/// How much more the machine should carry than it is asked for.
const MARGIN: f64 = 2.0;
/// Longer than any self-test.
const PATIENCE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::{LoadOptions, load};

    fn plan(grid: &str) -> Plan {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("e.toml");
        let text = format!("[experiment]\nname = \"e\"\n[grid]\nttl = \"10s\"\nsize = \"1MB\"\n{grid}\n");
        std::fs::write(&path, text).unwrap();
        Plan::new(&load(&path, &LoadOptions::default()).unwrap().experiment)
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn uploads_reach_the_sink_with_and_without_tls() {
        let plan = plan("users = 3");
        for tls in [false, true] {
            let carried = measure(&plan, tls, Duration::from_millis(300)).await.unwrap();
            assert_eq!((carried.connections, carried.tls), (3, tls));
            // Even unoptimised on a busy machine, a sink on loopback takes more than a few packets.
            assert!(carried.bits_per_second > 1e6, "{carried:?}");
        }
    }

    #[test]
    fn the_greatest_cap_times_its_users_is_what_is_asked() {
        let carried = |bits_per_second| Carried { bits_per_second, processors: Some(1.5), connections: 5, tls: true };
        let per_user = plan("users = [1, 5]\nbandwidth = \"8Mbit/s\"\n[transfer]\nbandwidth_per = \"user\"");
        assert_eq!(judge(&carried(39e6), &per_user, 1).level, Level::Error);
        assert_eq!(judge(&carried(41e6), &per_user, 1).level, Level::Warning);
        let fit = judge(&carried(81e6), &per_user, 1);
        assert_eq!(fit.level, Level::Ok);
        assert!(fit.found.to_string().contains("asks for 5.00 MB/s"), "{}", fit.found);
        let unlimited = judge(&carried(1e6), &plan("bandwidth = \"unlimited\""), 1);
        assert_eq!(unlimited.level, Level::Ok);
        assert!(unlimited.found.to_string().contains("cells without a cap"), "{}", unlimited.found);
    }
}
