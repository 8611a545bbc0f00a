//! The tape of one transfer: what happened when, kept in memory and written when the transfer is over.

use tokio::time::Instant;
use ttlsweep_record::units::micros;
use ttlsweep_record::{EventKind, EventRecord};

/// Events with their instants, in any order until they are written.
#[derive(Debug, Clone, Default)]
pub struct Tape {
    events: Vec<(Instant, EventKind, Option<String>)>,
}

impl Tape {
    /// Notes an event that happens now, with its value.
    pub(crate) fn note_with(&mut self, event: EventKind, value: impl Into<String>) {
        self.events.push((Instant::now(), event, Some(value.into())));
    }

    /// Notes an event that happened at `at`; `None` if it did not happen.
    pub(crate) fn note_at(&mut self, at: Option<Instant>, event: EventKind, value: Option<String>) {
        if let Some(at) = at {
            self.events.push((at, event, value));
        }
    }

    /// The rows, in the order of time, with times since `origin`.
    pub(crate) fn into_records(mut self, transfer_id: &str, origin: Instant) -> Vec<EventRecord> {
        self.events.sort_by_key(|(at, _, _)| *at);
        let row = |(at, event, value): (Instant, EventKind, Option<String>)| EventRecord {
            transfer_id: transfer_id.to_owned(),
            t_us: micros(at.saturating_duration_since(origin)),
            event,
            value,
        };
        self.events.into_iter().map(row).collect()
    }
}
