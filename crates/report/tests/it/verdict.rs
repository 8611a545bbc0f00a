//! Worlds whose physics is known, and what the verdict makes of what a client sees there.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::{Sweep, World};
use ttlsweep_record::row::Row;
use ttlsweep_record::*;
use ttlsweep_report::testing::load::load;
use ttlsweep_report::testing::verdict::{Evidence, Judged, Ruling, TargetAnswer, decide};
use ttlsweep_rundir::csv_file::{RowWriter, read_rows};

/// One target of this policy in this world: one user whose uploads take 6 s, links of 2, 4 and 20 s.
fn sweep(policy: ExpiryPolicy, world: World) -> Sweep {
    Sweep {
        policies: vec![Some(policy)],
        ttls: vec![2, 4, 20],
        blocks: 5,
        transfer_us: 6_000_000,
        world,
        ..Sweep::default()
    }
}

fn ruling(sweep: &Sweep) -> Ruling {
    let folder = tempfile::tempdir().unwrap();
    sweep.write(folder.path());
    let runs = load(&[folder.path().to_owned()]).unwrap();
    decide(&Evidence::of(&runs))
}

fn find(ruling: &Ruling, mechanism: Mechanism) -> &Judged {
    ruling.mechanisms.iter().find(|found| found.mechanism == mechanism).unwrap()
}

/// Only these are supported.
fn assert_supported(ruling: &Ruling, expected: &[Mechanism]) {
    let supported: Vec<Mechanism> = Mechanism::ALL.iter().copied().filter(|one| ruling.supports(*one)).collect();
    assert_eq!(supported, expected, "{ruling:#?}");
}

#[test]
fn a_server_that_checks_at_the_head_is_acquitted_with_a_bound() {
    let ruling = ruling(&sweep(ExpiryPolicy::OnRequest, World::default()));
    assert_supported(&ruling, &[]);
    let cut = find(&ruling, Mechanism::CutAtExpiry);
    assert_eq!((cut.verdict, cut.failures, cut.transfers), (Verdict::NotSupported, 0, 10));
    // scipy: 0 of 10 leaves up to 30.8 %.
    assert!((cut.upper_bound.unwrap() - 0.308).abs() < 0.001, "{cut:?}");
    assert!(ruling.headline.starts_with("NO, they go on: 10 of 10 uploads"), "{}", ruling.headline);
}

#[test]
fn a_cut_is_seen_however_it_is_made() {
    for cut in [Cut::Reset, Cut::Close, Cut::Respond] {
        let ruling = ruling(&sweep(ExpiryPolicy::InFlight, World { cut, ..World::default() }));
        assert_supported(&ruling, &[Mechanism::CutAtExpiry]);
        let found = find(&ruling, Mechanism::CutAtExpiry);
        assert_eq!((found.failures, found.transfers, found.upper_bound), (10, 10, None), "{cut}: {found:?}");
        assert!(
            found.evidence.starts_with("10 of 10 uploads that outlived their link were cut at expiry (δ = 0.05 s)")
        );
        assert!(found.evidence.contains("none of 10 controls was cut at any time"), "{}", found.evidence);
        assert!(found.evidence.contains("slope 1.00"), "{}", found.evidence);
        assert!(found.p_value.unwrap() < 1e-9);
    }
}

#[test]
fn a_refusal_of_the_whole_body_is_no_cut() {
    let ruling = ruling(&sweep(ExpiryPolicy::OnCompletion, World::default()));
    assert_supported(&ruling, &[Mechanism::RejectedAtCompletion]);
    let found = find(&ruling, Mechanism::RejectedAtCompletion);
    assert_eq!((found.failures, found.transfers), (10, 10));
    assert_eq!(ruling.overall, Verdict::NotSupported);
}

#[test]
fn random_resets_are_the_networks_and_nobody_elses() {
    let world = World { resets_percent: 10, ..World::default() };
    let ruling = ruling(&Sweep { blocks: 20, ..sweep(ExpiryPolicy::OnRequest, world) });
    assert_supported(&ruling, &[Mechanism::Network]);
    assert_eq!(ruling.overall, Verdict::NotSupported, "{}", ruling.headline);
}

