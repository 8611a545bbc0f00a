//! From an endpoint to an open socket: its name is looked up, its addresses are raced, and a proxy opens its tunnel.
//!
//! The connections that carry transfers and those of the control plane begin here, so that both take the same way.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::time::{Instant, timeout_at};
use ttlsweep_record::{EventKind, Phase};

use super::proxy::{Proxies, Proxy, TunnelError, Way};
use super::race::race;
use super::resolve::{Resolve, SystemResolver};
use super::{DialError, SocketOptions, Steps, failed, timed_out};
use crate::wire::endpoint::Endpoint;
use crate::wire::socket::Socket;
use crate::wire::tape::Tape;

/// Who looks names up, and which proxies stand between.
#[derive(Debug, Clone)]
pub struct Route {
    /// Looks names up.
    pub resolver: Arc<dyn Resolve>,
    /// The proxies that the environment names.
    pub proxies: Arc<Proxies>,
}

/// The operating system's resolver and no proxy.
impl Default for Route {
    fn default() -> Self {
        Self { resolver: Arc::new(SystemResolver), proxies: Arc::default() }
    }
}

impl Route {
    /// The operating system's resolver, and the proxies that this process's environment names.
    pub fn of_environment() -> Self {
        Self { proxies: Arc::new(Proxies::of_environment()), ..Self::default() }
    }

    /// The proxy to `endpoint`; `None` if connections go there directly.
    ///
    /// # Errors
    /// One is named that cannot be used.
    pub(crate) fn proxy_to(&self, endpoint: &Endpoint) -> Result<Option<Proxy>, super::proxy::ProxyError> {
        Ok(match self.proxies.way_to(endpoint)? {
            Way::Through(proxy) => Some(proxy),
            Way::Direct | Way::DirectThough { .. } => None,
        })
    }

    /// Opens a socket to `endpoint`, or to a proxy that has opened a tunnel there, before `deadline`.
    pub(super) async fn reach(
        &self,
        endpoint: &Endpoint,
        options: &SocketOptions,
        deadline: Instant,
        steps: &mut Steps,
        tape: &mut Tape,
    ) -> Result<(Socket, SocketAddr), DialError> {
        let proxy = self.proxy_to(endpoint).map_err(|error| failed(Phase::Connect, None, error.to_string()))?;
        let server = proxy.as_ref().map_or(endpoint, Proxy::server);
        let addresses =
            self.resolve(server, deadline, steps, tape).await.map_err(|error| named(error, proxy.as_ref()))?;
        steps.begun = Some(Phase::Connect);
        let start = Instant::now();
        let connected = race(&addresses, options, deadline, tape).await;
        steps.connect = Some(start.elapsed());
        let won = connected.map_err(|lost| {
            let message = if addresses.is_empty() { format!("{} has no address", server.host()) } else { lost.message };
            tape.note_with(EventKind::ConnectFailed, message.clone());
            let error = match lost.timed_out {
                true => timed_out(Phase::Connect, message),
                false => failed(Phase::Connect, lost.error.as_ref(), message),
            };
            named(error, proxy.as_ref())
        })?;
        tape.note_with(EventKind::Connect, won.address.to_string());
        steps.detour = won.detour;
        let mut socket = won.socket;
        if let Some(proxy) = &proxy {
            let opened = timeout_at(deadline, proxy.open_tunnel(&mut socket, endpoint)).await;
            steps.connect = Some(start.elapsed());
            match opened {
                Ok(Ok(status)) => tape.note_with(EventKind::Tunnel, format!("{}: {status}", proxy.server())),
                Ok(Err(TunnelError { message, error, lasting })) => {
                    return Err(DialError { lasting, ..failed(Phase::Connect, error.as_ref(), message) });
                }
                Err(_) => return Err(timed_out(Phase::Connect, format!("{proxy} did not answer to CONNECT"))),
            }
        }
        Ok((socket, won.address))
    }

    async fn resolve(
        &self,
        server: &Endpoint,
        deadline: Instant,
        steps: &mut Steps,
        tape: &mut Tape,
    ) -> Result<Vec<SocketAddr>, DialError> {
        let (host, port) = (server.host(), server.port());
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(ip, port)]);
        }
        steps.begun = Some(Phase::Dns);
        let start = Instant::now();
        let found: Result<io::Result<_>, _> = timeout_at(deadline, self.resolver.resolve(host, port)).await;
        steps.dns = Some(start.elapsed());
        let addresses: Vec<SocketAddr> = match found {
            Err(_) => return Err(timed_out(Phase::Dns, format!("nobody had said where {host} is"))),
            Ok(Err(error)) => return Err(failed(Phase::Dns, Some(&error), format!("cannot resolve {host}: {error}"))),
            Ok(Ok(addresses)) => addresses,
        };
        let text: Vec<_> = addresses.iter().map(|address| address.ip().to_string()).collect();
        tape.note_with(EventKind::Dns, text.join(" "));
        Ok(addresses)
    }
}

/// An error on the way to a proxy says that it is the proxy that was not reached.
fn named(error: DialError, proxy: Option<&Proxy>) -> DialError {
    match proxy {
        Some(proxy) => DialError { message: format!("{proxy} cannot be reached: {}", error.message), ..error },
        None => error,
    }
}
