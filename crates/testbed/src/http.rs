//! One connection and one request on the wire: TLS, HTTP, the body in and out, and how a connection ends.

pub(crate) mod alarm;
pub(crate) mod answer;
pub(crate) mod connection;
pub(crate) mod cors;
pub(crate) mod handle;
pub(crate) mod service;
pub(crate) mod tls;
pub(crate) mod upload;
