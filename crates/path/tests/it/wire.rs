//! What passes, how fast, and how late.

use std::process::Output;

use crate::{end, output, path, path_of, told};

/// Of 1500 bytes, those that are not headers of IP and TCP with timestamps.
const PAYLOAD: f64 = 1448.0 / 1500.0;

#[test]
fn a_connection_gets_what_headers_leave_of_the_rate() {
    once_of_three(|| {
        let output = path("--rate 40Mbit/s --queue 500kB --delay 5ms", Some("sink"), "source")?;
        let share = told(&output, "goodput_bps") / (40e6 * PAYLOAD);
        assert!(share < 1.01, "{share:.4} of what headers leave: the line lets through more than its rate");
        Some(((share - 1.0).abs() < 0.01, format!("{share:.4} of what headers leave"), output))
    });
}

#[test]
fn the_kernels_own_filter_makes_the_same_line() {
    once_of_three(|| {
        let output = path("--engine tbf --rate 40Mbit/s --queue 500kB", Some("sink"), "source")?;
        let share = told(&output, "goodput_bps") / (40e6 * PAYLOAD);
        assert!(share < 1.01, "{share:.4} of what headers leave: the filter lets through more than its rate");
        let full = path("--engine tbf --rate 8Mbit/s --queue 300kB", Some("clock"), "flood")?;
        // What leaves at once waits less.
        let standing = told(&full, "standing_s") / (300e3 * 8.0 / 8e6);
        let is_right = (share - 1.0).abs() < 0.01 && (standing - 1.0).abs() < 0.03;
        let words = String::from_utf8_lossy(&full.stderr);
        assert!(
            words.contains("path: up ")
                && !words.contains("up unknown")
                && !words.contains(" 0 found it full\npath: down"),
            "{words}"
        );
        Some((is_right, format!("{share:.4} of what headers leave; {standing:.4} of queue by rate"), output))
    });
}

#[test]
fn what_finds_a_full_queue_waits_for_as_long_as_it_takes_to_send_and_some_are_dropped() {
    once_of_three(|| {
        let output = path("--rate 8Mbit/s --queue 300kB", Some("clock"), "flood")?;
        // The packet's own 1.5 ms come on top.
        let standing = told(&output, "standing_s") / (300e3 * 8.0 / 8e6 + 0.0015);
        let carried = told(&output, "arrived") / (told(&output, "sent") / 2.0 + 300e3 / 1500.0);
        let is_right = (standing - 1.0).abs() < 0.02 && (carried - 1.0).abs() < 0.03;
        Some((is_right, format!("{standing:.4} of queue by rate; {carried:.4} of what line and queue hold"), output))
    });
}

/// Makes a measurement until it is right, thrice at most. Line and ends run on this machine's processors: while other programs have
/// them, nothing goes through, and a second of that is more than what the tests look for. So less than the rate may be the machine's
/// doing, and is measured again; more than the rate never is.
fn once_of_three(measure: impl Fn() -> Option<(bool, String, Output)>) {
    for attempt in 1..=3 {
        let Some((is_right, words, output)) = measure() else { return };
        eprintln!("{words}");
        if is_right {
            return;
        }
        assert!(attempt < 3, "{words}\n{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn codel_lets_no_queue_stand_for_a_connection() {
    let options = "--rate 40Mbit/s --queue 3MB --delay 5ms --discipline codel";
    let Some(output) = path(options, Some("sink"), "source") else { return };
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(words.contains("dropped by CoDel") && words.contains(" 0 found it full"), "{words}");
}

#[test]
fn each_of_several_lines_has_its_own_address_and_delay() {
    let mut command = path_of("--rate 10Mbit/s --queue 100kB --delay 5ms --quiet");
    command.args(["--more", "--rate 10Mbit/s --queue 100kB --delay 60ms", "--"]).args(end("each"));
    let Some(output) = output(&mut command) else { return };
    let [first, second] = ["10.77.0.2", "10.77.1.1"].map(|address| told(&output, address));
    assert!((0.010..0.090).contains(&first) && (0.120..0.200).contains(&second), "{first} s, {second} s");
    assert!(!String::from_utf8_lossy(&output.stderr).contains("path:"), "it was to be quiet");
}

#[test]
fn a_connection_takes_a_round_trip_of_twice_the_delay() {
    let Some(output) = path("--rate 10Mbit/s --queue 100kB --delay 40ms", None, "both") else { return };
    let connect_s = told(&output, "connect_s");
    assert!((0.080..0.160).contains(&connect_s), "{connect_s} s");
}

#[test]
fn on_a_line_that_loses_everything_nothing_arrives() {
    let Some(output) = path("--rate 8Mbit/s --queue 300kB --loss 100%", Some("clock"), "flood") else { return };
    let words = String::from_utf8_lossy(&output.stderr);
    let sent = told(&output, "sent");
    // The last one ends the clock, and is lost, too.
    assert!(!words.contains("arrived=") && sent > 100.0, "{words}");
}
