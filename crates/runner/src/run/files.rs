//! The run's CSV files, written by one thread in the order in which rows are handed in.
//!
//! A transfer is journaled when it starts, so that one that is in flight when the process is killed is not lost: `resume`
//! turns what the journal holds and `transfers.csv` does not into `cancelled` rows. The journal has the columns of
//! `transfers.csv` and goes when the run is whole.
//!
//! What outlasts what: a row that was written outlasts this process, whatever kills it. A trial that stands in
//! `trials.csv` outlasts the machine: its rows are on the disk (fsync) before its own is written, and its own before the
//! next batch. Of a trial that is under way when the power fails any rows may be missing; it is run again whole.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;

use ttlsweep_record::row::Row;
use ttlsweep_record::{
    Cell, ClockRecord, EventRecord, HarnessRecord, ObjectRecord, SampleRecord, TransferRecord, TrialRecord,
};
use ttlsweep_rundir::csv_file::RowWriter;
use ttlsweep_rundir::disk;

use crate::run::folder::EXPERIMENT;
use crate::stop::StopSwitch;
use crate::transfer::record::Rows;

/// The journal's name within a run's folder.
pub const JOURNAL: &str = "journal.csv";

/// Hands rows to the writing thread; as many copies as there are users.
#[derive(Debug, Clone)]
pub struct RowSink(Sender<Message>);

#[derive(Debug)]
enum Message {
    Started(Box<TransferRecord>),
    Ended(Box<Rows>),
    Trial(Box<(TrialRecord, HarnessRecord)>),
    Object(Box<ObjectRecord>),
    Clock(Box<ClockRecord>),
    Finish,
}

impl RowSink {
    /// A sink that keeps its rows in memory, for a transfer that is looked at and not recorded.
    pub fn in_memory() -> (Self, Kept) {
        let (sender, receiver) = mpsc::channel();
        (Self(sender), Kept(receiver))
    }

    /// A transfer has started.
    pub fn started(&self, row: TransferRecord) {
        self.send(Message::Started(Box::new(row)));
    }

    /// A transfer has ended.
    pub fn ended(&self, rows: Rows) {
        self.send(Message::Ended(Box::new(rows)));
    }

    /// A trial is over; its transfers were handed in before.
    pub fn trial(&self, row: TrialRecord, harness: HarnessRecord) {
        self.send(Message::Trial(Box::new((row, harness))));
    }

    /// Something was made in the bucket, or deleted.
    pub fn object(&self, row: ObjectRecord) {
        self.send(Message::Object(Box::new(row)));
    }

    /// Something was learned of a clock.
    pub fn clock(&self, row: ClockRecord) {
        self.send(Message::Clock(Box::new(row)));
    }

    fn send(&self, message: Message) {
        // The thread is gone only after a write error, which it reports itself and which has stopped the run.
        let _ = self.0.send(message);
    }
}

/// The rows that were handed to a sink in memory.
#[derive(Debug)]
pub struct Kept(Receiver<Message>);

impl Kept {
    /// The rows of every transfer that has ended.
    pub fn ended(&self) -> Vec<Rows> {
        let rows = self.0.try_iter().filter_map(|message| match message {
            Message::Ended(rows) => Some(*rows),
            Message::Started(_) | Message::Trial(_) | Message::Object(_) | Message::Clock(_) | Message::Finish => None,
        });
        rows.collect()
    }
}

/// The thread that writes.
#[derive(Debug)]
pub struct Files {
    sink: RowSink,
    thread: JoinHandle<io::Result<()>>,
}

impl Files {
    /// Opens the files of a run, which [`create`] made.
    ///
    /// # Errors
    /// A file is missing or cannot be written; the words name it.
    pub fn open(folder: &Path, stop: StopSwitch) -> io::Result<Self> {
        let mut writers = Writers::append_to(folder)?;
        let (sender, receiver) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            // A run whose rows cannot be kept must not go on.
            writers.write_all(&receiver).inspect_err(|_| stop.throw())
        });
        Ok(Self { sink: RowSink(sender), thread })
    }

    /// Where rows are handed in.
    pub fn sink(&self) -> RowSink {
        self.sink.clone()
    }

    /// Writes what is left and closes the files.
    ///
    /// # Errors
    /// A row could not be written, now or before.
    pub fn finish(self) -> io::Result<()> {
        self.sink.send(Message::Finish);
        self.thread.join().unwrap_or_else(|_| Err(io::Error::other("the writing thread panicked")))
    }
}

