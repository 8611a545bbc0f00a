//! An endpoint as transfers meet it.

use std::sync::Arc;

use tokio_rustls::rustls;

use crate::clock::offset::OffsetBracket;
use crate::dial::Dialer;
use crate::dial::proxy::Proxy;
use crate::dial::reach::Route;
use crate::links::minter::Minter;
use crate::s3::Store;
use crate::s3::link::SignedRequest;
use crate::wire::endpoint::Endpoint;

/// One endpoint, and what the run learns of it.
#[derive(Debug)]
pub struct Target {
    /// Who makes the requests.
    pub maker: Maker,
    /// Its clock against ours.
    pub offset: Arc<OffsetBracket>,
    /// Where transfers go.
    pub endpoint: Endpoint,
}

/// Who makes the requests for a target.
#[derive(Debug)]
pub enum Maker {
    /// A store that this program has keys for: it signs, and asks what else is to be asked.
    Store(Store),
    /// Somebody else: there are links and nothing beside them.
    Minter(LinkMaker),
}

/// A minter, and how its links are used.
#[derive(Debug)]
pub struct LinkMaker {
    pub(crate) minter: Minter,
    pub(crate) route: Route,
    pub(crate) tls: Arc<rustls::ClientConfig>,
}

impl Target {
    /// The store; `None` if there are only links of others.
    pub fn store(&self) -> Option<&Store> {
        match &self.maker {
            Maker::Store(store) => Some(store),
            Maker::Minter(_) => None,
        }
    }

    /// How it is reached.
    pub fn route(&self) -> &Route {
        match &self.maker {
            Maker::Store(store) => store.route(),
            Maker::Minter(links) => &links.route,
        }
    }

    /// The proxy through which it is asked; `None` if it is asked directly.
    pub(crate) fn proxy(&self) -> Option<Proxy> {
        // One that cannot be used has ended the opening of the target.
        self.route().proxy_to(&self.endpoint).ok().flatten()
    }

    /// Where `request` goes. A minter may name another server with each link.
    pub fn endpoint_of(&self, request: &SignedRequest) -> Endpoint {
        // What was signed names a server.
        Endpoint::of(request.uri.expose()).unwrap_or_else(|_| self.endpoint.clone())
    }

    /// Opens the connections that `request` goes over, uncapped and with numbers of their own.
    pub fn dialer(&self, request: &SignedRequest) -> Dialer {
        let endpoint = self.endpoint_of(request);
        let tls = endpoint.is_secure().then(|| match &self.maker {
            Maker::Store(store) => store.tls(),
            Maker::Minter(links) => Arc::clone(&links.tls),
        });
        Dialer { route: self.route().clone(), ..Dialer::new(endpoint, tls) }
    }
}
