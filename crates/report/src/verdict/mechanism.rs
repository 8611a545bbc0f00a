//! The tests of the mechanisms, one file each. All of them count trials.

pub(crate) mod alive;
pub(crate) mod by_host;
pub(crate) mod completion;
pub(crate) mod cut;
pub(crate) mod expect;
pub(crate) mod named;
pub(crate) mod network;
pub(crate) mod stray;
pub(crate) mod support;
pub(crate) mod unjudged;
pub(crate) mod window;
