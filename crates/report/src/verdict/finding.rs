use std::collections::BTreeMap;

pub(super) use ttlsweep_record::decision::MOST_SHARE;
use ttlsweep_record::{Mechanism, Verdict};

use crate::prose::percent;
use crate::stats::{WindowExcess, fisher_greater, trials_for_bound, upper_bound, window_excess};

/// What one target's transfers say about one mechanism.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The mechanism.
    pub mechanism: Mechanism,
    /// The conclusion.
    pub verdict: Verdict,
    /// The test's p; `None` if no test could be made.
    pub p_value: Option<f64>,
    /// Transfers that count toward it.
    pub failures: u64,
    /// Transfers that could have.
    pub transfers: u64,
    /// Where it is not supported: the largest share of trials that it may hit anyway (95 %, Clopper–Pearson).
    pub upper_bound: Option<f64>,
    /// Why, in plain words with the numbers.
    pub evidence: String,
    /// Its first words: what a single line has room for.
    pub brief: String,
    /// What the headline adds behind the mechanism's name, where the name alone would mislead.
    pub gist: Option<String>,
}

/// Whether what supports a finding, and decides nothing, is worked out: it takes most of the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Everything, for readers.
    Full,
    /// The verdicts, their numbers and their reasons, for anyone who asks thousands of times.
    Brief,
}

/// What a mechanism's test found, before Holm's adjustment over all of them.
#[derive(Debug, Clone)]
pub(super) struct Tested {
    pub(super) mechanism: Mechanism,
    pub(super) failures: u64,
    pub(super) transfers: u64,
    /// Trials that it hit.
    pub(super) hits: u64,
    /// Trials that it could have hit.
    pub(super) trials: u64,
    /// `None` if the test needs more than there is.
    pub(super) p: Option<f64>,
    /// What stands in the way of calling it supported, whatever p says; and what it would take.
    pub(super) obstacle: Option<String>,
    /// What forbids to acquit it, if it is not supported.
    pub(super) suspicion: Option<String>,
    /// The largest upper bound at which it may be called `not-supported`.
    pub(super) most_share: f64,
    /// The sentence with the numbers.
    pub(super) evidence: String,
    /// What else supports it.
    pub(super) support: Vec<String>,
    /// How many more of what it would take to be sure that it is there, where some were hit.
    pub(super) more: String,
    /// What the headline adds behind the mechanism's name.
    pub(super) gist: Option<String>,
}

impl Tested {
    /// The verdict, `adjusted` being Holm's p.
    pub(super) fn conclude(self, adjusted: f64, alpha: f64) -> Finding {
        let bound = upper_bound(self.hits, self.trials);
        let significant = self.p.is_some() && adjusted <= alpha && self.hits.max(self.failures) > 0;
        let acquitted = self.trials > 0 && bound <= self.most_share;
        let (verdict, why) = match &self.obstacle {
            None if significant => (Verdict::Supported, String::new()),
            Some(obstacle) if significant || self.trials == 0 => (Verdict::Inconclusive, obstacle.clone()),
            _ if self.suspicion.is_some() => (Verdict::Inconclusive, self.suspicion.clone().unwrap_or_default()),
            // An obstacle to seeing an excess is none to seeing that little happened.
            _ if acquitted => {
                (Verdict::NotSupported, format!("it hits at most {} of such trials (95 %)", percent(bound)))
            }
            Some(obstacle) if self.hits > 0 => (Verdict::Inconclusive, obstacle.clone()),
            None if self.hits > 0 => (Verdict::Inconclusive, self.more.clone()),
            _ => (Verdict::Inconclusive, self.too_few()),
        };
        let brief = joined([self.evidence, why]);
        let evidence = joined([brief.clone()].into_iter().chain(self.support));
        Finding {
            mechanism: self.mechanism,
            verdict,
            p_value: self.p,
            failures: self.failures,
            transfers: self.transfers,
            upper_bound: (verdict == Verdict::NotSupported).then_some(bound),
            evidence,
            brief,
            gist: self.gist,
        }
    }

    fn too_few(&self) -> String {
        let needed = trials_for_bound(self.most_share);
        let such = if self.trials == 1 { "such trial says" } else { "such trials say" };
        format!("{} {such} too little: it takes {needed} to exclude that it hits most of them", self.trials)
    }
}

