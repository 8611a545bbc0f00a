//! The proxies that the environment names, and the tunnel through one of them.
//!
//! HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY are honoured as curl and most SDKs do, so that what is measured takes the way
//! that the user's own client takes. Always by CONNECT, for plain HTTP too: what passes is then the store's bytes and ours, and
//! the proxy neither rewrites nor answers any of it once the tunnel stands. The proxy looks the store's name up.
//!
//! The kernel then knows the proxy alone: `bytes_acked`, `head_acked_at`, `rtt_us` and `remote_addr` are about the connection to
//! it.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderValue, Uri};
use hyper_util::client::proxy::matcher::Matcher;
use percent_encoding::percent_decode_str;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use ttlsweep_record::text::visible;

use crate::secret::{self, Secret};
use crate::wire::endpoint::Endpoint;
use crate::wire::socket::Socket;

/// What the environment says about proxies.
#[derive(Clone, Default)]
pub struct Proxies {
    /// Each variable that is set, in the order in which they are asked.
    set: Vec<(&'static str, String)>,
}

/// A proxy, and who says that it is to be used.
#[derive(Debug, Clone)]
pub(crate) struct Proxy {
    server: Endpoint,
    variable: &'static str,
    authorization: Option<Arc<Secret<HeaderValue>>>,
}

/// A proxy that ttlsweep cannot use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{variable} is `{value}`: {why}; write http://host:port, or take the store out of the proxy's hands by NO_PROXY={host}"
)]
pub struct ProxyError {
    variable: &'static str,
    /// Without user and password.
    value: String,
    why: &'static str,
    host: String,
}

/// What becomes of an endpoint's connections.
#[derive(Debug, Clone)]
pub(crate) enum Way {
    /// No variable is about it.
    Direct,
    /// A variable names a proxy, and another rule comes before it.
    DirectThough {
        /// The variable that is not followed.
        variable: &'static str,
        /// Why not.
        why: String,
    },
    /// Through the proxy.
    Through(Proxy),
}

impl Proxies {
    /// Those of this process's environment.
    pub fn of_environment() -> Self {
        // What is not UTF-8 is shown, and refused, like any other value that is not a proxy's address.
        Self::of(|name| Some(std::env::var_os(name)?.to_string_lossy().into_owned()))
    }

    /// Those of the environment that `variable` looks up. Passwords in them are kept out of whatever is printed later.
    pub fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set: Vec<_> = VARIABLES.iter().filter_map(|name| Some((*name, variable(name)?))).collect();
        for (_, value) in &set {
            if let Some((userinfo, _)) = authority(value).rsplit_once('@') {
                remember(userinfo);
            }
        }
        Self { set }
    }

    /// How connections to `endpoint` are made.
    ///
    /// # Errors
    /// A proxy is named for it that cannot be used.
    pub(crate) fn way_to(&self, endpoint: &Endpoint) -> Result<Way, ProxyError> {
        let scheme = if endpoint.is_secure() { ["https_proxy", "HTTPS_PROXY"] } else { ["http_proxy", "HTTP_PROXY"] };
        let [lower, upper] = scheme;
        let Some((variable, value)) = self.first_of(&[lower, upper, "all_proxy", "ALL_PROXY"]) else {
            return Ok(Way::Direct);
        };
        // An empty value is how a shell says that there is to be no proxy.
        if value.trim().is_empty() {
            return Ok(Way::Direct);
        }
        if let Some(why) = is_here(endpoint.host()) {
            return Ok(Way::DirectThough { variable, why: format!("{} is {why}", endpoint.host()) });
        }
        if let Some((no, rules)) = self.first_of(&["no_proxy", "NO_PROXY"])
            && is_exempt(rules, endpoint)
        {
            return Ok(Way::DirectThough { variable, why: format!("{no} names {}", endpoint.host()) });
        }
        Proxy::parse(variable, value, endpoint).map(Way::Through)
    }

    /// Every variable that is set and was followed for none of `endpoints`, with the reason, for the record.
    pub(crate) fn ignored<'a>(&self, endpoints: impl IntoIterator<Item = &'a Endpoint>) -> Vec<String> {
        let (ways, wrong): (Vec<_>, Vec<_>) =
            endpoints.into_iter().map(|endpoint| self.way_to(endpoint)).partition(Result::is_ok);
        let ways: Vec<_> = ways.into_iter().flatten().collect();
        // What names a proxy that cannot be used is an error, and has its own words.
        let is_wrong =
            |name: &str| wrong.iter().filter_map(|way| way.as_ref().err()).any(|error| error.variable == name);
        let used = |name: &str| {
            is_wrong(name) || ways.iter().any(|way| matches!(way, Way::Through(proxy) if proxy.variable == name))
        };
        let followed = |name: &str| name.eq_ignore_ascii_case("no_proxy") || used(name);
        let reported = |(name, value): &(&str, String)| {
            let why = ways.iter().find_map(|way| match way {
                Way::DirectThough { variable, why } if variable == name => Some(why.clone()),
                _ => None,
            });
            let why = why.unwrap_or_else(|| "it is not asked for these endpoints".to_owned());
            format!("{name}={}: {why}", without_userinfo(value))
        };
        self.set.iter().filter(|(name, _)| !followed(name)).map(reported).collect()
    }

    fn first_of(&self, names: &[&str]) -> Option<(&'static str, &str)> {
        let of = |name: &&str| self.set.iter().find(|(set, _)| set == name);
        names.iter().find_map(of).map(|(name, value)| (*name, value.as_str()))
    }
}

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The values may hold passwords.
        f.debug_list().entries(self.set.iter().map(|(name, _)| name)).finish()
    }
}

