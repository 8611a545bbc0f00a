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
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;

use tokio::sync::oneshot;
use ttlsweep_record::row::Row;
use ttlsweep_record::{
    Cell, ClockRecord, DecisionRecord, EventRecord, HarnessRecord, ObjectRecord, SampleRecord, TransferRecord,
    TrialRecord,
};
use ttlsweep_rundir::csv_file::RowWriter;
use ttlsweep_rundir::disk::{self, Watched};
use ttlsweep_rundir::files::{self, EXPERIMENT, JOURNAL, named};

use crate::stop::StopSwitch;
use crate::transfer::record::Rows;

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
    Decisions(Vec<DecisionRecord>),
    Flushed(oneshot::Sender<()>),
    Finish,
}

impl RowSink {
    /// A sink that keeps its rows in memory, for a transfer that is looked at and not recorded.
    pub(crate) fn in_memory() -> (Self, RowsInMemory) {
        let (sender, receiver) = mpsc::channel();
        (Self(sender), RowsInMemory(receiver))
    }

    /// A transfer has started.
    pub(crate) fn started(&self, row: TransferRecord) {
        self.send(Message::Started(Box::new(row)));
    }

    /// A transfer has ended.
    pub(crate) fn ended(&self, rows: Rows) {
        self.send(Message::Ended(Box::new(rows)));
    }

    /// A trial is over; its transfers were handed in before.
    pub(crate) fn trial(&self, row: TrialRecord, harness: HarnessRecord) {
        self.send(Message::Trial(Box::new((row, harness))));
    }

    /// Something was made in the bucket, or deleted.
    pub(crate) fn object(&self, row: ObjectRecord) {
        self.send(Message::Object(Box::new(row)));
    }

    /// Something was learned of a clock.
    pub(crate) fn clock(&self, row: ClockRecord) {
        self.send(Message::Clock(Box::new(row)));
    }

    /// The targets were looked at between two blocks.
    pub(crate) fn decisions(&self, rows: Vec<DecisionRecord>) {
        self.send(Message::Decisions(rows));
    }

    /// Waits until all that was handed in before can be read in the files. Returns whether it can: not if a row could not be
    /// written.
    pub(crate) async fn flushed(&self) -> bool {
        let (sender, receiver) = oneshot::channel();
        self.send(Message::Flushed(sender));
        receiver.await.is_ok()
    }

    fn send(&self, message: Message) {
        // The thread is gone only after a write error, which it reports itself and which has stopped the run.
        let _ = self.0.send(message);
    }
}

/// The rows that were handed to a sink in memory.
#[derive(Debug)]
pub(crate) struct RowsInMemory(Receiver<Message>);

