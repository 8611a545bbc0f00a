//! Signing: links by aws-sdk-s3, header-signed requests by the signer that it is built on.

use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::provider::ProvideCredentials;
use aws_sdk_s3::presigning::{PresignedRequest, PresigningConfig};
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode,
};
use aws_sigv4::sign::v4;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri};
use ttlsweep_record::{Method, Timestamp};

use super::connect::chain;
use super::{Operation, Store};
use crate::experiment::extras::Bearer;
use crate::s3::link::{MadeBy, SignedRequest, expiry_of};
use crate::s3::sign_v2::Signer;
use crate::secret::Secret;

/// A request that cannot be signed.
#[derive(Debug, thiserror::Error)]
#[error("cannot sign: {0}")]
pub struct SignError(String);

impl SignError {
    /// What is signed cannot be read.
    pub(super) fn of(error: &dyn std::error::Error) -> Self {
        Self(chain(error))
    }
}

impl Store {
    /// A link for `operation` that lives for `ttl` from `at`, with the transfer's name as a signed query parameter
    /// (see [`Extras`](crate::experiment::extras::Extras)): S3 ignores parameters that begin with `x-` and writes them to its access log.
    ///
    /// # Errors
    /// The SDK cannot sign, or credentials could not be renewed.
    pub async fn presign(
        &self,
        operation: &Operation,
        transfer_id: &str,
        at: Timestamp,
        ttl: Duration,
    ) -> Result<SignedRequest, SignError> {
        let presigned = self.presigned(operation, transfer_id, at, ttl).await?;
        if self.extras.is_v2 {
            return self.presign_v2(operation, presigned.uri(), at, ttl).await;
        }
        let uri: Uri = presigned.uri().parse().map_err(|_| SignError("the SDK's link is no URI".to_owned()))?;
        let expires_at = expiry_of(&uri).map_err(|error| SignError(error.to_string()))?;
        let headers = presigned
            .headers()
            .filter_map(|(name, value)| Some((HeaderName::try_from(name).ok()?, HeaderValue::from_str(value).ok()?)));
        Ok(remembered(SignedRequest {
            method: http_method(operation.method),
            uri: Secret::new(uri),
            headers: Secret::new(headers.collect()),
            form: None,
            presigned_at: Some(at),
            expires_at: Some(expires_at),
            made_by: MadeBy::Us,
        }))
    }

