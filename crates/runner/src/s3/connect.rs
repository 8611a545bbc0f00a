//! From settings to a [`Store`]: the credential chain, the region, the certificates that are trusted.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future::ProvideCredentials as ProvidingCredentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation, StalledStreamProtectionConfig};
use aws_types::service_config::ServiceConfigKey;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio_rustls::rustls;
use ttlsweep_record::Addressing;
use ttlsweep_rundir::disk;

use super::Store;
use super::answer_limit::AnswerLimit;
use super::control::ControlPlane;
use super::kept::Kept;
use super::origin::Origin;
use super::overheard::Overheard;
use crate::dial::proxy::ProxyError;
use crate::dial::reach::Route;
use crate::secret::{self, redacted};

/// Where a bucket is and how it is reached.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    /// The bucket.
    pub bucket: String,
    /// The endpoint's URL; nothing for AWS's own.
    pub endpoint: Option<String>,
    /// The region; nothing = from the AWS configuration, or `us-east-1` at an endpoint of one's own.
    pub region: Option<String>,
    /// The AWS profile; nothing = the default one.
    pub profile: Option<String>,
    /// How the bucket is addressed; nothing = by path at an endpoint of one's own, else by virtual host.
    pub addressing: Option<Addressing>,
    /// Who signs.
    pub access: Access,
    /// Which certificates are trusted.
    pub trust: Trust,
}

/// Who signs.
#[derive(Clone)]
pub enum Access {
    /// Whoever the standard AWS chain finds: environment, profile, SSO, web identity, instance role.
    Chain,
    /// The testbed's own key.
    Key(Credentials),
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Chain => "Chain",
            Self::Key(_) => "Key(..)",
        })
    }
}

/// Which certificates are trusted.
#[derive(Debug, Clone)]
pub enum Trust {
    /// Those in the file that `AWS_CA_BUNDLE` names, else the system's, else those that are built in.
    System,
    /// These alone, as PEM.
    Only(String),
}

/// Why a store cannot be used, before it was asked anything.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No region was found.
    #[error("no AWS region: give `--region`, set `region` in [target], AWS_REGION, or a region in the AWS profile")]
    NoRegion,
    /// The chain found no credentials.
    #[error(
        "no AWS credentials: {0}; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, give `--profile`, or log in with \
         `aws sso login`"
    )]
    NoCredentials(String),
    /// The bundle of certificates cannot be read.
    #[error("AWS_CA_BUNDLE names {}, which cannot be used: {why}", path.display())]
    Bundle {
        /// The file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// The environment names a proxy that cannot be used.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

impl Store {
    /// Resolves credentials, region and certificates. No request is sent to the store itself.
    ///
    /// # Errors
    /// One of these cannot be had; the message says what to do.
    pub async fn connect(settings: &StoreSettings) -> Result<Self, StoreError> {
        let pem = settings.trust.pem()?;
        let tls = Arc::new(client_config(pem.as_deref())?);
        let route = Route::of_environment();
        let control = ControlPlane::new(Arc::clone(&tls), route.clone());
        let Configured { config, region, credentials, origin } = Configured::load(settings, control).await?;
        // One of several profiles may name an endpoint, too.
        let own_endpoint = settings.endpoint.clone().or_else(|| endpoint_for(S3, &config));
        let log_endpoint = endpoint_for(LOGS, &config);
        let by_path = match settings.addressing {
            Some(addressing) => addressing == Addressing::Path,
            None => own_endpoint.is_some(),
        };
        let mut builder = aws_sdk_s3::config::Builder::from(&config)
            .region(region.clone())
            .force_path_style(by_path)
            // Otherwise checksum headers would have to be sent along with a link.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .interceptor(Overheard)
            .interceptor(AnswerLimit);
        if let Some(endpoint) = &settings.endpoint {
            builder = builder.endpoint_url(endpoint);
        }
        let client = aws_sdk_s3::Client::from_conf(builder.build());
        Ok(Self {
            control: client.clone(),
            client,
            bucket: settings.bucket.clone(),
            region: region.as_ref().to_owned(),
            credentials,
            root: Arc::default(),
            origin,
            tls,
            route,
            // What is named for every service is a store's own place, and no store but AWS's has such logs.
            has_log_service: own_endpoint.is_none() || log_endpoint.is_some() && log_endpoint != own_endpoint,
            log_endpoint,
            extras: Arc::default(),
        })
    }
}

/// The endpoint for S3 that the AWS configuration names for a profile, or for the default one, as the SDK would take it.
pub(crate) fn endpoint_of_profile(profile: Option<&str>) -> Option<String> {
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        // Neither is asked for, and the chains for them may wait for a metadata service.
        .region(Region::from_static("us-east-1"))
        .no_credentials();
    if let Some(profile) = profile {
        loader = loader.profile_name(profile);
    }
    // A plan is read within a runtime, too, whose threads no other may block.
    let loading = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().ok()?;
        Some(runtime.block_on(loader.load()))
    });
    endpoint_for(S3, &loading.join().ok()??)
}

