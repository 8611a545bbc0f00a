//! Links from a command. It is started when the first link is asked for, and answers each line with a line. If it ends after an
//! answer, it is started again for the next one.

use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::answer::without_queries;
use super::unanswered::{MOST_BYTES, Unanswered};
use crate::lock::lock;
use crate::s3::error_document::reported;

/// Starts the command, as often as links are asked for at once, and asks it.
pub(super) struct Workers {
    words: Vec<String>,
    folder: String,
    idle: Mutex<Vec<Worker>>,
    places: Semaphore,
}

/// A process that runs, with all that it started: they end when this is dropped.
struct Worker {
    child: Child,
    /// Its number, until it is ended.
    group: Option<Pid>,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    complaints: Arc<Mutex<Vec<u8>>>,
    listening: JoinHandle<()>,
}

/// Why a process gave no line.
enum Silent {
    /// It had ended.
    Ended,
    Wrong(String),
}

impl Workers {
    pub(super) fn new(words: Vec<String>, folder: String) -> Self {
        Self { words, folder, idle: Mutex::default(), places: Semaphore::new(MOST_WORKERS) }
    }

    /// The line that the command answers with. If this is dropped before, so is the process: its late answer would be taken for
    /// the next link's.
    pub(super) async fn ask(&self, line: &str) -> Result<String, Unanswered> {
        let _place = self.places.acquire().await;
        let idle = lock(&self.idle).pop();
        if let Some(mut worker) = idle {
            match worker.ask(line).await {
                Ok(answer) => return Ok(self.put_back(worker, answer)),
                // It may be one that answers once.
                Err(Silent::Ended) => {}
                Err(Silent::Wrong(problem)) => return Err(Unanswered::Wrong(problem)),
            }
        }
        let mut worker = self.start()?;
        match worker.ask(line).await {
            Ok(answer) => Ok(self.put_back(worker, answer)),
            Err(Silent::Ended) => Err(Unanswered::Wrong(worker.how_it_ended().await)),
            Err(Silent::Wrong(problem)) => Err(Unanswered::Wrong(problem)),
        }
    }

    fn put_back(&self, worker: Worker, answer: String) -> String {
        lock(&self.idle).push(worker);
        answer
    }

    fn start(&self) -> Result<Worker, Unanswered> {
        let program = &self.words[0];
        // A path is the folder's own; a name alone is looked for as a shell does.
        let path = if program.contains('/') { Path::new(&self.folder).join(program) } else { program.into() };
        let child = Command::new(path)
            .args(&self.words[1..])
            .current_dir(&self.folder)
            // Ctrl-C is for ttlsweep, which still has links to ask for until its transfers are over.
            .process_group(0)
            .kill_on_drop(true)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = child.map_err(|error| Unanswered::Wrong(format!("`{program}` cannot be started: {error}")))?;
        let (Some(input), Some(output), Some(errors)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(Unanswered::Wrong(format!("`{program}` has no streams")));
        };
        let complaints = Arc::default();
        let listening = tokio::spawn(listen(errors, Arc::clone(&complaints)));
        let group = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        Ok(Worker { child, group, input, output: BufReader::new(output), complaints, listening })
    }
}

impl Worker {
    async fn ask(&mut self, line: &str) -> Result<String, Silent> {
        if !self.output.buffer().is_empty() {
            return Err(Silent::Wrong(
                "it gave more than one line for a link, so that it is unclear which line belongs to the next link"
                    .to_owned(),
            ));
        }
        let write = async {
            self.input.write_all(line.as_bytes()).await?;
            self.input.write_all(b"\n").await?;
            self.input.flush().await
        };
        // One that does not listen may give links anyway; one that has ended gives none.
        let _: std::io::Result<()> = write.await;
        let mut answer = Vec::new();
        while answer.trim_ascii().is_empty() {
            answer.clear();
            let most = MOST_BYTES as u64;
            let read = (&mut self.output).take(most).read_until(b'\n', &mut answer).await;
            if read.map_err(|error| Silent::Wrong(format!("its answer cannot be read: {error}")))? == 0 {
                return Err(Silent::Ended);
            }
        }
        if answer.len() == MOST_BYTES && !answer.ends_with(b"\n") {
            return Err(Silent::Wrong(format!("its answer is longer than {MOST_BYTES} bytes")));
        }
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    /// How the process ended, in words, with the last that it wrote to stderr.
    async fn how_it_ended(&mut self) -> String {
        let ended = tokio::time::timeout(LAST_WORDS, async {
            while !self.has_ended() {
                tokio::time::sleep(GLANCE).await;
            }
            // Before it is waited for: from then on its number may be that of a stranger's group.
            self.end_group();
            let status = self.child.wait().await;
            let _ = (&mut self.listening).await;
            status
        });
        let how = match ended.await {
            Ok(Ok(status)) => format!("it ended without an answer ({status})"),
            _ => "it closed its output without an answer".to_owned(),
        };
        let said = String::from_utf8_lossy(&lock(&self.complaints)).into_owned();
        let said = reported(&without_queries(said.trim()));
        if said.is_empty() { how } else { format!("{how} and said: {said}") }
    }

    /// Whether it has ended; it is not waited for, and keeps its number.
    fn has_ended(&self) -> bool {
        let looked = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        self.group.is_none_or(|group| matches!(waitid(WaitId::Pid(group), looked), Ok(Some(_)) | Err(_)))
    }

    /// Ends all that it has started, which is of its group, and itself. Once: the number is its own only until it is waited for.
    fn end_group(&mut self) {
        if let Some(group) = self.group.take() {
            // Nothing is left to end if all has ended.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.listening.abort();
        self.end_group();
    }
}

/// Keeps the end of what a process writes to stderr. All of it is read, or the process would wait for a reader.
async fn listen(mut errors: ChildStderr, kept: Arc<Mutex<Vec<u8>>>) {
    let mut piece = [0; 1024];
    while let Ok(read @ 1..) = errors.read(&mut piece).await {
        let mut kept = lock(&kept);
        kept.extend_from_slice(&piece[..read]);
        let surplus = kept.len().saturating_sub(MOST_KEPT);
        kept.drain(..surplus);
    }
}

/// Processes at once: links are asked for by many users, and a program that takes half a second for each would hold them up.
const MOST_WORKERS: usize = 16;
const MOST_KEPT: usize = 1 << 10;
/// From one look at a process that is about to end to the next.
const GLANCE: std::time::Duration = std::time::Duration::from_millis(5);
/// A process that has closed its output is about to end.
const LAST_WORDS: std::time::Duration = std::time::Duration::from_secs(1);