    /// A link of Signature Version 2 to where the SDK's own link leads. What that has in its query for S3 to take for headers is
    /// sent in headers, where stores of that version look for it.
    async fn presign_v2(
        &self,
        operation: &Operation,
        resolved: &str,
        at: Timestamp,
        ttl: Duration,
    ) -> Result<SignedRequest, SignError> {
        let credentials = self.credentials.provide_credentials().await.map_err(|error| SignError(chain(&error)))?;
        let signer = Signer {
            access_key: credentials.access_key_id(),
            secret_key: credentials.secret_access_key(),
            token: credentials.session_token(),
            bucket: &self.bucket,
        };
        let method = http_method(operation.method);
        let headers = self.extras.headers_of(Bearer::of(operation.method));
        // A date is cut to whole seconds here, too.
        let expires = at.unix_micros() / 1_000_000 + i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX / 2);
        let link = without_link(resolved).and_then(|uri| signer.link(&method, &uri, &headers, expires));
        let uri = link.ok_or_else(|| SignError("a header cannot be signed with Version 2".to_owned()))?;
        let expires_at = expiry_of(&uri).map_err(|error| SignError(error.to_string()))?;
        Ok(remembered(SignedRequest {
            method,
            uri: Secret::new(uri),
            headers: Secret::new(headers),
            form: None,
            presigned_at: Some(at),
            expires_at: Some(expires_at),
            made_by: MadeBy::Us,
        }))
    }

    /// The same request signed in its headers: no link, so nothing that could expire in flight.
    ///
    /// # Errors
    /// The request cannot be signed, or credentials could not be renewed.
    pub async fn sign_headers(
        &self,
        operation: &Operation,
        transfer_id: &str,
        at: Timestamp,
    ) -> Result<SignedRequest, SignError> {
        // The SDK resolves the address; its link's own parameters are then left out.
        let presigned = self.presigned(operation, transfer_id, at, Duration::from_secs(60)).await?;
        let uri = without_link(presigned.uri()).ok_or_else(|| SignError("the SDK's link is no URI".to_owned()))?;
        let credentials = self.credentials.provide_credentials().await.map_err(|error| SignError(chain(&error)))?;
        let identity = credentials.into();
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let failed = |error: &dyn std::error::Error| SignError(chain(error));
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("s3")
            .time(at.to_system_time())
            .settings(settings)
            .build()
            .map_err(|error| failed(&error))?
            .into();
        let method = http_method(operation.method);
        let host = uri.authority().map(|host| host.as_str().to_owned()).unwrap_or_default();
        let text = uri.to_string();
        let extra = self.extras.headers_of(Bearer::of(operation.method));
        let extras = extra.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let headers = std::iter::once(("host", host.as_str())).chain(extras);
        let signable = SignableRequest::new(method.as_str(), &text, headers, SignableBody::UnsignedPayload)
            .map_err(|error| failed(&error))?;
        let (instructions, _) =
            aws_sigv4::http_request::sign(signable, &parameters).map_err(|error| failed(&error))?.into_parts();
        let mut request = Request::new(());
        *request.uri_mut() = uri;
        request.headers_mut().extend(extra.clone());
        instructions.apply_to_request_http1x(&mut request);
        let (head, ()) = request.into_parts();
        let (uri, headers) = (Secret::new(head.uri), Secret::new(head.headers));
        let (presigned_at, expires_at, made_by) = (None, None, MadeBy::Us);
        Ok(remembered(SignedRequest { method, uri, headers, form: None, presigned_at, expires_at, made_by }))
    }

    async fn presigned(
        &self,
        operation: &Operation,
        transfer_id: &str,
        at: Timestamp,
        ttl: Duration,
    ) -> Result<PresignedRequest, SignError> {
        let failed = |error: &dyn std::error::Error| SignError(chain(error));
        let config = PresigningConfig::builder()
            .start_time(at.to_system_time())
            .expires_in(ttl)
            .build()
            .map_err(|error| failed(&error))?;
        let name_transfer = {
            let (extras, id) = (Arc::clone(&self.extras), transfer_id.to_owned());
            let bearer = Bearer::of(operation.method);
            let headers = extras.headers.of(bearer);
            move |request: &mut aws_sdk_s3::config::http::HttpRequest| {
                let named = extras.named(request.uri(), bearer, &id);
                // Only a text that is no URI is refused, and this is one with a word more or less.
                let _ = request.set_uri(named);
                set_headers(request, &headers);
            }
        };
        let (client, bucket, key) = (&self.client, &self.bucket, &operation.key);
        match (operation.method, &operation.part) {
            (Method::Get, _) => {
                let request = client.get_object().bucket(bucket).key(key.as_str());
                request
                    .customize()
                    .mutate_request(name_transfer)
                    .presigned(config)
                    .await
                    .map_err(|error| failed(&error))
            }
            (Method::UploadPart, Some(part)) => {
                let number = i32::try_from(part.number).unwrap_or(i32::MAX);
                let request = client
                    .upload_part()
                    .bucket(bucket)
                    .key(key.as_str())
                    .upload_id(&part.upload_id)
                    .part_number(number);
                request
                    .customize()
                    .mutate_request(name_transfer)
                    .presigned(config)
                    .await
                    .map_err(|error| failed(&error))
            }
            (Method::Put | Method::UploadPart, _) => {
                let request = client.put_object().bucket(bucket).key(key.as_str());
                request
                    .customize()
                    .mutate_request(name_transfer)
                    .presigned(config)
                    .await
                    .map_err(|error| failed(&error))
            }
        }
    }
}

/// Whatever a server repeats of it is found.
fn remembered(request: SignedRequest) -> SignedRequest {
    request.remember();
    request
}

/// Sets headers of a request of the SDK's before it is signed.
pub(super) fn set_headers(request: &mut aws_sdk_s3::config::http::HttpRequest, headers: &HeaderMap) {
    for (name, value) in headers {
        if let Ok(value) = value.to_str() {
            request.headers_mut().insert(name.as_str().to_owned(), value.to_owned());
        }
    }
}

fn http_method(method: Method) -> http::Method {
    if method.is_upload() { http::Method::PUT } else { http::Method::GET }
}

/// The URI without the parameters that make it a link.
fn without_link(uri: &str) -> Option<Uri> {
    let (address, query) = uri.split_once('?').unwrap_or((uri, ""));
    let kept: Vec<_> =
        query.split('&').filter(|pair| !pair.to_ascii_lowercase().starts_with("x-amz-") && !pair.is_empty()).collect();
    if kept.is_empty() { address.parse().ok() } else { format!("{address}?{}", kept.join("&")).parse().ok() }
}

#[cfg(test)]
mod tests {
    use aws_credential_types::Credentials;

