//! The short form: a few cells, always the same seeds, and that what is taken as a short cut is none.

use std::collections::BTreeMap;
use std::path::Path;

use ttlsweep_record::{
    Cell, ClockRecord, SCHEMA_VERSION, SampleRecord, ServerRecord, TransferRecord, TrialRecord, Verdict,
};
use ttlsweep_report::testing::forecast::Recorded;
use ttlsweep_report::testing::load::load;
use ttlsweep_report::testing::stats::clopper_pearson;
use ttlsweep_report::testing::verdict::{Detail, Evidence, Ruling, decide};
use ttlsweep_rundir::csv_file::RowWriter;
use ttlsweep_rundir::environment::Environment;

use crate::arms::{self, Adds, Arm, SILENT};
use crate::looks;
use crate::score::{self, Tally, calibrate};
use crate::table::{self, Row};
use ttlsweep_simulate::catalogue::worlds;
use ttlsweep_simulate::chance::{Chance, Seeds};
use ttlsweep_simulate::plan::{Design, ENDPOINT, SAMPLES, Sample};
use ttlsweep_simulate::run::{RUN_ID, Run};
use ttlsweep_simulate::world::World;

const SMALL: Sample = Sample { transfers: 5, trials: 5 };
const ENOUGH: Sample = Sample { transfers: 20, trials: 5 };

fn world(name: &str) -> World {
    worlds().into_iter().find(|world| world.name == name).unwrap()
}

fn simulate(world: &World, sample: Sample, seeds: Seeds, number: u64) -> (Run, Ruling) {
    score::simulate(world, sample, seeds, number, Detail::Full)
}

/// The run's files, as the runner would write them.
fn write(run: &Run, folder: &Path) {
    let environment = Environment {
        schema_version: SCHEMA_VERSION,
        run_id: RUN_ID.into(),
        experiment: "simulated".into(),
        question: String::new(),
        plan_hash: "0".repeat(64),
        seed: 1,
        repetitions: 1,
        trials: run.trials.len() as u64,
        shard: None,
        part: None,
        start_at: None,
        start_every_us: None,
        started_at: run.trials[0].started_at,
        command: Vec::new(),
        version: "0".into(),
        git_revision: None,
        build_profile: "release".into(),
        host: "simulated".into(),
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
        clock_offset: run.bracket.map(|bracket| (ENDPOINT.to_owned(), bracket)).into_iter().collect(),
        hosts: Vec::new(),
    };
    environment.write(folder).unwrap();
    let mut cells = RowWriter::<Cell>::create(folder).unwrap();
    run.cells.iter().for_each(|cell| cells.write(cell).unwrap());
    cells.flush().unwrap();
    let mut trials = RowWriter::<TrialRecord>::create(folder).unwrap();
    run.trials.iter().for_each(|trial| trials.write(trial).unwrap());
    trials.flush().unwrap();
    let mut clock = RowWriter::<ClockRecord>::create(folder).unwrap();
    run.clock.iter().for_each(|row| clock.write(row).unwrap());
    clock.flush().unwrap();
    let mut transfers = RowWriter::<TransferRecord>::create(folder).unwrap();
    run.transfers.iter().for_each(|row| transfers.write(row).unwrap());
    transfers.flush().unwrap();
    let mut samples = RowWriter::<SampleRecord>::create(folder).unwrap();
    run.samples.iter().for_each(|row| samples.write(row).unwrap());
    samples.flush().unwrap();
    let mut logged = RowWriter::<ServerRecord>::create(folder).unwrap();
    run.logged.iter().for_each(|(_, line)| logged.write(line).unwrap());
    logged.flush().unwrap();
}

#[test]
fn every_worlds_ruling_is_the_same_through_the_files() {
    for world in worlds() {
        let (run, ruling) = simulate(&world, SMALL, Seeds::Development, 0);
        let folder = tempfile::tempdir().unwrap();
        write(&run, folder.path());
        let runs = load(&[folder.path().to_owned()]).unwrap();
        assert_eq!(runs.warnings, Vec::<String>::new(), "{}", world.name);
        assert_eq!(decide(&Evidence::of(&runs)), ruling, "{}", world.name);
    }
}

