//! What S3 does: signatures, links, operations, error documents, and the store behind them.

pub(crate) mod demands;
pub(crate) mod errors;
pub(crate) mod form;
pub(crate) mod header_auth;
pub(crate) mod headers;
pub(crate) mod ids;
pub(crate) mod keys;
pub(crate) mod link;
pub(crate) mod operations;
pub(crate) mod presigned;
pub(crate) mod query;
pub(crate) mod secret;
pub mod sigv2;
pub mod sigv4;
pub(crate) mod spool;
pub(crate) mod store;
pub(crate) mod subject;
