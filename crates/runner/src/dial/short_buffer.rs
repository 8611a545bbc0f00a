//! A receive buffer that keeps what waits for a capped reader short.
//!
//! What waits in the kernel has left the server's hands: a download whose last bytes wait there can no longer be cut, and the end
//! of one that was cut is seen only when they have been read. But a buffer below rate × round trip would hold a download below its
//! cap. So it holds two round trips of the handshake, and grows as far as it may if they turn out to be too few: if a queue on the
//! path made the round trip longer, or if those who shared the cap have left.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::wire::kernel;
use crate::wire::socket::Socket;

/// How often the buffer should be looked at.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The short buffer of one connection.
#[derive(Debug)]
pub(crate) struct ShortBuffer {
    bytes: u64,
    /// What was seen so far; `None` once it is as long as it can be.
    seen: Mutex<Option<Seen>>,
}

impl ShortBuffer {
    /// Shortens the buffer of `socket` for one who reads `reads_per_s` bytes a second. `None` if that takes more than this
    /// process may ask for (`net.core.rmem_max`): then the kernel's own sizing, which may go further, holds the cap better.
    pub(super) fn of(socket: &Socket, reads_per_s: u64) -> Option<Self> {
        let stream = socket.stream();
        let round_trip = kernel::tcp_info(stream).map(|info| Duration::from_micros(info.rtt_us.into()));
        let bytes = wanted(reads_per_s, round_trip);
        let granted = kernel::largest_receive_buffer().is_none_or(|largest| bytes <= largest);
        let set = granted && kernel::set_receive_buffer(stream, bytes).is_ok();
        set.then(|| Self { bytes, seen: Mutex::new(Some(Seen::new(reads_per_s, bytes))) })
    }

    /// Looks at what waits, `read` bytes having been read so far.
    pub(crate) fn look(&self, socket: &Socket, read: u64) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = rustix::io::ioctl_fionread(socket.stream()).unwrap_or(u64::MAX);
        if seen.as_mut().is_some_and(|seen| seen.holds_back(Instant::now(), read, waits)) {
            *seen = None;
            match kernel::lengthen_receive_buffer(socket.stream()) {
                Ok(()) => tracing::debug!(
                    "a receive buffer of {} bytes was too short for its path, and is lengthened",
                    self.bytes
                ),
                Err(error) => tracing::debug!("a receive buffer of {} bytes stays: {error}", self.bytes),
            }
        }
    }
}

/// Whether the buffer holds the reader back: by what was read, and by what waited.
///
/// A reader that its cap holds back finds the buffer filled at every look. One that a busy machine holds back finds it filled,
/// too. One that reads less than its cap lets it, and finds it almost empty at half of the looks, waits for the window or for the
/// server; a longer buffer stays as empty then, so that nothing is lost by it.
#[derive(Debug)]
struct Seen {
    reads_per_s: u64,
    bytes: u64,
    /// When this second of looks began, and what had been read by then.
    since: Option<(Instant, u64)>,
    looks: u32,
    dry: u32,
    /// How many seconds in turn were poor.
    poor: u32,
}

impl Seen {
    fn new(reads_per_s: u64, bytes: u64) -> Self {
        Self { reads_per_s, bytes, since: None, looks: 0, dry: 0, poor: 0 }
    }

    fn holds_back(&mut self, now: Instant, read: u64, waits: u64) -> bool {
        let (since, before) = *self.since.get_or_insert((now, read));
        self.looks += 1;
        self.dry += u32::from(waits < self.bytes / 4);
        let elapsed = now - since;
        if elapsed < SECOND {
            return false;
        }
        let came = read - before;
        let allowed = u128::from(self.reads_per_s) * elapsed.as_micros() / 1_000_000;
        // A second in which nothing comes is a stall, whatever the buffer.
        if came > 0 {
            let poor = u128::from(came) < allowed * 4 / 5 && self.dry * 2 >= self.looks;
            self.poor = if poor { self.poor + 1 } else { 0 };
        }
        (self.since, self.looks, self.dry) = (Some((now, read)), 0, 0);
        self.poor >= POOR_SECONDS
    }
}

fn wanted(reads_per_s: u64, round_trip: Option<Duration>) -> u64 {
    let holds = 2 * round_trip.unwrap_or(UNKNOWN_ROUND_TRIP) + BETWEEN_READS;
    let bytes = u128::from(reads_per_s) * holds.as_micros() / 1_000_000;
    u64::try_from(bytes).unwrap_or(u64::MAX).max(SMALLEST)
}

const UNKNOWN_ROUND_TRIP: Duration = Duration::from_millis(100);
/// How long a reader that waits for its turn may be away.
const BETWEEN_READS: Duration = Duration::from_millis(20);
/// With less, the kernel holds back its window updates.
const SMALLEST: u64 = 32 << 10;
const SECOND: Duration = Duration::from_secs(1);
/// The first second may be slow start's.
const POOR_SECONDS: u32 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u64 = 1_000_000;
    const BYTES: u64 = 40_000;

    /// The second in which the buffer is lengthened, if `came` bytes come between two looks, of which `waits` wait.
    fn lengthened(came: u64, waits: impl Fn(u32) -> u64) -> Option<u32> {
        let (mut seen, start) = (Seen::new(RATE, BYTES), Instant::now());
        (0..100)
            .find(|look| seen.holds_back(start + LOOK_EVERY * *look, came * u64::from(*look), waits(*look)))
            .map(|look| look / 10)
    }

    #[test]
    fn a_reader_whose_window_is_too_short_for_the_path_gets_a_longer_one_after_two_seconds() {
        // Ten bursts a second, each read at once; and bursts that wait at every third look.
        assert_eq!(lengthened(30_000, |_| 0), Some(2));
        assert_eq!(lengthened(30_000, |look| if look % 3 == 0 { BYTES } else { 0 }), Some(2));
    }

    #[test]
    fn a_reader_that_reaches_its_cap_or_is_late_itself_keeps_the_short_one() {
        assert_eq!(lengthened(RATE / 10, |_| 0), None);
        assert_eq!(lengthened(30_000, |_| BYTES), None);
        assert_eq!(lengthened(0, |_| 0), None, "a stall is not the buffer's doing");
    }

    #[test]
    fn two_round_trips_fit_and_never_less_than_the_kernel_needs() {
        assert_eq!(wanted(RATE, Some(Duration::from_millis(100))), 220_000);
        assert_eq!(wanted(RATE, Some(Duration::from_micros(50))), 32 << 10);
        assert_eq!(wanted(RATE, None), 220_000);
    }
}