/// A look at a run that goes on is a report on one that ended there.
#[test]
fn a_look_after_some_blocks_is_a_report_on_these() {
    for (name, blocks) in
        [("quiet", 3), ("cut", 4), ("cut-resets-15", 6), ("late-heads-lost-log", 5), ("cut-stale-dates", 7)]
    {
        let world = world(name);
        let run = |blocks| {
            let mut chance = Chance::new(Seeds::Development, world.name, "looks", 0);
            Run::simulate(&world, &Design::of_five_users(&world.plan, blocks), &mut chance)
        };
        let folder = tempfile::tempdir().unwrap();
        write(&run(blocks), folder.path());
        let ended = decide(&Evidence::of(&load(&[folder.path().to_owned()]).unwrap()));
        let longer = run(blocks + 2);
        let (looked, _) = Recorded::of(&longer).look_after(blocks);
        let verdicts =
            |ruling: &Ruling| ruling.mechanisms.iter().map(|found| (found.verdict, found.p_value)).collect::<Vec<_>>();
        assert_eq!((verdicts(&looked), &looked.headline), (verdicts(&ended), &ended.headline), "{name}");
    }
}

#[test]
fn who_looks_after_every_block_stops_at_the_first_that_decides() {
    let looked = |name: &str| looks::look(world(name), Seeds::Development, 4);
    let quiet = looked("quiet");
    // Of each block one trial outlives its link for certain, and a NO takes five.
    assert_eq!((quiet.decided_in(1.0), quiet.last().accused), (Some(5), 0));
    let cut = looked("cut");
    assert!(cut.decided_in(1.0).is_some_and(|blocks| blocks <= 4), "{:?}", cut.decided_in(1.0));
    assert_eq!((cut.last().acquitted, cut.stopped().right), (0, 4));
    let silent = looked("cut-silent");
    assert_eq!((silent.decided_in(0.1), silent.last().acquitted, silent.mean_blocks()), (None, 0, 20.0));
}

/// Both tests see a plain cut, and neither sees one where nothing goes wrong.
#[test]
fn a_bet_on_the_windows_sees_what_their_test_sees() {
    let said = |name: &str| looks::look(world(name), Seeds::Development, 4).last().tests;
    for test in said("cut") {
        assert_eq!((test.alone, test.ruled), ([4, 4], [4, 4]));
    }
    for test in said("quiet") {
        assert_eq!(test, looks::Said::default());
    }
}

#[test]
fn brevity_changes_no_verdict() {
    for name in ["cut", "cut-late-1", "timer-60"] {
        let full = simulate(&world(name), SMALL, Seeds::Development, 1).1;
        let brief = score::simulate(&world(name), SMALL, Seeds::Development, 1, Detail::Brief).1;
        let verdicts =
            |ruling: &Ruling| ruling.mechanisms.iter().map(|found| (found.verdict, found.p_value)).collect::<Vec<_>>();
        assert_eq!((verdicts(&full), &full.headline), (verdicts(&brief), &brief.headline), "{name}");
    }
}

#[test]
fn a_simulation_comes_out_the_same_again() {
    let ruling = |number| simulate(&world("cut-resets-15"), SMALL, Seeds::Development, number).1;
    assert_eq!(ruling(3), ruling(3));
    assert_ne!(ruling(3), ruling(4));
}

#[test]
fn the_sets_of_seeds_share_no_simulation() {
    let ruling = |seeds| simulate(&world("resets-30"), SMALL, seeds, 0).1;
    assert_ne!(ruling(Seeds::Development), ruling(Seeds::Judgement));
}

#[test]
fn the_bracket_holds_the_true_offset() {
    for name in ["quiet", "clock-ahead", "clock-behind", "late-heads", "cut-answer"] {
        for number in 0..20 {
            let world = world(name);
            let bracket = simulate(&world, SMALL, Seeds::Development, number).0.bracket.unwrap();
            assert!(bracket.low_us <= world.offset_us && world.offset_us <= bracket.high_us, "{name} {bracket:?}");
        }
    }
}

/// The tallies of a few simulations, added up over worlds.
fn tally(names: &[&str], sample: Sample, simulations: u64) -> (Tally, u64) {
    let (mut sum, mut accused) = (Tally::default(), 0);
    for name in names {
        let score = calibrate(&world(name), sample, Seeds::Development, simulations);
        sum += score.cut;
        accused += score.accused;
    }
    (sum, accused)
}

#[test]
fn innocents_are_not_accused() {
    let names = ["quiet", "resets-30", "bursts-30", "ticks-30", "timer", "timer-60", "late-heads", "at-completion"];
    for sample in [SMALL, ENOUGH] {
        let (sum, accused) = tally(&names, sample, 50);
        // An accusation in a hundred cannot be told from none with so few; one in twenty is excluded.
        let bound = clopper_pearson(accused, sum.of(), 0.95).unwrap();
        assert!(bound.low <= 0.01 && bound.high <= 0.05, "{accused} of {} accused", sum.of());
    }
}