impl Proxy {
    /// The proxy that `variable` names by `value` for connections to `endpoint`.
    fn parse(variable: &'static str, value: &str, endpoint: &Endpoint) -> Result<Self, ProxyError> {
        let wrong =
            |why| ProxyError { variable, value: without_userinfo(value), why, host: endpoint.host().to_owned() };
        let uri = uri(endpoint);
        let found = Matcher::builder().all(value.trim()).build().intercept(&uri);
        let found = found.ok_or_else(|| wrong("this is not a proxy's address"))?;
        match found.uri().scheme_str() {
            Some("http") => {}
            Some("https") => return Err(wrong("a proxy that is itself reached by TLS cannot be used")),
            _ => return Err(wrong("only HTTP proxies can be used, and no SOCKS")),
        }
        let server = Endpoint::of(found.uri()).map_err(|_| wrong("this is not a proxy's address"))?;
        // A slash in a password ends the address for those who read it as a URL: what is before it would be looked up and shown.
        let meant = authority(value.trim()).rsplit_once('@').map(|(_, host)| host.trim_start_matches('['));
        let host = server.host().trim_start_matches('[');
        if meant.is_some_and(|meant| !meant.get(..host.len()).is_some_and(|start| start.eq_ignore_ascii_case(host))) {
            return Err(wrong("this is not a proxy's address: a slash in a password is written %2F"));
        }
        let authorization = found.basic_auth().cloned();
        if let Some(header) = &authorization {
            secret::remember(header.to_str().ok().and_then(|text| text.strip_prefix("Basic ")));
        }
        Ok(Self { server, variable, authorization: authorization.map(|header| Arc::new(Secret::new(header))) })
    }

    /// Where it listens.
    pub(crate) fn server(&self) -> &Endpoint {
        &self.server
    }

    /// The variable that names it.
    pub(crate) fn variable(&self) -> &'static str {
        self.variable
    }

    /// Asks for a tunnel to `endpoint` on a connection to the proxy; returns the status line of its consent.
    ///
    /// # Errors
    /// The proxy refuses or breaks off, in words that name it and repeat its status line.
    pub(super) async fn open_tunnel(&self, socket: &mut Socket, endpoint: &Endpoint) -> Result<String, TunnelError> {
        let head = self.request(endpoint);
        let io = |error: std::io::Error| TunnelError {
            message: format!("{self}: {error}"),
            error: Some(error),
            lasting: false,
        };
        socket.write_all(head.expose()).await.map_err(io)?;
        let mut answer = Vec::new();
        // Byte by byte, since the next byte belongs to the store: it happens once a connection.
        while !answer.ends_with(b"\r\n\r\n") && !answer.ends_with(b"\n\n") {
            let mut byte = [0];
            match socket.read(&mut byte).await.map_err(io)? {
                0 if answer.is_empty() => return Err(self.refusal("closed the connection without an answer")),
                0 => return Err(self.refusal("closed the connection within its answer")),
                _ => answer.push(byte[0]),
            }
            if answer.len() > LONGEST_ANSWER {
                return Err(self.refusal("answers without end"));
            }
        }
        let text = String::from_utf8_lossy(&answer);
        let line = text.lines().next().unwrap_or_default();
        let status: String = visible(line).chars().take(LONGEST_LINE).collect();
        let code = line.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1)).unwrap_or_default();
        match code.as_bytes() {
            [b'2', _, _] => Ok(status),
            [_, _, _] => {
                let advice = match code {
                    "407" if self.authorization.is_some() => {
                        format!("; the name and the password in {} are refused", self.variable)
                    }
                    "407" => format!("; write {}=http://user:password@host:port", self.variable),
                    _ => String::new(),
                };
                let what = format!("refuses the tunnel to {}: {status}{advice}", authority_of(endpoint));
                let lasting = code.starts_with('4') && !PASSING.contains(&code);
                Err(TunnelError { lasting, ..self.refusal(&what) })
            }
            _ => Err(self.refusal(&format!("does not speak HTTP/1.1: {status}"))),
        }
    }

    fn request(&self, endpoint: &Endpoint) -> Secret<Vec<u8>> {
        let to = authority_of(endpoint);
        let mut head = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\nUser-Agent: ttlsweep\r\n").into_bytes();
        if let Some(authorization) = &self.authorization {
            head.extend_from_slice(b"Proxy-Authorization: ");
            head.extend_from_slice(authorization.expose().as_bytes());
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"\r\n");
        Secret::new(head)
    }

    fn refusal(&self, what: &str) -> TunnelError {
        TunnelError { message: format!("{self} {what}"), error: None, lasting: false }
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the proxy {} ({})", self.server, self.variable)
    }
}