#[test]
fn a_cut_is_seen_through_random_resets() {
    let world = World { resets_percent: 20, ..World::default() };
    let ruling = ruling(&Sweep { blocks: 20, ..sweep(ExpiryPolicy::InFlight, world) });
    assert_supported(&ruling, &[Mechanism::CutAtExpiry, Mechanism::Network]);
}

#[test]
fn a_timer_as_long_as_a_ttl_is_not_taken_for_expiry() {
    // Uploads of 8 s, cut at an age of 4 s; links of 4 s live 3 to 4 s from there, so that some end at their expiry.
    for blocks in [5, 20, 100] {
        let world = World { timer_us: Some(4_000_000), ..World::default() };
        let swept =
            Sweep { transfer_us: 8_000_000, ttls: vec![2, 4, 20], blocks, ..sweep(ExpiryPolicy::OnRequest, world) };
        let ruling = ruling(&swept);
        assert_supported(&ruling, &[Mechanism::Network]);
    }
}

#[test]
fn late_starts_are_ordinary_refusals() {
    let late = Sweep { late_every: 3, ttls: vec![20], blocks: 12, ..sweep(ExpiryPolicy::OnRequest, World::default()) };
    let ruling = ruling(&late);
    assert_supported(&ruling, &[Mechanism::LateStart]);
    assert_eq!(ruling.overall, Verdict::Inconclusive, "nothing outlived its link");
}

#[test]
fn slow_down_is_throttling() {
    let world = World { slow_down_percent: 15, ..World::default() };
    let ruling = ruling(&Sweep { blocks: 10, ..sweep(ExpiryPolicy::OnRequest, world) });
    assert_supported(&ruling, &[Mechanism::Throttled]);
    assert_eq!(ruling.overall, Verdict::NotSupported);
}

#[test]
fn an_expired_link_let_through_makes_everything_invalid() {
    let ruling = ruling(&sweep(ExpiryPolicy::Never, World::default()));
    assert_eq!(ruling.overall, Verdict::Invalid);
    assert!(ruling.mechanisms.iter().all(|found| found.verdict == Verdict::Invalid));
    assert!(ruling.headline.starts_with("NOT TESTABLE, expired links are let in: "), "{}", ruling.headline);
    assert!(ruling.headline.contains("5 of 5 expired starts let through"), "{}", ruling.headline);
}

#[test]
fn without_an_expired_start_nothing_is_said_of_expiry() {
    let ruling = ruling(&Sweep { controls: false, ..sweep(ExpiryPolicy::InFlight, World::default()) });
    assert_supported(&ruling, &[]);
    assert_eq!(ruling.overall, Verdict::Inconclusive);
    assert!(ruling.headline.contains("no expired start ran"), "{}", ruling.headline);
}

#[test]
fn too_few_trials_say_how_many_it_takes() {
    let cut = ruling(&Sweep { blocks: 2, ttls: vec![2], ..sweep(ExpiryPolicy::InFlight, World::default()) });
    assert_eq!(cut.overall, Verdict::Inconclusive);
    assert!(find(&cut, Mechanism::CutAtExpiry).evidence.contains("it takes 3 or more trials cut"), "{}", cut.headline);
    let none = ruling(&Sweep { blocks: 3, ttls: vec![2], ..sweep(ExpiryPolicy::OnRequest, World::default()) });
    assert_eq!(none.overall, Verdict::Inconclusive);
    let taken = none.targets[0].take_away();
    assert!(
        none.headline.starts_with("CANNOT TELL, none was cut, which is not enough for a NO: 3 of 3"),
        "{}",
        none.headline
    );
    assert!(taken.sure.contains("it takes 5 to exclude"), "{}", taken.sure);
    assert!(taken.next.starts_with("Run it again and report on both"), "{}", taken.next);
    for (policy, end) in [
        (ExpiryPolicy::OnRequest, "ran past it, 3 to their end;"),
        (ExpiryPolicy::OnCompletion, "ran past it, but none to its end;"),
    ] {
        let few = ruling(&Sweep { blocks: 3, ttls: vec![2], ..sweep(policy, World::default()) });
        assert!(few.headline.contains(end), "{}", few.headline);
    }
}

