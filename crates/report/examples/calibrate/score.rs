//! Right, silent or wrong: verdicts held against the truth of their world, and counted.

use std::ops::AddAssign;
use std::sync::atomic::{AtomicU64, Ordering};

use ttlsweep_record::{Mechanism, Verdict};
use ttlsweep_report::testing::forecast::Recorded;
use ttlsweep_report::testing::verdict::{Detail, Ruling};

use ttlsweep_simulate::chance::{Chance, Seeds};
use ttlsweep_simulate::plan::{Design, Sample};
use ttlsweep_simulate::run::Run;
use ttlsweep_simulate::world::World;

/// How many verdicts were what.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) right: u64,
    pub(crate) silent: u64,
    pub(crate) wrong: u64,
}

impl Tally {
    pub(crate) const fn of(self) -> u64 {
        self.right + self.silent + self.wrong
    }

    /// `supported` where it is at work and `not-supported` where it isn't are right; `invalid` if nothing is enforced, and
    /// only there.
    pub(crate) fn count(&mut self, verdict: Verdict, at_work: bool, enforced: bool) {
        let right = match verdict {
            Verdict::Invalid => !enforced,
            Verdict::Supported => at_work && enforced,
            Verdict::NotSupported => !at_work && enforced,
            Verdict::Inconclusive => {
                self.silent += 1;
                return;
            }
        };
        self.right += u64::from(right);
        self.wrong += u64::from(!right);
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, more: Self) {
        self.right += more.right;
        self.silent += more.silent;
        self.wrong += more.wrong;
    }
}

/// The verdicts of one cell: a world and a sample size.
#[derive(Debug, Clone)]
pub(crate) struct Score {
    /// On `cut-at-expiry`.
    pub(crate) cut: Tally,
    /// Of these, how many accused the server.
    pub(crate) accused: u64,
    /// On what else is at work in this world, each, where it hit anything.
    pub(crate) others: Vec<(Mechanism, Tally)>,
    /// Simulations in which something that is not at work was called supported, `cut-at-expiry` apart.
    pub(crate) misnamed: u64,
    /// δ, added up, in microseconds.
    pub(crate) delta_us: i64,
}

impl Score {
    fn new(world: &World) -> Self {
        let others = world.truth().into_iter().filter(|mechanism| *mechanism != Mechanism::CutAtExpiry);
        Self {
            cut: Tally::default(),
            accused: 0,
            others: others.map(|mechanism| (mechanism, Tally::default())).collect(),
            misnamed: 0,
            delta_us: 0,
        }
    }

    fn count(&mut self, world: &World, run: &Run, ruling: &Ruling) {
        self.cut.count(ruling.overall, world.cuts(), world.enforces());
        self.accused += u64::from(ruling.overall == Verdict::Supported);
        for (mechanism, tally) in &mut self.others {
            let found = ruling.mechanisms.iter().find(|found| found.mechanism == *mechanism);
            let verdict = found.map_or(Verdict::Inconclusive, |found| found.verdict);
            // What happened to hit nothing is rightly called rare, though it is at work: nothing to be right or wrong about.
            if run.at_work.contains(mechanism) {
                tally.count(verdict, true, world.enforces());
            }
        }
        let truth = world.truth();
        let misnamed = |mechanism: &Mechanism| {
            *mechanism != Mechanism::CutAtExpiry && !truth.contains(mechanism) && ruling.supports(*mechanism)
        };
        self.misnamed += u64::from(Mechanism::ALL.iter().any(misnamed));
        self.delta_us += ruling.targets.first().map_or(0, |target| target.delta_us);
    }

    fn add(&mut self, more: &Self) {
        self.cut += more.cut;
        self.accused += more.accused;
        for ((_, tally), (_, other)) in self.others.iter_mut().zip(&more.others) {
            *tally += *other;
        }
        self.misnamed += more.misnamed;
        self.delta_us += more.delta_us;
    }
}

/// The `number`-th simulation of a cell, and the verdict on it.
pub(crate) fn simulate(world: &World, sample: Sample, seeds: Seeds, number: u64, detail: Detail) -> (Run, Ruling) {
    let mut chance = Chance::new(seeds, world.name, &sample.name(), number);
    let run = Run::simulate(world, &Design::of(&world.plan, sample), &mut chance);
    let ruling = Recorded::of(&run).rule(detail);
    (run, ruling)
}

/// Simulates a cell so many times, on all processors. Numbers, not turns, choose the seeds, so that it comes out the same
/// on every machine.
pub(crate) fn calibrate(world: &World, sample: Sample, seeds: Seeds, simulations: u64) -> Score {
    let next = AtomicU64::new(0);
    let work = || {
        let mut score = Score::new(world);
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= simulations {
                return score;
            }
            let (run, ruling) = simulate(world, sample, seeds, number, Detail::Brief);
            score.count(world, &run, &ruling);
        }
    };
    std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut total = Score::new(world);
        for thread in threads {
            total.add(&thread.join().expect("no simulation panics"));
        }
        total
    })
}