    use super::*;
    use crate::experiment::extras::{Extras, RunParameter};
    use crate::s3::object_key::RunPrefix;
    use crate::s3::{Access, Part, StoreSettings, Trust};

    fn settings() -> StoreSettings {
        StoreSettings {
            bucket: "bucket".into(),
            endpoint: Some("http://127.0.0.1:9".into()),
            region: Some("eu-west-1".into()),
            profile: None,
            addressing: None,
            access: Access::Key(Credentials::new("AK", "SK", None, None, "test")),
            trust: Trust::System,
        }
    }

    async fn store() -> Store {
        Store::connect(&settings()).await.unwrap()
    }

    fn operation(method: Method, part: Option<Part>) -> Operation {
        Operation { method, key: RunPrefix::new("a key", "ü+1", "run").key("x"), part }
    }

    #[tokio::test]
    async fn a_link_signs_host_alone_and_names_its_transfer() {
        let at = Timestamp::from_unix_micros(1_764_000_000_900_000);
        let part = Part { upload_id: "U".into(), number: 3 };
        for (method, part) in [(Method::Put, None), (Method::Get, None), (Method::UploadPart, Some(part))] {
            let store = store().await;
            let link = store.presign(&operation(method, part), "t-1", at, Duration::from_secs(10)).await.unwrap();
            let query = link.uri.expose().query().unwrap();
            assert!(query.contains("X-Amz-SignedHeaders=host&"), "{query}");
            assert!(query.contains("x-run=t-1"), "{query}");
            assert!(link.uri.expose().path().starts_with("/bucket/"), "{}", link.uri.expose().path());
            // The date is cut to whole seconds.
            assert_eq!(link.expires_at.unwrap().micros_since(at), 9_100_000);
        }
    }

    #[tokio::test]
    async fn the_headers_of_a_policy_are_signed_into_link_and_request_and_sent_with_them() {
        let at = Timestamp::from_unix_micros(1_764_000_000_000_000);
        let mut extras = Extras { run_parameter: RunParameter::named("x-trace").unwrap(), ..Extras::default() };
        for (name, value) in
            [("Content-Type", "a/b; c=d"), ("x-amz-acl", "private"), ("x-amz-request-payer", "requester")]
        {
            extras.headers.add(name, value).unwrap();
        }
        let store = store().await.with_extras(extras);
        let put = operation(Method::Put, None);
        let link = store.presign(&put, "t-1", at, Duration::from_secs(10)).await.unwrap();
        let query = link.uri.expose().query().unwrap();
        let signed = "X-Amz-SignedHeaders=content-type%3Bhost%3Bx-amz-acl%3Bx-amz-request-payer&";
        assert!(query.contains(signed) && query.contains("x-trace=t-1") && !query.contains("x-run"), "{query}");
        assert_eq!(link.headers.expose()["content-type"], "a/b; c=d");
        assert_eq!(link.headers.expose()["x-amz-acl"], "private");
        let request = store.sign_headers(&put, "t-1", at).await.unwrap();
        assert_eq!(request.headers.expose()["x-amz-acl"], "private");
        let authorization = request.headers.expose()["authorization"].to_str().unwrap();
        assert!(authorization.contains("SignedHeaders=content-type;host;x-amz-acl;x-amz-content"), "{authorization}");
        // What makes an object is not asked when it is read.
        let get = store.presign(&operation(Method::Get, None), "t-1", at, Duration::from_secs(10)).await.unwrap();
        let query = get.uri.expose().query().unwrap();
        assert!(query.contains("X-Amz-SignedHeaders=host%3Bx-amz-request-payer&"), "{query}");
    }

    #[tokio::test]
    async fn the_parameters_of_a_policy_are_signed_into_links_and_are_headers_of_other_requests() {
        let at = Timestamp::from_unix_micros(1_764_000_000_000_000);
        let mut extras = Extras::default();
        for (name, value) in [("x-amz-acl", "private"), ("response-content-type", "a/b"), ("tenant", "a&b")] {
            extras.query.add(name, value).unwrap();
        }
        let store = store().await.with_extras(extras);
        let put = operation(Method::Put, None);
        let link = store.presign(&put, "t-1", at, Duration::from_secs(10)).await.unwrap();
        let query = link.uri.expose().query().unwrap();
        assert!(query.contains("tenant=a%26b&x-amz-acl=private&x-run=t-1"), "{query}");
        assert!(query.contains("X-Amz-SignedHeaders=host&") && !query.contains("response-"), "{query}");
        assert!(link.headers.expose().is_empty());
        assert_eq!(link.expires_at.unwrap().micros_since(at), 10_000_000);
        let request = store.sign_headers(&put, "t-1", at).await.unwrap();
        assert_eq!(request.headers.expose()["x-amz-acl"], "private");
        assert_eq!(request.uri.expose().query().unwrap(), "x-id=PutObject&tenant=a%26b&x-run=t-1");
        let get = store.presign(&operation(Method::Get, None), "t-1", at, Duration::from_secs(10)).await.unwrap();
        let query = get.uri.expose().query().unwrap();
        assert!(query.contains("response-content-type=a%2Fb&tenant=a%26b&x-run=t-1"), "{query}");
        assert!(!query.contains("x-amz-acl"), "{query}");
    }