#[test]
fn clocks_two_seconds_apart_change_nothing() {
    // Ahead: the link ends two seconds early, so that links of 2 s never live and those of 4 s do for one or two.
    let ahead = World { offset_us: 2_000_000, ..World::default() };
    let cut = ruling(&Sweep { ttls: vec![5, 6], ..sweep(ExpiryPolicy::InFlight, ahead) });
    assert_supported(&cut, &[Mechanism::CutAtExpiry]);
    let spared = ruling(&Sweep { ttls: vec![5, 6], ..sweep(ExpiryPolicy::OnRequest, ahead) });
    assert_supported(&spared, &[]);
    assert_eq!(spared.overall, Verdict::NotSupported);
    // Behind: the link outlives itself; a start within these two seconds is not an expired start, and its passing no offence.
    let behind = World { offset_us: -2_000_000, ..World::default() };
    for policy in [ExpiryPolicy::InFlight, ExpiryPolicy::OnRequest] {
        let ruling = ruling(&Sweep { ttls: vec![1, 2], ..sweep(policy, behind) });
        assert_eq!(ruling.overall, Verdict::Inconclusive, "{}", ruling.headline);
    }
}

#[test]
fn expiry_worded_as_clock_skew_is_still_expiry() {
    let said = "The difference between the request time and the server's time is too large.";
    for code in ["AccessDenied", "RequestTimeTooSkewed"] {
        let world = World { expired: (400, code, said), ..World::default() };
        let rejected = ruling(&sweep(ExpiryPolicy::OnCompletion, world));
        assert_supported(&rejected, &[Mechanism::RejectedAtCompletion]);
        let late = Sweep { late_every: 3, blocks: 12, ttls: vec![20], ..sweep(ExpiryPolicy::OnRequest, world) };
        assert_supported(&ruling(&late), &[Mechanism::LateStart]);
    }
}

#[test]
fn a_cut_that_comes_up_to_a_second_late_is_still_reported() {
    let world = World { cut_delay_us: 900_000, ..World::default() };
    let late =
        |blocks| Sweep { transfer_us: 12_000_000, ttls: vec![4, 60], blocks, ..sweep(ExpiryPolicy::InFlight, world) };
    let ruling_ = ruling(&late(10));
    assert_supported(&ruling_, &[Mechanism::CutAtExpiry]);
    let found = find(&ruling_, Mechanism::CutAtExpiry);
    assert!(
        found.evidence.starts_with("10 of 10 uploads that outlived their link were cut within 1.05 s after expiry")
    );
    // Three are too few to tell it from a timer, and enough not to deny it.
    let few = ruling(&late(3));
    assert_eq!(few.overall, Verdict::Inconclusive, "{}", few.headline);
}

#[test]
fn a_cut_that_comes_later_is_not_denied() {
    let world = World { cut_delay_us: 4_000_000, ..World::default() };
    for blocks in [3, 20] {
        let late = Sweep { transfer_us: 12_000_000, ttls: vec![4, 60], blocks, ..sweep(ExpiryPolicy::InFlight, world) };
        let ruling = ruling(&late);
        assert_eq!(ruling.overall, Verdict::Inconclusive, "{}", ruling.headline);
        assert!(!ruling.supports(Mechanism::Network), "{}", ruling.headline);
    }
}

#[test]
fn a_machine_that_was_starved_for_nobody_knows_how_long_judges_nobody_and_accuses_nobody() {
    // It notices the cuts late, as if the transfers had gone on after expiry.
    let world = World { cut_delay_us: 600_000, starved: true, ..World::default() };
    let ruling = ruling(&Sweep { blocks: 10, ..sweep(ExpiryPolicy::InFlight, world) });
    assert_eq!(ruling.overall, Verdict::Inconclusive, "{}", ruling.headline);
    assert_supported(&ruling, &[]);
    let target = &ruling.targets[0];
    assert_eq!([target.outlived, target.judged, target.not_judged], [20, 0, 20]);
    assert!(
        ruling.headline.starts_with("CANNOT TELL, nothing could be timed: 20 uploads outlived the link"),
        "{}",
        ruling.headline
    );
    assert!(
        find(&ruling, Mechanism::CutAtExpiry).brief.contains("20 more are not judged, since this machine was too busy")
    );
    assert!(target.take_away().next.starts_with("Run it again while this machine is idle"));
    assert_eq!([target.grid_failed, target.controls_failed], [[20, 30], [0, 20]]);
    assert!(
        ruling.delta_lines()[0].ends_with("20 outlived their link: 0 judged, 20 not"),
        "{:?}",
        ruling.delta_lines()
    );
}

