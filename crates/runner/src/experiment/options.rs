//! What is asked of a file beside itself.

/// What the command line changes about the file.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// `table.key=value` texts, in the order in which they were given; the last one of a key holds.
    pub set: Vec<String>,
    /// `--bucket`: makes the target S3.
    pub bucket: Option<String>,
    /// `--endpoint`: makes the target S3.
    pub endpoint: Option<String>,
    /// `--region`
    pub region: Option<String>,
    /// `--profile`
    pub profile: Option<String>,
    /// How many connections this process may have open at once; `None` if a plan is not to be held against that.
    pub descriptors: Option<u64>,
    /// The endpoint that the environment names. It counts only if the target is S3 and nothing else names one.
    pub environment_endpoint: Option<EnvironmentEndpoint>,
    /// Looks up the endpoint that an AWS profile names, or the default one. It counts only if the environment names none, either.
    pub profile_endpoint: Option<ProfileEndpoint>,
}

/// See [`LoadOptions::profile_endpoint`].
pub type ProfileEndpoint = fn(Option<&str>) -> Option<String>;

/// An endpoint in one of the variables that every AWS SDK reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentEndpoint {
    /// The variable, such as `AWS_ENDPOINT_URL`.
    pub variable: &'static str,
    /// Its value.
    pub url: String,
}

impl EnvironmentEndpoint {
    /// What the AWS SDKs would take: the variable for S3 before the one for all services, and neither if
    /// `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS` is true. `variable` looks up a variable of the environment.
    pub fn find(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        if variable("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return None;
        }
        ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"].into_iter().find_map(|name| {
            let url = variable(name).map(|url| url.trim().to_owned()).filter(|url| !url.is_empty())?;
            Some(Self { variable: name, url })
        })
    }
}
