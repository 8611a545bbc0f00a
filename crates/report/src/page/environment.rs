use ttlsweep_record::ByteCount;
use ttlsweep_record::units::format_micros;
use ttlsweep_rundir::environment::{Environment, HostEnvironment, ShardEnvironment};
use ttlsweep_rundir::stops::Stops;

use crate::load::Runs;

/// The machine and the endpoints of one run, as a name and a value a line.
#[derive(Debug)]
pub(super) struct Table<'a> {
    pub(super) run_id: &'a str,
    pub(super) lines: Vec<(&'static str, String)>,
    pub(super) hosts: Vec<Host<'a>>,
    /// How many hosts more there are than rows.
    pub(super) hosts_more: usize,
    pub(super) endpoints: Vec<Endpoint<'a>>,
    /// How many endpoints more there are than rows.
    pub(super) endpoints_more: usize,
    pub(super) sysctls: Vec<(&'a str, &'a str)>,
}

/// One machine of a run that several ran.
#[derive(Debug)]
pub(super) struct Host<'a> {
    pub(super) name: &'a str,
    pub(super) shards: String,
    pub(super) os: &'a str,
    pub(super) cpus: u32,
    pub(super) memory: String,
    /// Its TCP settings that are not the same everywhere.
    pub(super) sysctls: String,
}

/// One endpoint of a run.
#[derive(Debug)]
pub(super) struct Endpoint<'a> {
    pub(super) url: &'a str,
    pub(super) addresses: String,
    pub(super) clock: String,
}

pub(super) fn tables(runs: &Runs) -> Vec<Table<'_>> {
    runs.environments.iter().zip(&runs.stops).map(|(environment, stops)| table(environment, stops)).collect()
}

fn table<'a>(environment: &'a Environment, stops: &Stops) -> Table<'a> {
    let unknown = || "not known".to_owned();
    let mut lines = vec![
        ("plan", environment.plan_hash.clone()),
        ("seed", environment.seed.to_string()),
        ("blocks", blocks(environment, stops)),
        ("trials planned", environment.trials.to_string()),
        ("begun (UTC)", environment.started_at.to_string()),
        ("ttlsweep", format!("{} ({} build)", environment.version, environment.build_profile)),
        ("revision of its sources", environment.git_revision.clone().unwrap_or_else(unknown)),
        ("machine", machine(environment)),
        ("operating system", environment.os.clone()),
        ("logical processors", environment.cpus.to_string()),
        ("memory", environment.memory_bytes.map_or_else(unknown, gibibytes)),
        ("open descriptors allowed", environment.descriptor_limit.map_or_else(unknown, |limit| limit.to_string())),
    ];
    lines.extend(environment.path.clone().map(|path| ("behind `ttlsweep path`", path)));
    let mut urls: Vec<&String> = environment.endpoints.keys().chain(environment.clock_offset.keys()).collect();
    urls.sort();
    urls.dedup();
    let (endpoints_more, hosts_more) =
        (urls.len().saturating_sub(MOST_ROWS), environment.hosts.len().saturating_sub(MOST_ROWS));
    let endpoints = urls.into_iter().take(MOST_ROWS).map(|url| Endpoint {
        url,
        addresses: environment.endpoints.get(url).map_or_else(unknown, |addresses| addresses.join(", ")),
        clock: environment.clock_offset.get(url).map_or_else(unknown, |offset| {
            format!(
                "{} to {} ahead, from {} responses",
                signed(offset.low_us),
                signed(offset.high_us),
                offset.responses
            )
        }),
    });
    let sysctls = environment.tcp_sysctls.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    Table {
        run_id: &environment.run_id,
        lines,
        hosts: environment.hosts.iter().take(MOST_ROWS).map(|one| host(one, environment)).collect(),
        hosts_more,
        endpoints: endpoints.collect(),
        endpoints_more,
        sysctls: sysctls.collect(),
    }
}

fn blocks(environment: &Environment, stops: &Stops) -> String {
    let most = environment.repetitions;
    match stops.not_needed(most) {
        0 => most.to_string(),
        spared => format!("{} of at most {most}", most - spared),
    }
}

fn machine(environment: &Environment) -> String {
    match environment.hosts.len() {
        0 | 1 => environment.host.clone(),
        several => format!("{several}, of which what holds for all of them is below"),
    }
}

fn host<'a>(host: &'a HostEnvironment, environment: &Environment) -> Host<'a> {
    let number = |shard: &ShardEnvironment| shard.shard.or(shard.part).map(|share| share.to_string());
    let own = host.tcp_sysctls.iter().filter(|(name, _)| !environment.tcp_sysctls.contains_key(*name));
    Host {
        name: &host.host,
        shards: host.shards.iter().filter_map(number).collect::<Vec<_>>().join(", "),
        os: &host.os,
        cpus: host.cpus,
        memory: host.memory_bytes.map_or_else(|| "not known".to_owned(), gibibytes),
        sysctls: own.map(|(name, value)| format!("{name} = {value}")).collect::<Vec<_>>().join(", "),
    }
}

/// Memory is never a round number, and nobody needs it to the byte.
fn gibibytes(bytes: u64) -> String {
    if bytes < GIB { ByteCount(bytes).to_string() } else { format!("{:.1} GiB", bytes as f64 / GIB as f64) }
}

pub(super) fn signed(micros: i64) -> String {
    let sign = if micros < 0 { "−" } else { "" };
    format!("{sign}{}", format_micros(micros.unsigned_abs()))
}

const GIB: u64 = 1 << 30;
/// A page is read, and environment.json has them all.
const MOST_ROWS: usize = 50;
