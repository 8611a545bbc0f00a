//! Which arm closes which silence: the cells that ended in silence when they were first counted, judged again with what each arm of
//! the experiment adds.

use ttlsweep_simulate::chance::Seeds;
use ttlsweep_simulate::plan::Sample;
use ttlsweep_simulate::world::World;

use crate::score::{Score, calibrate};

/// What is added to the rows of a plain run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Adds {
    Nothing,
    /// The grid's uploads once more, with `Expect: 100-continue`.
    Expect,
    /// The server's log.
    Log,
    /// A TTL that each trial draws.
    RandomTtls,
}

impl Adds {
    /// What follows the world's name in the catalogue.
    const fn suffix(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::Expect => "-expect",
            Self::Log => "-log",
            Self::RandomTtls => "-random",
        }
    }
}

/// An arm of the experiment, run so many times as often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arm {
    pub(crate) adds: Adds,
    pub(crate) times: u32,
}

impl Arm {
    pub(crate) const ALL: [Self; 7] = [
        Self::of(Adds::Nothing, 1),
        Self::of(Adds::Expect, 1),
        Self::of(Adds::Log, 1),
        Self::of(Adds::RandomTtls, 1),
        Self::of(Adds::RandomTtls, 2),
        Self::of(Adds::Nothing, 2),
        Self::of(Adds::Nothing, 4),
    ];

    pub(crate) const fn of(adds: Adds, times: u32) -> Self {
        Self { adds, times }
    }

    /// As the table's head has it.
    pub(crate) fn name(self) -> String {
        let adds = match self.adds {
            Adds::Nothing => (self.times == 1).then_some("rows alone"),
            Adds::Expect => Some("Expect arm"),
            Adds::Log => Some("server's log"),
            Adds::RandomTtls => Some("random TTLs"),
        };
        let blocks = (self.times > 1).then(|| format!("{} × the blocks", self.times));
        adds.map(str::to_owned).into_iter().chain(blocks).collect::<Vec<_>>().join(", ")
    }

    /// The world with the arm, if the catalogue has it.
    fn world(self, worlds: &[World], name: &str) -> Option<World> {
        let wanted = format!("{name}{}", self.adds.suffix());
        worlds.iter().find(|world| world.name == wanted).cloned()
    }

    fn sample(self, Sample { transfers, trials }: Sample) -> Sample {
        Sample { transfers: transfers * self.times, trials: trials * self.times }
    }
}

/// A cell that ended in silence.
#[derive(Debug)]
pub(crate) struct Silent {
    pub(crate) world: World,
    pub(crate) sample: Sample,
    /// In percent of 1,000 simulations, when it was first counted.
    pub(crate) right_then: f64,
    /// With each arm that the catalogue has for this world.
    pub(crate) scores: Vec<(Arm, Score)>,
}

impl Silent {
    /// The arms with which it is right often enough.
    pub(crate) fn closed_by(&self) -> Vec<Arm> {
        let closes = |(_, score): &&(Arm, Score)| score.cut.right as f64 >= ENOUGH * score.cut.of() as f64;
        self.scores.iter().filter(closes).map(|(arm, _)| *arm).collect()
    }

    pub(crate) fn with(&self, arm: Arm) -> Option<&Score> {
        self.scores.iter().find(|(of, _)| *of == arm).map(|(_, score)| score)
    }

    /// The arm that serves it best.
    pub(crate) fn best(&self) -> Option<&(Arm, Score)> {
        self.scores.iter().max_by_key(|(_, score)| score.cut.right)
    }
}

/// Judges them with every arm. `wants` chooses worlds, and `told` hears of each cell.
pub(crate) fn judge(
    worlds: &[World],
    seeds: Seeds,
    simulations: u64,
    wants: impl Fn(&str) -> bool,
    told: impl Fn(&Silent),
) -> Vec<Silent> {
    let cells = SILENT.iter().flat_map(|(world, cells)| cells.iter().map(move |cell| (*world, *cell)));
    let judged = cells.filter(|(world, _)| wants(world)).map(|(name, (transfers, trials, right_then))| {
        let sample = Sample { transfers, trials };
        let score = |arm: Arm| {
            let world = arm.world(worlds, name)?;
            Some((arm, calibrate(&world, arm.sample(sample), seeds, simulations)))
        };
        let once: Vec<(Arm, Score)> = Arm::ALL.into_iter().filter(|arm| arm.times == 1).filter_map(score).collect();
        // More of what tells nothing tells nothing.
        let says = |score: &Score| score.cut.right * 10 >= score.cut.of();
        let tells = |adds: Adds| once.iter().any(|(arm, score)| arm.adds == adds && says(score));
        let more: Vec<(Arm, Score)> =
            Arm::ALL.into_iter().filter(|arm| arm.times > 1 && tells(arm.adds)).filter_map(score).collect();
        let world = ALONE.world(worlds, name).expect("the catalogue has the world");
        let silent = Silent { world, sample, right_then, scores: once.into_iter().chain(more).collect() };
        told(&silent);
        silent
    });
    judged.collect()
}

/// Transfers, trials, and how often the verdict was right, in percent.
type Then = (u32, u32, f64);

/// The cells from 20 transfers over 5 trials on that were right in less than 99 % when they were first counted, on 2d9463c. What was
/// not right was silent in all of them. A list, since the rules have changed since: the question is what became of these.
pub(crate) const SILENT: [(&str, &[Then]); 10] = [
    ("late-heads-lost", &[(20, 5, 0.0), (20, 10, 0.0), (20, 20, 0.0), (40, 10, 0.0), (80, 5, 0.0), (80, 20, 0.0)]),
    ("unread-heads", &[(20, 5, 3.0), (20, 10, 2.7), (20, 20, 2.7), (40, 10, 0.1), (80, 5, 0.0), (80, 20, 0.0)]),
    ("cut-late-3", &[(20, 5, 0.0), (20, 10, 0.0), (20, 20, 6.0), (40, 10, 0.1), (80, 5, 0.0), (80, 20, 0.0)]),
    ("timer-links", &[(20, 5, 83.9), (20, 10, 74.9), (20, 20, 69.5), (40, 10, 73.8), (80, 5, 81.7), (80, 20, 66.6)]),
    ("timer-wide", &[(20, 5, 75.6), (20, 10, 97.3), (20, 20, 98.0), (40, 10, 98.3), (80, 5, 75.4)]),
    ("timer", &[(20, 5, 96.5), (80, 5, 96.7)]),
    ("cut-timer", &[(20, 5, 87.7), (80, 5, 86.1)]),
    ("cut-part-40", &[(20, 5, 87.7), (20, 10, 72.5), (20, 20, 75.3)]),
    ("bursts-30", &[(20, 5, 96.4), (80, 5, 96.2)]),
    ("ticks-30", &[(20, 20, 98.9)]),
];

const ALONE: Arm = Arm::of(Adds::Nothing, 1);
/// Right in this share.
const ENOUGH: f64 = 0.99;
