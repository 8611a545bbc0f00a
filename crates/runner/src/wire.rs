//! The layers between the socket and hyper, each with one task and tested alone.
//!
//! From the socket upwards: [`socket`] (tokio's stream, shared so that the kernel can be asked about it), [`stamp`]
//! (counts bytes, keeps the first error and the end of file with their instants), [`cap`] (holds the bandwidth),
//! [`hold`] (keeps the first write error back so that an answer behind it is still read), then TLS, then [`http`]
//! (where the request's head ends and the body begins, and how the peer closed at that level; its notes are [`marks`]).
//!
//! The layers below TLS share one [`SocketStats`]; they never judge, they note.

pub(crate) mod body;
pub(crate) mod cap;
pub(crate) mod cap_use;
pub(crate) mod endpoint;
pub(crate) mod errno;
pub(crate) mod hold;
pub(crate) mod http;
pub(crate) mod kernel;
pub(crate) mod limiter;
pub(crate) mod marks;
pub(crate) mod socket;
pub(crate) mod socket_stats;
pub(crate) mod stamp;
pub(crate) mod tape;
pub(crate) mod tls;

pub(crate) use socket_stats::SocketError;
pub use socket_stats::{Side, SocketStats};
