//! A store as transfers meet it.

use std::sync::Arc;

use super::Store;
use super::link::SignedRequest;
use crate::clock::offset::OffsetBracket;
use crate::dial::Dialer;
use crate::dial::proxy::Proxy;
use crate::wire::endpoint::Endpoint;

/// One endpoint with its bucket, and what the run learns of it.
#[derive(Debug)]
pub struct Target {
    /// Signs for it and asks it.
    pub store: Store,
    /// Its clock against ours.
    pub offset: Arc<OffsetBracket>,
    /// Where transfers go.
    pub endpoint: Endpoint,
}

impl Target {
    /// The proxy through which it is asked; `None` if it is asked directly.
    pub(crate) fn proxy(&self) -> Option<Proxy> {
        // One that cannot be used has ended the opening of the target.
        self.store.route().proxy_to(&self.endpoint).ok().flatten()
    }

    /// Opens the connections that `request` goes over, uncapped and with numbers of their own.
    pub fn dialer(&self, request: &SignedRequest) -> Dialer {
        // What the SDK has signed names a server.
        let endpoint = Endpoint::of(request.uri.expose()).unwrap_or_else(|_| self.endpoint.clone());
        let tls = endpoint.is_secure().then(|| self.store.tls());
        Dialer { route: self.store.route().clone(), ..Dialer::new(endpoint, tls) }
    }
}
