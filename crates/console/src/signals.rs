//! What the process that started this one decided about its signals.

/// SIGHUP's number.
pub const HANGUP: u32 = 1;

/// Whether this process was started with a signal ignored, as `nohup` does with SIGHUP: then it is not to be handled.
/// Where the system does not tell, it was not.
pub fn is_ignored(number: u32) -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| stands_in(&status, number))
}

/// Whether `/proc/self/status` has a signal among those that are ignored.
fn stands_in(status: &str, number: u32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    number.checked_sub(1).is_some_and(|bit| mask.checked_shr(bit).unwrap_or(0) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_of_nohup_has_the_hangup_and_no_other() {
        let nohup = "Name:\tx\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000001\n";
        assert!(stands_in(nohup, HANGUP) && !stands_in(nohup, 2) && !stands_in(nohup, 15));
        assert!(!stands_in("Name:\tx\nSigIgn:\t0000000000001000\n", HANGUP));
        assert!(!stands_in("", HANGUP) && !stands_in("SigIgn:\tfurther\n", 0));
    }
}
