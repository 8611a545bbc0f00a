//! What an upload left behind, asked of the store.

use std::time::Duration;

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::operation::RequestId;
use ttlsweep_record::ObjectState;

use super::{Operation, Part, Store};
use crate::s3::object_key::ObjectKey;

/// A look-up that takes longer says nothing and holds its user up.
const LOOK_UP: Duration = Duration::from_secs(5);

/// What a store has at an upload's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FoundObject {
    /// An object or a part, of so many bytes; `None` if the store does not say.
    Present(Option<u64>),
    /// Nothing.
    Absent,
    /// Nobody answered, or what answered need not be the store.
    Unknown,
}

impl FoundObject {
    /// The word for it.
    pub(crate) fn state(self) -> ObjectState {
        match self {
            Self::Present(_) => ObjectState::Present,
            Self::Absent => ObjectState::Absent,
            Self::Unknown => ObjectState::Unknown,
        }
    }
}

impl Store {
    /// What an upload left behind: the object, or the part.
    pub async fn look_up(&self, operation: &Operation) -> FoundObject {
        let look = async {
            match &operation.part {
                None => self.head(&operation.key).await,
                Some(part) => self.find_part(&operation.key, part).await,
            }
        };
        tokio::time::timeout(LOOK_UP, look).await.unwrap_or(FoundObject::Unknown)
    }

    async fn head(&self, key: &ObjectKey) -> FoundObject {
        match self.control.head_object().bucket(&self.bucket).key(key.as_str()).send().await {
            // What answers every request with 200 has answered this one, too.
            Ok(head) if head.e_tag().is_none() && head.request_id().is_none() => FoundObject::Unknown,
            Ok(head) => FoundObject::Present(head.content_length().and_then(|bytes| u64::try_from(bytes).ok())),
            Err(error) if error.as_service_error().is_some_and(|error| error.is_not_found()) => FoundObject::Absent,
            Err(_) => FoundObject::Unknown,
        }
    }

    async fn find_part(&self, key: &ObjectKey, part: &Part) -> FoundObject {
        let listed = self
            .control
            .list_parts()
            .bucket(&self.bucket)
            .key(key.as_str())
            .upload_id(&part.upload_id)
            .part_number_marker((part.number - 1).to_string())
            .max_parts(1)
            .send()
            .await;
        match listed {
            Ok(parts) => {
                let number = i32::try_from(part.number).ok();
                let here = parts.parts().iter().find(|found| found.part_number == number);
                here.map_or(FoundObject::Absent, |part| {
                    FoundObject::Present(part.size().and_then(|bytes| u64::try_from(bytes).ok()))
                })
            }
            Err(error) if error.code() == Some("NoSuchUpload") => FoundObject::Absent,
            Err(_) => FoundObject::Unknown,
        }
    }
}
