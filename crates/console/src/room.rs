//! Whether this process has room to begin at all. Where it may open no more files, or begin no more threads, the libraries that
//! it is made of panic, and one waits for ever for the threads that it did not get.

use std::fs::File;
use std::io;
use std::sync::mpsc;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

/// Tries to open so many files and to begin so many threads, and gives all of them back.
///
/// # Errors
/// It may not; the words say how many it may, and what to do. Or this machine's clock shows a year that nothing can be signed in.
pub fn for_a_start(files: usize, threads: usize) -> Result<(), String> {
    can_be_written(SystemTime::now())?;
    can_open(files)?;
    can_begin(threads)
}

/// Certificates, links and dates reach from 1970 to 9999, and libraries panic where a clock is elsewhere.
fn can_be_written(now: SystemTime) -> Result<(), String> {
    let since_1970 = now.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    if (DAY_S..YEAR_9999_S).contains(&since_1970) {
        return Ok(());
    }
    let when = if since_1970 < DAY_S { "before 2 January 1970" } else { "behind the year 9998" };
    Err(format!("this machine's clock stands {when}, where nothing can be signed: set it, by NTP"))
}

const DAY_S: u64 = 86_400;
const YEAR_9999_S: u64 = 253_370_764_800;

/// How many threads a pool has that has one for each processor.
pub fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

fn can_open(files: usize) -> Result<(), String> {
    /// What a process, and a machine, answers that has no descriptor left.
    const LACKING: [i32; 2] = [libc::EMFILE, libc::ENFILE];
    let mut open = Vec::new();
    while open.len() < files {
        // The root is there also where a container has no /dev.
        match File::open("/") {
            Ok(file) => open.push(file),
            Err(error) if !error.raw_os_error().is_some_and(|code| LACKING.contains(&code)) => return Ok(()),
            Err(error) => {
                return Err(format!(
                    "this process may open only {} files more, and it takes {files} to begin anything ({error}): raise the limit \
                     with `ulimit -n`",
                    open.len()
                ));
            }
        }
    }
    Ok(())
}

fn can_begin(threads: usize) -> Result<(), String> {
    let (mut begun, mut held) = (Vec::new(), Vec::new());
    let mut refused: Option<io::Error> = None;
    while refused.is_none() && begun.len() < threads {
        let (hold, wait) = mpsc::channel::<()>();
        match thread::Builder::new().stack_size(SMALL_STACK).spawn(move || wait.recv().is_err()) {
            Ok(thread) => {
                begun.push(thread);
                held.push(hold);
            }
            Err(error) => refused = Some(error),
        }
    }
    drop(held);
    let count = begun.len();
    begun.into_iter().for_each(|thread| drop(thread.join()));
    match refused {
        None => Ok(()),
        Some(error) => Err(format!(
            "this process may begin only {count} threads more, and it takes {threads} to begin anything ({error}): raise the limit \
             with `ulimit -u`, or that of the container's processes (pids)"
        )),
    }
}

/// Such a thread waits and does nothing.
const SMALL_STACK: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_clock_outside_of_the_years_that_can_be_written_is_named() {
        let at = |seconds: u64| UNIX_EPOCH + Duration::from_secs(seconds);
        assert!(can_be_written(at(1_764_000_000)).is_ok() && can_be_written(at(YEAR_9999_S - 1)).is_ok());
        for (now, words) in [
            (at(0), "before 2 January 1970"),
            (UNIX_EPOCH - Duration::from_secs(1), "before 2 January 1970"),
            (at(YEAR_9999_S), "behind the year 9998"),
        ] {
            assert!(can_be_written(now).unwrap_err().contains(words));
        }
    }

    #[test]
    fn there_is_room_for_a_few_time_and_again() {
        assert_eq!(for_a_start(4, 4), Ok(()));
        assert_eq!(for_a_start(4, 4), Ok(()), "all were given back");
    }
}