/// Creates every file of a new run in `folder` with its header, and `cells.csv` whole, on the disk.
///
/// # Errors
/// A file is there already, or cannot be written.
pub fn create(folder: &Path, cells: &[Cell]) -> io::Result<()> {
    let mut writer = named(Cell::FILE, RowWriter::create(folder))?;
    cells.iter().try_for_each(|cell| writer.write(cell))?;
    writer.sync()?;
    named(JOURNAL, RowWriter::<TransferRecord>::create_as(&folder.join(JOURNAL)))?.sync()?;
    make::<TransferRecord>(folder)?;
    make::<EventRecord>(folder)?;
    make::<SampleRecord>(folder)?;
    make::<HarnessRecord>(folder)?;
    make::<ObjectRecord>(folder)?;
    make::<ClockRecord>(folder)?;
    make::<TrialRecord>(folder)?;
    // What cannot be opened again, if descriptors are missing, is told before the run has a name.
    Writers::append_to(folder).map(drop)
}

fn make<R: Row>(folder: &Path) -> io::Result<()> {
    named(R::FILE, RowWriter::<R>::create(folder).and_then(|mut writer| writer.sync()))
}

struct Writers {
    journal: RowWriter<TransferRecord>,
    transfers: RowWriter<TransferRecord>,
    events: RowWriter<EventRecord>,
    samples: RowWriter<SampleRecord>,
    harness: RowWriter<HarnessRecord>,
    trials: RowWriter<TrialRecord>,
    objects: RowWriter<ObjectRecord>,
    clock: RowWriter<ClockRecord>,
    places: Places,
}

impl Writers {
    fn append_to(folder: &Path) -> io::Result<Self> {
        let journal = folder.join(JOURNAL);
        // A run that is whole has no journal, and one of an older version says nothing about harness and clocks.
        Ok(Self {
            journal: if disk::is_there(&journal) {
                named(JOURNAL, RowWriter::append_as(&journal))?
            } else {
                named(JOURNAL, RowWriter::create_as(&journal))?
            },
            transfers: append(folder)?,
            events: append(folder)?,
            samples: append(folder)?,
            harness: append_or_create(folder)?,
            trials: append(folder)?,
            objects: append_objects(folder)?,
            clock: append_or_create(folder)?,
            // Last, when all of them are there.
            places: Places::of(folder)?,
        })
    }

    /// Writes rows as they come and flushes whenever no more are waiting: each row reaches the file as it happens, and a
    /// thousand that come at once cost one flush.
    fn write_all(&mut self, rows: &Receiver<Message>) -> io::Result<()> {
        let mut finished = false;
        while let Ok(first) = rows.recv() {
            self.places.unchanged()?;
            let mut trials = Vec::new();
            for message in std::iter::once(first).chain(rows.try_iter()) {
                match message {
                    Message::Started(row) => self.journal.write(&row)?,
                    Message::Ended(rows) => {
                        self.transfers.write(&rows.transfer)?;
                        write_each(&mut self.events, &rows.events)?;
                        write_each(&mut self.samples, &rows.samples)?;
                    }
                    Message::Trial(rows) => {
                        let (trial, harness) = *rows;
                        self.harness.write(&harness)?;
                        trials.push(trial);
                    }
                    Message::Object(row) => self.objects.write(&row)?,
                    Message::Clock(row) => self.clock.write(&row)?,
                    Message::Finish => finished = true,
                }
            }
            self.flush_transfers()?;
            self.objects.flush()?;
            self.clock.flush()?;
            self.end_trials(&trials)?;
            self.places.expect(&self.lengths());
            if finished {
                // The last batch was cut, too, if somebody cut a file while it was written.
                return self.places.unchanged();
            }
        }
        Ok(())
    }

    /// A trial counts as whole by its row, so all else of it must be safe before that.
    fn end_trials(&mut self, trials: &[TrialRecord]) -> io::Result<()> {
        if trials.is_empty() {
            return Ok(());
        }
        self.journal.sync()?;
        self.transfers.sync()?;
        self.events.sync()?;
        self.samples.sync()?;
        self.harness.sync()?;
        write_each(&mut self.trials, trials)?;
        self.trials.sync()
    }

