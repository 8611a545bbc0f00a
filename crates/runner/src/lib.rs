//! From a question to rows.
pub mod body;
pub mod clock;
pub mod dial;
pub mod endpoint;
pub mod errno;
pub mod kernel;
pub mod link;
pub mod s3_error;
pub mod stop;
pub mod tape;
pub mod transfer;
pub mod wire;
