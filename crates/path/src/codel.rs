//! CoDel (RFC 8289): what waits for longer than a target, for a whole interval, is thinned out, the sooner the longer it lasts.

/// How long a packet may wait while the queue does what a queue is for.
const TARGET_NS: u64 = 5_000_000;
/// How long all must wait for longer than that before one is dropped: a round trip of the larger kind.
const INTERVAL_NS: u64 = 100_000_000;
/// With less than a packet behind it nothing stands.
const LEAST_BYTES: u64 = 1500;

/// What CoDel remembers.
#[derive(Debug, Default)]
pub(crate) struct Codel {
    /// When all will have waited too long for a whole interval; `None` while one does not.
    drops_from_ns: Option<u64>,
    is_dropping: bool,
    next_drop_ns: u64,
    /// Drops since dropping began, and how many there were when it began.
    count: u64,
    last_count: u64,
}

impl Codel {
    /// Whether the packet that would be sent now is dropped: it has waited for `waited_ns`, and `behind_bytes` wait behind it.
    pub(crate) fn drops(&mut self, now_ns: u64, waited_ns: u64, behind_bytes: u64) -> bool {
        if !self.has_stood_for_long(now_ns, waited_ns, behind_bytes) {
            self.is_dropping = false;
            return false;
        }
        if self.is_dropping {
            if now_ns < self.next_drop_ns {
                return false;
            }
            self.count += 1;
            self.next_drop_ns = spaced(self.next_drop_ns, self.count);
            return true;
        }
        self.is_dropping = true;
        // If it dropped not long ago, the rate that was right then is a good one to begin with.
        let since = self.count - self.last_count;
        let was_dropping = since > 1 && now_ns.saturating_sub(self.next_drop_ns) < 16 * INTERVAL_NS;
        self.count = if was_dropping { since } else { 1 };
        self.last_count = self.count;
        self.next_drop_ns = spaced(now_ns, self.count);
        true
    }

    fn has_stood_for_long(&mut self, now_ns: u64, waited_ns: u64, behind_bytes: u64) -> bool {
        if waited_ns < TARGET_NS || behind_bytes <= LEAST_BYTES {
            self.drops_from_ns = None;
            return false;
        }
        now_ns >= *self.drops_from_ns.get_or_insert(now_ns + INTERVAL_NS)
    }
}

/// The control law: the interval by the root of the drops so far.
fn spaced(from_ns: u64, count: u64) -> u64 {
    from_ns + INTERVAL_NS * 1_000 / (count * 1_000_000).isqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// When packets are dropped of a queue that stands for `for_ms` with one leaving each millisecond.
    fn drops(codel: &mut Codel, from_ms: u64, for_ms: u64) -> Vec<u64> {
        (from_ms..from_ms + for_ms).filter(|ms| codel.drops(ms * MS, 6 * MS, 100_000)).collect()
    }

    #[test]
    fn drops_begin_after_an_interval_and_come_nearer_by_the_root() {
        let dropped = drops(&mut Codel::default(), 0, 500);
        // 100, then 100 ms, 100/√2, 100/√3 … later, each at the next packet.
        assert_eq!(dropped, [100, 200, 271, 329, 379, 424, 465]);
    }

    #[test]
    fn one_packet_in_time_ends_it_and_it_begins_again_near_its_last_rate() {
        let mut codel = Codel::default();
        drops(&mut codel, 0, 500);
        assert!(!codel.drops(500 * MS, MS, 100_000));
        let again = drops(&mut codel, 501, 200);
        assert_eq!(again[0], 601);
        assert!(again[1] - again[0] < 50, "{again:?}");
    }

    #[test]
    fn a_last_packet_is_never_dropped() {
        let mut codel = Codel::default();
        assert!((0..1000).all(|ms| !codel.drops(ms * MS, 50 * MS, 0)));
    }
}
