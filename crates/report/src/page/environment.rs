use ttlsweep_record::ByteCount;
use ttlsweep_record::environment::Environment;
use ttlsweep_record::units::format_micros;

use crate::load::Runs;

/// The machine and the endpoints of one run, as a name and a value a line.
#[derive(Debug)]
pub(super) struct Table<'a> {
    pub(super) run_id: &'a str,
    pub(super) lines: Vec<(&'static str, String)>,
    pub(super) endpoints: Vec<Endpoint<'a>>,
    pub(super) sysctls: Vec<(&'a str, &'a str)>,
}

/// One endpoint of a run.
#[derive(Debug)]
pub(super) struct Endpoint<'a> {
    pub(super) url: &'a str,
    pub(super) addresses: String,
    pub(super) clock: String,
}

pub(super) fn tables(runs: &Runs) -> Vec<Table<'_>> {
    runs.environments.iter().map(table).collect()
}

fn table(environment: &Environment) -> Table<'_> {
    let unknown = || "not known".to_owned();
    let lines = vec![
        ("plan", environment.plan_hash.clone()),
        ("seed", environment.seed.to_string()),
        ("blocks", environment.repetitions.to_string()),
        ("trials planned", environment.trials.to_string()),
        ("begun (UTC)", environment.started_at.to_string()),
        ("ttlsweep", format!("{} ({} build)", environment.version, environment.build_profile)),
        ("revision of its sources", environment.git_revision.clone().unwrap_or_else(unknown)),
        ("machine", environment.host.clone()),
        ("operating system", environment.os.clone()),
        ("logical processors", environment.cpus.to_string()),
        ("memory", environment.memory_bytes.map_or_else(unknown, gibibytes)),
        ("open descriptors allowed", environment.descriptor_limit.map_or_else(unknown, |limit| limit.to_string())),
    ];
    let mut urls: Vec<&String> = environment.endpoints.keys().chain(environment.clock_offset.keys()).collect();
    urls.sort();
    urls.dedup();
    let endpoints = urls.into_iter().map(|url| Endpoint {
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
    Table { run_id: &environment.run_id, lines, endpoints: endpoints.collect(), sysctls: sysctls.collect() }
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
