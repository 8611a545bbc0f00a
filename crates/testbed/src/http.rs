//! One connection and one request on the wire: TLS, HTTP, the body in and out, and how a connection ends.

pub(crate) mod answer;
pub(crate) mod connection;
pub(crate) mod control;
pub(crate) mod cors;
pub(crate) mod exchange;
pub(crate) mod fault;
pub(crate) mod service;
pub(crate) mod timer;
pub(crate) mod tls;
pub(crate) mod upload;
