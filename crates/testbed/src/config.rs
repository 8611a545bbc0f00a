//! What a testbed is told before it starts.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

use ttlsweep_record::Fault;
use ttlsweep_record::words::{Cut, EarlyClose, ExpiryPolicy};

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
    /// A transfer is a PUT or GET with an `x-run` parameter in its query; nothing else is ever met, except by the faults
    /// of the connection itself, which come before any request.
    pub fault: Option<Fault>,
    /// The one access key that is known.
    pub access_key: String,
    /// The secret that belongs to [`Self::access_key`].
    pub secret_key: Secret,
    /// The region that signatures must be scoped to, and that buckets report.
    pub region: String,
    /// The buckets that exist from the start.
    pub buckets: Vec<String>,
    /// How many [`Deed`](crate::Deed)s are kept; beyond that the oldest go first.
    pub deeds_kept: usize,
}

impl Default for TestbedConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            tls: true,
            expiry: ExpiryPolicy::OnRequest,
            cut: Cut::Reset,
            early_close: EarlyClose::Close,
            fault: None,
            access_key: DEFAULT_ACCESS_KEY.to_owned(),
            secret_key: Secret::from(DEFAULT_SECRET_KEY),
            region: "us-east-1".to_owned(),
            buckets: vec!["ttlsweep".to_owned()],
            deeds_kept: 100_000,
        }
    }
}

/// A secret key, which `Debug` does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(secret: String) -> Self {
        Self(secret)
    }
}

impl From<&str> for Secret {
    fn from(secret: &str) -> Self {
        Self(secret.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The access key of [`TestbedConfig::default`].
pub const DEFAULT_ACCESS_KEY: &str = "ttlsweep-testbed";

/// The secret key of [`TestbedConfig::default`]: no secret at all, since whoever reads this file knows it.
pub const DEFAULT_SECRET_KEY: &str = "ttlsweep-testbed-secret";

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
