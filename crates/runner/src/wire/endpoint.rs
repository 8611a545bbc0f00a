//! Where a target listens: scheme, host and port.

use std::fmt;

use http::Uri;
use http::uri::Scheme;

/// Scheme, host and port of a server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    secure: bool,
    /// Without the brackets of an IPv6 address.
    host: String,
    port: u16,
}

/// A URI that names no server.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not http(s)://host[:port]")]
pub struct NoEndpoint(String);

impl Endpoint {
    /// The server that `uri` names.
    ///
    /// # Errors
    /// The URI has no host, or a scheme other than http and https.
    pub fn of(uri: &Uri) -> Result<Self, NoEndpoint> {
        // The query may hold a signature, so that no error shows it.
        let wrong = || NoEndpoint(format!("{:?}://{:?}", uri.scheme_str(), uri.authority().map(|a| a.as_str())));
        let secure = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err(wrong()),
        };
        let host = uri.host().ok_or_else(wrong)?.trim_matches(['[', ']']).to_owned();
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        Ok(Self { secure, host, port })
    }

    /// Whether it speaks TLS.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The host's name or address.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        if self.host.contains(':') {
            write!(f, "{scheme}://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{scheme}://{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_default_by_scheme_and_addresses_lose_their_brackets() {
        let of = |text: &str| Endpoint::of(&text.parse().unwrap()).unwrap();
        assert_eq!(of("https://b.s3.amazonaws.com/key?q").to_string(), "https://b.s3.amazonaws.com:443");
        assert_eq!(of("http://[::1]:9000/x").host(), "::1");
        assert_eq!(of("http://[::1]:9000/x").to_string(), "http://[::1]:9000");
    }
}