/// Why no tunnel came about.
#[derive(Debug)]
pub(super) struct TunnelError {
    pub(super) message: String,
    pub(super) error: Option<std::io::Error>,
    /// Whether another try would be told the same.
    pub(super) lasting: bool,
}

fn authority_of(endpoint: &Endpoint) -> String {
    let host = endpoint.host();
    if host.contains(':') { format!("[{host}]:{}", endpoint.port()) } else { format!("{host}:{}", endpoint.port()) }
}

/// The endpoint as the matcher wants to see it.
fn uri(endpoint: &Endpoint) -> Uri {
    format!("{endpoint}/").parse().unwrap_or_else(|_| Uri::from_static("http://invalid/"))
}

/// What a host is that no proxy could reach for us: this machine, or a neighbour on its link such as the metadata service.
fn is_here(host: &str) -> Option<&'static str> {
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    if name == "localhost" || name.ends_with(".localhost") {
        return Some("this machine");
    }
    match name.parse().ok()? {
        IpAddr::V4(ip) if ip.is_loopback() || ip.is_unspecified() => Some("this machine"),
        IpAddr::V6(ip) if ip.is_loopback() || ip.is_unspecified() => Some("this machine"),
        IpAddr::V4(ip) if ip.is_link_local() => Some("on this machine's own link"),
        IpAddr::V6(ip) if ip.is_unicast_link_local() => Some("on this machine's own link"),
        _ => None,
    }
}

/// Whether NO_PROXY takes `endpoint` out. The matcher knows names, addresses and networks; what it does not know is made plain
/// to it here: ports, `*`, `*.name`, and blanks in the place of commas.
fn is_exempt(rules: &str, endpoint: &Endpoint) -> bool {
    let mut plain = Vec::new();
    for rule in rules.split([',', ' ', '\t']).map(str::trim).filter(|rule| !rule.is_empty()) {
        let (host, port) = split_port(rule);
        if port.is_some_and(|port| port != endpoint.port()) {
            continue;
        }
        if host == "*" {
            return true;
        }
        let host = host.trim_start_matches('[').trim_end_matches(']');
        plain.push(host.strip_prefix('*').unwrap_or(host).trim_end_matches('.').to_owned());
    }
    let matcher = Matcher::builder().all("http://proxy.invalid:1").no(plain.join(",")).build();
    let name = endpoint.host().trim_end_matches('.');
    let uri = if name.contains(':') { format!("http://[{name}]/") } else { format!("http://{name}/") };
    uri.parse().is_ok_and(|uri: Uri| matcher.intercept(&uri).is_none())
}

/// A rule's host, and its port where it has one. An IPv6 address has colons of its own.
fn split_port(rule: &str) -> (&str, Option<u16>) {
    match rule.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => match port.parse() {
            Ok(port) => (host, Some(port)),
            Err(_) => (rule, None),
        },
        _ => (rule, None),
    }
}

