//! Whether this process has room to begin at all. Where it may open no more files, or begin no more threads, the libraries that
//! it is made of panic, and one waits for ever for the threads that it did not get.

use std::fs::File;
use std::io;
use std::sync::mpsc;
use std::thread;

/// Tries to open so many files and to begin so many threads, and gives all of them back.
///
/// # Errors
/// It may not; the words say how many it may, and what to do.
pub fn for_a_start(files: usize, threads: usize) -> Result<(), String> {
    can_open(files)?;
    can_begin(threads)
}

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
    use super::*;

    #[test]
    fn there_is_room_for_a_few_time_and_again() {
        assert_eq!(for_a_start(4, 4), Ok(()));
        assert_eq!(for_a_start(4, 4), Ok(()), "all were given back");
    }
}
