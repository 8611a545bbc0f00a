//! Cuts by host: what a server does to everyone, every host that asked it must have met.

use crate::prose::share;
use crate::verdict::finding::ByTrial;
use crate::verdict::target::Target;

/// The trials of each host that outlived their link, and those of them that were cut for the most part.
#[derive(Debug)]
pub(in crate::verdict) struct ByHost {
    hosts: Vec<(String, u64, u64)>,
}

impl ByHost {
    pub(in crate::verdict) fn of(target: &Target, outlived: &ByTrial) -> Self {
        let groups = outlived.most_hit_by(|trial| target.host_of[trial as usize]);
        let named = |(host, (all, hit)): (u32, (u64, u64))| (target.hosts[host as usize].clone(), all, hit);
        Self { hosts: groups.into_iter().map(named).collect() }
    }

    /// What forbids to call it the server's rule: one host meets it and another one, which had every occasion to, never does.
    pub(in crate::verdict) fn split(&self) -> Option<String> {
        // As often as it takes elsewhere to say that something does not hit most trials.
        let spared =
            self.hosts.iter().filter(|(_, all, hit)| *all >= NEVER_SEEN && *hit == 0).max_by_key(|(_, all, _)| *all)?;
        let met = self.hosts.iter().filter(|(_, _, hit)| *hit > 0).max_by_key(|(_, _, hit)| *hit)?;
        Some(format!(
            "but {} meets it ({} trials) and {} does not ({}), so that it is not a rule that the server has for everyone, or they \
             asked different servers: it takes a look at what lies between each host and the server",
            met.0,
            share(met.2, met.1),
            spared.0,
            share(spared.2, spared.1),
        ))
    }

    /// The same for readers; `None` if one machine ran everything, or nothing was cut.
    pub(in crate::verdict) fn sentence(&self) -> Option<String> {
        let met = self.hosts.iter().filter(|(_, _, hit)| *hit > 0).count();
        if self.hosts.len() < 2 || met == 0 {
            return None;
        }
        if self.hosts.len() > MOST_NAMED {
            return Some(format!("{met} of {} hosts have trials that were cut", self.hosts.len()));
        }
        let each = self.hosts.iter().map(|(host, all, hit)| format!("{host} {}", share(*hit, *all)));
        Some(format!("trials cut, by host: {}", each.collect::<Vec<_>>().join(", ")))
    }
}

/// None of 5 trials bounds what hits most of them below what hits all.
const NEVER_SEEN: u64 = 5;
/// More names help nobody.
const MOST_NAMED: usize = 6;
