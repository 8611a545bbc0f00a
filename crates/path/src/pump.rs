//! The thread that moves packets from one device to the other, each when its line says that it arrives.

use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use ttlsweep_record::units::{format_micros, micros};

use crate::cli::LineOptions;
use crate::far;
use crate::queue::{Counts, Line, Settings};
use crate::sides::MTU;
use crate::system::sleep_until_readable;

/// A pump that runs; it ends when it is told to stop.
#[derive(Debug)]
pub struct Pump {
    stops: Arc<AtomicBool>,
    thread: JoinHandle<Totals>,
}

/// What a pump has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Totals {
    /// What each line did.
    pub lines: Vec<LineTotals>,
    /// How much later than its line said the latest packet arrived: this machine was busy then.
    pub latest: Duration,
}

/// What a line did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineTotals {
    /// What makes it.
    pub options: LineOptions,
    /// From COMMAND.
    pub up: Counts,
    /// To COMMAND.
    pub down: Counts,
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for LineTotals { options, up, down } in &self.lines {
            if self.lines.len() > 1 {
                writeln!(f, "path: {options}")?;
            }
            writeln!(f, "path: up {up}")?;
            writeln!(f, "path: down {down}")?;
        }
        write!(f, "path: the latest packet came {} late", format_micros(micros(self.latest)))
    }
}

/// Numbers below a million.
type Draws = Box<dyn FnMut() -> u32 + Send>;

/// A direction: what comes out of one device, and goes into the other.
struct Direction {
    /// By the far side's addresses, see [`far::line_to`].
    lines: Vec<Line<Vec<u8>, Draws>>,
    /// Where a packet has the far side's address.
    far_at: usize,
    from: File,
    to: File,
}

impl Pump {
    /// Starts to move packets between the devices of two sides. What is lost follows from the seed.
    pub(crate) fn start<'a>(
        near: &File,
        far: &File,
        lines: impl Iterator<Item = &'a LineOptions>,
        seed: u64,
    ) -> std::io::Result<Self> {
        let lines: Vec<LineOptions> = lines.cloned().collect();
        let direction = |from: &File, to: &File, far_at, settings: fn(&LineOptions) -> Settings, first: u64| {
            let streams = (first..).step_by(2);
            let lines = lines.iter().zip(streams).map(|(options, stream)| {
                let draw = Box::new(draws(seed, stream)) as Draws;
                Line::new(settings(options), draw)
            });
            Ok::<_, std::io::Error>(Direction {
                lines: lines.collect(),
                far_at,
                from: from.try_clone()?,
                to: to.try_clone()?,
            })
        };
        let up = direction(near, far, DESTINATION, LineOptions::up, 0)?;
        let down = direction(far, near, SOURCE, LineOptions::down, 1)?;
        let stops = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stops);
        let run = move || {
            let (counts, latest) = pump([up, down], &told);
            let lines = lines.into_iter().zip(counts);
            Totals { lines: lines.map(|(options, [up, down])| LineTotals { options, up, down }).collect(), latest }
        };
        let thread = thread::Builder::new().name("path".to_owned()).spawn(run)?;
        Ok(Self { stops, thread })
    }

    /// Stops it, and whatever is still on the line is lost.
    pub fn stop(self) -> Totals {
        self.stops.store(true, Ordering::Relaxed);
        match self.thread.join() {
            Ok(totals) => totals,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

/// Numbers below a million, of a direction's own.
fn draws(seed: u64, stream: u64) -> impl FnMut() -> u32 {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(stream);
    move || ((u64::from(random.next_u32()) * MILLION) >> 32) as u32
}

/// Where an IP packet has its source's address, and its destination's.
const SOURCE: usize = 12;
const DESTINATION: usize = 16;

const MILLION: u64 = 1_000_000;

/// Moves packets until it is told to stop. Returns the counts of each line there and back, and by how much the latest packet
/// was late.
fn pump(mut directions: [Direction; 2], stops: &AtomicBool) -> (Vec<[Counts; 2]>, Duration) {
    let began = Instant::now();
    let now_ns = || u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let mut latest_ns = 0;
    while !stops.load(Ordering::Relaxed) {
        for direction in &mut directions {
            direction.take_in(&now_ns);
        }
        for direction in &mut directions {
            latest_ns = latest_ns.max(direction.let_out(&now_ns));
        }
        let next_ns = directions.iter().flat_map(|direction| &direction.lines).filter_map(Line::next_ns).min();
        let most = next_ns.map_or(LONGEST_SLEEP, |next_ns| Duration::from_nanos(next_ns.saturating_sub(now_ns())));
        let [up, down] = &directions;
        // It fails only if the kernel has no memory left; a moment later it is tried again.
        let _ = sleep_until_readable([up.from.as_fd(), down.from.as_fd()], most.min(LONGEST_SLEEP));
    }
    let [up, down] = directions.map(|direction| direction.lines);
    let counts = up.iter().zip(&down).map(|(up, down)| [up.counts(), down.counts()]);
    (counts.collect(), Duration::from_nanos(latest_ns))
}

/// How long it takes at most until it notices that it is to stop.
const LONGEST_SLEEP: Duration = Duration::from_millis(100);

/// So many packets are read at once before those that have arrived are let out.
const MOST_AT_ONCE: usize = 64;

impl Direction {
    /// Reads what was sent, and offers it to the line.
    fn take_in(&mut self, now_ns: &impl Fn() -> u64) {
        let mut packet = [0; MTU as usize];
        for _ in 0..MOST_AT_ONCE {
            match self.from.read(&mut packet) {
                // Neither side has an address of IPv6; what a kernel says to itself in it is not carried.
                Ok(bytes) if packet[0] >> 4 == 4 => {
                    let far = packet[self.far_at..].first_chunk().copied();
                    if let Some(line) = far.and_then(far::line_to).and_then(|line| self.lines.get_mut(line)) {
                        line.offer(now_ns(), packet[..bytes].to_vec());
                    }
                }
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }

    /// Writes what has arrived. Returns by how much the latest was late, in nanoseconds.
    fn let_out(&mut self, now_ns: &impl Fn() -> u64) -> u64 {
        let mut latest_ns = 0;
        let now_ns = now_ns();
        for line in &mut self.lines {
            while let Some((arrives_ns, packet)) = line.take(now_ns) {
                latest_ns = latest_ns.max(now_ns - arrives_ns);
                // A side whose device was switched off takes nothing, as a machine that was switched off.
                let _ = self.to.write(&packet);
            }
        }
        latest_ns
    }
}