/// A URL's scheme, which may be left out, and what stands behind it. A password that holds `://` makes no scheme of what is
/// before it, and where there may be one, only a scheme that is known is one.
fn scheme_and_rest(value: &str) -> (Option<&str>, &str) {
    let fits = |char: char| char.is_ascii_alphanumeric() || matches!(char, '+' | '-' | '.');
    let is_known = |scheme: &str| SCHEMES.iter().any(|known| known.eq_ignore_ascii_case(scheme));
    match value.split_once("://") {
        Some((scheme, rest)) if scheme.chars().all(fits) && (is_known(scheme) || !rest.contains('@')) => {
            (Some(scheme), rest)
        }
        _ => (None, value),
    }
}

const SCHEMES: [&str; 7] = ["http", "https", "socks", "socks4", "socks4a", "socks5", "socks5h"];

/// What stands between a URL's scheme and its path.
fn authority(value: &str) -> &str {
    let (_, rest) = scheme_and_rest(value);
    // A password may hold a slash that nobody encoded: whatever is before the last @ is taken for the user's.
    let host = rest.rfind('@').map_or(0, |at| at + 1);
    let end = rest[host..].find('/').map_or(rest.len(), |end| host + end);
    &rest[..end]
}

fn without_userinfo(value: &str) -> String {
    let value = value.trim();
    let authority = authority(value);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let shown = match scheme_and_rest(value).0 {
        Some(scheme) => format!("{scheme}://{host}"),
        None => host.to_owned(),
    };
    visible(&shown).into_owned()
}

fn remember(userinfo: &str) {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let password = userinfo.split_once(':').map_or(userinfo, |(_, password)| password);
    let (plain, both) = (decoded(password), decoded(userinfo));
    secret::remember([userinfo, password, plain.as_str(), both.as_str()]);
}

/// The lower case comes first, as with curl and Python: who sets both means one of them for older programs.
const VARIABLES: [&str; 8] =
    ["https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"];

/// What a proxy refuses with that may let another try through: a timeout, and too many at once.
const PASSING: [&str; 3] = ["408", "425", "429"];

/// More than any proxy says before its tunnel.
const LONGEST_ANSWER: usize = 16 << 10;

