//! Worlds of the catalogue in which each trial draws its TTL. With one TTL the age of a connection and its distance from expiry are
//! the same number; drawn ones part them. What is innocent with one TTL must be so here, too.

use ttlsweep_record::Ttls;

use crate::world::{Plan, World};

/// Those that do not cut.
pub(super) fn innocent(worlds: &[World]) -> Vec<World> {
    INNOCENT.iter().map(|names| drawn(worlds, *names)).collect()
}

/// Those that cut.
pub(super) fn guilty(worlds: &[World]) -> Vec<World> {
    GUILTY.iter().map(|names| drawn(worlds, *names)).collect()
}

/// The world of the first name under the other name and story: from half its TTL to half as much again.
fn drawn(worlds: &[World], (of, name, story): (&str, &'static str, &'static str)) -> World {
    let world = worlds.iter().find(|world| world.name == of).expect("the catalogue has the world");
    let half = |ttl: &Ttls| Ttls { least_s: ttl.least_s / 2, most_s: ttl.most_s * 3 / 2 };
    let plan = Plan { ttls: world.plan.ttls.iter().map(half).collect(), ..world.plan.clone() };
    World { name, story, plan, ..world.clone() }
}

const INNOCENT: [(&str, &str, &str); 20] = [
    ("quiet", "quiet-random", "nothing goes wrong; each trial draws a TTL from 2 to 6 s"),
    ("heavy-tails", "heavy-tails-random", "heavy-tails with such TTLs"),
    ("clock-behind", "clock-behind-random", "clock-behind with such TTLs"),
    ("resets-30", "resets-30-random", "resets-30 with such TTLs"),
    ("bursts-30", "bursts-30-random", "bursts-30 with such TTLs"),
    ("ticks-30", "ticks-30-random", "ticks-30 with such TTLs"),
    ("timer", "timer-random", "timer with such TTLs: connections are reset at an age of 4 s"),
    ("timer-60", "timer-60-random", "timer-60 with such TTLs"),
    ("timer-wide", "timer-wide-random", "timer-wide with such TTLs"),
    ("timer-links", "timer-links-random", "timer-links with such TTLs"),
    ("idle-20", "idle-20-random", "idle-20 with TTLs drawn from 10 to 30 s"),
    ("late-heads", "late-heads-random", "late-heads with TTLs drawn from 2 to 6 s"),
    ("late-heads-lost", "late-heads-lost-random", "late-heads-lost with such TTLs"),
    ("unread-heads", "unread-heads-random", "unread-heads with such TTLs"),
    ("throttled-20", "throttled-20-random", "throttled-20 with such TTLs"),
    ("at-completion-resets", "at-completion-resets-random", "at-completion-resets with such TTLs"),
    ("two-innocents", "two-innocents-random", "two-innocents with such TTLs"),
    ("enforces-nothing", "enforces-nothing-random", "enforces-nothing with such TTLs"),
    ("loaded-resets-15", "loaded-resets-15-random", "loaded-resets-15 with TTLs drawn from 10 to 30 s"),
    ("starved-resets-30", "starved-resets-30-random", "starved-resets-30 with TTLs drawn from 2 to 6 s"),
];

const GUILTY: [(&str, &str, &str); 8] = [
    ("cut", "cut-random", "resets at expiry; each trial draws a TTL from 2 to 6 s"),
    ("cut-late-1", "cut-late-1-random", "cut-late-1 with such TTLs"),
    ("cut-late-3", "cut-late-3-random", "cut-late-3 with such TTLs"),
    ("cut-resets-30", "cut-resets-30-random", "cut-resets-30 with such TTLs"),
    ("cut-bursts-30", "cut-bursts-30-random", "cut-bursts-30 with such TTLs"),
    ("cut-timer", "cut-timer-random", "cut-timer with such TTLs: connections are reset at an age of 4 s, too"),
    ("cut-starved", "cut-starved-random", "cut-starved with such TTLs"),
    ("cut-part-40", "cut-part-40-random", "cut-part-40 with such TTLs"),
];
