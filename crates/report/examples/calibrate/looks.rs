//! A run that is asked after every block: how often it is accused at some look, denied at some look, and after how many blocks it is
//! decided. And two tests of the windows around expiry, held against each other on the same rows.

use std::sync::atomic::{AtomicU64, Ordering};

use ttlsweep_record::Verdict;
use ttlsweep_report::testing::forecast::Recorded;
use ttlsweep_report::testing::verdict::WindowTest;

use ttlsweep_simulate::chance::{Chance, Seeds};
use ttlsweep_simulate::plan::Design;
use ttlsweep_simulate::run::Run;
use ttlsweep_simulate::world::World;

use crate::bets::{Bets, either};
use crate::score::Tally;

/// The first look comes after so many blocks.
pub(crate) const LEAST: u32 = 3;
/// And the last one after so many.
pub(crate) const MOST: u32 = 20;
const LOOKS: usize = (MOST - LEAST + 1) as usize;

/// What came of all simulations of one world after one number of blocks.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Look {
    /// The verdicts of runs that were asked now and at no other time.
    pub(crate) now: Tally,
    /// Runs that were decided for the first time at this look, and rightly or wrongly so; none is silent.
    pub(crate) stopped: Tally,
    /// Runs that were accused at this look or before.
    pub(crate) accused: u64,
    /// Runs that were acquitted at this look or before.
    pub(crate) acquitted: u64,
    /// What the test of today and the bet say of the windows.
    pub(crate) tests: [Said; 2],
}

/// In how many runs a test of the windows says that more ends are there than chance puts there.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Said {
    /// By its number alone: at this look, and at this one or before.
    pub(crate) alone: [u64; 2],
    /// With all that the rule asks besides, of controls and hosts: likewise.
    pub(crate) ruled: [u64; 2],
}

impl Said {
    pub(crate) fn add(&mut self, more: Self) {
        self.alone.iter_mut().zip(more.alone).for_each(|(all, one)| *all += one);
        self.ruled.iter_mut().zip(more.ruled).for_each(|(all, one)| *all += one);
    }
}

/// One world after every look.
#[derive(Debug)]
pub(crate) struct Looked {
    pub(crate) world: World,
    pub(crate) simulations: u64,
    /// From [`LEAST`] blocks on.
    pub(crate) looks: [Look; LOOKS],
}

impl Looked {
    /// Each look with its number of blocks.
    pub(crate) fn by_blocks(&self) -> impl Iterator<Item = (u32, &Look)> {
        (LEAST..).zip(&self.looks)
    }

    pub(crate) fn after(&self, blocks: u32) -> &Look {
        &self.looks[(blocks - LEAST) as usize]
    }

    pub(crate) fn last(&self) -> &Look {
        &self.looks[LOOKS - 1]
    }

    /// How the runs ended that stop when they are decided; silent are those that never were.
    pub(crate) fn stopped(&self) -> Tally {
        let mut all = Tally::default();
        self.looks.iter().for_each(|look| all += look.stopped);
        Tally { silent: self.simulations - all.of(), ..all }
    }

    /// After how many blocks this share of the runs is decided; `None` if more than the last.
    pub(crate) fn decided_in(&self, share: f64) -> Option<u32> {
        let needed = (share * self.simulations as f64).ceil() as u64;
        let mut decided = 0;
        self.by_blocks().find_map(|(blocks, look)| {
            decided += look.stopped.of();
            (decided >= needed).then_some(blocks)
        })
    }

    /// How many blocks a run takes on average that stops when it is decided.
    pub(crate) fn mean_blocks(&self) -> f64 {
        let taken: u64 = self.by_blocks().map(|(blocks, look)| u64::from(blocks) * look.stopped.of()).sum();
        (taken + u64::from(MOST) * self.stopped().silent) as f64 / self.simulations.max(1) as f64
    }

    /// The fewest blocks of a plan that is asked once, at its end, and is right as often, but for one in two hundred; `None` if none is.
    pub(crate) fn as_sure(&self) -> Option<u32> {
        let needed = self.stopped().right as f64 - 0.005 * self.simulations as f64;
        self.by_blocks().find(|(_, look)| look.now.right as f64 >= needed).map(|(blocks, _)| blocks)
    }

    fn add(&mut self, more: &[Look; LOOKS]) {
        for (all, one) in self.looks.iter_mut().zip(more) {
            all.now += one.now;
            all.stopped += one.stopped;
            all.accused += one.accused;
            all.acquitted += one.acquitted;
            all.tests.iter_mut().zip(one.tests).for_each(|(all, one)| all.add(one));
        }
        self.simulations += 1;
    }
}

/// Simulates so many runs of `world` on all processors, each asked after every block.
pub(crate) fn look(world: World, seeds: Seeds, simulations: u64) -> Looked {
    let next = AtomicU64::new(0);
    let work = || {
        let mut found = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= simulations {
                return found;
            }
            found.push(one(&world, seeds, number));
        }
    };
    let mut all = Looked { world: world.clone(), simulations: 0, looks: [Look::default(); LOOKS] };
    std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            let found: Vec<[Look; LOOKS]> = thread.join().expect("no simulation panics");
            found.iter().for_each(|one| all.add(one));
        }
    });
    all
}

/// The `number`-th run of a world, after every look.
fn one(world: &World, seeds: Seeds, number: u64) -> [Look; LOOKS] {
    let mut chance = Chance::new(seeds, world.name, "looks", number);
    let run = Run::simulate(world, &Design::of_five_users(&world.plan, MOST), &mut chance);
    let recorded = Recorded::of(&run);
    let (mut is_decided, mut accused, mut acquitted) = (false, false, false);
    let (mut bets, mut said) = (Bets::default(), [[false; 2]; 2]);
    std::array::from_fn(|at| {
        let blocks = LEAST + at as u32;
        let (ruling, windows) = recorded.look_after(blocks);
        let mut look = Look::default();
        look.now.count(ruling.overall, world.cuts(), world.enforces());
        if !is_decided && look.now.silent == 0 {
            (is_decided, look.stopped) = (true, look.now);
        }
        accused |= ruling.overall == Verdict::Supported;
        acquitted |= ruling.overall == Verdict::NotSupported;
        (look.accused, look.acquitted) = (u64::from(accused), u64::from(acquitted));
        bets.take(blocks, &windows);
        let now = [windows.iter().map(says).fold([false; 2], either), bets.say(&windows)];
        for ((said, now), counted) in said.iter_mut().zip(now).zip(&mut look.tests) {
            *said = either(*said, now);
            *counted = Said { alone: [now[0], said[0]].map(u64::from), ruled: [now[1], said[1]].map(u64::from) };
        }
        look
    })
}

/// Whether the test of today says so, alone and with all that the rule asks besides.
fn says(windows: &[WindowTest; 2]) -> [bool; 2] {
    windows.iter().map(|window| [window.exceeds, window.exceeds && window.is_open]).fold([false; 2], either)
}