/// What variables and a profile's `services` say of `service` comes before what they say of all of them.
fn endpoint_for(service: &str, config: &SdkConfig) -> Option<String> {
    let key =
        ServiceConfigKey::builder().service_id(service).env("AWS_ENDPOINT_URL").profile("endpoint_url").build().ok()?;
    config.service_config()?.load_config(key).or_else(|| config.endpoint_url().map(str::to_owned))
}

/// What AWS calls its services where endpoints are named: `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL_CLOUDWATCH_LOGS`.
const S3: &str = "S3";
const LOGS: &str = "CloudWatch Logs";

/// What the standard chain makes of settings.
pub(super) struct Configured {
    pub(super) config: SdkConfig,
    pub(super) region: Region,
    credentials: SharedCredentialsProvider,
    origin: Origin,
}

impl Configured {
    pub(super) async fn load(settings: &StoreSettings, control: ControlPlane) -> Result<Self, StoreError> {
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .http_client(control)
            // Nothing is retried in silence: the control plane's failures are reported, too.
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().operation_timeout(OPERATION).build());
        if let Some(profile) = &settings.profile {
            loader = loader.profile_name(profile);
        }
        match (&settings.region, &settings.endpoint) {
            (Some(region), _) => loader = loader.region(Region::new(region.clone())),
            // The default chain would ask the instance's metadata service last; a store of one's own has no such thing.
            (None, Some(_)) => {
                let configured = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
                    .or_else(profile_region(settings.profile.as_deref()))
                    .or_else(Region::from_static("us-east-1"));
                loader = loader.region(configured);
            }
            (None, None) => {}
        }
        if let Access::Key(key) = &settings.access {
            loader = loader.credentials_provider(key.clone());
        }
        let mut config = loader.load().await;
        if let (Access::Chain, Some(chain)) = (&settings.access, config.credentials_provider()) {
            let remembering = SharedCredentialsProvider::new(Remembering(chain));
            config = config.into_builder().credentials_provider(remembering).build();
        }
        let region = config.region().ok_or(StoreError::NoRegion)?.clone();
        let none = || StoreError::NoCredentials("the default chain is empty".to_owned());
        let credentials: SharedCredentialsProvider = config.credentials_provider().ok_or_else(none)?;
        // Asked once here, so that a missing key is reported before the first transfer and not in each of its rows.
        let found = credentials.provide_credentials().await;
        let profile = || settings.profile.clone().or_else(|| std::env::var("AWS_PROFILE").ok());
        let found = found.map_err(|error| StoreError::NoCredentials(why_none(&error, profile)))?;
        let origin = Origin::of(&found, settings.profile.as_deref());
        let credentials = SharedCredentialsProvider::new(Kept::of(credentials));
        Ok(Self { config, region, credentials, origin })
    }
}

/// The SDK tells the whole chain of its providers, each in the words of its code.
fn why_none(error: &CredentialsError, profile: impl Fn() -> Option<String>) -> String {
    if matches!(error, CredentialsError::CredentialsNotLoaded(_)) {
        let profile = profile().map_or_else(|| "a profile".to_owned(), |name| format!("the profile `{name}`"));
        return format!("the environment has none, nor has {profile}, nor a role of this machine");
    }
    let mut deepest: &dyn std::error::Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    let said = deepest.to_string();
    said.trim_end().trim_end_matches("Stderr:").trim_end().trim_end_matches('.').to_owned()
}

/// Keeps every set of credentials out of whatever is printed later, renewed ones included.
#[derive(Debug)]
struct Remembering(SharedCredentialsProvider);

