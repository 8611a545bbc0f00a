use std::collections::BTreeMap;

use ttlsweep_record::{Portion, Share, Timestamp, TrialRecord};
use ttlsweep_rundir::environment::{ClockOffset, Environment, ShardEnvironment};

use super::spread::OfTrial;
use crate::load::whole_attempts::Starts;

/// Which machine ran what of a run that several ran, and how it found the servers' clocks; of nothing for any other run.
#[derive(Debug, Clone, Default)]
pub(super) struct Shards {
    shards: Vec<Shard>,
    /// The place in `shards` of each number; numbers count from 1.
    by_number: Vec<Option<u32>>,
}

#[derive(Debug, Clone)]
struct Shard {
    host: String,
    portion: Portion,
    offsets: BTreeMap<String, ClockOffset>,
}

impl Shards {
    pub(super) fn of(environment: &Environment) -> Self {
        let portion =
            |shard: &ShardEnvironment| shard.shard.map(Portion::Shard).or_else(|| shard.part.map(Portion::Part));
        let mut found = Self::default();
        for host in &environment.hosts {
            for (shard, portion) in host.shards.iter().filter_map(|shard| Some((shard, portion(shard)?))) {
                let place = portion.share().number() as usize - 1;
                let of = portion.share().of() as usize;
                found.by_number.resize(found.by_number.len().max(of), None);
                found.by_number[place] = u32::try_from(found.shards.len()).ok();
                let (host, offsets) = (host.host.clone(), shard.clock_offset.clone());
                found.shards.push(Shard { host, portion, offsets });
            }
        }
        found
    }

    /// The shard that ran this user of this trial, as its place among them.
    pub(super) fn of_user(&self, trial: &TrialRecord, user: u32) -> Option<u32> {
        let dealt = match self.shards.first()?.portion {
            Portion::Shard(_) => trial.block,
            Portion::Part(_) => user,
        };
        let number = dealt.checked_sub(1)? as usize % self.by_number.len();
        let place = self.by_number[number]?;
        let shard = &self.shards[place as usize];
        // A trial that was run elsewhere when the run was resumed has another machine's clock.
        (shard.portion.part().is_some() || shard.host == trial.host).then_some(place)
    }

    /// What the shard found of an endpoint's clock.
    pub(super) fn offset(&self, shard: u32, endpoint: &str) -> Option<ClockOffset> {
        self.shards.get(shard as usize)?.offsets.get(endpoint).copied()
    }

    /// How far apart the parts of a trial started: by the machines' own clocks, and by the clock of a server that all of them
    /// asked, if there is one.
    pub(super) fn start_spread(&self, starts: &Starts) -> OfTrial {
        let own = starts.parts.iter().map(|(_, at)| at.unix_micros());
        let on_server = |endpoint: &String| {
            let part = |(share, at): &(Share, Timestamp)| {
                let shard = (*self.by_number.get(share.number() as usize - 1)?)?;
                let bracket = self.offset(shard, endpoint)?;
                let middle = i64::midpoint(bracket.low_us, bracket.high_us);
                Some((at.unix_micros() + middle, bracket.high_us.abs_diff(bracket.low_us) / 2))
            };
            starts.parts.iter().map(part).collect::<Option<Vec<_>>>()
        };
        let mut endpoints = self.shards.iter().take(1).flat_map(|shard| shard.offsets.keys());
        let server = endpoints.find_map(on_server).map(|starts| {
            let uncertainty = starts.iter().map(|(_, uncertainty)| *uncertainty).max().unwrap_or(0);
            (spread(starts.iter().map(|(at, _)| *at)), uncertainty)
        });
        OfTrial { own_us: spread(own), server_us: server }
    }
}

fn spread(instants: impl Iterator<Item = i64> + Clone) -> u64 {
    let (first, last) = (instants.clone().min(), instants.max());
    first.zip(last).map_or(0, |(first, last)| first.abs_diff(last))
}
