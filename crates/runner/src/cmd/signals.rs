//! What the user, an engine or a closed terminal says to a running command: Ctrl-C, SIGTERM, SIGHUP.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use ttlsweep_console::say;
use ttlsweep_console::signals::{HANGUP, is_ignored};

use crate::cmd::exit::{ExitCode, Failure};
use crate::stop::StopSwitch;

/// The signals that end a command in order.
#[derive(Debug)]
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// `None` if the process that started this asked for it to be ignored, as `nohup` does.
    hangup: Option<Signal>,
}

impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    /// The system has no descriptors left for it.
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: if is_ignored(HANGUP) { None } else { Some(signal(SignalKind::hangup())?) },
        })
    }

    /// Waits for any of them.
    pub(super) async fn any(&mut self) {
        tokio::select! {
            () = asked(&mut self.interrupt, &mut self.terminate) => {}
            () = hung_up(self.hangup.as_mut()) => {}
        }
    }

    /// Waits for somebody to insist. A closed terminal sends its hangup twice, from the kernel and from the shell, and nobody
    /// is there who would.
    async fn insisted(&mut self) {
        asked(&mut self.interrupt, &mut self.terminate).await;
    }
}

async fn asked(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

async fn hung_up(hangup: Option<&mut Signal>) {
    match hangup {
        Some(hangup) => drop(hangup.recv().await),
        None => std::future::pending().await,
    }
}

/// Two switches, `stop` and `leave`. Ctrl-C, SIGTERM or SIGHUP throws `stop`; a second one throws `leave`, and ends the process
/// with `code` if it has not come to its end soon after; a third one ends it at once.
///
/// # Errors
/// The system has no descriptors left to listen for them.
pub(super) fn stop_on_signals(code: ExitCode) -> Result<(StopSwitch, StopSwitch), Failure> {
    let mut signals = Signals::listen()
        .map_err(|error| Failure::internal(format!("Ctrl-C and SIGTERM cannot be listened for: {error}")))?;
    let (stop, leave) = (StopSwitch::new(), StopSwitch::new());
    let switches = (stop.clone(), leave.clone());
    tokio::spawn(async move {
        signals.any().await;
        // Before a word is said: anyone who would read it may be gone, and the run must end anyway.
        stop.throw();
        say::give_up();
        say!(
            "stopping: transfers under way are recorded as cancelled, and what lies in the bucket is deleted; once more \
             leaves it there"
        );
        signals.insisted().await;
        leave.throw();
        tokio::select! {
            () = tokio::time::sleep(LEAVING) => {}
            () = signals.insisted() => {}
        }
        std::process::exit(code as i32);
    });
    Ok(switches)
}

/// What a run that leaves its objects may take to close its files.
const LEAVING: Duration = Duration::from_secs(2);
