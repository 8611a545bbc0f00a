//! A stream with a thread of its own that writes to it, so that nobody else waits for a reader who has stopped reading.
//!
//! A pager that is not scrolled, a terminal after Ctrl-S or a collector of logs that hangs lets a write block for as long as
//! it likes. Lines are handed over instead. Words wait for nobody; data waits for its reader, until [`Voice::give_up`].

use std::collections::VecDeque;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// A stream, and what is still to be written to it.
pub(crate) struct Voice {
    name: &'static str,
    write: fn(&[u8]) -> io::Result<()>,
    /// What stands in the place of lines that were lost.
    missing: fn(u64) -> String,
    queue: Mutex<Queue>,
    changed: Condvar,
}

struct Queue {
    waiting: VecDeque<Vec<u8>>,
    bytes: usize,
    /// How many were handed over, and how many of them were written.
    asked: u64,
    written: u64,
    has_thread: bool,
    /// The reader has read nothing for a while, and is waited for no more until he reads again.
    is_stuck: bool,
    /// The process is to end, and waits for no reader any more.
    is_given_up: bool,
    /// How many were not taken since the last that was.
    lost: u64,
    error: Option<io::Error>,
    board: Board,
}

/// Rows that stand below all lines until they are replaced; the cursor is at the end of the last one.
#[derive(Default)]
struct Board {
    rows: usize,
    text: String,
}

impl Board {
    const fn none() -> Self {
        Self { rows: 0, text: String::new() }
    }

    /// What to write to have this in the other's place. What changes is written over and not first wiped out, and a row never
    /// runs on into the next one, so that nothing flickers and the rows can be counted.
    fn in_place_of(&self, old: &Self) -> String {
        format!("{}\u{1b}[?7l{}\u{1b}[J\u{1b}[?7h", old.to_its_top(), self.text)
    }

    fn to_its_top(&self) -> String {
        if self.rows > 1 { format!("\r\u{1b}[{}A", self.rows - 1) } else { "\r".to_owned() }
    }

    /// The bytes with what it takes to have them above the rows. What is not a whole line takes the place of the rows.
    fn below(&mut self, bytes: &[u8]) -> Vec<u8> {
        if self.rows == 0 {
            return bytes.to_vec();
        }
        let mut all = format!("{}\u{1b}[J", self.to_its_top()).into_bytes();
        all.extend(bytes);
        if bytes.ends_with(b"\n") {
            all.extend(format!("\u{1b}[?7l{}\u{1b}[?7h", self.text).bytes());
        } else {
            *self = Self::none();
        }
        all
    }
}

impl Voice {
    pub(crate) const fn new(
        name: &'static str,
        write: fn(&[u8]) -> io::Result<()>,
        missing: fn(u64) -> String,
    ) -> Self {
        let queue = Queue {
            waiting: VecDeque::new(),
            bytes: 0,
            asked: 0,
            written: 0,
            has_thread: false,
            is_stuck: false,
            is_given_up: false,
            lost: 0,
            error: None,
            board: Board::none(),
        };
        Self { name, write, missing, queue: Mutex::new(queue), changed: Condvar::new() }
    }

    /// Has the bytes written after all that were handed over before. Where too much is waiting already, a reader who reads is
    /// waited for, and the bytes are lost if he does not.
    pub(crate) fn say(&'static self, bytes: &[u8]) {
        let mut queue = self.queue();
        let has_room = |queue: &Queue| queue.waiting.is_empty() || queue.bytes + bytes.len() <= MOST_WAITING;
        if !has_room(&queue) && !queue.is_stuck {
            queue = self.wait(queue, MOMENT, has_room);
            queue.is_stuck |= !has_room(&queue);
        }
        if has_room(&queue) {
            let bytes = queue.board.below(bytes);
            self.hand_over(&mut queue, &bytes);
        } else {
            queue.lost += 1;
        }
    }

    /// Writes the bytes, and waits for their reader.
    ///
    /// # Errors
    /// The stream cannot be written, or it was given up.
    pub(crate) fn tell(&'static self, bytes: &[u8]) -> io::Result<()> {
        let mut queue = self.queue();
        if queue.is_stuck && queue.is_given_up {
            return Err(GIVEN_UP.into());
        }
        let own = self.hand_over(&mut queue, bytes);
        queue = self.wait(queue, Duration::MAX, |queue| queue.written >= own || queue.is_given_up);
        queue = self.wait(queue, LEAVING, |queue| queue.written >= own);
        if queue.written < own {
            queue.is_stuck = true;
            return Err(GIVEN_UP.into());
        }
        queue.error.take().map_or(Ok(()), Err)
    }