/// Whole seconds are a third of the seconds of a transfer of three, and each expiry is one.
#[test]
fn what_breaks_on_whole_seconds_is_no_cut_of_brief_transfers() {
    let (sum, accused) = tally(&["brief-ticks-30"], Sample { transfers: 80, trials: 20 }, 50);
    assert_eq!(accused, 0, "{sum:?}");
    assert!(sum.right >= 45, "{sum:?}");
}

/// A second is a third of their time, but what a server had written drains in less.
#[test]
fn a_cut_of_brief_transfers_that_drains_is_found() {
    let (sum, _) = tally(&["cut-brief-late"], ENOUGH, 50);
    assert!(sum.right >= 45 && sum.wrong == 0, "{sum:?}");
}

#[test]
fn cuts_are_found_from_twenty_transfers_on() {
    let names =
        ["cut", "cut-close", "cut-answer", "cut-late-1", "cut-resets-30", "cut-minted-ahead", "cut-clock-ahead"];
    let (sum, _) = tally(&names, ENOUGH, 50);
    let bound = clopper_pearson(sum.right, sum.of(), 0.95).unwrap();
    assert!(bound.high >= 0.99 && bound.low >= 0.95, "{sum:?}");
    assert_eq!(sum.wrong, 0);
}

#[test]
fn cuts_that_come_late_are_never_denied() {
    let (sum, _) =
        tally(&["cut-late-0.3", "cut-late-1", "cut-late-0.8", "cut-late-3", "cut-late-1-resets-15"], SMALL, 50);
    assert_eq!(sum.wrong, 0, "{sum:?}");
}

/// A server that falls silent ends nothing, and one behind a portal never meets anything: no window sees it, and nobody may take it
/// for one that goes on.
#[test]
fn silence_at_expiry_is_never_taken_for_going_on() {
    for sample in [SMALL, ENOUGH] {
        let (sum, _) = tally(&["cut-silent", "cut-silent-downloads", "cut-portal"], sample, 50);
        assert_eq!(sum.wrong, 0, "{sum:?}");
    }
    let (sum, accused) = tally(&["silent-30"], ENOUGH, 50);
    assert!(sum.right >= 35 && accused == 0, "{sum:?}");
}

/// Heads that waited are told from cuts by the store's log, if its times are those of the heads; else nothing is taken from it.
#[test]
fn the_servers_log_tells_a_head_that_was_read_late_from_a_cut() {
    let (late, _) = tally(&["late-heads-lost-log", "unread-heads-log"], ENOUGH, 40);
    assert!(late.right >= 78 && late.wrong == 0, "{late:?}");
    let (cut, _) = tally(&["cut-refused-log", "cut-refused-log-ends"], ENOUGH, 40);
    assert!(cut.right >= 70 && cut.wrong == 0, "{cut:?}");
}

#[test]
fn a_cut_that_says_slow_down_is_a_cut() {
    let (sum, _) = tally(&["cut-slow-down"], ENOUGH, 50);
    assert!(sum.right >= 48 && sum.wrong == 0, "{sum:?}");
}

/// Of uploads with and without an `Expect`, all that end do so at expiry.
#[test]
fn what_the_expect_arm_shows_of_a_cut_forbids_an_acquittal() {
    let (sum, _) = tally(&["cut-part-40-expect"], Sample { transfers: 10, trials: 5 }, 100);
    assert_eq!(sum.wrong, 0, "{sum:?}");
}

#[test]
fn a_target_that_enforces_nothing_is_known_for_it() {
    let (_, ruling) = simulate(&world("enforces-nothing"), SMALL, Seeds::Development, 0);
    assert_eq!(ruling.overall, Verdict::Invalid);
}

#[test]
fn a_100_continue_parts_heads_that_are_read_late_from_a_late_cut_unless_everyone_gets_one() {
    let tally = |name: &str| {
        let score = calibrate(&world(name), ENOUGH, Seeds::Development, 30);
        (score.cut, score.accused)
    };
    let right = |name: &str| tally(name).0.right;
    assert!(right("unread-heads-expect") >= 27, "{:?}", tally("unread-heads-expect"));
    assert!(right("late-heads-lost-expect") >= 27, "{:?}", tally("late-heads-lost-expect"));
    assert!(right("cut-late-3-expect") >= 27, "{:?}", tally("cut-late-3-expect"));
    assert_eq!(tally("unread-heads-proxy").1, 0);
    assert_eq!(tally("cut-late-3-proxy").0.wrong, 0);
}

