//! The run's CSV files, written by one thread in the order in which rows are handed in.
//!
//! A transfer is journaled when it starts, so that one that is in flight when the process is killed is not lost: `resume`
//! turns what the journal holds and `transfers.csv` does not into `cancelled` rows. The journal has the columns of
//! `transfers.csv` and goes when the run is whole.

use std::io;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;

use ttlsweep_record::csv_file::RowWriter;
use ttlsweep_record::row::Row;
use ttlsweep_record::{Cell, EventRecord, HarnessRecord, ObjectRecord, SampleRecord, TransferRecord, TrialRecord};

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
            Message::Started(_) | Message::Trial(_) | Message::Object(_) | Message::Finish => None,
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
    /// Creates every file of a new run in `folder` with its header, and `cells.csv` whole.
    ///
    /// # Errors
    /// A file is there already, or cannot be written.
    pub fn create(folder: &Path, cells: &[Cell], stop: StopSwitch) -> io::Result<Self> {
        let mut writer = RowWriter::create(folder)?;
        for cell in cells {
            writer.write(cell)?;
        }
        writer.flush()?;
        Ok(Self::start(Writers::create(folder)?, stop))
    }

    /// Opens the files of a run that goes on.
    ///
    /// # Errors
    /// A file is missing or cannot be written.
    pub fn reopen(folder: &Path, stop: StopSwitch) -> io::Result<Self> {
        Ok(Self::start(Writers::append_to(folder)?, stop))
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

    fn start(mut writers: Writers, stop: StopSwitch) -> Self {
        let (sender, receiver) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            // A run whose rows cannot be kept must not go on.
            writers.write_all(&receiver).inspect_err(|_| stop.throw())
        });
        Self { sink: RowSink(sender), thread }
    }
}

struct Writers {
    journal: RowWriter<TransferRecord>,
    transfers: RowWriter<TransferRecord>,
    events: RowWriter<EventRecord>,
    samples: RowWriter<SampleRecord>,
    harness: RowWriter<HarnessRecord>,
    trials: RowWriter<TrialRecord>,
    objects: RowWriter<ObjectRecord>,
}

impl Writers {
    fn create(folder: &Path) -> io::Result<Self> {
        Ok(Self {
            journal: RowWriter::create_as(&folder.join(JOURNAL))?,
            transfers: RowWriter::create(folder)?,
            events: RowWriter::create(folder)?,
            samples: RowWriter::create(folder)?,
            harness: RowWriter::create(folder)?,
            trials: RowWriter::create(folder)?,
            objects: RowWriter::create(folder)?,
        })
    }

    fn append_to(folder: &Path) -> io::Result<Self> {
        let journal = folder.join(JOURNAL);
        // A run that is whole has no journal, and one of an older version says nothing about the harness.
        let harness = folder.join(HarnessRecord::FILE);
        Ok(Self {
            journal: if journal.exists() { RowWriter::append_as(&journal)? } else { RowWriter::create_as(&journal)? },
            transfers: RowWriter::append_to(folder)?,
            events: RowWriter::append_to(folder)?,
            samples: RowWriter::append_to(folder)?,
            harness: if harness.exists() { RowWriter::append_to(folder)? } else { RowWriter::create(folder)? },
            trials: RowWriter::append_to(folder)?,
            objects: append_objects(folder)?,
        })
    }

    /// Writes rows as they come and flushes whenever no more are waiting: each row reaches the file as it happens, and a
    /// thousand that come at once cost one flush.
    fn write_all(&mut self, rows: &Receiver<Message>) -> io::Result<()> {
        while let Ok(first) = rows.recv() {
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
                        // A trial counts as whole by its row, so all else of it must be in the files before that.
                        self.flush_transfers()?;
                        self.trials.write(&trial)?;
                    }
                    Message::Object(row) => self.objects.write(&row)?,
                    Message::Finish => {
                        self.flush_transfers()?;
                        self.objects.flush()?;
                        return self.trials.flush();
                    }
                }
            }
            self.flush_transfers()?;
            self.objects.flush()?;
            self.trials.flush()?;
        }
        Ok(())
    }

    fn flush_transfers(&mut self) -> io::Result<()> {
        self.journal.flush()?;
        self.transfers.flush()?;
        self.events.flush()?;
        self.samples.flush()?;
        self.harness.flush()
    }
}

/// Opens `objects.csv` to go on writing; runs of earlier versions have none.
///
/// # Errors
/// The file cannot be written.
pub fn append_objects(folder: &Path) -> io::Result<RowWriter<ObjectRecord>> {
    if folder.join(ObjectRecord::FILE).exists() { RowWriter::append_to(folder) } else { RowWriter::create(folder) }
}

fn write_each<R: Row>(writer: &mut RowWriter<R>, rows: &[R]) -> io::Result<()> {
    rows.iter().try_for_each(|row| writer.write(row))
}
