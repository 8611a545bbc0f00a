//! Which part of a trial's users each row of `trials.csv` is about.

use std::collections::HashMap;

use crate::environment::Environment;
use ttlsweep_record::rows::TrialRecord;
use ttlsweep_record::share::Share;

/// Fills in [`TrialRecord::part`] for the rows of one run's folder, in the file's order: in a part's own folder all are its
/// own, and in a merged one the rows of each attempt follow one another by part. Where a part has no row there, those of its
/// machine are still told apart from the others' by their host.
pub fn tell_parts(environment: &Environment, trials: &mut [TrialRecord]) {
    if let Some(part) = environment.part {
        trials.iter_mut().for_each(|row| row.part = Some(part));
        return;
    }
    let mut parts: Vec<(Share, &str)> = environment
        .hosts
        .iter()
        .flat_map(|host| host.shards.iter().filter_map(|shard| Some((shard.part?, host.host.as_str()))))
        .collect();
    parts.sort_unstable();
    let Some(of) = parts.first().map(|(part, _)| part.of()) else { return };
    let mut attempts: HashMap<(String, u32), Vec<usize>> = HashMap::new();
    for (at, row) in trials.iter().enumerate() {
        attempts.entry((row.trial_id.clone(), row.attempt)).or_default().push(at);
    }
    for rows in attempts.into_values() {
        let all = rows.len() == of as usize;
        let mut left = parts.iter();
        for at in rows {
            // A part that was resumed on another machine has a row with that one's name.
            let next = left.find(|(_, host)| all || *host == trials[at].host);
            trials[at].part = next.map(|(part, _)| *part);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::environment::{HostEnvironment, ShardEnvironment};
    use ttlsweep_record::units::Timestamp;
    use ttlsweep_record::words::TrialState;

    #[test]
    fn a_parts_own_folder_says_which_it_is() {
        let part = Share::new(2, 3).unwrap();
        let mut rows = vec![row("a", 1, "x"), row("b", 1, "x")];
        tell_parts(&Environment { part: Some(part), ..environment() }, &mut rows);
        assert_eq!(rows.iter().map(|row| row.part).collect::<Vec<_>>(), [Some(part); 2]);
    }

    #[test]
    fn a_merged_run_has_an_attempts_rows_in_the_order_of_its_parts() {
        let hosts = vec![host("x", &[1, 3]), host("y", &[2])];
        // All parts of `a`, the second one resumed elsewhere; of `b` those of one machine alone; of `c` an attempt each.
        let mut rows = vec![
            row("a", 1, "x"),
            row("a", 1, "z"),
            row("a", 1, "x"),
            row("b", 1, "y"),
            row("c", 1, "x"),
            row("c", 2, "y"),
        ];
        tell_parts(&Environment { hosts, ..environment() }, &mut rows);
        let numbers: Vec<_> = rows.iter().map(|row| row.part.map(Share::number)).collect();
        assert_eq!(numbers, [Some(1), Some(2), Some(3), Some(2), Some(1), Some(2)]);
    }

    #[test]
    fn an_ordinary_run_has_no_parts() {
        let mut rows = vec![row("a", 1, "x")];
        tell_parts(&environment(), &mut rows);
        assert_eq!(rows[0].part, None);
    }

    fn row(trial_id: &str, attempt: u32, host: &str) -> TrialRecord {
        TrialRecord {
            run_id: "r".into(),
            trial_id: trial_id.into(),
            attempt,
            cell_id: "c".into(),
            block: 1,
            position: 1,
            control: None,
            jitter_us: 0,
            started_at: Timestamp::from_unix_micros(0),
            ended_at: Timestamp::from_unix_micros(1),
            state: TrialState::Whole,
            transfers: 1,
            achieved_bps: None,
            scheduler_lag_us: None,
            starved: false,
            host: host.into(),
            part: None,
        }
    }

    fn host(name: &str, parts: &[u32]) -> HostEnvironment {
        let shard = |number: &u32| ShardEnvironment {
            shard: None,
            part: Share::new(*number, 3).ok(),
            started_at: Timestamp::from_unix_micros(0),
            command: Vec::new(),
            endpoints: BTreeMap::new(),
            clock_offset: BTreeMap::new(),
        };
        HostEnvironment {
            host: name.into(),
            os: String::new(),
            cpus: 1,
            memory_bytes: None,
            descriptor_limit: None,
            tcp_sysctls: BTreeMap::new(),
            shards: parts.iter().map(shard).collect(),
        }
    }

    fn environment() -> Environment {
        Environment {
            schema_version: 1,
            run_id: "r".into(),
            experiment: "e".into(),
            question: String::new(),
            plan_hash: String::new(),
            seed: 1,
            repetitions: 1,
            trials: 1,
            shard: None,
            part: None,
            start_at: None,
            start_every_us: None,
            started_at: Timestamp::from_unix_micros(0),
            command: Vec::new(),
            version: String::new(),
            git_revision: None,
            build_profile: "debug".into(),
            host: "x".into(),
            os: String::new(),
            cpus: 1,
            memory_bytes: None,
            descriptor_limit: None,
            tcp_sysctls: BTreeMap::new(),
            endpoints: BTreeMap::new(),
            regions: BTreeMap::new(),
            proxies: BTreeMap::new(),
            proxies_ignored: Vec::new(),
            path: None,
            clock_offset: BTreeMap::new(),
            hosts: Vec::new(),
        }
    }
}
