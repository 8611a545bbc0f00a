//! An upload's success that need not be the store's word, and what a look-up of its object makes of it.

use ttlsweep_record::{EventKind, ObjectState, Outcome, Phase};

use super::record::Rows;

/// What a store has at an upload's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// An object or a part, of so many bytes; `None` if the store does not say.
    Present(Option<u64>),
    /// Nothing.
    Absent,
    /// Nobody told, or whoever told need not be the store.
    Unknown,
}

impl Found {
    /// The word for it.
    pub fn state(self) -> ObjectState {
        match self {
            Self::Present(_) => ObjectState::Present,
            Self::Absent => ObjectState::Absent,
            Self::Unknown => ObjectState::Unknown,
        }
    }
}

impl Rows {
    /// Settles a success that was [doubtful](Self::doubtful) by what was found: it stays a completed one unless the object
    /// is not there, or not whole.
    pub fn settle(&mut self, found: Found) {
        let row = &mut self.transfer;
        row.object_state = Some(found.state());
        let missing = match found {
            Found::Absent => "its object is not there".to_owned(),
            Found::Present(Some(bytes)) if bytes != row.body_bytes => {
                format!("its object has {bytes} of {} bytes", row.body_bytes)
            }
            Found::Present(_) => {
                row.answer = None;
                return;
            }
            Found::Unknown => return,
        };
        let early = row.early_response == Some(true);
        let status = row.status.map_or_else(String::new, |status| format!(" {status}"));
        let doubt = if early { "before the body had been sent" } else { "without ETag and request id" };
        row.outcome = Outcome::Altered;
        row.phase = if early { Phase::RequestBody } else { Phase::Wait };
        row.error = Some(format!("answered{status} {doubt}, and {missing}"));
        for event in self.events.iter_mut().filter(|event| event.event == EventKind::End) {
            event.value = Some(Outcome::Altered.to_string());
        }
    }
}
