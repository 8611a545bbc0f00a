//! An upload's success that need not be the store's word, and what a look-up of its object makes of it.

use ttlsweep_record::{EventKind, Outcome, Phase};

use super::record::Rows;
use crate::s3::FoundObject;

impl Rows {
    /// Settles a success that was [doubtful](Self::doubtful) by what was found: it stays a completed one unless the object
    /// is not there, or not whole.
    pub(crate) fn settle(&mut self, found: FoundObject) {
        let row = &mut self.transfer;
        row.object_state = Some(found.state());
        let missing = match found {
            FoundObject::Absent => "its object is not there".to_owned(),
            FoundObject::Present(Some(bytes)) if bytes != row.body_bytes => {
                format!("its object has {bytes} of {} bytes", row.body_bytes)
            }
            FoundObject::Present(_) => {
                row.answer = None;
                return;
            }
            FoundObject::Unknown => return,
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
