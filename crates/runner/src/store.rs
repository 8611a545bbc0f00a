//! The S3 side that is no measured transfer: credentials, signing, and the few requests before and after.
//!
//! aws-sdk-s3 signs and asks; it never carries a body that is measured, because its retries, checksums and
//! stalled-stream protection would change what is observed.

mod answer_limit;
mod connect;
mod control;
mod dates;
mod delete;
pub mod extras;
mod list;
mod listing_limit;
mod multipart;
mod origin;
mod overheard;
mod preflight;
mod put;
pub mod refusal;
mod region;
mod results;
mod sign;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::operation::RequestId;
use tokio_rustls::rustls;
use ttlsweep_record::Method;

use crate::dial::reach::Route;
use crate::object_key::ObjectKey;
use crate::transfer::look_up::Found;

pub use connect::{Access, StoreError, StoreSettings, Trust};
pub use delete::NotDeleted;
use extras::{EveryRequest, Extras};
pub use origin::Origin;
pub use preflight::PreflightError;
pub(crate) use preflight::plainer;
pub use put::NotPut;
pub use region::BucketAnswer;
pub use results::{NoResultsUrl, Results, ResultsError, ResultsUrl};
pub use sign::SignError;

/// One bucket at one endpoint, with the credentials to sign for it.
#[derive(Clone)]
pub struct Store {
    /// Signs transfers.
    client: aws_sdk_s3::Client,
    /// Asks whatever is no transfer.
    control: aws_sdk_s3::Client,
    bucket: String,
    region: String,
    credentials: aws_credential_types::provider::SharedCredentialsProvider,
    origin: Origin,
    tls: Arc<rustls::ClientConfig>,
    route: Route,
    extras: Arc<Extras>,
}

/// What is signed: a method and the object or part that it is about.
#[derive(Debug, Clone)]
pub struct Operation {
    /// The method.
    pub method: Method,
    /// The object's key.
    pub key: ObjectKey,
    /// The multipart upload and the part's number, for `upload-part`.
    pub part: Option<Part>,
}

/// A part of a multipart upload.
#[derive(Debug, Clone)]
pub struct Part {
    /// The upload, as S3 named it.
    pub upload_id: String,
    /// From 1 to 10,000.
    pub number: u32,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The SDK's own parts would show more than anybody should rely on being no secret.
        f.debug_struct("Store").field("bucket", &self.bucket).field("region", &self.region).finish_non_exhaustive()
    }
}

impl Store {
    /// TLS's settings for connections that carry transfers.
    pub fn tls(&self) -> Arc<rustls::ClientConfig> {
        Arc::clone(&self.tls)
    }

    /// How the store is reached.
    pub fn route(&self) -> &Route {
        &self.route
    }

    /// What is signed beside the host and the object.
    pub fn extras(&self) -> &Extras {
        &self.extras
    }

    /// The same store, with what else is signed into links and requests.
    #[must_use]
    pub fn with_extras(mut self, extras: Extras) -> Self {
        let config = self.control.config().to_builder().interceptor(EveryRequest::of(&extras)).build();
        self.control = aws_sdk_s3::Client::from_conf(config);
        self.extras = Arc::new(extras);
        self
    }

    /// The same store, asked at another endpoint than the one that transfers are signed for: the testbed's faults let
    /// some requests through at the one alone.
    #[must_use]
    pub fn asked_at(mut self, endpoint: &str) -> Self {
        let config = self.control.config().to_builder().endpoint_url(endpoint).build();
        self.control = aws_sdk_s3::Client::from_conf(config);
        self
    }

    /// The same store as it is asked: what this one signs is for the endpoint of [`asked_at`](Self::asked_at).
    #[must_use]
    pub fn as_asked(&self) -> Self {
        Self { client: self.control.clone(), ..self.clone() }
    }

    /// The bucket.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The region that is signed for.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Where its credentials came from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// What an upload left behind: the object, or the part.
    pub async fn look_up(&self, operation: &Operation) -> Found {
        let look = async {
            match &operation.part {
                None => self.head(&operation.key).await,
                Some(part) => self.find_part(&operation.key, part).await,
            }
        };
        tokio::time::timeout(LOOK_UP, look).await.unwrap_or(Found::Unknown)
    }

    async fn head(&self, key: &ObjectKey) -> Found {
        match self.control.head_object().bucket(&self.bucket).key(key.as_str()).send().await {
            // What answers every request with 200 has answered this one, too.
            Ok(head) if head.e_tag().is_none() && head.request_id().is_none() => Found::Unknown,
            Ok(head) => Found::Present(head.content_length().and_then(|bytes| u64::try_from(bytes).ok())),
            Err(error) if error.as_service_error().is_some_and(|error| error.is_not_found()) => Found::Absent,
            Err(_) => Found::Unknown,
        }
    }

    async fn find_part(&self, key: &ObjectKey, part: &Part) -> Found {
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
                here.map_or(Found::Absent, |part| {
                    Found::Present(part.size().and_then(|bytes| u64::try_from(bytes).ok()))
                })
            }
            Err(error) if error.code() == Some("NoSuchUpload") => Found::Absent,
            Err(_) => Found::Unknown,
        }
    }
}

/// A look-up that takes longer says nothing and holds its user up.
const LOOK_UP: Duration = Duration::from_secs(5);