    /// How long each file is if nobody else wrote to it. Asking the file system instead would take a cut during a
    /// batch for the run's own doing.
    fn lengths(&self) -> [(&'static str, u64); 8] {
        [
            (JOURNAL, self.journal.flushed_bytes()),
            (TransferRecord::FILE, self.transfers.flushed_bytes()),
            (EventRecord::FILE, self.events.flushed_bytes()),
            (SampleRecord::FILE, self.samples.flushed_bytes()),
            (HarnessRecord::FILE, self.harness.flushed_bytes()),
            (TrialRecord::FILE, self.trials.flushed_bytes()),
            (ObjectRecord::FILE, self.objects.flushed_bytes()),
            (ClockRecord::FILE, self.clock.flushed_bytes()),
        ]
    }

    fn flush_transfers(&mut self) -> io::Result<()> {
        self.journal.flush()?;
        self.transfers.flush()?;
        self.events.flush()?;
        self.samples.flush()?;
        self.harness.flush()
    }
}

/// The run's files as this process left them. Writing to one that was deleted succeeds, and all of it is lost with the last
/// handle; of one that was cut, rows are gone that stand for transfers.
struct Places(Vec<Place>);

struct Place {
    path: PathBuf,
    file: (u64, u64),
    len: u64,
}

impl Places {
    fn of(folder: &Path) -> io::Result<Self> {
        let written = [
            TransferRecord::FILE,
            TrialRecord::FILE,
            EventRecord::FILE,
            SampleRecord::FILE,
            HarnessRecord::FILE,
            ObjectRecord::FILE,
            ClockRecord::FILE,
            JOURNAL,
        ];
        // Without these nobody can make sense of the others.
        let given = [Cell::FILE, EXPERIMENT];
        let there = written.into_iter().chain(given).map(|name| folder.join(name)).filter(|path| disk::is_there(path));
        there.map(Place::of).collect::<io::Result<_>>().map(Self)
    }

    /// Holds the files against how they were left.
    fn unchanged(&self) -> io::Result<()> {
        self.0.iter().try_for_each(|place| {
            if place.now()?.len == place.len {
                return Ok(());
            }
            Err(io::Error::other(format!("{} was cut, or written to by another program", place.path.display())))
        })
    }

    /// Takes note of how long the files named here are left.
    fn expect(&mut self, lengths: &[(&str, u64)]) {
        for place in &mut self.0 {
            let length = lengths.iter().find(|(name, _)| place.path.file_name().is_some_and(|file| file == *name));
            place.len = length.map_or(place.len, |(_, bytes)| *bytes);
        }
    }
}

impl Place {
    fn of(path: PathBuf) -> io::Result<Self> {
        let found = std::fs::metadata(&path)?;
        Ok(Self { file: (found.dev(), found.ino()), len: found.len(), path })
    }

    /// The same file as it is now.
    fn now(&self) -> io::Result<Self> {
        match Self::of(self.path.clone()) {
            Ok(now) if now.file == self.file => Ok(now),
            _ => Err(io::Error::other(format!("{} was deleted or moved", self.path.display()))),
        }
    }
}

/// Opens `objects.csv` to go on writing; runs of earlier versions have none.
///
/// # Errors
/// The file cannot be written.
pub fn append_objects(folder: &Path) -> io::Result<RowWriter<ObjectRecord>> {
    append_or_create(folder)
}

fn append_or_create<R: Row>(folder: &Path) -> io::Result<RowWriter<R>> {
    if disk::is_there(&folder.join(R::FILE)) { append(folder) } else { named(R::FILE, RowWriter::create(folder)) }
}

fn append<R: Row>(folder: &Path) -> io::Result<RowWriter<R>> {
    named(R::FILE, RowWriter::append_to(folder))
}

/// An error of the file system says which file it is about.
fn named<T>(name: &str, result: io::Result<T>) -> io::Result<T> {
    result.map_err(|error| io::Error::new(error.kind(), format!("{name}: {error}")))
}

fn write_each<R: Row>(writer: &mut RowWriter<R>, rows: &[R]) -> io::Result<()> {
    rows.iter().try_for_each(|row| writer.write(row))
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn a_file_that_is_cut_while_a_batch_is_written_is_told_after_that_batch() {
        let folder = tempfile::tempdir().unwrap();
        create(folder.path(), &[]).unwrap();
        let mut writers = Writers::append_to(folder.path()).unwrap();
        writers.places.unchanged().unwrap();
        // What a batch does between its look at the files and its note of them.
        File::options().write(true).open(folder.path().join(TrialRecord::FILE)).unwrap().set_len(3).unwrap();
        writers.flush_transfers().unwrap();
        writers.places.expect(&writers.lengths());
        let told = writers.places.unchanged().unwrap_err().to_string();
        assert!(told.contains("trials.csv was cut, or written to by another program"), "{told}");
    }
}