impl ProvideCredentials for Remembering {
    fn provide_credentials<'a>(&'a self) -> ProvidingCredentials<'a>
    where
        Self: 'a,
    {
        ProvidingCredentials::new(async {
            let credentials = self.0.provide_credentials().await?;
            secret::remember([credentials.access_key_id(), credentials.secret_access_key()]);
            secret::remember(credentials.session_token());
            Ok(credentials)
        })
    }
}

fn profile_region(profile: Option<&str>) -> ProfileFileRegionProvider {
    let builder = ProfileFileRegionProvider::builder();
    match profile {
        Some(profile) => builder.profile_name(profile).build(),
        None => builder.build(),
    }
}

impl Trust {
    pub(super) fn pem(&self) -> Result<Option<String>, StoreError> {
        match self {
            Self::Only(pem) => Ok(Some(pem.clone())),
            Self::System => match std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty()) {
                None => Ok(None),
                Some(path) => {
                    let path = PathBuf::from(path);
                    match disk::open_named(&path).and_then(io::read_to_string) {
                        Ok(pem) if pem.contains("-----BEGIN CERTIFICATE-----") => Ok(Some(pem)),
                        Ok(_) => Err(StoreError::Bundle { path, why: "it holds no PEM certificate".to_owned() }),
                        Err(error) => Err(StoreError::Bundle { path, why: error.to_string() }),
                    }
                }
            },
        }
    }
}

/// TLS's settings for whatever is asked without keys: the certificates in the file that `AWS_CA_BUNDLE` names, else the system's.
///
/// # Errors
/// They cannot be had.
pub(crate) fn tls_of_environment() -> Result<Arc<rustls::ClientConfig>, StoreError> {
    Ok(Arc::new(client_config(Trust::System.pem()?.as_deref())?))
}

/// rustls's settings, for transfers and for the SDK's requests alike.
pub(super) fn client_config(pem: Option<&str>) -> Result<rustls::ClientConfig, StoreError> {
    let tls = |error: &dyn fmt::Display| StoreError::Tls(error.to_string());
    let mut roots = rustls::RootCertStore::empty();
    match pem {
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                roots.add(certificate.map_err(|error| tls(&error))?).map_err(|error| tls(&error))?;
            }
        }
        None => add_system_roots(&mut roots, rustls_native_certs::load_native_certs().certs, are_roots_named()),
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Ok(builder.map_err(|error| tls(&error))?.with_root_certificates(roots).with_no_client_auth())
}

/// Adds the system's certificates. A machine that has none, such as an empty container, trusts Mozilla's, which are built in; but
/// where `is_named`, the user has said which to trust, and nothing takes their place.
fn add_system_roots(roots: &mut rustls::RootCertStore, found: Vec<CertificateDer<'static>>, is_named: bool) {
    let (added, _) = roots.add_parsable_certificates(found);
    if added == 0 && is_named {
        tracing::warn!("SSL_CERT_FILE or SSL_CERT_DIR names no certificate: https endpoints will not be trusted");
    } else if added == 0 {
        tracing::info!("this machine has no certificates of authorities: those that are built in are trusted");
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
}

/// Whether the environment says where certificates are.
fn are_roots_named() -> bool {
    ["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().any(|name| std::env::var_os(name).is_some_and(|path| !path.is_empty()))
}

/// An error with its causes, in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    redacted(&text).into_owned()
}

/// Longer than any single control request should take, short enough for someone who waits at a terminal.
const OPERATION: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use super::*;

    fn trusted(found: Vec<CertificateDer<'static>>, is_named: bool) -> usize {
        let mut roots = rustls::RootCertStore::empty();
        add_system_roots(&mut roots, found, is_named);
        roots.len()
    }

    #[test]
    fn a_machine_without_certificates_trusts_those_that_are_built_in_unless_it_names_its_own() {
        let params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        let own = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().der().clone();
        assert_eq!(trusted(vec![own], false), 1);
        assert_eq!(trusted(Vec::new(), false), webpki_roots::TLS_SERVER_ROOTS.len());
        assert!(webpki_roots::TLS_SERVER_ROOTS.len() > 100, "Mozilla's program has some 140");
        assert_eq!(trusted(Vec::new(), true), 0);
    }
}