    /// Has `rows` stand below all lines, in the place of those that stood there. What is soon out of date is not worth waiting for:
    /// nothing is written if anything is waiting already, unless it is to take the rows away.
    pub(crate) fn show(&'static self, rows: &[String]) {
        let mut queue = self.queue();
        let is_nothing = rows.is_empty() && queue.board.rows == 0;
        if is_nothing || (queue.written < queue.asked && !rows.is_empty()) {
            return;
        }
        let text = rows.iter().map(|row| format!("{row}\u{1b}[K")).collect::<Vec<_>>().join("\n");
        let board = Board { rows: rows.len(), text };
        let bytes = board.in_place_of(&queue.board);
        queue.board = board;
        self.hand_over(&mut queue, bytes.as_bytes());
    }

    /// Waits until all is written, but for no reader who reads nothing for as long as `patience`.
    pub(crate) fn finish(&self, patience: Duration) {
        let mut queue = self.queue();
        let (mut written, mut since) = (queue.written, Instant::now());
        while queue.written < queue.asked {
            if queue.written > written {
                (written, since) = (queue.written, Instant::now());
            }
            let most = if queue.is_given_up { patience.min(LEAVING) } else { patience };
            let left = most.saturating_sub(since.elapsed());
            if left.is_zero() {
                return;
            }
            queue = self.changed.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// As [`Voice::finish`] for a moment, unless it is known that nobody reads.
    pub(crate) fn keep_up(&self) {
        if !self.queue().is_stuck {
            self.finish(MOMENT);
            let mut queue = self.queue();
            queue.is_stuck |= queue.written < queue.asked;
        }
    }

    /// Lets nobody wait any longer: the process is to end.
    pub(crate) fn give_up(&self) {
        self.queue().is_given_up = true;
        self.changed.notify_all();
    }

    /// Whether data was not written, since it was given up.
    pub(crate) fn was_abandoned(&self) -> bool {
        let queue = self.queue();
        queue.is_given_up && queue.written < queue.asked
    }

    fn hand_over(&'static self, queue: &mut Queue, bytes: &[u8]) -> u64 {
        queue.asked += 1;
        if !queue.has_thread {
            let writer = thread::Builder::new().name(self.name.to_owned()).spawn(|| self.write_all());
            queue.has_thread = writer.is_ok();
        }
        if queue.has_thread {
            queue.bytes += bytes.len();
            queue.waiting.push_back(bytes.to_vec());
            self.changed.notify_all();
        } else {
            // A machine without a thread to spare: the one who speaks writes.
            queue.error = (self.write)(bytes).err();
            queue.written += 1;
        }
        queue.asked
    }

    fn write_all(&self) {
        let mut queue = self.queue();
        loop {
            let Some(mut bytes) = queue.waiting.pop_front() else {
                queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let length = bytes.len();
            if queue.waiting.is_empty() && queue.lost > 0 {
                if std::mem::take(&mut queue.board).rows > 0 {
                    bytes.push(b'\n');
                }
                bytes.extend((self.missing)(std::mem::take(&mut queue.lost)).bytes());
            }
            drop(queue);
            let result = (self.write)(&bytes);
            queue = self.queue();
            queue.bytes -= length;
            queue.written += 1;
            queue.is_stuck = false;
            queue.error = result.err();
            self.changed.notify_all();
        }
    }

    fn wait<'a>(
        &self,
        mut queue: MutexGuard<'a, Queue>,
        most: Duration,
        done: impl Fn(&Queue) -> bool,
    ) -> MutexGuard<'a, Queue> {
        let began = Instant::now();
        while !done(&queue) {
            let left = most.saturating_sub(began.elapsed());
            if left.is_zero() {
                break;
            }
            // Not every system takes a longer time.
            let waited = self.changed.wait_timeout(queue, left.min(Duration::from_secs(3600)));
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        queue
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a busy machine may take to write a line; a reader who takes longer does not read.
const MOMENT: Duration = Duration::from_millis(200);

/// What a reader has to go on reading once the process is to end.
const LEAVING: Duration = Duration::from_secs(1);

/// More is not kept for a reader who does not read, in bytes.
const MOST_WAITING: usize = 1 << 18;

const GIVEN_UP: io::ErrorKind = io::ErrorKind::TimedOut;

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    static READS: AtomicBool = AtomicBool::new(false);
    static READ: Mutex<Vec<u8>> = Mutex::new(Vec::new());

    fn write(bytes: &[u8]) -> io::Result<()> {
        while !READS.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(5));
        }
        READ.lock().unwrap().extend(bytes);
        Ok(())
    }

    fn missing(lines: u64) -> String {
        format!("({lines} missing)\n")
    }

    #[test]
    fn words_wait_for_no_reader_and_are_lost_only_if_they_are_too_many() {
        static VOICE: Voice = Voice::new("test", write, missing);
        let began = Instant::now();
        (0..100).for_each(|line| VOICE.say(format!("{line}\n").as_bytes()));
        assert!(began.elapsed() < MOMENT, "{:?}", began.elapsed());
        // The first of these waits for room, and the others know that there will be none.
        (0..100).for_each(|_| VOICE.say(&vec![b'x'; MOST_WAITING]));
        VOICE.show(&["a bar".to_owned()]);
        VOICE.keep_up();
        assert!(began.elapsed() < 10 * MOMENT, "{:?}", began.elapsed());
        VOICE.finish(Duration::from_millis(10));
        assert!(READ.lock().unwrap().is_empty());
        READS.store(true, Ordering::SeqCst);
        VOICE.finish(Duration::from_secs(20));
        let read = String::from_utf8(READ.lock().unwrap().clone()).unwrap();
        assert_eq!(read, (0..100).map(|line| format!("{line}\n")).collect::<String>() + "(100 missing)\n");
    }

    #[test]
    fn data_waits_for_its_reader_until_it_is_given_up() {
        static READS: AtomicBool = AtomicBool::new(false);
        static VOICE: Voice = Voice::new(
            "test",
            |_| {
                while !READS.load(Ordering::SeqCst) {
                    thread::sleep(Duration::from_millis(5));
                }
                Err(io::ErrorKind::StorageFull.into())
            },
            missing,
        );
        let waiting = thread::spawn(|| VOICE.tell(b"data\n").unwrap_err().kind());
        thread::sleep(2 * MOMENT);
        assert!(!waiting.is_finished());
        VOICE.give_up();
        assert_eq!(waiting.join().unwrap(), GIVEN_UP);
        let began = Instant::now();
        assert_eq!(VOICE.tell(b"more\n").unwrap_err().kind(), GIVEN_UP);
        VOICE.finish(20 * LEAVING);
        assert!(began.elapsed() < 2 * LEAVING, "{:?}", began.elapsed());
        assert!(VOICE.was_abandoned());
        READS.store(true, Ordering::SeqCst);
        VOICE.finish(20 * LEAVING);
        assert!(!VOICE.was_abandoned());
        assert_eq!(VOICE.tell(b"late\n").unwrap_err().kind(), io::ErrorKind::StorageFull, "it is told as it is");
    }

    /// What a terminal of the usual kind shows after these bytes: each row without what was wiped out.
    fn screen(bytes: &str) -> Vec<String> {
        let (mut rows, mut row, mut column) = (vec![String::new()], 0, 0);
        let mut rest = bytes;
        while let Some(char) = rest.chars().next() {
            rest = &rest[char.len_utf8()..];
            match char {
                '\r' => column = 0,
                '\n' => (row, column) = (row + 1, 0),
                '\u{1b}' => {
                    let end = rest.find(char::is_alphabetic).unwrap();
                    match (&rest[1..end], &rest[end..=end]) {
                        (up, "A") => row -= up.parse::<usize>().unwrap(),
                        (_, "K") => rows[row].truncate(column),
                        (_, "J") => {
                            rows[row].truncate(column);
                            rows.truncate(row + 1);
                        }
                        (mode, _) => assert!(mode == "?7", "{mode}"),
                    }
                    rest = &rest[end + 1..];
                }
                char => {
                    let after = rows[row].len().min(column + 1);
                    rows[row].replace_range(column..after, &char.to_string());
                    column += 1;
                }
            }
            rows.resize(rows.len().max(row + 1), String::new());
        }
        rows
    }

    #[test]
    fn rows_stay_below_all_words_and_leave_nothing_behind() {
        static SEEN: Mutex<String> = Mutex::new(String::new());
        static VOICE: Voice = Voice::new(
            "test",
            |bytes| {
                SEEN.lock().unwrap().push_str(std::str::from_utf8(bytes).unwrap());
                Ok(())
            },
            missing,
        );
        let show = |rows: &[&str]| {
            VOICE.finish(20 * LEAVING);
            VOICE.show(&rows.iter().map(|row| (*row).to_owned()).collect::<Vec<_>>());
            VOICE.finish(20 * LEAVING);
            screen(&SEEN.lock().unwrap())
        };
        show(&[]);
        assert!(SEEN.lock().unwrap().is_empty(), "a stream that has no rows is sent nothing");
        VOICE.say(b"begun\n");
        assert_eq!(show(&["10 %", "a 1/2", "b 0/2"]), ["begun", "10 %", "a 1/2", "b 0/2"]);
        VOICE.say(b"a warning\n");
        assert_eq!(show(&["100 %", "a"]), ["begun", "a warning", "100 %", "a"], "shorter rows, and fewer");
        assert_eq!(show(&[]), ["begun", "a warning", ""]);
    }
}