impl RowsInMemory {
    /// The rows of every transfer that has ended.
    pub(crate) fn ended(&self) -> Vec<Rows> {
        let rows = self.0.try_iter().filter_map(|message| match message {
            Message::Ended(rows) => Some(*rows),
            Message::Started(_)
            | Message::Trial(_)
            | Message::Object(_)
            | Message::Clock(_)
            | Message::Decisions(_)
            | Message::Flushed(_)
            | Message::Finish => None,
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

/// Creates every file of a new run in `folder`, on the disk.
///
/// # Errors
/// A file is there already, or cannot be written.
pub fn create(folder: &Path, cells: &[Cell]) -> io::Result<()> {
    files::create(folder, cells)?;
    // What cannot be opened again, for lack of descriptors for one, is reported before the run has a name.
    Writers::append_to(folder).map(drop)
}

/// The run's files as this process writes them. To one that another process cut or took away no row is added any more: rows
/// are gone that stand for transfers.
struct Writers {
    journal: RowWriter<TransferRecord>,
    transfers: RowWriter<TransferRecord>,
    events: RowWriter<EventRecord>,
    samples: RowWriter<SampleRecord>,
    harness: RowWriter<HarnessRecord>,
    trials: RowWriter<TrialRecord>,
    objects: RowWriter<ObjectRecord>,
    clock: RowWriter<ClockRecord>,
    decisions: RowWriter<DecisionRecord>,
    /// What is read only, with its length: without it nobody can make sense of the rows.
    given: Vec<(Watched, u64)>,
}

impl Writers {
    fn append_to(folder: &Path) -> io::Result<Self> {
        Ok(Self {
            journal: named(JOURNAL, RowWriter::append_as(&folder.join(JOURNAL)))?,
            transfers: append_to(folder)?,
            events: append_to(folder)?,
            samples: append_to(folder)?,
            harness: append_to(folder)?,
            trials: append_to(folder)?,
            objects: append_to(folder)?,
            clock: append_to(folder)?,
            decisions: append_to(folder)?,
            given: [Cell::FILE, EXPERIMENT]
                .into_iter()
                .map(|name| folder.join(name))
                .filter(|path| disk::is_there(path))
                .map(|path| {
                    disk::open(&path).and_then(|file| Ok((Watched::new(&path, &file)?, file.metadata()?.len())))
                })
                .collect::<io::Result<_>>()?,
        })
    }

    /// Writes rows as they come and flushes whenever no more are waiting: each row reaches the file as it happens, and a
    /// thousand that come at once cost one flush.
    fn write_all(&mut self, rows: &Receiver<Message>) -> io::Result<()> {
        let mut finished = false;
        while let Ok(first) = rows.recv() {
            self.unchanged()?;
            let (mut trials, mut waiting) = (Vec::new(), Vec::new());
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
                    Message::Decisions(rows) => {
                        write_each(&mut self.decisions, &rows)?;
                        // It may end the run.
                        self.decisions.sync()?;
                    }
                    Message::Flushed(sender) => waiting.push(sender),
                    Message::Finish => finished = true,
                }
            }
            self.flush_transfers()?;
            self.objects.flush()?;
            self.clock.flush()?;
            self.end_trials(&trials)?;
            for sender in waiting {
                // The one that waits may have given up.
                let _: Result<(), ()> = sender.send(());
            }
            if finished {
                // The last batch was cut, too, if somebody cut a file while it was written.
                return self.unchanged();
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

    /// Holds the files against how they were left.
    fn unchanged(&self) -> io::Result<()> {
        self.transfers.unchanged()?;
        self.journal.unchanged()?;
        self.events.unchanged()?;
        self.samples.unchanged()?;
        self.harness.unchanged()?;
        self.trials.unchanged()?;
        self.objects.unchanged()?;
        self.clock.unchanged()?;
        self.decisions.unchanged()?;
        self.given.iter().try_for_each(|(file, len)| file.holds(*len))
    }

    fn flush_transfers(&mut self) -> io::Result<()> {
        self.journal.flush()?;
        self.transfers.flush()?;
        self.events.flush()?;
        self.samples.flush()?;
        self.harness.flush()
    }
}

/// Opens a file of the run to go on writing.
///
/// # Errors
/// It cannot be written; the message names it.
pub(crate) fn append_to<R: Row>(folder: &Path) -> io::Result<RowWriter<R>> {
    named(R::FILE, RowWriter::append_to(folder))
}

fn write_each<R: Row>(writer: &mut RowWriter<R>, rows: &[R]) -> io::Result<()> {
    rows.iter().try_for_each(|row| writer.write(row))
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn a_file_that_is_cut_while_a_batch_is_written_is_reported_after_that_batch() {
        let folder = tempfile::tempdir().unwrap();
        create(folder.path(), &[]).unwrap();
        let mut writers = Writers::append_to(folder.path()).unwrap();
        writers.unchanged().unwrap();
        // What a batch does between its look at the files and its note of them.
        File::options().write(true).open(folder.path().join(TrialRecord::FILE)).unwrap().set_len(3).unwrap();
        writers.flush_transfers().unwrap();
        let reported = writers.unchanged().unwrap_err().to_string();
        assert!(reported.contains("trials.csv was cut, or written to by another program"), "{reported}");
    }
}