#[test]
fn a_stuttering_machine_sees_the_cuts_that_it_can_bound() {
    for lag_us in [30_000, 90_000, 200_000, 500_000] {
        let world = World { starved: lag_us > 50_000, lag_us: Some(lag_us), ..World::default() };
        let sweep = |policy| Sweep { transfer_us: 8_000_000, blocks: 6, ..sweep(policy, world) };
        let cut = ruling(&sweep(ExpiryPolicy::InFlight));
        assert_supported(&cut, &[Mechanism::CutAtExpiry]);
        let target = &cut.targets[0];
        assert_eq!([target.outlived, target.judged, target.not_judged], [12, 12, 0], "{lag_us}");
        assert_eq!(find(&cut, Mechanism::Client).failures, 0);
        let spared = ruling(&sweep(ExpiryPolicy::OnRequest));
        assert_supported(&spared, &[]);
        assert_eq!(spared.overall, Verdict::NotSupported, "{lag_us}: {}", spared.headline);
    }
}

#[test]
fn who_needs_more_trials_on_a_busy_machine_is_told_to_wait_until_it_is_idle() {
    for (starved, told) in
        [(true, "Run it again while this machine is idle"), (false, "Run it again and report on both")]
    {
        let world = World { starved, lag_us: starved.then_some(200_000), ..World::default() };
        let ruling = ruling(&Sweep { transfer_us: 8_000_000, blocks: 1, ..sweep(ExpiryPolicy::OnRequest, world) });
        let target = &ruling.targets[0];
        assert_eq!((target.answer(), target.not_judged), (TargetAnswer::CannotTell, 0), "{}", ruling.headline);
        assert!(target.take_away().next.starts_with(told), "{}", target.take_away().next);
    }
}

#[test]
fn what_resets_everything_at_one_age_is_the_network_however_busy_the_machine() {
    for (starved, lag_us) in [(true, Some(90_000)), (true, Some(400_000)), (true, None), (false, None)] {
        let world = World { timer_us: Some(1_600_000), starved, lag_us, ..World::default() };
        let ruling = ruling(&Sweep { ttls: vec![2, 30], blocks: 10, ..sweep(ExpiryPolicy::OnRequest, world) });
        assert!(ruling.supports(Mechanism::Network), "{starved} {lag_us:?} {}", ruling.headline);
        assert!(!ruling.supports(Mechanism::Client) && !ruling.supports(Mechanism::CutAtExpiry), "{}", ruling.headline);
    }
}

#[test]
fn lateness_that_fills_a_fifth_of_the_transfer_leaves_it_unjudged() {
    let world = World { starved: true, lag_us: Some(2_000_000), ..World::default() };
    let ruling = ruling(&Sweep { blocks: 10, ..sweep(ExpiryPolicy::OnRequest, world) });
    assert_supported(&ruling, &[]);
    assert_eq!(ruling.overall, Verdict::Inconclusive, "{}", ruling.headline);
    assert_eq!(ruling.targets[0].judged, 0);
}

#[test]
fn a_full_uplink_does_not_blind_the_verdict() {
    for seconds in 1..=6 {
        let rtt_us = [seconds * 1_000_000, 30_000];
        let world = World { rtt_us, ..World::default() };
        let sweep = |policy| Sweep { ttls: vec![4, 60], transfer_us: 12_000_000, ..sweep(policy, world) };
        let cut = ruling(&sweep(ExpiryPolicy::InFlight));
        assert_supported(&cut, &[Mechanism::CutAtExpiry]);
        assert_eq!(cut.targets[0].delta_us, 72_000, "half the bracket, and two trips through empty queues");
        assert!(cut.delta_lines()[0].contains("through empty queues"), "{}", cut.delta_lines()[0]);
        let spared = ruling(&sweep(ExpiryPolicy::OnRequest));
        assert_eq!(spared.overall, Verdict::NotSupported, "{seconds} s: {}", spared.headline);
    }
}