#[test]
fn the_expect_arm_is_no_part_of_other_worlds() {
    let quiet = simulate(&world("quiet"), SMALL, Seeds::Development, 0).0;
    assert!(quiet.cells.iter().all(|cell| !cell.expect_continue));
    assert!(quiet.transfers.iter().all(|row| row.continue_us.is_none()));
    let armed = simulate(&world("quiet-expect"), SMALL, Seeds::Development, 0).0;
    let asked = |row: &&TransferRecord| row.trial_id.contains("-expect");
    let continued = |row: &&TransferRecord| row.continue_us.is_some();
    assert!(armed.transfers.iter().filter(|row| !asked(row)).all(|row| row.continue_us.is_none()));
    assert!(armed.transfers.iter().filter(asked).any(|row| continued(&row)));
}

/// The transfers of a trial share a TTL, and the trials of a cell do not.
#[test]
fn each_trial_draws_its_ttl_where_ttls_are_random() {
    let run = simulate(&world("quiet-random"), Sample { transfers: 40, trials: 20 }, Seeds::Development, 0).0;
    let mut drawn: BTreeMap<&str, Vec<Option<u32>>> = BTreeMap::new();
    for row in run.transfers.iter().filter(|row| row.cell_id == "grid-t2to6") {
        drawn.entry(&row.trial_id).or_default().push(row.ttl_s);
    }
    assert!(drawn.values().all(|ttls| ttls.iter().all(|ttl| *ttl == ttls[0])), "{drawn:?}");
    let mut ttls: Vec<u32> = drawn.values().filter_map(|ttls| ttls[0]).collect();
    ttls.sort_unstable();
    ttls.dedup();
    assert_eq!(ttls, [2, 3, 4, 5, 6]);
}

#[test]
fn the_cells_that_ended_in_silence_are_thirty_nine_and_can_be_judged_again() {
    let worlds = worlds();
    let cells = || SILENT.iter().flat_map(|(name, cells)| cells.iter().map(move |cell| (*name, *cell)));
    assert_eq!(cells().count(), 39);
    for (name, (transfers, trials, right)) in cells() {
        let sample = Sample { transfers, trials };
        assert!(worlds.iter().any(|world| world.name == name), "{name}");
        assert!(SAMPLES.contains(&sample) && sample.is_enough() && right < 99.0, "{name} {}", sample.name());
    }
}

#[test]
fn a_cell_is_judged_with_the_arms_that_its_world_has() {
    let judged = arms::judge(&worlds(), Seeds::Development, 2, |name| name == "cut-late-3", |_| ());
    assert_eq!(judged.len(), 6);
    let arms = |silent: &arms::Silent| silent.scores.iter().map(|(arm, _)| *arm).collect::<Vec<_>>();
    let once: Vec<Arm> = Arm::ALL.into_iter().filter(|arm| arm.times == 1).collect();
    assert!(judged.iter().all(|silent| arms(silent).starts_with(&once)));
    // Of a cut so late its rows say nothing, and more of them say no more.
    assert_eq!(arms(&judged[0]), once);
    let small = &judged[0];
    let is_closed_by = |adds| small.closed_by().contains(&Arm::of(adds, 1));
    assert!(is_closed_by(Adds::Expect) && !is_closed_by(Adds::Nothing), "{small:?}");
    let timers = arms::judge(&worlds(), Seeds::Development, 1, |name| name == "ticks-30", |_| ());
    let has = |adds| arms(&timers[0]).iter().any(|arm| arm.adds == adds);
    assert!(has(Adds::RandomTtls) && !has(Adds::Expect) && !has(Adds::Log), "{:?}", arms(&timers[0]));
}

/// What stands in the table is told from what is to be simulated, and is as it was.
#[test]
fn rows_that_are_kept_are_those_that_were_written() {
    let score = |world: &World| SAMPLES.map(|sample| (sample, calibrate(world, sample, Seeds::Development, 2)));
    let row = |name: &str| {
        let world = world(name);
        let scores = score(&world).to_vec();
        Row { world, scores }
    };
    let rows = [row("resets-30"), row("cut-timer")];
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    table::write(&path("first.csv"), &rows).unwrap();
    let kept = table::read(&path("first.csv"), &worlds(), 2).unwrap();
    table::write(&path("again.csv"), &kept).unwrap();
    let text = |name: &str| std::fs::read_to_string(path(name)).unwrap();
    assert_eq!(text("first.csv"), text("again.csv"));
    assert_eq!(kept[1].scores[5].1.accused, rows[1].scores[5].1.accused);
    assert!(table::read(&path("first.csv"), &worlds(), 3).unwrap().is_empty());
    let retold = [World { story: "another", ..world("resets-30") }, world("cut-timer")];
    let kept = table::read(&path("first.csv"), &retold, 2).unwrap();
    assert_eq!(kept.iter().map(|row| row.world.name).collect::<Vec<_>>(), ["cut-timer"]);
}
