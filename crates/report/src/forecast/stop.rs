//! Ctrl-C, SIGTERM and SIGHUP: they raise a flag, which is looked at between two simulated runs.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tokio::signal::unix::{Signal, SignalKind, signal};
use ttlsweep_console::signals::{HANGUP, is_ignored};

/// A flag that is raised by the first of these signals.
///
/// # Errors
/// The system has no descriptors or threads left for it.
pub(super) fn on_signals() -> io::Result<Arc<AtomicBool>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let mut signals = {
        let _entered = runtime.enter();
        let hangup = if is_ignored(HANGUP) { None } else { Some(signal(SignalKind::hangup())?) };
        [Some(signal(SignalKind::interrupt())?), Some(signal(SignalKind::terminate())?), hangup]
    };
    let stopped = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stopped);
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let [interrupt, terminate, hangup] = &mut signals;
        runtime.block_on(async {
            tokio::select! {
                () = came(interrupt) => {}
                () = came(terminate) => {}
                () = came(hangup) => {}
            }
        });
        flag.store(true, Ordering::Relaxed);
    })?;
    Ok(stopped)
}

async fn came(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}
