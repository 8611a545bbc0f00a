//! What the user, an engine or a closed terminal says to a running command: Ctrl-C, SIGTERM, SIGHUP.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use ttlsweep_console::say;
use ttlsweep_console::signals::{HANGUP, is_ignored};

use super::LEAVING;
use crate::cmd::exit::ExitCode;
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

/// At Ctrl-C, SIGTERM or SIGHUP throws `stop`; at a second one `leave`, and ends the process with `code` if it has not come to
/// its end soon after; a third one ends it at once.
///
/// # Errors
/// The system has no descriptors left to listen for them.
pub(super) fn stop_on_signals(stop: &StopSwitch, leave: &StopSwitch, code: ExitCode) -> io::Result<()> {
    let mut signals = Signals::listen()
        .map_err(|error| io::Error::new(error.kind(), format!("Ctrl-C and SIGTERM cannot be listened for: {error}")))?;
    let (stop, leave) = (stop.clone(), leave.clone());
    tokio::spawn(async move {
        signals.any().await;
        // Before a word is said: anyone who would read it may be gone, and the run must end anyway.
        stop.throw();
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
    Ok(())
}
