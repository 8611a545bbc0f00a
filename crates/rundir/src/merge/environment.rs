use std::collections::{BTreeMap, BTreeSet};

use super::set::{ShardFolder, ShardSet};
use crate::environment::{ClockOffset, Environment, HostEnvironment, ShardEnvironment};

/// The environment of the run that the shards make together. What is the same everywhere stands where it stands in any run;
/// what differs by host is kept by host, and the run's own is then what holds for all of them.
pub fn merged_environment(set: &ShardSet) -> Environment {
    let first = set.first();
    let all = || set.folders().iter().map(|folder| &folder.environment);
    let mut endpoints: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut clock_offset: BTreeMap<String, ClockOffset> = BTreeMap::new();
    for environment in all() {
        for (url, addresses) in &environment.endpoints {
            endpoints.entry(url.clone()).or_default().extend(addresses.iter().cloned());
        }
        for (url, bracket) in &environment.clock_offset {
            clock_offset.entry(url.clone()).and_modify(|known| *known = known.hull(*bracket)).or_insert(*bracket);
        }
    }
    let regions = all().flat_map(|one| one.regions.clone()).collect();
    let proxies = all().flat_map(|one| one.proxies.clone()).collect();
    let proxies_ignored = all().flat_map(|one| &one.proxies_ignored).collect::<BTreeSet<_>>();
    let is_common = |name: &String, value: &String| all().all(|one| one.tcp_sysctls.get(name) == Some(value));
    let sysctls = first.tcp_sysctls.iter().filter(|(name, value)| is_common(name, value));
    Environment {
        // Whatever else is not named here was checked to be the same everywhere.
        started_at: all().map(|one| one.started_at).min().unwrap_or(first.started_at),
        host: distinct(all().map(|one| &one.host)),
        os: distinct(all().map(|one| &one.os)),
        cpus: all().map(|one| one.cpus).min().unwrap_or(first.cpus),
        memory_bytes: least(all().map(|one| one.memory_bytes)),
        descriptor_limit: least(all().map(|one| one.descriptor_limit)),
        tcp_sysctls: sysctls.map(|(name, value)| (name.clone(), value.clone())).collect(),
        endpoints: endpoints.into_iter().map(|(url, addresses)| (url, addresses.into_iter().collect())).collect(),
        regions,
        proxies,
        proxies_ignored: proxies_ignored.into_iter().cloned().collect(),
        path: first.path.clone().filter(|path| all().all(|one| one.path.as_ref() == Some(path))),
        clock_offset,
        shard: None,
        part: None,
        hosts: hosts(set),
        ..first.clone()
    }
}

/// One entry for each set of facts about a machine, in the order of their names.
fn hosts(set: &ShardSet) -> Vec<HostEnvironment> {
    let mut hosts: Vec<HostEnvironment> = Vec::new();
    for folder in set.folders() {
        let mut host = machine(&folder.environment);
        let shard = shard(folder);
        let known = hosts.iter_mut().find(|known| HostEnvironment { shards: Vec::new(), ..(*known).clone() } == host);
        match known {
            Some(known) => known.shards.push(shard),
            None => {
                host.shards.push(shard);
                hosts.push(host);
            }
        }
    }
    hosts.sort_by(|one, other| one.host.cmp(&other.host));
    hosts
}

fn machine(environment: &Environment) -> HostEnvironment {
    HostEnvironment {
        host: environment.host.clone(),
        os: environment.os.clone(),
        cpus: environment.cpus,
        memory_bytes: environment.memory_bytes,
        descriptor_limit: environment.descriptor_limit,
        tcp_sysctls: environment.tcp_sysctls.clone(),
        shards: Vec::new(),
    }
}

fn shard(folder: &ShardFolder) -> ShardEnvironment {
    let environment = &folder.environment;
    ShardEnvironment {
        shard: folder.portion.shard(),
        part: folder.portion.part(),
        started_at: environment.started_at,
        command: environment.command.clone(),
        endpoints: environment.endpoints.clone(),
        clock_offset: environment.clock_offset.clone(),
    }
}

fn distinct<'a>(values: impl Iterator<Item = &'a String>) -> String {
    values.collect::<BTreeSet<_>>().into_iter().cloned().collect::<Vec<_>>().join(", ")
}

/// The smallest; `None` if one of them is not known.
fn least(values: impl Iterator<Item = Option<u64>>) -> Option<u64> {
    values.min().flatten()
}
