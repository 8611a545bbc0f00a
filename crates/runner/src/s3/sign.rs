//! Signing: by the signer that aws-sdk-s3 is built on, since the SDK's own way to a link takes many times as long.

use std::time::Duration;

use aws_credential_types::provider::ProvideCredentials;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningInstructions,
    SigningSettings, UriPathNormalizationMode,
};
use aws_sigv4::sign::v4;
use http::{HeaderMap, Request, Uri};
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
        let bearer = Bearer::of(operation.method);
        let address = self.extras.named(&self.address(operation).await?, bearer, transfer_id);
        if self.extras.is_v2 {
            return self.presign_v2(operation, &address, at, ttl).await;
        }
        // It refuses what S3 does: a life of more than a week.
        let lives = PresigningConfig::expires_in(ttl).map_err(|error| SignError::of(&error))?;
        let mut settings = settings();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(lives.expires());
        let method = http_method(operation.method);
        let headers = self.extras.headers.of(bearer);
        let instructions = self.sign(&method, &address, &headers, settings, at).await?;
        let mut request = Request::new(());
        *request.uri_mut() = address.parse().map_err(|_| SignError("the link is no URI".to_owned()))?;
        instructions.apply_to_request_http1x(&mut request);
        let uri = request.into_parts().0.uri;
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
        let bearer = Bearer::of(operation.method);
        let named = self.extras.named(&self.address(operation).await?, bearer, transfer_id);
        let uri = without_link(&named).ok_or_else(|| SignError("the address is no URI".to_owned()))?;
        let mut settings = settings();
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let method = http_method(operation.method);
        let extra = self.extras.headers_of(bearer);
        let instructions = self.sign(&method, &uri.to_string(), &extra, settings, at).await?;
        let mut request = Request::new(());
        *request.uri_mut() = uri;
        request.headers_mut().extend(extra);
        instructions.apply_to_request_http1x(&mut request);
        let (head, ()) = request.into_parts();
        let (uri, headers) = (Secret::new(head.uri), Secret::new(head.headers));
        let (presigned_at, expires_at, made_by) = (None, None, MadeBy::Us);
        Ok(remembered(SignedRequest { method, uri, headers, form: None, presigned_at, expires_at, made_by }))
    }

    /// What is to be added to a request without a body's sum, so that it is signed.
    async fn sign(
        &self,
        method: &http::Method,
        uri: &str,
        headers: &HeaderMap,
        settings: SigningSettings,
        at: Timestamp,
    ) -> Result<SigningInstructions, SignError> {
        let identity = self.credentials.provide_credentials().await.map_err(|error| SignError::of(&error))?.into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("s3")
            .time(at.to_system_time())
            .settings(settings)
            .build()
            .map_err(|error| SignError::of(&error))?
            .into();
        let headers = headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let signable = SignableRequest::new(method.as_str(), uri, headers, SignableBody::UnsignedPayload)
            .map_err(|error| SignError::of(&error))?;
        let signed = aws_sigv4::http_request::sign(signable, &parameters).map_err(|error| SignError::of(&error))?;
        Ok(signed.into_parts().0)
    }
}

