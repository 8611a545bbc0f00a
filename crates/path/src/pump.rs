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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// From COMMAND.
    pub up: Counts,
    /// To COMMAND.
    pub down: Counts,
    /// How much later than its line said the latest packet arrived: this machine was busy then.
    pub latest: Duration,
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "path: up {}", self.up)?;
        writeln!(f, "path: down {}", self.down)?;
        write!(f, "path: the latest packet came {} late", format_micros(micros(self.latest)))
    }
}

/// A direction: what comes out of one device, and goes into the other.
struct Direction {
    line: Line<Vec<u8>, Box<dyn FnMut() -> u32 + Send>>,
    from: File,
    to: File,
}

impl Pump {
    /// Starts to move packets between the devices of two sides. What is lost follows from the seed.
    pub(crate) fn start(near: &File, far: &File, up: Settings, down: Settings, seed: u64) -> std::io::Result<Self> {
        let direction = |from: &File, to: &File, settings, stream| {
            let draw = Box::new(draws(seed, stream)) as Box<dyn FnMut() -> u32 + Send>;
            let (from, to) = (from.try_clone()?, to.try_clone()?);
            Ok::<_, std::io::Error>(Direction { line: Line::new(settings, draw), from, to })
        };
        let up = direction(near, far, up, 0)?;
        let down = direction(far, near, down, 1)?;
        let stops = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stops);
        let thread = thread::Builder::new().name("path".to_owned()).spawn(move || pump([up, down], &told))?;
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

const MILLION: u64 = 1_000_000;

fn pump(mut directions: [Direction; 2], stops: &AtomicBool) -> Totals {
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
        let next_ns = directions.iter().filter_map(|direction| direction.line.next_ns()).min();
        let most = next_ns.map_or(LONGEST_SLEEP, |next_ns| Duration::from_nanos(next_ns.saturating_sub(now_ns())));
        let [up, down] = &directions;
        // It fails only if the kernel has no memory left; a moment later it is tried again.
        let _ = sleep_until_readable([up.from.as_fd(), down.from.as_fd()], most.min(LONGEST_SLEEP));
    }
    let [up, down] = directions.map(|direction| direction.line.counts());
    Totals { up, down, latest: Duration::from_nanos(latest_ns) }
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
                    self.line.offer(now_ns(), packet[..bytes].to_vec());
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
        while let Some((arrives_ns, packet)) = self.line.take(now_ns) {
            latest_ns = latest_ns.max(now_ns - arrives_ns);
            // A side whose device was switched off takes nothing, as a machine that was switched off.
            let _ = self.to.write(&packet);
        }
        latest_ns
    }
}