/// The ruling on the same run with its transfers edited.
fn ruling_on_edited(sweep: &Sweep, edit: impl Fn(&mut TransferRecord), samples: &[SampleRecord]) -> Ruling {
    let folder = tempfile::tempdir().unwrap();
    sweep.write(folder.path());
    let mut rows: Vec<TransferRecord> = read_rows(folder.path()).unwrap();
    std::fs::remove_file(folder.path().join(TransferRecord::FILE)).unwrap();
    let mut transfers = RowWriter::<TransferRecord>::create(folder.path()).unwrap();
    for row in &mut rows {
        edit(row);
        transfers.write(row).unwrap();
    }
    transfers.flush().unwrap();
    let mut file = RowWriter::<SampleRecord>::create(folder.path()).unwrap();
    samples.iter().for_each(|row| file.write(row).unwrap());
    file.flush().unwrap();
    decide(&Evidence::of(&load(&[folder.path().to_owned()]).unwrap()))
}

/// The ruling on a run whose socket took every body within a second. Samples see bytes of it unconfirmed until so many seconds
/// after the start.
fn ruling_behind_a_socket(policy: ExpiryPolicy, unconfirmed_until_s: u64) -> Ruling {
    let sweep = Sweep { ttls: vec![4, 60], transfer_us: 12_000_000, ..sweep(policy, World::default()) };
    let took_it = |row: &mut TransferRecord| row.send_us = row.send_us.map(|_| 1_000_000);
    let names = (1..=sweep.cells().len() as u64 * u64::from(sweep.blocks))
        .map(|serial| format!("{}-{serial:06}", sweep.run_id));
    let seconds = |name: String| {
        (1..=11).map(move |second| {
            sample(&name, second * 1_000_000, if second <= unconfirmed_until_s { 20_000 } else { 0 })
        })
    };
    ruling_on_edited(&sweep, took_it, &names.flat_map(seconds).collect::<Vec<_>>())
}

fn sample(transfer_id: &str, t_us: u64, unconfirmed: u64) -> SampleRecord {
    SampleRecord {
        transfer_id: transfer_id.to_owned(),
        t_us,
        bytes_written: 1_000_000,
        bytes_acked: 1_000_000 - unconfirmed,
        bytes_read: 0,
        unsent_bytes: 0,
        rtt_us: 60,
        min_rtt_us: 30,
        retransmits: 0,
        cwnd: 10,
        delivery_bps: 0,
        receiver_limited_us: 0,
        send_buffer_limited_us: 0,
    }
}

#[test]
fn an_upload_outlives_its_link_by_when_its_last_byte_was_confirmed_not_by_when_the_socket_took_it() {
    for (unconfirmed_until_s, judged) in [(0, 0), (2, 0), (11, 5)] {
        let ruling = ruling_behind_a_socket(ExpiryPolicy::OnRequest, unconfirmed_until_s);
        let expected = if judged > 0 { Verdict::NotSupported } else { Verdict::Inconclusive };
        assert_eq!((ruling.overall, ruling.targets[0].judged), (expected, judged), "{}", ruling.headline);
    }
    let cut = ruling_behind_a_socket(ExpiryPolicy::InFlight, 11);
    assert_supported(&cut, &[Mechanism::CutAtExpiry]);
}

