//! The layers between the socket and hyper, each with one task and tested alone.
//!
//! From the socket upwards: [`socket`] (tokio's stream, shared so that the kernel can be asked about it), [`stamp`]
//! (counts bytes, keeps the first error and the end of file with their instants), [`cap`] (holds the bandwidth),
//! [`hold`] (keeps the first write error back so that an answer behind it is still read), then TLS, then [`http`]
//! (where the request's head ends and the body begins, and how the peer closed at that level; its notes are [`marks`]).
//!
//! The layers below TLS share one [`SocketStats`]; they never judge, they note.

pub mod body;
pub mod cap;
pub mod cap_use;
pub mod endpoint;
pub mod errno;
pub mod hold;
pub mod http;
pub mod kernel;
pub mod limiter;
pub mod marks;
pub mod socket;
pub mod socket_stats;
pub mod stamp;
pub mod tape;
pub mod tls;

pub use socket_stats::{Side, SocketError, SocketStats};