fn joined(parts: impl IntoIterator<Item = String>) -> String {
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
}

/// Trials in the order of their numbers, each with how many of its transfers were looked at and how many were hit.
#[derive(Debug, Default, Clone)]
pub(super) struct ByTrial(Vec<Counted>);

/// One trial's transfers.
#[derive(Debug, Clone, Copy)]
struct Counted {
    trial: u32,
    all: u64,
    hits: u64,
}

impl ByTrial {
    pub(super) fn count(flights: impl Iterator<Item = (u32, bool)>) -> Self {
        let mut trials: Vec<Counted> = Vec::new();
        // The transfers of a trial stand together, or among those of the few trials that ran beside it.
        for (trial, hit) in flights {
            match trials.iter_mut().rev().take(BESIDE).find(|known| known.trial == trial) {
                Some(known) => *known = Counted { trial, all: known.all + 1, hits: known.hits + u64::from(hit) },
                None => trials.push(Counted { trial, all: 1, hits: u64::from(hit) }),
            }
        }
        if !trials.is_sorted_by(|one, next| one.trial < next.trial) {
            trials.sort_by_key(|counted| counted.trial);
            trials.dedup_by(|next, one| {
                let same = next.trial == one.trial;
                if same {
                    (one.all, one.hits) = (one.all + next.all, one.hits + next.hits);
                }
                same
            });
        }
        Self(trials)
    }

    /// The same trials, of whose transfers those were hit whose trials are given, each once for each time.
    pub(super) fn hit_in(&self, hits: impl Iterator<Item = u32>) -> Self {
        let mut trials = self.clone();
        trials.0.iter_mut().for_each(|counted| counted.hits = 0);
        for trial in hits {
            if let Ok(place) = trials.0.binary_search_by_key(&trial, |counted| counted.trial) {
                trials.0[place].hits += 1;
            }
        }
        trials
    }

    pub(super) fn trials(&self) -> u64 {
        self.0.len() as u64
    }

    /// Trials with at least one hit.
    pub(super) fn hit(&self) -> u64 {
        self.0.iter().filter(|counted| counted.hits > 0).count() as u64
    }

    /// Trials of which most was hit.
    pub(super) fn most_hit(&self) -> u64 {
        self.0.iter().filter(|counted| counted.is_most_hit()).count() as u64
    }

    /// Whether more trials are hit for the most part than a share of their time explains that is the same for all.
    pub(super) fn excess_over(&self, share: f64) -> Option<WindowExcess> {
        let most_hit = self.0.iter().map(|counted| (counted.is_most_hit(), share));
        window_excess(&most_hit.collect::<Vec<_>>())
    }

    /// The numbers of all trials and of those of which most was hit, by `group`.
    pub(super) fn most_hit_by(&self, group: impl Fn(u32) -> u32) -> BTreeMap<u32, (u64, u64)> {
        let mut groups: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
        for counted in &self.0 {
            let entry = groups.entry(group(counted.trial)).or_default();
            entry.0 += 1;
            entry.1 += u64::from(counted.is_most_hit());
        }
        groups
    }

    /// How likely these trials are hit so much more often than the others by chance: Fisher's test of the trials that are
    /// hit for the most part, which sees through ends that hit a few of each, or of those that are hit at all, which sees
    /// what hits a few of each.
    pub(super) fn exceeds(&self, others: &Self) -> f64 {
        let (n, other_n) = (self.trials(), others.trials());
        let most = fisher_greater(self.most_hit(), n, others.most_hit(), other_n);
        // Two looks, so twice the smaller p.
        (2.0 * most.min(fisher_greater(self.hit(), n, others.hit(), other_n))).min(1.0)
    }

    pub(super) fn transfers(&self) -> u64 {
        self.0.iter().map(|counted| counted.all).sum()
    }

    pub(super) fn transfers_hit(&self) -> u64 {
        self.0.iter().map(|counted| counted.hits).sum()
    }
}

impl Counted {
    const fn is_most_hit(&self) -> bool {
        2 * self.hits > self.all
    }
}

/// So many trials at least are looked through for a transfer's own before its trial is taken for another one.
const BESIDE: usize = 8;