/// As S3 wants paths: as they are sent.
fn settings() -> SigningSettings {
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings
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
    use std::sync::Arc;

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

    /// As the SDK signs it.
    async fn sdks_link(store: &Store, operation: &Operation, at: Timestamp, ttl: Duration) -> String {
        let config = PresigningConfig::builder().start_time(at.to_system_time()).expires_in(ttl).build().unwrap();
        let (extras, bearer) = (Arc::clone(&store.extras), Bearer::of(operation.method));
        let name = move |request: &mut aws_sdk_s3::config::http::HttpRequest| {
            let named = extras.named(request.uri(), bearer, "t-1");
            request.set_uri(named).unwrap();
            set_headers(request, &extras.headers.of(bearer));
        };
        let (client, bucket, key) = (&store.client, &store.bucket, operation.key.as_str());
        macro_rules! link {
            ($asked:expr) => {
                $asked.customize().mutate_request(name).presigned(config).await.unwrap().uri().to_owned()
            };
        }
        match (operation.method, &operation.part) {
            (Method::Get, _) => link!(client.get_object().bucket(bucket).key(key)),
            (Method::UploadPart, Some(part)) => {
                let asked = client.upload_part().bucket(bucket).key(key).upload_id(&part.upload_id);
                link!(asked.part_number(part.number.try_into().unwrap()))
            }
            _ => link!(client.put_object().bucket(bucket).key(key)),
        }
    }

    #[tokio::test]
    async fn a_link_is_the_sdks_own_to_the_last_byte() {
        let with_token = Access::Key(Credentials::new("AK", "SK", Some("a/b+c==".into()), None, "test"));
        let aws = StoreSettings { endpoint: None, ..settings() };
        let stores = [
            settings(),
            StoreSettings { endpoint: Some("https://store.example:8443/below/it".into()), ..settings() },
            StoreSettings { addressing: Some(ttlsweep_record::Addressing::Virtual), ..settings() },
            StoreSettings { addressing: Some(ttlsweep_record::Addressing::Path), ..aws.clone() },
            StoreSettings { bucket: "dotted.bucket".into(), ..aws.clone() },
            StoreSettings { access: with_token, ..aws },
        ];
        let mut headed = Extras::default();
        headed.headers.add("Content-Type", "a/b; c=d").unwrap();
        headed.headers.add("x-amz-request-payer", "requester").unwrap();
        let mut queried = Extras { run_parameter: RunParameter::Nothing, ..Extras::default() };
        queried.query.add("x-amz-acl", "private").unwrap();
        queried.query.add("tenant", "a&b c").unwrap();
        let part = Part { upload_id: "2~a/b+c= ü".into(), number: 10_000 };
        let mut compared = 0;
        for settings in stores {
            for extras in [Extras::default(), headed.clone(), queried.clone()] {
                let store = Store::connect(&settings).await.unwrap().with_extras(extras);
                for (method, part) in
                    [(Method::Put, None), (Method::Get, None), (Method::UploadPart, Some(part.clone()))]
                {
                    let key = RunPrefix::new("a key/(b)*'!", "ü+1 &=%25", "run").key("x~y-z_1.2");
                    let operation = Operation { method, key, part };
                    for (micros, ttl_s) in [(1_764_000_000_900_000, 10), (1_700_000_000_000_000, 604_800)] {
                        let (at, ttl) = (Timestamp::from_unix_micros(micros), Duration::from_secs(ttl_s));
                        let ours = store.presign(&operation, "t-1", at, ttl).await.unwrap();
                        assert_eq!(ours.uri.expose().to_string(), sdks_link(&store, &operation, at, ttl).await);
                        compared += 1;
                    }
                }
            }
        }
        assert_eq!(compared, 6 * 3 * 3 * 2);
        let too_long = Duration::from_secs(604_801);
        let at = Timestamp::from_unix_micros(1_764_000_000_000_000);
        let operation = operation(Method::Put, None);
        assert!(store().await.presign(&operation, "t-1", at, too_long).await.is_err(), "S3 refuses more than a week");
    }

    #[tokio::test]
    async fn measure_the_sdks_links_beside_these() {
        let (store, at, ttl) = (store().await, Timestamp::from_unix_micros(0), Duration::from_secs(10));
        let operation = operation(Method::Put, None);
        for _ in 0..3 {
            let began = std::time::Instant::now();
            for _ in 0..1000 {
                sdks_link(&store, &operation, at, ttl).await;
            }
            let (sdks, began) = (began.elapsed(), std::time::Instant::now());
            for _ in 0..1000 {
                store.presign(&operation, "t-1", at, ttl).await.unwrap();
            }
            println!("a thousand links: the SDK {sdks:?}, these {:?}", began.elapsed());
        }
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