#[test]
fn heads_that_wait_in_the_uplink_are_named_with_their_queue() {
    let world = World { rtt_us: [3_700_000, 30_000], head_waits_us: 4_000_000, ..World::default() };
    let sweep = Sweep { ttls: vec![3, 60], transfer_us: 12_000_000, ..sweep(ExpiryPolicy::OnRequest, world) };
    // Connections that were made in the queue never see it empty.
    let full = |row: &mut TransferRecord| {
        if row.outcome == Outcome::Rejected && row.control.is_none() {
            row.min_rtt_us = Some(3_600_000);
        }
    };
    let ruling = ruling_on_edited(&sweep, full, &[]);
    assert_supported(&ruling, &[Mechanism::LateStart]);
    let said = &find(&ruling, Mechanism::LateStart).evidence;
    assert!(said.contains("was written 1 s, confirmed 5 s after the link's date, when "), "{said}");
    assert!(said.contains(" body bytes had arrived; "), "{said}");
    assert!(said.contains("3.7 s of each round trip was a queue"), "{said}");
}

/// Uploads of 6 s whose answers are dated, in a run in whose middle a clock is set.
fn stepped(policy: ExpiryPolicy, step: Option<crate::common::Step>, age_us: i64) -> Ruling {
    let world = World { step, dates_us: Some(age_us), offset_us: 20_000, ..World::default() };
    // Refusals of other links at the head tell the server's time often.
    ruling(&Sweep { ttls: vec![5, 60], transfer_us: 12_000_000, blocks: 20, ..sweep(policy, world) })
}

#[test]
fn each_side_of_a_step_of_this_machines_clock_is_judged_by_its_own_offset() {
    // Where no clock was watched, what all answers allow is not known to be one, nor what stale dates could explain.
    let watched = [-2_000_000, -600_000, 600_000, 2_000_000].map(|by_us| (by_us, true));
    for (by_us, watched) in watched.into_iter().chain([(-2_000_000, false)]) {
        let step = Some(crate::common::Step { ours: true, by_us, watched });
        let cut = stepped(ExpiryPolicy::InFlight, step, 0);
        assert_supported(&cut, &[Mechanism::CutAtExpiry]);
        let target = &cut.targets[0];
        assert!(target.not_judged <= if watched { 0 } else { 2 }, "{by_us}: {:?}", cut.delta_lines());
        assert_eq!(find(&cut, Mechanism::CutAtExpiry).failures, target.judged, "{by_us}: {}", cut.headline);
        let [reported] = target.clock_steps[..] else { panic!("{by_us}: {:?}", target.clock_steps) };
        let size = if watched { reported.by_us - by_us } else { reported.by_us + by_us };
        assert!(size.abs() < 300_000, "{by_us} {watched}: {reported:?}");
        assert!(cut.delta_lines()[0].contains(" was set"), "{:?}", cut.delta_lines());
        let spared = stepped(ExpiryPolicy::OnRequest, step, 0);
        assert_supported(&spared, &[]);
        assert_eq!(spared.overall, Verdict::NotSupported, "{by_us}: {}", spared.headline);
    }
}

#[test]
fn a_clock_that_is_set_by_20_s_makes_no_healthy_transfer_a_late_start() {
    // Set forward: links outlive themselves by 20 s, and the start after their expiry is none.
    let step = Some(crate::common::Step { ours: true, by_us: 20_000_000, watched: true });
    let spared = stepped(ExpiryPolicy::OnRequest, step, 0);
    assert_supported(&spared, &[]);
    assert_eq!(spared.overall, Verdict::NotSupported, "{:?}", spared.delta_lines());
    let starts = spared.targets[0].enforcement.starts;
    assert!(starts.in_time >= 9 && starts.let_through == 0, "{starts:?}");
    // Set back: links of 5 s are dead before they are used, and links of 60 s are not.
    let step = Some(crate::common::Step { ours: true, by_us: -20_000_000, watched: true });
    let cut = stepped(ExpiryPolicy::InFlight, step, 0);
    assert_supported(&cut, &[Mechanism::CutAtExpiry, Mechanism::LateStart]);
    let late = find(&cut, Mechanism::LateStart);
    assert!((8..=10).contains(&late.failures), "{late:?}");
}

