//! What the testbed was told to do at expiry, and what it did: the policies, and the log of every request.

pub(crate) mod access_log;
pub(crate) mod policy;
pub(crate) mod request_log;
pub(crate) mod request_record;
