//! Is it us? What a trial took of this machine: processor time, waiting for it, descriptors.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use tokio::task::JoinHandle;

use crate::host::machine;

/// What is being used from the start on.
#[derive(Debug)]
pub(crate) struct UsageProbe {
    began: Instant,
    cpu: Duration,
    cpu_wait: Option<Duration>,
    ticks: Option<Ticks>,
    descriptors: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

/// What was used in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Usage {
    /// How long it took.
    pub wall: Duration,
    /// The process's own processor time.
    pub cpu: Duration,
    /// The same in thousandths of what all processors could have given.
    pub cpu_permille: u64,
    /// How long its threads were ready to run and had no processor (Linux only).
    pub cpu_wait: Option<Duration>,
    /// How busy the machine's processors were, in thousandths (Linux only).
    pub machine_busy_permille: Option<u64>,
    /// What the hypervisor withheld of them, in thousandths (Linux only).
    pub machine_steal_permille: Option<u64>,
    /// The most descriptors open at once (Linux only).
    pub descriptors: Option<u64>,
}

impl UsageProbe {
    /// Starts looking.
    pub(crate) fn start() -> Self {
        let descriptors = Arc::new(AtomicU64::new(open_descriptors().unwrap_or(0)));
        let most = Arc::clone(&descriptors);
        let task = tokio::spawn(async move {
            while let Some(open) = open_descriptors() {
                most.fetch_max(open, Relaxed);
                tokio::time::sleep(LOOK_EVERY).await;
            }
        });
        Self { began: Instant::now(), cpu: cpu_time(), cpu_wait: cpu_wait(), ticks: Ticks::now(), descriptors, task }
    }

    /// What was used since the start. The clock is read outside of the processor's time, here as in [`start`](Self::start):
    /// a thread that works between the two readings would else have used more than there was.
    pub(crate) fn so_far(&self) -> Usage {
        let cpu = cpu_time().saturating_sub(self.cpu);
        let cpu_wait = cpu_wait().zip(self.cpu_wait).map(|(now, then)| now.saturating_sub(then));
        let ticks = Ticks::now().zip(self.ticks).map(|(now, then)| now.since(then));
        let descriptors = self.descriptors.load(Relaxed).max(open_descriptors().unwrap_or(0));
        let wall = self.began.elapsed();
        let all = wall.as_nanos() * u128::from(machine::cpus());
        Usage {
            wall,
            cpu,
            cpu_permille: permille(cpu.as_nanos(), all).unwrap_or(0),
            cpu_wait,
            machine_busy_permille: ticks.and_then(|ticks| permille(ticks.busy.into(), ticks.all.into())),
            machine_steal_permille: ticks.and_then(|ticks| permille(ticks.stolen.into(), ticks.all.into())),
            descriptors: (descriptors > 0).then_some(descriptors),
        }
    }
}

impl Drop for UsageProbe {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn permille(part: u128, whole: u128) -> Option<u64> {
    u64::try_from((part * 1000).checked_div(whole)?).ok()
}

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
}

/// The second field of each thread's `schedstat`: nanoseconds spent on a run queue. A thread that has ended takes its own
/// along.
fn cpu_wait() -> Option<Duration> {
    let threads = fs::read_dir("/proc/self/task").ok()?;
    let waited = threads.flatten().filter_map(|thread| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().nth(1)?.parse().ok()
    });
    waited.map(Duration::from_nanos).reduce(|one, other| one + other)
}

/// Since Linux 6.2 the folder's size is their number; before, they have to be counted.
fn open_descriptors() -> Option<u64> {
    const FOLDER: &str = "/proc/self/fd";
    match fs::metadata(FOLDER).ok()?.len() {
        0 => u64::try_from(fs::read_dir(FOLDER).ok()?.count()).ok(),
        open => Some(open),
    }
}

/// The first line of `/proc/stat`: ticks of all processors since the machine started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ticks {
    all: u64,
    busy: u64,
    stolen: u64,
}

impl Ticks {
    fn now() -> Option<Self> {
        Self::parse(&fs::read_to_string("/proc/stat").ok()?)
    }

    /// user nice system idle iowait irq softirq steal; guests' time, which follows, is part of user and nice.
    fn parse(stat: &str) -> Option<Self> {
        let mut words = stat.lines().next()?.strip_prefix("cpu ")?.split_whitespace();
        let mut field = || words.next()?.parse::<u64>().ok();
        let (user, nice, system) = (field()?, field()?, field()?);
        let (idle, waiting) = (field()?, field()?);
        let (irq, softirq, stolen) = (field()?, field()?, field()?);
        let busy = user + nice + system + irq + softirq;
        Some(Self { all: busy + idle + waiting + stolen, busy, stolen })
    }

    fn since(self, then: Self) -> Self {
        Self {
            all: self.all.saturating_sub(then.all),
            busy: self.busy.saturating_sub(then.busy),
            stolen: self.stolen.saturating_sub(then.stolen),
        }
    }
}

const LOOK_EVERY: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_busy_loop_and_an_open_file_are_seen() {
        let probe = UsageProbe::start();
        let before = probe.so_far();
        let files: Vec<_> = (0..50).map(|_| tempfile::tempfile().unwrap()).collect();
        let until = cpu_time() + Duration::from_millis(50);
        while cpu_time() < until {}
        let after = probe.so_far();
        assert!(after.cpu >= before.cpu + Duration::from_millis(50), "{before:?} {after:?}");
        // The kernel adds up what threads on other processors use at its ticks, of which the slowest come every 10 ms.
        let all = (after.wall + Duration::from_millis(10)) * machine::cpus();
        assert!(all >= after.cpu, "{after:?}");
        let most = permille(all.as_nanos(), (after.wall * machine::cpus()).as_nanos()).unwrap();
        assert!(after.cpu_permille > 0 && after.cpu_permille <= most, "{after:?}");
        if cfg!(target_os = "linux") {
            assert!(after.descriptors.unwrap() >= 50, "{after:?}");
            assert!(after.cpu_wait.is_some());
        }
        drop(files);
    }

    #[test]
    fn ticks_are_parted_into_busy_stolen_and_idle() {
        let then = Ticks::parse("cpu  10 0 10 70 10 0 0 0 3 0\ncpu0 1 2 3\n").unwrap();
        let now = Ticks::parse("cpu  40 5 20 100 20 3 2 10 9 0\n").unwrap();
        assert_eq!(then, Ticks { all: 100, busy: 20, stolen: 0 });
        assert_eq!(now.since(then), Ticks { all: 100, busy: 50, stolen: 10 });
        assert_eq!(Ticks::parse("intr 1 2 3"), None);
    }
}