#[test]
fn each_side_of_a_step_of_the_servers_clock_is_judged_by_its_own_offset() {
    for by_us in [2_000_000, 3_000_000] {
        let step = Some(crate::common::Step { ours: false, by_us, watched: true });
        let cut = stepped(ExpiryPolicy::InFlight, step, 0);
        assert_eq!(cut.overall, Verdict::Supported, "{:?}", cut.delta_lines());
        let [reported] = cut.targets[0].clock_steps[..] else { panic!("{by_us}: {:?}", cut.targets[0].clock_steps) };
        assert_eq!(
            reported.whose,
            ttlsweep_report::testing::verdict::Whose::Server,
            "its own clock was watched, and was not set"
        );
        assert!((reported.by_us - by_us).abs() < 200_000, "{by_us}: {reported:?}");
    }
}

#[test]
fn a_small_step_of_the_servers_clock_may_be_stale_dates_and_both_are_allowed_for() {
    for by_us in [-800_000, -400_000, 400_000, 800_000] {
        let step = Some(crate::common::Step { ours: false, by_us, watched: true });
        let cut = stepped(ExpiryPolicy::InFlight, step, 0);
        assert_ne!(cut.overall, Verdict::NotSupported, "{by_us}: {:?}", cut.delta_lines());
        let bracket = cut.targets[0].clock_offset.unwrap();
        for offset in [20_000, 20_000 + by_us] {
            assert!((bracket.low_us..=bracket.high_us).contains(&offset), "{by_us}: {bracket:?}");
        }
        let reported = cut.targets[0].perhaps.unwrap();
        assert!((reported.by_us - by_us).abs() < 300_000, "{by_us}: {reported:?}");
        let line = &cut.delta_lines()[0];
        assert!(
            line.contains("or the server's clock was set") && line.contains("its bracket allows for either"),
            "{line}"
        );
        let spared = stepped(ExpiryPolicy::OnRequest, step, 0);
        assert_supported(&spared, &[]);
    }
}

#[test]
fn stale_dates_widen_the_bracket_and_accuse_nobody() {
    let cut = stepped(ExpiryPolicy::InFlight, None, 999_999);
    let target = &cut.targets[0];
    assert_eq!(target.stale_us, 1_100_000, "{:?}", cut.delta_lines());
    let bracket = target.clock_offset.unwrap();
    assert!((bracket.low_us..=bracket.high_us).contains(&20_000), "{bracket:?}");
    assert!(cut.delta_lines()[0].contains("up to 1.10s old"), "{:?}", cut.delta_lines());
    assert_supported(&cut, &[Mechanism::CutAtExpiry]);
    assert_eq!(stepped(ExpiryPolicy::OnRequest, None, 999_999).overall, Verdict::NotSupported);
}

#[test]
fn a_start_after_expiry_by_a_clock_that_is_20_s_ahead_was_not_let_through() {
    // This machine signs and starts in what is the future for the server: its expired links live.
    let world = World { offset_us: -20_000_000, ..World::default() };
    let ahead = Sweep { ttls: vec![2, 60], ..sweep(ExpiryPolicy::InFlight, world) };
    let ruling = ruling(&ahead);
    assert_eq!(ruling.overall, Verdict::Inconclusive, "{}", ruling.headline);
    let starts = ruling.targets[0].enforcement.starts;
    assert_eq!([starts.all, starts.in_time, starts.refused, starts.let_through], [5, 5, 0, 0]);
    let folder = tempfile::tempdir().unwrap();
    ahead.write(folder.path());
    let (code, stdout, stderr) = program(&[], folder.path());
    assert_eq!(code, Some(0), "{stderr}");
    let page = std::fs::read_to_string(folder.path().join("report.html")).unwrap();
    for reported in [stdout, page] {
        assert!(!reported.contains("enforces NOTHING") && !reported.contains("nothing is enforced"), "{reported}");
    }
}

#[test]
fn windows_that_hold_much_of_the_time_say_nothing() {
    // 0.3 s of transfer: the windows are a third of it.
    let short =
        Sweep { transfer_us: 1_200_000, ttls: vec![1], blocks: 12, ..sweep(ExpiryPolicy::InFlight, World::default()) };
    let found = ruling(&short);
    assert!(found.supports(Mechanism::CutAtExpiry), "{}", found.headline);
    let shorter = Sweep { transfer_us: 400_000, ..short };
    let found = ruling(&shorter);
    assert_eq!(found.overall, Verdict::Inconclusive, "{}", found.headline);
}

