//! Where credentials came from, and how long they live; never what they are.

use aws_credential_types::Credentials;
use aws_credential_types::credential_feature::AwsCredentialFeature as Feature;
use ttlsweep_record::Timestamp;

/// Which link of the chain gave the credentials, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    /// In words.
    pub place: String,
    /// Whether they are temporary: they have a session token.
    pub temporary: bool,
    /// When they end, where that is known. Links that they signed die then, whatever their own TTL.
    pub end: Option<Timestamp>,
}

impl Origin {
    pub(super) fn of(credentials: &Credentials, profile: Option<&str>) -> Self {
        let none = Vec::new();
        let features: &Vec<Feature> = credentials.get_property().unwrap_or(&none);
        let from_environment = features.contains(&Feature::CredentialsEnvVars);
        // `aws configure export-credentials` sets it; the SDK takes no notice of it.
        let announced = std::env::var("AWS_CREDENTIAL_EXPIRATION").ok().filter(|_| from_environment);
        Self {
            place: place(features, profile),
            temporary: credentials.session_token().is_some(),
            end: credentials
                .expiry()
                .map(Timestamp::from_system_time)
                .or_else(|| announced.and_then(|text| text.parse().ok())),
        }
    }
}

fn place(features: &[Feature], profile: Option<&str>) -> String {
    let variable = std::env::var("AWS_PROFILE").ok();
    let profile = || profile.or(variable.as_deref()).unwrap_or("default").to_owned();
    let has = |feature: Feature| features.contains(&feature);
    // The last steps first: a profile may name another way, and a role may have been assumed by either.
    let assumed =
        if has(Feature::CredentialsStsAssumeRole) { "a role that was assumed with credentials from " } else { "" };
    let place = if has(Feature::CredentialsImds) {
        "the instance's metadata service (its role)".to_owned()
    } else if has(Feature::CredentialsHttp) {
        "the container's credential endpoint (its task role)".to_owned()
    } else if has(Feature::CredentialsSso) || has(Feature::CredentialsProfileSso) {
        format!("the SSO session of the profile `{}`", profile())
    } else if has(Feature::CredentialsProcess) || has(Feature::CredentialsProfileProcess) {
        format!("the process that the profile `{}` names", profile())
    } else if has(Feature::CredentialsProfileStsWebIdToken) || has(Feature::CredentialsEnvVarsStsWebIdToken) {
        "a web identity token".to_owned()
    } else if has(Feature::CredentialsEnvVars) {
        "the environment (AWS_ACCESS_KEY_ID)".to_owned()
    } else if has(Feature::CredentialsProfile) {
        format!("the profile `{}`", profile())
    } else {
        "the testbed".to_owned()
    };
    format!("{assumed}{place}")
}
