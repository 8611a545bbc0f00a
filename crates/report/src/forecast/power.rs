//! With which probability the verdict is right: the plan is run in each world, again and again, and the verdict asked after so
//! many blocks.

use std::ops::AddAssign;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use ttlsweep_console::room;
use ttlsweep_record::Verdict;
use ttlsweep_simulate::chance::Chance;
use ttlsweep_simulate::plan::Design;
use ttlsweep_simulate::run::Run;

use super::cases::Case;
use super::recorded::Recorded;
use crate::stats::{Interval, clopper_pearson};
use crate::verdict::{Detail, Ruling, TargetRuling};

/// How many verdicts were what.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub struct Tally {
    /// Right on `cut-at-expiry`, at every target.
    pub right: u64,
    /// Inconclusive at some target, and wrong at none.
    pub silent: u64,
    /// Wrong at some target.
    pub wrong: u64,
    /// What is at work was called supported.
    pub named: u64,
    /// The most that any NO still allows: a share of trials; 0 without a NO.
    pub allowed: f64,
}

impl Tally {
    fn count(&mut self, case: &Case, ruling: &Ruling) {
        let verdicts = || ruling.targets.iter().map(|target| target.overall);
        if verdicts().all(|verdict| verdict == case.right) {
            self.right += 1;
        } else if verdicts().all(|verdict| verdict == case.right || verdict == Verdict::Inconclusive) {
            self.silent += 1;
        } else {
            self.wrong += 1;
        }
        let allowed = ruling.targets.iter().filter_map(TargetRuling::allowed).map(|allowed| allowed.share);
        self.allowed = allowed.fold(self.allowed, f64::max);
        self.named += u64::from(case.mechanism.is_some_and(|mechanism| ruling.supports(mechanism)));
    }

    /// How many there are.
    pub const fn of(self) -> u64 {
        self.right + self.silent + self.wrong
    }

    /// The share that is right.
    pub fn share(self) -> f64 {
        self.right as f64 / self.of().max(1) as f64
    }

    /// Around it, exactly at 95 %.
    pub fn interval(self) -> Interval {
        clopper_pearson(self.right, self.of(), 0.95).unwrap_or(Interval { low: 0.0, high: 1.0 })
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, more: Self) {
        self.right += more.right;
        self.silent += more.silent;
        self.wrong += more.wrong;
        self.named += more.named;
        self.allowed = self.allowed.max(more.allowed);
    }
}

/// What came of one case.
#[derive(Debug, Clone, Default)]
pub struct Power {
    /// After each of the numbers of blocks.
    pub after: Vec<Tally>,
    /// After how many blocks each simulated run was right for the first time; nothing of a case that is not a key.
    pub first_right: Vec<Option<u32>>,
}

impl Power {
    fn add(&mut self, more: Self) {
        self.after.resize(more.after.len().max(self.after.len()), Tally::default());
        self.after.iter_mut().zip(more.after).for_each(|(one, other)| *one += other);
        self.first_right.extend(more.first_right);
    }
}

/// What is simulated, and who looks on.
pub struct Simulation<'a> {
    /// The worlds.
    pub cases: &'a [Case],
    /// With as many blocks as the most that are asked for.
    pub design: &'a Design,
    /// After how many blocks the verdict is asked, the fewest first.
    pub blocks: &'a [u32],
    /// How many runs of each case.
    pub simulations: u64,
    /// The stream of draws of the runs of a case, by their number.
    pub chance: &'a (dyn Fn(&Case, u64) -> Chance + Sync),
}

impl Simulation<'_> {
    /// How many runs there are to simulate.
    pub const fn all(&self) -> u64 {
        self.simulations * self.cases.len() as u64
    }

    /// Simulates on all processors until `stop` is raised; `watch` hears again and again how many runs are done. Returns what came
    /// of each case; or how many runs were done when it was stopped.
    ///
    /// Numbers, not turns, choose the seeds, so that it comes out the same on every machine.
    pub fn run(&self, stop: &AtomicBool, mut watch: impl FnMut(u64)) -> Result<Vec<Power>, u64> {
        let (next, done) = (AtomicU64::new(0), AtomicU64::new(0));
        let work = || {
            let mut found = vec![Power::default(); self.cases.len()];
            while !stop.load(Ordering::Relaxed) {
                let turn = next.fetch_add(1, Ordering::Relaxed);
                if turn >= self.all() {
                    break;
                }
                let case = (turn % self.cases.len() as u64) as usize;
                found[case].add(self.one(&self.cases[case], turn / self.cases.len() as u64));
                done.fetch_add(1, Ordering::Relaxed);
            }
            found
        };
        let found = thread::scope(|scope| {
            let workers: Vec<_> = (0..room::processors()).map(|_| scope.spawn(work)).collect();
            while !workers.iter().all(thread::ScopedJoinHandle::is_finished) {
                watch(done.load(Ordering::Relaxed));
                thread::sleep(LOOK_EVERY);
            }
            let mut all = vec![Power::default(); self.cases.len()];
            for worker in workers {
                let found = worker.join().expect("no simulation panics");
                all.iter_mut().zip(found).for_each(|(one, other)| one.add(other));
            }
            all
        });
        let done = done.into_inner();
        if done < self.all() { Err(done) } else { Ok(found) }
    }

    /// The `number`-th run of a case.
    fn one(&self, case: &Case, number: u64) -> Power {
        let run = Run::simulate(&case.world, self.design, &mut (self.chance)(case, number));
        let recorded = Recorded::of(&run);
        let after = self.blocks.iter().map(|blocks| {
            let mut tally = Tally::default();
            tally.count(case, &recorded.rule_after(*blocks, Detail::Brief));
            tally
        });
        let after: Vec<Tally> = after.collect();
        let first_right = if case.is_key() { vec![self.first_right(case, &recorded)] } else { Vec::new() };
        Power { after, first_right }
    }

    /// Halves again and again: what was right once is taken to stay so.
    fn first_right(&self, case: &Case, recorded: &Recorded<'_>) -> Option<u32> {
        let is_right = |blocks: u32| {
            recorded.rule_after(blocks, Detail::Brief).targets.iter().all(|one| one.overall == case.right)
        };
        let (mut wrong, mut right) = (0, self.design.blocks);
        if !is_right(right) {
            return None;
        }
        while right - wrong > 1 {
            let middle = u32::midpoint(wrong, right);
            if is_right(middle) { right = middle } else { wrong = middle }
        }
        Some(right)
    }
}

/// How many blocks it takes until both of the keys are decided in so many of their runs; `None` if more than were simulated.
pub(crate) fn fewest(found: &[(Case, Power)], share: f64) -> Option<u32> {
    let of_case = |power: &Power| {
        let mut first: Vec<u32> = power.first_right.iter().map(|blocks| blocks.unwrap_or(u32::MAX)).collect();
        first.sort_unstable();
        let needed = (share * first.len() as f64).ceil() as usize;
        first.get(needed.saturating_sub(1)).copied().filter(|blocks| *blocks < u32::MAX)
    };
    let keys = found.iter().filter(|(case, _)| case.is_key());
    keys.map(|(_, power)| of_case(power)).try_fold(0, |most, one| Some(one?.max(most)))
}

const LOOK_EVERY: std::time::Duration = std::time::Duration::from_millis(50);