#[test]
fn the_truth_of_the_testbed_is_not_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let swept = sweep(ExpiryPolicy::InFlight, World::default());
    swept.write(folder.path());
    let before = decide(&Evidence::of(&load(&[folder.path().to_owned()]).unwrap()));
    // The same rows under a false flag.
    for file in ["cells.csv", "transfers.csv"] {
        let path = folder.path().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, text.replace(",in-flight,", ",never,")).unwrap();
    }
    let after = decide(&Evidence::of(&load(&[folder.path().to_owned()]).unwrap()));
    assert_eq!(before, after);
}

#[test]
fn targets_are_judged_apart_and_the_worst_is_the_answer() {
    let policies = [ExpiryPolicy::OnRequest, ExpiryPolicy::InFlight, ExpiryPolicy::OnCompletion].map(Some);
    let ruling = ruling(&Sweep { policies: policies.to_vec(), ..sweep(ExpiryPolicy::Never, World::default()) });
    assert_supported(&ruling, &[Mechanism::CutAtExpiry, Mechanism::RejectedAtCompletion]);
    let overall: Vec<_> = ruling.targets.iter().map(|target| target.overall).collect();
    assert_eq!(overall, [Verdict::NotSupported, Verdict::Supported, Verdict::NotSupported]);
    for answer in [
        "https://127.0.0.1:9000: NO, they go on",
        "9001: YES, cut at expiry",
        "9002: NO, not cut but refused at the end",
    ] {
        assert!(ruling.headline.contains(answer), "{answer}: {}", ruling.headline);
    }
}

fn program(args: &[&str], folder: &Path) -> (Option<i32>, String, String) {
    let output = Command::new(crate::programs::chosen(env!("CARGO_BIN_EXE_ttlsweep-report")))
        .arg(folder)
        .args(args)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn written(policy: ExpiryPolicy) -> (tempfile::TempDir, PathBuf) {
    let base = tempfile::tempdir().unwrap();
    let folder = base.path().join("run");
    sweep(policy, World::default()).write(&folder);
    (base, folder)
}

#[test]
fn verdict_json_has_the_published_keys_and_a_row_for_every_mechanism() {
    let (_base, folder) = written(ExpiryPolicy::InFlight);
    let (code, stdout, _) = program(&[], &folder);
    assert_eq!(code, Some(0));
    let text = std::fs::read_to_string(folder.join("verdict.json")).unwrap();
    let verdict: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(verdict["schema_version"], 1);
    assert_eq!(verdict["overall"], "supported");
    let line = verdict["endpoints"][0]["line"].as_str().unwrap();
    assert_eq!(stdout.lines().next(), Some(format!("testbed, in-flight  {line}").as_str()));
    assert_eq!(verdict["headline"], line);
    assert!(stdout.lines().any(|line| line.starts_with("Enforcement: ")), "{stdout}");
    assert!(stdout.contains("within δ = 50.0ms"), "{stdout}");
    let rows = verdict["mechanisms"].as_array().unwrap();
    let words: Vec<_> = rows.iter().map(|row| row["mechanism"].as_str().unwrap()).collect();
    assert_eq!(words, Mechanism::WORDS);
    let mut keys: Vec<_> = rows[0].as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["evidence", "failures", "mechanism", "p_value", "transfers", "upper_bound", "verdict"]);
    assert_eq!(verdict["endpoints"][0]["endpoint"], "https://127.0.0.1:9001");
}

#[test]
fn a_supported_mechanism_that_was_asked_for_exits_with_three() {
    let (_base, folder) = written(ExpiryPolicy::InFlight);
    let asked = |args: &[&str]| program(args, &folder).0;
    assert_eq!(asked(&["--fail-on", "cut-at-expiry"]), Some(3));
    assert_eq!(asked(&["--fail-on", "network"]), Some(0));
    assert_eq!(asked(&["--fail-on", "network", "--fail-on", "cut-at-expiry"]), Some(3));
    let (code, _, stderr) = program(&["--fail-on", "magic"], &folder);
    assert_eq!(code, Some(2));
    for word in Mechanism::WORDS {
        assert!(stderr.contains(word), "{stderr}");
    }
}
