//! What the testbed was told to do, and what it did: expiry policies, faults, the log of every request.

pub(crate) mod exchange;
pub(crate) mod fault;
pub(crate) mod policy;
pub(crate) mod request_log;