    #[tokio::test]
    async fn the_same_instant_gives_the_same_link() {
        let at = Timestamp::from_unix_micros(1_764_000_000_000_000);
        let store = store().await;
        let operation = operation(Method::Put, None);
        let first = store.presign(&operation, "t-1", at, Duration::from_secs(10)).await.unwrap();
        let second = store.presign(&operation, "t-1", at, Duration::from_secs(10)).await.unwrap();
        assert_eq!(first.uri.expose(), second.uri.expose());
    }

    #[tokio::test]
    async fn a_header_signed_request_has_no_link_in_it() {
        let at = Timestamp::from_unix_micros(1_764_000_000_000_000);
        let signed = store().await.sign_headers(&operation(Method::Put, None), "t-1", at).await.unwrap();
        let query = signed.uri.expose().query().unwrap();
        assert!(query.contains("x-run=t-1") && !query.contains("X-Amz"), "{query}");
        assert_eq!(signed.headers.expose()["x-amz-content-sha256"], "UNSIGNED-PAYLOAD");
        assert!(
            signed.headers.expose()["authorization"].to_str().unwrap().starts_with("AWS4-HMAC-SHA256 Credential=AK/")
        );
        assert_eq!(signed.expires_at, None);
    }

    #[tokio::test]
    async fn a_bucket_at_aws_is_addressed_by_its_own_host_unless_asked_otherwise() {
        let at = Timestamp::from_unix_micros(1_764_000_000_000_000);
        let aws = StoreSettings { endpoint: None, ..settings() };
        let by_path = StoreSettings { addressing: Some(ttlsweep_record::Addressing::Path), ..aws.clone() };
        for (settings, address) in [
            (aws, "https://bucket.s3.eu-west-1.amazonaws.com/a%20key"),
            (by_path, "https://s3.eu-west-1.amazonaws.com/bucket/a%20key"),
        ] {
            let store = Store::connect(&settings).await.unwrap();
            let operation = operation(Method::Put, None);
            let link = store.presign(&operation, "t-1", at, Duration::from_secs(10)).await.unwrap();
            assert!(link.uri.expose().to_string().starts_with(address), "{}", link.uri.expose().host().unwrap());
            assert!(link.uri.expose().query().unwrap().contains("eu-west-1%2Fs3%2Faws4_request"));
            let signed = store.sign_headers(&operation, "t-1", at).await.unwrap();
            assert!(signed.uri.expose().to_string().starts_with(address));
        }
    }

    #[tokio::test]
    async fn neither_a_store_nor_its_settings_print_a_key() {
        let key = Credentials::new("AKIDKNOWN", "hush-hush", Some("hush-token".into()), None, "test");
        let settings = StoreSettings { access: Access::Key(key), ..settings() };
        let store = Store::connect(&settings).await.unwrap();
        let printed = format!("{settings:?} {store:?} {:?}", store.origin());
        assert!(!printed.contains("hush") && !printed.contains("AKIDKNOWN"), "{printed}");
        assert!(printed.contains("eu-west-1"), "{printed}");
    }

    #[tokio::test]
    async fn a_session_token_is_signed_into_link_and_headers() {
        let at = Timestamp::from_unix_micros(1_764_000_000_000_000);
        let key = Credentials::new("AK", "SK", Some("TOKEN".into()), None, "test");
        let store = Store::connect(&StoreSettings { access: Access::Key(key), ..settings() }).await.unwrap();
        let operation = operation(Method::Put, None);
        let link = store.presign(&operation, "t-1", at, Duration::from_secs(10)).await.unwrap();
        assert!(link.uri.expose().query().unwrap().contains("X-Amz-Security-Token=TOKEN"));
        let signed = store.sign_headers(&operation, "t-1", at).await.unwrap();
        assert_eq!(signed.headers.expose()["x-amz-security-token"], "TOKEN");
        assert!(!signed.uri.expose().query().unwrap().contains("TOKEN"));
    }
}
