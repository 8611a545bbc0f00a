//! What a testbed is told before it starts.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use ttlsweep_record::Fault;
use ttlsweep_record::words::{Cut, EarlyClose, ExpiryPolicy};

use crate::dialect::Dialect;
use crate::s3::demands::{Demands, RequiredHeader, UnknownParameters};
use crate::s3::keys::{DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY};
use crate::s3::secret::Secret;
use crate::truth::access_log::AccessLogConfig;

/// Everything that a [`Testbed`](crate::Testbed) is told before it starts; nothing of it changes afterwards.
///
/// [`Default`] is the nearest to what AWS documents: TLS, a link checked once when the request arrives, and an early
/// answer that closes at once, on a free loopback port.
#[derive(Debug, Clone)]
pub struct TestbedConfig {
    /// The address to listen at; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Whether to speak TLS, with a certificate made for this one testbed.
    pub tls: bool,
    /// Whose links it takes, and in whose words it refuses them.
    pub dialect: Dialect,
    /// When a link's expiry is held against a transfer.
    pub expiry: ExpiryPolicy,
    /// What the `in-flight` policy does to a connection at expiry; the other policies never cut.
    ///
    /// [`Cut::Respond`] needs a response that has not begun: a download in mid-course is closed instead.
    pub cut: Cut,
    /// How a connection ends after an answer that came before the whole request body.
    pub early_close: EarlyClose,
    /// What goes wrong with transfers at [`Testbed::endpoint`](crate::Testbed::endpoint), if anything does.
    ///
    /// A transfer is each PUT and GET of an object or of a part of one, by a link or signed in headers, and each upload by an
    /// HTML form once its policy has come, whichever client sends it. Nothing else is ever met, except by the faults of the
    /// connection itself, which come before any request.
    pub fault: Option<Fault>,
    /// The one access key that is known.
    pub access_key: String,
    /// The secret that belongs to [`Self::access_key`].
    pub secret_key: Secret,
    /// The region that signatures must be scoped to, and that buckets report.
    pub region: String,
    /// The buckets that exist from the start.
    pub buckets: Vec<String>,
    /// How long a TLS handshake or a request's head may take, from its first byte on, before the connection is closed. A
    /// connection on which nothing has been sent waits for as long as its client likes.
    pub head_timeout: Duration,
    /// How many [`RequestRecord`](crate::RequestRecord)s are kept; beyond that the oldest go first.
    pub requests_kept: usize,
    /// Headers without which a PUT is refused with 403 AccessDenied, as a bucket's policy demands them. A multipart upload
    /// must carry them when it is begun; its parts need not.
    pub required_headers: Vec<RequiredHeader>,
    /// Whether each link is refused with 403 AccessDenied, as a bucket's policy on `s3:authType` does. Requests signed in
    /// headers are served.
    pub refuse_links: bool,
    /// The age from which on a link is refused with 403 AccessDenied, however long its TTL, as a bucket's policy on
    /// `s3:signatureAge` does. A link of Signature Version 2 does not tell its age, and is not refused.
    pub link_age: Option<Duration>,
    /// What is done with a query parameter that S3 does not have, such as `x-run`.
    pub unknown_parameters: UnknownParameters,
    /// An access log as S3 writes it. The signatures of links are in it, as in S3's.
    pub access_log: Option<AccessLogConfig>,
    /// Whether there is a ListObjectsV2; without it, that answers 501 NotImplemented. ListObjects is always there.
    pub list_v2: bool,
}

impl Default for TestbedConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            tls: true,
            dialect: Dialect::default(),
            expiry: ExpiryPolicy::OnRequest,
            cut: Cut::Reset,
            early_close: EarlyClose::Close,
            fault: None,
            access_key: DEFAULT_ACCESS_KEY.to_owned(),
            secret_key: Secret::from(DEFAULT_SECRET_KEY),
            region: "us-east-1".to_owned(),
            buckets: vec!["ttlsweep".to_owned()],
            head_timeout: Duration::from_secs(30),
            requests_kept: 100_000,
            required_headers: Vec::new(),
            refuse_links: false,
            link_age: None,
            unknown_parameters: UnknownParameters::Ignore,
            access_log: None,
            list_v2: true,
        }
    }
}

impl TestbedConfig {
    pub(crate) fn demands(&self) -> Demands {
        Demands {
            required_headers: self.required_headers.clone(),
            refuse_links: self.refuse_links,
            link_age: self.link_age.map(|age| time::Duration::try_from(age).unwrap_or(time::Duration::MAX)),
            unknown_parameters: self.unknown_parameters,
            list_v2: self.list_v2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_config_keeps_its_secret() {
        let printed = format!("{:?}", TestbedConfig::default());
        assert!(printed.contains(DEFAULT_ACCESS_KEY));
        assert!(!printed.contains(DEFAULT_SECRET_KEY));
    }
}
