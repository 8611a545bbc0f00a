//! Stopping: the user's Ctrl-C, or the end of a duration.

use tokio::sync::watch;
use tokio::time::Instant;

/// Why a transfer was stopped from this side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// Ctrl-C, SIGTERM, or a run that cannot go on.
    Interrupted,
    /// The trial's duration was over.
    DurationOver,
}

impl StopReason {
    /// In words, for the row.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Interrupted => "the run was interrupted",
            Self::DurationOver => "the trial's duration was over",
        }
    }
}

/// The switch that ends a run in order.
#[derive(Debug, Clone)]
pub struct StopSwitch(watch::Sender<bool>);

impl StopSwitch {
    /// A switch that is off.
    pub fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// Ends the run: transfers under way become `cancelled` rows.
    pub fn throw(&self) {
        self.0.send_replace(true);
    }

    /// Whether the run is to end.
    pub(crate) fn is_thrown(&self) -> bool {
        *self.0.borrow()
    }

    /// What a transfer listens to, with the end of its trial's duration where it has one.
    pub fn listen(&self, deadline: Option<Instant>) -> Stop {
        Stop { switch: self.0.subscribe(), deadline }
    }
}

impl Default for StopSwitch {
    fn default() -> Self {
        Self::new()
    }
}

/// What a transfer listens to.
#[derive(Debug, Clone)]
pub struct Stop {
    switch: watch::Receiver<bool>,
    deadline: Option<Instant>,
}

impl Stop {
    /// Waits until there is a reason to stop.
    pub(crate) async fn reason(&mut self) -> StopReason {
        let Self { switch, deadline } = self;
        let thrown = async {
            // An error says that nobody is left who could stop the run.
            if switch.wait_for(|thrown| *thrown).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let over = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(*deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = thrown => StopReason::Interrupted,
            () = over => StopReason::DurationOver,
        }
    }

    /// The reason to stop that holds already.
    pub(crate) fn now(&self) -> Option<StopReason> {
        if *self.switch.borrow() {
            return Some(StopReason::Interrupted);
        }
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline).then_some(StopReason::DurationOver)
    }

    /// Sleeps until `instant` unless there is a reason to stop before.
    pub(crate) async fn sleep_until(&mut self, instant: Instant) -> Option<StopReason> {
        tokio::select! {
            biased;
            reason = self.reason() => Some(reason),
            () = tokio::time::sleep_until(instant) => None,
        }
    }
}
