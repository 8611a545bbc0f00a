//! The S3 side that is not a measured transfer: credentials, signing, and the few requests before and after.
//!
//! aws-sdk-s3 signs and asks; it never carries a body that is measured, because its retries, checksums and
//! stalled-stream protection would change what is observed.

mod address;
mod answer_limit;
pub(crate) mod answer_text;
mod connect;
mod control;
mod dates;
mod delete;
pub(crate) mod error_document;
mod every_request;
pub(crate) mod form;
mod kept;
pub(crate) mod link;
mod list;
mod listing_limit;
mod log_delivery;
pub(crate) mod log_group;
pub(crate) mod log_service;
mod look_up;
mod multipart;
pub(crate) mod object_key;
mod origin;
mod overheard;
mod preflight;
mod put;
pub(crate) mod refusal;
mod region;
mod results;
mod sign;
mod sign_v2;

use std::fmt;
use std::sync::Arc;

use tokio_rustls::rustls;
use ttlsweep_record::Method;

use crate::dial::reach::Route;
use crate::experiment::extras::Extras;
use crate::s3::object_key::ObjectKey;
use crate::wire::body::Source;

pub use connect::{Access, StoreSettings, Trust};
pub(crate) use connect::{StoreError, endpoint_of_profile, tls_of_environment};
pub(crate) use delete::DeleteError;
use every_request::EveryRequest;
pub use look_up::FoundObject;
pub(crate) use origin::Origin;
pub use preflight::PreflightError;
pub(crate) use region::BucketAnswer;
pub(crate) use results::{Results, ResultsError, ResultsUrl};
pub(crate) use sign::SignError;

/// One bucket at one endpoint, with the credentials to sign for it.
#[derive(Clone)]
pub struct Store {
    /// Signs transfers.
    client: aws_sdk_s3::Client,
    /// Asks whatever is not a transfer.
    control: aws_sdk_s3::Client,
    bucket: String,
    region: String,
    credentials: aws_credential_types::provider::SharedCredentialsProvider,
    /// Where `client` finds the bucket's objects, once that was asked.
    root: Arc<tokio::sync::OnceCell<String>>,
    origin: Origin,
    tls: Arc<rustls::ClientConfig>,
    route: Route,
    /// Where CloudWatch Logs is, if the AWS configuration says so.
    log_endpoint: Option<String>,
    /// Whether the bucket's access log can go to CloudWatch Logs.
    has_log_service: bool,
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
    pub(crate) fn route(&self) -> &Route {
        &self.route
    }

    /// What is signed beside the host and the object.
    pub(crate) fn extras(&self) -> &Extras {
        &self.extras
    }

    /// The same store, with what else is signed into links and requests.
    #[must_use]
    pub(crate) fn with_extras(mut self, extras: Extras) -> Self {
        let config = self.control.config().to_builder().interceptor(EveryRequest::of(&extras)).build();
        self.control = aws_sdk_s3::Client::from_conf(config);
        self.extras = Arc::new(extras);
        self
    }

    /// The same store for an upload of `source` to `key`: its checksum is among the headers if they ask for it.
    ///
    /// # Errors
    /// The body's file cannot be read.
    pub(crate) async fn for_body(&self, source: &Source, key: &ObjectKey) -> Result<Self, SignError> {
        let mut store = self.clone();
        if self.extras.headers.want_digest() {
            let sha256 = source.sha256(key.as_str()).await.map_err(|error| SignError::of(&error))?;
            store.extras = Arc::new(self.extras.of_body(&sha256));
        }
        Ok(store)
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
    pub(crate) fn as_asked(&self) -> Self {
        Self { client: self.control.clone(), root: Arc::default(), ..self.clone() }
    }

    /// The bucket.
    pub(crate) fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The region that is signed for.
    pub(crate) fn region(&self) -> &str {
        &self.region
    }

    /// Where its credentials came from.
    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }
}