/// As much of a status line as is worth repeating.
const LONGEST_LINE: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(url: &str) -> Endpoint {
        Endpoint::of(&url.parse().unwrap()).unwrap()
    }

    /// The way to `url` in an environment such as `HTTPS_PROXY=http://p:1 NO_PROXY=a,b`.
    fn way(environment: &str, url: &str) -> String {
        let set: Vec<_> = environment.split(' ').filter_map(|pair| pair.split_once('=')).collect();
        let proxies =
            Proxies::of(|name| set.iter().find(|(set, _)| *set == name).map(|(_, value)| value.replace('_', " ")));
        match proxies.way_to(&endpoint(url)) {
            Ok(Way::Direct) => "direct".to_owned(),
            Ok(Way::DirectThough { why, .. }) => format!("direct: {why}"),
            Ok(Way::Through(proxy)) => format!("{} by {}", proxy.server(), proxy.variable()),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_variable_of_the_scheme_comes_before_the_one_for_all_and_the_lower_case_before_the_upper() {
        let https = "https://b.s3.amazonaws.com";
        for (environment, url, found) in [
            ("", https, "direct"),
            ("HTTPS_PROXY=http://p:1", https, "http://p:1 by HTTPS_PROXY"),
            ("HTTPS_PROXY=http://p:1", "http://store.test", "direct"),
            ("HTTP_PROXY=http://p:1", "http://store.test", "http://p:1 by HTTP_PROXY"),
            ("HTTP_PROXY=http://p:1", https, "direct"),
            ("ALL_PROXY=http://a:2 HTTPS_PROXY=http://p:1", https, "http://p:1 by HTTPS_PROXY"),
            ("ALL_PROXY=http://a:2 HTTPS_PROXY=http://p:1", "http://store.test", "http://a:2 by ALL_PROXY"),
            ("https_proxy=http://l:3 HTTPS_PROXY=http://p:1", https, "http://l:3 by https_proxy"),
            ("https_proxy= HTTPS_PROXY=http://p:1", https, "direct"),
            ("HTTPS_PROXY=p:1", https, "http://p:1 by HTTPS_PROXY"),
            ("HTTPS_PROXY=http://user:secret@p:1/", https, "http://p:1 by HTTPS_PROXY"),
        ] {
            assert_eq!(way(environment, url), found, "{environment} {url}");
        }
    }

    #[test]
    fn no_proxy_knows_names_suffixes_ports_addresses_and_networks() {
        for (rules, url, direct) in [
            ("*", "https://store.test", true),
            ("*", "https://192.0.2.1", true),
            ("store.test", "https://store.test", true),
            ("STORE.test", "https://b.store.TEST", true),
            ("store.test", "https://notstore.test", false),
            (".store.test", "https://b.store.test", true),
            ("*.store.test", "https://b.store.test", true),
            ("other,store.test", "https://store.test", true),
            ("other_store.test", "https://store.test", true),
            ("store.test:443", "https://store.test", true),
            ("store.test:8443", "https://store.test", false),
            ("store.test:8443", "https://store.test:8443", true),
            ("store.test.", "https://store.test", true),
            ("192.0.2.1", "http://192.0.2.1:9000", true),
            ("192.0.2.1:9000", "http://192.0.2.1:9000", true),
            ("192.0.2.1:9001", "http://192.0.2.1:9000", false),
            ("192.0.2.0/24", "http://192.0.2.77", true),
            ("192.0.2.0/24", "http://192.0.3.77", false),
            ("2001:db8::/32", "http://[2001:db8::7]:9000", true),
            ("2001:db8::7", "http://[2001:db8::7]:9000", true),
            ("[2001:db8::7]:9000", "http://[2001:db8::7]:9000", true),
            ("[2001:db8::7]:9001", "http://[2001:db8::7]:9000", false),
            ("", "https://store.test", false),
        ] {
            let found = way(&format!("ALL_PROXY=http://p:1 NO_PROXY={rules}"), url);
            assert_eq!(found.starts_with("direct: NO_PROXY names"), direct, "{rules}: {url}: {found}");
        }
    }

    #[test]
    fn this_machine_is_never_behind_a_proxy() {
        for url in [
            "http://127.0.0.1:9000",
            "http://127.9.9.9",
            "https://[::1]:1",
            "http://localhost:9000",
            "http://b.localhost",
            "http://169.254.169.254",
        ] {
            assert!(way("ALL_PROXY=http://p:1", url).starts_with("direct: "), "{url}");
        }
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_named_with_what_to_write_and_without_its_password() {
        for (value, why) in [
            ("socks5://u:hush@p:1080", "only HTTP proxies"),
            ("u:hush://x@p:1:", "not a proxy's address"),
            ("https://u:hush@p:1", "reached by TLS"),
            ("ftp://p:1", "not a proxy's address"),
            ("http://hush/word@p:1", "a slash in a password"),
            ("http://", "not a proxy's address"),
        ] {
            let found = way(&format!("ALL_PROXY={value}"), "https://store.test");
            assert!(found.contains(why) && found.contains("NO_PROXY=store.test"), "{found}");
            assert!(found.starts_with("ALL_PROXY is `") && !found.contains("hush"), "{found}");
        }
        let found = way("ALL_PROXY=hushsocks4://x@p:1080", "https://store.test");
        assert!(!found.contains("hush"), "what stands before an @ is not a scheme: {found}");
    }

    #[test]
    fn passwords_are_remembered_in_every_notation_and_printed_in_none() {
        let url = "http://user:hush%2Fhush-1@p:1";
        let proxies = Proxies::of(|name| (name == "HTTPS_PROXY").then(|| url.to_owned()));
        let Ok(Way::Through(proxy)) = proxies.way_to(&endpoint("https://store.test")) else { panic!("a proxy") };
        let request = proxy.request(&endpoint("https://store.test"));
        let request = String::from_utf8(request.expose().clone()).unwrap();
        assert!(request.contains("Proxy-Authorization: Basic dXNlcjpodXNoL2h1c2gtMQ==\r\n"), "{request}");
        for text in [request.as_str(), url, "hush/hush-1", "user:hush/hush-1"] {
            assert!(!secret::redacted(text).contains("hush-1"), "{text}");
            assert!(!secret::redacted(text).contains("dXNlcjpodXNo"), "{text}");
        }
        let shown = format!("{proxies:?} {proxy:?} {proxy}");
        assert!(!shown.contains("hush") && !shown.contains("dXNlcjpodXNo"), "{shown}");
        let ignored = proxies.ignored([&endpoint("http://127.0.0.1:1"), &endpoint("https://127.0.0.1:2")]);
        assert_eq!(ignored, ["HTTPS_PROXY=http://p:1: 127.0.0.1 is this machine"]);
        assert!(proxies.ignored([&endpoint("https://store.test")]).is_empty());
        let socks = Proxies::of(|name| (name == "HTTPS_PROXY").then(|| "socks5://p:1".to_owned()));
        assert!(socks.ignored([&endpoint("https://store.test")]).is_empty(), "it is asked for, and cannot be used");
    }
}
